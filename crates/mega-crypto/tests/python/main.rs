//! Known answers made by pycryptodome and cryptography: see `generate.py`.

#[expect(dead_code, reason = "shared with another test, which uses all of it")]
#[path = "../vectors/support.rs"]
mod support;

use mega_crypto::attributes::Attributes;
use mega_crypto::link::{Link, PasswordLink};
use mega_crypto::login::{self, Reply, SessionMaterial};
use mega_crypto::password::{self, NewPassword};
use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Vector, unhex};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

#[test]
fn old_passwords() {
    for case in vectors().list("v1_passwords") {
        let key = password::password_key_v1(case.str("password"));
        assert_eq!(key.expose_secret()[..], case.hex("key"), "{case}");
        let login = password::derive_v1(case.str("password"), case.str("email"));
        assert_eq!(*login.uh(), base64::encode(&case.hex("hash")), "{case}");
    }
}

#[test]
fn passwords_of_today() {
    for case in vectors().list("v2_passwords") {
        let new = NewPassword::with_random_value(case.str("password"), case.array("crv")).unwrap();
        assert_eq!(new.salt(), case.array("salt"));
        assert_eq!(new.hashed_auth_key(), case.array("hashed_auth_key"));
        let login = password::derive_v2(case.str("password"), &case.hex("salt")).unwrap();
        assert_eq!(*login.uh(), case.str("uh"));
        assert_eq!(
            login.password_key().expose_secret(),
            &case.array("password_key")
        );
    }
}

#[test]
fn accounts_with_keys_made_by_other_libraries_sign_in() {
    for case in vectors().list("accounts") {
        let (csid, privk) = (case.hex("csid"), case.hex("privk"));
        let public = RsaPublicKey::from_bytes(&case.hex("pubk")).unwrap();
        assert_eq!(
            Sha256::digest(public.signed_bytes())[..],
            case.hex("signed_sha256")
        );
        let reply = Reply {
            user: case.str("user").parse().unwrap(),
            k: case.array("k"),
            session: SessionMaterial::Encrypted {
                csid: &csid,
                privk: &privk,
            },
        };
        let expected = Expected {
            public: Some(&public),
            ..Expected::default()
        };
        let password_key = PasswordKey::from_bytes(case.array("password_key"));
        let account = login::sign_in(&password_key, &reply, &expected, &mut os_rng()).unwrap();
        assert_eq!(account.master.expose_secret(), &case.array("master_key"));
        assert_eq!(*account.session.to_text(), case.str("sid"));
        let key = account.private_key.unwrap();
        assert_eq!(*key.to_short_form(), case.hex("short_form"));
        RsaPrivateKey::from_short_form(&case.hex("short_form"), &expected, &mut os_rng()).unwrap();
        for wrapped in case.list("wrapped_keys") {
            let bytes = wrapped.hex("key");
            let kind = if bytes.len() == 32 {
                NodeKind::File
            } else {
                NodeKind::Folder
            };
            let opened = key
                .decrypt_node_key(wrapped.str("wrapped"), kind, &mut os_rng())
                .unwrap();
            assert_eq!(opened.expose_secret(), bytes);
        }
    }
}

#[test]
fn temporary_sessions() {
    for case in vectors().list("temporary") {
        let (tsid, password_key) = (case.hex("tsid"), PasswordKey::from_bytes([7; 16]));
        let reply = Reply {
            user: case.str("user").parse().unwrap(),
            k: MasterKey::from_bytes(case.array("master_key")).wrap(&password_key),
            session: SessionMaterial::Temporary { tsid: &tsid },
        };
        let account =
            login::sign_in(&password_key, &reply, &Expected::default(), &mut os_rng()).unwrap();
        assert_eq!(*account.session.to_text(), case.str("sid"));
    }
}

struct Known<'v> {
    case: &'v Value,
    master: KeyCipher,
    share: KeyCipher,
}

impl WrappingKeys for Known<'_> {
    fn user(&self) -> Option<UserHandle> {
        self.case.str("user").parse().ok()
    }

    fn master(&self) -> Option<&KeyCipher> {
        Some(&self.master)
    }

    fn share(&self, share: NodeHandle) -> Option<&KeyCipher> {
        (share.to_string() == self.case.str("share")).then_some(&self.share)
    }
}

/// The same account without its own entry in reach: a partner in the share.
struct Partner<'v>(Known<'v>);

impl WrappingKeys for Partner<'_> {
    fn user(&self) -> Option<UserHandle> {
        None
    }

    fn master(&self) -> Option<&KeyCipher> {
        None
    }

    fn share(&self, share: NodeHandle) -> Option<&KeyCipher> {
        self.0.share(share)
    }
}

#[test]
fn nodes() {
    for case in vectors().list("nodes") {
        let kind = if case.str("kind") == "file" {
            NodeKind::File
        } else {
            NodeKind::Folder
        };
        let known = || Known {
            case,
            master: KeyCipher::new(&case.array("master_key")),
            share: KeyCipher::new(&case.array("share_key")),
        };
        let own = KeyString::new(case.str("k")).open(kind, &known()).unwrap();
        let partner = KeyString::new(case.str("k"))
            .open(kind, &Partner(known()))
            .unwrap();
        assert!(!own.is_foreign() && partner.is_foreign());
        for key in [&own.key, &partner.key] {
            assert_eq!(key.expose_secret(), case.hex("key"));
            assert_eq!(
                key.attribute_key().expose_secret(),
                &case.array("attribute_key")
            );
        }
        assert_eq!(
            known().master.wrap_node_key(&own.key).to_text(),
            case.str("bare")
        );

        let mut attributes = Attributes::new();
        attributes.set_name_verbatim(case.str("name")).unwrap();

        let key = own.key.attribute_key();
        let read = Attributes::decrypt_text(&key, case.str("at")).unwrap();
        assert_eq!(read.name_bytes().unwrap(), case.str("name").as_bytes());
        assert_eq!(
            attributes.encrypt_to_text(&key).unwrap(),
            case.str("at"),
            "{}",
            case.str("name")
        );

        let share = case.str("share").parse().unwrap();
        assert_eq!(share_auth(&known().master, share), case.array("ha"));
        let ok = case.array("ok");
        let opened = open_own_share_key(&known().master, share, &ok, &case.array("ha")).unwrap();
        assert_eq!(opened.expose_secret(), &case.array("share_key"));
    }
}

#[test]
fn locked_links() {
    for case in vectors().list("locked_links") {
        let Ok(Link::Password(locked)) = Link::parse(case.str("url")) else {
            panic!("{case}")
        };
        let opened = locked.open(case.str("password")).unwrap();
        assert_eq!(*opened.to_url(), case.str("plain_url"));
        assert!(
            locked
                .open(case.str("password").trim_end_matches(['d', ' ']))
                .is_err()
        );
        if case["algorithm"] == 2 {
            let salt = unhex(case.str("salt")).try_into().unwrap();
            let again = PasswordLink::lock_with_salt(&opened, case.str("password"), salt).unwrap();
            assert_eq!(again.to_url(), case.str("url"));
        }
    }
}

#[test]
fn the_vectors_say_who_made_them() {
    let made_by = &vectors()["made_by"];
    for library in ["pycryptodome", "cryptography"] {
        assert!(!made_by.str(library).is_empty());
    }
}
