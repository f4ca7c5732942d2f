//! `uq`, `qbq`: storage and transfer quota (api-and-transfers 5.2).

use std::collections::BTreeMap;

use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Command, Effect, NodeHandle, ReplyError};

/// Asks for quota and use.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchQuota {
    /// Storage.
    pub storage: bool,
    /// Transfer.
    pub transfer: bool,
    /// The plan.
    pub plan: bool,
}

impl Default for FetchQuota {
    fn default() -> Self {
        Self {
            storage: true,
            transfer: true,
            plan: true,
        }
    }
}

impl FetchQuota {
    /// Asks for everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for storage alone.
    pub fn storage() -> Self {
        Self {
            storage: true,
            transfer: false,
            plan: false,
        }
    }
}

/// Quota and use, in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Quota {
    /// Storage allowed (`mstrg`).
    pub storage_allowed: Option<u64>,
    /// Storage used (`cstrg`).
    pub storage_used: Option<u64>,
    /// Use by root and by incoming share (`cstrgn`).
    pub by_root: BTreeMap<NodeHandle, StorageUse>,
    /// Where the account stands (`usl`).
    pub state: Option<StorageState>,
    /// From which fullness on to warn, in hundredths of a percent (`uslw`).
    pub warn_at: Option<u64>,
    /// Transfer allowed (`mxfer`).
    pub transfer_allowed: Option<u64>,
    /// Own transfer used (`caxfer` and what is not yet accounted, `tuo`).
    pub transfer_used: Option<u64>,
    /// Transfer served to others used (`csxfer` and `tua`).
    pub transfer_served: Option<u64>,
    /// Transfer reserved by downloads in progress (`rua`).
    pub transfer_reserved: Option<u64>,
    /// Length of the window of free transfer by address, in seconds; negative if none (`bt`).
    pub address_window: Option<i64>,
    /// Free transfer used by this address, in six buckets of an hour (`tah`).
    pub address_used: Vec<u64>,
    /// The account's level, 0 for free (`utype`).
    pub level: Option<i64>,
    /// End of the plan, Unix seconds (`suntil`, or the latest of `plans`).
    pub plan_until: Option<i64>,
}

/// How much lies under one root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageUse {
    /// Bytes in files, versions not counted.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes in older versions.
    pub version_bytes: u64,
    /// Older versions.
    pub version_files: u64,
}

/// How full the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageState {
    /// Room left.
    Green,
    /// Almost full.
    Orange,
    /// Full: nothing can be uploaded.
    Red,
    /// About to change; ask again.
    Pending,
    /// Over quota for too long: almost nothing works.
    Paywall,
    /// A state this crate does not know.
    Other(i64),
}

/// Asks whether a transfer of some size fits into the quota.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CheckTransferQuota {
    /// The size in bytes.
    pub bytes: u64,
}

impl CheckTransferQuota {
    /// Asks about a transfer of this size.
    pub fn new(bytes: u64) -> Self {
        Self { bytes }
    }
}

/// The answer to [`CheckTransferQuota`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferCheck {
    /// The service's number. The official clients warn at 2 and 3.
    pub number: u64,
}

impl TransferCheck {
    /// Whether the transfer is expected to fit.
    pub fn fits(self) -> bool {
        !matches!(self.number, 2 | 3)
    }
}

impl Command for FetchQuota {
    type Reply = Quota;

    fn name(&self) -> &str {
        "uq"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .flag("strg", self.storage)
            .flag("xfer", self.transfer)
            .flag("pro", self.plan)
            .number("src", -1)
            .number("v", 2);
    }

    fn decode(&self, reply: Value<'_>) -> Result<Quota, ReplyError> {
        let reply = reply.object()?;
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        let mut quota = Quota {
            storage_allowed: reply.u64_opt("mstrg")?,
            storage_used: reply.u64_opt("cstrg")?,
            by_root: BTreeMap::new(),
            state: reply.i64_opt("usl")?.map(StorageState::from_number),
            warn_at: reply.u64_opt("uslw")?,
            transfer_allowed: reply.u64_opt("mxfer")?,
            transfer_used: sum(reply.u64_opt("caxfer")?, reply.u64_opt("tuo")?),
            transfer_served: sum(reply.u64_opt("csxfer")?, reply.u64_opt("tua")?),
            transfer_reserved: reply.u64_opt("rua")?,
            address_window: reply.i64_opt("bt")?,
            address_used: reply
                .get("tah")
                .and_then(|v| v.array().ok()?.into_iter().map(Value::as_u64).collect())
                .unwrap_or_default(),
            level: reply.i64_opt("utype")?,
            plan_until: reply.i64_opt("suntil")?,
        };
        if let Some(by_root) = reply.get("cstrgn") {
            for (root, numbers) in by_root.object()?.members() {
                let Ok(root) = root.parse() else { continue };
                quota.by_root.insert(root, storage_use(numbers)?);
            }
        }
        for plan in reply.list("plans")? {
            let Ok(plan) = plan.object() else { continue };
            quota.level = quota.level.or(plan.get("al").and_then(Value::as_i64));
            let until = plan.get("expires").and_then(Value::as_i64);
            quota.plan_until = quota.plan_until.max(until);
        }
        Ok(quota)
    }
}

impl StorageState {
    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Green,
            1 => Self::Orange,
            2 => Self::Red,
            3 => Self::Pending,
            4 => Self::Paywall,
            other => Self::Other(other),
        }
    }
}

fn storage_use(numbers: Value<'_>) -> Result<StorageUse, DecodeError> {
    let numbers = numbers.array().map_err(|e| e.within("cstrgn"))?;
    let at = |i: usize| numbers.get(i).and_then(|v| v.as_u64()).unwrap_or(0);
    Ok(StorageUse {
        bytes: at(0),
        files: at(1),
        folders: at(2),
        version_bytes: at(3),
        version_files: at(4),
    })
}

impl Command for CheckTransferQuota {
    type Reply = TransferCheck;

    fn name(&self) -> &str {
        "qbq"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("s", self.bytes);
    }

    fn decode(&self, reply: Value<'_>) -> Result<TransferCheck, ReplyError> {
        let number = reply
            .as_u64()
            .ok_or(DecodeError::new("a number is wanted"))?;
        Ok(TransferCheck { number })
    }
}
