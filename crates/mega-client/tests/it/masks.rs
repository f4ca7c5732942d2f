//! Clients with other encodings of names than the usual one: rclone's option `encoding`.

use mega_client::{Client, Credentials, ErrorKind, Mask};

use crate::fs_world::World;
use crate::place::{EMAIL, PASSWORD, names};

async fn with(world: &World, mask: &str) -> Client {
    let mask: Mask = mask.parse().unwrap();
    let builder = world.place.builder().encoding(mask);
    let login = Credentials::new(EMAIL, PASSWORD);
    builder.login(login).await.unwrap()
}

/// The name that the service keeps, as any program would decrypt it.
fn stored(world: &World, path: &str) -> Option<String> {
    let node = world.model(|model| model.find(EMAIL, path))?;
    world.model(|model| model.attributes_of(node))
}

#[tokio::test]
async fn each_client_spells_names_by_its_own_mask_and_finds_them_again() {
    let world = World::new().await;
    let windows = with(
        &world,
        "Slash,LtGt,DoubleQuote,Colon,Question,Asterisk,Pipe,BackSlash,Dot",
    )
    .await;
    let name = r#"<a> "b" c:d? *|e\f"#;
    let node = windows.write(format!("/dir/{name}"), "x").await.unwrap();
    assert_eq!(node.name(), name);
    let spelled = "＜a＞ ＂b＂ c：d？ ＊｜e＼f";
    assert_eq!(node.stored_name(), Some(spelled.as_bytes()));
    assert!(stored(&world, &format!("/dir/{spelled}")).is_some());
    assert_eq!(windows.read(format!("/dir/{name}")).await.unwrap(), "x");
    assert_eq!(names(&windows, "/dir").await, [name]);
    // Renamed and moved, the spelling is the client's again.
    let renamed = windows.rename(&node, "what?").await.unwrap();
    assert_eq!(renamed.stored_name(), Some("what？".as_bytes()));
    let folder = windows.create_dir("/why?").await.unwrap();
    assert_eq!(folder.stored_name(), Some("why？".as_bytes()));
    windows.move_to(&renamed, "/why?").await.unwrap();
    assert_eq!(windows.read("/why?/what?").await.unwrap(), "x");

    // The usual client sees what is stored, and the other way round.
    world.mega.refresh().await.unwrap();
    assert_eq!(world.mega.read("/why？/what？").await.unwrap(), "x");
    let error = world.mega.read("/why?/what?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let plain = world.mega.write("/plain?", "y").await.unwrap();
    assert_eq!(plain.stored_name(), Some("plain?".as_bytes()));
    windows.refresh().await.unwrap();
    // A real sign where the mask would have put a look-alike is found under its own name, too.
    let seen = windows.stat("/plain?").await.unwrap();
    assert_eq!(seen.handle(), plain.handle());
}

#[tokio::test]
async fn without_a_mask_what_is_stored_is_what_is_shown() {
    let world = World::new().await;
    let raw = with(&world, "None").await;
    let node = raw.write("/a：b", "x").await.unwrap();
    assert_eq!(
        (node.name(), node.stored_name()),
        ("a：b", Some("a：b".as_bytes()))
    );
    assert_eq!(raw.read("/a：b").await.unwrap(), "x");
    for (mask, given, spelled) in [
        ("RightSpace,RightPeriod", "end. ", "end.␠"),
        ("LeftSpace", " begin", "␠begin"),
        ("Percent", "100%", "100％"),
        ("Hash", "#1", "＃1"),
        ("SquareBracket", "[x]", "［x］"),
    ] {
        let mega = with(&world, mask).await;
        let node = mega.write(format!("/masks/{given}"), mask).await.unwrap();
        assert_eq!(node.stored_name(), Some(spelled.as_bytes()), "{mask}");
        assert_eq!(node.name(), given, "{mask}");
        assert_eq!(mega.read(format!("/masks/{given}")).await.unwrap(), mask);
        raw.refresh().await.unwrap();
        assert_eq!(raw.stat(node.handle()).await.unwrap().name(), spelled);
    } // Control characters are shown as look-alikes whatever the mask is; it says what is stored.
    for (mask, spelled) in [("Ctl", "a␁b"), ("None", "a\u{1}b")] {
        let mega = with(&world, mask).await;
        let path = format!("/controls {mask}/a\u{1}b");
        let node = mega.write(&path, mask).await.unwrap();
        let said = (node.name(), node.stored_name());
        assert_eq!(said, ("a␁b", Some(spelled.as_bytes())), "{mask}");
        assert_eq!(mega.read(&path).await.unwrap(), mask);
        let shown = format!("/controls {mask}/a␁b");
        assert_eq!(mega.read(&shown).await.unwrap(), mask);
    }
}
