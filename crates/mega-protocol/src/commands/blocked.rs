//! `whyamiblocked`: the reason of a block (api-and-transfers 2.8).

use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{Command, Effect, Lane, ReplyError};

/// Asks why the account is blocked. Travels alone, and works in a blocked session.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct WhyAmIBlocked {}

impl WhyAmIBlocked {
    /// Asks why the account is blocked.
    pub fn new() -> Self {
        Self {}
    }
}

/// Why an account is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockReason {
    /// Copyright.
    Copyright,
    /// Another breach of the terms of service.
    Terms,
    /// Disabled by the administrator of the business account.
    DisabledByBusiness,
    /// Removed by the administrator of the business account.
    RemovedFromBusiness,
    /// A phone number must be verified (no longer used).
    PhoneVerification,
    /// The e-mail address must be verified.
    EmailVerification,
    /// A reason this crate does not know.
    Other(i64),
}

impl Command for WhyAmIBlocked {
    /// `None` if the account is not blocked.
    type Reply = Option<BlockReason>;

    fn name(&self) -> &str {
        "whyamiblocked"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, _fields: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<Option<BlockReason>, ReplyError> {
        Ok(
            match reply
                .as_i64()
                .ok_or(DecodeError::new("a number is wanted"))?
            {
                0 => None,
                200 => Some(BlockReason::Copyright),
                300 => Some(BlockReason::Terms),
                400 => Some(BlockReason::DisabledByBusiness),
                401 => Some(BlockReason::RemovedFromBusiness),
                500 => Some(BlockReason::PhoneVerification),
                700 => Some(BlockReason::EmailVerification),
                other => Some(BlockReason::Other(other)),
            },
        )
    }
}
