use alloc::string::String;

use zeroize::Zeroizing;

use crate::secret::secret_bytes;
use crate::{Error, KeyCipher, base64};

secret_bytes! {
    /// The master key of an account: everything hangs from it, and it never changes
    /// (crypto-and-accounts 3.1).
    ///
    /// It carries no proof of being right. A key out of [`MasterKey::unwrap`] counts as confirmed
    /// only once it has opened the account's own material: see [`crate::login`] (threat model,
    /// LOG-3, LOG-10).
    MasterKey, 16, "master key"
}

impl MasterKey {
    /// The cipher that wraps the keys of the account's own nodes.
    pub fn cipher(&self) -> KeyCipher {
        KeyCipher::new(self.expose_secret())
    }

    /// Opens the `k` of a login reply, 16 bytes, with the key derived from the password. Nothing tells here
    /// whether the password was right.
    pub fn unwrap(password_key: &PasswordKey, k: &[u8; 16]) -> Self {
        Self::from_bytes(password_key.cipher().decrypt_block(*k))
    }

    /// Wraps it under a key derived from a password, into the 16 bytes of `k` in a command that sets the
    /// password.
    pub fn wrap(&self, password_key: &PasswordKey) -> [u8; 16] {
        password_key.cipher().encrypt_block(*self.expose_secret())
    }

    /// The recovery key: the text that a user writes down, 22 characters (crypto-and-accounts
    /// 2.16).
    ///
    /// Confirm the master key before showing it (threat model, LOG-10).
    pub fn to_recovery_key(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::encode(self.expose_secret()))
    }

    /// Reads a recovery key. White space around it is ignored, since people paste it.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] if it is not 22 base64 characters.
    pub fn from_recovery_key(text: &str) -> Result<Self, Error> {
        base64::decode_array(text.trim())
            .map(Self::from_bytes)
            .map_err(|e| e.of("recovery key"))
    }
}

secret_bytes! {
    /// The key derived from a password; it wraps the master key and does nothing else
    /// (crypto-and-accounts 2.3, 2.4).
    PasswordKey, 16, "password key"
}

impl PasswordKey {
    /// The cipher that wraps the master key.
    pub fn cipher(&self) -> KeyCipher {
        KeyCipher::new(self.expose_secret())
    }
}

secret_bytes! {
    /// The `sek` of a session: the server keeps it, so that a session stored on disk is useless
    /// without the server (crypto-and-accounts 2.8).
    SessionKey, 16, "session key"
}
