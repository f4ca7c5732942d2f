//! Making accounts and proving that one owns them (crypto-and-accounts 2.14, 2.16).

use alloc::string::String;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::secret::{SecretBytes, opaque};
use crate::{Error, MasterKey, PasswordKey, UserHandle, base64};

/// A new anonymous account: the first step of a registration.
///
/// ```
/// use mega_crypto::{account::NewAccount, os_rng};
///
/// let account = NewAccount::random(&mut os_rng());
/// let (k, ts) = (account.wrapped_master_key(), account.proof());
/// // {"a":"up","k":k,"ts":ts} answers with the handle of the new user.
/// # assert_eq!((k.len(), ts.len()), (16, 32));
/// ```
///
/// Wiped when dropped; `Debug` shows the type's name only.
pub struct NewAccount {
    master: MasterKey,
    password_key: PasswordKey,
    challenge: [u8; 16],
}

impl NewAccount {
    /// Draws a master key, a password key and a challenge.
    pub fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut challenge = [0; 16];
        rng.fill_bytes(&mut challenge);
        Self {
            master: MasterKey::random(rng),
            password_key: PasswordKey::random(rng),
            challenge,
        }
    }

    /// `k`: the master key under the password key, AES-128 of its one block, 16 bytes.
    pub fn wrapped_master_key(&self) -> [u8; 16] {
        self.master.wrap(&self.password_key)
    }

    /// `ts`: the challenge, and the challenge encrypted with the master key.
    pub fn proof(&self) -> [u8; 32] {
        ownership_proof(&self.master, &self.challenge)
    }

    /// The master key.
    pub const fn master(&self) -> &MasterKey {
        &self.master
    }

    /// What opens the account again as long as it has no password.
    pub fn credentials(&self, user: UserHandle) -> AnonymousCredentials {
        AnonymousCredentials {
            user,
            password_key: PasswordKey::from_bytes(*self.password_key.expose_secret()),
        }
    }
}

opaque!(NewAccount);

/// Proof of owning a master key: `C || AES-enc(M, C)`, twice 16 bytes, the `ts` of a new account, or the `z` when
/// an account is parked and gets a new master key.
pub fn ownership_proof(master: &MasterKey, challenge: &[u8; 16]) -> [u8; 32] {
    let mut proof = [*challenge, master.cipher().encrypt_block(*challenge)];
    let mut flat = [0; 32];
    flat.copy_from_slice(proof.as_flattened_mut());
    flat
}

/// Whether a proof, 32 bytes, was made with this master key; compared in constant time. For servers.
pub fn check_ownership_proof(master: &MasterKey, proof: &[u8; 32]) -> bool {
    use subtle::ConstantTimeEq;
    let (challenge, _) = proof.split_at(16);
    let challenge = challenge.first_chunk().copied().unwrap_or_default();
    ownership_proof(master, &challenge)
        .as_slice()
        .ct_eq(proof)
        .into()
}

/// What opens an anonymous account: its user handle and its password key. Stored as a text of its
/// own (crypto-and-accounts 2.9).
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnonymousCredentials {
    /// The account; its text is sent as `user` of the command `us`.
    pub user: UserHandle,
    /// Opens the `k` of the answer.
    pub password_key: PasswordKey,
}

impl AnonymousCredentials {
    /// Reads `handle#key`: 11 characters, the sign, and 22 characters of base64. White space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] or [`Error::Base64`] if it is not that.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let (user, key) = text.trim().split_once('#').ok_or(Error::Malformed {
            what: "anonymous credentials",
            reason: "they are not two parts joined by #",
        })?;
        let key = base64::decode_array(key).map_err(|e| e.of("password key"))?;
        Ok(Self {
            user: user.parse()?,
            password_key: PasswordKey::from_bytes(key),
        })
    }

    /// Writes `handle#key`: 34 characters.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        base64::encode_into(self.user.as_bytes(), &mut text);
        text.push('#');
        base64::encode_into(self.password_key.expose_secret(), &mut text);
        text
    }
}

/// The code in the link of a confirmation mail.
///
/// It proves control of the address: wiped when dropped, compared in constant time, and `Debug` shows
/// the type's name only.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfirmationCode {
    code: SecretBytes,
    email: String,
    name: String,
}

impl ConfirmationCode {
    /// Reads the link `https://mega.nz/#confirm...` or only what follows `confirm`.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] or [`Error::Malformed`] if it is no code of version 2, [`Error::TooLarge`] for more than 4096
    /// characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > MAX_CODE {
            return Err(Error::TooLarge {
                what: WHAT,
                limit: MAX_CODE,
            });
        }
        let text = text.rsplit_once("confirm").map_or(text, |(_, code)| code);
        let code = SecretBytes::from(base64::decode(text).map_err(|e| e.of(WHAT))?);
        let read = || {
            let rest = code.strip_prefix(VERSION)?;
            let (_token, rest) = rest.split_at_checked(TOKEN)?;
            let (texts, _hash) = rest.split_at_checked(rest.len().checked_sub(HASH)?)?;
            let (email, name) = core::str::from_utf8(texts).ok()?.split_once('\t')?;
            Some((String::from(email), String::from(name)))
        };
        let (email, name) = read().ok_or(Error::Malformed {
            what: WHAT,
            reason: "it is damaged",
        })?;
        Ok(Self { code, email, name })
    }

    /// The `c` of the command `ud2`: the whole code as base64.
    pub fn to_text(&self) -> String {
        base64::encode(&self.code)
    }

    /// The address that it confirms.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The full name given at the registration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts a code together: `ConfirmCodeV2`, the token (15 bytes), address, tab and name in UTF-8, and the hash (8 bytes).
    /// For servers: a client only ever reads one.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the address contains a tab.
    pub fn new(
        token: &[u8; TOKEN],
        email: &str,
        name: &str,
        hash: &[u8; HASH],
    ) -> Result<Self, Error> {
        if email.contains('\t') {
            return Err(Error::Malformed {
                what: WHAT,
                reason: "the address contains a tab",
            });
        }
        let code = [
            VERSION,
            token,
            email.as_bytes(),
            b"\t",
            name.as_bytes(),
            hash,
        ]
        .concat();
        Ok(Self {
            code: code.into(),
            email: email.into(),
            name: name.into(),
        })
    }
}

opaque!(ConfirmationCode);

const WHAT: &str = "confirmation code";
const VERSION: &[u8] = b"ConfirmCodeV2";
const TOKEN: usize = 15;
const HASH: usize = 8;
const MAX_CODE: usize = 4096;
