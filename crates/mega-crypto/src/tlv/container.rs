use aes::Aes128;
use aes_gcm::AesGcm;
use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::{U8, U10, U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit, KeySizeUser};
use alloc::vec::Vec;
use ccm::Ccm;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::MAX_LEN;
use crate::{Error, MasterKey};

/// How a container is encrypted: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// 0x00: AES-CCM, IV of 12 bytes, tag of 16.
    Ccm12Tag16,
    /// 0x01: AES-CCM, IV of 10 bytes, tag of 16.
    Ccm10Tag16,
    /// 0x02: AES-CCM, IV of 10 bytes, tag of 8.
    Ccm10Tag8,
    /// 0x03: the same as 0x00; called GCM where it was written, by mistake.
    MisnamedCcm12Tag16,
    /// 0x04: the same as 0x02; called GCM where it was written, by mistake.
    MisnamedCcm10Tag8,
    /// 0x10: AES-GCM, IV of 12 bytes, tag of 16.
    Gcm12Tag16,
    /// 0x11: AES-GCM, IV of 10 bytes, tag of 8.
    Gcm10Tag8,
}

impl Mode {
    /// The one that is written today.
    pub const WRITTEN: Self = Self::Gcm12Tag16;

    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Ccm12Tag16,
        Self::Ccm10Tag16,
        Self::Ccm10Tag8,
        Self::MisnamedCcm12Tag16,
        Self::MisnamedCcm10Tag8,
        Self::Gcm12Tag16,
        Self::Gcm10Tag8,
    ];

    /// The mode with this number.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if there is none.
    pub const fn from_number(number: u8) -> Result<Self, Error> {
        Ok(match number {
            0x00 => Self::Ccm12Tag16,
            0x01 => Self::Ccm10Tag16,
            0x02 => Self::Ccm10Tag8,
            0x03 => Self::MisnamedCcm12Tag16,
            0x04 => Self::MisnamedCcm10Tag8,
            0x10 => Self::Gcm12Tag16,
            0x11 => Self::Gcm10Tag8,
            other => {
                return Err(Error::Unsupported {
                    what: "mode of a user attribute",
                    value: other as u32,
                });
            }
        })
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ccm12Tag16 => 0x00,
            Self::Ccm10Tag16 => 0x01,
            Self::Ccm10Tag8 => 0x02,
            Self::MisnamedCcm12Tag16 => 0x03,
            Self::MisnamedCcm10Tag8 => 0x04,
            Self::Gcm12Tag16 => 0x10,
            Self::Gcm10Tag8 => 0x11,
        }
    }

    /// How many bytes its IV has.
    pub const fn iv_len(self) -> usize {
        match self {
            Self::Ccm12Tag16 | Self::MisnamedCcm12Tag16 | Self::Gcm12Tag16 => 12,
            Self::Ccm10Tag16 | Self::Ccm10Tag8 | Self::MisnamedCcm10Tag8 | Self::Gcm10Tag8 => 10,
        }
    }

    /// How many bytes its tag has.
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Ccm12Tag16 | Self::Ccm10Tag16 | Self::MisnamedCcm12Tag16 | Self::Gcm12Tag16 => 16,
            Self::Ccm10Tag8 | Self::MisnamedCcm10Tag8 | Self::Gcm10Tag8 => 8,
        }
    }
}

/// Opens a container: `mode (1) || IV || ciphertext || tag` under the master key. The tag is
/// checked before any byte of the plaintext is used.
///
/// # Errors
///
/// [`Error::Unauthentic`] if it was changed or the key is another, [`Error::Unsupported`] for an
/// unknown mode, [`Error::Malformed`] if it is too short, [`Error::TooLarge`] beyond [`MAX_LEN`].
pub fn decrypt(container: &[u8], master: &MasterKey) -> Result<Zeroizing<Vec<u8>>, Error> {
    if container.len() > MAX_LEN {
        return Err(TOO_LARGE);
    }
    const SHORT: Error = Error::Malformed {
        what: WHAT,
        reason: "it is too short",
    };
    let (mode, rest) = container.split_first().ok_or(SHORT)?;
    let mode = Mode::from_number(*mode)?;
    let (iv, rest) = rest.split_at_checked(mode.iv_len()).ok_or(SHORT)?;
    let text_len = rest.len().checked_sub(mode.tag_len()).ok_or(SHORT)?;
    let (text, tag) = rest.split_at_checked(text_len).ok_or(SHORT)?;
    let mut text = Zeroizing::new(text.to_vec());
    let decrypt = match mode {
        Mode::Ccm12Tag16 | Mode::MisnamedCcm12Tag16 => decrypt_with::<Ccm<Aes128, U16, U12>>,
        Mode::Ccm10Tag16 => decrypt_with::<Ccm<Aes128, U16, U10>>,
        Mode::Ccm10Tag8 | Mode::MisnamedCcm10Tag8 => decrypt_with::<Ccm<Aes128, U8, U10>>,
        Mode::Gcm12Tag16 => decrypt_with::<AesGcm<Aes128, U12, U16>>,
        Mode::Gcm10Tag8 => decrypt_with::<AesGcm<Aes128, U10, U8>>,
    };
    match decrypt(master.expose_secret(), iv, &mut text, tag) {
        Some(()) => Ok(text),
        None => Err(Error::Unauthentic { what: WHAT }),
    }
}

/// Writes a container in mode [`Mode::WRITTEN`] with a fresh IV.
///
/// # Errors
///
/// [`Error::TooLarge`] if it would exceed [`MAX_LEN`].
pub fn encrypt<R: CryptoRng + ?Sized>(
    plain: &[u8],
    master: &MasterKey,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let mut iv = [0; 12];
    rng.fill_bytes(&mut iv);
    encrypt_with(plain, master, Mode::WRITTEN, &iv)
}

/// The same in a mode and with an IV of the caller's choice, to reproduce known containers. An IV
/// must never be used twice under one key.
///
/// # Errors
///
/// [`Error::Length`] if the IV does not fit the mode, [`Error::TooLarge`] if the result would
/// exceed [`MAX_LEN`].
pub fn encrypt_with(
    plain: &[u8],
    master: &MasterKey,
    mode: Mode,
    iv: &[u8],
) -> Result<Vec<u8>, Error> {
    if iv.len() != mode.iv_len() {
        return Err(Error::Length {
            what: "IV of a user attribute",
            expected: mode.iv_len(),
            got: iv.len(),
        });
    }
    let overhead = 1 + mode.iv_len() + mode.tag_len();
    if plain.len() > MAX_LEN - overhead {
        return Err(TOO_LARGE);
    }
    let mut container = Vec::with_capacity(plain.len() + overhead);
    container.push(mode.number());
    container.extend_from_slice(iv);
    let mut text = Zeroizing::new(plain.to_vec());
    let encrypt = match mode {
        Mode::Ccm12Tag16 | Mode::MisnamedCcm12Tag16 => encrypt_as::<Ccm<Aes128, U16, U12>>,
        Mode::Ccm10Tag16 => encrypt_as::<Ccm<Aes128, U16, U10>>,
        Mode::Ccm10Tag8 | Mode::MisnamedCcm10Tag8 => encrypt_as::<Ccm<Aes128, U8, U10>>,
        Mode::Gcm12Tag16 => encrypt_as::<AesGcm<Aes128, U12, U16>>,
        Mode::Gcm10Tag8 => encrypt_as::<AesGcm<Aes128, U10, U8>>,
    };
    let tag = encrypt(master.expose_secret(), iv, &mut text).ok_or(TOO_LARGE)?;
    container.extend_from_slice(&text);
    container.extend_from_slice(&tag);
    Ok(container)
}

/// Decrypts in place; `None` if the tag does not match.
fn decrypt_with<C>(key: &[u8; 16], iv: &[u8], text: &mut [u8], tag: &[u8]) -> Option<()>
where
    C: KeyInit + KeySizeUser<KeySize = U16> + AeadInOut,
{
    let iv = <&Array<u8, C::NonceSize>>::try_from(iv).ok()?;
    let tag = <&Array<u8, C::TagSize>>::try_from(tag).ok()?;
    C::new(key.into())
        .decrypt_inout_detached(iv, &[], text.into(), tag)
        .ok()
}

/// Encrypts in place and gives the tag; `None` if the text is too long for the mode.
fn encrypt_as<C>(key: &[u8; 16], iv: &[u8], text: &mut [u8]) -> Option<Vec<u8>>
where
    C: KeyInit + KeySizeUser<KeySize = U16> + AeadInOut,
{
    let iv = <&Array<u8, C::NonceSize>>::try_from(iv).ok()?;
    let tag = C::new(key.into())
        .encrypt_inout_detached(iv, &[], text.into())
        .ok()?;
    Some(tag.to_vec())
}

const WHAT: &str = "user attribute";
const TOO_LARGE: Error = Error::TooLarge {
    what: WHAT,
    limit: MAX_LEN,
};
