//! Ending shares and links, and what others have put into the folder by then.

use mega_client::{AccessLevel, Client, Node, NodeHandle};

use crate::fs_links::visitor;
use crate::fs_shares::{FRIEND, become_contacts_with, friends, has_own_key, received};
use crate::fs_world::World;

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
