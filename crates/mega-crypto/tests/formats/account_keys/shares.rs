//! Share keys and pending shares in the attribute.

use mega_crypto::account_keys::{PendingInShare, PendingOutShare, PendingRecipient};
use mega_crypto::{Error, ErrorKind, ShareKey, os_rng};

use super::{
    joined, known, known_master, node, open_known, open_plain, plain_of, records, reopened,
    unchanged, user,
};
use crate::support::Vector;

#[test]
fn share_keys_are_added_and_marked_and_trusted_ones_not_replaced() {
    let keys = open_known();
    let (trusted, free, new) = (node("jUN1au9G"), node("LMlh6vgG"), node("IRMxXDou"));
    let [one, two] = [(); 2].map(|()| ShareKey::random(&mut os_rng()));
    let write = keys.update(&known_master(), &mut os_rng(), |edit| {
        let refused = edit.add_share_key(trusted, &one, true).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
        edit.add_share_key(free, &one, false)?;
        edit.set_share_in_use(free, true)?;
        assert!(
            edit.add_share_key(free, &two, false).is_err(),
            "it is in use"
        );
        edit.add_share_key(free, &one, true)?;
        assert!(edit.set_share_in_use(new, true).is_err(), "no such key");
        edit.add_share_key(new, &two, false)?;
        edit.set_share_in_use(trusted, false)
    });
    let keys = write.unwrap().accepted();
    let stored = |node| {
        let stored = keys.share_key(node).unwrap();
        (
            stored.key().unwrap(),
            stored.is_trusted(),
            stored.is_in_use(),
        )
    };
    assert_eq!(stored(free), (one.clone(), true, true));
    assert_eq!(stored(new), (two.clone(), false, false));
    assert_eq!((stored(trusted).1, stored(trusted).2), (true, false));
    let keys = keys.update(&known_master(), &mut os_rng(), |edit| {
        edit.replace_share_key(free, &two, false)
    });
    let keys = keys.unwrap().accepted();
    let stored = keys.share_key(free).unwrap();
    assert_eq!(
        (
            stored.key().unwrap(),
            stored.is_trusted(),
            stored.is_in_use()
        ),
        (two, false, false)
    );
}

#[test]
fn flags_and_zero_keys_of_other_clients_are_kept() {
    let mut list = records(&known().hex("plain"));
    let shares = &mut list.iter_mut().find(|(tag, _)| *tag == 48).unwrap().1;
    shares[22] = 0xf1;
    shares[29..45].fill(0);
    let plain = joined(&list);
    let keys = open_plain(&plain).unwrap();
    assert!(matches!(
        keys.share_keys()[1].key(),
        Err(Error::ZeroKey { .. })
    ));
    let write = keys.update(&known_master(), &mut os_rng(), |edit| {
        edit.set_share_in_use(node("jUN1au9G"), true)
    });
    let written = records(&plain_of(write.unwrap().attribute(), &known_master()));
    let shares = &written.iter().find(|(tag, _)| *tag == 48).unwrap().1;
    assert_eq!(shares[22], 0xf3);
    assert_eq!(shares[29..45], [0; 16]);
}

#[test]
fn pending_shares_come_and_go() {
    let (folder, sharer) = (node("IRMxXDou"), user("ixKluy2NvU8"));
    let out = PendingOutShare::new(folder, PendingRecipient::email("a@b").unwrap());
    let write = open_known().update(&known_master(), &mut os_rng(), |edit| {
        edit.add_pending_out_share(out.clone());
        edit.add_pending_out_share(out.clone());
        edit.set_pending_in_share(&PendingInShare::new(folder, sharer, None));
        edit.set_contact_verification_warning(false);
        Ok(())
    });
    let keys = reopened(write.unwrap());
    assert_eq!(keys.pending_out_shares().len(), 3);
    assert_eq!(
        keys.pending_in_shares().last(),
        Some(PendingInShare::new(folder, sharer, None))
    );
    assert!(!keys.contact_verification_warning());
    let write = keys.update(&known_master(), &mut os_rng(), |edit| {
        assert!(edit.remove_pending_out_share(&out) && !edit.remove_pending_out_share(&out));
        edit.set_pending_in_share(&PendingInShare::new(folder, sharer, Some([3; 16])));
        assert_eq!(
            edit.keys().pending_in_shares().last().unwrap().wrapped_key,
            Some([3; 16])
        );
        assert!(edit.remove_pending_in_share(folder) && !edit.remove_pending_in_share(folder));
        Ok(())
    });
    let keys = reopened(write.unwrap());
    assert_eq!(keys.pending_out_shares(), open_known().pending_out_shares());
    assert!(
        keys.pending_in_shares()
            .eq(open_known().pending_in_shares())
    );
    assert!(PendingRecipient::email("nobody").is_err());
    assert!(PendingRecipient::email(&format!("{}@x", "a".repeat(254))).is_err());
    assert!(PendingRecipient::email(&format!("{}@x", "a".repeat(253))).is_ok());
}

#[test]
fn a_pending_key_stored_as_text_is_understood_and_kept_as_it_is() {
    let key = [0xa5; 16];
    let mut value = user("ixKluy2NvU8").to_bytes().to_vec();
    value.extend(mega_crypto::base64::encode(&key).bytes());
    let entry = [
        &b"\x08IRMxXDou"[..],
        &(value.len() as u16).to_be_bytes(),
        &value,
    ]
    .concat();
    // And one whose name is no handle.
    let entries = [entry, b"\x03odd\0\x0812345678".to_vec()].concat();
    let mut list = records(&known().hex("plain"));
    list.iter_mut().find(|(tag, _)| *tag == 65).unwrap().1 = entries.clone();
    let keys = open_plain(&joined(&list)).unwrap();
    let expected = PendingInShare::new(node("IRMxXDou"), user("ixKluy2NvU8"), Some(key));
    assert_eq!(keys.pending_in_shares().collect::<Vec<_>>(), [expected]);
    let written = records(&plain_of(unchanged(&keys).attribute(), &known_master()));
    assert_eq!(
        written.iter().find(|(tag, _)| *tag == 65).unwrap().1,
        entries
    );
}

#[test]
fn a_trusted_share_key_is_not_replaced_even_if_no_share_uses_it() {
    let (folder, [one, two]) = (
        node("IRMxXDou"),
        [(); 2].map(|()| ShareKey::random(&mut os_rng())),
    );
    let write = open_known().update(&known_master(), &mut os_rng(), |edit| {
        edit.add_share_key(folder, &one, true)?;
        assert!(edit.add_share_key(folder, &two, true).is_err());
        edit.add_share_key(folder, &one, false)
    });
    let keys = write.unwrap().accepted();
    assert_eq!(keys.share_key(folder).unwrap().key().unwrap(), one);
}

#[test]
fn stored_share_keys_are_equal_only_if_folder_key_and_flags_are() {
    let made = |folder: &str, key: u8, trusted: bool| {
        let key = ShareKey::from_bytes([key; 16]).unwrap();
        let write = open_known().update(&known_master(), &mut os_rng(), |edit| {
            edit.add_share_key(node(folder), &key, trusted)
        });
        let keys = write.unwrap().accepted();
        keys.share_key(node(folder)).unwrap().clone()
    };
    let (one, other) = ("IRMxXDou", "IRMxXDov");
    assert!(made(one, 1, true) == made(one, 1, true));
    assert!(made(one, 1, true) != made(other, 1, true));
    assert!(made(one, 1, true) != made(one, 2, true));
    assert!(made(one, 1, true) != made(one, 1, false));
}

#[test]
fn a_short_copy_of_the_rsa_key_is_refused_and_copies_are_compared() {
    let mut list = records(&known().hex("plain"));
    let copy = &mut list.iter_mut().find(|(tag, _)| *tag == 18).unwrap().1;
    let whole = copy.clone();
    *copy = [[0, 8, 3], [0, 8, 5], [0, 8, 7]].concat();
    assert!(open_plain(&joined(&list)).is_err());

    let copy = &mut list.iter_mut().find(|(tag, _)| *tag == 18).unwrap().1;
    *copy = whole;
    let same = open_plain(&joined(&list)).unwrap();
    let copy = &mut list.iter_mut().find(|(tag, _)| *tag == 18).unwrap().1;
    copy[100] ^= 1;
    let other = open_plain(&joined(&list)).unwrap();
    assert!(same.rsa() == open_known().rsa() && same.rsa() != other.rsa());
}
