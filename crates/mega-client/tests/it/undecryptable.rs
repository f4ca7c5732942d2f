//! Nodes that cannot be decrypted are there, marked, and harm nobody: conformance LS-16.

use mega_client::{ErrorKind, Trouble};

use crate::fs_world::{World, wire, write_attributes};
use crate::place::EMAIL;

/// A file of the owner's that nobody can read, beside others.
async fn with_one() -> (World, mega_client::Client, mega_client::NodeHandle) {
    let world = World::new().await;
    let folder = world.folder("/dir").await.handle();
    world.file("/dir/good.txt", "good").await;
    world.file("/dir/sub/deep.txt", "deep").await;
    world.model(|model| {
        let owner = model.user(EMAIL).unwrap().handle;
        let key = "B".repeat(42) + "E";
        let attributes = "A".repeat(43);
        model.insert_raw_node(
            EMAIL,
            &format!(
                r#"{{"h":"badBADba","p":"{folder}","u":"{owner}","t":0,"s":16,"ts":1700000000,"a":"{attributes}","k":"{owner}:{key}"}}"#
            ),
        );
    });
    let mega = world.place.sign_in().await;
    (world, mega, "badBADba".parse().unwrap())
}

#[tokio::test]
async fn ls_16_one_undecryptable_node_is_one_marked_node_and_the_others_are_unharmed() {
    let (_world, mega, bad) = with_one().await;
    for listing in [
        mega.list("/dir").sorted().await.unwrap(),
        mega.list("/").recursive().sorted().await.unwrap(),
    ] {
        let marked: Vec<_> = listing
            .iter()
            .filter(|node| node.trouble().is_some())
            .collect();
        assert_eq!(marked.len(), 1, "{listing:?}");
        assert_eq!(marked[0].handle(), bad);
        assert_eq!(marked[0].trouble(), Some(Trouble::BadAttributes));
        assert_eq!(marked[0].name(), format!("undecryptable-{bad}"));
        assert_eq!(marked[0].size(), 16);
        assert!(listing.iter().any(|node| node.name() == "good.txt"));
        assert!(listing.iter().any(|node| node.name() == "sub"));
    }
    let node = mega.stat(bad).await.unwrap();
    assert_eq!(
        (node.handle(), node.trouble()),
        (bad, Some(Trouble::BadAttributes))
    );
    assert_eq!(
        mega.path_of(&node).unwrap(),
        format!("/dir/undecryptable-{bad}")
    );
    // Its path leads to it, and only there; whoever bears that name comes first.
    let path = format!("/dir/undecryptable-{bad}");
    assert_eq!(mega.stat(&path).await.unwrap().handle(), bad);
    assert_eq!(mega.find_all(&path).unwrap().len(), 1);
    for wrong in ["/", "/dir/sub/"] {
        let path = format!("{wrong}undecryptable-{bad}");
        assert!(!mega.exists(path).await.unwrap());
    }
    let good = mega.stat("/dir/good.txt").await.unwrap();
    let path_of_good = format!("/dir/undecryptable-{}", good.handle());
    assert!(!mega.exists(path_of_good).await.unwrap());
    let named = mega.write(&path, "it really is").await.unwrap();
    assert_eq!(mega.stat(&path).await.unwrap().handle(), named.handle());
    mega.delete(&named).await.unwrap();
    assert_eq!(mega.read("/dir/good.txt").await.unwrap(), "good");
    assert_eq!(mega.read("/dir/sub/deep.txt").await.unwrap(), "deep");
    assert_eq!(mega.search("/").troubled().await.unwrap().len(), 1);
}

#[tokio::test]
async fn ls_16_what_needs_the_key_of_an_undecryptable_node_says_so() {
    let (world, mega, bad) = with_one().await;
    let local = tempfile::tempdir().unwrap();
    let (errors, sent) = world
        .batches(async {
            [
                mega.read(bad).await.unwrap_err(),
                mega.open(bad).await.unwrap_err(),
                mega.download(bad, local.path().join("x"))
                    .await
                    .unwrap_err(),
                mega.rename(bad, "better").await.unwrap_err(),
                mega.copy(bad, "/").await.unwrap_err(),
                mega.edit(bad).favourite(true).await.unwrap_err(),
                mega.link(bad).await.unwrap_err(),
            ]
        })
        .await;
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Key, "{error}");
        assert!(
            error.to_string().contains(&bad.to_string()),
            "it names the node: {error}"
        );
    }
    assert!(sent.is_empty(), "nothing was asked: {sent:?}");
    assert!(!local.path().join("x").exists());
}

/// What another client writes: attributes that nobody can read.
fn spoil(world: &World, node: mega_client::NodeHandle) {
    let attributes = "A".repeat(43);
    world.model(|model| {
        model.tamper_attributes(wire(node), &attributes);
        let packet = format!(r#"{{"a":"u","n":"{node}","at":"{attributes}","ts":1700000000}}"#);
        model.push_raw_packet(EMAIL, &packet);
    });
}

#[tokio::test]
async fn nod_6_attributes_that_were_put_right_end_the_trouble_at_once() {
    let world = World::new().await;
    let node = world.file("/file", "content").await.handle();
    let mega = &world.mega;
    spoil(&world, node);
    mega.refresh().await.unwrap();
    let seen = mega.stat(node).await.unwrap();
    assert_eq!(seen.trouble(), Some(Trouble::BadAttributes));
    // One that comes now has never read it.
    let late = world.place.sign_in().await;
    let seen = late.stat(node).await.unwrap();
    assert_eq!(seen.trouble(), Some(Trouble::BadAttributes));

    write_attributes(&world, node, r#"{"n":"right"}"#);
    for client in [mega, &late, &world.place.sign_in().await] {
        client.refresh().await.unwrap();
        let seen = client.stat("/right").await.unwrap();
        assert_eq!((seen.handle(), seen.trouble()), (node, None));
        assert_eq!(client.read(node).await.unwrap(), "content");
    }
    mega.rename(node, "usable").await.unwrap();
}

#[tokio::test]
async fn of_two_members_of_one_name_the_last_counts_everywhere() {
    let world = World::new().await;
    let node = world.file("/file", "content").await.handle();
    write_attributes(&world, node, r#"{"n":"first","n":"last"}"#);
    world.mega.refresh().await.unwrap();
    for mega in [&world.mega, &world.place.sign_in().await] {
        assert_eq!(mega.stat(node).await.unwrap().name(), "last");
        assert_eq!(mega.stat("/last").await.unwrap().handle(), node);
        assert!(!mega.exists("/first").await.unwrap());
    }
    // What is written back keeps the name that was shown.
    world.mega.set_favourite(node, true).await.unwrap();
    assert_eq!(world.paths().await, ["/last"]);
}
