//! From a password to the key that opens the account, and to what proves to the server that one has
//! it (crypto-and-accounts 2.3, 2.4, 2.15).
//!
//! The server says which version an account has (`us0`). Version 1 is an AES schedule and a 64-bit
//! hash; version 2, all accounts made or upgraded since 2018, is PBKDF2. A server that claims
//! version 1 for a version 2 account would get the far weaker hash, so remember the version and
//! refuse to go back (threat model, LOG-1).
//!
//! Passwords are used exactly as typed: nothing is trimmed or normalised.
//!
//! ```
//! use mega_crypto::{MasterKey, base64, password};
//!
//! // The answer to `us0` has the salt, the answer to `us` the wrapped master key.
//! let salt = base64::decode("OaKQANkXFwKECXRErINf7BtCG-NoYga_kCHexhWtTs8")?;
//! let login = password::derive_v2("password", &salt)?;
//! assert_eq!(*login.uh(), "QUqNghkTJlf6l0frj6pB_w");
//! let k = base64::decode_array("KdtxZxFNs01K88K8yDPJfg")?;
//! let master = MasterKey::unwrap(login.password_key(), &k);
//! # drop(master);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod pbkdf2;
mod set;
mod v1;
mod v2;

use alloc::string::String;
use core::ops::RangeInclusive;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::secret::{opaque, secret_bytes};
use crate::{PasswordKey, base64};

pub use self::set::NewPassword;
pub use self::v1::{derive_v1, password_key_v1, user_hash_v1};
pub use self::v2::{ITERATIONS, SALT_LEN, derive_v2, salt_of};

/// What a password gives for a login: the key that opens `k`, and the `uh` that the server checks.
///
/// Wiped when dropped; `Debug` shows the type's name only.
pub struct LoginSecret {
    password_key: PasswordKey,
    auth: Auth,
}

impl LoginSecret {
    /// The key that the master key is wrapped with.
    pub const fn password_key(&self) -> &PasswordKey {
        &self.password_key
    }

    /// The text of the `uh` field of the command `us`: 11 characters for version 1, 22 for version
    /// 2.
    pub fn uh(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::encode(self.expose_uh()))
    }

    /// The bytes of the `uh` field: 8 for version 1, 16 for version 2. A secret.
    pub const fn expose_uh(&self) -> &[u8] {
        match &self.auth {
            Auth::V1(hash) => hash.expose_secret(),
            Auth::V2(key) => key.expose_secret(),
        }
    }

    /// The account version it is for: 1 or 2.
    pub const fn version(&self) -> u8 {
        match self.auth {
            Auth::V1(_) => 1,
            Auth::V2(_) => 2,
        }
    }

    /// What the server stores of a version 2 password: the first half of the SHA-256 of the
    /// authentication key. `None` for version 1.
    pub fn hashed_auth_key(&self) -> Option<[u8; 16]> {
        match &self.auth {
            Auth::V1(_) => None,
            Auth::V2(key) => Some(v2::hashed(key)),
        }
    }

    /// Whether this is the secret of the same password, so that a typed password can be checked
    /// without the server: decrypts the `k` of `ug` and compares with the master key in constant
    /// time (crypto-and-accounts 2.15).
    pub fn opens(&self, k: &[u8; 16], master: &crate::MasterKey) -> bool {
        crate::MasterKey::unwrap(&self.password_key, k)
            .ct_eq(master)
            .into()
    }
}

opaque!(LoginSecret);

#[derive(Zeroize, ZeroizeOnDrop)]
enum Auth {
    V1(UserHash),
    V2(AuthKey),
}

secret_bytes! {
    /// The `uh` of a version 1 login: 8 bytes.
    UserHash, 8, "user hash"
}

secret_bytes! {
    /// The authentication key of a version 2 password: 16 bytes, sent as `uh` at login. When a
    /// password is *set*, its hash is sent instead.
    AuthKey, 16, "authentication key"
}

/// The salts that a version 2 login accepts, in bytes. Real ones have 32; an empty or short one
/// would let the server prepare tables (threat model, LOG-2).
const SALTS: RangeInclusive<usize> = 16..=64;
