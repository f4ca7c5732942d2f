//! Wrapped node keys and session ids.

use mega_crypto::{
    FileKey, FolderKey, KeyCipher, KeyString, NodeHandle, NodeKey, NodeKind, SessionId, UserHandle,
    WrappingKeys,
};

use crate::input::Input;

/// The field `k` of a node, opened by an account with one share.
pub fn node_keys(text: &[u8]) {
    let account = Account::known();
    let field = KeyString::new(text);
    for kind in [NodeKind::File, NodeKind::Folder] {
        let located = field.locate(kind, &account);
        match field.open(kind, &account) {
            Ok(opened) => {
                assert_eq!(opened.key.kind(), kind, "NOD-1");
                let bytes = opened.key.expose_secret();
                let (left, right) = bytes.split_at(bytes.len() / 2);
                match kind {
                    NodeKind::File => assert_ne!(left, right, "NOD-2"),
                    NodeKind::Folder => assert!(bytes.iter().any(|byte| *byte != 0), "NOD-2"),
                }
                let located = located.expect("what opens was located");
                assert_eq!(located.origin, opened.origin);
                assert!(field.shares().count() > 0 || !opened.is_foreign());
            }
            Err(error) => {
                let _ = error.to_string();
            }
        }
        let _ = field.open_like_sdk(kind, &account);
    }
    let _ = (field.rsa_wrapped(account.user), format!("{field:?}"));
    assert!(field.shares().count() <= text.len());

    // Wrapping and opening are inverse, for any key that is one.
    let mut input = Input(text);
    let keys = [
        FileKey::from_bytes(input.array()).map(NodeKey::from),
        FolderKey::from_bytes(input.array()).map(NodeKey::from),
    ];
    for key in keys.into_iter().flatten() {
        let wrapped = account.master.wrap_node_key(&key).to_text();
        let opened = KeyString::new(&wrapped)
            .open(key.kind(), &account)
            .expect("its own key");
        assert!(opened.key == key && !opened.is_foreign());
    }

    if let Ok(text) = std::str::from_utf8(text)
        && let Ok(session) = SessionId::from_text(text)
    {
        let again = SessionId::from_text(&session.to_text()).expect("its own text");
        assert!(again == session && again.user() == session.user());
    }
}

struct Account {
    user: UserHandle,
    master: KeyCipher,
    share: (NodeHandle, KeyCipher),
}

impl Account {
    /// The account of the key strings among the protocol vectors.
    fn known() -> Self {
        let share = [
            0xd9, 0x64, 0xd4, 0xd5, 0x79, 0xca, 0xdd, 0x62, 0x12, 0x29, 0x9f, 0x88, 0x6d, 0x94,
            0x1c, 0x0a,
        ];
        let master = [
            0x5a, 0xa1, 0xa0, 0x4e, 0xe2, 0x1e, 0x96, 0xe3, 0x59, 0xb7, 0x44, 0x75, 0xd9, 0x62,
            0xed, 0x95,
        ];
        Self {
            user: UserHandle::from_text("hpF_35XWlWE").expect("8 bytes"),
            master: KeyCipher::new(&master),
            share: (
                NodeHandle::from_text("PnJpWNta").expect("6 bytes"),
                KeyCipher::new(&share),
            ),
        }
    }
}

impl WrappingKeys for Account {
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
