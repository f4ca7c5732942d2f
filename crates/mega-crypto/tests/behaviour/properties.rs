use mega_crypto::attributes::{self, Attributes, Members};
use mega_crypto::link::{Link, LinkKind, PublicLink, SubKind, SubNode, WriteAuth};
use mega_crypto::*;
use proptest::collection::vec;
use proptest::prelude::*;

struct Keys {
    user: UserHandle,
    master: KeyCipher,
    share: (NodeHandle, KeyCipher),
}

impl WrappingKeys for Keys {
    fn user(&self) -> Option<UserHandle> {
        Some(self.user)
    }

    fn master(&self) -> Option<&KeyCipher> {
        Some(&self.master)
    }

    fn share(&self, share: NodeHandle) -> Option<&KeyCipher> {
        (share == self.share.0).then_some(&self.share.1)
    }
}

fn keys() -> Keys {
    Keys {
        user: UserHandle::from_bytes([1; 8]),
        master: KeyCipher::new(&[2; 16]),
        share: (NodeHandle::from_bytes([3; 6]), KeyCipher::new(&[4; 16])),
    }
}

fn node_key() -> impl Strategy<Value = NodeKey> {
    prop_oneof![
        any::<[u8; 32]>().prop_filter_map("zero key", |b| FileKey::from_bytes(b)
            .ok()
            .map(NodeKey::File)),
        any::<[u8; 16]>().prop_filter_map("zero key", |b| FolderKey::from_bytes(b)
            .ok()
            .map(NodeKey::Folder)),
    ]
}

proptest! {
    #[test]
    fn base64_round_trips(bytes in vec(any::<u8>(), 0..200)) {
        let text = base64::encode(&bytes);
        prop_assert_eq!(text.len(), base64::encoded_len(bytes.len()));
        prop_assert_eq!(base64::decoded_len(text.len()), bytes.len());
        prop_assert_eq!(&base64::decode(&text).unwrap(), &bytes);
        prop_assert_eq!(&base64::decode(text.replace('-', "+").replace('_', "/")).unwrap(), &bytes);
        prop_assert_eq!(&base64::decode(format!("{text}==")).unwrap(), &bytes);
        prop_assert_eq!(&base64::decode_like_sdk(&text), &bytes);
        let mut into = vec![0; bytes.len()];
        base64::decode_into(&text, &mut into).unwrap();
        prop_assert_eq!(&into, &bytes);
        let mut longer = vec![0; bytes.len() + 1];
        prop_assert!(base64::decode_into(&text, &mut longer).is_err());
    }

    #[test]
    fn a_foreign_byte_anywhere_is_found(bytes in vec(any::<u8>(), 1..60), at in any::<prop::sample::Index>(), foreign in any::<u8>()) {
        prop_assume!(!foreign.is_ascii_alphanumeric() && !b"-_+/=".contains(&foreign));
        let mut text = base64::encode(&bytes).into_bytes();
        let position = at.index(text.len());
        text[position] = foreign;
        prop_assert_eq!(base64::decode(&text), Err(base64::DecodeError::ForeignByte { position }));
    }

    #[test]
    fn base64_integers_round_trip(number in any::<u64>()) {
        prop_assert_eq!(base64::decode_integer(base64::encode_integer(number)), Some(number));
    }

    #[test]
    fn decoders_take_anything(text in vec(any::<u8>(), 0..100)) {
        _ = base64::decode(&text);
        _ = base64::decode_like_sdk(&text);
        _ = base64::decode_integer(&text);
        _ = mpi::read::<4>(&text);
        _ = StoredSession::from_bytes(&text);
        _ = Attributes::parse(&text);
        _ = KeyString::new(&text).open(NodeKind::File, &keys());
        _ = KeyString::new(&text).open_like_sdk(NodeKind::Folder, &keys());
        _ = Link::parse(&String::from_utf8_lossy(&text));
        _ = account::ConfirmationCode::parse(&String::from_utf8_lossy(&text));
        _ = rsa::RsaPublicKey::from_bytes(&text);
    }

    #[test]
    fn integers_round_trip(numbers in vec(vec(any::<u8>(), 0..40), 3)) {
        let (mut whole, mut exact) = (Vec::new(), Vec::new());
        for number in &numbers {
            mpi::write(number, &mut whole);
            mpi::write_exact(number, &mut exact);
        }
        let trimmed: Vec<&[u8]> = numbers
            .iter()
            .map(|n| &n[n.iter().take_while(|b| **b == 0).count()..])
            .collect();
        prop_assert_eq!(&mpi::read::<3>(&whole).unwrap()[..], &trimmed[..]);
        prop_assert_eq!(&mpi::read::<3>(&exact).unwrap()[..], &trimmed[..]);
    }

    #[test]
    fn node_keys_round_trip_in_key_strings(key in node_key(), order in 0..3) {
        let keys = keys();
        let own = (Owner::User(keys.user), keys.master.wrap_node_key(&key));
        let stranger = (Owner::User(UserHandle::from_bytes([9; 8])), WrappedNodeKey::File([7; 32]));
        let share = (Owner::Share(keys.share.0), keys.share.1.wrap_node_key(&key));
        let (text, foreign) = match order {
            0 => (write_key_string([share, stranger, own]), false),
            1 => (write_key_string([stranger, share]), true),
            _ => (write_key_string([(Owner::Bare, own.1)]), false),
        };
        let opened = KeyString::new(&text).open(key.kind(), &keys).unwrap();
        prop_assert_eq!(&opened.key, &key);
        prop_assert_eq!(opened.is_foreign(), foreign);
        // The other kind of node has another length of key.
        let other = if key.kind() == NodeKind::File { NodeKind::Folder } else { NodeKind::File };
        let is_length = matches!(KeyString::new(&text).open(other, &keys), Err(Error::Length { .. }));
        prop_assert!(is_length);
    }

    #[test]
    fn batches_decrypt_like_single_keys(wrapped in vec(any::<[u8; 32]>(), 0..40)) {
        let cipher = KeyCipher::new(&[5; 16]);
        let mut batch = wrapped.clone();
        cipher.decrypt_file_keys(&mut batch);
        for (wrapped, plain) in wrapped.iter().zip(batch) {
            match (cipher.unwrap_file_key(wrapped), FileKey::from_bytes(plain)) {
                (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
                (a, b) => prop_assert_eq!(a.is_err(), b.is_err()),
            }
        }
    }

    #[test]
    fn attributes_round_trip(members in vec(("[a-zA-Z_]{1,8}", any::<String>()), 1..8)) {
        let key = AttributeKey::from_bytes([8; 16]);
        let mut built = Attributes::new();
        let mut expected = std::collections::HashMap::new();
        for (name, value) in &members {
            built.set(name, value).unwrap();
            expected.insert(name.clone(), value.clone());
        }
        let read = Attributes::decrypt_text(&key, &built.encrypt_to_text(&key).unwrap()).unwrap();
        prop_assert_eq!(&read, &built);
        prop_assert_eq!(read.len(), expected.len());
        for (name, value) in &expected {
            let text = read.text(name).unwrap();
            prop_assert_eq!(&*text, value.as_str());
        }
        // A strict JSON parser agrees.
        let json: serde_json::Value = serde_json::from_slice(&read.to_json()).unwrap();
        prop_assert_eq!(json, serde_json::to_value(&expected).unwrap());
    }

    #[test]
    fn what_a_strict_parser_reads_is_read_the_same(value in json_value()) {
        let text = serde_json::json!({ "n": value }).to_string();
        let read = Attributes::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.to_json(), text.as_bytes());
        let expected = match &value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        prop_assert_eq!(read.text("n").unwrap(), expected);
        prop_assert_eq!(Members::new(text.as_bytes()).count(), 1);
    }

    #[test]
    fn fields_encrypt_and_decrypt(json in "\\{\"[ -~]{0,200}") {
        let key = AttributeKey::from_bytes([8; 16]);
        let mut field = attributes::encrypt(&key, json.as_bytes()).unwrap();
        prop_assert_eq!(attributes::decrypt_in_place(&key, &mut field).unwrap(), json.as_bytes());
    }

    #[test]
    fn links_round_trip(handle in any::<[u8; 6]>(), key in node_key(), sub in any::<Option<(bool, [u8; 6])>>(), auth in proptest::option::of("[A-Za-z0-9_-]{22}")) {
        let handle = PublicHandle::from_bytes(handle);
        let link = match key {
            NodeKey::File(key) => PublicLink::file(handle, key),
            NodeKey::Folder(key) => {
                let mut link = PublicLink::folder(handle, ShareKey::from_bytes(*key.expose_secret()).unwrap());
                if let Some((file, node)) = sub {
                    let kind = if file { SubKind::File } else { SubKind::Folder };
                    link = link.with_sub_node(SubNode { kind, handle: NodeHandle::from_bytes(node) });
                }
                match auth {
                    Some(auth) => link.with_write_auth(WriteAuth::new(&auth).unwrap()),
                    None => link,
                }
            }
        };
        let url = link.to_url();
        prop_assert_eq!(Link::parse(&url).unwrap(), Link::Public(link.clone()));
        // The old forms say the same.
        let (_, tail) = url.split_at(url.find("/f").unwrap());
        let old = tail.replacen("/file/", "/#!", 1).replacen("/folder/", "/#F!", 1).replacen('#', "!", 2).replacen("/!", "/#", 1);
        if link.write_auth().is_none() && link.sub_node().is_none() {
            prop_assert_eq!(Link::parse(&old).unwrap(), Link::Public(link.clone()), "{}", old);
        }
        prop_assert_eq!(link.kind() == LinkKind::File, link.file_key().is_ok());
    }

    #[test]
    fn stored_sessions_round_trip(sid in any::<[u8; 43]>(), key in any::<[u8; 16]>(), auth in proptest::option::of("[a-z]{1,60}"), account in proptest::option::of("[a-z]{1,60}")) {
        let mut sid = sid;
        sid[16..27].copy_from_slice(b"sV6MOnoUMPA");
        let session = SessionId::from_bytes(sid).unwrap();
        prop_assert_eq!(&SessionId::from_text(&session.to_text()).unwrap(), &session);
        let master = MasterKey::from_bytes(key);
        let sealed = StoredAccount::seal(&master, session.clone(), &SessionKey::from_bytes([1; 16]));
        let plain = StoredAccount { master: StoredMaster::Plain(master), session };
        let mut all = vec![StoredSession::Account(sealed), StoredSession::Account(plain)];
        if let Ok(key) = ShareKey::from_bytes(key) {
            all.push(StoredSession::Folder(StoredFolder {
                handle: PublicHandle::from_bytes([1; 6]),
                root: NodeHandle::from_bytes([2; 6]),
                key,
                write_auth: auth.map(|auth| WriteAuth::new(&auth).unwrap()),
                account_auth: account.map(Into::into),
            }));
        }
        for stored in all {
            let bytes = stored.to_bytes();
            prop_assert_eq!(&StoredSession::from_bytes(&bytes).unwrap(), &stored);
            prop_assert_eq!(&StoredSession::from_text(&stored.to_text()).unwrap(), &stored);
        }
    }

    #[test]
    fn file_keys_are_made_of_their_parts(aes in any::<[u8; 16]>(), nonce in any::<[u8; 8]>(), mac in any::<[u8; 8]>()) {
        prop_assume!(aes != [0; 16]);
        let content = content::ContentKey::new(aes, nonce);
        let key = FileKey::new(&content, content::MetaMac(mac)).unwrap();
        prop_assert_eq!(&FileKey::from_bytes(*key.expose_secret()).unwrap(), &key);
        prop_assert_eq!(key.content_key(), content);
        prop_assert_eq!(key.meta_mac().0, mac);
        let folded = key.attribute_key();
        prop_assert_eq!(folded.expose_secret(), &aes);
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
