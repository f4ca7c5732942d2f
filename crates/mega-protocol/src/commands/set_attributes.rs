//! `a`: changing a node's attributes, which includes renaming (api-and-transfers 5.3).

use super::done;
use crate::json::{ObjectWriter, Value};
use crate::{Blob, Command, Effect, NodeHandle, ReplyError, ReplyForm};

/// Replaces the encrypted attributes of a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetNodeAttributes {
    /// The node.
    pub node: NodeHandle,
    /// The encrypted attributes. The service's own client sends at most 65,536 bytes.
    pub attributes: Blob,
    /// Whether the vault may be changed (`vw`).
    pub vault: bool,
}

impl SetNodeAttributes {
    /// Gives `node` these attributes.
    pub fn new(node: NodeHandle, attributes: impl Into<Blob>) -> Self {
        Self {
            node,
            attributes: attributes.into(),
            vault: false,
        }
    }
}

impl Command for SetNodeAttributes {
    type Reply = ();

    fn name(&self) -> &str {
        "a"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .shown("n", self.node)
            .blob("at", self.attributes.as_bytes())
            .flag("vw", self.vault);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}
