//! Times that make no sense, from the service and from other clients: they are shown as far as they can be, and decide nothing.

use std::time::{Duration, SystemTime};

use mega_client::Existing;

use crate::fs_world::{World, handle};
use crate::place::EMAIL;

/// The beginning, the ends of ordinary numbers, and beyond what any calendar has.
const TIMES: [i64; 9] = [
    0,
    1,
    -1,
    (1 << 31) - 1,
    1 << 32,
    253_402_300_800,
    1 << 56,
    i64::MAX,
    i64::MIN,
];

#[tokio::test]
async fn clk_2_times_of_the_service_are_shown_and_trusted_for_nothing() {
    let world = World::new().await;
    let made: Vec<_> = (0..TIMES.len())
        .map(|number| {
            let path = format!("/file-{number}");
            world.model(|model| model.make_file(EMAIL, &path, path.as_bytes(), 1).unwrap())
        })
        .collect();
    for (node, time) in made.iter().zip(TIMES) {
        world.model(|model| model.misreport(*node, "ts", &time.to_string()));
    }
    // A client that signs in sees them all, whenever they are said to be from, and does with them what it does with others.
    let mega = world.place.sign_in().await;
    for (number, node) in made.iter().enumerate() {
        let path = format!("/file-{number}");
        assert_eq!(mega.stat(&*path).await.unwrap().handle(), handle(*node));
        assert_eq!(mega.read(&*path).await.unwrap(), path.as_str());
        mega.rename(&*path, format!("renamed-{number}"))
            .await
            .unwrap();
    }
    assert_eq!(mega.list("/").await.unwrap().len(), TIMES.len());
    // Nor does a link end here because of a time that the service gives.
    let link = mega.link("/renamed-0").await.unwrap();
    for time in TIMES {
        let packet = format!(
            r#"{{"a":"ph","h":"{}","ph":"{}","u":1,"ts":{time},"ets":{time}}}"#,
            made[0],
            mega.stat("/renamed-0")
                .await
                .unwrap()
                .link()
                .unwrap()
                .handle
        );
        world.model(|model| model.push_raw_packet(EMAIL, &packet));
        mega.refresh().await.unwrap();
        let again = mega.link("/renamed-0").await.unwrap();
        assert_eq!(again.url(), link.url(), "{time}");
        let visitor = world.place.builder().open_link(link.url()).await.unwrap();
        assert_eq!(visitor.list("/").await.unwrap().len(), 1, "{time}");
    }
}

#[tokio::test]
async fn clk_3_times_of_files_are_stored_as_read_and_applied_where_they_can_be() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    for (number, time) in TIMES.into_iter().enumerate() {
        let path = format!("/file-{number}");
        world.model(|model| model.make_file(EMAIL, &path, b"content of some length", time));
        world.mega.refresh().await.unwrap();
        let node = world.mega.stat(&*path).await.unwrap();
        let read = node.modified_unix();
        if (0..1 << 56).contains(&time) {
            assert_eq!(read, Some(time));
        }
        // Showing it does not fail.
        let _shown = (node.modified(), node.created(), format!("{node:?}"));
        let local = folder.path().join(number.to_string());
        for existing in [Existing::Fail, Existing::Update, Existing::Overwrite] {
            let receipt = world.mega.download(&*path, &local).on_existing(existing);
            assert!(receipt.await.unwrap().integrity().is_verified());
        }
        assert_eq!(std::fs::read(&local).unwrap(), b"content of some length");
        let applied = std::fs::metadata(&local).unwrap().modified().unwrap();
        if (0..1 << 32).contains(&time) {
            let wanted = SystemTime::UNIX_EPOCH + Duration::from_secs(time.unsigned_abs());
            assert_eq!(applied, wanted, "{time}");
        }
    }
}
