use alloc::string::String;
use alloc::vec::Vec;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{LinkKey, LinkKind, PublicLink, SITE};
use crate::mac::hmac_sha256;
use crate::password::pbkdf2;
use crate::secret::opaque;
use crate::{Error, FileKey, PublicHandle, ShareKey, base64};

/// A link whose key is locked with a password (crypto-and-accounts 8.5).
///
/// ```
/// use mega_crypto::link::{Link, PasswordLink, PublicLink};
/// use mega_crypto::{ShareKey, os_rng};
///
/// let plain = PublicLink::folder("IRMxXDou".parse()?, ShareKey::from_bytes([7; 16])?);
/// let locked = PasswordLink::lock(&plain, "a good password", &mut os_rng())?;
///
/// let Link::Password(read) = Link::parse(&locked.to_url())? else { panic!() };
/// assert_eq!(read.open("a good password")?, plain);
/// assert!(read.open("a bad password").is_err());
/// # Ok::<(), mega_crypto::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordLink {
    algorithm: Algorithm,
    /// As it stands in the link: any value but 0 is a file.
    kind: u8,
    handle: PublicHandle,
    salt: [u8; 32],
    locked: Vec<u8>,
    mac: [u8; 32],
}

impl PasswordLink {
    /// Locks a link with a password. The node inside a folder link and the right to write are not
    /// part of the result.
    ///
    /// As slow as deriving a login; run it off an asynchronous executor.
    ///
    /// # Errors
    ///
    /// [`Error::LinkKeyMissing`] if the link has no key, [`Error::Refused`] for a collection or an
    /// empty password.
    pub fn lock<R: CryptoRng + ?Sized>(
        link: &PublicLink,
        password: &str,
        rng: &mut R,
    ) -> Result<Self, Error> {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        Self::lock_with_salt(link, password, salt)
    }

    /// The same with a salt of the caller's choice, 32 bytes. A salt must never be used twice.
    ///
    /// # Errors
    ///
    /// As for [`PasswordLink::lock`].
    pub fn lock_with_salt(
        link: &PublicLink,
        password: &str,
        salt: [u8; 32],
    ) -> Result<Self, Error> {
        if password.is_empty() {
            return Err(Error::Refused {
                reason: "a link cannot be locked with an empty password",
            });
        }
        let kind = match link.key().ok_or(Error::LinkKeyMissing)? {
            LinkKey::Folder(_) => 0,
            LinkKey::File(_) => 1,
            LinkKey::Collection(_) => {
                return Err(Error::Refused {
                    reason: "a link to a collection cannot be locked with a password",
                });
            }
        };
        let key = link.key().map(LinkKey::expose_secret).unwrap_or_default();
        let derived = derive(password, &salt);
        let mut locked = Self {
            algorithm: Algorithm::Two,
            kind,
            handle: link.handle(),
            salt,
            locked: xor(key, &derived),
            mac: [0; 32],
        };
        locked.mac = locked.compute_mac(&derived);
        Ok(locked)
    }

    /// Unlocks it with the password as typed, in UTF-8: nothing is trimmed.
    ///
    /// The MAC is checked before the key is used, in constant time. As slow as deriving a login;
    /// run it off an asynchronous executor.
    ///
    /// # Errors
    ///
    /// [`Error::LinkPassword`] if the password is wrong or the link was altered, [`Error::ZeroKey`]
    /// if the key inside protects nothing.
    pub fn open(&self, password: &str) -> Result<PublicLink, Error> {
        let derived = derive(password, &self.salt);
        if !bool::from(self.compute_mac(&derived).ct_eq(&self.mac)) {
            return Err(Error::LinkPassword);
        }
        let key = Zeroizing::new(xor(&self.locked, &derived));
        Ok(match <&[u8; 32]>::try_from(key.as_slice()) {
            Ok(key) => PublicLink::file(self.handle, FileKey::from_bytes(*key)?),
            Err(_) => {
                let key = key.first_chunk().copied().unwrap_or_default();
                PublicLink::folder(self.handle, ShareKey::from_bytes(key)?)
            }
        })
    }

    /// What it points at.
    pub const fn kind(&self) -> LinkKind {
        if self.kind == 0 {
            LinkKind::Folder
        } else {
            LinkKind::File
        }
    }

    /// The handle that the server knows it by.
    pub const fn handle(&self) -> PublicHandle {
        self.handle
    }

    /// The URL: the site, `#P!`, and 118 characters for a folder or 139 for a file. Useless without the password, but it lets
    /// anybody try passwords: do not log it.
    pub fn to_url(&self) -> String {
        let mut bytes = self.covered();
        bytes.extend_from_slice(&self.mac);
        let mut url = String::from(SITE);
        url.push_str("#P!");
        base64::encode_into(&bytes, &mut url);
        url
    }

    /// Reads what follows `#P!`.
    pub(super) fn parse_payload(text: &str) -> Result<Self, Error> {
        let damaged = Error::Malformed {
            what: "password link",
            reason: "it is too short or damaged",
        };
        let digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/');
        let text = text.split(|c| !digit(c)).next().unwrap_or_default();
        // Longer text is cut; a left-over character is part of what is cut.
        let whole = text
            .get(..text.len() - usize::from(text.len() % 4 == 1))
            .unwrap_or_default();
        let bytes = base64::decode(whole).map_err(|_| damaged.clone())?;
        let read = || {
            let (&[algorithm, kind], rest) = bytes.split_first_chunk()?;
            let (handle, rest) = rest.split_first_chunk()?;
            let (salt, rest) = rest.split_first_chunk()?;
            let (locked, rest) = rest.split_at_checked(if kind == 0 {
                ShareKey::LEN
            } else {
                FileKey::LEN
            })?;
            let mac = rest.first_chunk()?;
            Some((algorithm, kind, *handle, *salt, locked, *mac))
        };
        let (algorithm, kind, handle, salt, locked, mac) = read().ok_or(damaged)?;
        Ok(Self {
            algorithm: Algorithm::from_byte(algorithm)?,
            kind,
            handle: PublicHandle::from_bytes(handle),
            salt,
            locked: locked.to_vec(),
            mac,
        })
    }

    /// The bytes that the MAC covers.
    fn covered(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend([self.algorithm as u8, self.kind]);
        bytes.extend_from_slice(self.handle.as_bytes());
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.locked);
        bytes
    }

    fn compute_mac(&self, derived: &[[u8; 16]; 4]) -> [u8; 32] {
        let covered = self.covered();
        let (_, mac_key) = derived.as_flattened().split_at(32);
        match self.algorithm {
            // The first version gave HMAC its arguments the wrong way round.
            Algorithm::One => hmac_sha256(&covered, &[mac_key]),
            Algorithm::Two => hmac_sha256(mac_key, &[&covered]),
        }
    }
}

opaque!(PasswordLink);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    One = 1,
    Two = 2,
}

impl Algorithm {
    const fn from_byte(byte: u8) -> Result<Self, Error> {
        match byte {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            other => Err(Error::Unsupported {
                what: "password link",
                value: other as u32,
            }),
        }
    }
}

/// Derives the mask of the key (first half) and the key of the MAC (second half).
fn derive(password: &str, salt: &[u8; 32]) -> Zeroizing<[[u8; 16]; 4]> {
    pbkdf2::derive(password.as_bytes(), salt)
}

fn xor(key: &[u8], mask: &[[u8; 16]; 4]) -> Vec<u8> {
    key.iter()
        .zip(mask.as_flattened())
        .map(|(key, mask)| key ^ mask)
        .collect()
}
