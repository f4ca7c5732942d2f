//! In which order the requests of a folder's upload leave, and how many there are.

use mega_client::{ErrorKind, TransferLimits};
use mega_testserver::{Entry, Fault, Lane};

use crate::place::Place;
use crate::transfer_content::{content, signed_in_with};
use crate::transfer_folders::write;

/// Every request after this one, in the order in which they came.
fn after(place: &Place, number: u64) -> Vec<Entry> {
    let mut entries = place.server.journal();
    entries.retain(|entry| entry.number > number);
    entries.sort_by_key(|entry| entry.number);
    entries
}

/// The number of the last request until now.
fn last(place: &Place) -> u64 {
    let journal = place.server.journal();
    journal.iter().map(|entry| entry.number).max().unwrap()
}

/// The names of the commands of each batch among them.
fn batches(entries: &[Entry]) -> Vec<Vec<String>> {
    let api = entries.iter().filter(|entry| entry.lane == Lane::Api);
    api.map(|entry| entry.commands.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_travel_while_their_folders_are_made_and_large_ones_wait() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let from = tempfile::tempdir().unwrap();
    for number in 0..30 {
        let path = format!("{}/{number}", number % 3);
        write(from.path().join(path), content(100 + number));
    }
    write(from.path().join("0/large"), content(200_000));
    let before = last(&place);
    let report = mega.upload_folder(from.path(), "/new/top").await.unwrap();
    let report = report.into_result().unwrap();
    assert_eq!((report.transferred(), report.folders_created()), (31, 3));

    let batches = batches(&after(&place, before));
    let (u, p) = (String::from("u"), String::from("p"));
    let first = |name| batches.iter().position(|batch| batch.contains(name));
    // Which of them are polled together is a matter of threads, but none waits for the folders.
    let made = first(&p).unwrap();
    assert!(first(&u) <= Some(made), "{batches:?}");
    let folders = batches[made].iter().filter(|name| **name == p);
    assert_eq!(folders.count(), 1, "the top folder and all below it");
    let large = batches.iter().rposition(|batch| batch.contains(&u));
    assert!(large > Some(made), "{batches:?}");
    let all = batches.iter().flatten().filter(|name| **name == u);
    assert_eq!(all.count(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_for_a_folder_that_cannot_be_made_is_reported_and_large_files_are_not_sent() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let from = tempfile::tempdir().unwrap();
    write(from.path().join("sub/small"), "small");
    write(from.path().join("sub/large"), content(200_000));
    mega.create_dir("/top").await.unwrap();
    // Nothing else can be made before the folder.
    place.server.faults().add(Fault::command("p").code(-11));
    let report = mega.upload_folder(from.path(), "/top").await.unwrap();
    let failed = report.failed().map(|(path, error)| (path, error.kind()));
    let mut failed: Vec<_> = failed.collect();
    failed.sort_by_key(|(path, _)| *path);
    let expected = [
        ("sub", ErrorKind::AccessDenied),
        ("sub/large", ErrorKind::NotFound),
        ("sub/small", ErrorKind::NotFound),
    ];
    assert_eq!(failed, expected);
    assert_eq!((report.transferred(), report.folders_created()), (0, 0));
    let sent = place.server.journal();
    let sent = sent.iter().filter(|entry| entry.lane == Lane::Upload);
    assert!(sent.map(|entry| entry.request_bytes).max() < Some(200_000));

    // A top folder that cannot be made is an error of the whole.
    place.server.faults().add(Fault::command("p").code(-11));
    let whole = mega.upload_folder(from.path(), "/other").await;
    assert_eq!(whole.unwrap_err().kind(), ErrorKind::AccessDenied);
    assert!(!mega.exists("/other").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_before_it_is_opened_gets_an_address_for_what_it_is_then() {
    let place = Place::new().await;
    let mega = signed_in_with(&place, TransferLimits::default().small_files_at_once(1)).await;
    let from = tempfile::tempdir().unwrap();
    write(from.path().join("a"), "first");
    let growing = from.path().join("b");
    write(growing.clone(), "second");
    mega.create_dir("/top").await.unwrap();
    // The second one is opened when the first one has been sent, and was looked at long before.
    let grow = Fault::command("u").rewrite(move |reply| {
        std::fs::write(&growing, "second, and longer").unwrap();
        reply
    });
    place.server.faults().add(grow);
    let before = last(&place);
    let report = mega.upload_folder(from.path(), "/top").await.unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 2);
    assert_eq!(mega.read("/top/b").await.unwrap(), "second, and longer");
    let entries = after(&place, before);
    let asked = batches(&entries).into_iter().flatten();
    let asked = asked.filter(|name| name == "u").count();
    let sent = entries.iter().filter(|entry| entry.lane == Lane::Upload);
    let sent = sent.count();
    assert_eq!((asked, sent), (3, 2), "nothing goes where it does not fit");
}
