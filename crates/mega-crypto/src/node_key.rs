use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Error;
use crate::content::{ContentKey, MetaMac};
use crate::secret::{opaque, secret_bytes, wiped};

/// The key of a file node: 32 bytes, `kx (16) || nonce (8) || meta-MAC (8)` (crypto-and-accounts
/// 4.1).
///
/// The AES key that content, attributes and thumbnails are encrypted with is `kx ^ (nonce ||
/// meta-MAC)`. So the node key of a new file is known only when its last byte has been read.
///
/// There is no value of this type whose halves are equal: its AES key would be zero, and everybody
/// could read and forge the file (threat model, NOD-2).
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone)]
pub struct FileKey([u8; 32]);

wiped!(FileKey);

impl FileKey {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// Takes the 32 bytes of a decrypted `k` entry or of a file link.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if both halves are equal.
    #[inline]
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, Error> {
        let key = Self(bytes);
        let (left, right) = key.halves();
        if words(left)
            .iter()
            .zip(words(right))
            .fold(0, |differ, (left, right)| differ | (left ^ right))
            .ct_eq(&0)
            .into()
        {
            return Err(Error::ZeroKey { what: "file key" });
        }
        Ok(key)
    }

    /// Puts the key of an uploaded file together: `(key ^ (nonce || meta-MAC)) || nonce ||
    /// meta-MAC` (crypto-and-accounts 6.3).
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if the AES key is all zeros.
    pub fn new(content: &ContentKey, meta_mac: MetaMac) -> Result<Self, Error> {
        let mut key = Self([0; 32]);
        let aes = content.expose_aes_key();
        let tail = content.expose_nonce().iter().chain(&meta_mac.0);
        for (to, from) in key.0.iter_mut().skip(16).zip(tail) {
            *to = *from;
        }
        let (left, right) = key.0.split_at_mut(16);
        for ((to, aes), tail) in left.iter_mut().zip(aes).zip(right.iter()) {
            *to = aes ^ tail;
        }
        if aes.ct_eq(&[0; 16]).into() {
            return Err(Error::ZeroKey { what: "file key" });
        }
        Ok(key)
    }

    /// The 32 bytes.
    #[inline]
    pub const fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key and nonce of the content.
    pub fn content_key(&self) -> ContentKey {
        let (_, [a, b, c, d, e, f, g, h, ..]) = self.halves();
        ContentKey::new(
            *self.attribute_key().expose_secret(),
            [*a, *b, *c, *d, *e, *f, *g, *h],
        )
    }

    /// The condensed MAC of the whole content.
    pub const fn meta_mac(&self) -> MetaMac {
        let (_, [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h]) = self.halves();
        MetaMac([*a, *b, *c, *d, *e, *f, *g, *h])
    }

    /// The key that attributes and thumbnails are encrypted with.
    #[inline]
    pub fn attribute_key(&self) -> AttributeKey {
        let (left, right) = self.halves();
        let folded = (u128::from_ne_bytes(*left) ^ u128::from_ne_bytes(*right)).to_ne_bytes();
        AttributeKey::from_bytes(folded)
    }

    #[inline]
    const fn halves(&self) -> (&[u8; 16], &[u8; 16]) {
        match self.0.split_first_chunk::<16>() {
            Some((left, right)) => match right.first_chunk::<16>() {
                Some(right) => (left, right),
                None => (left, left),
            },
            None => (&[0; 16], &[0; 16]),
        }
    }
}

opaque!(FileKey);

impl ConstantTimeEq for FileKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for FileKey {}

/// The key of a folder node: 16 bytes, used directly for its attributes (crypto-and-accounts 4.1).
///
/// There is no value of this type that is all zeros (threat model, NOD-2).
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone)]
pub struct FolderKey([u8; 16]);

wiped!(FolderKey);

impl FolderKey {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// Takes the 16 bytes of a decrypted `k` entry.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroKey`] if they are all zero.
    #[inline]
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, Error> {
        nonzero(bytes, "folder key").map(Self)
    }

    /// Draws the key of a new folder.
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(draw_nonzero(rng))
    }

    /// The 16 bytes.
    pub const fn expose_secret(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key that attributes are encrypted with: the same bytes.
    pub const fn attribute_key(&self) -> AttributeKey {
        AttributeKey::from_bytes(self.0)
    }
}

opaque!(FolderKey);

impl ConstantTimeEq for FolderKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for FolderKey {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for FolderKey {}

/// The key of a node.
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone, Debug, PartialEq, Eq, Zeroize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "files and folders are the only nodes with a key"
)]
pub enum NodeKey {
    /// Of a file.
    File(FileKey),
    /// Of a folder.
    Folder(FolderKey),
}

// Both variants wipe themselves, so that a key can be moved out.
impl ZeroizeOnDrop for NodeKey {}

impl NodeKey {
    /// The key that the node's attributes are encrypted with.
    pub fn attribute_key(&self) -> AttributeKey {
        match self {
            Self::File(key) => key.attribute_key(),
            Self::Folder(key) => key.attribute_key(),
        }
    }

    /// Which kind of node it belongs to.
    pub const fn kind(&self) -> NodeKind {
        match self {
            Self::File(_) => NodeKind::File,
            Self::Folder(_) => NodeKind::Folder,
        }
    }

    /// The 32 bytes of a file's key, or the 16 of a folder's.
    pub const fn expose_secret(&self) -> &[u8] {
        match self {
            Self::File(key) => key.expose_secret(),
            Self::Folder(key) => key.expose_secret(),
        }
    }
}

impl From<FileKey> for NodeKey {
    fn from(key: FileKey) -> Self {
        Self::File(key)
    }
}

impl From<FolderKey> for NodeKey {
    fn from(key: FolderKey) -> Self {
        Self::Folder(key)
    }
}

/// The kinds of node that have a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "files and folders are the only nodes with a key"
)]
pub enum NodeKind {
    /// A file (`t` = 0): 32 bytes of key.
    File,
    /// A folder (`t` = 1): 16 bytes of key.
    Folder,
}

impl NodeKind {
    /// How many bytes the key of such a node has.
    pub const fn key_len(self) -> usize {
        match self {
            Self::File => FileKey::LEN,
            Self::Folder => FolderKey::LEN,
        }
    }
}

secret_bytes! {
    /// The AES-128 key that a node's attributes, thumbnails and previews are encrypted with: a
    /// folder's key itself, or a file's folded key (crypto-and-accounts 4.1).
    AttributeKey, 16, "attribute key"
}

/// The same bits as two numbers: byte by byte, comparing a key took longer than decrypting it.
#[inline]
const fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    [
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
    ]
}

/// Refuses 16 zero bytes.
#[inline]
pub(crate) fn nonzero(bytes: [u8; 16], what: &'static str) -> Result<[u8; 16], Error> {
    let [first, second] = words(&bytes);
    if (first | second).ct_eq(&0).into() {
        Err(Error::ZeroKey { what })
    } else {
        Ok(bytes)
    }
}

/// Draws 16 bytes that are not all zero.
pub(crate) fn draw_nonzero<R: CryptoRng + ?Sized>(rng: &mut R) -> [u8; 16] {
    loop {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        if let Ok(bytes) = nonzero(bytes, "") {
            return bytes;
        }
    }
}
