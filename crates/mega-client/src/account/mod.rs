//! The account behind a client: who it is, its master key, its session.

mod credentials;
mod ephemeral;
pub(crate) mod guard;
mod keys;
pub(crate) mod login;
mod make_keys;
pub(crate) mod open;
mod password;
mod pins;
pub(crate) mod private_file;
mod rclone;
mod recovery;
mod register;
mod renewal;
mod sealed;
pub(crate) mod session;
mod session_file;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use mega_crypto::account_keys::Generation;
use mega_crypto::{MasterKey, SessionKey};
use mega_protocol::SessionId;
use mega_protocol::UserHandle;
use zeroize::Zeroizing;

use self::open::Opening;
use self::pins::Pins;
use crate::fs::share_key::Wishes as ShareKeyWishes;

pub use self::credentials::{Credentials, SecondFactor};
pub use self::ephemeral::{EphemeralCredentials, OpenEphemeral};
pub use self::guard::LoginGuard;
pub use self::make_keys::KeyPart;
pub use self::password::{ChangePassword, PasswordChanged};
pub use self::rclone::RcloneRemote;
pub use self::recovery::{AskForRecovery, Recover, Recovered, RecoveryKey};
pub use self::register::{Confirm, Confirmed, PendingRegistration, Register};
pub(crate) use self::renewal::Renewal;
pub use self::session::SavedSession;

/// A signed-in account.
pub(crate) struct Account {
    pub(crate) user: UserHandle,
    pub(crate) email: Option<String>,
    pub(crate) master: MasterKey,
    /// The session that is open; another one after a renewal.
    session: RwLock<OpenSession>,
    /// The version that the account had at the sign-in, where it was with a password.
    pub(crate) version: Option<u8>,
    /// The SHA-256 of the RSA public key that the session was opened with.
    rsa_pin: Option<[u8; 32]>,
    /// What opens an account without a name.
    pub(crate) ephemeral: Option<EphemeralCredentials>,
    /// The password that this client has set since.
    pub(crate) new_password: RwLock<Option<Zeroizing<String>>>,
    /// Whoever renews the session, or closes it.
    renewing: tokio::sync::Mutex<()>,
    /// Whether the caller has signed out: then no other session is opened, whatever means there are.
    signed_out: AtomicBool,
    /// Whether the account has `^!keys`; then the rules of crypto-and-accounts 3.7 apply.
    has_keys_attribute: AtomicBool,
    /// The highest generation of `^!keys` ever seen (KEY-10); 0 when none was.
    keys_generation: AtomicU32,
    /// The versions of `^!keys`.
    keys_versions: Mutex<KeysVersions>,
    /// Whoever is about to write a higher one.
    pub(crate) changing_keys: tokio::sync::Mutex<()>,
    /// What is to be noted there about keys of shares.
    pub(crate) share_key_wishes: ShareKeyWishes,
}

/// An open session.
pub(crate) struct OpenSession {
    pub(crate) id: SessionId,
    /// The server-held key that a saved session is wrapped with; without one the session cannot be saved safely.
    pub(crate) key: Option<SessionKey>,
}

/// Which `^!keys` there are; the service gives each a name.
#[derive(Default)]
struct KeysVersions {
    /// What was read or written last.
    known: Option<String>,
    /// What the service has told of last.
    told: Option<String>,
}

impl Account {
    pub(crate) fn new(opening: Opening, has_keys_attribute: bool) -> Self {
        Self {
            user: opening.user,
            email: opening.email,
            master: opening.master,
            session: RwLock::new(opening.session),
            version: opening.version,
            rsa_pin: opening.rsa.as_ref().map(|rsa| rsa.public_key().pin()),
            ephemeral: opening.ephemeral,
            new_password: RwLock::default(),
            renewing: tokio::sync::Mutex::default(),
            signed_out: AtomicBool::new(false),
            has_keys_attribute: AtomicBool::new(has_keys_attribute),
            keys_generation: AtomicU32::new(opening.generation.map_or(0, Generation::get)),
            keys_versions: Mutex::default(),
            changing_keys: tokio::sync::Mutex::default(),
            share_key_wishes: ShareKeyWishes::default(),
        }
    }

    /// Whether share keys come from `^!keys`, and from nowhere else (KEY-8).
    pub(crate) fn has_keys_attribute(&self) -> bool {
        self.has_keys_attribute.load(Ordering::SeqCst)
    }

    /// The highest generation of `^!keys` that was seen; an older one is refused (KEY-10).
    pub(crate) fn keys_generation(&self) -> Option<Generation> {
        match self.keys_generation.load(Ordering::SeqCst) {
            0 => None,
            number => Some(Generation::new(number)),
        }
    }

    /// What a saved session is to remember.
    pub(crate) fn pins(&self) -> Pins {
        Pins {
            generation: self.keys_generation(),
            version: self.version,
            rsa: self.rsa_pin,
        }
    }

    /// Notes that the account has `^!keys` of this generation.
    pub(crate) fn saw_keys(&self, generation: Generation) {
        self.keys_generation
            .fetch_max(generation.get(), Ordering::SeqCst);
        self.has_keys_attribute.store(true, Ordering::SeqCst);
    }

    /// Notes which `^!keys` was read or written, where the service says its version.
    pub(crate) fn knows_keys(&self, version: Option<String>) {
        let mut versions = self.keys_versions();
        versions
            .told
            .take_if(|told| Some(&*told) == version.as_ref());
        versions.known = version;
    }

    /// Notes that the service has told of this `^!keys`.
    pub(crate) fn told_of_keys(&self, version: String) {
        self.keys_versions().told = Some(version);
    }

    /// The `^!keys` that the service has told of, if it is not the one that is known.
    pub(crate) fn news_of_keys(&self) -> Option<String> {
        let versions = self.keys_versions();
        let told = versions.told.clone();
        told.filter(|told| versions.known.as_ref() != Some(told))
    }

    /// Whether there is another `^!keys` than the known one.
    pub(crate) fn keys_are_news(&self) -> bool {
        self.news_of_keys().is_some()
    }

    /// Notes that `^!keys` was read after this version was told of: it is that one, or a later one.
    pub(crate) fn has_heard_of(&self, told: Option<&String>) {
        let mut versions = self.keys_versions();
        if versions.told.as_ref() == told {
            versions.told = None;
        }
    }

    fn keys_versions(&self) -> std::sync::MutexGuard<'_, KeysVersions> {
        self.keys_versions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn session_id(&self) -> SessionId {
        self.with_session(|session| session.id.clone())
    }

    pub(crate) fn with_session<T>(&self, look: impl FnOnce(&OpenSession) -> T) -> T {
        look(&self.session.read().unwrap_or_else(PoisonError::into_inner))
    }
}
