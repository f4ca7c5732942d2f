//! What can happen, in typed form (api-and-transfers 4.4).

use crate::json::DecodeError;
use crate::node::{AccessLevel, NodeRecord};
use crate::records::{Invitation, OutgoingShareTarget, UserRecord};
use crate::{
    Blob, NodeHandle, PendingContactHandle, PrivateText, PublicHandle, SequenceTag, UserHandle,
};

/// One packet of the event channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventPacket {
    /// What happened.
    pub packet: Packet,
    /// The tag of the change it belongs to (`st`). The second half of a move may have none.
    pub tag: Option<SequenceTag>,
    /// The id that the causing command carried (`i`), if it did.
    pub echo: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet {
    /// Nodes were added, or moved in (`t`).
    NewNodes(NewNodes),
    /// A node was removed with everything below it (`d`).
    Deleted(Deletion),
    /// A node's attributes, owner or time changed (`u`).
    NodeChanged(NodeChange),
    /// A node's file-attribute string was replaced (`fa`).
    FileAttributes {
        /// The node.
        node: NodeHandle,
        /// The whole new string.
        attributes: String,
    },
    /// A share was made, changed or ended (`s`, `s2`).
    Share(ShareChange),
    /// A public link was made, changed or removed (`ph`).
    Link(LinkChange),
    /// Contacts changed (`c`).
    Contacts(Vec<UserRecord>),
    /// User attributes changed (`ua`).
    UserAttributes(UserAttributeChange),
    /// The service asks for node keys (`k`); nobody answers any more.
    KeysRequested,
    /// Somebody invited this account, reminded it, or took the invitation back (`ipc`).
    IncomingInvitation(Invitation),
    /// This account invited somebody (`opc`).
    OutgoingInvitation(Invitation),
    /// An invitation was answered (`upci`, `upco`).
    InvitationAnswered {
        /// Whether it was one that this account had received.
        incoming: bool,
        /// The invitation.
        invitation: PendingContactHandle,
        /// The answer.
        outcome: InvitationOutcome,
    },
    /// A purchase or trial was processed (`psts`, `psts_v2`, `ftr`).
    Purchase(PurchaseResult),
    /// A payment is due (`pses`).
    PaymentReminder,
    /// The storage allowance changed (`sqac`): ask for quota and user data.
    StorageAllowanceChanged,
    /// Notifications were acknowledged elsewhere (`la`).
    NotificationsSeen,
    /// An account's e-mail address changed (`se`).
    EmailChanged {
        /// The account.
        user: Option<UserHandle>,
        /// The new address.
        email: Option<PrivateText>,
    },
    /// An account's e-mail address was confirmed (`uec`, `uac`).
    EmailConfirmed {
        /// The account, if said.
        user: Option<UserHandle>,
        /// The address.
        email: Option<PrivateText>,
    },
    /// The business account changed (`ub`).
    Business(BusinessChange),
    /// Share keys of contacts are waiting (`pk`): fetch them.
    PendingKeys,
    /// The local state is void (`usc`): fetch everything anew.
    ReloadDemanded,
    /// A kind that this crate does not know. Skip it.
    Unknown {
        /// Its name.
        name: String,
    },
    /// A known kind whose content makes no sense: the local tree may be wrong from here on, and
    /// should be fetched anew (EVT-2).
    Malformed {
        /// Its name; empty if even that is missing.
        name: String,
        /// What is wrong.
        error: DecodeError,
    },
}

/// Nodes that were added, or moved in. For a node that is known already only the parent changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewNodes {
    /// The nodes, parents before children; older versions are marked.
    pub nodes: Vec<NodeRecord>,
    /// How many records were unusable.
    pub malformed: usize,
    /// Accounts that come along.
    pub users: Vec<UserRecord>,
    /// Who did it.
    pub by: Option<UserHandle>,
}

/// A removed node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// The node.
    pub node: NodeHandle,
    /// Whether it is the first half of a move: the nodes follow at once in [`Packet::NewNodes`].
    pub moved: bool,
    /// Whether older versions are kept.
    pub keeps_versions: bool,
    /// Who did it.
    pub by: Option<UserHandle>,
}

/// A changed node. What is not said has not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeChange {
    /// The node.
    pub node: NodeHandle,
    /// The new encrypted attributes, base64.
    pub attributes: Option<String>,
    /// The new owner.
    pub owner: Option<UserHandle>,
    /// The new creation time, Unix seconds.
    pub created: Option<i64>,
    /// The new key string.
    pub key: Option<String>,
    /// Who did it.
    pub by: Option<UserHandle>,
}

/// A share that was made, changed or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareChange {
    /// The shared folder.
    pub node: NodeHandle,
    /// Who shares it.
    pub owner: Option<UserHandle>,
    /// With whom; `None` in a packet that only brings a new share key.
    pub target: Option<OutgoingShareTarget>,
    /// What they may do; `None` if the share ended, or only a key comes.
    pub access: Option<AccessLevel>,
    /// Since when, Unix seconds.
    pub since: Option<i64>,
    /// The share key for the receiver, encrypted (`k`).
    pub key: Option<Blob>,
    /// The share key for the owner, encrypted (`ok`).
    pub owner_key: Option<Blob>,
    /// The proof that the owner made it (`ha`).
    pub authentication: Option<Blob>,
    /// Whether the owner's key was deleted (`okd`).
    pub owner_key_deleted: bool,
    /// The invitation that became a full share (`op`).
    pub was_pending: bool,
    /// Who did it.
    pub by: Option<UserHandle>,
}

/// A public link that was made, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkChange {
    /// The node.
    pub node: NodeHandle,
    /// The link; absent in some removals.
    pub link: Option<PublicHandle>,
    /// What became of it.
    pub kind: LinkChangeKind,
    /// When it was made, Unix seconds.
    pub created: Option<i64>,
    /// When it expires, Unix seconds.
    pub expires: Option<i64>,
    /// What allows writing, for a writable folder link.
    pub write_auth: Option<PrivateText>,
}

/// What became of a public link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkChangeKind {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was removed.
    Removed,
    /// The service took it down.
    TakenDown,
    /// The service put it up again.
    Reinstated,
}

/// Changed user attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserAttributeChange {
    /// Whose.
    pub user: UserHandle,
    /// Names and new versions.
    pub changes: Vec<(String, String)>,
}

/// How an invitation was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvitationOutcome {
    /// Ignored.
    Ignored,
    /// Accepted.
    Accepted,
    /// Denied.
    Denied,
    /// A number this crate does not know.
    Other(i64),
}

/// A purchase or trial that was processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurchaseResult {
    /// Whether it succeeded.
    pub success: bool,
    /// 0 a personal plan, 1 business, 2 a feature.
    pub item: Option<i64>,
    /// The level of the plan.
    pub level: Option<i64>,
}

/// A changed business account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusinessChange {
    /// -1 expired, 0 inactive, 1 active, 2 in the period of grace.
    pub status: i64,
    /// Whether this is a master account, if said.
    pub master: Option<bool>,
}
