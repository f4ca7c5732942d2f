//! File content: AES-128 in counter mode, one CBC-MAC per chunk, and a MAC over the chunk MACs
//! (crypto-and-accounts 6).
//!
//! | you want to | use |
//! |---|---|
//! | know where the chunks of a file lie | [`chunks`], [`chunk_at`], [`windows`] |
//! | decrypt a range, from any byte on | [`ContentCipher::apply_keystream`] |
//! | encrypt or decrypt whole chunks and have their MACs | [`ContentCipher::encrypt_chunks`], [`ContentCipher::decrypt_chunks`] |
//! | check a file you already have | [`ContentCipher::mac_chunks`], [`ContentVerifier`] |
//! | put the chunk MACs together and compare | [`CondensedMac`] |
//! | encrypt or decrypt a stream in pieces of any size | [`StreamEncryptor`], [`StreamDecryptor`] |
//! | the same at full speed though the pieces are small | [`WindowStream`] |
//!
//! # Threads
//!
//! One chunk does not depend on another: not its key stream, not its MAC. Only the last step, the
//! MAC over the chunk MACs, is a chain, and it handles 16 bytes per chunk. So split a file into
//! [`windows`], give each to a thread with a clone of (or a reference to) the [`ContentCipher`],
//! and collect the results in any order:
//!
//! ```
//! use mega_crypto::content::{self, CondensedMac, ContentCipher, ContentKey};
//!
//! let cipher = ContentCipher::new(&ContentKey::new([7; 16], [9; 8]));
//! let mut data = vec![1u8; 5 << 20];
//! let size = data.len() as u64;
//!
//! // Two windows of whole chunks, each encrypted by its own thread.
//! let border = content::chunk_offset(6).unwrap() as usize;
//! let (front, back) = data.split_at_mut(border);
//! let mut macs = CondensedMac::new();
//! std::thread::scope(|threads| {
//!     let back = threads.spawn(|| cipher.encrypt_chunks(border as u64, back).unwrap());
//!     macs.insert_all(&cipher.encrypt_chunks(0, front).unwrap()).unwrap();
//!     macs.insert_all(&back.join().unwrap()).unwrap();
//! });
//! let meta_mac = macs.finish(&cipher, size).unwrap();
//! # let mut whole = vec![1u8; 5 << 20];
//! # let mut again = CondensedMac::new();
//! # again.insert_all(&cipher.encrypt_chunks(0, &mut whole).unwrap()).unwrap();
//! # assert_eq!(again.finish(&cipher, size).unwrap(), meta_mac);
//! # assert_eq!(whole, data);
//! ```
//!
//! In an asynchronous program the same call goes into the runtime's pool for blocking work, one
//! window per job. Everything here is `Send + Sync` and never waits.

mod checksum;
mod chunk;
mod cipher;
mod condensed;
mod engine;
mod key;
mod local;
mod mac;
mod partial;
mod stream;
mod verify;
mod window;

pub(crate) use self::engine::{Chain, decode_base64, decrypt_short};

pub use self::checksum::UploadChecksum;
pub use self::chunk::{
    Chunk, Chunks, Window, Windows, chunk_at, chunk_count, chunk_offset, chunks, windows,
};
pub use self::cipher::{ContentCipher, NotAtChunkBorder};
pub use self::condensed::{CondensedMac, Incomplete, InsertError, MacChain};
pub use self::key::ContentKey;
pub use self::local::{ContentVerifier, LocalMismatch};
pub use self::mac::{ChunkMac, ChunkMacs, MetaMac};
pub use self::partial::PartialChunkMac;
pub use self::stream::{StreamDecryptor, StreamEncryptor, StreamEnd};
pub use self::verify::{EmptyFileMac, MacError, MacMatch, MacPolicy};
pub use self::window::{FilledWindow, WindowStream};
