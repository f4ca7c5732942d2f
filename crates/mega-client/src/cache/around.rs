//! What belongs to a tree besides its nodes: people, links, share keys, and where it stands.

use mega_crypto::ShareKey;
use mega_protocol::{
    AccessLevel, Invitation, NodeHandle, OutgoingShareTarget, PendingContactHandle, PrivateText,
    PublicHandle, SequenceNumber, SequenceTag, UserHandle,
};

use super::bytes::{Get, Put};
use crate::keyring::Keyring;
use crate::tree::arena::Index;
use crate::tree::people::People;
use crate::tree::{LinkRecord, Roots, Tree};

/// Closes a transaction: what came before it is the tree at this position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) position: SequenceNumber,
    pub(super) tag: Option<SequenceTag>,
    pub(super) slots: u32,
    pub(super) nodes: u64,
    pub(super) roots: [Index; 3],
    /// Whether the account kept its share keys in `^!keys`.
    pub(super) keys_elsewhere: bool,
}

impl Commit {
    /// Where a tree stands; `None` while a load or half a move has it in pieces.
    pub(super) fn of(tree: &Tree, keys_elsewhere: bool) -> Option<Self> {
        if !tree.is_whole() {
            return None;
        }
        let roots = tree.roots();
        let roots = [roots.cloud, roots.vault, roots.rubbish];
        Some(Self {
            position: tree.position?,
            tag: tree.tag.clone(),
            slots: tree.slots(),
            nodes: u64::try_from(tree.len()).ok()?,
            roots: roots.map(|root| root.unwrap_or(Index::NONE)),
            keys_elsewhere,
        })
    }

    pub(super) fn roots(&self) -> Roots {
        let [cloud, vault, rubbish] = self.roots.map(Index::some);
        Roots {
            cloud,
            vault,
            rubbish,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.raw(&self.position.to_bytes());
        let tag = self.tag.as_ref().map_or("", SequenceTag::as_str);
        out.text(tag.as_bytes());
        out.number(self.slots.into());
        out.number(self.nodes);
        for root in self.roots {
            out.number(root.number().into());
        }
        out.byte(u8::from(self.keys_elsewhere));
    }

    pub(super) fn read(bytes: &mut Get<'_>) -> Option<Self> {
        let position = SequenceNumber::from_bytes(bytes.array()?)?;
        let tag = match bytes.str()? {
            "" => None,
            tag => Some(tag.parse().ok()?),
        };
        let commit = Self {
            position,
            tag,
            slots: bytes.small()?,
            nodes: bytes.number()?,
            roots: [
                Index::from_number(bytes.small()?),
                Index::from_number(bytes.small()?),
                Index::from_number(bytes.small()?),
            ],
            keys_elsewhere: match bytes.byte()? {
                0 => false,
                1 => true,
                _ => return None,
            },
        };
        bytes.is_empty().then_some(commit)
    }
}

pub(super) fn write_keys(out: &mut Vec<u8>, keyring: &Keyring) {
    // In an order of their own, so that the same keys are the same bytes.
    let mut keys: Vec<_> = keyring.shares().collect();
    keys.sort_unstable_by_key(|(root, _)| *root);
    for (root, key) in keys {
        out.raw(root.as_bytes());
        out.raw(key.expose_secret());
    }
}

/// Share keys, each with the folder that it is of.
pub(crate) type ShareKeys = Vec<(NodeHandle, ShareKey)>;

pub(super) fn read_keys(mut bytes: Get<'_>) -> Option<ShareKeys> {
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        let root = NodeHandle::from_bytes(bytes.array()?);
        keys.push((root, ShareKey::from_bytes(bytes.array()?).ok()?));
    }
    Some(keys)
}

pub(super) fn write_links(out: &mut Vec<u8>, tree: &Tree) {
    let mut links: Vec<_> = tree.links().collect();
    links.sort_unstable_by_key(|(node, _)| *node);
    for (node, link) in links {
        out.raw(node.as_bytes());
        out.raw(link.public.as_bytes());
        out.signed(link.created);
        out.maybe(link.expires, Put::signed);
        out.byte(u8::from(link.taken_down));
    }
}

pub(super) fn read_links(mut bytes: Get<'_>, tree: &mut Tree) -> Option<()> {
    while !bytes.is_empty() {
        let node = NodeHandle::from_bytes(bytes.array()?);
        let link = LinkRecord {
            public: PublicHandle::from_bytes(bytes.array()?),
            created: bytes.signed()?,
            expires: bytes.maybe(Get::signed)?,
            taken_down: bytes.byte()? == 1,
        };
        tree.set_link(node, Some(link));
    }
    Some(())
}

const CONTACT: u8 = 1;
const INCOMING: u8 = 2;
const OUTGOING: u8 = 3;
const SHARE: u8 = 4;

pub(super) fn write_people(out: &mut Vec<u8>, people: &People) {
    for (user, email) in people.contacts() {
        out.byte(CONTACT);
        out.raw(user.as_bytes());
        out.maybe(email, private);
    }
    for invitation in people.incoming_invitations() {
        out.byte(INCOMING);
        write_invitation(out, invitation);
    }
    for invitation in people.outgoing_invitations() {
        out.byte(OUTGOING);
        write_invitation(out, invitation);
    }
    for (node, target, access) in people.shares() {
        out.byte(SHARE);
        out.raw(node.as_bytes());
        out.byte(match access {
            AccessLevel::Read => 0,
            AccessLevel::ReadWrite => 1,
            AccessLevel::Full => 2,
            // A level that this version does not know counts as the least.
            _ => 0,
        });
        match target {
            OutgoingShareTarget::User(user) => {
                out.byte(0);
                out.raw(user.as_bytes());
            }
            OutgoingShareTarget::Pending(invitation) => {
                out.byte(1);
                out.raw(invitation.as_bytes());
            }
            _ => out.byte(2),
        }
    }
}

pub(super) fn read_people(mut bytes: Get<'_>, people: &mut People) -> Option<()> {
    while !bytes.is_empty() {
        match bytes.byte()? {
            CONTACT => {
                let user = UserHandle::from_bytes(bytes.array()?);
                let email = bytes.maybe(private_text)?;
                people.restore_contact(user, email);
            }
            INCOMING => people.invitation(&read_invitation(&mut bytes)?, true),
            OUTGOING => people.invitation(&read_invitation(&mut bytes)?, false),
            SHARE => {
                let node = NodeHandle::from_bytes(bytes.array()?);
                let access = AccessLevel::from_number(bytes.byte()?.into())?;
                let target = match bytes.byte()? {
                    0 => OutgoingShareTarget::User(UserHandle::from_bytes(bytes.array()?)),
                    1 => OutgoingShareTarget::Pending(PendingContactHandle::from_bytes(
                        bytes.array()?,
                    )),
                    2 => OutgoingShareTarget::Everyone,
                    _ => return None,
                };
                people.share(node, target, Some(access));
            }
            _ => return None,
        }
    }
    Some(())
}

fn private(out: &mut Vec<u8>, text: &PrivateText) {
    out.text(text.expose().as_bytes());
}

fn private_text(bytes: &mut Get<'_>) -> Option<PrivateText> {
    bytes.str().map(PrivateText::from)
}

fn write_invitation(out: &mut Vec<u8>, invitation: &Invitation) {
    out.raw(invitation.invitation.as_bytes());
    for text in [
        &invitation.email,
        &invitation.own_email,
        &invitation.message,
    ] {
        out.maybe(text.as_ref(), private);
    }
    for time in [invitation.created, invitation.updated, invitation.reminded] {
        out.maybe(time, Put::signed);
    }
}

fn read_invitation(bytes: &mut Get<'_>) -> Option<Invitation> {
    let mut invitation = Invitation::new(PendingContactHandle::from_bytes(bytes.array()?));
    invitation.email = bytes.maybe(private_text)?;
    invitation.own_email = bytes.maybe(private_text)?;
    invitation.message = bytes.maybe(private_text)?;
    invitation.created = bytes.maybe(Get::signed)?;
    invitation.updated = bytes.maybe(Get::signed)?;
    invitation.reminded = bytes.maybe(Get::signed)?;
    Some(invitation)
}
