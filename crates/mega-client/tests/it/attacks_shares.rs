//! What a service can try with share keys that somebody else knows (threat model, ATT-12, NOD-3), against a whole client.

use mega_client::{AccessLevel, Client, NodeHandle, Trouble};
use mega_testserver::Fault;
use mega_testserver::account::cipher::ecb_encrypt;
use mega_testserver::account::content::seal_attributes;
use mega_testserver::wire::{b64, unb64};
use serde_json::{Value, json};

use crate::fs_world::World;
use crate::place::EMAIL;

const FRIEND: &str = "friend@example.com";

/// The key in the address of a link.
fn key_in(url: &str) -> String {
    url.rsplit_once('#').unwrap().1.to_owned()
}

/// A folder that only the key of this link opens, as somebody who has the link could make it.
fn planted(link: &str, shared: NodeHandle, node: &str, parent: NodeHandle, owner: &str) -> Value {
    let share_key: [u8; 16] = unb64(&key_in(link)).unwrap().try_into().unwrap();
    let mut key = [0x5a; 16];
    let attributes = seal_attributes(&key, r#"{"n":"planted"}"#);
    ecb_encrypt(&share_key, &mut key);
    json!({
        "h": node, "p": parent.to_string(), "u": owner, "t": 1, "a": attributes,
        "k": format!("{shared}:{}", b64(&key)), "ts": 1,
    })
}

fn packet(node: &Value) -> String {
    json!({"a": "t", "t": {"f": [node]}}).to_string()
}

async fn trouble(mega: &Client, node: &str) -> Option<Trouble> {
    let node: NodeHandle = node.parse().unwrap();
    mega.stat(node).await.unwrap().trouble()
}

#[tokio::test]
async fn nod_3_the_key_of_a_link_opens_nothing_outside_its_folder() {
    let world = World::new().await;
    let (open, private) = (
        world.folder("/open").await.handle(),
        world.folder("/private").await.handle(),
    );
    let other = world.folder("/other").await.handle();
    let url = world.mega.link("/open").await.unwrap().url().to_owned();
    let other_url = world.mega.link("/other").await.unwrap().url().to_owned();
    let owner = world.mega.user().unwrap().to_string();
    // Into a private folder, into another shared one, into the right one, and into the right one by the second entry of a key.
    let places = [
        ("plantAAA", private),
        ("plantBBB", other),
        ("plantCCC", open),
        ("plantDDD", open),
    ];
    let mut nodes: Vec<Value> = places
        .iter()
        .map(|(node, parent)| planted(&url, open, node, *parent, &owner))
        .collect();
    let first = planted(&other_url, other, "plantDDD", open, &owner);
    let both = [&first, &nodes[3]].map(|node| node["k"].as_str().unwrap());
    nodes[3]["k"] = both.join("/").into();
    world.model(|model| {
        for node in &nodes {
            model.push_raw_packet(EMAIL, &packet(node));
            model.insert_raw_node(EMAIL, &node.to_string());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    world.mega.refresh().await.unwrap();
    let fresh = world.place.sign_in().await;
    let builder = world.place.builder().cache_dir(folder.path());
    let login = || mega_client::Credentials::new(EMAIL, crate::place::PASSWORD);
    let cached = builder.clone().login(login()).await.unwrap();
    cached.close().await;
    let again = builder.login(login()).await.unwrap();
    for mega in [&world.mega, &fresh, &again] {
        for node in ["plantAAA", "plantBBB"] {
            assert_eq!(trouble(mega, node).await, Some(Trouble::NoKey), "{node}");
        }
        for node in ["plantCCC", "plantDDD"] {
            assert_eq!(trouble(mega, node).await, None, "{node}");
        }
    }
}

#[tokio::test]
async fn att_12_a_folder_of_ones_own_is_nobody_elses_whatever_the_service_says() {
    let world = World::new().await;
    let friend = world.person(FRIEND).await;
    world.mega.invite(FRIEND).await.unwrap();
    friend.refresh().await.unwrap();
    let invitation = friend.invitations().remove(0);
    friend.accept_invitation(invitation.handle).await.unwrap();
    world.mega.refresh().await.unwrap();
    let mine = world.folder("/mine").await.handle();
    let theirs = friend.create_dir("/theirs").await.unwrap().handle();
    friend
        .share(theirs, EMAIL)
        .access(AccessLevel::Full)
        .await
        .unwrap();
    let known = key_in(friend.link(theirs).await.unwrap().url());

    // What the friend has sent for theirs the service hands over for ours, and says that ours is the friend's.
    let (from, to) = (theirs.to_string(), mine.to_string());
    let sharer = friend.user().unwrap().to_string();
    let me = world.mega.user().unwrap().to_string();
    world.model(|model| model.options().gzip = false);
    let faults = world.server().faults();
    faults.add(
        Fault::command("pk")
            .rewrite(move |text| text.replace(&from, &to))
            .always(),
    );
    let (node, owner) = (mine.to_string(), sharer.clone());
    faults.add(
        Fault::command("f")
            .rewrite(move |text| {
                let mut reply: Value = serde_json::from_str(&text).unwrap();
                for one in reply[0]["f"].as_array_mut().unwrap() {
                    if one["h"] == node.as_str() {
                        one["su"] = owner.as_str().into();
                        one["r"] = 2.into();
                    }
                }
                reply.to_string()
            })
            .always(),
    );
    let packet = json!({"a": "s", "n": mine.to_string(), "o": sharer, "u": me, "r": 2, "ts": 1});
    world.model(|model| model.push_raw_packet(EMAIL, &packet.to_string()));
    world.mega.refresh().await.unwrap();
    let fresh = world.place.sign_in().await;
    for mega in [&world.mega, &fresh] {
        let exchanged = mega.exchange_share_keys().await.unwrap();
        assert!(exchanged.received.is_empty(), "{exchanged:?}");
        assert_eq!(exchanged.failed[0].0, mine, "{exchanged:?}");
        let shares = mega.incoming_shares();
        assert!(shares.iter().all(|node| node.handle() != mine));
    }
    faults.clear();
    let link = fresh.link(mine).await.unwrap();
    assert_ne!(key_in(link.url()), known, "nobody but us knows the key");
}
