//! Public links, and what lies in a folder that has one.

use std::time::{Duration, SystemTime};

use mega_client::{Client, ErrorKind, NodeHandle};
use mega_crypto::account_keys::AccountKeys;
use mega_crypto::{MasterKey, UserHandle};
use mega_testserver::{Fault, Lane};

use crate::fs_world::{World, wire};
use crate::place::{EMAIL, names};

pub(crate) async fn visitor(world: &World, url: &str) -> Client {
    world.place.builder().open_link(url).await.unwrap()
}

/// Whether the account notes the share key of a folder as in use.
pub(crate) fn in_use(world: &World, folder: NodeHandle) -> Option<bool> {
    world.model(|model| {
        let user = model.user(EMAIL).unwrap();
        let value = &user.attributes.get("^!keys").unwrap().value;
        let bytes = mega_testserver::wire::unb64(value).unwrap();
        let master = MasterKey::from_bytes(world.account.master_key);
        let owner = UserHandle::from_bytes(user.handle.0);
        let keys = AccountKeys::open(&bytes, &master, owner, None).unwrap();
        let node = mega_crypto::NodeHandle::from_bytes(folder.to_bytes());
        keys.share_key(node).map(|key| key.is_in_use())
    })
}

#[tokio::test]
async fn sh_1_a_folder_link_opens_without_an_account_until_it_is_removed() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/open/sub/x.txt", "x").await;
    world.file("/closed", "x").await;
    let folder = mega.stat("/open").await.unwrap().handle();
    assert_eq!(in_use(&world, folder), None);
    let (link, sent) = world
        .batches(async { mega.link("/open").await.unwrap() })
        .await;
    assert_eq!(
        sent,
        [["uga"], ["upv"], ["s2"], ["l"]],
        "the key is noted before it is used"
    );
    assert_eq!(in_use(&world, folder), Some(true));
    let (again, sent) = world
        .batches(async { mega.link("/open").await.unwrap() })
        .await;
    assert_eq!((again.url(), again.handle()), (link.url(), link.handle()));
    assert_eq!(sent, [["l"]]);
    assert_eq!(
        mega.stat("/open").await.unwrap().link().unwrap().handle,
        link.handle()
    );

    let guest = visitor(&world, link.url()).await;
    assert_eq!(names(&guest, "/").await, ["sub"]);
    assert_eq!(names(&guest, "/sub").await, ["x.txt"]);
    for error in [
        guest.create_dir("/new").await.err(),
        guest.delete("/sub").await.err(),
    ] {
        assert_eq!(error.unwrap().kind(), ErrorKind::Unsupported);
    }
    // Another client of the account gives the same link.
    let other = world.place.sign_in().await;
    assert_eq!(other.link("/open").await.unwrap().url(), link.url());
    assert_eq!(other.links()[0].link().unwrap().url(), link.url());

    mega.remove_link("/open").await.unwrap();
    assert!(mega.links().is_empty());
    assert_eq!(in_use(&world, folder), Some(false));
    let error = world
        .place
        .builder()
        .open_link(link.url())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    mega.remove_link("/open").await.unwrap();
    assert_eq!(
        mega.link("/none").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // And again, with the key that the account keeps.
    let back = mega.link("/open").await.unwrap();
    assert_eq!(
        names(&visitor(&world, back.url()).await, "/sub").await,
        ["x.txt"]
    );
}

#[tokio::test]
pub(crate) async fn visitors_can_read_what_comes_into_a_linked_folder_later() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/file", "x").await;
    world.file("/tree/a/b", "x").await;
    world.file("/tree/c", "x").await;
    mega.create_dir("/open/inner").await.unwrap();
    let link = mega.link("/open").await.unwrap();
    let inner = mega.link("/open/inner").await.unwrap();

    mega.create_dir("/open/inner/made").await.unwrap();
    mega.copy("/file", "/open").await.unwrap();
    mega.copy("/tree", "/open/inner")
        .rename("copied")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    mega.move_to("/tree", "/open/inner").await.unwrap();
    mega.rename("/open/inner/tree/c", "renamed").await.unwrap();

    let expected = [
        "copied",
        "copied/a",
        "copied/a/b",
        "copied/c",
        "made",
        "tree",
        "tree/a",
        "tree/a/b",
        "tree/renamed",
    ];
    let list = |guest: Client, top: &'static str| async move {
        let nodes = guest.list(top).recursive().sorted().await.unwrap();
        assert!(nodes.iter().all(|node| node.trouble().is_none()));
        nodes
            .iter()
            .map(|node| guest.path_of(node).unwrap())
            .collect::<Vec<_>>()
    };
    let outer = visitor(&world, link.url()).await;
    assert_eq!(names(&outer, "/").await, ["file", "inner"]);
    assert_eq!(
        list(outer, "/inner").await,
        expected.map(|path| format!("/inner/{path}"))
    );
    let nested = visitor(&world, inner.url()).await;
    assert_eq!(
        list(nested, "/").await,
        expected.map(|path| format!("/{path}"))
    );
    // A client that signs in afresh knows the share keys too, and writes for the visitors.
    let other = world.place.sign_in().await;
    other.create_dir("/open/from-another").await.unwrap();
    let outer = visitor(&world, link.url()).await;
    assert_eq!(names(&outer, "/").await, ["file", "from-another", "inner"]);
}

#[tokio::test]
async fn an_old_account_without_account_keys_makes_folder_links_too() {
    let world = World::without_account_keys().await;
    let mega = &world.mega;
    world.file("/open/x.txt", "x").await;
    let (link, sent) = world
        .batches(async { mega.link("/open").await.unwrap() })
        .await;
    assert_eq!(sent, [["s2"], ["l"]]);
    assert_eq!(
        names(&visitor(&world, link.url()).await, "/").await,
        ["x.txt"]
    );
    assert_eq!(mega.link("/open").await.unwrap().url(), link.url());
    mega.create_dir("/open/more").await.unwrap();
    assert_eq!(
        names(&visitor(&world, link.url()).await, "/").await,
        ["more", "x.txt"]
    );
    mega.remove_link("/open").await.unwrap();
    let back = mega.link("/open").await.unwrap();
    assert_eq!(
        names(&visitor(&world, back.url()).await, "/").await,
        ["more", "x.txt"]
    );

    // KEY-8: a key that came from the service does not serve for new receivers. (It drops a key with the last share; this one keeps it.)
    let kept = world.model(|model| model.user(EMAIL).unwrap().share_keys.clone());
    assert_eq!(kept.len(), 1);
    mega.remove_link("/open").await.unwrap();
    world.model(|model| {
        let keys = &mut model.user_mut(EMAIL).unwrap().share_keys;
        assert!(std::mem::replace(keys, kept).is_empty());
    });
    let other = world.place.sign_in().await;
    let error = other.link("/open").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn att_11_inv_7_key_6_a_spliced_node_is_withheld_from_the_link() {
    let world = World::new().await;
    for name in ["a", "b"] {
        world.file(&format!("/open/{name}"), "x").await;
    }
    let bad = world.file("/open/bad", "x").await.handle();
    world.model(|model| {
        let owner = model.user(EMAIL).unwrap().handle;
        model.tamper_key(wire(bad), &format!("{owner}:{}", "B".repeat(43)));
    });
    let mega = world.place.sign_in().await;
    let link = mega.link("/open").await.unwrap();
    assert_eq!(link.withheld(), [bad]);
    let given = world.model(|model| {
        let folder = model.find(EMAIL, "/open").unwrap();
        let share = mega_testserver::model::Holder::Share(folder);
        let with_key = |node: &mega_testserver::model::Node| node.key(share).is_some();
        model
            .tree()
            .subtree(folder)
            .into_iter()
            .filter(|node| model.tree().get(*node).is_some_and(with_key))
            .count()
    });
    assert_eq!(given, 3, "the folder and the two good files");
    let error = mega.link(bad).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    // Nor may it be moved to where others would get its key.
    mega.create_dir("/other").await.unwrap();
    mega.link("/other").await.unwrap();
    let error = mega.move_to(bad, "/other").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.handles()),
        (ErrorKind::Key, &[bad][..]),
        "{error}"
    );
}

#[tokio::test]
async fn hundreds_of_links_are_made_and_removed_in_few_requests() {
    let world = World::new().await;
    let mega = &world.mega;
    world.model(|model| {
        for n in 0..300 {
            model.make_file(EMAIL, &format!("/f/{n}"), b"x", 0);
        }
    });
    mega.refresh().await.unwrap();
    let mut targets: Vec<String> = (0..300).map(|n| format!("/f/{n}")).collect();
    targets.push("/none".into());
    let (made, sent) = world.batches(async { mega.link_all(&targets).await }).await;
    assert_eq!(
        (made.successes().count(), made.failures().count()),
        (300, 1)
    );
    assert!(sent.len() <= 3, "{} requests", sent.len());
    assert_eq!(mega.links().len(), 300);
    targets.pop();
    let (removed, sent) = world.batches(mega.remove_links(&targets)).await;
    removed.into_result().unwrap();
    assert!(sent.len() <= 3, "{} requests", sent.len());
    assert!(mega.links().is_empty());
}

#[tokio::test]
async fn an_expiring_link_ends() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/x", "x").await;
    let now = world.server().clock().unix();
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap() + 100);
    let link = mega.link("/x").expires(end).await.unwrap();
    assert_eq!(link.expires(), Some(end));
    assert_eq!(
        mega.stat("/x").await.unwrap().link().unwrap().expires,
        Some(end)
    );
    visitor(&world, link.url()).await;
    world.server().clock().advance(Duration::from_secs(200));
    let error = world
        .place
        .builder()
        .open_link(link.url())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_writable_link_takes_files_and_gives_nothing_else_away() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/drop/there.txt", "there").await;
    let reading = mega.link("/drop").await.unwrap();
    let link = mega.link("/drop").writable().await.unwrap();
    assert!(link.is_writable() && !reading.is_writable());
    assert_eq!(link.handle(), reading.handle());
    let visitor = world.place.builder().open_link(link.url()).await.unwrap();
    assert!(visitor.capabilities().create && !visitor.capabilities().change);
    visitor.write("/in/letter.txt", "dear owner").await.unwrap();
    assert_eq!(visitor.read("/in/letter.txt").await.unwrap(), "dear owner");
    mega.refresh().await.unwrap();
    assert_eq!(
        mega.read("/drop/in/letter.txt").await.unwrap(),
        "dear owner"
    );
    for error in [
        visitor.rename("/there.txt", "gone.txt").await.unwrap_err(),
        visitor.delete("/there.txt").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let reader = world
        .place
        .builder()
        .open_link(reading.url())
        .await
        .unwrap();
    let error = reader.write("/no.txt", "no").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let error = mega.link("/drop/there.txt").writable().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
}

#[tokio::test]
async fn key_10_another_client_that_writes_the_account_keys_first_loses_nothing() {
    let world = World::new().await;
    let other = world.place.sign_in().await;
    let folders: Vec<String> = (0..6).map(|n| format!("/{n}")).collect();
    world
        .mega
        .create_dirs(&folders)
        .await
        .into_result()
        .unwrap();
    other.refresh().await.unwrap();
    let (left, right) = folders.split_at(3);
    let (ours, theirs) = tokio::join!(async { world.mega.link_all(left).await }, async {
        other.link_all(right).await
    });
    ours.into_result().unwrap();
    theirs.into_result().unwrap();
    for path in &folders {
        let folder = world.mega.stat(path).await.unwrap().handle();
        assert_eq!(in_use(&world, folder), Some(true), "{path}");
    }
}

#[tokio::test]
async fn nothing_of_a_link_shows_in_debug_output() {
    let world = World::new().await;
    world.file("/x", "x").await;
    let link = world.mega.link("/x").await.unwrap();
    let key = link.url().split('#').nth(1).unwrap();
    let shown = format!("{link:?} {:?}", world.mega.links());
    assert!(!shown.contains(key), "{shown}");
}

#[tokio::test]
async fn p3_a_link_that_was_made_is_not_reported_as_refused_when_asking_again_is() {
    let world = World::new().await;
    let file = world.file("/x", "x").await;
    // The link is made; its packet cannot be fetched any more, and the same command once more is refused.
    let faults = world.server().faults();
    faults.add(Fault::lane(Lane::Events).kill_session());
    let error = world.mega.link("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    let linked = world.model(|model| {
        let node = model.tree().get(wire(file.handle()));
        node.is_some_and(|node| node.link.is_some())
    });
    assert!(linked);
}

#[tokio::test]
async fn a_link_that_somebody_else_has_removed_is_gone_from_the_tree_when_its_removal_returns() {
    let world = World::new().await;
    let mega = &world.mega;
    for path in ["/file.txt", "/folder/inner.txt"] {
        world.file(path, "x").await;
    }
    for path in ["/file.txt", "/folder"] {
        mega.link(path).await.unwrap();
        let other = world.place.sign_in().await;
        other.remove_link(path).await.unwrap();
        // Nobody has told this client.
        assert!(mega.stat(path).await.unwrap().link().is_some());
        mega.remove_link(path).await.unwrap();
        assert!(mega.stat(path).await.unwrap().link().is_none(), "{path}");
    }
    assert!(mega.links().is_empty());
}
