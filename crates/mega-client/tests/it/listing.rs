//! Looking at the tree: conformance sections 1 and 2.

use futures::StreamExt;
use mega_client::{Duplicates, ErrorKind, SortBy};

use crate::place::{EMAIL, Place, names};

#[tokio::test]
async fn ls_1_to_ls_5_listings_show_what_is_there() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    for root in ["", "/", "//", "/./"] {
        assert!(mega.list(root).await.unwrap().is_empty(), "{root:?}");
    }
    assert!(mega.list(mega.root().unwrap()).await.unwrap().is_empty());
    mega.create_dir("/a/b/c").await.unwrap();
    mega.write("/a/file", "x").await.unwrap();
    assert_eq!(names(&mega, "/").await, ["a"]);
    assert_eq!(names(&mega, "/a/").await, ["b", "file"]);
    assert!(names(&mega, "a/b/c").await.is_empty());

    let all = mega.list("/").recursive().await.unwrap();
    let paths: Vec<_> = all.iter().map(|node| mega.path_of(node).unwrap()).collect();
    for (at, path) in paths.iter().enumerate() {
        let parent = &path[..path.rfind('/').unwrap()];
        assert!(
            parent.is_empty() || paths[..at].iter().any(|above| above == parent),
            "{path}"
        );
    }
    assert_eq!(all.len(), 4);
    let streamed: Vec<_> = mega.list("/").recursive().stream().collect().await;
    assert_eq!(streamed.len(), 4);
    assert_eq!(mega.list("/").recursive().files().await.unwrap().len(), 1);
    assert_eq!(mega.list("/").recursive().folders().await.unwrap().len(), 3);
}

#[tokio::test]
async fn ls_6_and_st_2_missing_things_are_told_apart() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.write("/file", "x").await.unwrap();
    let kind = |result: mega_client::Result<_>| result.map(|_: Vec<_>| ()).unwrap_err().kind();
    assert_eq!(kind(mega.list("/missing").await), ErrorKind::NotFound);
    assert_eq!(kind(mega.list("/file").await), ErrorKind::NotADirectory);
    let error = mega.stat("/missing/below").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::NotFound, Some("/missing/below"))
    );
    let error = mega.stat("/file/below").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("is a file"), "{error}");
    assert_eq!(
        mega.stat("/file").folder().await.unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        mega.stat("/").file().await.unwrap_err().kind(),
        ErrorKind::IsADirectory
    );
    assert_eq!(
        mega.stat("/../x").await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

#[tokio::test]
async fn ls_7_a_prefix_is_not_a_folder() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    mega.create_dir("/foo").await.unwrap();
    mega.write("/foobar", "x").await.unwrap();
    assert!(names(&mega, "/foo").await.is_empty());
}

#[tokio::test]
async fn nam_15_a_slash_in_a_name_is_no_step_of_a_path() {
    let place = Place::new().await;
    // A node named `a/b` beside a folder `a` with a `b` in it.
    let (inner, twin) = place.server.with_model(|model| {
        let inner = model.make_file(EMAIL, "/a/b", b"inner", 1).unwrap();
        let twin = model.make_file(EMAIL, "/twin", b"twin", 1).unwrap();
        assert!(model.rename(twin, "a/b"));
        (inner, twin)
    });
    let mega = place.sign_in().await;
    let handle = |node| crate::fs_world::handle(node);
    assert_eq!(mega.stat("/a/b").await.unwrap().handle(), handle(inner));
    assert_eq!(mega.read("/a/b").await.unwrap(), "inner");
    let shown = mega
        .path_of(&mega.stat(handle(twin)).await.unwrap())
        .unwrap();
    assert_ne!(shown, "/a/b");
    assert_eq!(mega.stat(&*shown).await.unwrap().handle(), handle(twin));
    assert_eq!(mega.read(&*shown).await.unwrap(), "twin");
    // One more of the same name: the path answers with neither, and names both.
    let third = place.server.with_model(|model| {
        let third = model.make_file(EMAIL, "/third", b"third", 1).unwrap();
        assert!(model.rename(third, "a/b"));
        third
    });
    let mega = place.sign_in().await;
    let error = mega.read(&*shown).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    let mut named = error.handles().to_vec();
    named.sort();
    let mut both = [handle(twin), handle(third)];
    both.sort();
    assert_eq!(named, both);
    assert_eq!(mega.read("/a/b").await.unwrap(), "inner");
}

#[tokio::test]
async fn ls_13_and_ls_14_duplicates_are_listed_and_a_path_to_them_is_ambiguous() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    // Two folders of one name with one file each, as another client may leave them.
    let day = std::time::Duration::from_secs(24 * 3600);
    place.server.clock().rewind(day);
    let oldest = mega.create_dir("/twin").await.unwrap();
    mega.write("/twin/one", "1").await.unwrap();
    place.server.clock().advance(day);
    let newest = mega.create_dir("/other").await.unwrap();
    mega.write("/other/two", "2").await.unwrap();
    mega.rename("/other", "twin")
        .on_conflict(mega_client::OnConflict::Duplicate)
        .await
        .unwrap();

    let twins = mega.list("/").await.unwrap();
    assert_eq!(twins.len(), 2);
    assert_ne!(twins[0].handle(), twins[1].handle());
    let error = mega.stat("/twin").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert_eq!(error.handles().len(), 2);
    for (rule, wanted) in [(Duplicates::Newest, &newest), (Duplicates::Oldest, &oldest)] {
        let found = mega.stat("/twin").duplicates(rule).await.unwrap();
        assert_eq!(found.handle(), wanted.handle(), "{rule:?}");
    }
    // The lookup goes through both.
    assert_eq!(mega.read("/twin/one").await.unwrap(), "1");
    assert_eq!(mega.read("/twin/two").await.unwrap(), "2");
}

#[tokio::test]
async fn st_5_to_st_9_names_are_literal() {
    let place = Place::new().await;
    let mega = place.sign_in().await;
    let hostile = [
        "with space",
        "quote\"s'",
        "#?%&+;=@",
        "🦀",
        "漢字",
        "e\u{301}",
        "é",
        "%48",
        "H",
        "A",
        "a",
        " leading",
        "trailing ",
        "~",
        "CON",
        "nul.txt",
        "x:y",
        "back\\slash",
        "\u{202E}rtl",
        "tab\u{2409}",
    ];
    for name in hostile {
        mega.write(format!("/{name}"), name.to_owned())
            .await
            .unwrap();
    }
    let fresh = place.sign_in().await;
    assert_eq!(fresh.list("/").await.unwrap().len(), hostile.len());
    for name in hostile {
        let node = fresh.stat(format!("/{name}")).await.unwrap();
        assert_eq!(node.name(), name);
        assert_eq!(fresh.read(&node).await.unwrap(), name);
    }
    for node in fresh.list("/").await.unwrap() {
        fresh.delete(&node).await.unwrap();
    }
    assert!(fresh.list("/").await.unwrap().is_empty());
}

/// Folders and files that differ in everything a listing can be sorted by.
async fn mixed(place: &Place) -> mega_client::Client {
    let mega = place.sign_in().await;
    for (path, size, day) in [
        ("/page 10.txt", 30, 5),
        ("/Page 9.TXT", 30, 9),
        ("/b.jpg", 10, 7),
        ("/dir/x 2.txt", 7, 1),
        ("/dir/X 10.txt", 900, 3),
        ("/a dir/only.bin", 60, 2),
    ] {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
        let bytes = vec![0_u8; size];
        mega.write(path, bytes).modified(time).await.unwrap();
    }
    mega
}

fn shown(nodes: &[mega_client::Node]) -> Vec<&str> {
    nodes.iter().map(|node| node.name()).collect()
}

#[tokio::test]
async fn a_listing_is_sorted_by_what_was_asked_for() {
    let place = Place::new().await;
    let mega = mixed(&place).await;
    let list = || mega.list("/");
    let by_name = ["Page 9.TXT", "a dir", "b.jpg", "dir", "page 10.txt"];
    assert_eq!(shown(&list().sorted().await.unwrap()), by_name);
    let mut backwards = by_name;
    backwards.reverse();
    assert_eq!(shown(&list().descending().await.unwrap()), backwards);
    for (by, up, down) in [
        (
            SortBy::NaturalName,
            ["a dir", "b.jpg", "dir", "Page 9.TXT", "page 10.txt"],
            ["page 10.txt", "Page 9.TXT", "dir", "b.jpg", "a dir"],
        ),
        // Equals stay in the order of their names, both ways.
        (
            SortBy::Size,
            ["a dir", "dir", "b.jpg", "Page 9.TXT", "page 10.txt"],
            ["Page 9.TXT", "page 10.txt", "b.jpg", "a dir", "dir"],
        ),
        (
            SortBy::Modified,
            ["a dir", "dir", "page 10.txt", "b.jpg", "Page 9.TXT"],
            ["Page 9.TXT", "b.jpg", "page 10.txt", "a dir", "dir"],
        ),
        (
            SortBy::Kind,
            ["a dir", "dir", "b.jpg", "Page 9.TXT", "page 10.txt"],
            ["Page 9.TXT", "page 10.txt", "b.jpg", "a dir", "dir"],
        ),
    ] {
        assert_eq!(shown(&list().sort_by(by).await.unwrap()), up, "{by:?}");
        let backwards = list().sort_by(by).descending();
        assert_eq!(shown(&backwards.await.unwrap()), down, "{by:?}");
        let streamed: Vec<_> = list().sort_by(by).stream().collect().await;
        let streamed: Vec<_> = streamed.into_iter().map(Result::unwrap).collect();
        assert_eq!(shown(&streamed), up, "{by:?}");
    }
    assert_eq!(
        shown(&list().folders_first().await.unwrap()),
        ["a dir", "dir", "Page 9.TXT", "b.jpg", "page 10.txt"]
    );
    let backwards = list()
        .sort_by(SortBy::NaturalName)
        .descending()
        .folders_first();
    assert_eq!(
        shown(&backwards.await.unwrap()),
        ["dir", "a dir", "page 10.txt", "Page 9.TXT", "b.jpg"]
    );
}

#[tokio::test]
async fn nodes_are_sorted_by_when_the_service_got_them() {
    let clock = mega_testserver::Clock::starting_at(1_700_000_000);
    let server = mega_testserver::TestServer::builder().clock(clock.clone());
    let server = server.start().await.unwrap();
    server
        .account(crate::place::EMAIL, crate::place::PASSWORD)
        .create();
    let place = Place { server };
    let mega = place.sign_in().await;
    for name in ["c", "a", "b"] {
        mega.create_dir(name).await.unwrap();
        clock.advance(std::time::Duration::from_secs(60));
    }
    let oldest = mega.list("/").sort_by(SortBy::Created).await.unwrap();
    assert_eq!(shown(&oldest), ["c", "a", "b"]);
    let newest = mega
        .list("/")
        .sort_by(SortBy::Created)
        .descending()
        .await
        .unwrap();
    assert_eq!(shown(&newest), ["b", "a", "c"]);
}

#[tokio::test]
async fn ls_4_a_recursive_listing_is_sorted_folder_by_folder_or_together() {
    let place = Place::new().await;
    let mega = mixed(&place).await;
    let list = || mega.list("/").recursive();
    let tree = list().sort_by(SortBy::NaturalName).folders_first().await;
    assert_eq!(
        shown(&tree.unwrap()),
        [
            "a dir",
            "only.bin",
            "dir",
            "x 2.txt",
            "X 10.txt",
            "b.jpg",
            "Page 9.TXT",
            "page 10.txt"
        ]
    );
    let largest = list().files().sort_by(SortBy::Size).descending().together();
    assert_eq!(
        shown(&largest.await.unwrap()),
        [
            "X 10.txt",
            "only.bin",
            "Page 9.TXT",
            "page 10.txt",
            "b.jpg",
            "x 2.txt"
        ]
    );
    // Every page of the plain order, one entry each, makes the whole.
    let whole = list().sorted().await.unwrap();
    let mut pages: Vec<mega_client::Node> = Vec::new();
    loop {
        let mut page = list().sorted();
        if let Some(last) = pages.last() {
            page = page.start_after(mega.path_of(last).unwrap());
        }
        match page.await.unwrap().into_iter().next() {
            Some(next) => pages.push(next),
            None => break,
        }
    }
    assert_eq!(shown(&pages), shown(&whole));
    let mixed = list().start_after("dir").sort_by(SortBy::Size).await;
    assert_eq!(mixed.unwrap_err().kind(), ErrorKind::Misuse);
}
