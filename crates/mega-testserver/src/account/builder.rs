//! Accounts as a test wants them: every kind the service knows, made as an official client would have made it.

use super::cipher::{Key, ecb_encrypt};
use super::{identity, password, rsa_keys};
use crate::account::content::wrap;
use crate::model::Channel;
use crate::model::user::{Credentials, UserAttribute};
use crate::service::Service;
use crate::service::forest::Forest;
use crate::wire::{NodeHandle, UserHandle, b64};

/// An account that was made on the server, with everything its owner knows.
#[derive(Clone)]
#[non_exhaustive]
pub struct Account {
    /// The address to sign in with.
    pub email: String,
    /// The password to sign in with.
    pub password: String,
    /// The full name.
    pub name: String,
    /// The user handle.
    pub handle: UserHandle,
    /// The master key, 16 bytes.
    pub master_key: Key,
    /// The Cloud Drive.
    pub root: NodeHandle,
    /// The vault.
    pub vault: NodeHandle,
    /// The rubbish bin.
    pub bin: NodeHandle,
    /// The base32 secret of the second factor; [`crate::totp`] makes the codes.
    pub second_factor: Option<String>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("email", &self.email)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// What the account will be; [`AccountBuilder::create`] makes it.
///
/// Without further calls: version 2, confirmed, with RSA keys and `^!keys`, 50 GiB.
#[must_use = "nothing is made before `create`"]
#[derive(Debug)]
pub struct AccountBuilder<'a> {
    service: &'a Service,
    email: String,
    password: String,
    name: String,
    version: u8,
    keys: Keys,
    second_factor: Option<String>,
    confirmed: bool,
    blocked: Option<i64>,
    quota: Option<u64>,
    transfer: Option<(u64, i64)>,
    fresh_rsa: bool,
    forest: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    None,
    RsaOnly,
    ChatOnly,
    Full,
}

impl<'a> AccountBuilder<'a> {
    pub(crate) fn new(service: &'a Service, email: &str, password: &str) -> Self {
        Self {
            service,
            email: email.trim().into(),
            password: password.into(),
            name: email.split('@').next().unwrap_or_default().into(),
            version: 2,
            keys: Keys::Full,
            second_factor: None,
            confirmed: true,
            blocked: None,
            quota: None,
            transfer: None,
            fresh_rsa: false,
            forest: None,
        }
    }

    /// The older password scheme.
    pub fn v1(mut self) -> Self {
        self.version = 1;
        self
    }

    /// The current password scheme (the default).
    pub fn v2(mut self) -> Self {
        self.version = 2;
        self
    }

    /// Signing in needs a code made from this base32 secret.
    pub fn second_factor(mut self, secret: &str) -> Self {
        self.second_factor = Some(secret.into());
        self
    }

    /// No RSA keys and nothing else: the state right after confirmation. Sign-in answers `tsid`.
    pub fn without_keys(mut self) -> Self {
        self.keys = Keys::None;
        self
    }

    /// RSA keys, but no `^!keys` and no signing keys: an old account that no current client has opened yet.
    pub fn bare(mut self) -> Self {
        self.keys = Keys::RsaOnly;
        self
    }

    /// Chat and signing keys and `^!keys`, but no RSA keys: an account that was used for chat before it was registered (E++), right after its
    /// confirmation. Sign-in answers `tsid`.
    pub fn without_rsa(mut self) -> Self {
        self.keys = Keys::ChatOnly;
        self
    }

    /// Not confirmed by mail yet: sign-in answers -13.
    pub fn unconfirmed(mut self) -> Self {
        self.confirmed = false;
        self
    }

    /// Suspended: every command but `whyamiblocked` answers -16, and that one 300 (terms of service).
    pub fn blocked(mut self) -> Self {
        self.blocked = Some(300);
        self
    }

    /// Suspended for this reason, as `whyamiblocked` tells it.
    pub fn blocked_because(mut self, reason: i64) -> Self {
        self.blocked = Some(reason);
        self
    }

    /// Storage allowance in bytes.
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = Some(bytes);
        self
    }

    /// Download allowance in bytes, and the seconds a client is told to wait when it is used up.
    pub fn transfer_quota(mut self, bytes: u64, wait: i64) -> Self {
        self.transfer = Some((bytes, wait));
        self
    }

    /// The full name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// A new RSA key pair instead of one that comes with the crate. Slow without optimisation.
    pub fn fresh_rsa(mut self) -> Self {
        self.fresh_rsa = true;
        self
    }

    /// Adds this many generated folders to the Cloud Drive, with this many files in each.
    ///
    /// They are made while a listing is sent and held nowhere, so a million of them cost no memory.
    /// They can be listed and decrypted, but not changed and not downloaded.
    pub fn generated_tree(mut self, folders: u32, files_in_each: u32) -> Self {
        self.forest = Some((folders, files_in_each));
        self
    }

    /// Makes the account. An account with the same address is replaced for sign-in.
    ///
    /// Everything is drawn from the server's seed, so the same calls make the same account.
    pub fn create(self) -> Account {
        // The slow part, password derivation, happens outside the lock.
        let (mut seed, number) = self.service.with_model(|m| {
            m.accounts_made += 1;
            (
                m.seed
                    .branch(&format!("account {} {}", m.accounts_made, self.email)),
                m.accounts_made - 1,
            )
        });
        let master: Key = seed.array();
        let (derived, credentials) = if self.version == 1 {
            let derived = password::v1_remembered(&self.email, &self.password);
            let credentials = Credentials::V1(derived.auth.clone());
            (derived, credentials)
        } else {
            let client_random = seed.bytes(16);
            let salt = password::v2_salt(&client_random).to_vec();
            let derived = password::v2_remembered(&self.password, &salt);
            let hashed_auth = password::v2_hashed_auth(&derived.auth);
            (
                derived,
                Credentials::V2 {
                    client_random,
                    salt,
                    hashed_auth,
                },
            )
        };
        let pair = match self.keys {
            Keys::None | Keys::ChatOnly => None,
            _ if self.fresh_rsa => rsa_keys::Pair::generate(&mut seed),
            _ => rsa_keys::Pair::fixed(number),
        };
        let account = self.service.with_model(|model| {
            let handle = model.new_user(&self.email, &self.name, credentials);
            let now = model.now();
            let mut attributes = vec![
                ("firstname", b64(self.name.as_bytes())),
                ("lastname", b64(b"")),
            ];
            if matches!(self.keys, Keys::Full | Keys::ChatOnly) {
                let pair = pair.as_ref();
                attributes.extend(
                    identity::attributes(&master, handle, pair, now, &mut seed).unwrap_or_default(),
                );
            }
            let account = |user: &crate::model::User| Account {
                email: self.email.clone(),
                password: self.password.clone(),
                name: self.name.clone(),
                handle,
                master_key: master,
                root: user.root,
                vault: user.vault,
                bin: user.bin,
                second_factor: self.second_factor.clone(),
            };
            let user = model.users.get_mut(&handle)?;
            user.wrapped_master = wrap(&derived.key, &master);
            user.confirmed = self.confirmed;
            user.blocked = self.blocked;
            user.second_factor.clone_from(&self.second_factor);
            user.quota = self.quota.unwrap_or(user.quota);
            if let Some((bytes, wait)) = self.transfer {
                user.transfer.allowance = Some(bytes);
                user.transfer.wait = wait;
            }
            if let Some(pair) = &pair {
                let mut blob = pair.private_blob(&mut seed).unwrap_or_default();
                ecb_encrypt(&master, &mut blob);
                user.private_key = Some(b64(&blob));
                user.public_key = Some(b64(&pair.public_blob()));
            }
            for (name, value) in attributes {
                let version = b64(&seed.array::<8>());
                user.attributes
                    .insert(name.into(), UserAttribute { value, version });
            }
            user.master = Some(master);
            user.forest = self.forest.map(|(folders, files_in_each)| Forest {
                user: handle,
                root: user.root,
                master,
                folders,
                files_in_each,
                created: user.created,
            });
            user.password = Some(self.password.clone());
            let account = account(user);
            model.events.open(Channel::User(handle));
            Some(account)
        });
        // The user was put into the model two steps before, under the same lock.
        account.unwrap_or_else(|| unreachable!("a user that was just added is there"))
    }
}
