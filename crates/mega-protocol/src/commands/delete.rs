//! `d`, `dv`, `dr`: deleting for good (api-and-transfers 5.3).

use crate::code::ApiCode;
use crate::json::{ObjectWriter, Value};
use crate::{Command, Effect, NodeHandle, ReplyError, ReplyForm};

/// Deletes a node for good, with everything below it and all its versions.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeleteNode {
    /// The node.
    pub node: NodeHandle,
    /// Whether only this version of the file goes, and the previous one takes its place (`v`).
    pub keep_versions: bool,
    /// Whether the vault may be changed (`vw`).
    pub vault: bool,
}

impl DeleteNode {
    /// Deletes `node`.
    pub fn new(node: NodeHandle) -> Self {
        Self {
            node,
            keep_versions: false,
            vault: false,
        }
    }
}

/// Deletes all older versions of all files of the account.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DeleteAllVersions {}

impl DeleteAllVersions {
    /// Deletes all older versions.
    pub fn new() -> Self {
        Self {}
    }
}

/// Empties the rubbish bin.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EmptyRubbish {}

impl EmptyRubbish {
    /// Empties the rubbish bin.
    pub fn new() -> Self {
        Self {}
    }
}

impl Command for DeleteNode {
    type Reply = ();

    fn name(&self) -> &str {
        "d"
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
            .flag("v", self.keep_versions)
            .flag("vw", self.vault);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        deleted(reply)
    }
}

impl Command for DeleteAllVersions {
    type Reply = ();

    fn name(&self) -> &str {
        "dv"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, _fields: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        deleted(reply)
    }
}

impl Command for EmptyRubbish {
    type Reply = ();

    fn name(&self) -> &str {
        "dr"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, _fields: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        deleted(reply)
    }
}

/// The older dialect may answer `{"r":[code]}`, of which the first code counts.
fn deleted(reply: Value<'_>) -> Result<(), ReplyError> {
    if !reply.is_object() {
        return Ok(());
    }
    let codes = reply.object()?.list("r")?;
    let code = codes
        .first()
        .and_then(|v| v.as_i64())
        .and_then(|n| i32::try_from(n).ok());
    match code {
        Some(code) if code < 0 => Err(ReplyError::Refused {
            code: ApiCode::new(code),
            retry_after: None,
        }),
        _ => Ok(()),
    }
}
