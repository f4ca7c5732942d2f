use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::link::WriteAuth;
use crate::secret::{SecretBytes, opaque};
use crate::{Error, MasterKey, NodeHandle, PublicHandle, SessionId, SessionKey, ShareKey, base64};

/// A session as programs of the official client store it, to go on later without a password
/// (crypto-and-accounts 2.9).
///
/// Keep it as safe as a password: without a session key it *is* the master key.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the format has these two")]
pub enum StoredSession {
    /// A signed-in account.
    Account(StoredAccount),
    /// A folder link that was open.
    Folder(StoredFolder),
}

impl StoredSession {
    /// Reads the bytes of a stored session.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if they are no stored session.
    pub fn from_bytes(blob: &[u8]) -> Result<Self, Error> {
        // The length tells the kinds apart: a folder's is never 59 or 60.
        match blob.len() {
            PLAIN => {
                let (key, sid) = split_account(blob).ok_or(DAMAGED)?;
                let master = StoredMaster::Plain(MasterKey::from_bytes(key));
                Ok(Self::Account(StoredAccount {
                    master,
                    session: SessionId::from_bytes(sid)?,
                }))
            }
            SEALED => {
                let (key, sid) = blob
                    .strip_prefix(&[1])
                    .and_then(split_account)
                    .ok_or(DAMAGED)?;
                let master = StoredMaster::Sealed(key);
                Ok(Self::Account(StoredAccount {
                    master,
                    session: SessionId::from_bytes(sid)?,
                }))
            }
            _ => StoredFolder::from_bytes(blob).map(Self::Folder),
        }
    }

    /// Reads the text of a stored session.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is no stored session, [`Error::TooLarge`] if it has more than
    /// 8192 characters.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::TooLarge {
                what: WHAT,
                limit: MAX_TEXT,
            });
        }
        let blob = Zeroizing::new(base64::decode(text.trim()).map_err(|e| e.of(WHAT))?);
        Self::from_bytes(&blob)
    }

    /// Its bytes: 59 or 60 for an account.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Account(account) => account.to_bytes(),
            Self::Folder(folder) => folder.to_bytes(),
        }
    }

    /// Its text: base64, 79 or 80 characters for an account.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::encode(&self.to_bytes()))
    }
}

/// The stored session of an account.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the format has these two fields")]
pub struct StoredAccount {
    /// The master key, possibly sealed.
    pub master: StoredMaster,
    /// The session to go on with.
    pub session: SessionId,
}

impl StoredAccount {
    /// Seals a session for storing: without the server's copy of the session key nobody can open
    /// it.
    pub fn seal(master: &MasterKey, session: SessionId, session_key: &SessionKey) -> Self {
        let sealed = crate::KeyCipher::new(session_key.expose_secret())
            .encrypt_block(*master.expose_secret());
        Self {
            master: StoredMaster::Sealed(sealed),
            session,
        }
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut blob = Zeroizing::new(Vec::with_capacity(SEALED));
        match &self.master {
            StoredMaster::Plain(key) => blob.extend_from_slice(key.expose_secret()),
            StoredMaster::Sealed(key) => {
                blob.push(1);
                blob.extend_from_slice(key);
            }
        }
        blob.extend_from_slice(self.session.expose_secret());
        blob
    }
}

/// The master key in a stored session.
#[derive(PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the format has these two")]
pub enum StoredMaster {
    /// The key itself.
    Plain(MasterKey),
    /// The key under the session key that the server holds and gives back in the answer to `us`.
    Sealed([u8; 16]),
}

impl StoredMaster {
    /// The master key. `session_key` is the `sek` of the server's answer.
    ///
    /// Nothing tells here whether the server gave the right one: confirm the key with
    /// [`crate::login`] before using it (crypto-and-accounts 2.8; threat model, LOG-5).
    ///
    /// # Errors
    ///
    /// [`Error::LoginRejected`] if the key is sealed and the answer had no session key.
    pub fn open(&self, session_key: Option<&SessionKey>) -> Result<MasterKey, Error> {
        match (self, session_key) {
            (Self::Plain(key), _) => Ok(MasterKey::from_bytes(*key.expose_secret())),
            (Self::Sealed(key), Some(session_key)) => {
                let cipher = crate::KeyCipher::new(session_key.expose_secret());
                Ok(MasterKey::from_bytes(cipher.decrypt_block(*key)))
            }
            (Self::Sealed(_), None) => Err(Error::LoginRejected),
        }
    }
}

opaque!(StoredMaster);

/// The stored session of a folder link.
#[expect(clippy::exhaustive_structs, reason = "the format has these fields")]
pub struct StoredFolder {
    /// The link's handle.
    pub handle: PublicHandle,
    /// The handle of its root node.
    pub root: NodeHandle,
    /// The link's key.
    pub key: ShareKey,
    /// What lets the holder write into the folder.
    pub write_auth: Option<WriteAuth>,
    /// The session id of the own account that was used along with the link, as text.
    pub account_auth: Option<Zeroizing<String>>,
}

impl PartialEq for StoredFolder {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |auth: &Option<Zeroizing<String>>| {
            auth.as_ref()
                .map(|auth| SecretBytes::from(auth.as_bytes().to_vec()))
        };
        (self.handle, self.root) == (other.handle, other.root)
            && self.key == other.key
            && self.write_auth == other.write_auth
            && bytes(&self.account_auth) == bytes(&other.account_auth)
    }
}

impl Eq for StoredFolder {}

impl StoredFolder {
    fn from_bytes(blob: &[u8]) -> Result<Self, Error> {
        let read = || {
            let rest = blob.strip_prefix(&[2])?;
            let (handle, rest) = rest.split_first_chunk()?;
            let (root, rest) = rest.split_first_chunk()?;
            let (key, rest) = rest.split_first_chunk()?;
            let (flags, mut rest) = rest.split_first_chunk::<8>()?;
            let &[write, account, padding, 0, 0, 0, 0, 0] = flags else {
                return None;
            };
            let mut string = |flag: u8| -> Option<&[u8]> {
                if flag == 0 {
                    return Some(&[]);
                }
                let (len, after) = rest.split_first_chunk()?;
                let (text, after) =
                    after.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
                rest = after;
                Some(text)
            };
            let texts = (string(write)?, string(account)?, string(padding)?);
            rest.is_empty().then_some((*handle, *root, *key, texts))
        };
        let (handle, root, key, (write, account, _)) = read().ok_or(DAMAGED)?;
        let text = |bytes| core::str::from_utf8(bytes).map_err(|_| DAMAGED);
        Ok(Self {
            handle: PublicHandle::from_bytes(handle),
            root: NodeHandle::from_bytes(root),
            key: ShareKey::from_bytes(key)?,
            write_auth: if write.is_empty() {
                None
            } else {
                Some(WriteAuth::new(text(write)?)?)
            },
            account_auth: if account.is_empty() {
                None
            } else {
                Some(Zeroizing::new(String::from(text(account)?)))
            },
        })
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let account = self.account_auth.as_deref().map(|text| text.as_str());
        let strings = [
            self.write_auth.as_ref().map(WriteAuth::expose_secret),
            account,
        ];
        let mut blob = Zeroizing::new(Vec::with_capacity(256));
        blob.push(2);
        blob.extend_from_slice(self.handle.as_bytes());
        blob.extend_from_slice(self.root.as_bytes());
        blob.extend_from_slice(self.key.expose_secret());
        let present = strings.map(|text| u8::from(text.is_some()));
        blob.extend(present.into_iter().chain([1, 0, 0, 0, 0, 0]));
        let mut size = blob.len();
        let mut push = |text: &[u8]| {
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            blob.extend_from_slice(&len.to_le_bytes());
            blob.extend(text.iter().take(usize::from(len)));
            blob.len()
        };
        for text in strings.into_iter().flatten() {
            size = push(text.as_bytes());
        }
        // Never 59 or 60 bytes in all.
        let padding = PLAIN.checked_sub(size).map_or(1, |missing| missing + 3);
        push(b"P".repeat(padding).as_slice());
        blob
    }
}

opaque!(StoredFolder);

fn split_account(blob: &[u8]) -> Option<([u8; 16], [u8; 43])> {
    let (key, sid) = blob.split_first_chunk()?;
    Some((*key, sid.try_into().ok()?))
}

const WHAT: &str = "stored session";
const DAMAGED: Error = Error::Malformed {
    what: WHAT,
    reason: "it is damaged",
};
const PLAIN: usize = MasterKey::LEN + SessionId::LEN;
const SEALED: usize = 1 + PLAIN;
const MAX_TEXT: usize = 8192;
