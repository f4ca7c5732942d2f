//! How much room there is.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt};
use mega_protocol::NodeHandle;
use mega_protocol::commands::{self, FetchQuota};

pub use mega_protocol::commands::{StorageState, StorageUse};

use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::tree::arena::Index;

impl Client {
    /// Asks for the quota of the account and what is used of it.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for public links.
    ///
    /// Cancel safe: nothing is changed.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/ten", "0123456789").await?;
    /// let quota = mega.quota().await?;
    /// assert_eq!(quota.used(), 10);
    /// assert_eq!(quota.cloud().files, 1);
    /// println!("{} of {} bytes used", quota.used(), quota.total());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn quota(&self) -> BoxFuture<'static, Result<Quota>> {
        let client = self.clone();
        async move {
            client
                .ask_quota()
                .await
                .map_err(|error| error.during("quota"))
        }
        .boxed()
    }

    async fn ask_quota(&self) -> Result<Quota> {
        self.account()?;
        let reply = self.ask(FetchQuota::new()).await?;
        if reply.storage_used.is_none() || reply.storage_allowed.is_none() {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the service did not say how much storage is used",
            ));
        }
        let roots = self.with_tree(|tree, _| {
            let roots = tree.roots();
            let handle = |index: Option<Index>| {
                index
                    .and_then(|index| tree.record(index))
                    .map(|record| record.handle)
            };
            [
                handle(roots.cloud),
                handle(roots.vault),
                handle(roots.rubbish),
            ]
        });
        Ok(Quota { reply, roots })
    }
}

/// Quota and use of an account, in bytes.
#[derive(Clone, Debug)]
pub struct Quota {
    reply: commands::Quota,
    roots: [Option<NodeHandle>; 3],
}

impl Quota {
    /// Storage in use, versions and rubbish bin included.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.reply.storage_used.unwrap_or(0)
    }

    /// Storage that the account may use.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.reply.storage_allowed.unwrap_or(0)
    }

    /// What is left of it.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.total().saturating_sub(self.used())
    }

    /// How full the account is, in the service's own judgement.
    #[must_use]
    pub fn state(&self) -> Option<StorageState> {
        self.reply.state
    }

    /// What the cloud drive holds. Older versions are counted apart.
    #[must_use]
    pub fn cloud(&self) -> StorageUse {
        self.of(self.roots.first().copied().flatten())
    }

    /// What the vault holds.
    #[must_use]
    pub fn vault(&self) -> StorageUse {
        self.of(self.roots.get(1).copied().flatten())
    }

    /// What the rubbish bin holds.
    #[must_use]
    pub fn rubbish_bin(&self) -> StorageUse {
        self.of(self.roots.get(2).copied().flatten())
    }

    /// The use by root, incoming shares included.
    #[must_use]
    pub fn by_root(&self) -> &BTreeMap<NodeHandle, StorageUse> {
        &self.reply.by_root
    }

    /// Bytes in older versions, of all own roots together.
    #[must_use]
    pub fn versions(&self) -> u64 {
        [self.cloud(), self.vault(), self.rubbish_bin()]
            .iter()
            .fold(0_u64, |sum, root| sum.saturating_add(root.version_bytes))
    }

    /// Transfer that the plan of the account allows; `None` or 0 for free accounts, which have an allowance by address.
    #[must_use]
    pub fn transfer_total(&self) -> Option<u64> {
        self.reply.transfer_allowed
    }

    /// Transfer that is used up.
    #[must_use]
    pub fn transfer_used(&self) -> Option<u64> {
        self.reply.transfer_used
    }

    /// The level of the plan: 0 for free accounts.
    #[must_use]
    pub fn plan(&self) -> Option<i64> {
        self.reply.level
    }

    fn of(&self, root: Option<NodeHandle>) -> StorageUse {
        root.and_then(|root| self.reply.by_root.get(&root))
            .copied()
            .unwrap_or_default()
    }
}
