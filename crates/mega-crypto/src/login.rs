//! From the server's answer to a login to a session, with every check on the way
//! (crypto-and-accounts 2.6 to 2.8; threat model, sections 4 and 5).
//!
//! Whatever is wrong with an answer gives the one error [`Error::LoginRejected`]: a wrong password,
//! a damaged key, another account's session. After it, nothing that depends on the answer may be
//! sent to the server (threat model, INV-6).
//!
//! Verifying takes some tens of milliseconds for accounts with RSA keys. To give the server nothing
//! to measure, let a fixed time pass between its answer and your next request (threat model,
//! LOG-6); this crate has no clock to do that with.
//!
//! ```
//! use mega_crypto::login::{self, Reply, SessionMaterial};
//! use mega_crypto::{PasswordKey, base64, os_rng, rsa::Expected};
//!
//! // An account without RSA keys: the answer has a `tsid`, which proves itself.
//! let password_key = PasswordKey::from_bytes([
//!     0x5a, 0x50, 0xda, 0x75, 0x9b, 0xa9, 0x2f, 0x10, 0x35, 0x55, 0x62, 0x87, 0xbf, 0x7d, 0x57, 0x51,
//! ]);
//! let tsid = base64::decode("Yq34efY6Iydjyze1jfDTB3loSE5IdDlOUjIwoEe9-JP77HoVyKQV4Vda_A")?;
//! let reply = Reply {
//!     user: "yhHNHt9NR20".parse()?,
//!     k: base64::decode_array("KdtxZxFNs01K88K8yDPJfg")?,
//!     session: SessionMaterial::Temporary { tsid: &tsid },
//! };
//! let account = login::sign_in(&password_key, &reply, &Expected::default(), &mut os_rng())?;
//! assert_eq!(account.session.user(), reply.user);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use rand_core::CryptoRng;

use crate::rsa::{Expected, RsaPrivateKey};
use crate::secret::opaque_lifetime;
use crate::{Error, MasterKey, PasswordKey, SessionId, SessionKey, StoredAccount, UserHandle};

/// What the answer to `us` says when signing in with a password. `Debug` shows the type's name only.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct Reply<'a> {
    /// `u`: the account.
    pub user: UserHandle,
    /// `k`: the master key under the password key.
    pub k: [u8; 16],
    /// The session id, in one of two forms.
    pub session: SessionMaterial<'a>,
}

/// How the answer to `us` gives the session id. If it has both forms, `tsid` counts. `Debug` shows
/// the type's name only: a `tsid` is the session id itself.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum SessionMaterial<'a> {
    /// Of an account without RSA keys.
    Temporary {
        /// The bytes of `tsid`.
        tsid: &'a [u8],
    },
    /// Of an account with RSA keys.
    Encrypted {
        /// The bytes of `csid`.
        csid: &'a [u8],
        /// The bytes of `privk`.
        privk: &'a [u8],
    },
}

/// What the answer to `us` says when a stored session is resumed.
///
/// `Debug` shows the type's name only.
#[derive(Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct ResumeReply<'a> {
    /// `u`: the account, if the answer names it.
    pub user: Option<UserHandle>,
    /// The bytes of `privk`.
    pub privk: Option<&'a [u8]>,
    /// The bytes of `tsid`.
    pub tsid: Option<&'a [u8]>,
}

opaque_lifetime!(Reply);
opaque_lifetime!(SessionMaterial);
opaque_lifetime!(ResumeReply);

/// An account whose master key and session are known.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The master key.
    pub master: MasterKey,
    /// The session id for all further requests.
    pub session: SessionId,
    /// The RSA key, if the account has one.
    pub private_key: Option<RsaPrivateKey>,
    /// Whether something of the account's own proved that the master key is right. Always so after
    /// [`sign_in`]; after [`resume`] only if the answer had something to check it with. Without it,
    /// neither change the password nor export the recovery key (threat model, LOG-3, LOG-10).
    pub confirmed: bool,
}

/// Signs in with a password: opens the master key, confirms it, and gives the session.
///
/// # Errors
///
/// [`Error::LoginRejected`], whatever is wrong.
pub fn sign_in<R: CryptoRng + ?Sized>(
    password_key: &PasswordKey,
    reply: &Reply<'_>,
    expected: &Expected<'_>,
    rng: &mut R,
) -> Result<SignedIn, Error> {
    let master = MasterKey::unwrap(password_key, &reply.k);
    let (session, private_key) = match reply.session {
        SessionMaterial::Temporary { tsid } => (check_temporary(&master, tsid, reply.user)?, None),
        SessionMaterial::Encrypted { csid, privk } => {
            let key = RsaPrivateKey::open(privk, &master, expected, rng).map_err(rejected)?;
            (decrypt_session(&key, csid, reply.user, rng)?, Some(key))
        }
    };
    Ok(SignedIn {
        master,
        session,
        private_key,
        confirmed: true,
    })
}

/// Resumes a stored session. `session_key` is the `sek` of the answer: the server kept it since the
/// login.
///
/// # Errors
///
/// [`Error::LoginRejected`] if the answer is for another account, if the `privk` or `tsid` in it
/// does not hold under the stored master key, or if the stored master key needs a session key and
/// there is none.
pub fn resume<R: CryptoRng + ?Sized>(
    stored: &StoredAccount,
    session_key: Option<&SessionKey>,
    reply: &ResumeReply<'_>,
    expected: &Expected<'_>,
    rng: &mut R,
) -> Result<SignedIn, Error> {
    let master = stored.master.open(session_key)?;
    let user = stored.session.user();
    if reply.user.is_some_and(|named| named != user) {
        return Err(Error::LoginRejected);
    }
    // A `privk` too short to be one counts as absent here, as in the official client.
    let privk = reply.privk.filter(|privk| privk.len() >= SHORTEST_PRIVK);
    let private_key = match privk {
        Some(privk) => Some(RsaPrivateKey::open(privk, &master, expected, rng).map_err(rejected)?),
        None => None,
    };
    let session = match reply.tsid {
        Some(tsid) => check_temporary(&master, tsid, user)?,
        None => stored.session.clone(),
    };
    let proven = session.proves(&master.cipher()).into();
    Ok(SignedIn {
        master,
        session,
        confirmed: private_key.is_some() || proven,
        private_key,
    })
}

/// Decrypts a fresh `csid` of the same account, as `{"a":"us","c":1}` gives it (crypto-and-accounts
/// 2.7).
///
/// # Errors
///
/// [`Error::LoginRejected`], whatever is wrong.
pub fn decrypt_session<R: CryptoRng + ?Sized>(
    key: &RsaPrivateKey,
    csid: &[u8],
    user: UserHandle,
    rng: &mut R,
) -> Result<SessionId, Error> {
    if csid.len() < SHORTEST_CSID {
        return Err(Error::LoginRejected);
    }
    let plain = key.decrypt(csid, rng).map_err(rejected)?;
    let session = plain
        .first()
        .and_then(SessionId::from_bytes)
        .map_err(rejected)?;
    // LOG-4. Without this, the server could learn from the session id what the private key made of
    // its number (ATT-1).
    if session.user() == user {
        Ok(session)
    } else {
        Err(Error::LoginRejected)
    }
}

fn check_temporary(master: &MasterKey, tsid: &[u8], user: UserHandle) -> Result<SessionId, Error> {
    let bytes: [u8; SessionId::LEN] = tsid.try_into().map_err(|_| Error::LoginRejected)?;
    let session = SessionId::from_bytes(bytes).map_err(rejected)?;
    let proven: bool = session.proves(&master.cipher()).into();
    if proven && session.user() == user {
        Ok(session)
    } else {
        Err(Error::LoginRejected)
    }
}

/// One error for everything (threat model, RSA-11).
fn rejected(_: Error) -> Error {
    Error::LoginRejected
}

const SHORTEST_PRIVK: usize = 256;
const SHORTEST_CSID: usize = 32;
