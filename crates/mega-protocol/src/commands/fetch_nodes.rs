//! `f`: the whole tree (api-and-transfers 3). Its reply is streamed, see [`crate::fetch`].

use crate::json::{ObjectWriter, Value};
use crate::{Command, Effect, Lane, ReplyError};

/// Asks for the tree of the account, or of the folder link that is the identity of the request.
///
/// The reply may be gigabytes, so it is not decoded like others: pass the command to
/// `Api::fetch_nodes`, or feed the reply to a [`FetchParser`](crate::fetch::FetchParser).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchNodes {
    /// Whether the service may answer from an older image of the tree (`ca`). Say no after it
    /// demanded a reload.
    pub cached: bool,
}

impl FetchNodes {
    /// Asks for the tree, from a cached image if there is one.
    pub fn new() -> Self {
        Self { cached: true }
    }

    /// Asks for the tree as it is now.
    pub fn uncached() -> Self {
        Self { cached: false }
    }
}

impl Default for FetchNodes {
    fn default() -> Self {
        Self::new()
    }
}

impl Command for FetchNodes {
    /// The reply goes through a [`FetchParser`](crate::fetch::FetchParser).
    type Reply = ();

    fn name(&self) -> &str {
        "f"
    }

    fn lane(&self) -> Lane {
        Lane::Alone
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("c", 1).number("r", 1).flag("ca", self.cached);
    }

    fn decode(&self, _reply: Value<'_>) -> Result<(), ReplyError> {
        Ok(())
    }
}
