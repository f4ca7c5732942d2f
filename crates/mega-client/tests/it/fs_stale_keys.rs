//! Share keys that other clients of an account have learnt or made.

use std::time::Duration;

use futures::StreamExt;
use mega_client::{AccessLevel, Change, Client, Credentials};
use mega_testserver::Fault;

use crate::fs_links::visitor;
use crate::fs_shares::{FRIEND, below, friends, received};
use crate::fs_world::World;
use crate::place::{PASSWORD, names};

async fn second_of_friend(world: &World) -> Client {
    let login = Credentials::new(FRIEND, PASSWORD);
    world.place.builder().login(login).await.unwrap()
}

#[tokio::test]
async fn what_is_put_into_a_folder_that_another_client_has_linked_can_be_read_by_visitors() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/moves", "x").await;
    world.folder("/open").await;
    let second = world.place.sign_in().await;
    let link = second.link("/open").await.unwrap();
    // Not even refreshed: the share is seen on the way, and its key with it.
    mega.create_dir("/open/made").await.unwrap();
    mega.move_to("/moves", "/open").await.unwrap();
    mega.write("/open/written", "x").await.unwrap();
    let guest = visitor(&world, link.url()).await;
    assert_eq!(names(&guest, "/").await, ["made", "moves", "written"]);
    assert_eq!(mega.links()[0].link().unwrap().url(), link.url());
}

#[tokio::test]
async fn a_key_that_cannot_be_read_at_first_is_asked_for_again_where_it_is_needed() {
    let world = World::new().await;
    let mega = &world.mega;
    world.folder("/open").await;
    let second = world.place.sign_in().await;
    let link = second.link("/open").await.unwrap();
    // The news come, but the keys cannot be had just then.
    world.server().faults().add(Fault::command("uga").code(-9));
    mega.refresh().await.unwrap();
    mega.create_dir("/open/made").await.unwrap();
    let guest = visitor(&world, link.url()).await;
    assert_eq!(names(&guest, "/").await, ["made"]);
}

#[tokio::test]
async fn a_share_that_another_client_has_taken_opens_here_too() {
    let (world, friend) = friends().await;
    let mega = &world.mega;
    let second = second_of_friend(&world).await;
    for (round, path) in ["/one", "/two"].into_iter().enumerate() {
        world.file(&format!("{path}/x"), "x").await;
        mega.share(path, FRIEND)
            .access(AccessLevel::ReadWrite)
            .await
            .unwrap();
        friend.refresh().await.unwrap();
        let mut changes = friend.changes();
        received(&second).await;
        let folder = if round == 0 {
            drop(changes);
            friend.refresh().await.unwrap();
            friend.incoming_shares().remove(0)
        } else {
            // Whoever only follows the changes sees it open, too.
            let mut opened = None;
            while opened.is_none() {
                let change = changes.next().await.unwrap().unwrap();
                opened = match change {
                    Change::Updated(node) if node.name() == "two" => Some(node),
                    _ => None,
                };
            }
            opened.unwrap()
        };
        assert_eq!(below(&friend, &folder).await, ["x"]);
    }
}

#[tokio::test]
async fn own_writes_of_the_account_keys_are_not_read_again() {
    let world = World::new().await;
    world.folder("/open").await;
    let (_, sent) = world
        .batches(async {
            world.mega.link("/open").await.unwrap();
            world.mega.refresh().await.unwrap();
        })
        .await;
    assert_eq!(sent, [["uga"], ["upv"], ["s2"], ["l"]]);
}

#[tokio::test]
async fn a_key_that_comes_while_the_tree_is_loaded_anew_is_kept() {
    let (world, friend) = friends().await;
    world.file("/common/x", "x").await;
    world.mega.share("/common", FRIEND).await.unwrap();
    friend.refresh().await.unwrap();
    // The key is stored; while the service is told that it was taken, the tree is to be loaded anew.
    let slow = Fault::command("pk")
        .skip(1)
        .delay(Duration::from_millis(700));
    world.server().faults().add(slow);
    let journal = || {
        let asked = world.server().journal();
        asked.iter().filter(|e| e.commands == ["pk"]).count()
    };
    let before = journal();
    let reload = async {
        while journal() < before + 2 {
            tokio::task::yield_now().await;
        }
        world.model(|model| model.push_raw_packet(FRIEND, "{\"a\":\"d\",\"n\":5}"));
        friend.refresh().await.unwrap();
    };
    let (exchanged, ()) = tokio::join!(friend.exchange_share_keys(), reload);
    assert_eq!(exchanged.unwrap().received.len(), 1);
    let folder = friend.incoming_shares().remove(0);
    assert_eq!(below(&friend, &folder).await, ["x"]);
}
