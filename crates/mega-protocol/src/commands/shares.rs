//! `s2`, `k`, `pk`: shares and the keys that go with them (api-and-transfers 5.6,
//! crypto-and-accounts 4.5 to 4.8).

use super::done;
use crate::json::{DecodeError, ObjectWriter, Value};
use crate::node::AccessLevel;
use crate::{Blob, Command, Effect, NodeHandle, PrivateText, ReplyError, ReplyForm, UserHandle};

/// Shares a folder, changes a share, or ends it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetShare {
    /// The folder.
    pub node: NodeHandle,
    /// With whom, and what they may do; `None` ends the share.
    pub targets: Vec<(ShareTarget, Option<AccessLevel>)>,
    /// The share key encrypted for the owner (`ok`). Sixteen zero bytes for an account that keeps
    /// its share keys in `^!keys`.
    pub owner_key: [u8; 16],
    /// The proof that the owner made it (`ha`). Sixteen zero bytes likewise.
    pub authentication: [u8; 16],
    /// The keys of all nodes of the folder for this share (`cr`).
    pub share_keys: Option<ShareKeys>,
    /// A message to the receiver.
    pub message: Option<PrivateText>,
}

/// With whom a folder is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShareTarget {
    /// An account.
    User(UserHandle),
    /// The account of this address, or an invitation to it.
    Email(PrivateText),
    /// Everyone who has the public link (`EXP`).
    Everyone,
}

impl SetShare {
    /// Shares `node` with `target`.
    pub fn grant(node: NodeHandle, target: ShareTarget, access: AccessLevel) -> Self {
        Self::new(node, vec![(target, Some(access))])
    }

    /// Ends the share of `node` with `target`.
    pub fn revoke(node: NodeHandle, target: ShareTarget) -> Self {
        Self::new(node, vec![(target, None)])
    }

    fn new(node: NodeHandle, targets: Vec<(ShareTarget, Option<AccessLevel>)>) -> Self {
        Self {
            node,
            targets,
            owner_key: [0; 16],
            authentication: [0; 16],
            share_keys: None,
            message: None,
        }
    }
}

/// The answer to [`SetShare`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareReply {
    /// The result for each target, 0 or a negative code.
    pub results: Vec<i64>,
    /// Accounts named by the service: handle and address.
    pub users: Vec<(UserHandle, PrivateText)>,
    /// The share key the service already has. The official client treats it as a wrong key, since
    /// the caller's share key is then not the share's.
    pub existing_owner_key: Option<Blob>,
}

/// Node keys wrapped for shares (`cr`, crypto-and-accounts 4.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareKeys {
    /// The shares, by their root nodes.
    pub shares: Vec<NodeHandle>,
    /// The nodes. Empty in `p`, where indices count the nodes of the command.
    pub nodes: Vec<NodeHandle>,
    /// The keys.
    pub keys: Vec<WrappedNodeKey>,
}

/// One node key wrapped with one share key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrappedNodeKey {
    /// Index of the share.
    pub share: u32,
    /// Index of the node.
    pub node: u32,
    /// The node key, 16 or 32 bytes, encrypted with the share key.
    pub key: Blob,
}

impl WrappedNodeKey {
    /// The key of node number `node` for share number `share`.
    pub fn new(share: u32, node: u32, key: impl Into<Blob>) -> Self {
        Self {
            share,
            node,
            key: key.into(),
        }
    }
}

impl ShareKeys {
    /// The keys of these nodes for these shares.
    pub fn new(shares: Vec<NodeHandle>, nodes: Vec<NodeHandle>, keys: Vec<WrappedNodeKey>) -> Self {
        Self {
            shares,
            nodes,
            keys,
        }
    }

    pub(super) fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.array("cr", |parts| {
            parts.array(|list| {
                for share in &self.shares {
                    list.shown(share);
                }
            });
            parts.array(|list| {
                for node in &self.nodes {
                    list.shown(node);
                }
            });
            parts.array(|list| {
                for wrapped in &self.keys {
                    list.number(wrapped.share);
                    list.number(wrapped.node);
                    list.blob(wrapped.key.as_bytes());
                }
            });
        });
    }
}

/// Writes the keys of own nodes anew under the master key (`k` with `nk`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RewriteNodeKeys {
    /// The nodes and their keys, encrypted with the master key.
    pub keys: Vec<(NodeHandle, Blob)>,
}

impl RewriteNodeKeys {
    /// Rewrites these keys.
    pub fn new(keys: Vec<(NodeHandle, Blob)>) -> Self {
        Self { keys }
    }
}

/// Supplies node keys for existing shares (`k` with `cr`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SupplyShareKeys {
    /// The keys.
    pub share_keys: ShareKeys,
}

impl SupplyShareKeys {
    /// Supplies these keys.
    pub fn new(share_keys: ShareKeys) -> Self {
        Self { share_keys }
    }
}

/// Asks for the share keys that contacts have sent (`pk`).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FetchPendingKeys {}

impl FetchPendingKeys {
    /// Asks for pending share keys.
    pub fn new() -> Self {
        Self {}
    }
}

/// The answer to [`FetchPendingKeys`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingKeys {
    /// The keys.
    pub keys: Vec<PendingKey>,
    /// The last one's id, for [`RemovePendingKeys`].
    pub last: Option<String>,
}

/// A share key sent by a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingKey {
    /// Who sent it.
    pub user: UserHandle,
    /// The share.
    pub share: NodeHandle,
    /// The share key, encrypted with the pair's key.
    pub key: Blob,
}

/// Removes pending share keys up to an id, after they were stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemovePendingKeys {
    /// The id of the last one read.
    pub last: String,
}

impl RemovePendingKeys {
    /// Removes what was read up to `last`.
    pub fn new(last: impl Into<String>) -> Self {
        Self { last: last.into() }
    }
}

/// Sends a share key to a contact.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendShareKey {
    /// To whom.
    pub user: UserHandle,
    /// The share.
    pub share: NodeHandle,
    /// The share key, encrypted with the pair's key.
    pub key: Blob,
}

impl SendShareKey {
    /// Sends the key of `share` to `user`.
    pub fn new(user: UserHandle, share: NodeHandle, key: impl Into<Blob>) -> Self {
        Self {
            user,
            share,
            key: key.into(),
        }
    }
}

impl Command for SetShare {
    type Reply = ShareReply;

    fn name(&self) -> &str {
        "s2"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Value
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.shown("n", self.node);
        fields.array("s", |list| {
            for (target, access) in &self.targets {
                list.object(|fields| {
                    match target {
                        ShareTarget::User(user) => fields.shown("u", user),
                        ShareTarget::Email(email) => fields.text("u", email.expose()),
                        ShareTarget::Everyone => fields.text("u", "EXP"),
                    };
                    if let Some(access) = access {
                        fields.number("r", access.number());
                    }
                });
            }
        });
        let ends = self.targets.iter().all(|(_, access)| access.is_none());
        if !ends {
            fields
                .blob("ok", &self.owner_key)
                .blob("ha", &self.authentication);
        }
        if let Some(keys) = &self.share_keys {
            keys.encode(fields);
        }
        if let Some(message) = &self.message {
            fields.text("msg", message.expose());
        }
    }

    fn decode(&self, reply: Value<'_>) -> Result<ShareReply, ReplyError> {
        if !reply.is_object() {
            return Ok(ShareReply::default());
        }
        let reply = reply.object()?;
        let mut users = Vec::new();
        for user in reply.list("u")? {
            let Ok(user) = user.object() else { continue };
            if let (Ok(handle), Ok(Some(mail))) = (user.read("u"), user.text_opt("m")) {
                users.push((handle, PrivateText::new(mail.into_owned())));
            }
        }
        Ok(ShareReply {
            results: reply
                .list("r")?
                .into_iter()
                .filter_map(Value::as_i64)
                .collect(),
            users,
            existing_owner_key: reply.read_opt("ok")?,
        })
    }
}

impl Command for RewriteNodeKeys {
    type Reply = ();

    fn name(&self) -> &str {
        "k"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.array("nk", |list| {
            for (node, key) in &self.keys {
                list.shown(node).blob(key.as_bytes());
            }
        });
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for SupplyShareKeys {
    type Reply = ();

    fn name(&self) -> &str {
        "k"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        self.share_keys.encode(fields);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for FetchPendingKeys {
    type Reply = PendingKeys;

    fn name(&self) -> &str {
        "pk"
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn encode(&self, _fields: &mut ObjectWriter<'_>) {}

    fn decode(&self, reply: Value<'_>) -> Result<PendingKeys, ReplyError> {
        let mut pending = PendingKeys::default();
        if !reply.is_object() {
            return Ok(pending);
        }
        for (name, value) in reply.object()?.members() {
            if name == "d" {
                pending.last = Some(value.read()?);
                continue;
            }
            let Ok(user) = name.parse::<UserHandle>() else {
                continue;
            };
            for (share, key) in value.object()?.members() {
                let share = share
                    .parse::<NodeHandle>()
                    .map_err(|_| DecodeError::new("a share is named by a node handle"))?;
                pending.keys.push(PendingKey {
                    user,
                    share,
                    key: key.read()?,
                });
            }
        }
        Ok(pending)
    }
}

impl Command for RemovePendingKeys {
    type Reply = ();

    fn name(&self) -> &str {
        "pk"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields.text("d", &self.last);
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}

impl Command for SendShareKey {
    type Reply = ();

    fn name(&self) -> &str {
        "pk"
    }

    fn effect(&self) -> Effect {
        Effect::Mutation
    }

    fn form(&self) -> ReplyForm {
        ReplyForm::Done
    }

    fn encode(&self, fields: &mut ObjectWriter<'_>) {
        fields
            .shown("u", self.user)
            .shown("h", self.share)
            .blob("k", self.key.as_bytes());
    }

    fn decode(&self, reply: Value<'_>) -> Result<(), ReplyError> {
        done(reply)
    }
}
