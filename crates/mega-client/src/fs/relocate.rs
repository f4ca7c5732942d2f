//! Another name, another place, or both at once: what renaming, moving, throwing away and restoring have in common.

use futures::future::{OptionFuture, join};
use mega_crypto::NodeKey;
use mega_protocol::Blob;
use mega_protocol::NodeHandle;
use mega_protocol::commands::{MoveNode, RewriteNodeKeys, SetNodeAttributes, ShareKeys};

use super::NameKey;
use super::access::{
    check_access, check_container, check_no_version, check_ordinary, check_readable, find,
};
use super::attributes;
use super::bulk::in_one_request;
use super::conflict::{Chosen, Claim, OnConflict};
use super::destination::Destination;
use super::name::Name;
use super::release::{foreign_keys, shares_around, subtree_keys, wrap_for_shares};
use super::trash::half_replaced;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::{AccessLevel, Node, NodeKind};
use crate::tree::Tree;
use crate::tree::arena::Index;

/// What is to become of a node.
#[derive(Clone, Debug)]
pub(super) struct Relocation {
    pub(super) node: NodeHandle,
    /// The folder it goes into; none: where it is.
    pub(super) folder: Option<NodeHandle>,
    /// The name it gets, in the shown form; none: the one it has.
    pub(super) name: Option<String>,
    pub(super) rule: OnConflict,
}

impl Relocation {
    /// Into a folder, with the rest as the caller wants it.
    pub(super) fn to(node: NodeHandle, folder: NodeHandle, to: &Destination) -> Self {
        Self {
            node,
            folder: Some(folder),
            name: to.name.clone(),
            rule: to.rule,
        }
    }
}

/// The commands that bring it about.
struct Plan<'a> {
    folder: NodeHandle,
    foreign: Vec<(NodeHandle, NodeKey)>,
    attributes: Option<NewAttributes>,
    moves: Option<MoveNode>,
    displaced: Option<NodeHandle>,
    /// The shares that the others get the keys for, or have them for.
    shares: Vec<NodeHandle>,
    /// Kept until the node is in its new place.
    chosen: Chosen<'a>,
}

impl Plan<'_> {
    fn is_empty(&self) -> bool {
        self.attributes.is_none() && self.moves.is_none()
    }
}

/// Attributes with another name, or with a note of the old place.
struct NewAttributes {
    command: SetNodeAttributes,
    json: Vec<u8>,
    /// Whether there is another name among them.
    renames: bool,
    /// What puts the old ones back.
    undo: SetNodeAttributes,
}

impl Client {
    /// Renames, moves, or both. Attributes other than the name stay as they are; where the node came from is noted when it goes into the
    /// rubbish bin, and the note is removed when it leaves it.
    ///
    /// Cancel safety: what has been sent takes effect; it is seen after the next refresh. Nothing is lost in any case.
    pub(super) async fn relocate(&self, wanted: &Relocation) -> Result<Node> {
        self.account()?;
        self.check_not_top(wanted.node)?;
        if let Some(folder) = wanted.folder {
            self.know_share_keys(folder).await?;
        }
        // What is wrong in any case is said before anything is asked; what is done already needs no request.
        match self.plan(wanted) {
            Ok(plan) if plan.is_empty() => return self.node_of(wanted.node),
            // Whoever has the name may be gone by now.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let _name = match self.name_wanted(wanted) {
            Some(name) => Some(self.inner.fs.names.lock(name).await),
            None => None,
        };
        self.catch_up().await?;
        if let Some(folder) = wanted.folder {
            self.know_share_keys(folder).await?;
        }
        if self.goes_into_bin(wanted) {
            // What cannot be moved stays public.
            self.plan(wanted)?;
            self.end_what_is_public(wanted.node).await?;
        }
        let displaced = {
            let _attributes = self.inner.fs.attributes.lock(wanted.node).await;
            let plan = self.plan(wanted)?;
            self.carry_out(wanted.node, plan).await?
        };
        if let Some(old) = displaced {
            self.bin(old)
                .await
                .map_err(|error| half_replaced(wanted.node, old, error))?;
        }
        self.node_of(wanted.node)
    }

    /// Whether a node is to lie in the rubbish bin, or in a folder there.
    fn goes_into_bin(&self, wanted: &Relocation) -> bool {
        self.with_tree(|tree, _| {
            let target = wanted.folder.and_then(|folder| tree.find(folder));
            let target = target.zip(tree.roots().rubbish);
            target.is_some_and(|(target, bin)| tree.is_within(target, bin))
        })
    }

    /// Ends links and shares of a node and of everything below it, invitations to shares included: what lies in the bin is for nobody else
    /// (SDK `MegaClient::rename` and `MegaClient::removeOutSharesFromSubtree`).
    async fn end_what_is_public(&self, top: NodeHandle) -> Result<()> {
        self.remove_links_below(top).await?;
        self.end_shares_below(top).await
    }

    /// The name that nobody else of this client may take meanwhile; the rubbish bin has room for any number of one name.
    fn name_wanted(&self, wanted: &Relocation) -> Option<NameKey> {
        self.with_tree(|tree, _| {
            let index = tree.find(wanted.node)?;
            let folder = match wanted.folder {
                Some(folder) => tree.find(folder)?,
                None => tree.record(index)?.parent.some()?,
            };
            if tree.roots().rubbish == Some(folder) {
                return None;
            }
            let name = match &wanted.name {
                Some(shown) => Name::shown(tree.mask(), shown).ok()?.decoded,
                None => tree
                    .mask()
                    .decode(&tree.stored_name(index)?)
                    .into_owned()
                    .into(),
            };
            Some((tree.record(folder)?.handle, name))
        })
    }

    fn plan(&self, wanted: &Relocation) -> Result<Plan<'_>> {
        self.with_tree(|tree, _| {
            self.with_keyring(|keyring| {
                let index = find(tree, wanted.node)?;
                check_ordinary(tree, index)?;
                check_no_version(tree, index)?;
                let record = tree
                    .record(index)
                    .ok_or_else(|| Error::not_found(wanted.node.to_string()))?;
                let parent = tree.record(record.parent).map(|parent| parent.handle);
                let folder = wanted.folder.or(parent);
                let moves = wanted.folder.is_some() && wanted.folder != parent;
                let mut plan = Plan {
                    folder: folder.unwrap_or(wanted.node),
                    foreign: Vec::new(),
                    attributes: None,
                    moves: None,
                    displaced: None,
                    shares: Vec::new(),
                    chosen: Chosen::new(self),
                };
                let target = folder.and_then(|folder| tree.find(folder));
                if moves {
                    let target = target.ok_or_else(|| Error::not_found("target folder"))?;
                    check_move(tree, index, target)?;
                }
                let own = tree
                    .stored_name(index)
                    .map(|stored| tree.mask().decode(&stored).into_owned().into_boxed_slice());
                let mut name = match &wanted.name {
                    Some(shown) => Some(Name::shown(tree.mask(), shown)?),
                    None => own
                        .as_deref()
                        .and_then(|own| Name::decoded(tree.mask(), own).ok()),
                };
                let renames = wanted.name.is_some()
                    && name.as_ref().map(|name| &name.decoded) != own.as_ref();
                if !moves && !renames {
                    return Ok(plan);
                }
                let bin = tree.roots().rubbish;
                let onto_bin = moves && bin.is_some() && target == bin;
                // Two nodes of one name are no conflict in the bin, nor among the roots of incoming shares.
                if let (Some(wish), Some(target), false) = (name.clone(), target, onto_bin) {
                    let claim = Claim {
                        folder: target,
                        name: &wish,
                        file: record.kind == NodeKind::File,
                        rule: wanted.rule,
                        duplicates: self.options().duplicates,
                        named: None,
                        except: Some(wanted.node),
                        // A moved file keeps its own versions and cannot take over others.
                        versions: false,
                    };
                    let place = claim.settle(tree, &mut plan.chosen)?;
                    if place.keeps.is_some() {
                        return Ok(plan);
                    }
                    plan.displaced = place.displaced;
                    name = Some(place.name);
                }
                let within_bin = |at: Index| bin.is_some_and(|bin| tree.is_within(at, bin));
                let note = match target {
                    _ if !moves => None,
                    Some(target) => match (within_bin(index), within_bin(target)) {
                        (false, true) => Some(parent),
                        (true, false) => Some(None),
                        _ => None,
                    },
                    None => None,
                };
                let new_name = name.filter(|name| own.as_ref() != Some(&name.decoded));
                if new_name.is_some() {
                    check_readable(tree, index)?;
                    check_access(tree, index, AccessLevel::Full)?;
                }
                if let Ok(before) = attributes::read(tree, index) {
                    let mut after = before.clone();
                    if let Some(name) = &new_name {
                        after
                            .set_name_verbatim(&name.stored)
                            .map_err(super::put::bad_name)?;
                    }
                    if let Some(place) = note {
                        after
                            .set_restore_to(place.map(|place| {
                                mega_crypto::NodeHandle::from_bytes(place.to_bytes())
                            }));
                    }
                    if after != before {
                        plan.attributes = Some(NewAttributes {
                            command: attributes::command(tree, index, &after)?,
                            json: after.to_json(),
                            renames: new_name.is_some(),
                            undo: attributes::command(tree, index, &before)?,
                        });
                    }
                }
                if let (true, Some(target)) = (moves, target) {
                    let mut command = MoveNode::new(wanted.node, plan.folder);
                    let (keys, foreign) = keys_for_move(tree, keyring, index, target)?;
                    command.share_keys = keys;
                    plan.foreign = foreign;
                    plan.shares = shares_around(tree, target);
                    plan.moves = Some(command);
                }
                Ok(plan)
            })
        })
    }

    /// Sends the commands of a plan; gives back what is displaced by it.
    async fn carry_out(&self, node: NodeHandle, plan: Plan<'_>) -> Result<Option<NodeHandle>> {
        self.rewrite_foreign_keys(&plan.foreign).await?;
        let folder = plan.folder;
        let (mut renames, mut undo) = (false, None);
        let _chosen = plan.chosen;
        // Both travel in one request, in this order.
        let rename = plan.attributes.map(|new| {
            renames = new.renames;
            undo = Some(new.undo);
            let json = new.json;
            self.change_or_done(new.command, move |tree| {
                tree.find(node)
                    .is_some_and(|index| tree.text_of(index) == json)
            })
        });
        let moves_it = plan.moves.is_some();
        let moves = plan.moves.map(|command| {
            self.change_or_done(command, move |tree| {
                tree.find(node)
                    .and_then(|index| tree.record(index))
                    .and_then(|record| tree.record(record.parent))
                    .is_some_and(|parent| parent.handle == folder)
            })
        });
        let unknown = |error: &Error| error.kind() == ErrorKind::OutcomeUnknown;
        let both = join(OptionFuture::from(rename), OptionFuture::from(moves));
        match in_one_request(self.api().clone(), both).await {
            (Some(Err(error)), Some(Ok(()))) if renames => {
                let text = "the node is in its new place, but it may have its old name";
                return Err(half_done(text, node, plan.displaced, error));
            }
            (Some(Err(error)), Some(Ok(()))) => {
                tracing::warn!(%node, %error, "the node was moved, but where it came from could not be noted");
            }
            (Some(Ok(())), Some(Err(error))) if unknown(&error) => return Err(error),
            (Some(Ok(())), Some(Err(error))) => {
                // Nothing of what was wanted is to be left of it (P3).
                let undone = match undo {
                    Some(command) => self.change(command).await.map(drop),
                    None => Ok(()),
                };
                let text = "the node has its new name or note, but was not moved";
                return Err(match undone {
                    Ok(()) => error,
                    Err(_) => half_done(text, node, plan.displaced, error),
                });
            }
            (Some(Err(_)), Some(Err(moved))) if unknown(&moved) => return Err(moved),
            (Some(Err(error)), _) | (_, Some(Err(error))) => return Err(error),
            _ => {}
        }
        if moves_it {
            self.give_to_who_came(folder, &plan.shares, &[node]).await;
        }
        Ok(plan.displaced)
    }

    /// Gives the account its own copy of keys that only a share holds, before the nodes leave the share: otherwise nobody could read them
    /// any more (crypto-and-accounts 4.8). It happens only as a part of a move that the caller asks for, never for keys that came by RSA,
    /// and only for keys that have opened their node's attributes (threat model, KEY-6, KEY-7).
    pub(super) async fn rewrite_foreign_keys(
        &self,
        foreign: &[(NodeHandle, NodeKey)],
    ) -> Result<()> {
        for some in foreign.chunks(1000) {
            let keys = self.with_keyring(|keyring| {
                let master = keyring.master()?;
                let wrap = |(node, key): &(NodeHandle, NodeKey)| {
                    (*node, Blob::from(master.wrap_node_key(key).as_bytes()))
                };
                Some(some.iter().map(wrap).collect())
            });
            if let Some(keys) = keys {
                self.ask(RewriteNodeKeys::new(keys)).await?;
                // No packet tells of it.
                self.with_tree_mut(|tree| {
                    for (node, key) in some {
                        tree.has_own_key(*node, key);
                    }
                });
            }
        }
        Ok(())
    }
}

/// The error for a part of what was wanted: the call must not look as if nothing had happened (P3).
fn half_done(
    text: &'static str,
    node: NodeHandle,
    displaced: Option<NodeHandle>,
    error: Error,
) -> Error {
    let handles = std::iter::once(node).chain(displaced).collect();
    Error::new(ErrorKind::OutcomeUnknown, text)
        .with_handles(handles)
        .caused_by(error)
}

/// The rules of the SDK for moves (`MegaClient::checkmove`).
fn check_move(tree: &Tree, index: Index, target: Index) -> Result<()> {
    check_container(tree, target)?;
    if tree.is_within(target, index) {
        // MV-6
        return Err(Error::misuse(
            "a folder cannot be moved into itself or into a folder below it",
        ));
    }
    if tree.share(index).is_some() {
        return Err(Error::new(
            ErrorKind::AccessDenied,
            "the root of an incoming share cannot be moved; delete it to leave the share",
        ));
    }
    check_access(tree, index, AccessLevel::Full)?;
    let owner = |at| tree.share_above(at).map(|(_, share)| share.owner);
    if owner(index) != owner(target) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "nodes cannot be moved into or out of somebody else's folder; copy them, then delete the originals",
        ));
    }
    Ok(())
}

/// Nodes whose key only a share holds, with their keys.
type ForeignKeys = Vec<(NodeHandle, NodeKey)>;

/// The keys that a move must hand over, and those that must be saved before.
fn keys_for_move(
    tree: &Tree,
    keyring: &crate::keyring::Keyring,
    index: Index,
    target: Index,
) -> Result<(Option<ShareKeys>, ForeignKeys)> {
    let above = tree
        .record(index)
        .map_or(Index::NONE, |record| record.parent);
    let before = shares_around(tree, above);
    let after = shares_around(tree, target);
    let gained: Vec<NodeHandle> = after
        .iter()
        .copied()
        .filter(|share| !before.contains(share))
        .collect();
    let keys = if gained.is_empty() {
        None
    } else {
        let subtree = subtree_keys(tree, index);
        if !subtree.withheld.is_empty() {
            return Err(Error::new(
                ErrorKind::Key,
                "the folder is shared, and these nodes cannot be read, so their keys must not be given to others",
            )
            .with_handles(subtree.withheld));
        }
        wrap_for_shares(keyring, &gained, subtree.nodes, subtree.keys.iter())?
    };
    let leaves = before.iter().any(|share| !after.contains(share));
    let own = tree.share_above(index).is_none();
    let foreign = if leaves && own {
        foreign_keys(tree, index)
    } else {
        Vec::new()
    };
    Ok((keys, foreign))
}
