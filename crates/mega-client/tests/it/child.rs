//! A test that runs a part of itself in a process of its own: one that can be killed, or that has less room on
//! the disk.

use std::path::Path;
use std::process::{Command, Stdio};

use mega_client::{Client, TransferLimits};

use crate::place::{EMAIL, PASSWORD, Place};

const URL: &str = "MEGA_TEST_URL";
const FOLDER: &str = "MEGA_TEST_FOLDER";

/// In the child: where the server is and the folder to work in.
pub(crate) fn in_child() -> Option<(String, std::path::PathBuf)> {
    Some((std::env::var(URL).ok()?, std::env::var_os(FOLDER)?.into()))
}

/// In the child: a client of the parent's server.
pub(crate) async fn client(url: &str, limits: TransferLimits) -> Client {
    Client::builder()
        .origin(url)
        .verdict_delay(std::time::Duration::ZERO)
        .limits(limits)
        .login(mega_client::Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap()
}

/// In the parent: the same test in a child.
pub(crate) fn child(place: &Place, test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    prepare(&mut command, place, test, folder);
    command
}

/// The same with files bounded to a few megabytes, as if the disk were full.
#[cfg(unix)]
pub(crate) fn child_without_room(place: &Place, test: &str, folder: &Path) -> Command {
    child_with_blocks(4096, place, test, folder)
}

/// The same with files bounded to so many blocks, of 512 bytes or 1 KiB.
#[cfg(unix)]
pub(crate) fn child_with_blocks(blocks: u32, place: &Place, test: &str, folder: &Path) -> Command {
    // The signal that goes with the limit would end the process; ignored, the write fails instead.
    let bounds = format!("trap '' XFSZ; ulimit -f {blocks}");
    bounded(&bounds, place, test, folder)
}

/// The same with so many files and connections open at most.
#[cfg(unix)]
pub(crate) fn child_with_descriptors(
    count: u32,
    place: &Place,
    test: &str,
    folder: &Path,
) -> Command {
    bounded(&format!("ulimit -n {count}"), place, test, folder)
}

/// A child of a shell that sets bounds first.
#[cfg(unix)]
fn bounded(bounds: &str, place: &Place, test: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c");
    command.arg(format!("{bounds}; exec \"$0\" \"$@\""));
    command.arg(std::env::current_exe().unwrap());
    prepare(&mut command, place, test, folder);
    command
}

/// Waits for a child while this process goes on serving it.
#[cfg(unix)]
pub(crate) async fn run(mut command: Command) -> std::process::ExitStatus {
    tokio::task::spawn_blocking(move || command.status().unwrap())
        .await
        .unwrap()
}

fn prepare(command: &mut Command, place: &Place, test: &str, folder: &Path) {
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(URL, place.server.url())
        .env(FOLDER, folder)
        .stdin(Stdio::null());
}
