use mega_crypto::{
    FileKey, FolderKey, KeyCipher, KeyString, MasterKey, NodeHandle, NodeKey, NodeKind, Owner,
    ShareKey, ShareKeys, ShareRequest, UserHandle, WrappingKeys, open_own_share_key, share_auth,
    write_key_string,
};

use crate::support::{VECTORS, Vector, look};

struct Known {
    user: UserHandle,
    master: KeyCipher,
    shares: Vec<(NodeHandle, KeyCipher)>,
}

impl Known {
    fn of_vectors() -> Self {
        let vectors = &VECTORS["node_key_strings"];
        Self {
            user: vectors.str("me_b64").parse().unwrap(),
            master: KeyCipher::new(&vectors.array("master_key")),
            shares: vectors
                .list("share_keys")
                .iter()
                .map(|s| {
                    (
                        s.str("handle_b64").parse().unwrap(),
                        KeyCipher::new(&s.array("key")),
                    )
                })
                .collect(),
        }
    }
}

impl WrappingKeys for Known {
    fn user(&self) -> Option<UserHandle> {
        Some(self.user)
    }

    fn master(&self) -> Option<&KeyCipher> {
        Some(&self.master)
    }

    fn share(&self, share: NodeHandle) -> Option<&KeyCipher> {
        self.shares
            .iter()
            .find(|(handle, _)| *handle == share)
            .map(|(_, cipher)| cipher)
    }
}

fn kind(case: &serde_json::Value) -> NodeKind {
    match case.str("type") {
        "file" => NodeKind::File,
        "folder" => NodeKind::Folder,
        other => panic!("unknown type {other}"),
    }
}

#[test]
pub(crate) fn file_keys_fold_into_their_parts() {
    for case in VECTORS.list("fold") {
        let key = case.hex("node_key");
        let folded = match <[u8; 32]>::try_from(key.as_slice()) {
            Ok(key) => FileKey::from_bytes(key).unwrap().attribute_key(),
            Err(_) => FolderKey::from_bytes(case.array("node_key"))
                .unwrap()
                .attribute_key(),
        };
        assert_eq!(folded.expose_secret()[..], case.hex("aes_key"));
        // Only a file's key has these.
        assert_eq!(case.is_present("nonce"), key.len() == 32);
        assert_eq!(case.is_present("meta_mac"), key.len() == 32);
    }
}

#[test]
pub(crate) fn file_keys_are_put_together_from_their_parts() {
    for case in VECTORS
        .list("fold")
        .iter()
        .filter(|case| case["nonce"].is_string())
    {
        let key = FileKey::from_bytes(case.array("node_key")).unwrap();
        assert_eq!(key.content_key().expose_aes_key()[..], case.hex("aes_key"));
        assert_eq!(key.content_key().expose_nonce()[..], case.hex("nonce"));
        assert_eq!(key.meta_mac().0[..], case.hex("meta_mac"));
        assert_eq!(
            FileKey::new(&key.content_key(), key.meta_mac()).unwrap(),
            key
        );
    }
    let zero = mega_crypto::content::ContentKey::new([0; 16], [1; 8]);
    assert!(FileKey::new(&zero, mega_crypto::content::MetaMac([2; 8])).is_err());
}

#[test]
pub(crate) fn key_strings_open_as_the_official_client_opens_them() {
    let known = Known::of_vectors();
    for case in VECTORS["node_key_strings"].list("cases") {
        let opened = KeyString::new(case.str("k_text")).open_like_sdk(kind(case), &known);
        match case.opt_hex("key") {
            Some(key) => {
                let opened = opened.unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(opened.key.expose_secret(), key, "{case}");
                assert_eq!(opened.is_foreign(), case.bool("foreign"), "{case}");
            }
            None => {
                assert!(opened.is_err(), "{case}");
                assert_ne!(case.opt_bool("foreign"), Some(true), "{case}");
            }
        }
    }
}

#[test]
fn nod_1_nod_3_key_strings_open_strictly_and_with_the_own_entry_first() {
    let known = Known::of_vectors();
    let mut own_over_share = 0;
    for case in VECTORS["node_key_strings"].list("cases") {
        let opened = KeyString::new(case.str("k_text")).open(kind(case), &known);
        match case
            .opt_hex("key")
            .filter(|_| !case.str("name").contains("only the first 16"))
        {
            Some(key) => {
                let opened = opened.unwrap();
                assert_eq!(opened.key.expose_secret(), key);
                if case.str("name") == "share first, then own handle" {
                    assert!(!opened.is_foreign());
                    own_over_share += 1;
                } else {
                    assert_eq!(opened.is_foreign(), case["foreign"].as_bool().unwrap());
                }
            }
            None => {
                assert!(opened.is_err(), "{case}");
                assert_ne!(case.opt_bool("foreign"), Some(true), "{case}");
            }
        }
    }
    assert_eq!(own_over_share, 1);
}

#[test]
fn keys_are_wrapped_as_in_the_key_strings() {
    let known = Known::of_vectors();
    for case in VECTORS["node_key_strings"].list("cases") {
        let text = case.str("k_text");
        let Ok(opened) = KeyString::new(text).open(kind(case), &known) else {
            continue;
        };
        let bare = known.master.wrap_node_key(&opened.key);
        match text.split_once(':') {
            None => assert_eq!(bare.to_text(), text),
            Some(_) => {
                let own = write_key_string([(Owner::User(known.user), bare)]);
                let (share, cipher) = &known.shares[0];
                let shared =
                    write_key_string([(Owner::Share(*share), cipher.wrap_node_key(&opened.key))]);
                assert!(
                    text.split('/').any(|entry| entry == own || entry == shared),
                    "{case}"
                );
            }
        }
    }
}

#[test]
pub(crate) fn own_share_keys_open_only_with_their_proof() {
    for case in VECTORS.list("share_keys") {
        let master = MasterKey::from_bytes(case.array("master_key")).cipher();
        let share: NodeHandle = case.str("share_handle_b64").parse().unwrap();
        let ok: [u8; 16] = case.b64("ok_b64").try_into().unwrap();
        let ha: [u8; 16] = case.b64("ha_b64").try_into().unwrap();
        assert_eq!(ha, case.array("ha"));
        assert_eq!(share_auth(&master, share), ha);
        let key = open_own_share_key(&master, share, &ok, &ha).unwrap();
        assert_eq!(key.expose_secret()[..], case.hex("share_key"));
        assert_eq!(master.wrap_share_key(&key), ok);
        let mut forged = ha;
        forged[15] ^= 1;
        assert!(open_own_share_key(&master, share, &ok, &forged).is_err());
    }
}

#[test]
fn nod_2_keys_that_protect_nothing_are_refused() {
    assert!(FileKey::from_bytes([7; 32]).is_err());
    assert!(FolderKey::from_bytes([0; 16]).is_err());
    assert!(ShareKey::from_bytes([0; 16]).is_err());
    // What a server can always make: one ciphertext block twice (threat model, ATT-5).
    let known = Known::of_vectors();
    let text = mega_crypto::base64::encode(&[0x42; 32]);
    assert!(matches!(
        KeyString::new(&text).open(NodeKind::File, &known),
        Err(mega_crypto::Error::ZeroKey { .. })
    ));
    let zero = mega_crypto::base64::encode(&known.master.encrypt_block([0; 16]));
    assert!(
        KeyString::new(&zero)
            .open(NodeKind::Folder, &known)
            .is_err()
    );
    assert!(NodeKey::from(FolderKey::from_bytes([1; 16]).unwrap()).kind() == NodeKind::Folder);
}

#[test]
pub(crate) fn keys_are_handed_to_shares() {
    let vectors = &VECTORS["crypto_request"];
    let shares: Vec<(NodeHandle, KeyCipher)> = vectors
        .list("shares")
        .iter()
        .map(|s| {
            (
                s.str("handle_b64").parse().unwrap(),
                KeyCipher::new(&s.array("key")),
            )
        })
        .collect();
    let mut for_new = ShareRequest::for_new_nodes();
    let mut for_existing = ShareRequest::for_existing_nodes();
    for (place, node) in vectors.list("nodes").iter().enumerate() {
        let key: NodeKey = match <[u8; 32]>::try_from(node.hex("key")) {
            Ok(key) => FileKey::from_bytes(key).unwrap().into(),
            Err(_) => FolderKey::from_bytes(node.array("key")).unwrap().into(),
        };
        let above: Vec<ShareKeys<'_>> = node
            .numbers("inside_shares")
            .into_iter()
            .map(|i| &shares[usize::try_from(i).unwrap()])
            .map(|(share, cipher)| ShareKeys {
                share: *share,
                cipher,
            })
            .collect();
        for_new.add_new(place as u32, &key, &above);
        for_existing.add_existing(node.str("handle_b64").parse().unwrap(), &key, &above);
    }
    for (request, expected) in [(for_new, "cr_for_p"), (for_existing, "cr_for_m")] {
        let json: serde_json::Value = serde_json::from_str(&request.to_json()).unwrap();
        assert_eq!(json, *look(&vectors[expected]));
    }
    assert!(ShareRequest::for_new_nodes().is_empty());
}
