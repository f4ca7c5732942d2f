//! Folders shared between accounts.

use mega_client::{AccessLevel, Change, Client, ErrorKind, Node, NodeHandle, SharedWith};
use mega_testserver::model::Holder;

use crate::fs_world::{World, handle, wire};
use crate::place::{EMAIL, names};

pub(crate) const FRIEND: &str = "friend@example.com";

/// Our account and a friend's, who are contacts.
pub(crate) async fn friends() -> (World, Client) {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    become_contacts(&world, &friend).await;
    (world, friend)
}

async fn become_contacts(world: &World, friend: &Client) {
    become_contacts_with(world, friend, FRIEND).await;
}

pub(crate) async fn become_contacts_with(world: &World, friend: &Client, email: &str) {
    world.mega.invite(email).await.unwrap();
    friend.refresh().await.unwrap();
    let invitation = friend.invitations().remove(0);
    assert_eq!(invitation.email.as_deref(), Some(EMAIL));
    friend.accept_invitation(invitation.handle).await.unwrap();
    world.mega.refresh().await.unwrap();
}

/// The shared folder as the friend sees it.
pub(crate) async fn received(friend: &Client) -> Node {
    friend.refresh().await.unwrap();
    let exchanged = friend.exchange_share_keys().await.unwrap();
    assert!(exchanged.failed.is_empty(), "{exchanged:?}");
    friend.incoming_shares().remove(0)
}

pub(crate) async fn below(mega: &Client, folder: &Node) -> Vec<String> {
    let nodes = mega.list(folder).recursive().await.unwrap();
    assert!(
        nodes.iter().all(|node| node.trouble().is_none()),
        "{nodes:?}"
    );
    let mut names: Vec<String> = nodes.iter().map(|node| node.name().to_owned()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn contacts_are_invited_accepted_declined_and_removed() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    let mega = &world.mega;
    mega.invite(FRIEND).await.unwrap();
    assert_eq!(mega.sent_invitations()[0].email.as_deref(), Some(FRIEND));
    assert_eq!(
        mega.invite(FRIEND).await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    mega.withdraw_invitation(FRIEND).await.unwrap();
    assert!(mega.sent_invitations().is_empty());
    friend.refresh().await.unwrap();
    assert!(friend.invitations().is_empty());

    mega.invite(FRIEND).await.unwrap();
    friend.refresh().await.unwrap();
    friend
        .decline_invitation(friend.invitations()[0].handle)
        .await
        .unwrap();
    mega.refresh().await.unwrap();
    assert!(mega.contacts().is_empty() && mega.sent_invitations().is_empty());

    become_contacts(&world, &friend).await;
    assert_eq!(mega.contacts()[0].email.as_deref(), Some(FRIEND));
    assert_eq!(friend.contacts()[0].user, mega.user().unwrap());
    // A client that signs in later knows them too.
    let fresh = world.place.sign_in().await;
    assert_eq!(fresh.contacts()[0].user, friend.user().unwrap());
    mega.remove_contact(FRIEND).await.unwrap();
    assert!(mega.contacts().is_empty());
    assert_eq!(
        mega.remove_contact(FRIEND).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_contact_reads_a_shared_folder_and_may_do_what_the_level_says() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    world.file("/common/sub/x.txt", "x").await;
    mega.share("/common", FRIEND).await.unwrap();
    let folder = received(&friend).await;
    assert_eq!(
        (folder.name(), below(&friend, &folder).await),
        ("common", vec!["sub".into(), "x.txt".into()])
    );
    assert_eq!(
        folder.incoming_share(),
        Some((mega.user().unwrap(), AccessLevel::Read))
    );
    let shares = mega.shares();
    assert_eq!(
        (shares.len(), shares[0].with),
        (1, SharedWith::Contact(friend.user().unwrap()))
    );

    // MV-11: reading only.
    let (errors, sent) = world
        .batches(async {
            [
                friend.create_dir("new").below(&folder).await.unwrap_err(),
                friend.rename(&folder, "mine").await.unwrap_err(),
                friend.edit(&folder).description("d").await.unwrap_err(),
                friend.link(&folder).await.unwrap_err(),
                friend.share(&folder, EMAIL).await.unwrap_err(),
            ]
        })
        .await;
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    }
    assert!(
        sent.iter().flatten().all(|command| command == "uga"),
        "{sent:?}"
    );

    mega.share("/common", FRIEND)
        .access(AccessLevel::ReadWrite)
        .await
        .unwrap();
    friend.refresh().await.unwrap();
    friend.create_dir("theirs").below(&folder).await.unwrap();
    mega.refresh().await.unwrap();
    // What they have put there can be read here, by this client and by one that signs in.
    assert_eq!(names(mega, "/common").await, ["sub", "theirs"]);
    assert_eq!(
        names(&world.place.sign_in().await, "/common").await,
        ["sub", "theirs"]
    );
    // And the reverse.
    mega.create_dir("/common/ours").await.unwrap();
    friend.refresh().await.unwrap();
    assert_eq!(
        below(&friend, &folder).await,
        ["ours", "sub", "theirs", "x.txt"]
    );
    let error = friend
        .rename(friend.list(&folder).await.unwrap().remove(0), "n")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");

    mega.share("/common", FRIEND)
        .access(AccessLevel::Full)
        .await
        .unwrap();
    friend.refresh().await.unwrap();
    let sub = friend
        .list(&folder)
        .await
        .unwrap()
        .into_iter()
        .find(|node| node.name() == "sub")
        .unwrap();
    friend.rename(&sub, "renamed").await.unwrap();
    mega.refresh().await.unwrap();
    assert_eq!(names(mega, "/common").await, ["ours", "renamed", "theirs"]);
    assert_eq!(mega.shares().len(), 1);
}

#[tokio::test]
async fn mv_8_moves_over_the_border_of_a_share_are_refused_and_copies_work() {
    let (world, friend) = friends().await;
    world.file("/common/x.txt", "x").await;
    world
        .mega
        .share("/common", FRIEND)
        .access(AccessLevel::Full)
        .await
        .unwrap();
    let folder = received(&friend).await;
    let file = friend.list(&folder).await.unwrap().remove(0);
    let own = friend.create_dir("/own").await.unwrap();
    for error in [
        friend.move_to(&file, "/").await.unwrap_err(),
        friend.move_to(&own, &folder).await.unwrap_err(),
        friend.trash(&file).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    let copy = friend
        .copy(&file, "/")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(world.content(copy.handle()), "x");
    friend.copy(&own, &folder).await.unwrap();
    world.mega.refresh().await.unwrap();
    assert_eq!(names(&world.mega, "/common").await, ["own", "x.txt"]);
    assert_eq!(
        friend.edit(&file).favourite(true).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    friend.delete(&file).await.unwrap();
    // The root of a share: leaving it.
    assert_eq!(
        friend.move_to(&folder, "/own").await.unwrap_err().kind(),
        ErrorKind::AccessDenied
    );
}

/// Whether a node has its key under the master key of our account.
pub(crate) fn has_own_key(world: &World, node: NodeHandle) -> bool {
    world.model(|model| {
        let owner = model.user(EMAIL).unwrap().handle;
        model
            .tree()
            .get(wire(node))
            .unwrap()
            .key(Holder::User(owner))
            .is_some()
    })
}

#[tokio::test]
async fn key_7_foreign_keys_are_saved_when_their_node_leaves_the_share_and_only_then() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    world.folder("/common/inner").await;
    mega.share("/common", FRIEND)
        .access(AccessLevel::ReadWrite)
        .await
        .unwrap();
    let folder = received(&friend).await;
    for name in ["one", "two", "three"] {
        friend
            .create_dir(format!("{name}/deep"))
            .below(&folder)
            .await
            .unwrap();
    }
    mega.refresh().await.unwrap();
    let [one, two, three] = ["one", "two", "three"].map(|name| {
        let found = mega.find_all(&format!("/common/{name}")).unwrap();
        found[0].handle()
    });
    assert!(!has_own_key(&world, one));
    // Within the share nothing has to be rewritten.
    let (_, sent) = world
        .batches(async { mega.move_to("/common/one", "/common/inner").await.unwrap() })
        .await;
    assert_eq!(sent, [["m"]]);
    let (_, sent) = world
        .batches(async { mega.move_to("/common/two", "/").await.unwrap() })
        .await;
    assert_eq!(sent, [["k"], ["m"]]);
    assert!(has_own_key(&world, two) && !has_own_key(&world, one) && !has_own_key(&world, three));
    // The end of the share saves the rest.
    mega.unshare("/common", FRIEND).await.unwrap();
    assert!(has_own_key(&world, one) && has_own_key(&world, three));
    assert!(mega.shares().is_empty());
    let paths = [
        "/common",
        "/common/inner",
        "/common/inner/one",
        "/common/inner/one/deep",
        "/common/three",
        "/common/three/deep",
        "/two",
        "/two/deep",
    ];
    assert_eq!(world.paths().await, paths);
    friend.refresh().await.unwrap();
    assert!(friend.incoming_shares().is_empty());
    assert_eq!(
        mega.unshare("/common", FRIEND).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn somebody_who_is_no_contact_yet_gets_the_key_after_accepting() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    let mega = &world.mega;
    world.file("/common/x.txt", "x").await;
    mega.share("/common", FRIEND).await.unwrap();
    assert_eq!(mega.shares()[0].with, SharedWith::Invited);
    friend.refresh().await.unwrap();
    friend
        .accept_invitation(friend.invitations()[0].handle)
        .await
        .unwrap();
    let folder = friend.incoming_shares().remove(0);
    assert!(folder.trouble().is_some(), "there is no key yet");
    assert!(
        friend
            .exchange_share_keys()
            .await
            .unwrap()
            .received
            .is_empty()
    );

    let sent = mega.exchange_share_keys().await.unwrap();
    assert_eq!(sent.sent, [mega.stat("/common").await.unwrap().handle()]);
    assert_eq!(
        mega.shares()[0].with,
        SharedWith::Contact(friend.user().unwrap())
    );
    let mut changes = friend.changes();
    let got = friend.exchange_share_keys().await.unwrap();
    assert_eq!(got.received, [folder.handle()]);
    let mut updated = false;
    while !updated {
        let told = futures::StreamExt::next(&mut changes)
            .await
            .unwrap()
            .unwrap();
        updated = matches!(told, Change::Updated(node) if node.handle() == folder.handle());
    }
    assert_eq!(below(&friend, &folder).await, ["x.txt"]);
    assert!(mega.exchange_share_keys().await.unwrap().sent.is_empty());
    // A client of theirs that signs in later finds the key in their account.
    let login = mega_client::Credentials::new(FRIEND, crate::place::PASSWORD);
    let fresh = world.place.builder().login(login).await.unwrap();
    assert_eq!(fresh.incoming_shares()[0].name(), "common");
}

#[tokio::test]
async fn key_9_att_12_a_contact_whose_keys_change_gets_nothing() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    let other = world.person("other@example.com").await;
    world
        .mega
        .create_dirs(["/one", "/two"])
        .await
        .into_result()
        .unwrap();
    mega.share("/one", FRIEND).await.unwrap();
    let fingerprint = mega.contact_fingerprint(FRIEND).await.unwrap();
    // The service puts the keys of somebody else, properly signed, in the place of the friend's.
    world.model(|model| {
        for name in ["+puEd255", "+puCu255", "+sigCu255"] {
            let theirs = model.user("other@example.com").unwrap().attributes[name].clone();
            model
                .user_mut(FRIEND)
                .unwrap()
                .attributes
                .insert(name.into(), theirs);
        }
    });
    let (error, sent) = world
        .batches(async { mega.share("/two", FRIEND).await.unwrap_err() })
        .await;
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    assert!(
        !sent
            .iter()
            .flatten()
            .any(|command| command == "s2" || command == "pk"),
        "{sent:?}"
    );
    assert_eq!(
        mega.contact_fingerprint(FRIEND).await.unwrap_err().kind(),
        ErrorKind::Key
    );
    assert_eq!(
        mega.confirm_contact(FRIEND, fingerprint)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Key
    );
    drop((friend, other));
}

#[tokio::test]
async fn a_fingerprint_is_compared_by_people() {
    let (world, friend) = friends().await;
    let seen = world.mega.contact_fingerprint(FRIEND).await.unwrap();
    assert_eq!(seen.len(), 49, "{seen}");
    assert_ne!(seen, friend.contact_fingerprint(EMAIL).await.unwrap());
    let error = world
        .mega
        .confirm_contact(FRIEND, "0000 0000")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    world
        .mega
        .confirm_contact(FRIEND, seen.to_uppercase().replace(' ', ""))
        .await
        .unwrap();
    let (_, sent) = world
        .batches(async { world.mega.confirm_contact(FRIEND, seen).await.unwrap() })
        .await;
    assert!(
        !sent.iter().flatten().any(|command| command == "upv"),
        "once is enough: {sent:?}"
    );
}

#[tokio::test]
async fn a_folder_with_a_link_and_a_share_keeps_the_one_when_the_other_ends() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    world.folder("/common").await;
    mega.share("/common", FRIEND).await.unwrap();
    let link = mega.link("/common").await.unwrap();
    let folder = received(&friend).await;
    mega.remove_link("/common").await.unwrap();
    mega.create_dir("/common/after-the-link").await.unwrap();
    friend.refresh().await.unwrap();
    assert_eq!(below(&friend, &folder).await, ["after-the-link"]);
    assert!(world.place.builder().open_link(link.url()).await.is_err());

    let again = mega.link("/common").await.unwrap();
    mega.unshare("/common", FRIEND).await.unwrap();
    mega.create_dir("/common/after-the-share").await.unwrap();
    let visitor = world.place.builder().open_link(again.url()).await.unwrap();
    assert_eq!(
        names(&visitor, "/").await,
        ["after-the-link", "after-the-share"]
    );
}

#[tokio::test]
async fn what_goes_into_the_bin_is_shared_no_longer() {
    let (world, friend) = friends().await;
    world.file("/top/common/x", "x").await;
    world.mega.share("/top/common", FRIEND).await.unwrap();
    received(&friend).await;
    world.mega.trash("/top").await.unwrap();
    assert!(world.mega.shares().is_empty());
    friend.refresh().await.unwrap();
    assert!(friend.incoming_shares().is_empty());
}

#[tokio::test]
async fn leaving_a_share_changes_nothing_for_its_owner() {
    let (world, friend) = friends().await;
    let file = world.file("/common/x", "x").await;
    world.mega.share("/common", FRIEND).await.unwrap();
    let folder = received(&friend).await;
    friend.delete(&folder).await.unwrap();
    assert!(friend.incoming_shares().is_empty());
    world.mega.refresh().await.unwrap();
    assert_eq!(world.content(file.handle()), "x");
    let there = world
        .model(|model| model.find(EMAIL, "/common/x"))
        .map(handle);
    assert_eq!(there, Some(file.handle()));
}

#[tokio::test]
async fn an_old_account_does_not_share() {
    let world = World::without_account_keys().await;
    world.folder("/common").await;
    let (error, sent) = world
        .batches(async { world.mega.share("/common", FRIEND).await.unwrap_err() })
        .await;
    assert_eq!(error.kind(), ErrorKind::KeysMissing, "{error}");
    assert!(sent.is_empty());
}

#[tokio::test]
async fn the_end_of_a_share_inside_another_one_takes_nothing_away() {
    let (world, friend) = friends().await;
    world.file("/common/inner/x", "x").await;
    world.mega.share("/common", FRIEND).await.unwrap();
    world.mega.share("/common/inner", FRIEND).await.unwrap();
    friend.refresh().await.unwrap();
    friend.exchange_share_keys().await.unwrap();
    world.mega.unshare("/common/inner", FRIEND).await.unwrap();
    friend.refresh().await.unwrap();
    let shares = friend.incoming_shares();
    assert_eq!(shares.len(), 1, "{shares:?}");
    assert_eq!(below(&friend, &shares[0]).await, ["inner", "x"]);
}

#[tokio::test]
async fn keys_without_a_version_are_not_written() {
    let world = World::new().await;
    let folder = world.folder("/folder").await;
    let faults = world.server().faults();
    faults.add(mega_testserver::Fault::command("uga").without("v").always());
    let (made, sent) = world.batches(world.mega.link(&folder)).await;
    assert_eq!(made.unwrap_err().kind(), ErrorKind::Protocol);
    let writes = sent.iter().flatten().filter(|name| *name == "upv");
    assert_eq!(writes.count(), 0, "{sent:?}");
    faults.clear();
    world.mega.link(&folder).await.unwrap();
}
