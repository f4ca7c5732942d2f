use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

use crate::{Error, FileKey, FolderKey, NodeKey, ShareKey, base64};

/// A key that wraps other keys, with its AES key schedule ready: AES-128, each 16-byte block on its
/// own (crypto-and-accounts 1.5).
///
/// Wrapping a key like this authenticates nothing. Whoever stores the wrapped key can exchange its
/// blocks, so what comes out is checked by the type it goes into, and never trusted further than
/// that (threat model, ATT-3 to ATT-7).
///
/// Make one per account, share or link and keep it: a million node keys are opened with one
/// schedule.
///
/// Wiped when dropped.
pub struct KeyCipher {
    aes: Aes128,
}

impl KeyCipher {
    /// Expands a key of 16 bytes.
    pub fn new(key: &[u8; 16]) -> Self {
        Self {
            aes: Aes128::new(key.into()),
        }
    }

    /// Encrypts blocks of 16 bytes in place, each on its own (ECB), as many as there are.
    pub fn encrypt_blocks(&self, blocks: &mut [[u8; 16]]) {
        self.aes
            .encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }

    /// Decrypts blocks of 16 bytes in place, each on its own (ECB), as many as there are.
    pub fn decrypt_blocks(&self, blocks: &mut [[u8; 16]]) {
        self.aes
            .decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
    }

    /// Encrypts one block of 16 bytes.
    pub fn encrypt_block(&self, mut block: [u8; 16]) -> [u8; 16] {
        self.aes.encrypt_block((&mut block).into());
        block
    }

    /// Decrypts one block of 16 bytes.
    pub fn decrypt_block(&self, mut block: [u8; 16]) -> [u8; 16] {
        self.aes.decrypt_block((&mut block).into());
        block
    }

    /// Wraps the key of a node, 32 bytes or 16, for the `k` field of a new node or a `cr` array
    /// (crypto-and-accounts 4.3, 4.6).
    pub fn wrap_node_key(&self, key: &NodeKey) -> WrappedNodeKey {
        match key {
            NodeKey::File(key) => self.wrap_file_key(key),
            NodeKey::Folder(key) => self.wrap_folder_key(key),
        }
    }

    /// Wraps the key of a file.
    pub fn wrap_file_key(&self, key: &FileKey) -> WrappedNodeKey {
        let mut bytes = *key.expose_secret();
        self.encrypt_blocks(bytes.as_chunks_mut().0);
        WrappedNodeKey::File(bytes)
    }

    /// Wraps the key of a folder.
    pub fn wrap_folder_key(&self, key: &FolderKey) -> WrappedNodeKey {
        WrappedNodeKey::Folder(self.encrypt_block(*key.expose_secret()))
    }

    /// Opens the wrapped key of a file.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if both halves of the key are equal (threat model, NOD-2).
    pub fn unwrap_file_key(&self, wrapped: &[u8; 32]) -> Result<FileKey, Error> {
        let mut bytes = *wrapped;
        self.decrypt_blocks(bytes.as_chunks_mut().0);
        let key = FileKey::from_bytes(bytes);
        bytes.zeroize();
        key
    }

    /// Opens the wrapped key of a folder.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if the key is all zeros (threat model, NOD-2).
    pub fn unwrap_folder_key(&self, wrapped: &[u8; 16]) -> Result<FolderKey, Error> {
        FolderKey::from_bytes(self.decrypt_block(*wrapped))
    }

    /// Decrypts the keys of many files at once, in place. This is several times faster than one
    /// after the other.
    ///
    /// What is left are plain key bytes; give each to [`FileKey::from_bytes`], which refuses the
    /// useless ones.
    pub fn decrypt_file_keys(&self, wrapped: &mut [[u8; 32]]) {
        self.decrypt_blocks(wrapped.as_flattened_mut().as_chunks_mut().0);
    }

    /// Wraps a share key: the `ok` of a legacy share, or the message of a pairwise key
    /// (crypto-and-accounts 4.5, 4.7).
    pub fn wrap_share_key(&self, key: &ShareKey) -> [u8; 16] {
        self.encrypt_block(*key.expose_secret())
    }

    /// Opens a wrapped share key.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if the key is all zeros (threat model, NOD-2).
    pub fn unwrap_share_key(&self, wrapped: &[u8; 16]) -> Result<ShareKey, Error> {
        ShareKey::from_bytes(self.decrypt_block(*wrapped))
    }
}

crate::secret::opaque!(KeyCipher);

/// The key of a node as it is sent: encrypted, so no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "files and folders are the only nodes with a key"
)]
pub enum WrappedNodeKey {
    /// Of a file.
    File([u8; 32]),
    /// Of a folder.
    Folder([u8; 16]),
}

impl WrappedNodeKey {
    /// The 32 or 16 bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Folder(bytes) => bytes,
        }
    }

    /// The text that is sent: 43 or 22 characters.
    pub fn to_text(&self) -> alloc::string::String {
        base64::encode(self.as_bytes())
    }
}
