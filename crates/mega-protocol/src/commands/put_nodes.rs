//! `p`: making nodes, whether folders, finished uploads, copies or imports (api-and-transfers 5.4).

use std::collections::BTreeMap;

use super::ShareKeys;
use crate::code::ApiCode;
use crate::fetch::read_node_list;
use crate::json::{ObjectWriter, Value};
use crate::node::{NodeKind, NodeRecord};
use crate::storage::UploadToken;
use crate::{
    Blob, Command, Effect, NodeHandle, PrivateText, PublicHandle, ReplyError, ReplyForm, UserHandle,
};

/// Makes nodes. The new nodes themselves arrive as an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PutNodes {
    /// Where.
    pub target: PutTarget,
    /// What, parents before children.
    pub nodes: Vec<NewNode>,
    /// Whether a replaced file becomes an older version; the account's setting if not said (`vb`).
    pub versioning: Option<bool>,
    /// Whether the vault may be changed (`vw`).
    pub vault: bool,
    /// The keys of the new nodes for the shares above the target (`cr`). In this command its node
    /// indices count [`PutNodes::nodes`], and its node list stays empty.
    pub share_keys: Option<ShareKeys>,
}

/// Where new nodes go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutTarget {
    /// Into a folder.
    Folder(NodeHandle),
    /// To another account.
    User(UserHandle),
    /// To the account of this address.
    Email(PrivateText),
}

impl From<NodeHandle> for PutTarget {
    fn from(folder: NodeHandle) -> Self {
        Self::Folder(folder)
    }
}

/// A node to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewNode {
    /// What it is made of.
    pub source: NewNodeSource,
    /// The node of this request that becomes its parent, by its temporary handle or, in a copy, by
    /// the handle of the source; directly in the target if not said (`p`).
    pub parent: Option<NodeHandle>,
    /// File or folder.
    pub kind: NodeKind,
    /// The encrypted attributes (`a`).
    pub attributes: Blob,
    /// The encrypted node key (`k`); none in writable folder links.
    pub key: Option<Blob>,
    /// File attributes to attach: `<type>*<handle>` joined by `/` (`fa`).
    pub file_attributes: Option<String>,
    /// The file it replaces (`ov`).
    pub replaces: Option<NodeHandle>,
}

/// What a new node is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewNodeSource {
    /// Nothing: a folder, under a temporary handle that children of the same request may name.
    Folder(NodeHandle),
    /// A finished upload.
    Upload(UploadToken),
    /// A node that exists.
    Copy(NodeHandle),
    /// The file of a public link.
    Link(PublicHandle),
}

impl PutNodes {
    /// Puts `nodes` into `target`.
    pub fn new(target: impl Into<PutTarget>, nodes: Vec<NewNode>) -> Self {
        Self {
            target: target.into(),
            nodes,
            versioning: None,
            vault: false,
            share_keys: None,
        }
    }
}

impl NewNode {
    /// A new folder. `temporary` is any handle, unique in the request.
    pub fn folder(
        temporary: NodeHandle,
        attributes: impl Into<Blob>,
        key: impl Into<Blob>,
    ) -> Self {
        Self::new(
            NewNodeSource::Folder(temporary),
            NodeKind::Folder,
            attributes,
            key,
        )
    }

    /// A finished upload.
    pub fn upload(token: UploadToken, attributes: impl Into<Blob>, key: impl Into<Blob>) -> Self {
        Self::new(
            NewNodeSource::Upload(token),
            NodeKind::File,
            attributes,
            key,
        )
    }

    /// A copy of an existing node.
    pub fn copy(
        source: NodeHandle,
        kind: NodeKind,
        attributes: impl Into<Blob>,
        key: impl Into<Blob>,
    ) -> Self {
        Self::new(NewNodeSource::Copy(source), kind, attributes, key)
    }

    /// The file of a public link.
    pub fn import(link: PublicHandle, attributes: impl Into<Blob>, key: impl Into<Blob>) -> Self {
        Self::new(NewNodeSource::Link(link), NodeKind::File, attributes, key)
    }

    fn new(
        source: NewNodeSource,
        kind: NodeKind,
        attributes: impl Into<Blob>,
        key: impl Into<Blob>,
    ) -> Self {
        Self {
            source,
            parent: None,
            kind,
            attributes: attributes.into(),
            key: Some(key.into()),
            file_attributes: None,
            replaces: None,
        }
    }

    /// Puts the node under another one of the same request.
    #[must_use]
    pub fn under(mut self, parent: NodeHandle) -> Self {
        self.parent = Some(parent);
        self
    }
}

/// The answer to [`PutNodes`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutNodesReply {
    /// The nodes that were refused, by their index in the request.
    pub failures: BTreeMap<usize, ApiCode>,
    /// The handles of new files, each with the service's own name of the content (`fh`).
    pub files: Vec<(NodeHandle, String)>,
    /// The new nodes, which only the older dialect sends.
    pub nodes: Vec<NodeRecord>,
}

impl Command for PutNodes {
    type Reply = PutNodesReply;

    fn name(&self) -> &str {
        "p"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.number("v", 4);
        match &self.target {
            PutTarget::Folder(folder) => fields.shown("t", folder),
            PutTarget::User(user) => fields.shown("t", user),
            PutTarget::Email(email) => fields.text("t", email.expose()),
        };
        fields.number("sm", 1);
        if let Some(versioning) = self.versioning {
            fields.number("vb", u8::from(versioning));
        }
        fields.flag("vw", self.vault);
        fields.array("n", |list| {
            for node in &self.nodes {
                list.object(|fields| node.encode(fields));
            }
        });
        if let Some(keys) = &self.share_keys {
            keys.encode(fields);
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<PutNodesReply, ReplyError> {
        let mut out = PutNodesReply::default();
        if !reply.is_object() {
            return done_or_malformed(reply, out);
        }
        let reply = reply.object()?;
        if let Some(errors) = reply.get("e") {
            out.failures = failures(errors)?;
        }
        for entry in reply.list("fh")? {
            let Some(text) = entry.as_text() else {
                continue;
            };
            if let Some((handle, name)) = text.split_once(':')
                && let Ok(handle) = handle.parse()
            {
                out.files.push((handle, name.to_owned()));
            }
        }
        for (key, versions) in [("f", false), ("f2", true)] {
            if let Some(nodes) = reply.get(key) {
                out.nodes.extend(read_node_list(nodes, versions)?);
            }
        }
        Ok(out)
    }
}

impl NewNode {
    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        match &self.source {
            NewNodeSource::Folder(handle) | NewNodeSource::Copy(handle) => {
                fields.shown("h", handle);
            }
            NewNodeSource::Upload(token) => {
                fields.blob("h", token.expose_bytes());
            }
            NewNodeSource::Link(handle) => {
                fields.shown("ph", handle);
            }
        }
        if let Some(replaces) = self.replaces {
            fields.shown("ov", replaces);
        }
        fields.number("t", self.kind.number());
        fields.blob("a", self.attributes.as_bytes());
        if let Some(key) = &self.key {
            fields.blob("k", key.as_bytes());
        }
        if let Some(parent) = self.parent {
            fields.shown("p", parent);
        }
        if let Some(attributes) = &self.file_attributes {
            fields.text("fa", attributes);
        }
    }
}

fn done_or_malformed(reply: Value<'_>, out: PutNodesReply) -> Result<PutNodesReply, ReplyError> {
    match reply.as_i64() {
        Some(0) => Ok(out),
        _ => Err(crate::json::DecodeError::new("an object is wanted").into()),
    }
}

/// Dense (`[-9,0]`) or sparse (`{"1":-9}`).
fn failures(errors: Value<'_>) -> Result<BTreeMap<usize, ApiCode>, ReplyError> {
    let code = |value: Value<'_>| {
        value
            .as_i64()
            .and_then(|n| i32::try_from(n).ok())
            .filter(|n| *n < 0)
            .map(ApiCode::new)
    };
    if errors.is_array() {
        let errors = errors.array()?;
        return Ok(errors
            .into_iter()
            .enumerate()
            .filter_map(|(index, value)| Some((index, code(value)?)))
            .collect());
    }
    let errors = errors.object()?;
    Ok(errors
        .members()
        .filter_map(|(index, value)| Some((index.parse().ok()?, code(value)?)))
        .collect())
}
