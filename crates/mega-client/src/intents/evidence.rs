//! What is kept of a change: enough to find out from a tree whether it was carried out.

use std::collections::HashSet;
use std::time::SystemTime;

use mega_filename::Mask;
use mega_protocol::json::{Object, Value};
use mega_protocol::{Blob, NodeHandle};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::change::{ChangeKind, PendingChange};
use crate::cache::bytes::{Get, Plain, Put};
use crate::keyring::Keyring;
use crate::node::NodeKind;
use crate::tree::Tree;
use crate::tree::arena::Index;
use crate::tree::decrypt::{Decrypter, key_bytes};

/// One change of a batch. A command that makes several nodes is several of them.
pub(super) struct Item {
    /// The place of its command in the batch.
    pub(super) position: u32,
    pub(super) kind: ChangeKind,
    pub(super) command: String,
    pub(super) path: Option<String>,
    pub(super) node: Option<NodeHandle>,
    pub(super) folder: Option<NodeHandle>,
    pub(super) proof: Proof,
}

/// The key of a node, as records keep it.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// What tells whether a change was carried out.
pub(super) enum Proof {
    /// Nothing does.
    None,
    /// There is a node with this key, which is fresh (RTY-7).
    FreshKey(Key),
    /// There is a node with this name and key in the folder, besides those that were there before: files keep their key when they are copied.
    Copy {
        key: Key,
        name: Vec<u8>,
        before: Vec<NodeHandle>,
    },
    /// The node lies in the folder; before it lay in this one.
    Place { from: Option<NodeHandle> },
    /// The attributes of the node have the first hash; before they had the second.
    Attributes { new: [u8; 32], old: [u8; 32] },
    /// The node is gone.
    Gone,
    /// The rubbish bin is empty. This was in it.
    EmptyBin { one: Option<NodeHandle> },
    /// The node has a link, with this end if there is one.
    Link { expires: Option<i64> },
    /// The node has none.
    NoLink,
}

/// The tree and the keys that a batch is read against.
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree,
    pub(super) keyring: &'a Keyring,
}

impl Reader<'_> {
    /// The changes of a batch. What cannot be read is left out: then nothing tells of it.
    pub(super) fn batch(&self, body: &[u8], changes: &[usize]) -> Vec<Item> {
        let commands = Value::parse(body)
            .and_then(Value::array)
            .unwrap_or_default();
        let mut items = Vec::new();
        for &place in changes {
            let object = commands.get(place).map(|command| command.object());
            if let (Some(Ok(object)), Ok(position)) = (object, u32::try_from(place)) {
                self.command(position, &object, &mut items);
            }
        }
        items
    }

    fn command(&self, position: u32, command: &Object<'_>, items: &mut Vec<Item>) {
        let Ok(Some(name)) = command.text_opt("a") else {
            return;
        };
        // The end of sessions: who comes after it has nothing to look at.
        if matches!(&*name, "sml" | "usr") {
            return;
        }
        let mut item = Item {
            position,
            kind: ChangeKind::Other,
            command: name.clone().into_owned(),
            path: None,
            node: None,
            folder: None,
            proof: Proof::None,
        };
        if &*name == "p" {
            self.put(command, item, items);
            return;
        }
        let node = handle(command, "n");
        let index = node.and_then(|node| self.tree.find(node));
        match &*name {
            "m" => {
                item.kind = ChangeKind::Move;
                item.folder = handle(command, "t");
                let above = index.and_then(|index| self.tree.record(index));
                let above = above.and_then(|record| self.tree.record(record.parent));
                item.proof = Proof::Place {
                    from: above.map(|above| above.handle),
                };
            }
            "a" => {
                item.kind = ChangeKind::Attributes;
                if let Some(new) = index.and_then(|index| self.new_attributes(index, command)) {
                    let old = index.map(|index| hash(self.tree.text_of(index)));
                    item.proof = Proof::Attributes {
                        new,
                        old: old.unwrap_or_default(),
                    };
                }
            }
            "d" => {
                item.kind = ChangeKind::Delete;
                item.proof = Proof::Gone;
            }
            "dr" => {
                item.kind = ChangeKind::EmptyRubbishBin;
                let bin = self.tree.roots().rubbish;
                let first = bin.and_then(|bin| self.tree.children(bin).next());
                let first = first.and_then(|first| self.tree.record(first));
                item.proof = Proof::EmptyBin {
                    one: first.map(|first| first.handle),
                };
            }
            "l" if command.flag("d") => {
                item.kind = ChangeKind::RemoveLink;
                item.proof = Proof::NoLink;
            }
            "l" => {
                item.kind = ChangeKind::MakeLink;
                item.proof = Proof::Link {
                    expires: command.i64_opt("ets").unwrap_or_default(),
                };
            }
            _ => {}
        }
        item.node = node;
        item.path = index.and_then(|index| self.path_of(index));
        items.push(item);
    }

    /// New nodes: those on top. A command takes effect as a whole, so what lies in a new folder is there if that is.
    fn put(&self, command: &Object<'_>, mut common: Item, items: &mut Vec<Item>) {
        let folder = handle(command, "t");
        common.folder = folder;
        let nodes = command.list("n").unwrap_or_default();
        let before = items.len();
        for node in nodes {
            let Ok(node) = node.object() else {
                continue;
            };
            if node.has("p") {
                continue;
            }
            let is_folder = node.i64("t").is_ok_and(|kind| kind == 1);
            // The name of an upload is its token, which is longer than a handle.
            let copied = !is_folder && (node.has("ph") || handle(&node, "h").is_some());
            let kind = match (is_folder, copied) {
                (true, _) => ChangeKind::NewFolder,
                (false, true) => ChangeKind::Copy,
                (false, false) => ChangeKind::NewFile,
            };
            items.push(self.new_node(&node, kind, folder, &common));
        }
        if items.len() == before {
            items.push(common);
        }
    }

    fn new_node(
        &self,
        node: &Object<'_>,
        kind: ChangeKind,
        folder: Option<NodeHandle>,
        common: &Item,
    ) -> Item {
        let mut item = Item {
            position: common.position,
            kind,
            command: common.command.clone(),
            path: None,
            node: None,
            folder,
            proof: Proof::None,
        };
        let node_kind = match kind {
            ChangeKind::NewFolder => NodeKind::Folder,
            _ => NodeKind::File,
        };
        let Some(key) = self.key(node, node_kind) else {
            return item;
        };
        let index = folder.and_then(|folder| self.tree.find(folder));
        let name = self.name(node, node_kind, &key);
        if let (Some(index), Some(name)) = (index, &name) {
            let shown = crate::node::shown_name(self.tree.mask(), name);
            item.path = self
                .path_of(index)
                .map(|above| format!("{}/{shown}", above.trim_end_matches('/')));
        }
        item.proof = match kind {
            ChangeKind::Copy => {
                let name = decoded(self.tree.mask(), name.as_deref().unwrap_or_default());
                let before = index.map(|index| copies(self.tree, index, &name, &key));
                Proof::Copy {
                    key,
                    name,
                    before: before.unwrap_or_default(),
                }
            }
            _ => Proof::FreshKey(key),
        };
        item
    }

    /// The key of a new node, which is written under the master key.
    fn key(&self, node: &Object<'_>, kind: NodeKind) -> Option<Key> {
        let wrapped: Blob = node.read_opt("k").ok()??;
        let master = self.keyring.master()?;
        let key = match kind {
            NodeKind::File => {
                let key = master.unwrap_file_key(wrapped.as_bytes().try_into().ok()?);
                mega_crypto::NodeKey::File(key.ok()?)
            }
            _ => {
                let key = master.unwrap_folder_key(wrapped.as_bytes().try_into().ok()?);
                mega_crypto::NodeKey::Folder(key.ok()?)
            }
        };
        Some(Key::new(key_bytes(&key)))
    }

    /// The stored name of a new node.
    fn name(&self, node: &Object<'_>, kind: NodeKind, key: &Key) -> Option<Vec<u8>> {
        let field = node.text_opt("a").ok()??;
        let mut decrypter = Decrypter::default();
        let text = decrypter.attributes(kind, key, &field).ok()?;
        let attributes = mega_crypto::attributes::Attributes::parse(text).ok()?;
        attributes.name_bytes().map(std::borrow::Cow::into_owned)
    }

    /// The hash of the attributes that a node is to get.
    fn new_attributes(&self, index: Index, command: &Object<'_>) -> Option<[u8; 32]> {
        let record = self.tree.record(index)?;
        let field = command.text_opt("at").ok()??;
        let mut decrypter = Decrypter::default();
        let text = decrypter
            .attributes(record.kind, &record.key, &field)
            .ok()?;
        Some(hash(text))
    }

    fn path_of(&self, index: Index) -> Option<String> {
        let path = self.tree.path_of(index, self.tree.roots().cloud?)?;
        Some(format!("/{path}"))
    }
}

/// The nodes of this name and key in a folder.
pub(super) fn copies(tree: &Tree, folder: Index, name: &[u8], key: &Key) -> Vec<NodeHandle> {
    let named = tree.named(folder, name);
    named
        .filter_map(|index| tree.record(index))
        .filter(|record| record.key == **key)
        .map(|record| record.handle)
        .collect()
}

pub(super) fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn decoded(mask: Mask, stored: &[u8]) -> Vec<u8> {
    mask.decode(stored).into_owned()
}

fn handle(command: &Object<'_>, key: &'static str) -> Option<NodeHandle> {
    command.text_opt(key).ok()??.parse().ok()
}

impl Item {
    /// As it is shown to the caller.
    pub(super) fn shown(&self, sent: SystemTime) -> PendingChange {
        PendingChange {
            kind: self.kind,
            command: self.command.clone(),
            path: self.path.clone(),
            node: self.node,
            folder: self.folder,
            sent,
        }
    }

    /// The same for a command that was sent again under another id; `None` where one cannot be told from another.
    fn identity(&self) -> Option<[u8; 32]> {
        if matches!(self.proof, Proof::None) {
            return None;
        }
        let mut bytes = Plain::new(Vec::with_capacity(self.room()));
        self.write(&mut bytes);
        // Without the place in its batch, which is written first.
        let place = bytes.iter().position(|byte| byte & 0x80 == 0)?;
        Some(hash(bytes.get(place..)?.get(1..)?))
    }

    /// At least so many bytes hold what [`write`](Self::write) writes.
    pub(super) fn room(&self) -> usize {
        let path = self.path.as_ref().map_or(0, String::len);
        let proof = match &self.proof {
            Proof::Copy { name, before, .. } => name.len() + 6 * before.len(),
            _ => 0,
        };
        200_usize.saturating_add(path).saturating_add(proof)
    }

    pub(super) fn write(&self, out: &mut Plain) {
        out.number(self.position.into());
        out.byte(kind_number(self.kind));
        out.text(self.command.as_bytes());
        out.maybe(self.path.as_ref(), |out, path| out.text(path.as_bytes()));
        out.maybe(self.node, |out, node| out.raw(&node.to_bytes()));
        out.maybe(self.folder, |out, folder| out.raw(&folder.to_bytes()));
        match &self.proof {
            Proof::None => out.byte(0),
            Proof::FreshKey(key) => {
                out.byte(1);
                out.raw(&**key);
            }
            Proof::Copy { key, name, before } => {
                out.byte(2);
                out.raw(&**key);
                out.text(name);
                out.number(before.len() as u64);
                for node in before {
                    out.raw(&node.to_bytes());
                }
            }
            Proof::Place { from } => {
                out.byte(3);
                out.maybe(*from, |out, from| out.raw(&from.to_bytes()));
            }
            Proof::Attributes { new, old } => {
                out.byte(4);
                out.raw(new);
                out.raw(old);
            }
            Proof::Gone => out.byte(5),
            Proof::EmptyBin { one } => {
                out.byte(6);
                out.maybe(*one, |out, one| out.raw(&one.to_bytes()));
            }
            Proof::Link { expires } => {
                out.byte(7);
                out.maybe(*expires, Put::signed);
            }
            Proof::NoLink => out.byte(8),
        }
    }

    /// `None` for whatever is not as [`write`](Self::write) writes it.
    pub(super) fn read(get: &mut Get<'_>) -> Option<Self> {
        let node = |get: &mut Get<'_>| get.array().map(NodeHandle::from_bytes);
        Some(Self {
            position: get.small()?,
            kind: kind_of(get.byte()?)?,
            command: get.str()?.to_owned(),
            path: get.maybe(|get| get.str().map(str::to_owned))?,
            node: get.maybe(node)?,
            folder: get.maybe(node)?,
            proof: match get.byte()? {
                0 => Proof::None,
                1 => Proof::FreshKey(get.array().map(Key::new)?),
                2 => {
                    let key = get.array().map(Key::new)?;
                    let name = get.text()?.to_vec();
                    let mut before = Vec::new();
                    for _ in 0..get.number()? {
                        before.push(node(get)?);
                    }
                    Proof::Copy { key, name, before }
                }
                3 => Proof::Place {
                    from: get.maybe(node)?,
                },
                4 => Proof::Attributes {
                    new: get.array()?,
                    old: get.array()?,
                },
                5 => Proof::Gone,
                6 => Proof::EmptyBin {
                    one: get.maybe(node)?,
                },
                7 => Proof::Link {
                    expires: get.maybe(Get::signed)?,
                },
                8 => Proof::NoLink,
                _ => return None,
            },
        })
    }
}

/// Leaves out what was sent once more under another id: it is one change.
pub(super) fn without_repetitions<'a>(
    items: impl Iterator<Item = (&'a Item, SystemTime)>,
) -> Vec<(&'a Item, SystemTime)> {
    let mut seen = HashSet::new();
    items
        .filter(|(item, _)| item.identity().is_none_or(|identity| seen.insert(identity)))
        .collect()
}

const KINDS: [ChangeKind; 10] = [
    ChangeKind::Other,
    ChangeKind::NewFolder,
    ChangeKind::NewFile,
    ChangeKind::Copy,
    ChangeKind::Move,
    ChangeKind::Attributes,
    ChangeKind::Delete,
    ChangeKind::EmptyRubbishBin,
    ChangeKind::MakeLink,
    ChangeKind::RemoveLink,
];

fn kind_number(kind: ChangeKind) -> u8 {
    let place = KINDS.iter().position(|&other| other == kind);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

fn kind_of(number: u8) -> Option<ChangeKind> {
    KINDS.get(usize::from(number)).copied()
}
