//! Links as they were written until 2020, and on the host of those days: opened, read and imported.

use mega_client::{Client, ErrorKind};

use crate::fs_world::World;

const FRIEND: &str = "friend@example.com";

/// Handle and key of a link of today's form.
fn parts(url: &str) -> (&str, &str) {
    let (_, rest) = url.rsplit_once('/').unwrap();
    rest.split_once('#').unwrap()
}

#[tokio::test]
async fn old_file_links_are_opened_read_and_imported() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    friend.write("/doc.txt", "for everyone").await.unwrap();
    let link = friend.link("/doc.txt").await.unwrap();
    let (handle, key) = parts(link.url());
    for (number, text) in [
        format!("https://mega.nz/#!{handle}!{key}"),
        format!("https://mega.co.nz/#!{handle}!{key}"),
        format!("https://www.mega.co.nz/#!{handle}!{key}"),
        format!("http://mega.co.nz/#!{handle}!{key}"),
        format!("https://mega.co.nz/file/{handle}#{key}"),
        format!("mega://#!{handle}!{key}"),
        format!("#!{handle}!{key}"),
    ]
    .into_iter()
    .enumerate()
    {
        let visitor = world.place.builder().open_link(&text).await;
        let visitor = visitor.unwrap_or_else(|error| panic!("form {number}: {error}"));
        assert_eq!(visitor.read("/doc.txt").await.unwrap(), "for everyone");
        let name = format!("{number}.txt");
        let import = world.mega.import(&visitor, "/").rename(&name);
        let node = import.await.unwrap().into_result().unwrap();
        assert_eq!((node.name(), node.size()), (name.as_str(), 12));
        assert_eq!(world.content(node.handle()), "for everyone");
    }
    assert_eq!(world.paths().await.len(), 7);
    // A wrong key is a wrong key in any form.
    let wrong = format!("https://mega.co.nz/#!{handle}!{}", "B".repeat(43));
    let error = world.place.builder().open_link(wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    for text in [
        format!("#!{handle}"),
        format!("https://mega.co.nz/#!{handle}!"),
        format!("https://mega.co.nz/#!{handle}{key}"),
    ] {
        let error = world.place.builder().open_link(text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidLink, "{error}");
    }
}

#[tokio::test]
async fn old_folder_links_are_opened_read_and_imported_whole_and_in_part() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    friend.write("/open/a/1.txt", "one").await.unwrap();
    friend.write("/open/2.txt", "two").await.unwrap();
    let link = friend.link("/open").await.unwrap();
    let (handle, key) = parts(link.url());
    let open = async |text: String| -> Client {
        let opened = world.place.builder().open_link(&text).await;
        opened.unwrap_or_else(|error| panic!("{error}"))
    };
    for (number, host) in ["https://mega.nz/", "https://mega.co.nz/"]
        .into_iter()
        .enumerate()
    {
        let whole = open(format!("{host}#F!{handle}!{key}")).await;
        assert_eq!(whole.read("/a/1.txt").await.unwrap(), "one");
        let folder = world.mega.create_dir(format!("/{number}")).await.unwrap();
        let import = world.mega.import(&whole, &folder).await.unwrap();
        assert_eq!((import.files(), import.folders()), (2, 2));
        let file = world.there(&format!("/{number}/open/a/1.txt")).await;
        assert_eq!(world.content(file.unwrap().handle()), "one");

        // A folder and a file inside of it are shown by themselves.
        let inner = friend.stat("/open/a").await.unwrap().handle();
        let part = open(format!("{host}#F!{handle}!{key}!{inner}")).await;
        assert_eq!(part.read("/1.txt").await.unwrap(), "one");
        assert!(!part.exists("/2.txt").await.unwrap());
        let file = friend.stat("/open/2.txt").await.unwrap().handle();
        let one = open(format!("{host}#F!{handle}!{key}?{file}")).await;
        assert_eq!(one.read("/2.txt").await.unwrap(), "two");
        let import = world.mega.import(&one, &folder).only("/2.txt").await;
        let node = import.unwrap().into_result().unwrap();
        assert_eq!(world.content(node.handle()), "two");
    }
}
