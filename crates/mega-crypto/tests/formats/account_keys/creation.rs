//! The keys of new accounts and of old ones.

use mega_crypto::account_keys::{
    AuthMethod, Authring, AuthringEntry, KeyFingerprint, Keyring, NewAccountKeys, PublishedKeys,
};
use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::tlv::{self};
use mega_crypto::{Error, ErrorKind, MasterKey, ShareKey, UserHandle, os_rng};

use super::contacts::Person;
use super::{known_master, known_owner, node, plain_of, records, reopened, user};
use crate::support::{VECTORS, Vector};

const NOW: u64 = 1_700_000_000;

fn rsa_key(account: usize) -> RsaPrivateKey {
    let rsa = &VECTORS.list("login_csid")[account]["rsa"];
    let plain = rsa.hex("privk_short_plain");
    RsaPrivateKey::from_short_form(&plain, &Expected::default(), &mut os_rng()).unwrap()
}

fn attributes(list: &[(&'static str, Vec<u8>)], name: &str) -> Option<Vec<u8>> {
    list.iter()
        .find(|(other, _)| *other == name)
        .map(|(_, value)| value.clone())
}

#[test]
fn a_new_account_gets_all_its_keys_at_once() {
    let (master, owner) = (
        MasterKey::random(&mut os_rng()),
        UserHandle::from_bytes([3; 8]),
    );
    let rsa = &VECTORS.list("login_csid")[0]["rsa"];
    let pubk = RsaPublicKey::from_bytes(&rsa.b64("pubk_b64")).unwrap();
    let [private, other] = [0, 1].map(rsa_key);
    let generate = |private| {
        NewAccountKeys::generate(
            &PublishedKeys::default(),
            owner,
            NOW,
            Some((&pubk, private)),
            &master,
            &mut os_rng(),
        )
    };
    assert_eq!(
        generate(&other).map(drop).unwrap_err().kind(),
        ErrorKind::Misuse
    );
    let new = generate(&private).unwrap();
    let list = new.attributes();
    assert_eq!(list.len(), 6);
    let keys = new.accepted();
    assert_eq!(keys.generation().get(), 2, "as the official client");
    assert_eq!(u64::from(keys.creation_time()), NOW);
    assert!(keys.rsa().unwrap().is_of(&private) && !keys.rsa().unwrap().is_of(&other));

    let values = [
        "+puEd255",
        "+puCu255",
        "+sigCu255",
        "+sigPubk",
        "*keyring",
        "^!keys",
    ]
    .map(|name| attributes(&list, name).unwrap());
    let published = PublishedKeys {
        ed25519: Some(&values[0]),
        x25519: Some(&values[1]),
        x25519_signature: Some(&values[2]),
        rsa_signature: Some(&values[3]),
        keyring: Some(&values[4]),
        keys: Some(&values[5]),
    };
    let load = |published: &PublishedKeys<'_>| published.load(&master, owner, None, Some(&pubk));
    assert!(load(&published).unwrap() == keys);
    let keyring = Keyring::open(&values[4], &master).unwrap();
    assert_eq!(keyring.ed25519().unwrap(), *keys.ed25519());
    assert_eq!(keyring.x25519().unwrap(), *keys.x25519());
    assert_eq!(tlv::open(&values[4], &master).unwrap(), *keyring.records());

    // Anything that does not fit makes all of it unusable.
    let (other, garbage) = (Person::new(b"stranger"), [1; 72]);
    let (other_ed, other_x) = (other.ed25519.public_key(), other.x25519.public_key());
    for broken in [
        PublishedKeys {
            ed25519: Some(other_ed.as_bytes()),
            ..published
        },
        PublishedKeys {
            x25519: Some(other_x.as_bytes()),
            ..published
        },
        PublishedKeys {
            x25519_signature: Some(&values[3]),
            ..published
        },
        PublishedKeys {
            rsa_signature: Some(&values[2]),
            ..published
        },
        PublishedKeys {
            rsa_signature: Some(&garbage),
            ..published
        },
    ] {
        assert!(matches!(load(&broken), Err(Error::Unauthentic { .. })));
    }
    for missing in [
        PublishedKeys {
            ed25519: None,
            ..published
        },
        PublishedKeys {
            x25519: None,
            ..published
        },
        PublishedKeys {
            x25519_signature: None,
            ..published
        },
        PublishedKeys {
            keys: None,
            ..published
        },
    ] {
        assert_eq!(load(&missing).unwrap_err().kind(), ErrorKind::Malformed);
    }
    let unsigned = PublishedKeys {
        rsa_signature: None,
        ..published
    };
    assert!(
        unsigned.lacks_rsa_signature(Some(&pubk)) && !published.lacks_rsa_signature(Some(&pubk))
    );
    assert!(load(&unsigned).is_ok());
}

/// crypto-and-accounts 3.5, 3.7: keys are made once, and never repaired.
#[test]
fn keys_are_not_made_for_an_account_that_has_any() {
    let published = PublishedKeys::default();
    let any = Some(&b"x"[..]);
    for present in [
        PublishedKeys {
            ed25519: any,
            ..published
        },
        PublishedKeys {
            x25519: any,
            ..published
        },
        PublishedKeys {
            x25519_signature: any,
            ..published
        },
        PublishedKeys {
            rsa_signature: any,
            ..published
        },
        PublishedKeys {
            keyring: any,
            ..published
        },
        PublishedKeys {
            keys: any,
            ..published
        },
    ] {
        let made = NewAccountKeys::generate(
            &present,
            known_owner(),
            NOW,
            None,
            &known_master(),
            &mut os_rng(),
        );
        assert_eq!(made.map(drop).unwrap_err().kind(), ErrorKind::Misuse);
    }
}

#[test]
fn an_account_without_rsa_keys_adds_its_copy_later() {
    let (master, owner) = (known_master(), known_owner());
    let new = NewAccountKeys::generate(
        &PublishedKeys::default(),
        owner,
        NOW,
        None,
        &master,
        &mut os_rng(),
    )
    .unwrap();
    let list = new.attributes();
    assert_eq!(list.len(), 5);
    assert_eq!(attributes(&list, "+sigPubk"), None);
    let keys = new.accepted();
    assert_eq!(keys.rsa(), None);
    let plain = records(&plain_of(&attributes(&list, "^!keys").unwrap(), &master));
    assert_eq!(
        plain.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 16, 17, 18, 32, 33, 48, 64, 65, 80, 96]
    );
    let [rsa, other] = [0, 1].map(rsa_key);
    let write = keys.update(&master, &mut os_rng(), |edit| edit.add_rsa(&rsa));
    let keys = reopened(write.unwrap());
    assert!(keys.rsa().unwrap().is_of(&rsa));
    let write = keys.update(&master, &mut os_rng(), |edit| {
        edit.add_rsa(&rsa)?;
        edit.add_rsa(&other)
    });
    assert_eq!(write.unwrap_err().kind(), ErrorKind::Misuse);
}

#[test]
fn an_old_account_is_upgraded_from_its_keyring() {
    let (master, owner) = (known_master(), known_owner());
    let new = NewAccountKeys::generate(
        &PublishedKeys::default(),
        owner,
        NOW,
        None,
        &master,
        &mut os_rng(),
    )
    .unwrap();
    let list = new.attributes();
    let values = ["+puEd255", "+puCu255", "+sigCu255", "*keyring", "^!keys"]
        .map(|name| attributes(&list, name).unwrap());
    let published = PublishedKeys {
        ed25519: Some(&values[0]),
        x25519: Some(&values[1]),
        x25519_signature: Some(&values[2]),
        keyring: Some(&values[3]),
        ..PublishedKeys::default()
    };
    let friend = AuthringEntry::new(
        user("ixKluy2NvU8"),
        KeyFingerprint::from_bytes([1; 20]),
        AuthMethod::SEEN,
    );
    let ring = Authring::parse(
        &[
            &friend.user.to_bytes()[..],
            friend.fingerprint.as_bytes(),
            &[0],
        ]
        .concat(),
    )
    .unwrap();
    let legacy = published.load_legacy(&master, owner, None).unwrap();
    let (folder, key) = (node("IRMxXDou"), ShareKey::random(&mut os_rng()));
    let write = legacy.upgrade(
        NOW,
        None,
        ring.clone(),
        Authring::new(),
        &master,
        &mut os_rng(),
        |edit| {
            edit.add_share_key(folder, &key, false)?;
            edit.set_share_in_use(folder, true)
        },
    );
    let keys = reopened(write.unwrap());
    assert_eq!(keys.generation().get(), 2);
    assert_eq!(*keys.ed25519_ring(), ring);
    assert_eq!(*keys.ed25519(), *new.accepted().ed25519());
    assert!(keys.share_key(folder).unwrap().is_in_use());

    // With a ^!keys, readable or not, there is nothing to upgrade.
    let damaged = PublishedKeys {
        keys: Some(b"damaged"),
        ..published
    };
    assert_eq!(
        damaged
            .load_legacy(&master, owner, None)
            .map(drop)
            .unwrap_err()
            .kind(),
        ErrorKind::Misuse
    );
    let empty = PublishedKeys {
        keyring: None,
        ..published
    };
    assert_eq!(
        empty
            .load_legacy(&master, owner, None)
            .map(drop)
            .unwrap_err()
            .kind(),
        ErrorKind::Malformed
    );
}

#[test]
fn another_rsa_key_is_refused_and_the_same_one_is_no_change() {
    let [private, other] = [0, 1].map(rsa_key);
    let mut list = records(&super::known().hex("plain"));
    let copy = &mut list.iter_mut().find(|(tag, _)| *tag == 18).unwrap().1;
    *copy = private.to_short_form().to_vec();
    let keys = super::open_plain(&super::joined(&list)).unwrap();
    let write = keys.update(&known_master(), &mut os_rng(), |edit| {
        assert_eq!(edit.add_rsa(&other).unwrap_err().kind(), ErrorKind::Misuse);
        edit.add_rsa(&private)
    });
    assert!(write.unwrap().accepted().rsa().unwrap().is_of(&private));
}

/// Crypto-and-accounts 3.5: each of the public keys must belong to its private one.
#[test]
fn one_public_key_that_does_not_belong_is_enough_to_refuse_all() {
    let keys = super::open_known();
    let stranger = Person::new(b"stranger");
    let (ed25519, x25519) = (keys.ed25519().public_key(), keys.x25519().public_key());
    let attribute = super::known().b64("container_b64");
    let load = |ed25519: &[u8; 32], x25519: &[u8; 32], signed: &[u8]| {
        let published = PublishedKeys {
            ed25519: Some(ed25519),
            x25519: Some(x25519),
            x25519_signature: Some(signed),
            keys: Some(&attribute),
            ..PublishedKeys::default()
        };
        published.load(&known_master(), known_owner(), None, None)
    };
    let sign = |private, public| {
        mega_crypto::account_keys::KeySignature::sign_x25519(private, public, 5).to_bytes()
    };
    let own = sign(keys.ed25519(), &x25519);
    assert!(load(ed25519.as_bytes(), x25519.as_bytes(), &own).is_ok());
    // Soundly signed, and yet not this account's.
    let foreign = stranger.x25519.public_key();
    let signed = sign(keys.ed25519(), &foreign);
    assert!(load(ed25519.as_bytes(), foreign.as_bytes(), &signed).is_err());
    let signed = sign(&stranger.ed25519, &x25519);
    let foreign = stranger.ed25519.public_key();
    assert!(load(foreign.as_bytes(), x25519.as_bytes(), &signed).is_err());
}
