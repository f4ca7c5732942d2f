//! Nodes and changes as other programs read them.

use futures::StreamExt;
use mega_client::{Change, NodeHandle};
use serde_json::{Value, json};

use crate::fs_world::World;

#[tokio::test]
async fn a_node_is_a_record_without_keys_and_its_handle_leads_back() {
    let world = World::new().await;
    let file = world.file("/docs/plan.txt", "twelve bytes").await;
    let link = world.mega.link(&file).await.unwrap();
    let file = world.mega.stat("/docs/plan.txt").await.unwrap();
    let text = serde_json::to_string(&file).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let folder = world.mega.stat("/docs").await.unwrap();
    assert_eq!(record["name"], "plan.txt");
    assert_eq!(record["kind"], "file");
    assert_eq!(record["size"], 12);
    assert_eq!(record["modified"], 1_700_000_000);
    assert_eq!(record["parent"], folder.handle().to_string());
    assert_eq!(record["link"]["taken_down"], false);
    assert!(record.get("trouble").is_none() && record.get("version").is_none());

    let key = link.url().rsplit('#').next().unwrap().to_owned();
    assert!(key.len() > 40 && !text.contains(&key), "no key in it");

    let handle: NodeHandle = serde_json::from_value(record["handle"].clone()).unwrap();
    assert_eq!(world.mega.stat(handle).await.unwrap().name(), "plan.txt");
    let usage = world.mega.usage("/docs").await.unwrap();
    assert_eq!(serde_json::to_value(usage).unwrap()["files"], 1);
}

#[tokio::test]
async fn a_change_says_its_kind_and_what_it_is_about() {
    let world = World::new().await;
    let mut changes = world.mega.changes();
    let folder = world.mega.create_dir("/new").await.unwrap();
    world.mega.delete("/new").await.unwrap();
    let mut seen = Vec::new();
    while seen.last()
        != Some(&json!({ "change": "removed", "handle": folder.handle().to_string() }))
    {
        let change = changes.next().await.unwrap().unwrap();
        seen.push(serde_json::to_value(&change).unwrap());
        if let Change::Added(node) = &change {
            assert_eq!(
                seen.last().unwrap()["node"],
                serde_json::to_value(node).unwrap()
            );
        }
    }
    assert!(seen.iter().any(|change| change["change"] == "added"));
    assert_eq!(
        serde_json::to_value(Change::Missed(3)).unwrap(),
        json!({ "change": "missed", "changes": 3 })
    );
}
