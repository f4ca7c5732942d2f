//! SEC-1, INV-9: no type that holds a secret shows it.

use mega_crypto::account::{AnonymousCredentials, NewAccount};
use mega_crypto::link::{CollectionKey, Link, LinkKey, PasswordLink, PublicLink, WriteAuth};
use mega_crypto::login;
use mega_crypto::password::{self, NewPassword};
use mega_crypto::rsa::{Expected, RsaPrivateKey};
use mega_crypto::*;

use crate::support::VICTIM;

const CANARY: u8 = 0xc7;

/// Whether text contains the canary bytes in any writing that `Debug` could produce.
#[track_caller]
fn silent(what: &impl std::fmt::Debug) {
    for shown in [format!("{what:?}"), format!("{what:#?}")] {
        for trace in ["199", "c7", "C7", "x8fH", "fHx8", "Hx8f", "canary"] {
            assert!(!shown.contains(trace), "{shown}");
        }
    }
}

#[test]
fn sec_1_debug_shows_no_secret() {
    let node =
        FileKey::from_bytes(std::array::from_fn(|i| if i == 0 { 1 } else { CANARY })).unwrap();
    let folder = FolderKey::from_bytes([CANARY; 16]).unwrap();
    let share = ShareKey::from_bytes([CANARY; 16]).unwrap();
    let handle = PublicHandle::from_bytes([1; 6]);
    silent(&MasterKey::from_bytes([CANARY; 16]));
    silent(&PasswordKey::from_bytes([CANARY; 16]));
    silent(&SessionKey::from_bytes([CANARY; 16]));
    silent(&AttributeKey::from_bytes([CANARY; 16]));
    silent(&KeyCipher::new(&[CANARY; 16]));
    silent(&node);
    silent(&NodeKey::from(node.clone()));
    silent(&folder);
    silent(&NodeKey::from(folder));
    silent(&share);
    silent(&LinkKey::Folder(share.clone()));
    silent(&LinkKey::Collection(CollectionKey::from_bytes(
        [CANARY; 16],
    )));
    silent(&PublicLink::folder(handle, share.clone()));
    silent(&Link::Public(PublicLink::file(handle, node)));
    silent(
        &PasswordLink::lock_with_salt(
            &PublicLink::folder(handle, share.clone()),
            "canary",
            [CANARY; 32],
        )
        .unwrap(),
    );
    silent(&WriteAuth::new("canary").unwrap());

    let reply = login::Reply {
        user: UserHandle::from_bytes([1; 8]),
        k: [CANARY; 16],
        session: login::SessionMaterial::Temporary {
            tsid: &[CANARY; 43],
        },
    };
    silent(&reply);
    silent(&reply.session);
    silent(&login::ResumeReply {
        tsid: Some(&[CANARY; 43]),
        ..login::ResumeReply::default()
    });
    silent(&mega_crypto::rsa::RsaVerdict::from_bytes([CANARY; 32]));
    silent(
        &mega_crypto::account::ConfirmationCode::new(
            &[CANARY; 15],
            "canary",
            "canary",
            &[CANARY; 8],
        )
        .unwrap(),
    );

    let mut sid = [CANARY; 43];
    sid[16..27].copy_from_slice(b"AAAAAAAAAAA");
    let session = SessionId::from_bytes(sid).unwrap();
    silent(&session);
    let master = MasterKey::from_bytes([CANARY; 16]);
    silent(&StoredSession::Account(StoredAccount {
        master: StoredMaster::Plain(master),
        session,
    }));
    silent(&StoredSession::Folder(StoredFolder {
        handle,
        root: NodeHandle::from_bytes([1; 6]),
        key: share,
        write_auth: None,
        account_auth: Some("canary".to_owned().into()),
    }));
    silent(&password::derive_v1("canary", "canary"));
    silent(&NewPassword::with_random_value("canary", [CANARY; 16]).unwrap());
    silent(&NewAccount::random(&mut os_rng()));
    let text = format!("AAAAAAAAAAA#{}", base64::encode(&[CANARY; 16]));
    silent(&AnonymousCredentials::from_text(&text).unwrap());

    let v = &*VICTIM;
    let key = RsaPrivateKey::open(
        &v.good_privk(),
        &v.master,
        &Expected::default(),
        &mut os_rng(),
    )
    .unwrap();
    assert_eq!(format!("{key:?}"), "RsaPrivateKey(..)");
    let plain = key.decrypt(
        &key.public_key()
            .encrypt(&[CANARY; 40], &mut os_rng())
            .unwrap(),
        &mut os_rng(),
    );
    silent(&plain.unwrap());
}

#[test]
fn sec_2_equal_secrets_are_equal_and_others_are_not() {
    let key = MasterKey::from_bytes([1; 16]);
    assert_eq!(key, MasterKey::from_slice(&[1; 16]).unwrap());
    for i in 0..16 {
        let mut other = [1; 16];
        other[i] ^= 0x80;
        assert_ne!(key, MasterKey::from_bytes(other));
    }
    assert!(matches!(
        MasterKey::from_slice(&[1; 15]),
        Err(Error::Length {
            expected: 16,
            got: 15,
            ..
        })
    ));
    assert_ne!(
        MasterKey::random(&mut os_rng()),
        MasterKey::random(&mut os_rng())
    );
    assert_ne!(
        ShareKey::random(&mut os_rng()),
        ShareKey::random(&mut os_rng())
    );
    assert_ne!(
        FolderKey::random(&mut os_rng()),
        FolderKey::random(&mut os_rng())
    );
}

#[test]
fn sec_2_composed_secrets_differ_when_any_part_differs() {
    use mega_crypto::account::ConfirmationCode;
    let code = |token| ConfirmationCode::new(&[token; 15], "a@b", "name", &[7; 8]).unwrap();
    assert!(code(1) == code(1) && code(1) != code(2));

    let folder = |handle, root, key, write: Option<&str>, auth: Option<&str>| StoredFolder {
        handle: PublicHandle::from_bytes([handle; 6]),
        root: NodeHandle::from_bytes([root; 6]),
        key: ShareKey::from_bytes([key; 16]).unwrap(),
        write_auth: write.map(|text| WriteAuth::new(text).unwrap()),
        account_auth: auth.map(|text| text.to_owned().into()),
    };
    let one = || folder(1, 2, 3, Some("write"), Some("auth"));
    assert!(one() == one());
    for other in [
        folder(9, 2, 3, Some("write"), Some("auth")),
        folder(1, 9, 3, Some("write"), Some("auth")),
        folder(1, 2, 9, Some("write"), Some("auth")),
        folder(1, 2, 3, Some("wrong"), Some("auth")),
        folder(1, 2, 3, Some("write"), Some("oath")),
        folder(1, 2, 3, Some("write"), Some("auth ")),
        folder(1, 2, 3, Some("write"), None),
        folder(1, 2, 3, None, Some("auth")),
    ] {
        assert!(one() != other);
    }

    use mega_crypto::rsa::RsaVerdict;
    assert_eq!(
        RsaVerdict::from_bytes([1; 32]),
        RsaVerdict::from_bytes([1; 32])
    );
    assert_ne!(
        RsaVerdict::from_bytes([1; 32]),
        RsaVerdict::from_bytes([2; 32])
    );
}

#[test]
fn every_error_has_a_kind_and_a_text() {
    let kind = |error: Error| error.kind();
    assert_eq!(kind(Error::LoginRejected), ErrorKind::Credentials);
    assert_eq!(kind(Error::PrivateKeyRejected), ErrorKind::Credentials);
    assert_eq!(kind(Error::LinkPassword), ErrorKind::Credentials);
    assert_eq!(kind(Error::NoUsableKey), ErrorKind::NoKey);
    assert_eq!(kind(Error::NeedsPrivateKey), ErrorKind::NoKey);
    assert_eq!(kind(Error::LinkKeyMissing), ErrorKind::NoKey);
    assert_eq!(kind(Error::Cancelled), ErrorKind::Cancelled);
    assert_eq!(
        kind(Error::ZeroKey { what: "file key" }),
        ErrorKind::Integrity
    );
    assert_eq!(kind(Error::WrongKey { what: "x" }), ErrorKind::Integrity);
    assert_eq!(kind(Error::Unauthentic { what: "x" }), ErrorKind::Integrity);
    assert_eq!(
        kind(Error::Malformed {
            what: "x",
            reason: "y"
        }),
        ErrorKind::Malformed
    );
    assert_eq!(
        kind(Error::Unsupported {
            what: "x",
            value: 1
        }),
        ErrorKind::Unsupported
    );
    assert_eq!(
        kind(Error::TooLarge {
            what: "x",
            limit: 1
        }),
        ErrorKind::Limit
    );
    assert_eq!(
        kind(Error::TooMuchWork {
            expected: 2,
            limit: 1
        }),
        ErrorKind::Limit
    );
    assert_eq!(kind(Error::Refused { reason: "x" }), ErrorKind::Misuse);
    assert_eq!(
        kind(Error::UnusablePassword { reason: "x" }),
        ErrorKind::Misuse
    );
    let downgrade = Error::Downgrade {
        what: "x",
        known: 2,
        received: 1,
    };
    assert_eq!(downgrade.kind(), ErrorKind::Integrity);
    let base64 = MasterKey::from_recovery_key("?").unwrap_err();
    assert_eq!(base64.kind(), ErrorKind::Malformed);
    assert!(std::error::Error::source(&base64).is_some());
}

#[test]
fn passwords_that_other_clients_refuse_are_not_set_and_odd_salts_not_used() {
    for bad in ["", " a", "a ", "a\n", "\u{3000}a"] {
        assert!(
            matches!(
                NewPassword::with_random_value(bad, [0; 16]),
                Err(Error::UnusablePassword { .. })
            ),
            "{bad:?}"
        );
    }
    // LOG-2
    for len in [0, 1, 15, 65, 1000] {
        assert!(password::derive_v2("x", &vec![0; len]).is_err(), "{len}");
    }
    for len in [16, 64] {
        assert!(password::derive_v2("x", &vec![0; len]).is_ok(), "{len}");
    }
}
