//! The outside of `^!keys` (crypto-and-accounts 3.6; SDK `KeyManager::fromKeysContainer`,
//! `toKeysContainer`).

use aes_gcm::aead::array::Array;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use alloc::vec::Vec;
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, MasterKey};

/// A larger `^!keys` is neither read nor written. It has room for 45,000 shares.
pub const MAX_LEN: usize = 1 << 20;

/// Decrypts. The tag is checked before any byte of the plaintext is looked at.
pub(super) fn open(container: &[u8], master: &MasterKey) -> Result<Zeroizing<Vec<u8>>, Error> {
    const SHORT: Error = Error::Malformed {
        what: WHAT,
        reason: "it is too short",
    };
    if container.len() > MAX_LEN {
        return Err(TOO_LARGE);
    }
    let (&[version, reserved], rest) = container.split_first_chunk().ok_or(SHORT)?;
    if [version, reserved] != HEADER {
        return Err(Error::Unsupported {
            what: "container of the account's keys",
            value: u32::from_be_bytes([0, 0, version, reserved]),
        });
    }
    let (iv, rest) = rest.split_first_chunk::<IV>().ok_or(SHORT)?;
    let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(SHORT)?;
    let mut text = Zeroizing::new(text.to_vec());
    cipher(master)
        .decrypt_inout_detached(iv.into(), &[], text.as_mut_slice().into(), tag.into())
        .map_err(|_| Error::Unauthentic { what: WHAT })?;
    Ok(text)
}

/// Encrypts with a fresh IV.
pub(super) fn seal<R: CryptoRng + ?Sized>(
    plain: &[u8],
    master: &MasterKey,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let mut iv = [0; IV];
    rng.fill_bytes(&mut iv);
    let len = HEADER.len() + IV + plain.len() + TAG;
    if len > MAX_LEN {
        return Err(TOO_LARGE);
    }
    let mut text = Zeroizing::new(plain.to_vec());
    let tag: Array<u8, _> = cipher(master)
        .encrypt_inout_detached((&iv).into(), &[], text.as_mut_slice().into())
        .map_err(|_| TOO_LARGE)?;
    let mut container = Vec::with_capacity(len);
    container.extend_from_slice(&HEADER);
    container.extend_from_slice(&iv);
    container.extend_from_slice(&text);
    container.extend_from_slice(&tag);
    Ok(container)
}

fn cipher(master: &MasterKey) -> Aes128Gcm {
    let mut key = Zeroizing::new([0; 16]);
    // Fails only for more than 255 hashes of output.
    let _ = Hkdf::<Sha256>::new(None, master.expose_secret()).expand(&INFO, &mut *key);
    Aes128Gcm::new((&*key).into())
}

pub(super) const WHAT: &str = "^!keys attribute";
const HEADER: [u8; 2] = [20, 0];
const IV: usize = 12;
const TAG: usize = 16;
const INFO: [u8; 1] = [1];
const TOO_LARGE: Error = Error::TooLarge {
    what: WHAT,
    limit: MAX_LEN,
};
