//! `m`: moving a node, which includes sending it to the rubbish bin (api-and-transfers 5.3).

use super::{ShareKeys, done};
use crate::json::{ObjectWriter, Value};
use crate::{Command, Effect, NodeHandle, ReplyError, ReplyForm};

/// Moves a node with everything below it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MoveNode {
    /// The node.
    pub node: NodeHandle,
    /// The new parent.
    pub target: NodeHandle,
    /// The keys of all moved nodes for the shares above the target.
    pub share_keys: Option<ShareKeys>,
    /// Whether the vault may be changed (`vw`).
    pub vault: bool,
}

impl MoveNode {
    /// Moves `node` under `target`.
    pub fn new(node: NodeHandle, target: NodeHandle) -> Self {
        Self {
            node,
            target,
            share_keys: None,
            vault: false,
        }
    }
}

impl Command for MoveNode {
    type Reply = ();

    fn name(&self) -> &str {
        "m"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    // The SDK also sends its own id as `i`, so that it can tell its own packets. Tags do that here.
    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .flag("vw", self.vault)
            .shown("n", self.node)
            .shown("t", self.target);
        if let Some(keys) = &self.share_keys {
            keys.encode(fields);
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}
