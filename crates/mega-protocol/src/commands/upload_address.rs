//! `u`: where to upload a file (api-and-transfers 5.8).

use crate::json::{ObjectWriter, Value};
use crate::storage::UploadUrl;
use crate::{Command, Effect, NodeHandle, ReplyError, UserHandle};

/// Asks for an upload address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchUploadAddress {
    /// The exact size of the file in bytes.
    pub size: u64,
    /// For whose quota to check.
    pub target: Option<UploadTarget>,
    /// Whether the address must use TLS.
    pub secure: bool,
}

/// Where the file will go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadTarget {
    /// Under these roots (of the own tree, or of incoming shares).
    Roots(Vec<NodeHandle>),
    /// To another account.
    User(UserHandle),
}

impl FetchUploadAddress {
    /// Asks for an address for a file of this size.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            target: None,
            secure: true,
        }
    }
}

impl Command for FetchUploadAddress {
    type Reply = UploadUrl;

    fn name(&self) -> &str {
        "u"
    }

    // An address that is never used expires without a trace.
    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("v", 3);
        if self.secure {
            fields.number("ssl", 2);
        }
        fields.number("s", self.size);
        match &self.target {
            Some(UploadTarget::Roots(roots)) => {
                fields.array("t", |list| {
                    for root in roots {
                        list.shown(root);
                    }
                });
            }
            Some(UploadTarget::User(user)) => {
                fields.shown("t", user);
            }
            None => {}
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<UploadUrl, ReplyError> {
        Ok(reply.object()?.read("p")?)
    }
}
