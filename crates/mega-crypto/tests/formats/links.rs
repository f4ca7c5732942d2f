//! What the vectors of links leave open.

use mega_crypto::link::{Link, LinkKind, PasswordLink, PublicLink, SubKind, SubNode, WriteAuth};
use mega_crypto::{Error, ErrorKind, FileKey, NodeHandle, PublicHandle, ShareKey, base64, os_rng};
use proptest::prelude::*;

const DK: &str = "_58UUWFgZG2C-poo9bSXeA";
const FK: &str = "gl5RtdfhmcthFAqBL90TDp7qijxZtHYHaJrnBmjE9mY";

fn public(text: &str) -> PublicLink {
    match Link::parse(text).unwrap() {
        Link::Public(link) => link,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_is_found_in_the_text_around_it() {
    let plain = public(&format!("#F!IRMxXDou!{DK}"));
    for url in [
        format!("  https://mega.nz/folder/IRMxXDou#{DK}\n"),
        format!("https://mega.app/folder/IRMxXDou?utm_source=mail&x=y#{DK}"),
        format!("mega.co.nz/#F!IRMxXDou?tracked!{DK}"),
        format!("https://mega.nz/folder/IRMxXDou#{DK} is new"),
        format!("https://mega.nz/folder/IRMxXDou#{DK}?utm_source=mail"),
    ] {
        assert_eq!(public(&url), plain, "{url}");
    }
}

#[test]
fn a_file_inside_a_folder_link_is_no_file_link() {
    let link = public(&format!(
        "https://mega.nz/folder/IRMxXDou#{DK}/file/_e0dTJZK"
    ));
    assert_eq!(link.kind(), LinkKind::Folder);
    let node = link.sub_node().unwrap();
    assert_eq!(
        (node.kind, node.handle.to_string().as_str()),
        (SubKind::File, "_e0dTJZK")
    );
    // Of a path the last node counts.
    let link = public(&format!(
        "https://mega.nz/folder/IRMxXDou#{DK}/folder/AAAAAAAA/file/_e0dTJZK"
    ));
    assert_eq!(link.sub_node(), Some(node));
}

#[test]
fn a_key_that_is_too_short_is_not_filled_up_with_the_path_behind_it() {
    for url in [
        format!(
            "https://mega.nz/folder/IRMxXDou#{}/folder/_e0dTJZK",
            &DK[..16]
        ),
        format!(
            "https://mega.nz/file/2c0i0att#{}/file/_e0dTJZK_e0dTJZK",
            &FK[..30]
        ),
    ] {
        assert_eq!(Link::parse(&url).unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[test]
fn the_permission_to_write_stands_before_or_after_the_node_inside() {
    let auth = "Ab-_567890123456789012";
    let one = public(&format!(
        "https://mega.nz/folder/IRMxXDou#{DK}:{auth}/folder/_e0dTJZK"
    ));
    let other = public(&format!(
        "https://mega.nz/folder/IRMxXDou#{DK}/folder/_e0dTJZK:{auth}"
    ));
    assert_eq!(one, other);
    assert_eq!(one.write_auth().unwrap().expose_secret(), auth);
    let hostile = format!("https://mega.nz/folder/IRMxXDou#{DK}:x&sid=1");
    let hostile = public(&hostile);
    assert_eq!(hostile.write_auth().unwrap().expose_secret(), "x");
    for wrong in ["", "a+b", "ä", &"a".repeat(65)] {
        assert!(WriteAuth::new(wrong).is_err(), "{wrong}");
    }
    assert_ne!(WriteAuth::new("a").unwrap(), WriteAuth::new("aa").unwrap());
}

#[test]
fn words_are_no_links() {
    for wrong in [
        "documents",
        "documents/holiday!",
        "documents holiday",
        "hello world",
        "https://mega.nz/chat/IRMxXDou#xxxxxxxxxxxxxxxxxxxxxx",
        "#!ä!ö!ü!ß",
    ] {
        assert_eq!(
            Link::parse(wrong).map(drop).unwrap_err().kind(),
            ErrorKind::Malformed,
            "{wrong}"
        );
    }
    // Eight characters alone may be a handle.
    assert_eq!(public("IRMxXDou").handle().to_string(), "IRMxXDou");
}

#[test]
fn every_changed_byte_of_a_link_with_a_password_is_noticed() {
    let link = public(&format!("https://mega.nz/folder/IRMxXDou#{DK}"));
    let url = PasswordLink::lock(&link, "x", &mut os_rng())
        .unwrap()
        .to_url();
    let (head, tail) = url.split_once("#P!").unwrap();
    let bytes = base64::decode(tail).unwrap();
    // One bit in every part: handle, salt, key, MAC. (In algorithm or kind it becomes another
    // format.)
    for at in [2, 8, 39, 40, 55, 56, 87] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let altered = Link::parse(&format!("{head}#P!{}", base64::encode(&altered)));
        let Ok(Link::Password(altered)) = altered else {
            panic!()
        };
        assert_eq!(altered.open("x"), Err(Error::LinkPassword), "byte {at}");
    }
}

/// Threat model, SEC-1, SEC-5.
#[test]
fn no_link_shows_its_secrets_in_debug_or_errors() {
    let auth = "Ab-_567890123456789012";
    let mut shown = Vec::new();
    for url in [
        format!("https://mega.nz/folder/IRMxXDou#{DK}:{auth}"),
        format!("https://mega.nz/file/2c0i0att#{FK}"),
        format!("https://mega.nz/collection/IRMxXDou#{DK}"),
    ] {
        shown.push(format!("{:?}", Link::parse(&url).unwrap()));
    }
    for wrong in [
        format!("https://mega.nz/file/2c0i0att#{DK}"),
        format!("https://mega.nz/folder/IRMxXDou#{}", &DK[1..]),
        format!("https://mega.nz/folder/IRMxXDou#{DK}:{auth}+"),
        format!(
            "https://mega.nz/folder/IRMxXDou#{DK}/folder/{}",
            "*".repeat(8)
        ),
    ] {
        let error = Link::parse(&wrong).unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    for text in shown {
        for secret in [DK, FK, auth] {
            for at in 0..secret.len() - 6 {
                let part = &secret[at..at + 6];
                assert!(!text.contains(part), "{text} shows {part}");
            }
        }
    }
}

fn any_link() -> impl Strategy<Value = PublicLink> {
    let sub_node = proptest::option::of((any::<[u8; 6]>(), any::<bool>()));
    let auth = proptest::option::of("[A-Za-z0-9_-]{1,64}");
    let parts = (any::<[u8; 6]>(), any::<[u8; 32]>(), 0..5u8, sub_node, auth);
    parts.prop_map(|(handle, mut key, kind, sub_node, auth)| {
        key[0] |= 1;
        key[16] &= 0xfe;
        let handle = PublicHandle::from_bytes(handle);
        let half: [u8; 16] = key[..16].try_into().unwrap();
        let mut link = match kind {
            0 => return PublicLink::file(handle, FileKey::from_bytes(key).unwrap()),
            1 => return PublicLink::new(LinkKind::File, handle),
            2 => return PublicLink::new(LinkKind::Collection, handle),
            3 => PublicLink::new(LinkKind::Folder, handle),
            _ => PublicLink::folder(handle, ShareKey::from_bytes(half).unwrap()),
        };
        if let Some((handle, file)) = sub_node {
            let kind = if file { SubKind::File } else { SubKind::Folder };
            link = link.with_sub_node(SubNode {
                kind,
                handle: NodeHandle::from_bytes(handle),
            });
        }
        if let Some(auth) = auth {
            link = link.with_write_auth(WriteAuth::new(&auth).unwrap());
        }
        link
    })
}

/// What may follow the beginning of a link.
const TAIL: &str = "[-_A-Za-z0-9!#?:/+=]{0,120}";

proptest! {
    #[test]
    fn what_is_printed_is_read_back(link in any_link()) {
        prop_assert_eq!(Link::parse(&link.to_url()), Ok(Link::Public(link)));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,80}", marker in 0..8usize, tail in TAIL) {
        let marker = ["", "#F!", "folder/", "#!", "file/", "collection/", "#P!", "#P!Ag"][marker];
        let _ = Link::parse(&text);
        let _ = Link::parse(&format!("{text}{marker}{tail}"));
        let _ = Link::parse(&format!("{marker}{tail}{text}"));
    }

    #[test]
    fn a_link_that_is_read_survives_printing(tail in TAIL, marker in 0..5usize) {
        let marker = ["#F!IRMxXDou!", "folder/IRMxXDou#", "#!", "file/", "collection/"][marker];
        if let Ok(Link::Public(link)) = Link::parse(&format!("{marker}{tail}")) {
            prop_assert_eq!(Link::parse(&link.to_url()), Ok(Link::Public(link)));
        }
    }
}
