//! Five hundred programs, one after the other, each a process of its own that signs in, makes a link and ends: the service sees one sign-in.
//!
//! This binary is the program, too: with the address of a server in its environment it is one of the five hundred.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use mega_client::{Client, Credentials, LoginGuard};
use mega_testserver::{Lane, TestServer};

const NAME: &str = "five_hundred_processes_that_each_make_a_link_sign_in_once";
const PROGRAMS: usize = 500;
const URL: &str = "MEGA_TEST_URL";
const FOLDER: &str = "MEGA_TEST_FOLDER";
const EMAIL: &str = "me@example.com";
const PASSWORD: &str = "correct horse battery staple";

fn main() -> ExitCode {
    if let (Ok(url), Some(folder)) = (std::env::var(URL), std::env::var_os(FOLDER)) {
        program(url, folder.into());
        return ExitCode::SUCCESS;
    }
    // As far as the ordinary harness is asked for things: its list, and names to choose by.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if given("--list") {
        if !given("--ignored") {
            println!("{NAME}: test");
        }
        return ExitCode::SUCCESS;
    }
    let mut names = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    if given("--ignored")
        || (names.peek().is_some() && !names.any(|name| NAME.contains(name.as_str())))
    {
        println!("{NAME} ... not asked for");
        return ExitCode::SUCCESS;
    }
    five_hundred();
    println!("test {NAME} ... ok");
    ExitCode::SUCCESS
}

/// What one of the programs does. It keeps nothing, closes nothing and knows of no other.
fn program(url: String, folder: PathBuf) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let link = runtime.block_on(async {
        let mega = Client::builder()
            .origin(url)
            .allow_legacy_v1(true)
            .verdict_delay(std::time::Duration::ZERO)
            .login_guard(LoginGuard::in_folder(folder))
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap();
        mega.link("/file").await.unwrap()
    });
    println!("{}", link.url());
}

fn five_hundred() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(TestServer::start()).unwrap();
    server.account(EMAIL, PASSWORD).v1().without_keys().create();
    server.with_model(|model| model.make_file(EMAIL, "/file", b"content", 1));
    let folder = tempfile::tempdir().unwrap();
    let mut links = Vec::new();
    for number in 0..PROGRAMS {
        let output = Command::new(std::env::current_exe().unwrap())
            .env(URL, server.url())
            .env(FOLDER, folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let failed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "program {number}: {failed}");
        links.push(said);
    }
    assert!(links[0].contains("/file/"), "{}", links[0]);
    assert!(
        links.iter().all(|link| *link == links[0]),
        "one file has one link"
    );
    // A proof of the password begins with the question for the account's version; resumptions do without.
    let journal = server.journal();
    let asked = |name: &str| {
        let api = journal.iter().filter(|entry| entry.lane == Lane::Api);
        api.flat_map(|entry| &entry.commands)
            .filter(|command| *command == name)
            .count()
    };
    let sessions = server.with_model(|model| model.sessions(EMAIL).len());
    assert_eq!((asked("us0"), sessions), (1, 1), "one sign-in, one session");
}
