//! Putting nodes: new folders, finished uploads, copies and imports, many with one request (api-and-transfers 5.4).

mod planned;
mod settle;

use futures::future::join_all;
use mega_crypto::attributes::Attributes;
use mega_crypto::fingerprint::Fingerprint;
use mega_crypto::{FileKey, FolderKey, NodeKey};
use mega_protocol::NodeHandle;
use mega_protocol::commands::{NewNodeSource, PutNodes};
use mega_protocol::storage::UploadToken;
use mega_protocol::{ApiCode, Blob};

pub(super) use self::planned::Planned;

use self::planned::{Group, group_of};
use super::access::{check_container, find};
use super::bulk::for_all;
use super::name::Name;
use super::release::{shares_around, wrap_for_shares};
use crate::chance::rng;
use crate::client::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::{Client, Progress};

/// How many nodes one command makes at most. A tree of a million nodes is a thousand commands, and no command is endless.
const MAX_NODES: usize = 1000;

/// An uploaded file that is to become a node.
#[derive(Debug)]
pub(crate) struct NewFile {
    /// What the storage host gave for the content.
    pub(crate) token: UploadToken,
    /// The key of content and attributes.
    pub(crate) key: FileKey,
    /// Checksum, size and modification time.
    pub(crate) fingerprint: Fingerprint,
    /// The decoded name.
    pub(crate) name: Vec<u8>,
    /// The file that becomes its older version.
    pub(crate) replaces: Option<NodeHandle>,
    /// The file that has to be the one that is replaced.
    pub(crate) expects: Option<NodeHandle>,
    /// Thumbnail and preview (`fa`).
    pub(crate) file_attributes: Option<String>,
}

/// A folder to be made.
#[derive(Clone, Debug)]
pub(super) struct NewFolder {
    /// The folder of the same list that it lies in, by its position; the target itself if not said.
    pub(super) above: Option<usize>,
    /// The name, as it is stored.
    pub(super) name: String,
}

impl Client {
    /// Makes files of finished uploads in one folder. One result for each, in order.
    ///
    /// Names are not compared with what is there: see [`Client::create_files`] for that. A new version inherits what a person noted about the
    /// file it replaces (crypto-and-accounts 5.4).
    ///
    /// A request whose outcome is unknown is settled by looking for the keys, which are fresh: what is found was made (RTY-7).
    ///
    /// Cancel safety: what has been sent may still take effect; it is seen after the next refresh.
    pub(crate) async fn put_files(
        &self,
        parent: NodeHandle,
        files: Vec<NewFile>,
    ) -> Vec<Result<Node>> {
        let planned = files.into_iter().map(|file| self.planned_file(file));
        let made = self.put_forest(parent, planned, &Progress::new()).await;
        made.into_iter()
            .map(|made| made.and_then(|handle| self.node_of(handle)))
            .collect()
    }

    fn planned_file(&self, file: NewFile) -> Result<Planned> {
        let name = Name::decoded(self.options().mask, &file.name)?;
        let mut attributes = Attributes::new();
        attributes
            .set_name_verbatim(&name.stored)
            .map_err(bad_name)?;
        attributes.set_fingerprint(&file.fingerprint.to_attribute());
        if let Some(old) = file.replaces {
            self.with_tree(|tree, _| {
                if let Some(previous) = tree
                    .find(old)
                    .and_then(|index| super::attributes::read(tree, index).ok())
                {
                    attributes.inherit_from(&previous);
                }
            });
        }
        Ok(Planned {
            source: NewNodeSource::Upload(file.token),
            above: None,
            key: NodeKey::File(file.key),
            attributes,
            file_attributes: file.file_attributes,
            replaces: file.replaces,
        })
    }

    /// Makes folders below an existing one, parents before what lies in them.
    pub(super) async fn put_folder_tree(
        &self,
        parent: NodeHandle,
        folders: Vec<NewFolder>,
    ) -> Vec<Result<NodeHandle>> {
        let planned = folders
            .into_iter()
            .map(|folder| Planned::folder(self.temporary_handle(), folder.above, &folder.name));
        self.put_forest(parent, planned, &Progress::new()).await
    }

    /// A handle that no node has. The service would take an existing one for the source of a copy.
    pub(super) fn temporary_handle(&self) -> NodeHandle {
        loop {
            let random = FolderKey::random(&mut rng());
            let [a, b, c, d, e, f, ..] = *random.expose_secret();
            let handle = NodeHandle::from_bytes([a, b, c, d, e, f]);
            if self.with_tree(|tree, _| tree.find(handle).is_none()) {
                return handle;
            }
        }
    }

    /// Makes nodes of all kinds below `target`: as many as fit with one command, then the next ones below what was made.
    ///
    /// What stands in the list under a node that could not be made is not made either. `progress` counts what is done, one command after
    /// the other, and stops what has not begun.
    pub(super) async fn put_forest(
        &self,
        target: NodeHandle,
        planned: impl Iterator<Item = Result<Planned>> + Send,
        progress: &Progress,
    ) -> Vec<Result<NodeHandle>> {
        let mut results: Vec<Result<NodeHandle>> = Vec::new();
        let mut planned = planned.peekable();
        while planned.peek().is_some() {
            let first = results.len();
            let batch: Vec<Result<Planned>> = planned.by_ref().take(MAX_NODES).collect();
            let made = if progress.is_cancelled() {
                batch.iter().map(|_| Err(not_begun())).collect()
            } else {
                self.put_batch(target, batch, first, &results).await
            };
            progress.items_done_more(made.len());
            results.extend(made);
        }
        results
    }

    /// Makes the nodes number `first` and following. Each lies in the target, in a node that was made before, or in another of the batch.
    async fn put_batch(
        &self,
        target: NodeHandle,
        batch: Vec<Result<Planned>>,
        first: usize,
        before: &[Result<NodeHandle>],
    ) -> Vec<Result<NodeHandle>> {
        // One group for each folder that exists already.
        let mut groups: Vec<Group> = Vec::new();
        // For each node of the batch: its group and its place there, or why it cannot be made.
        let mut places: Vec<Result<(usize, usize)>> = Vec::with_capacity(batch.len());
        for planned in batch {
            let place = planned.and_then(|planned| {
                let (group, inside) = match planned.above {
                    None => (group_of(&mut groups, target), None),
                    Some(above) => match above.checked_sub(first) {
                        None => match before.get(above) {
                            Some(Ok(parent)) => (group_of(&mut groups, *parent), None),
                            _ => return Err(above_failed()),
                        },
                        Some(here) => match places.get(here) {
                            Some(Ok((group, place))) => (*group, Some(*place)),
                            _ => return Err(above_failed()),
                        },
                    },
                };
                let members = groups.get_mut(group).ok_or_else(above_failed)?;
                members.nodes.push((planned, inside));
                Ok((group, members.nodes.len().saturating_sub(1)))
            });
            places.push(place);
        }
        // All at once: they travel in one request.
        let sent = join_all(groups.iter().map(|group| self.put_group(group))).await;
        let mut sent: Vec<Vec<Option<Result<NodeHandle>>>> = sent
            .into_iter()
            .map(|results| results.into_iter().map(Some).collect())
            .collect();
        places
            .into_iter()
            .map(|place| {
                let (group, at) = place?;
                sent.get_mut(group)
                    .and_then(|group| group.get_mut(at))
                    .and_then(Option::take)
                    .unwrap_or_else(|| Err(above_failed()))
            })
            .collect()
    }

    /// One command: nodes below one existing folder.
    async fn put_group(&self, group: &Group) -> Vec<Result<NodeHandle>> {
        match self.put_once(group).await {
            Ok(results) => results,
            Err(error) => for_all(error, group.nodes.len()),
        }
    }

    async fn put_once(&self, group: &Group) -> Result<Vec<Result<NodeHandle>>> {
        let known = self.with_tree(|tree, _| group.found(tree));
        self.know_share_keys(group.target).await?;
        let command = self.put_command(group)?;
        let shares = command.share_keys.as_ref().map(|keys| keys.shares.clone());
        let (reply, repeated) = match self.change_answered(command.clone()).await {
            Ok(answer) => (answer.reply, answer.repeated),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                let doubt = self.doubt(&error);
                let settled = self.settle_put(group, &known, command, error).await;
                (doubt.end(settled)?, true)
            }
            Err(error) => return Err(error),
        };
        if repeated {
            self.remove_twins(group, &known).await;
        }
        let mut found = self.with_tree(|tree, _| group.new_since(tree, &known));
        let missing = (0..)
            .zip(&found)
            .any(|(at, found)| found.is_none() && !reply.failures.contains_key(&at));
        // What cannot be found since nobody can look is unknown, see `elsewhere`.
        if missing && self.catch_up().await.is_ok() {
            found = self.with_tree(|tree, _| group.new_since(tree, &known));
        }
        let tops = group.nodes.iter().zip(&found);
        let tops: Vec<NodeHandle> = tops
            .filter(|((_, inside), _)| inside.is_none())
            .filter_map(|(_, found)| *found)
            .collect();
        self.give_to_who_came(group.target, &shares.unwrap_or_default(), &tops)
            .await;
        Ok((0..)
            .zip(found)
            .map(|(at, found)| match (reply.failures.get(&at), found) {
                (Some(code), _) => Err(refused(*code)),
                (None, Some(handle)) => Ok(handle),
                (None, None) => self.elsewhere(group, at, &reply),
            })
            .collect())
    }

    /// Encrypts everything that a command needs.
    fn put_command(&self, group: &Group) -> Result<PutNodes> {
        self.check_writer()?;
        let shares = self.with_tree(|tree, _| {
            let folder = find(tree, group.target)?;
            check_container(tree, folder)?;
            Ok::<_, Error>(shares_around(tree, folder))
        })?;
        self.with_keyring(|keyring| {
            let mut nodes = Vec::with_capacity(group.nodes.len());
            for (planned, inside) in &group.nodes {
                let attributes = planned
                    .attributes
                    .encrypt(&planned.key.attribute_key())
                    .map_err(bad_name)?;
                // A bare key under the master key; in a writable link only the share's (crypto-and-accounts 4.3, 8.6).
                let key = match &self.inner.identity {
                    Identity::Account(_) => {
                        let master = keyring.master().ok_or_else(no_master)?;
                        Some(Blob::from(master.wrap_node_key(&planned.key).as_bytes()))
                    }
                    _ => None,
                };
                nodes.push(planned.encode(
                    attributes.into(),
                    key,
                    inside.and_then(|at| group.temporary(at)),
                ));
            }
            let keys = group.nodes.iter().map(|(planned, _)| &planned.key);
            let mut command = PutNodes::new(group.target, nodes);
            command.share_keys = wrap_for_shares(keyring, &shares, Vec::new(), keys)?;
            Ok(command)
        })
    }
}

/// The error for a code inside a reply (api-and-transfers 2.8).
pub(super) fn refused(code: ApiCode) -> Error {
    let kind = match code {
        ApiCode::ENOENT | ApiCode::EEXPIRED => ErrorKind::NotFound,
        ApiCode::EACCESS | ApiCode::EMASTERONLY | ApiCode::EBUSINESSPASTDUE => {
            ErrorKind::AccessDenied
        }
        ApiCode::EOVERQUOTA
        | ApiCode::EGOINGOVERQUOTA
        | ApiCode::ESHAREROVERQUOTA
        | ApiCode::EPAYWALL => ErrorKind::OverStorageQuota,
        ApiCode::EKEY => ErrorKind::Key,
        ApiCode::EEXIST => ErrorKind::AlreadyExists,
        ApiCode::EBLOCKED => ErrorKind::Blocked,
        ApiCode::EAGAIN | ApiCode::ERATELIMIT | ApiCode::ETOOMANY => ErrorKind::RateLimited,
        _ => ErrorKind::Refused,
    };
    Error::new(kind, "the service refused the node").with_code(code)
}

/// The error for attributes that cannot be written: nearly always because of the name.
pub(super) fn bad_name(error: mega_crypto::Error) -> Error {
    Error::new(ErrorKind::InvalidName, "name and attributes do not fit").caused_by(error)
}

fn not_begun() -> Error {
    Error::new(ErrorKind::Cancelled, "it was cancelled before it began")
}

fn above_failed() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "the folder it belongs into could not be made",
    )
}

fn no_master() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "there is no account to put this into",
    )
}
