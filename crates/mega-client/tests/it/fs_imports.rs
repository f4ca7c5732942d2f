//! Taking public links into an account.

use mega_client::{ErrorKind, OnConflict};

use crate::fs_world::{World, handle};
use crate::place::EMAIL;

const FRIEND: &str = "friend@example.com";

#[tokio::test]
async fn a_folder_link_is_taken_over_whole_or_in_part() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    world.model(|model| {
        for path in ["/open/a/1", "/open/a/2", "/open/3"] {
            model.make_file(FRIEND, path, path.as_bytes(), 1_700_000_000);
        }
    });
    friend.refresh().await.unwrap();
    friend.set_favourite("/open/3", true).await.unwrap();
    let link = friend.link("/open").await.unwrap();
    let opened = world.place.builder().open_link(link.url()).await.unwrap();

    let (imported, sent) = world
        .batches(async { world.mega.import(&opened, "/").await.unwrap() })
        .await;
    assert_eq!(sent, [["p"]]);
    assert_eq!((imported.files(), imported.folders()), (3, 2));
    assert_eq!(
        world.paths().await,
        ["/open", "/open/3", "/open/a", "/open/a/1", "/open/a/2"]
    );
    let file = world.there("/open/a/2").await.unwrap();
    assert_eq!(world.content(file.handle()), "/open/a/2");
    assert_eq!(file.modified_unix(), Some(1_700_000_000));
    assert!(
        !world.there("/open/3").await.unwrap().is_favourite(),
        "marks are the owner's"
    );

    let error = world.mega.import(&opened, "/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    let part = world
        .mega
        .import(&opened, "/")
        .only("/a/1")
        .rename("one")
        .await
        .unwrap();
    assert_eq!(
        world.content(part.into_result().unwrap().handle()),
        "/open/a/1"
    );
    let error = world.mega.import(&world.mega, "/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    let error = opened.import(&opened, "/").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn a_file_link_is_taken_over_and_can_replace_a_file() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    world.model(|model| model.make_file(FRIEND, "/x.txt", b"theirs", 1_700_000_000));
    friend.refresh().await.unwrap();
    let link = friend.link("/x.txt").await.unwrap();
    let opened = world.place.builder().open_link(link.url()).await.unwrap();
    let old = world
        .model(|model| model.make_file(EMAIL, "/x.txt", b"mine", 0))
        .map(handle)
        .unwrap();
    world.mega.refresh().await.unwrap();
    let imported = world
        .mega
        .import(&opened, "/")
        .on_conflict(OnConflict::Replace)
        .await
        .unwrap();
    assert_eq!(world.content(imported.node().handle()), "theirs");
    let versions = world.mega.versions("/x.txt").await.unwrap();
    assert_eq!(
        versions
            .iter()
            .map(|node| node.handle())
            .collect::<Vec<_>>(),
        [old]
    );
}

#[tokio::test]
async fn a_file_inside_a_folder_link_is_taken_over_by_either_spelling_of_its_link() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    let inside = world.model(|model| {
        model.make_file(FRIEND, "/open/other", b"other", 1_700_000_000);
        model.make_file(FRIEND, "/open/deep/x.txt", b"inside", 1_700_000_000)
    });
    let inside = handle(inside.unwrap());
    friend.refresh().await.unwrap();
    let link = friend.link("/open").await.unwrap();
    let (handle, key) = link
        .url()
        .rsplit_once("/folder/")
        .and_then(|(_, rest)| rest.split_once('#'))
        .unwrap();
    for (number, url) in [
        format!("https://mega.nz/folder/{handle}#{key}/file/{inside}"),
        format!("https://mega.nz/#F!{handle}!{key}?{inside}"),
    ]
    .iter()
    .enumerate()
    {
        let opened = world.place.builder().open_link(url).await.unwrap();
        assert_eq!(opened.read("/x.txt").await.unwrap(), "inside");
        let name = format!("taken {number}");
        let imported = world.mega.import(&opened, "/").rename(&name).await.unwrap();
        assert_eq!((imported.files(), imported.folders()), (1, 0));
        let node = imported.into_result().unwrap();
        assert_eq!(world.content(node.handle()), "inside");
    }
    assert_eq!(world.paths().await, ["/taken 0", "/taken 1"]);
}

#[tokio::test]
async fn a_link_to_a_node_inside_a_folder_link_is_loaded_anew_like_any_other() {
    use mega_testserver::{Fault, Lane};

    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    let (file, folder) = world.model(|model| {
        model.make_file(FRIEND, "/open/other", b"other", 1_700_000_000);
        let file = model.make_file(FRIEND, "/open/deep/x.txt", b"inside", 1_700_000_000);
        (
            file.unwrap(),
            model.make_folder(FRIEND, "/open/deep").unwrap(),
        )
    });
    friend.refresh().await.unwrap();
    let link = friend.link("/open").await.unwrap();
    let urls = [
        format!("{}/file/{}", link.url(), handle(file)),
        format!("{}/folder/{}", link.url(), handle(folder)),
    ];
    for url in urls {
        let opened = world.place.builder().open_link(&url).await.unwrap();
        world.model(|model| {
            let name = format!("/open/deep/new-{}", url.contains("/file/"));
            model.make_file(FRIEND, &name, b"new", 1_700_000_000)
        });
        // The channel has forgotten where the visitor was.
        let faults = world.server().faults();
        faults.add(Fault::lane(Lane::Events).code(-6));
        opened.refresh().await.unwrap();
        opened.refresh().await.unwrap();
        assert_eq!(opened.read("/x.txt").await.unwrap(), "inside");
        assert!(!opened.exists("/other").await.unwrap());
        let seen = opened.list("/").await.unwrap().len();
        let expected = if url.contains("/file/") { 1 } else { 3 };
        assert_eq!(seen, expected, "{url}");
    }
}
