//! `ufa`, `pfa`: thumbnails and other file attributes (api-and-transfers 5.9).

use super::done;
use crate::json::{ObjectWriter, Value};
use crate::storage::{DownloadUrl, UploadUrl};
use crate::{AttributeHandle, Command, Effect, NodeHandle, PublicHandle, ReplyError, ReplyForm};

/// Asks where to upload a file attribute.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchFileAttributeUploadAddress {
    /// The size of the encrypted, padded data.
    pub size: u64,
    /// The node it will belong to, if that exists already.
    pub node: Option<NodeHandle>,
    /// Whether the address must use TLS.
    pub secure: bool,
}

impl FetchFileAttributeUploadAddress {
    /// Asks for an address for this many bytes.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            node: None,
            secure: true,
        }
    }
}

/// Asks where to download file attributes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchFileAttributeAddress {
    /// One of the attributes; the address serves all of the same cluster.
    pub attribute: AttributeHandle,
    /// Whether the address must use TLS.
    pub secure: bool,
}

impl FetchFileAttributeAddress {
    /// Asks for the address of the cluster that holds `attribute`.
    pub fn new(attribute: AttributeHandle) -> Self {
        Self {
            attribute,
            secure: true,
        }
    }
}

/// Attaches a file attribute to a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttachFileAttribute {
    /// The node.
    pub target: FileAttributeTarget,
    /// `<type>*<handle>`: type 0 is a thumbnail, 1 a preview, 8 and 9 media data.
    pub attribute: String,
}

/// What a file attribute is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAttributeTarget {
    /// A node.
    Node(NodeHandle),
    /// The file of a public link.
    Link(PublicHandle),
}

impl AttachFileAttribute {
    /// Attaches a stored attribute of this type to `node`.
    pub fn new(node: NodeHandle, kind: u8, attribute: AttributeHandle) -> Self {
        Self {
            target: FileAttributeTarget::Node(node),
            attribute: format!("{kind}*{attribute}"),
        }
    }
}

impl Command for FetchFileAttributeUploadAddress {
    type Reply = UploadUrl;

    fn name(&self) -> &str {
        "ufa"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        if let Some(node) = self.node {
            fields.shown("h", node);
        }
        fields.number("s", self.size);
        if self.secure {
            fields.number("ssl", 2);
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<UploadUrl, ReplyError> {
        Ok(reply.object()?.read("p")?)
    }
}

impl Command for FetchFileAttributeAddress {
    type Reply = DownloadUrl;

    fn name(&self) -> &str {
        "ufa"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.shown("fah", self.attribute);
        if self.secure {
            fields.number("ssl", 2);
        }
        fields.number("r", 1);
    }

    fn decode(&self, reply: Value<'_>) -> Result<DownloadUrl, ReplyError> {
        Ok(reply.object()?.read("p")?)
    }
}

impl Command for AttachFileAttribute {
    /// The node's whole file-attribute string after it.
    type Reply = Option<String>;

    fn name(&self) -> &str {
        "pfa"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        match self.target {
            FileAttributeTarget::Node(node) => fields.shown("n", node),
            FileAttributeTarget::Link(link) => fields.shown("ph", link),
        };
        fields.text("fa", &self.attribute);
    }

    fn decode(&self, reply: Value<'_>) -> Result<Option<String>, ReplyError> {
        if reply.is_string() {
            return Ok(Some(reply.read()?));
        }
        done(reply)?;
        Ok(None)
    }
}
