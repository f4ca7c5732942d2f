//! The common end of signing in and resuming: account data, keys, node tree.

use std::sync::Arc;

use futures::future;
use mega_crypto::MasterKey;
use mega_crypto::account_keys::Generation;
use mega_crypto::rsa::RsaPrivateKey;
use mega_protocol::Api;
use mega_protocol::UserHandle;
use mega_protocol::commands::{FetchNodes, FetchUserData, UserData};

use super::login::rejected;
use super::{Account, EphemeralCredentials, OpenSession};
use crate::Client;
use crate::builder::ClientBuilder;
use crate::cache::{Cache, Found, Kept};
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::intents::Intents;
use crate::keyring::Keyring;
use crate::tree::apply::Applier;
use crate::tree::decrypt::Decrypter;
use crate::tree::load::Loader;

/// What signing in or resuming has established.
pub(crate) struct Opening {
    pub(crate) user: UserHandle,
    pub(crate) email: Option<String>,
    pub(crate) master: MasterKey,
    pub(crate) session: OpenSession,
    pub(crate) rsa: Option<RsaPrivateKey>,
    /// The account's version, where a password was used.
    pub(crate) version: Option<u8>,
    /// The highest generation of `^!keys` that the saved session remembers.
    pub(crate) generation: Option<Generation>,
    /// What opens an account without a name.
    pub(crate) ephemeral: Option<EphemeralCredentials>,
}

/// Reads the account's data and nodes.
pub(crate) async fn open(
    builder: &ClientBuilder,
    api: Api,
    mut opening: Opening,
) -> Result<Client> {
    // The cache is read while the service answers.
    let cache = async {
        let folder = builder.options.cache_dir.as_ref()?;
        Found::read(folder, &opening.master, opening.user, builder.options.mask).await
    };
    let (data, cache) = future::join(api.send(FetchUserData::new()), cache).await;
    let data = data.map_err(Error::from)?.reply;
    // LOG-5: another user than the session's is an error, not a switch.
    if data.user.is_some_and(|user| user != opening.user) {
        return Err(rejected());
    }
    check_public_key(&opening, &data)?;
    let mut keyring = Keyring::account(opening.user, opening.master.cipher());
    // NOD-4. The unshareable key is wrapped without a container (crypto-and-accounts 10.3).
    let unshareable = data.attributes.get("*~usk").and_then(|usk| usk.decode());
    for wrapped in [&data.private_key, &unshareable].into_iter().flatten() {
        keyring.note_wrapped(wrapped.as_bytes());
    }
    let keys = data.attributes.get("^!keys");
    let generation = super::keys::read_share_keys(keys, &opening, &mut keyring)?;
    let has_keys_attribute = keys.is_some();
    let keys_version = keys.and_then(|keys| keys.version.clone());
    let (cache, kept) = match cache {
        Some(found) => {
            let (cache, kept) = found.open(has_keys_attribute);
            (Some(cache), kept)
        }
        None => (None, None),
    };
    let intents = Intents::open(
        builder.options.cache_dir.as_deref(),
        &opening.master,
        opening.user,
        builder.options.require_intents,
    )
    .await;
    if opening.email.is_none() {
        opening.email = data.email.as_ref().map(|email| email.expose().to_owned());
    }
    let account = Account::new(opening, has_keys_attribute);
    if let Some(generation) = generation {
        account.saw_keys(generation);
    }
    account.knows_keys(keys_version);
    match kept {
        Some(kept) => go_on(builder, api, account, keyring, kept, (cache, intents)).await,
        None => {
            let loader = Loader::account(builder.options.mask, keyring, has_keys_attribute);
            load(
                builder,
                api,
                Identity::Account(Box::new(account)),
                loader,
                (cache, Some(intents)),
            )
            .await
        }
    }
}

/// Goes on from a tree that was kept, and learns what has happened since.
async fn go_on(
    builder: &ClientBuilder,
    api: Api,
    account: Account,
    mut keyring: Keyring,
    kept: Kept,
    (cache, intents): (Option<Cache>, Arc<Intents>),
) -> Result<Client> {
    let Kept { mut tree, keys } = kept;
    // KEY-8: where the account has `^!keys`, those alone count, and they are fresh.
    if !account.has_keys_attribute() {
        for (root, key) in keys {
            keyring.add_share(root, key);
        }
    }
    let mut applier = Applier {
        tree: &mut tree,
        keyring: &mut keyring,
        me: Some(account.user),
        keys_elsewhere: account.has_keys_attribute(),
    };
    applier.open_what_was_closed(&mut Decrypter::default(), &mut Vec::new());
    tracing::debug!(nodes = tree.len(), "tree taken from the cache");
    let client = Client::assemble(
        api,
        builder.client_options()?,
        Identity::Account(Box::new(account)),
        keyring,
        tree,
        cache,
        Some(intents),
    );
    let current = client.refreshed().await;
    match current {
        Ok(()) => {}
        Err(error) => match error.kind() {
            ErrorKind::SessionExpired
            | ErrorKind::Blocked
            | ErrorKind::Network
            | ErrorKind::Timeout
            | ErrorKind::RateLimited => return Err(error),
            // Whatever the service has against going on from there, it can give the whole tree.
            kind => {
                tracing::warn!(
                    ?kind,
                    "the events do not lead on from the cached tree; it is fetched anew"
                );
                client.reload().await?;
            }
        },
    }
    client.settle_left_over(true).await;
    Ok(client)
}

/// Loads the tree and puts the client together.
pub(crate) async fn load(
    builder: &ClientBuilder,
    api: Api,
    identity: Identity,
    mut loader: Loader,
    (cache, intents): (Option<Cache>, Option<Arc<Intents>>),
) -> Result<Client> {
    let summary = api
        .fetch_nodes(FetchNodes::new(), &mut loader)
        .await
        .map_err(Error::from)?;
    let (mut tree, keyring, report) = loader.finish();
    tree.position = Some(summary.sequence_number);
    tree.tag = summary.tag;
    tracing::debug!(
        nodes = tree.len(),
        undecryptable = report.undecryptable,
        malformed = report.malformed,
        quarantined = report.quarantined,
        dropped = report.dropped,
        "tree loaded"
    );
    if tree.roots().cloud.is_none() {
        // TRE-5: nothing can be addressed without a root.
        return Err(Error::new(
            ErrorKind::Protocol,
            "the service sent no root folder",
        ));
    }
    let client = Client::assemble(
        api,
        builder.client_options()?,
        identity,
        keyring,
        tree,
        cache,
        intents,
    );
    client.keep_soon();
    // The service may have given an older tree, which the events make new.
    client.settle_left_over(false).await;
    Ok(client)
}

/// RSA-8: where the account's public key is known, it must belong to the private one.
fn check_public_key(opening: &Opening, data: &UserData) -> Result<()> {
    let (Some(rsa), Some(public)) = (&opening.rsa, &data.public_key) else {
        return Ok(());
    };
    let public =
        mega_crypto::rsa::RsaPublicKey::from_bytes(public.as_bytes()).map_err(|_| rejected())?;
    if public.n() != rsa.public_key().n() || public.e() != rsa.public_key().e() {
        return Err(rejected());
    }
    Ok(())
}
