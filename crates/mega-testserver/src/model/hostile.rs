//! What a hostile service could make of an account: its keys, its nodes, the blocks they are made of (threat model, sections
//! 4 to 6 and 13). Everything is done behind the client's back; no event tells of it.

use super::Model;
use super::node::{Holder, Kind, Node};
use crate::account::cipher::{Key, ecb_decrypt, ecb_encrypt};
use crate::account::content::{FileKey, seal_attributes, wrap};
use crate::account::rsa_keys::Public;
use crate::wire::{NodeHandle, b64, unb64};

/// What is done to one block of 16 bytes. Everything of MEGA is ciphered in such blocks, and most of it in each on its own,
/// so these are the edits a server can make without knowing a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockEdit {
    /// This bit of the block is flipped, 0 to 127.
    Flip(u32),
    /// It becomes zeros.
    Zero,
    /// It becomes a copy of another block.
    CopyOf(usize),
    /// It changes places with another block.
    SwapWith(usize),
}

/// A base64 text with one block of its bytes edited. A block that is not there leaves the text as it is.
///
/// ```
/// use mega_testserver::{BlockEdit, Fault, edit_block};
///
/// // The login reply's private key with its fourth block zeroed:
/// let fault = Fault::command("us").member("privk", |text| edit_block(text, 3, BlockEdit::Zero));
/// # let _ = fault;
/// ```
#[must_use]
pub fn edit_block(text: &str, block: usize, edit: BlockEdit) -> String {
    let Some(mut bytes) = unb64(text) else {
        return text.to_owned();
    };
    let other = match edit {
        BlockEdit::CopyOf(other) | BlockEdit::SwapWith(other) => {
            bytes.chunks_exact(16).nth(other).map(<[u8]>::to_vec)
        }
        _ => None,
    };
    let mut before = None;
    if let Some(target) = bytes.chunks_exact_mut(16).nth(block) {
        before = Some(target.to_vec());
        match (edit, &other) {
            (BlockEdit::Flip(bit), _) => {
                let byte = usize::try_from(bit / 8).unwrap_or(usize::MAX);
                if let Some(byte) = target.get_mut(byte) {
                    *byte ^= 0x80 >> (bit % 8);
                }
            }
            (BlockEdit::Zero, _) => target.fill(0),
            (_, Some(other)) => target.copy_from_slice(other),
            (_, None) => return text.to_owned(),
        }
    }
    if let (BlockEdit::SwapWith(other), Some(before)) = (edit, before)
        && let Some(target) = bytes.chunks_exact_mut(16).nth(other)
    {
        target.copy_from_slice(&before);
    }
    b64(&bytes)
}

/// A base64 text whose bytes are cut off or continued with zeros to this length.
#[must_use]
pub fn resize(text: &str, bytes: usize) -> String {
    let mut data = unb64(text).unwrap_or_default();
    data.resize(bytes, 0);
    b64(&data)
}

/// Nodes that no honest service lists (threat model, section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hostile {
    /// A folder in itself.
    SelfParent,
    /// Three folders, each in the next.
    Cycle,
    /// The same folder twice.
    Twice,
    /// Two folders with one handle and different parents.
    TwiceDifferent,
    /// A folder in one that is not there.
    Orphan,
    /// One more Cloud Drive.
    SecondRoot,
    /// A folder in a file.
    FileAsParent,
    /// Types -1, 5 and 2^63.
    UnknownTypes,
    /// Sizes negative, fractional, beyond 2^60, and as text.
    Sizes,
    /// Times negative, beyond the year 9999, and 2^63.
    Times,
    /// Handles too short, too long, outside the alphabet, and not in canonical form.
    Handles,
    /// No key, no attributes, and both as something else than text.
    Members,
    /// So many folders, each in the one before.
    Deep(u32),
    /// So many folders beside each other, all with the same name.
    Wide(u32),
}

impl Model {
    /// Adds nodes that no honest service lists to every listing of an account; the handles of those that have one, in order.
    pub fn insert_hostile(&mut self, email: &str, what: Hostile) -> Vec<NodeHandle> {
        let Some((user, root, master)) = self
            .user(email)
            .map(|u| (u.handle, u.root, u.master.unwrap_or_default()))
        else {
            return Vec::new();
        };
        let many = match what {
            Hostile::Deep(n) | Hostile::Wide(n) => usize::try_from(n).unwrap_or(usize::MAX),
            _ => 4,
        };
        let handles: Vec<NodeHandle> = (0..many).map(|_| self.new_node_handle()).collect();
        let key: Key = self.seed.array();
        let attributes = seal_attributes(&key, "{\"n\":\"hostile\"}");
        let folder_key = format!("{user}:{}", wrap(&master, &key));
        let file_key = format!(
            "{user}:{}",
            wrap(
                &master,
                &FileKey {
                    key,
                    nonce: self.seed.array(),
                    mac: self.seed.array(),
                }
                .pack()
            )
        );
        let node = |handle: &str, parent: &str, kind: &str, more: &str| {
            let key = if kind == "0" { &file_key } else { &folder_key };
            format!(
                "{{\"h\":\"{handle}\",\"p\":\"{parent}\",\"u\":\"{user}\",\"t\":{kind},\"a\":\"{attributes}\",\"k\":\"{key}\"{more}}}"
            )
        };
        let now = format!(",\"ts\":{}", self.now());
        let text = |i: usize| {
            handles
                .get(i)
                .map(NodeHandle::to_string)
                .unwrap_or_default()
        };
        let folder = |i: usize, parent: &str| node(&text(i), parent, "1", &now);
        let at = root.to_string();
        let nodes: Vec<String> = match what {
            Hostile::SelfParent => vec![folder(0, &text(0))],
            Hostile::Cycle => (0..3).map(|i| folder(i, &text((i + 1) % 3))).collect(),
            Hostile::Twice => vec![folder(0, &at), folder(0, &at)],
            Hostile::TwiceDifferent => {
                vec![folder(1, &at), folder(0, &at), folder(0, &text(1))]
            }
            Hostile::Orphan => vec![folder(0, &text(3))],
            Hostile::SecondRoot => vec![node(&text(0), "", "2", &now)],
            Hostile::FileAsParent => vec![
                node(&text(0), &at, "0", &format!(",\"s\":5{now}")),
                folder(1, &text(0)),
            ],
            Hostile::UnknownTypes => ["-1", "5", "9223372036854775808"]
                .iter()
                .enumerate()
                .map(|(i, kind)| node(&text(i), &at, kind, &now))
                .collect(),
            Hostile::Sizes => ["-1", "1.5", "2305843009213693952", "\"5\""]
                .iter()
                .enumerate()
                .map(|(i, size)| node(&text(i), &at, "0", &format!(",\"s\":{size}{now}")))
                .collect(),
            Hostile::Times => ["-1", "253402300800", "9223372036854775808"]
                .iter()
                .enumerate()
                .map(|(i, time)| node(&text(i), &at, "1", &format!(",\"ts\":{time}")))
                .collect(),
            Hostile::Handles => ["AAAAAAA", "AAAAAAAAA", "AAAA*AAA", "AAAAAAA=", ""]
                .iter()
                .map(|handle| node(handle, &at, "1", &now))
                .collect(),
            Hostile::Members => [
                format!("\"a\":\"{attributes}\""),
                format!("\"k\":\"{folder_key}\""),
                "\"a\":[],\"k\":{}".to_owned(),
                "\"a\":5,\"k\":5".to_owned(),
            ]
            .iter()
            .enumerate()
            .map(|(i, members)| {
                format!(
                    "{{\"h\":\"{}\",\"p\":\"{at}\",\"u\":\"{user}\",\"t\":1,{members}{now}}}",
                    text(i)
                )
            })
            .collect(),
            Hostile::Deep(_) => (0..many)
                .map(|i| match i.checked_sub(1) {
                    None => folder(i, &at),
                    Some(above) => folder(i, &text(above)),
                })
                .collect(),
            Hostile::Wide(_) => (0..many).map(|i| folder(i, &at)).collect(),
        };
        if let Some(user) = self.user_mut(email) {
            user.raw_nodes.extend(nodes);
        }
        handles
    }

    /// Makes a folder whose attributes, under its right key, are this text, whatever it is.
    pub fn make_folder_with_attributes(
        &mut self,
        email: &str,
        parent: NodeHandle,
        text: &str,
    ) -> Option<NodeHandle> {
        let user = self.user(email)?;
        let (owner, master) = (user.handle, user.master?);
        let key: Key = self.seed.array();
        let mut node = Node::new(self.new_node_handle(), Kind::Folder, owner, self.now());
        node.attributes = seal_attributes(&key, text);
        node.keys.push((Holder::User(owner), wrap(&master, &key)));
        Some(self.add_plain(node, parent))
    }

    /// A node is listed with this member instead of the true one; the value is JSON word for word. `misreport(node, "s", "-1")`
    /// lies about a size, `misreport(node, "p", ..)` about where it is.
    pub fn misreport(&mut self, node: NodeHandle, member: &str, json: &str) {
        self.lies
            .entry(node)
            .or_default()
            .push((member.into(), json.into()));
    }

    /// Edits one block of the owner's wrapped key of a node.
    pub fn edit_key_block(&mut self, node: NodeHandle, block: usize, edit: BlockEdit) -> bool {
        let Some(key) = self.owners_key(node) else {
            return false;
        };
        self.tamper_key(node, &edit_block(&key, block, edit));
        true
    }

    /// Puts one block of the wrapped key of a node into that of another: both stay wrapped under the same master key, so the
    /// result opens.
    pub fn splice_key(
        &mut self,
        (node, block): (NodeHandle, usize),
        (from, from_block): (NodeHandle, usize),
    ) -> bool {
        let piece = self
            .owners_key(from)
            .and_then(|k| unb64(&k))
            .and_then(|k| k.chunks_exact(16).nth(from_block).map(<[u8]>::to_vec));
        let key = self.owners_key(node).and_then(|k| unb64(&k));
        let (Some(piece), Some(mut key)) = (piece, key) else {
            return false;
        };
        let Some(target) = key.chunks_exact_mut(16).nth(block) else {
            return false;
        };
        target.copy_from_slice(&piece);
        self.tamper_key(node, &b64(&key));
        true
    }

    /// Edits one block of the encrypted attributes of a node.
    pub fn edit_attribute_block(
        &mut self,
        node: NodeHandle,
        block: usize,
        edit: BlockEdit,
    ) -> bool {
        let Some(attributes) = self.tree.get(node).map(|n| n.attributes.clone()) else {
            return false;
        };
        self.tamper_attributes(node, &edit_block(&attributes, block, edit));
        true
    }

    /// Edits the plain private key of an account that the server made: p, q, d and u, each as two bytes of length in bits and
    /// the number, then padding. The result is filled up to whole blocks and wrapped again under the master key.
    pub fn tamper_private_key(&mut self, email: &str, edit: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(user) = self.user_mut(email) else {
            return false;
        };
        let (Some(master), Some(mut blob)) =
            (user.master, user.private_key.as_deref().and_then(unb64))
        else {
            return false;
        };
        ecb_decrypt(&master, &mut blob);
        edit(&mut blob);
        blob.resize(blob.len().next_multiple_of(16), 0);
        ecb_encrypt(&master, &mut blob);
        user.private_key = Some(b64(&blob));
        true
    }

    /// A `csid` of the server's choice: these bytes, encrypted to the account as a session id is. Session ids of other
    /// accounts, of wrong length or for nobody at all go in here.
    pub fn csid_for(&mut self, email: &str, plain: &[u8]) -> Option<String> {
        let blob = unb64(self.user(email)?.public_key.as_ref()?)?;
        let public = Public::parse(&blob)?;
        Some(b64(&public.encrypt_session(plain, &mut self.seed)))
    }

    fn owners_key(&self, node: NodeHandle) -> Option<String> {
        let node = self.tree.get(node)?;
        node.key(Holder::User(node.owner)).map(str::to_owned)
    }

    /// Names every hostile kind that has no number, for tests that go through all of them.
    #[must_use]
    pub fn hostile_kinds() -> [Hostile; 12] {
        use Hostile::*;
        [
            SelfParent,
            Cycle,
            Twice,
            TwiceDifferent,
            Orphan,
            SecondRoot,
            FileAsParent,
            UnknownTypes,
            Sizes,
            Times,
            Handles,
            Members,
        ]
    }
}
