//! What is noted about nodes, and quota.

use std::time::{Duration, SystemTime};

use mega_client::{ErrorKind, Label};

use crate::fs_world::{World, write_attributes};
use crate::place::EMAIL;

#[tokio::test]
async fn wr_15_the_modification_time_changes_and_the_checksum_stays() {
    let world = World::new().await;
    let file = world.file("/x", "content longer than sixteen bytes").await;
    let crc = |text: &str| text.split("\"c\":\"").nth(1).unwrap()[..21].to_owned();
    let before = crc(&world.attributes(file.handle()));
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_999);
    let node = world.mega.set_modified("/x", time).await.unwrap();
    assert_eq!(
        node.modified_unix(),
        Some(1_234_567_890),
        "whole seconds are kept"
    );
    assert_eq!(crc(&world.attributes(file.handle())), before);
    assert_eq!(
        world.there("/x").await.unwrap().modified_unix(),
        Some(1_234_567_890)
    );
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
    assert_eq!(
        world
            .mega
            .set_modified("/x", early)
            .await
            .unwrap()
            .modified_unix(),
        Some(-5)
    );
    let (_, sent) = world
        .batches(async { world.mega.set_modified("/x", early).await.unwrap() })
        .await;
    assert!(sent.is_empty(), "no change, no request");

    world.folder("/dir").await;
    let error = world.mega.set_modified("/dir", time).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    write_attributes(&world, file.handle(), r#"{"n":"x"}"#);
    world.mega.refresh().await.unwrap();
    let error = world.mega.set_modified("/x", time).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn everything_noted_travels_in_one_request_and_the_rest_stays() {
    let world = World::new().await;
    let file = world.file("/x", "content").await;
    write_attributes(&world, file.handle(), r#"{"n":"x","zz":[1, 2],"lbl":"3"}"#);
    world.mega.refresh().await.unwrap();
    let (node, sent) = world
        .batches(async {
            let edit = world
                .mega
                .edit("/x")
                .favourite(true)
                .sensitive(true)
                .label(None);
            let edit = edit
                .description("a \"text\"")
                .tags(["one", "two"])
                .application("mine", "v");
            edit.await.unwrap()
        })
        .await;
    assert_eq!(sent, [["a"]]);
    assert!(node.is_favourite() && node.is_sensitive());
    assert_eq!(
        (node.label(), node.description().as_deref()),
        (None, Some("a \"text\""))
    );
    assert_eq!(
        (node.tags(), node.application("mine").as_deref()),
        (vec!["one".into(), "two".into()], Some("v"))
    );
    let stored = world.attributes(file.handle());
    assert!(
        stored.contains(r#""zz":[1, 2]"#) && !stored.contains("lbl"),
        "{stored}"
    );
    let there = world.there("/x").await.unwrap();
    assert_eq!(there.tags(), node.tags());
    let node = world
        .mega
        .edit("/x")
        .favourite(false)
        .sensitive(false)
        .description("")
        .tags(Vec::<String>::new())
        .application("mine", None)
        .await
        .unwrap();
    assert_eq!(world.attributes(node.handle()), r#"{"n":"x","zz":[1, 2]}"#);
}

#[tokio::test]
async fn changes_at_the_same_time_do_not_undo_each_other() {
    let world = World::new().await;
    world.file("/x", "content").await;
    let mega = &world.mega;
    let (a, b, c, d) = tokio::join!(
        mega.edit("/x").favourite(true),
        mega.edit("/x").description("text"),
        mega.edit("/x").label(Label::Red),
        mega.rename("/x", "y"),
    );
    for result in [a, b, c, d] {
        result.unwrap();
    }
    let node = world.there("/y").await.unwrap();
    assert!(node.is_favourite());
    assert_eq!(
        (node.description().as_deref(), node.label()),
        (Some("text"), Some(Label::Red))
    );
}

#[tokio::test]
async fn texts_beyond_the_limits_are_refused_before_anything_is_sent() {
    let world = World::new().await;
    world.file("/x", "content").await;
    let mega = &world.mega;
    let (errors, sent) = world
        .batches(async {
            [
                mega.edit("/x")
                    .description("x".repeat(3001))
                    .await
                    .unwrap_err(),
                mega.edit("/x").tags(["a,b"]).await.unwrap_err(),
                mega.edit("/x")
                    .tags((0..11).map(|n| n.to_string()))
                    .await
                    .unwrap_err(),
                mega.edit("/x")
                    .application("far too long", "x")
                    .await
                    .unwrap_err(),
                mega.edit("/x").application("", "x").await.unwrap_err(),
            ]
        })
        .await;
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    }
    assert!(sent.is_empty());
}

#[tokio::test]
async fn many_nodes_are_edited_together() {
    let world = World::new().await;
    let paths: Vec<String> = (0..200).map(|n| format!("/{n}")).collect();
    world.model(|model| {
        for path in &paths {
            model.make_file(EMAIL, path, b"x", 0);
        }
    });
    world.mega.refresh().await.unwrap();
    let (edited, sent) = world
        .batches(async { world.mega.edit_all(&paths).label(Label::Blue).await })
        .await;
    assert!(
        edited
            .into_result()
            .unwrap()
            .iter()
            .all(|node| node.label() == Some(Label::Blue))
    );
    assert!(sent.len() <= 3, "{} requests", sent.len());
}

#[tokio::test]
async fn sh_4_quota_is_consistent_after_writing_and_deleting() {
    let world = World::new().await;
    let empty = world.mega.quota().await.unwrap();
    assert_eq!(
        (empty.used(), empty.cloud().files, empty.versions()),
        (0, 0, 0)
    );
    assert!(empty.total() > 0);
    assert_eq!(empty.free(), empty.total());
    world.file("/dir/x", "0123456789").await;
    let one = world.mega.quota().await.unwrap();
    assert_eq!(
        (
            one.used(),
            one.cloud().bytes,
            one.cloud().files,
            one.cloud().folders
        ),
        (10, 10, 1, 1)
    );
    world.mega.trash("/dir/x").await.unwrap();
    let binned = world.mega.quota().await.unwrap();
    assert_eq!(
        (
            binned.used(),
            binned.cloud().bytes,
            binned.rubbish_bin().bytes
        ),
        (10, 0, 10)
    );
    world.mega.empty_rubbish_bin().await.unwrap();
    assert_eq!(world.mega.quota().await.unwrap().used(), 0);
}
