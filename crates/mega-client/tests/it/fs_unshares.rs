//! Ending shares and links, and what others have put into the folder by then.

use mega_client::{AccessLevel, Client, ErrorKind, Node, NodeHandle};
use mega_testserver::Fault;

use crate::fs_links::{in_use, visitor};
use crate::fs_shares::{FRIEND, become_contacts_with, friends, has_own_key, received};
use crate::fs_world::{World, wire};
use crate::place::EMAIL;

const OTHER: &str = "other@example.com";

async fn shared(world: &World, with: &str) {
    world
        .mega
        .share("/common", with)
        .access(AccessLevel::ReadWrite)
        .await
        .unwrap();
}

async fn put(friend: &Client, folder: &Node, name: &str) -> NodeHandle {
    let made = friend.create_dir(name).below(folder).await.unwrap();
    made.handle()
}

#[tokio::test]
async fn key_7_what_a_partner_has_put_there_unseen_is_saved_when_the_share_ends() {
    for trash in [false, true] {
        let (world, friend) = friends().await;
        world.folder("/common").await;
        shared(&world, FRIEND).await;
        let folder = received(&friend).await;
        let late = put(&friend, &folder, "late").await;
        if trash {
            world.mega.trash("/common").await.unwrap();
        } else {
            world.mega.unshare("/common", FRIEND).await.unwrap();
        }
        assert!(has_own_key(&world, late), "trash: {trash}");
    }
}

#[tokio::test]
async fn key_7_what_partners_have_put_there_is_saved_when_two_shares_end_at_once() {
    for trash in [false, true] {
        let (world, friend) = friends().await;
        let mega = &world.mega;
        let other = world.person(OTHER).await;
        become_contacts_with(&world, &other, OTHER).await;
        world.folder("/common").await;
        shared(&world, FRIEND).await;
        shared(&world, OTHER).await;
        let folder = received(&friend).await;
        let put = put(&friend, &folder, "theirs").await;
        mega.refresh().await.unwrap();
        if trash {
            mega.trash("/common").await.unwrap();
        } else {
            let (one, two) = tokio::join!(
                mega.unshare("/common", FRIEND),
                mega.unshare("/common", OTHER)
            );
            one.unwrap();
            two.unwrap();
        }
        assert!(has_own_key(&world, put), "trash: {trash}");
        assert!(mega.shares().is_empty());
    }
}

#[tokio::test]
async fn key_7_what_others_have_put_there_is_saved_when_the_link_goes_last() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    world.folder("/common").await;
    let link = mega.link("/common").writable().await.unwrap();
    let guest = visitor(&world, link.url()).await;
    let letter = guest.create_dir("/letter").await.unwrap().handle();
    mega.remove_link("/common").await.unwrap();
    assert!(has_own_key(&world, letter));

    // Here a share has ended before, on the other side.
    mega.link("/common").await.unwrap();
    shared(&world, FRIEND).await;
    let folder = received(&friend).await;
    let theirs = put(&friend, &folder, "theirs").await;
    friend.delete(&folder).await.unwrap();
    mega.remove_link("/common").await.unwrap();
    assert!(has_own_key(&world, theirs));
}

#[tokio::test]
async fn a_link_whose_share_did_not_end_is_removed_by_repeating() {
    let world = World::new().await;
    let mega = &world.mega;
    let folder = world.folder("/open").await.handle();
    mega.link("/open").await.unwrap();
    world.server().faults().add(Fault::command("s2").code(-11));
    let error = mega.remove_link("/open").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    let exported = |world: &World| {
        world.model(|model| {
            let node = model.tree().get(wire(folder)).unwrap();
            node.exported.is_some()
        })
    };
    assert!(exported(&world));
    mega.remove_link("/open").await.unwrap();
    assert!(!exported(&world));
    assert_eq!(in_use(&world, folder), Some(false));
}

#[tokio::test]
async fn nobody_is_handed_the_key_of_a_folder_that_is_not_shared_with_them() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    world.folder("/common").await;
    // The share is refused after its key was noted to be handed out.
    world.server().faults().add(Fault::command("s2").code(-11));
    mega.share("/common", FRIEND).await.unwrap_err();
    let (exchanged, sent) = world
        .batches(async { mega.exchange_share_keys().await.unwrap() })
        .await;
    assert!(exchanged.sent.is_empty(), "{exchanged:?}");
    let keys = sent.iter().flatten().filter(|name| *name == "pk").count();
    assert_eq!(keys, 1, "only looked for: {sent:?}");

    // The share is made, but its key cannot be handed out; then it ends.
    world.server().faults().add(Fault::command("pk").code(-11));
    mega.share("/common", FRIEND).await.unwrap_err();
    assert_eq!(mega.shares().len(), 1);
    mega.unshare("/common", FRIEND).await.unwrap();
    // Were the note still there, this one would be served by it.
    world.server().faults().add(Fault::command("s2").code(-11));
    let exchanged = mega.exchange_share_keys().await.unwrap();
    assert!(exchanged.sent.is_empty(), "{exchanged:?}");
    friend.refresh().await.unwrap();
    let got = friend.exchange_share_keys().await.unwrap();
    assert!(got.received.is_empty() && got.failed.is_empty(), "{got:?}");
}

#[tokio::test]
async fn a_key_that_could_not_be_handed_out_is_handed_out_later() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    let folder = world.folder("/common").await.handle();
    world.server().faults().add(Fault::command("pk").code(-11));
    mega.share("/common", FRIEND).await.unwrap_err();
    assert_eq!(mega.exchange_share_keys().await.unwrap().sent, [folder]);
    assert_eq!(received(&friend).await.name(), "common");
}

#[tokio::test]
async fn what_goes_into_the_bin_is_for_nobody_else_whoever_made_it_public() {
    for by_moving in [false, true] {
        let (world, friend) = friends().await;
        let mega = &world.mega;
        world.file("/dir/x", "x").await;
        world.folder("/dir/common").await;
        let second = world.place.sign_in().await;
        let link = second.link("/dir/x").await.unwrap();
        second.share("/dir/common", FRIEND).await.unwrap();
        second.share("/dir/common", OTHER).await.unwrap();
        if by_moving {
            mega.move_to("/dir", mega.rubbish_bin().unwrap())
                .await
                .unwrap();
        } else {
            mega.trash("/dir").await.unwrap();
        }
        let open = world.place.builder().open_link(link.url()).await;
        assert_eq!(open.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(mega.links().is_empty() && mega.shares().is_empty());
        friend.refresh().await.unwrap();
        assert!(friend.incoming_shares().is_empty());
        // Whoever was only invited finds nothing, either.
        let other = world.person(OTHER).await;
        let invitation = other.invitations().remove(0);
        other.accept_invitation(invitation.handle).await.unwrap();
        assert!(other.incoming_shares().is_empty());
    }
}

#[tokio::test]
async fn what_goes_into_a_folder_of_the_bin_notes_its_place_too() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/dir/x", "x").await;
    world.folder("/old").await;
    let old = mega.trash("/old").await.unwrap();
    mega.link("/dir/x").await.unwrap();
    let moved = mega.move_to("/dir/x", &old).await.unwrap();
    assert_eq!(
        moved.restores_to(),
        Some(mega.stat("/dir").await.unwrap().handle())
    );
    assert!(mega.links().is_empty());
    let back = mega.restore(&moved).await.unwrap();
    assert_eq!(mega.path_of(&back).as_deref(), Some("/dir/x"));
    assert_eq!(back.restores_to(), None);
    let there = world.model(|model| model.find(EMAIL, "/dir/x"));
    assert!(there.is_some());
}
