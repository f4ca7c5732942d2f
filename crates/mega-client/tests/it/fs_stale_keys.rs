//! Share keys that other clients of an account have learnt or made.

use std::time::Duration;

use mega_testserver::Fault;

use crate::fs_shares::{FRIEND, below, friends};

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
