//! The keys that open nodes: the master key, share keys, or the key of a link.

use std::collections::BTreeMap;
use std::fmt;

use mega_crypto::{KeyCipher, MasterKey, ShareKey, WrappingKeys};
use mega_protocol::{NodeHandle, UserHandle};
use zeroize::Zeroizing;

/// Everything that node keys can be wrapped under.
#[derive(Default)]
pub(crate) struct Keyring {
    user: Option<UserHandle>,
    master: Option<KeyCipher>,
    // Looked into for each node of a load: one comparison where there is one key.
    shares: BTreeMap<NodeHandle, Shared>,
    /// What else the service keeps under the master key, in the clear and in pieces of a block.
    others: Zeroizing<Vec<[u8; 16]>>,
}

/// A share key, ready for use.
struct Shared {
    key: ShareKey,
    cipher: KeyCipher,
}

impl Keyring {
    /// The keys of an account.
    pub(crate) fn account(user: UserHandle, master: KeyCipher) -> Self {
        Self {
            user: Some(user),
            master: Some(master),
            shares: BTreeMap::new(),
            others: Zeroizing::default(),
        }
    }

    /// A second keyring with the same keys, for loading a tree while the first one serves.
    pub(crate) fn duplicate(&self, user: UserHandle, master: &MasterKey) -> Self {
        let mut copy = Self::account(user, master.cipher());
        for (&root, shared) in &self.shares {
            copy.add_share(root, shared.key.clone());
        }
        copy.others.clone_from(&self.others);
        copy
    }

    /// Adds the key of a share or of a folder link; `root` is the shared folder. Returns whether it is news.
    pub(crate) fn add_share(&mut self, root: NodeHandle, key: ShareKey) -> bool {
        if self.shares.get(&root).is_some_and(|known| known.key == key) {
            return false;
        }
        let cipher = KeyCipher::new(key.expose_secret());
        self.shares.insert(root, Shared { key, cipher });
        true
    }

    /// Takes over the share keys of a keyring that a tree was loaded with. Where keys come from elsewhere, the load has brought none, and those that are here are the newer ones.
    pub(crate) fn take_over(&mut self, loaded: Self, keys_elsewhere: bool) {
        for (root, shared) in loaded.shares {
            if keys_elsewhere {
                self.shares.entry(root).or_insert(shared);
            } else {
                self.shares.insert(root, shared);
            }
        }
    }

    /// Notes something that the service keeps under the master key block by block: no node's key is made of its pieces (NOD-4).
    pub(crate) fn note_wrapped(&mut self, wrapped: &[u8]) {
        let Some(master) = &self.master else {
            return;
        };
        let mut blocks = Zeroizing::new(wrapped.as_chunks().0.to_vec());
        master.decrypt_blocks(&mut blocks);
        self.others.reserve_exact(blocks.len());
        self.others.extend_from_slice(&blocks);
    }

    /// What the service keeps under the master key besides the keys of nodes, a block each, with the folder whose share key it is.
    pub(crate) fn other_pieces(&self) -> impl Iterator<Item = (&[u8; 16], Option<NodeHandle>)> {
        let shares = self.shares();
        let shares = shares.map(|(root, key)| (key.expose_secret(), Some(root)));
        shares.chain(self.others.iter().map(|piece| (piece, None)))
    }

    /// All share keys, in no order.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (NodeHandle, &ShareKey)> {
        self.shares
            .iter()
            .map(|(&root, shared)| (root, &shared.key))
    }

    pub(crate) fn share_key(&self, root: NodeHandle) -> Option<&ShareKey> {
        self.shares.get(&root).map(|shared| &shared.key)
    }

    pub(crate) fn share_cipher(&self, root: NodeHandle) -> Option<&KeyCipher> {
        self.shares.get(&root).map(|shared| &shared.cipher)
    }

    pub(crate) fn master(&self) -> Option<&KeyCipher> {
        self.master.as_ref()
    }
}

impl WrappingKeys for Keyring {
    fn user(&self) -> Option<mega_crypto::UserHandle> {
        self.user
            .map(|user| mega_crypto::UserHandle::from_bytes(user.to_bytes()))
    }

    fn master(&self) -> Option<&KeyCipher> {
        self.master.as_ref()
    }

    fn share(&self, share: mega_crypto::NodeHandle) -> Option<&KeyCipher> {
        self.share_cipher(NodeHandle::from_bytes(share.to_bytes()))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("shares", &self.shares.len())
            .finish_non_exhaustive()
    }
}
