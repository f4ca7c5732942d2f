use hmac::{KeyInit, Mac};
use mega_crypto::link::{Link, LinkKind, PasswordLink, PublicLink, SubKind};
use mega_crypto::{Error, StoredMaster, StoredSession, base64};
use serde_json::Value;

use crate::support::{VECTORS, Vector};

#[test]
pub(crate) fn links_of_every_form_are_read() {
    for case in VECTORS.list("links") {
        let url = case.str("url");
        let link = Link::parse(url);
        if case["note"]
            .as_str()
            .is_some_and(|note| note.contains("key too short"))
        {
            assert!(matches!(link, Err(Error::Malformed { .. })), "{url}");
            let without = url.split('#').next().unwrap();
            let Ok(Link::Public(link)) = Link::parse(without) else {
                panic!("{without}")
            };
            assert_eq!(
                (link.handle().to_string(), link.kind()),
                (case.str("handle_b64").to_owned(), LinkKind::File)
            );
            assert_eq!((case.str("kind"), case.opt_str("key")), ("file", None));
            assert!(!case.is_present("sub_handle_b64") && !case.is_present("sub_kind"));
            continue;
        }
        let Ok(Link::Public(link)) = link else {
            panic!("{url}: {link:?}")
        };
        let kind = if case.str("kind") == "file" {
            LinkKind::File
        } else {
            LinkKind::Folder
        };
        assert_eq!(link.kind(), kind, "{url}");
        assert_eq!(link.handle().to_string(), case.str("handle_b64"), "{url}");
        assert_eq!(
            link.key().map(|key| key.expose_secret().to_vec()),
            case.opt_hex("key"),
            "{url}"
        );
        let sub = link.sub_node();
        assert_eq!(
            sub.map(|node| node.handle.to_string()).as_deref(),
            case.opt_str("sub_handle_b64")
        );
        let sub_kind = sub.map(|node| {
            if node.kind == SubKind::File {
                "file"
            } else {
                "folder"
            }
        });
        assert_eq!(sub_kind, case.opt_str("sub_kind"), "{url}");

        // Printed in today's form it says the same.
        let printed = link.to_url();
        assert_eq!(Link::parse(&printed).unwrap(), Link::Public(link.clone()));
        if url.starts_with("https://mega.nz/f") && !url.contains('?') && !url.ends_with('#') {
            assert_eq!(*printed, url);
        }
        if link.key().is_none() {
            assert!(link.file_key().is_err() && link.folder_key().is_err());
        }
    }
}

#[test]
pub(crate) fn password_links_open_with_their_password_only() {
    let (mut good, mut bad) = (0, 0);
    for case in VECTORS.list("password_links") {
        let password = case.str("password");
        let opened = Link::parse(case.str("url")).and_then(|link| match link {
            Link::Password(link) => link.open(password),
            _ => panic!("no password link"),
        });
        if case.bool("valid") {
            let link = opened.unwrap();
            assert_eq!(*link.to_url(), case.str("plain_url"));
            assert_eq!(link.key().unwrap().expose_secret(), case.hex("key"));
            good += 1;
            let Link::Password(read) = Link::parse(case.str("url")).unwrap() else {
                panic!()
            };
            assert_eq!(read.handle().to_string(), case.str("public_handle_b64"));
            assert_eq!(
                read.kind() == LinkKind::Folder,
                case.str("kind") == "folder"
            );
            is_made_as_written_down(case);
            if case.u64("algorithm") == 2 {
                let salt = case.array("salt");
                let locked =
                    PasswordLink::lock_with_salt(&link, case.str("password"), salt).unwrap();
                assert_eq!(locked.to_url(), case.str("url"));
            } else {
                // The old algorithm is read and printed back, never made.
                assert_eq!(read.to_url(), case.str("url"));
            }
        } else {
            match (case.str("error"), opened.unwrap_err()) {
                ("API_EKEY", Error::LinkPassword)
                | ("API_EINTERNAL", Error::Unsupported { .. })
                | ("API_EINCOMPLETE", Error::Malformed { .. }) => bad += 1,
                (expected, error) => panic!("{expected}: {error:?}"),
            }
        }
    }
    assert_eq!((good, bad), (4, 4));
}

/// Each step on the way to the text, with the primitives of other crates (crypto-and-accounts 8.5).
fn is_made_as_written_down(case: &Value) {
    let (salt, key) = (case.hex("salt"), case.hex("key"));
    let mut derived = [0; 64];
    let password = case.str("password").as_bytes();
    pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, &salt, 100_000, &mut derived);
    assert_eq!(derived[..], case.hex("derived_64"));
    let locked: Vec<u8> = key
        .iter()
        .zip(derived)
        .map(|(key, mask)| key ^ mask)
        .collect();
    assert_eq!(locked, case.hex("encrypted_key"));
    let algorithm = case.u64("algorithm") as u8;
    let kind = u8::from(case.str("kind") == "file");
    let handle = case.b64("public_handle_b64");
    let covered = [&[algorithm, kind][..], &handle, &salt, &locked].concat();
    let (mac_key, message) = match algorithm {
        1 => (&covered[..], &derived[32..]),
        _ => (&derived[32..], &covered[..]),
    };
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(mac_key).unwrap();
    mac.update(message);
    let mac = mac.finalize().into_bytes();
    assert_eq!(mac[..], case.hex("mac"));
    let binary = [&covered[..], &mac].concat();
    assert_eq!(binary, case.hex("binary"));
    let text = base64::encode(&binary);
    assert_eq!(text.len() as u64, case.u64("text_length"));
    assert_eq!(case.str("url"), format!("https://mega.nz/#P!{text}"));
}

#[test]
pub(crate) fn password_link_derivation_of_a_public_test_suite_is_the_same_function() {
    let case = &VECTORS["from_public_test_suites"]["pbkdf2_sha512_1000_iterations"];
    let mut derived = [0; 64];
    pbkdf2::pbkdf2_hmac::<sha2::Sha512>(
        case.str("password").as_bytes(),
        &case.hex("salt"),
        u32::try_from(case.u64("iterations")).unwrap(),
        &mut derived,
    );
    assert_eq!(derived[..], case.hex("derived_64"));
}

#[test]
pub(crate) fn stored_sessions_are_read_and_written_back() {
    for case in VECTORS.list("session_blobs") {
        let blob = case.hex("blob");
        let stored = StoredSession::from_bytes(&blob).unwrap();
        assert_eq!(
            stored,
            StoredSession::from_text(case.str("blob_b64")).unwrap()
        );
        assert_eq!(*stored.to_bytes(), blob);
        assert_eq!(*stored.to_text(), case.str("blob_b64"));
        let is_account = matches!(stored, StoredSession::Account(_));
        assert_eq!(case.str("kind").starts_with("account"), is_account);
        match &stored {
            StoredSession::Account(account) => {
                assert_eq!(account.session.expose_secret()[..], case.hex("sid"));
                let sek = case
                    .opt_hex("sek")
                    .map(|sek| mega_crypto::SessionKey::from_slice(&sek).unwrap());
                let master = account.master.open(sek.as_ref()).unwrap();
                assert_eq!(master.expose_secret()[..], case.hex("master_key"));
                assert_eq!(
                    matches!(account.master, StoredMaster::Sealed(_)),
                    sek.is_some()
                );
                if let Some(sek) = sek {
                    assert!(
                        account.master.open(None).is_err(),
                        "nothing opens it without the server"
                    );
                    let session = account.session.clone();
                    let sealed = mega_crypto::StoredAccount::seal(&master, session, &sek);
                    assert_eq!(*StoredSession::Account(sealed).to_bytes(), blob);
                }
            }
            StoredSession::Folder(folder) => {
                assert_eq!(folder.handle.to_string(), case.str("public_handle_b64"));
                assert_eq!(folder.root.to_string(), case.str("root_handle_b64"));
                assert_eq!(folder.key.expose_secret()[..], case.hex("link_key"));
                let auth = folder.write_auth.as_ref().map(|auth| auth.expose_secret());
                assert_eq!(auth, case.opt_str("write_auth"));
                assert_eq!(
                    folder.account_auth.as_deref().map(|s| s.as_str()),
                    case.opt_str("account_auth")
                );
            }
        }
        // Any other length, and any change of the version, is no stored session.
        assert!(StoredSession::from_bytes(&blob[..blob.len() - 1]).is_err());
        assert!(StoredSession::from_bytes(&[&blob[..], &[0]].concat()).is_err());
    }
}

#[test]
fn links_to_nothing_are_errors_that_repeat_nothing() {
    // SEC-5
    for text in [
        "",
        "https://mega.nz/",
        "https://mega.nz/file/abc",
        "https://mega.nz/file/!!!!!!!!#gl5RtdfhmcthFAqBL90TDp7qijxZtHYHaJrnBmjE9mY",
        "https://mega.nz/file/2c0i0att#gl5Rtdf*mcthFAqBL90TDp7qijxZtHYHaJrnBmjE9mY",
        "https://mega.nz/folder/IRMxXDou#_58UUWFgZG2C-poo9bSXeA/file/short",
        "https://mega.nz/folder/IRMxXDou#AAAAAAAAAAAAAAAAAAAAAA",
        "https://mega.nz/#P!secretsecretsecret",
    ] {
        let error = Link::parse(text).unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}")] {
            for part in ["2c0i0att", "gl5R", "_58UU", "IRMx", "secret"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }
}

#[test]
fn keys_given_separately_complete_a_link() {
    let Link::Public(link) = Link::parse("https://mega.nz/folder/IRMxXDou").unwrap() else {
        panic!()
    };
    assert!(matches!(link.folder_key(), Err(Error::LinkKeyMissing)));
    assert!(link.clone().with_key_text("_58UUWFgZG2C-poo9bSX").is_err());
    let link: PublicLink = link.with_key_text(" _58UUWFgZG2C-poo9bSXeA\n").unwrap();
    assert_eq!(
        *link.to_url(),
        "https://mega.nz/folder/IRMxXDou#_58UUWFgZG2C-poo9bSXeA"
    );
}

#[test]
fn writable_links_and_odd_writings_are_read() {
    let url = "https://mega.nz/folder/IRMxXDou#_58UUWFgZG2C-poo9bSXeA:8__2-PwaX77bmomB86Zf5g";
    let Link::Public(link) = Link::parse(url).unwrap() else {
        panic!()
    };
    assert_eq!(
        link.write_auth().unwrap().expose_secret(),
        "8__2-PwaX77bmomB86Zf5g"
    );
    assert_eq!(*link.to_url(), url);

    // The official client prints folder keys of unlocked links with 43 characters.
    let long = "https://mega.nz/folder/IRMxXDou#_58UUWFgZG2C-poo9bSXeAAAAAAAAAAAAAAAAAAAAAA/folder/_e0dTJZK";
    let Link::Public(link) = Link::parse(long).unwrap() else {
        panic!()
    };
    assert_eq!(
        *link.to_url(),
        "https://mega.nz/folder/IRMxXDou#_58UUWFgZG2C-poo9bSXeA/folder/_e0dTJZK"
    );

    let Link::Public(link) =
        Link::parse("https://mega.nz/collection/IRMxXDou#_58UUWFgZG2C-poo9bSXeA").unwrap()
    else {
        panic!()
    };
    assert_eq!(link.kind(), LinkKind::Collection);
    assert!(PasswordLink::lock_with_salt(&link, "x", [0; 32]).is_err());
}
