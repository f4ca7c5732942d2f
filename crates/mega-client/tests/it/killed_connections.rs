//! The whole job with the connection killed in every phase of it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use mega_client::{Client, Credentials, ErrorKind, Result, TransferLimits};
use mega_testserver::{Fault, Lane};

use crate::place::{EMAIL, PASSWORD, Place, names};
use crate::transfer_content::content;

const SIZE: usize = 700_000;
const MODIFIED: u64 = 1_600_000_000;

/// Every command that the job below gives, and so every phase of it that talks to the service.
const COMMANDS: [&str; 12] = [
    "us0", "us", "ug", "f", "u", "p", "a", "m", "l", "g", "d", "sml",
];

/// Signs in, moves a file up, about, and down again, and signs out.
async fn job(place: &Place, folder: &Path, deadline: Duration) -> Result<()> {
    let builder = || {
        place
            .builder()
            .deadline(deadline)
            .limits(TransferLimits::default().attempts(if deadline.is_zero() { 1 } else { 5 }))
    };
    let mega = builder().login(Credentials::new(EMAIL, PASSWORD)).await?;
    let done = work(&mega, builder, folder).await;
    let out = mega.sign_out().await;
    done.and(out)
}

async fn work(
    mega: &Client,
    builder: impl Fn() -> mega_client::ClientBuilder,
    folder: &Path,
) -> Result<()> {
    mega.create_dir("/in/deep").await?;
    mega.upload(folder.join("source"), "/in/file").await?;
    mega.rename("/in/file", "renamed").await?;
    mega.move_to("/in/renamed", "/in/deep").await?;
    let link = mega.link("/in/deep/renamed").await?;
    let visitor = builder().open_link(link.url()).await?;
    assert_eq!(names(&visitor, "/").await, ["renamed"]);
    mega.download("/in/deep/renamed", folder.join("copy"))
        .await?;
    mega.remove_link("/in/deep/renamed").await?;
    mega.write("/in/useless", "x").await?;
    mega.delete("/in/useless").await
}

fn local() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::write(&source, content(SIZE)).unwrap();
    let times = std::fs::FileTimes::new()
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED));
    std::fs::File::options()
        .write(true)
        .open(&source)
        .unwrap()
        .set_times(times)
        .unwrap();
    folder
}

/// The state that the job leaves, seen by a client that knows nothing yet.
async fn assert_done_once(place: &Place, folder: &Path) {
    assert!(std::fs::read(folder.join("copy")).unwrap() == content(SIZE));
    let mega = place.sign_in().await;
    let all = mega.list("/").recursive().sorted().await.unwrap();
    let paths: Vec<_> = all.iter().map(|node| mega.path_of(node).unwrap()).collect();
    assert_eq!(paths, ["/in", "/in/deep", "/in/deep/renamed"], "each once");
    let file = mega.stat("/in/deep/renamed").await.unwrap();
    assert_eq!(file.modified_unix(), Some(MODIFIED as i64));
    assert!(file.link().is_none());
    assert!(mega.read(&file).await.unwrap() == content(SIZE));
    mega.delete("/in").await.unwrap();
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn rty_7_a_connection_killed_once_in_every_phase_changes_nothing() {
    type Kill = fn(Fault) -> Fault;
    let place = Place::new().await;
    let ways: [(&str, Kill); 4] = [
        ("before anything is done", Fault::drop_before),
        ("before the reply", Fault::lose_reply),
        ("after the headers of the reply", Fault::headers_only),
        ("within the reply", |fault| fault.cut_at(1)),
    ];
    for (when, kill) in ways {
        let folder = local();
        let faults = place.server.faults();
        for command in COMMANDS {
            faults.add(kill(Fault::command(command)));
        }
        for lane in [Lane::Upload, Lane::Download, Lane::Events] {
            faults.add(kill(Fault::lane(lane)));
        }
        job(&place, folder.path(), Duration::from_secs(60))
            .await
            .unwrap_or_else(|error| panic!("killed {when}: {error}"));
        assert_eq!(faults.pending(), 0, "killed {when}: every fault fired");
        assert_eq!(left_in(folder.path()), ["copy", "source"], "killed {when}");
        assert_done_once(&place, folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_stays_dead_is_a_typed_error_in_every_phase_and_leaves_no_partial_file() {
    let place = Place::new().await;
    let phases = COMMANDS
        .map(Fault::command)
        .into_iter()
        .chain([Fault::lane(Lane::Upload), Fault::lane(Lane::Download)]);
    for (at, phase) in phases.enumerate() {
        let phase_name = COMMANDS.get(at).copied().unwrap_or("storage");
        let folder = local();
        place.server.faults().add(phase.drop_before().always());
        let error = job(&place, folder.path(), Duration::ZERO)
            .await
            .expect_err(phase_name);
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Network | ErrorKind::Timeout | ErrorKind::OutcomeUnknown
            ),
            "{phase_name}: {error}"
        );
        assert!(
            error.operation().is_some(),
            "{phase_name}: says what failed"
        );
        assert!(!error.to_string().contains(PASSWORD));
        for name in left_in(folder.path()) {
            assert!(
                name == "source"
                    || (name == "copy"
                        && std::fs::read(folder.path().join("copy")).unwrap() == content(SIZE)),
                "{phase_name}: {name} is left"
            );
        }

        // Nothing is lost: once the network is back, the rest is there and the job can be done anew.
        place.server.faults().clear();
        let mega = place.sign_in().await;
        for node in mega.list("/").await.unwrap() {
            mega.delete(&node).await.unwrap();
        }
        mega.sign_out().await.unwrap();
    }
    let folder = local();
    job(&place, folder.path(), Duration::from_secs(60))
        .await
        .unwrap();
    assert_done_once(&place, folder.path()).await;
}
