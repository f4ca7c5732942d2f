//! Changing the attributes of a node without touching those it does not mean (NOD-7).

use mega_crypto::attributes::Attributes;
use mega_protocol::Command;
use mega_protocol::NodeHandle;
use mega_protocol::commands::SetNodeAttributes;

use super::access::{check_access, check_ordinary, check_readable, find};
use super::put::bad_name;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::AccessLevel;
use crate::send::refused_after_all;
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::tree::decrypt::node_key;

/// The attributes of a node, to be changed.
pub(super) fn read(tree: &Tree, index: Index) -> Result<Attributes> {
    check_readable(tree, index)?;
    Attributes::parse(tree.text_of(index)).map_err(|error| {
        Error::new(ErrorKind::Key, "the attributes of the node cannot be read").caused_by(error)
    })
}

/// The command that gives a node these attributes.
pub(super) fn command(
    tree: &Tree,
    index: Index,
    attributes: &Attributes,
) -> Result<SetNodeAttributes> {
    let record = tree.record(index).ok_or_else(|| Error::not_found("node"))?;
    let key = node_key(record.kind, &record.key)
        .ok_or_else(|| Error::new(ErrorKind::Key, "the node has no key"))?;
    let encrypted = attributes.encrypt(&key.attribute_key()).map_err(bad_name)?;
    Ok(SetNodeAttributes::new(record.handle, encrypted))
}

impl Client {
    /// Reads the attributes of a node in an up-to-date tree, changes them and sends all of them. Nobody else of this client changes them meanwhile; another
    /// client that does between our reading and our writing loses its change or makes us lose ours, since the service keeps no versions of them
    /// (crypto-and-accounts 5.4).
    ///
    /// Nothing is changed when nothing is to be changed.
    pub(super) async fn change_attributes(
        &self,
        node: NodeHandle,
        change: impl Fn(&Tree, Index, &mut Attributes) -> Result<()>,
    ) -> Result<()> {
        let _attributes = self.inner.fs.attributes.lock(node).await;
        let plan = || {
            self.with_tree(|tree, _| {
                let index = find(tree, node)?;
                check_ordinary(tree, index)?;
                check_access(tree, index, AccessLevel::Full)?;
                let before = read(tree, index)?;
                let mut after = before.clone();
                change(tree, index, &mut after)?;
                if after == before {
                    return Ok(None);
                }
                Ok::<_, Error>(Some((command(tree, index, &after)?, after.to_json())))
            })
        };
        // What is wrong in any case is said before anything is asked.
        plan()?;
        self.catch_up().await?;
        match plan()? {
            Some((command, json)) => {
                self.change_or_done(command, |tree| {
                    tree.find(node)
                        .is_some_and(|index| tree.text_of(index) == json)
                })
                .await
            }
            None => Ok(()),
        }
    }

    /// Sends a command that can be repeated. When its outcome is unknown, an up-to-date tree decides (threat model, 11.2).
    pub(super) async fn change_or_done<C>(
        &self,
        command: C,
        done: impl Fn(&Tree) -> bool,
    ) -> Result<()>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        self.change_or_settled(command, done).await.map(drop)
    }

    /// The same, with the reply if there was one.
    pub(super) async fn change_or_settled<C>(
        &self,
        command: C,
        done: impl Fn(&Tree) -> bool,
    ) -> Result<Option<C::Reply>>
    where
        C: Command + Send + Sync + 'static,
        C::Reply: Send + 'static,
    {
        match self.change(command).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let doubt = self.doubt(&error);
                // As long as nobody can look, it stays unknown.
                let found = if self.catch_up().await.is_err() {
                    Err(error)
                } else if self.with_tree(|tree, _| done(tree)) {
                    Ok(None)
                } else {
                    Err(refused_after_all(error))
                };
                doubt.end(found)
            }
            Err(error) => Err(error),
        }
    }
}
