//! Links and folders that are no longer there: what clients learn of why.

use std::time::Duration;

use crate::support::{Client, http};
use mega_testserver::wire::NodeHandle;
use mega_testserver::{Clock, TestServer};
use serde_json::{Value, json};

/// What one command gets, word for word: the official client wants `err` in front.
fn raw(client: &Client, query: &str, command: &Value) -> String {
    let target = format!("{}{query}", client.url());
    let body = json!([command]).to_string();
    let answer = http(&client.base, "POST", &target, &[], body.as_bytes()).unwrap();
    answer.text().to_owned()
}

struct World {
    server: TestServer,
    owner: Client,
    file: NodeHandle,
    file_link: String,
    folder: NodeHandle,
    folder_link: String,
}

async fn world() -> World {
    let clock = Clock::frozen_at(1_700_000_000);
    let server = TestServer::builder().clock(clock).start().await.unwrap();
    server.account("me@example.com", "password").create();
    let owner = Client::sign_in(&server, "me@example.com", "password");
    let root = owner.root();
    let handle = |h: &str| NodeHandle::parse(h).unwrap();
    let file = owner.put_file(&root, b"12345")["f"][0]["h"].clone();
    let folder = owner.make_folder(&root);
    let link = |n: &Value| {
        owner
            .one(json!({"a":"l","n":n}))
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (file_link, folder_link) = (link(&file), link(&json!(folder)));
    World {
        file: handle(file.as_str().unwrap()),
        folder: handle(&folder),
        server,
        owner,
        file_link,
        folder_link,
    }
}

impl World {
    /// Both links, tried by a visitor of each dialect: (file, folder) for the official client, then for the others.
    fn try_links(&self) -> [String; 4] {
        let visitor = Client::anonymous(&self.server);
        let g = json!({"a":"g","g":1,"p":self.file_link});
        let f = json!({"a":"f","c":1,"r":1});
        let folder = format!("&n={}", self.folder_link);
        [
            raw(&visitor.clone().tagged(), "", &g),
            raw(&visitor.clone().tagged(), &folder, &f),
            raw(&visitor, "", &g),
            raw(&visitor, &folder, &f),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_removed_is_not_one_that_never_was() {
    let mut world = world().await;
    for node in [world.file, world.folder] {
        assert_eq!(
            world.owner.one(json!({"a":"l","n":node.to_string(),"d":1})),
            0
        );
    }
    let removed = r#"{"err":-9,"u":0,"l":1}"#;
    assert_eq!(
        world.try_links(),
        [&format!("[{removed}]"), removed, "[-9]", "-9"]
    );
    (world.file_link, world.folder_link) = ("AAAAAAAA".into(), "AAAAAAAA".into());
    assert_eq!(world.try_links(), ["[-9]", "-9", "[-9]", "-9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_deleted_node_is_gone_with_it() {
    let world = world().await;
    for node in [world.file, world.folder] {
        assert_eq!(world.owner.one(json!({"a":"d","n":node.to_string()})), 0);
    }
    let removed = r#"{"err":-9,"u":0,"l":1}"#;
    assert_eq!(
        world.try_links(),
        [&format!("[{removed}]"), removed, "[-9]", "-9"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_taken_down_says_how_serious_it_was() {
    let world = world().await;
    let nodes = [world.file, world.folder];
    let down = r#"{"err":-16,"u":0,"l":1}"#;
    let severe = r#"{"err":-16,"u":7,"l":2}"#;
    world
        .server
        .with_model(|m| nodes.map(|n| m.take_down(n, true)));
    assert_eq!(
        world.try_links(),
        [&format!("[{down}]"), down, "[-16]", "-16"]
    );
    world
        .server
        .with_model(|m| nodes.map(|n| m.take_down_severely(n)));
    assert_eq!(
        world.try_links(),
        [&format!("[{severe}]"), severe, "[-16]", "-16"]
    );
    world
        .server
        .with_model(|m| nodes.map(|n| m.take_down(n, false)));
    assert!(world.try_links().iter().all(|reply| reply.len() > 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_links_of_a_suspended_account_say_why_it_is() {
    let world = world().await;
    for (reason, state) in [(200, 4), (300, 2), (401, 12), (500, 8)] {
        world
            .server
            .with_model(|m| m.user_mut("me@example.com").unwrap().blocked = Some(reason));
        let refused = format!(r#"{{"err":-16,"u":{state},"l":0}}"#);
        let list = format!("[{refused}]");
        assert_eq!(world.try_links(), [&list, &refused, "[-16]", "-16"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_is_down() {
    let world = world().await;
    for node in [world.file, world.folder] {
        let ets = world.server.clock().unix() + 60;
        let command = json!({"a":"l","n":node.to_string(),"ets":ets});
        assert!(world.owner.one(command).is_string());
    }
    world.server.clock().advance(Duration::from_secs(61));
    let expired = r#"{"err":-8,"u":0,"l":1}"#;
    assert_eq!(
        world.try_links(),
        [&format!("[{expired}]"), expired, "[-8]", "-8"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_folder_link_learns_that_it_is_gone() {
    let world = world().await;
    let visitor = Client::anonymous(&world.server);
    let target = format!("/wsc?sn=AAAAAAAAAAA&n={}&v=3", world.folder_link);
    world
        .owner
        .one(json!({"a":"l","n":world.folder.to_string(),"d":1}));
    let answer = http(&visitor.base, "POST", &target, &[], b"").unwrap();
    assert_eq!(answer.text(), r#"{"err":-9,"u":0,"l":1}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_a_folder_that_was_deleted_meanwhile_is_found_in_the_bin() {
    let world = world().await;
    let official = world.owner.clone().tagged();
    let bin = world
        .server
        .with_model(|m| m.user("me@example.com").unwrap().bin.to_string());
    let token = world.owner.upload(b"not lost");
    let tree = world.owner.tree();
    assert_eq!(
        world
            .owner
            .one(json!({"a":"d","n":world.folder.to_string()})),
        0
    );
    let (_, sn) = world.owner.events(tree["sn"].as_str().unwrap());
    let put = |to: &str| {
        official.one(json!({"a":"p","v":4,"t":to,"sm":1,
            "n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]}))
    };
    // A folder that never was is an error: nobody guesses where the file should go.
    assert_eq!(put("AAAAAAAA"), -9);
    let reply = put(&world.folder.to_string());
    assert_eq!(reply[1]["e"], json!([]), "{reply}");
    let (packets, _) = world.owner.events(&sn);
    assert_eq!(packets[0]["t"]["f"][0]["p"], json!(bin));
    assert_eq!(packets[0]["st"], reply[0]);
}
