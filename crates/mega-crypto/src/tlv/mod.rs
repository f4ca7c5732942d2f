//! Private user attributes: named records in an encrypted container (crypto-and-accounts 10.2; SDK
//! `src/tlv.cpp`).
//!
//! Attributes whose name starts with `*` hold such a container under the master key. Seven ways of
//! encrypting one exist in the accounts out there, all of them authenticated; all are read, the one
//! of today is written.
//!
//! ```
//! use mega_crypto::tlv::{self, Records};
//! use mega_crypto::{MasterKey, os_rng};
//!
//! let master = MasterKey::random(&mut os_rng());
//! let mut records = Records::new();
//! records.insert("h", [1, 2, 3, 4, 5, 6])?;
//! let container = tlv::seal(&records, &master, &mut os_rng())?;
//! assert_eq!(tlv::open(&container, &master)?.get("h"), Some(&[1, 2, 3, 4, 5, 6][..]));
//! # Ok::<(), mega_crypto::Error>(())
//! ```

mod container;
mod records;

use alloc::vec::Vec;

use rand_core::CryptoRng;

use crate::{Error, MasterKey};

pub use self::container::{Mode, decrypt, encrypt, encrypt_with};
pub use self::records::Records;

/// Containers of more bytes are refused. The server takes 16 MiB of an attribute at most
/// (crypto-and-accounts 10.1).
pub const MAX_LEN: usize = 16 << 20;

/// Opens a container of at most [`MAX_LEN`] bytes and reads its records.
///
/// # Errors
///
/// As for [`decrypt()`] and [`Records::parse`].
pub fn open(container: &[u8], master: &MasterKey) -> Result<Records, Error> {
    Records::parse(&decrypt(container, master)?)
}

/// Writes records into a container, in mode [`Mode::WRITTEN`] with a fresh IV.
///
/// # Errors
///
/// As for [`Records::to_bytes`] and [`encrypt()`].
pub fn seal<R: CryptoRng + ?Sized>(
    records: &Records,
    master: &MasterKey,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    encrypt(&records.to_bytes()?, master, rng)
}
