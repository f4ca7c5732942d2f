//! `l`, `pli`: public links (api-and-transfers 5.5, crypto-and-accounts 8.4).

use super::done;
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::{
    Blob, Command, Effect, NodeHandle, PrivateText, PublicHandle, ReplyError, ReplyForm, UserHandle,
};

/// Makes the public link of a node, or finds the one it has. A folder must have been shared with
/// [`ShareTarget::Everyone`](super::ShareTarget::Everyone) before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreateLink {
    /// The node.
    pub node: NodeHandle,
    /// When the link expires, Unix seconds (`ets`).
    pub expires: Option<i64>,
    /// Whether whoever has the link may write into the folder (`w`).
    pub writable: bool,
}

impl CreateLink {
    /// Makes the link of `node`.
    pub fn new(node: NodeHandle) -> Self {
        Self {
            node,
            expires: None,
            writable: false,
        }
    }
}

/// The answer to [`CreateLink`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedLink {
    /// The link's handle.
    pub handle: PublicHandle,
    /// For a writable link, the text that allows writing (22 characters).
    pub write_auth: Option<PrivateText>,
}

/// Removes the public link of a node.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RemoveLink {
    /// The node.
    pub node: NodeHandle,
}

impl RemoveLink {
    /// Removes the link of `node`.
    pub fn new(node: NodeHandle) -> Self {
        Self { node }
    }
}

/// Asks what a public folder link holds, without fetching its tree.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchLinkInfo {
    /// The link.
    pub link: PublicHandle,
}

impl FetchLinkInfo {
    /// Asks about this link.
    pub fn new(link: PublicHandle) -> Self {
        Self { link }
    }
}

/// The answer to [`FetchLinkInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkInfo {
    /// The link.
    pub link: PublicHandle,
    /// Who owns it.
    pub owner: Option<UserHandle>,
    /// The root of the link.
    pub root: NodeHandle,
    /// The encrypted key of the root.
    pub key: Blob,
    /// The encrypted attributes of the root.
    pub attributes: Blob,
    /// Bytes, versions not counted.
    pub size: u64,
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes in older versions.
    pub version_size: u64,
    /// Older versions.
    pub versions: u64,
}

impl Command for CreateLink {
    type Reply = CreatedLink;

    fn name(&self) -> &str {
        "l"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.shown("n", self.node);
        if let Some(expires) = self.expires {
            fields.number("ets", expires);
        }
        if self.writable {
            fields.text("w", "1");
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<CreatedLink, ReplyError> {
        if reply.is_object() {
            let reply = reply.object()?;
            return Ok(CreatedLink {
                handle: reply.read("ph")?,
                write_auth: reply.read_opt::<String>("w")?.map(PrivateText::from),
            });
        }
        Ok(CreatedLink {
            handle: reply.read()?,
            write_auth: None,
        })
    }
}

impl Command for RemoveLink {
    type Reply = ();

    fn name(&self) -> &str {
        "l"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.shown("n", self.node).number("d", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for FetchLinkInfo {
    type Reply = LinkInfo;

    fn name(&self) -> &str {
        "pli"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.shown("ph", self.link);
    }

    fn decode(&self, reply: Value<'_>) -> Result<LinkInfo, ReplyError> {
        let reply = reply.object()?;
        let key: String = reply.read("k")?;
        let (root, key) = key
            .split_once(':')
            .ok_or(DecodeError::field("k", "handle:key"))?;
        let numbers = reply.list("s")?;
        let at = |i: usize| numbers.get(i).and_then(|v| v.as_u64()).unwrap_or(0);
        Ok(LinkInfo {
            link: reply.read_opt("ph")?.unwrap_or(self.link),
            owner: reply.read_opt("u")?,
            root: root
                .parse()
                .map_err(|_| DecodeError::field("k", "node handle"))?,
            key: Blob::from_text(key).ok_or(DecodeError::field("k", "base64 text"))?,
            attributes: reply.read("attrs")?,
            size: at(0),
            files: at(1),
            folders: at(2),
            version_size: at(3),
            versions: at(4),
        })
    }
}
