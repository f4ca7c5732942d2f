//! Keys of contacts, pinned in authrings.

use mega_crypto::account_keys::{
    AuthMethod, Authring, ContactKeys, ContactStanding, Ed25519PrivateKey, KeySignature,
    X25519PrivateKey,
};
use mega_crypto::tlv::Records;
use mega_crypto::{Error, ErrorKind, UserHandle, os_rng};

use super::{known_master, open_known, reopened};

pub(super) struct Person {
    user: UserHandle,
    pub(super) ed25519: Ed25519PrivateKey,
    pub(super) x25519: X25519PrivateKey,
}

impl Person {
    pub(super) fn new(name: &[u8; 8]) -> Self {
        Self {
            user: UserHandle::from_bytes(*name),
            ed25519: Ed25519PrivateKey::random(&mut os_rng()),
            x25519: X25519PrivateKey::random(&mut os_rng()),
        }
    }

    pub(super) fn keys(&self) -> ContactKeys {
        let signature = KeySignature::sign_x25519(&self.ed25519, &self.x25519.public_key(), 5);
        self.keys_signed(&signature).unwrap()
    }

    pub(super) fn keys_signed(&self, signature: &KeySignature) -> Result<ContactKeys, Error> {
        let (ed25519, x25519) = (self.ed25519.public_key(), self.x25519.public_key());
        ContactKeys::new(
            self.user,
            ed25519.as_bytes(),
            x25519.as_bytes(),
            &signature.to_bytes(),
        )
    }
}

/// Threat model, KEY-9, ATT-12.
#[test]
fn a_contacts_keys_are_pinned_at_first_sight() {
    let (friend, keys) = (Person::new(b"a friend"), open_known());
    let contact = friend.keys();
    assert_eq!(contact.standing(&keys), Ok(ContactStanding::New));
    assert_eq!(
        keys.pairwise_key(&contact).unwrap_err().kind(),
        ErrorKind::Misuse
    );

    let write = keys.update(&known_master(), &mut os_rng(), |edit| edit.track(&contact));
    let keys = reopened(write.unwrap());
    assert_eq!(contact.standing(&keys), Ok(ContactStanding::Seen));
    assert_eq!(
        keys.x25519_ring().get(friend.user).unwrap().method,
        AuthMethod::SIGNATURE
    );
    let pairwise = keys.pairwise_key(&contact).unwrap();
    assert_eq!(
        friend
            .x25519
            .pairwise_key(&keys.x25519().public_key())
            .unwrap(),
        pairwise
    );

    let write = keys.update(&known_master(), &mut os_rng(), |edit| {
        edit.track_compared(&contact)
    });
    let keys = reopened(write.unwrap());
    assert_eq!(contact.standing(&keys), Ok(ContactStanding::Compared));
    // Seen again, it stays compared.
    let write = keys.update(&known_master(), &mut os_rng(), |edit| edit.track(&contact));
    let keys = reopened(write.unwrap());
    assert_eq!(contact.standing(&keys), Ok(ContactStanding::Compared));

    // The server sends other keys, each soundly signed: a new pair, or the same Ed25519 key with
    // another X25519 key.
    let impostor = Person {
        user: friend.user,
        ..Person::new(b"impostor")
    };
    let half = Person {
        ed25519: friend.ed25519.clone(),
        ..Person {
            user: friend.user,
            ..Person::new(b"impostor")
        }
    };
    for changed in [impostor.keys(), half.keys()] {
        assert_eq!(changed.standing(&keys), Err(Error::ContactKeyChanged));
        assert_eq!(
            keys.pairwise_key(&changed).unwrap_err(),
            Error::ContactKeyChanged
        );
        let write = keys.update(&known_master(), &mut os_rng(), |edit| {
            assert_eq!(edit.track(&changed), Err(Error::ContactKeyChanged));
            edit.track_compared(&changed)
        });
        assert_eq!(write.unwrap_err(), Error::ContactKeyChanged);
    }
}

/// Threat model, KEY-9.
#[test]
fn an_unsigned_x25519_key_is_no_contact_key() {
    let (friend, stranger) = (Person::new(b"a friend"), Person::new(b"stranger"));
    let by_stranger = KeySignature::sign_x25519(&stranger.ed25519, &friend.x25519.public_key(), 5);
    let for_stranger = KeySignature::sign_x25519(&friend.ed25519, &stranger.x25519.public_key(), 5);
    for signature in [by_stranger, for_stranger] {
        assert_eq!(
            friend.keys_signed(&signature).unwrap_err().kind(),
            ErrorKind::Integrity
        );
    }
}

#[test]
fn authrings_keep_what_other_clients_wrote() {
    let record = |user: u8, fingerprint: u8, method: u8| {
        [&[user; 8][..], &[fingerprint; 20], &[method]].concat()
    };
    let bytes = [
        record(1, 1, 0),
        record(2, 2, 255),
        record(3, 3, 77),
        record(1, 9, 1),
    ]
    .concat();
    let ring = Authring::parse(&bytes).unwrap();
    assert_eq!(
        ring.to_bytes(),
        [record(1, 9, 1), record(2, 2, 255), record(3, 3, 77)].concat()
    );
    assert_eq!(ring.entries().len(), 3);
    assert!(
        !ring
            .get(UserHandle::from_bytes([2; 8]))
            .unwrap()
            .method
            .is_known()
    );
    assert!(ring.get(UserHandle::from_bytes([4; 8])).is_none());
    for cut in 1..29 {
        assert!(Authring::parse(&bytes[..cut]).is_err());
    }
    // The attributes of old accounts hold the same in a container.
    let mut records = Records::new();
    assert_eq!(Authring::from_records(&records).unwrap(), Authring::new());
    records.insert("", &bytes).unwrap();
    assert_eq!(Authring::from_records(&records).unwrap(), ring);
}

/// A method that this version does not know, below all known ones.
#[test]
fn a_contact_noted_in_an_unknown_way_is_new() {
    let friend = Person::new(b"a friend");
    let contact = friend.keys();
    let write = open_known().update(&known_master(), &mut os_rng(), |edit| edit.track(&contact));
    let plain = super::plain_of(write.unwrap().attribute(), &known_master());
    let mut list = super::records(&plain);
    let ring = &mut list.iter_mut().find(|(tag, _)| *tag == 32).unwrap().1;
    *ring.last_mut().unwrap() = 0xff;
    let keys = super::open_plain(&super::joined(&list)).unwrap();
    assert_eq!(contact.standing(&keys), Ok(ContactStanding::New));
}
