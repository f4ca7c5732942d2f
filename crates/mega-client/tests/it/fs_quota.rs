//! How much room and transfer there is.

use mega_client::{OnConflict, StorageState};
use mega_testserver::Fault;

use crate::fs_world::World;
use crate::place::EMAIL;

#[tokio::test]
async fn sh_4_quota_counts_versions_apart_and_by_root() {
    let world = World::new().await;
    let mega = &world.mega;
    for text in ["1", "22", "333"] {
        let write = mega
            .write("/plan.txt", text)
            .on_conflict(OnConflict::Replace);
        write.await.unwrap();
    }
    world.file("/dir/other.txt", "4444").await;
    let quota = mega.quota().await.unwrap();
    // The service and the tree agree.
    let usage = mega.usage("/").await.unwrap();
    assert_eq!((quota.versions(), usage.version_bytes), (3, 3));
    assert_eq!((quota.cloud().version_files, usage.versions), (2, 2));
    assert_eq!((quota.cloud().bytes, usage.bytes), (7, 7));
    assert_eq!((quota.cloud().files, quota.cloud().folders), (2, 1));
    assert_eq!((quota.used(), quota.free() + 10), (10, quota.total()));

    // Versions go into the bin with their file, and are counted there.
    mega.trash("/plan.txt").await.unwrap();
    let quota = mega.quota().await.unwrap();
    let bin = quota.rubbish_bin();
    assert_eq!((bin.bytes, bin.files), (3, 1));
    assert_eq!(
        (bin.version_bytes, bin.version_files, quota.versions()),
        (3, 2, 3)
    );
    assert_eq!((quota.cloud().bytes, quota.cloud().version_bytes), (4, 0));
    assert_eq!((quota.vault().files, quota.vault().bytes), (0, 0));
    assert_eq!(quota.by_root().len(), 3);
    assert_eq!(quota.used(), 10);
    mega.restore(
        mega.search(mega.rubbish_bin().unwrap())
            .await
            .unwrap()
            .remove(0),
    )
    .await
    .unwrap();
    mega.delete_all_versions().await.unwrap();
    let quota = mega.quota().await.unwrap();
    assert_eq!((quota.versions(), quota.used()), (0, 7));
}

#[tokio::test]
async fn the_plan_and_what_it_allows_to_transfer_are_told() {
    let world = World::new().await;
    let mega = &world.mega;
    let free = mega.quota().await.unwrap();
    assert_eq!((free.plan(), free.transfer_total()), (Some(0), Some(0)));
    assert_eq!(free.state(), Some(StorageState::Green));

    world.model(|model| {
        let user = model.user_mut(EMAIL).unwrap();
        user.transfer.allowance = Some(1 << 40);
        user.quota = 100;
    });
    let content = vec![7; 98];
    mega.write("/full", content.clone()).await.unwrap();
    assert_eq!(mega.read("/full").await.unwrap(), content);
    let paid = Fault::command("uq").replace_member("utype", "4");
    world.server().faults().add(paid);
    let quota = mega.quota().await.unwrap();
    assert_eq!(quota.plan(), Some(4));
    assert_eq!(quota.transfer_total(), Some(1 << 40));
    assert_eq!(quota.transfer_used(), Some(98));
    assert_eq!(quota.state(), Some(StorageState::Orange));
    assert_eq!((quota.used(), quota.free()), (98, 2));

    // What the service does not say is not made up.
    let faults = world.server().faults();
    faults.add(Fault::command("uq").without("utype").without("mxfer"));
    let quota = mega.quota().await.unwrap();
    assert_eq!((quota.plan(), quota.transfer_total()), (None, None));
}
