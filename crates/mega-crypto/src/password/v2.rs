use sha2::{Digest, Sha256};

use super::{Auth, AuthKey, LoginSecret, SALTS, pbkdf2};
use crate::{Error, PasswordKey};

/// How many rounds PBKDF2 runs. A constant of the format, never taken from a server (threat model,
/// LOG-2).
pub const ITERATIONS: u32 = 100_000;

/// The length in bytes of the salts that the format defines.
pub const SALT_LEN: usize = 32;

/// Derives the login of a version 2 account from its password and the salt that the server gave
/// (crypto-and-accounts 2.4).
///
/// Takes a tenth of a second or so; run it off an asynchronous executor.
///
/// # Errors
///
/// [`Error::Malformed`] if the salt has fewer than 16 or more than 64 bytes (threat model, LOG-2).
pub fn derive_v2(password: &str, salt: &[u8]) -> Result<LoginSecret, Error> {
    if !SALTS.contains(&salt.len()) {
        return Err(Error::Malformed {
            what: "salt",
            reason: "it must have 16 to 64 bytes",
        });
    }
    let [key, auth, ..] = *pbkdf2::derive(password.as_bytes(), salt);
    Ok(LoginSecret {
        password_key: PasswordKey::from_bytes(key),
        auth: Auth::V2(AuthKey::from_bytes(auth)),
    })
}

/// The salt that belongs to a client random value: `SHA-256("mega.nz" padded with 'P' to 200 bytes
/// || crv)`.
pub fn salt_of(client_random_value: &[u8; 16]) -> [u8; SALT_LEN] {
    let mut hash = Sha256::new();
    hash.update(SITE);
    hash.update([b'P'; PADDED - SITE.len()]);
    hash.update(client_random_value);
    hash.finalize().into()
}

/// The hashed authentication key: the first 16 bytes of the SHA-256.
pub(super) fn hashed(key: &AuthKey) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(key.expose_secret()).into();
    let [front, _] = split(&hash);
    front
}

fn split(bytes: &[u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    halves.as_flattened_mut().copy_from_slice(bytes);
    halves
}

const SITE: &[u8] = b"mega.nz";
const PADDED: usize = 200;
