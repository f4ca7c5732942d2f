use rand_core::CryptoRng;

use super::{Auth, LoginSecret, derive_v2, salt_of, v2};
use crate::secret::opaque;
use crate::{Error, MasterKey, PasswordKey};

/// What the server is given when a password is set: at registration (`uc2`), on a change (`up`), on
/// an upgrade from version 1 (`avu`) and in recovery (`erx`) (crypto-and-accounts 2.4, 2.14 to
/// 2.16).
///
/// ```
/// use mega_crypto::{MasterKey, os_rng, password::{self, NewPassword}};
///
/// let master = MasterKey::random(&mut os_rng());
/// let new = NewPassword::random("correct horse", &mut os_rng())?;
/// let (k, crv, hak) = (new.wrap(&master), new.client_random_value(), new.hashed_auth_key());
///
/// // Later, a login with the same password and the salt that belongs to `crv` opens `k` again.
/// let login = password::derive_v2("correct horse", &password::salt_of(crv))?;
/// assert!(login.opens(&k, &master));
/// assert_eq!(login.hashed_auth_key(), Some(hak));
/// # Ok::<(), mega_crypto::Error>(())
/// ```
///
/// Wiped when dropped; `Debug` shows the type's name only.
pub struct NewPassword {
    client_random_value: [u8; 16],
    secret: LoginSecret,
}

impl NewPassword {
    /// Draws a fresh random value and derives the keys. As slow as a login.
    ///
    /// # Errors
    ///
    /// [`Error::UnusablePassword`] if the password is empty, or starts or ends with white space:
    /// the web client refuses or trims such passwords, so their owners would be locked out there.
    pub fn random<R: CryptoRng + ?Sized>(password: &str, rng: &mut R) -> Result<Self, Error> {
        let mut value = [0; 16];
        rng.fill_bytes(&mut value);
        Self::with_random_value(password, value)
    }

    /// The same with a random value of the caller's choice, 16 bytes. It must be drawn anew for each password.
    ///
    /// # Errors
    ///
    /// As for [`NewPassword::random`].
    pub fn with_random_value(password: &str, client_random_value: [u8; 16]) -> Result<Self, Error> {
        if password.is_empty() {
            return Err(Error::UnusablePassword {
                reason: "it is empty",
            });
        }
        if password.trim() != password {
            return Err(Error::UnusablePassword {
                reason: "it starts or ends with white space",
            });
        }
        let secret = derive_v2(password, &salt_of(&client_random_value))?;
        Ok(Self {
            client_random_value,
            secret,
        })
    }

    /// `crv`: 16 random bytes that the server makes the salt from.
    pub const fn client_random_value(&self) -> &[u8; 16] {
        &self.client_random_value
    }

    /// The salt that the server will give at the next login, 32 bytes.
    pub fn salt(&self) -> [u8; 32] {
        salt_of(&self.client_random_value)
    }

    /// `hak`, 16 bytes: what the server compares logins with. The field is called `uh` in `up`, and holds
    /// this hash there, not the authentication key.
    pub fn hashed_auth_key(&self) -> [u8; 16] {
        match &self.secret.auth {
            Auth::V2(key) => v2::hashed(key),
            Auth::V1(_) => [0; 16],
        }
    }

    /// `k`, 16 bytes: the master key wrapped under the new password.
    pub fn wrap(&self, master: &MasterKey) -> [u8; 16] {
        master.wrap(self.password_key())
    }

    /// The key derived from the password.
    pub const fn password_key(&self) -> &PasswordKey {
        self.secret.password_key()
    }
}

opaque!(NewPassword);
