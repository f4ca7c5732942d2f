//! Calls for many nodes: progress, results as they come, and stopping.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use futures::StreamExt;
use mega_client::{Client, ErrorKind, Progress, Target};

use crate::place::{EMAIL, Place};

async fn with_files(place: &Place, count: usize) -> (Client, Vec<String>) {
    let mega = place.sign_in().await;
    let paths: Vec<String> = (0..count).map(|n| format!("/many/{n}.txt")).collect();
    let made = paths.iter().map(|path| mega.write(path, path.clone()));
    let made: Vec<_> = made.map(std::future::IntoFuture::into_future).collect();
    futures::future::try_join_all(made).await.unwrap();
    (mega, paths)
}

/// How many requests with commands that change something were made by this.
async fn changes<T>(place: &Place, call: impl IntoFuture<Output = T>) -> (usize, T) {
    let count = || {
        let journal = place.server.journal();
        let changes = |name: &String| ["l", "m", "a", "d", "p"].contains(&name.as_str());
        let asked = journal
            .iter()
            .filter(|entry| entry.commands.iter().any(changes));
        asked.count()
    };
    let before = count();
    let result = call.await;
    (count() - before, result)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_take_ten_requests_at_most_on_any_runtime() {
    let place = Place::new().await;
    let paths: Vec<String> = (0..1000).map(|n| format!("/many/{n}")).collect();
    place.server.with_model(|model| {
        model.make_folder(EMAIL, "/many").unwrap();
        model.make_folder(EMAIL, "/target").unwrap();
        for path in &paths {
            model
                .make_file(EMAIL, path, path.as_bytes(), 1_600_000_000)
                .unwrap();
        }
    });
    let mega = place.sign_in().await;
    let folders = (0..1000).map(|n| format!("/made/{n}/inner"));
    let (requests, made) = changes(&place, mega.create_dirs(folders)).await;
    assert_eq!(made.successes().count(), 1000);
    assert!(requests <= 10, "{requests} for folders");
    let (requests, links) = changes(&place, mega.link_all(&paths)).await;
    assert_eq!(links.successes().count(), 1000);
    assert!(requests <= 10, "{requests} for links");
    let edits = mega.edit_all(&paths).favourite(true);
    let (requests, edited) = changes(&place, edits).await;
    assert_eq!(edited.successes().count(), 1000);
    assert!(requests <= 10, "{requests} for attributes");
    let (requests, moved) = changes(&place, mega.move_all(&paths, "/target")).await;
    assert_eq!(moved.successes().count(), 1000);
    assert!(requests <= 10, "{requests} for moves");
    let paths: Vec<String> = (0..1000).map(|n| format!("/target/{n}")).collect();
    let (requests, deleted) = changes(&place, mega.delete_all(&paths)).await;
    assert_eq!(deleted.successes().count(), 1000);
    assert!(requests <= 10, "{requests} for deletions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn links_are_made_by_the_hundred_with_progress_and_a_result_each() {
    let place = Place::new().await;
    let (mega, mut paths) = with_files(&place, 300).await;
    paths.insert(100, "/missing".to_owned());
    let progress = Progress::new();
    let links = mega.link_all(&paths).progress(&progress).await;
    assert_eq!((progress.items_done(), progress.items_total()), (301, 301));
    assert_eq!(links.successes().count(), 300);
    // In the order they were given in, whatever came first.
    for (path, (target, _)) in paths.iter().zip(links.iter()) {
        assert_eq!(*target, Target::from(path));
    }
    let (target, error) = links.failures().next().unwrap();
    assert_eq!(target.to_string(), "/missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let urls: BTreeSet<_> = links.successes().map(|(_, link)| link.url()).collect();
    assert_eq!(urls.len(), 300);
    let commands = |name: &str| {
        let journal = place.server.journal();
        let asked = journal
            .iter()
            .filter(|e| e.commands.iter().any(|c| c == name));
        asked.count()
    };
    assert!(commands("l") <= 10, "{} requests", commands("l"));
    let removed = mega.remove_links(&paths[..50]).progress(&progress).await;
    assert_eq!(removed.successes().count(), 50);
    assert_eq!((progress.items_done(), progress.items_total()), (351, 351));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_links_of_a_thousand_folders_share_their_requests_too() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let paths = (0..1000).map(|n| format!("/many/{n}"));
    let made = mega.create_dirs(paths).await.into_result().unwrap();
    let begin = place.server.journal().len();
    let links = mega.link_all(&made).await.into_result().unwrap();
    let requests = |name: &str| {
        let journal = place.server.journal();
        let sent = journal.iter().skip(begin);
        sent.filter(|entry| entry.commands.iter().any(|command| command == name))
            .count()
    };
    // Each step is taken for all folders together: the keys are noted, then the shares made, then the links.
    for (command, most) in [("upv", 10), ("s2", 1), ("l", 1)] {
        let count = requests(command);
        assert!((1..=most).contains(&count), "{count} times {command}");
    }
    let open = Client::builder().origin(place.server.url());
    let visitor = open.open_link(links[999].url()).await.unwrap();
    assert_eq!(visitor.root().unwrap().name(), "999");
    mega.remove_links(&made).await.into_result().unwrap();
    for (command, most) in [("upv", 200), ("s2", 400), ("l", 400)] {
        let count = requests(command);
        assert!(count <= most, "{count} times {command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_one_by_one_and_progress_has_counted_each() {
    let place = Place::new().await;
    let (mega, paths) = with_files(&place, 20).await;
    mega.create_dir("/target").await.unwrap();
    let progress = Progress::new();
    let mut moving = mega
        .move_all(&paths, "/target")
        .progress(&progress)
        .stream()
        .boxed();
    let mut seen = BTreeSet::new();
    while let Some((target, moved)) = moving.next().await {
        let node = moved.unwrap();
        assert_eq!(
            mega.path_of(&node),
            Some(target.to_string().replace("many", "target"))
        );
        seen.insert(target.to_string());
        assert!(progress.items_done() >= seen.len() as u64);
    }
    assert_eq!(seen, paths.iter().cloned().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn can_1_stopping_lets_end_what_has_begun_and_begins_nothing_more() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let paths: Vec<String> = (0..2500).map(|n| format!("/many/{n}")).collect();
    mega.create_dirs(&paths).await.into_result().unwrap();
    let progress = Progress::new();
    let mut trashing = mega.trash_all(&paths).progress(&progress).stream().boxed();
    let (first, done) = trashing.next().await.unwrap();
    assert!(done.is_ok(), "{first}");
    progress.cancel();
    let (mut done, mut cancelled) = (BTreeSet::from([first.to_string()]), BTreeSet::new());
    while let Some((target, result)) = trashing.next().await {
        match result {
            Ok(_) => done.insert(target.to_string()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
                assert_eq!(error.subject(), Some(&*target.to_string()));
                cancelled.insert(target.to_string())
            }
        };
    }
    assert_eq!(done.len() + cancelled.len(), 2500);
    assert!(cancelled.len() >= 1000, "{}", cancelled.len());
    // What was said is what is there, in a second client too.
    let second = place.sign_in().await;
    let left = second.list("/many").await.unwrap();
    let left: BTreeSet<_> = left
        .iter()
        .map(|node| format!("/many/{}", node.name()))
        .collect();
    assert_eq!(left, cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_counted_and_stops_nothing() {
    let place = Place::new().await;
    let (mega, paths) = with_files(&place, 5).await;
    mega.delete(&paths[2]).await.unwrap();
    let progress = Progress::new();
    let deleted = mega.delete_all(&paths).progress(&progress).await;
    assert_eq!(
        (deleted.successes().count(), deleted.failures().count()),
        (4, 1)
    );
    assert_eq!(progress.items_done(), 5);
    assert!(mega.list("/many").await.unwrap().is_empty());
    mega.write(&paths[1], "again").await.unwrap();
    let edited = mega
        .edit_all(&paths)
        .favourite(true)
        .progress(&progress)
        .await;
    assert_eq!(edited.successes().count(), 1);
    assert_eq!(progress.items_done(), 10);
}
