//! Changes as they are shown to the caller: under way, and settled afterwards.

use std::fmt;
use std::time::SystemTime;

use mega_protocol::{ChangeOutcome, NodeHandle};

/// What a change is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A folder is made. Of a tree of folders only the topmost one is named.
    NewFolder,
    /// An uploaded file becomes a node.
    NewFile,
    /// A file is copied or imported.
    Copy,
    /// A node goes into another folder, the rubbish bin included.
    Move,
    /// A node gets another name, time or note.
    Attributes,
    /// A node is deleted for good.
    Delete,
    /// The rubbish bin is emptied.
    EmptyRubbishBin,
    /// A public link is made, or gets another end.
    MakeLink,
    /// A public link is removed.
    RemoveLink,
    /// Anything else, such as a share or a contact; [`PendingChange::command`] says which.
    Other,
}

/// A change that has left, or was about to, and of which nobody knows yet what became of it. See [`Client::pending_changes`](crate::Client::pending_changes).
///
/// `Debug` shows no name and no handle.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingChange {
    pub(super) kind: ChangeKind,
    pub(super) command: String,
    pub(super) path: Option<String>,
    pub(super) node: Option<NodeHandle>,
    pub(super) folder: Option<NodeHandle>,
    pub(super) sent: SystemTime,
}

impl PendingChange {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        self.kind
    }

    /// The command of the protocol, such as `p` or `m`.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The path of the node, as it was when the change left; for a new node the one that it gets. None outside of the cloud drive, and where it is
    /// not known.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The node that is changed; a new one has no handle yet.
    #[must_use]
    pub fn node(&self) -> Option<NodeHandle> {
        self.node
    }

    /// The folder that it goes into, for new nodes and moves.
    #[must_use]
    pub fn folder(&self) -> Option<NodeHandle> {
        self.folder
    }

    /// When it left, by this computer's clock.
    #[must_use]
    pub fn sent_at(&self) -> SystemTime {
        self.sent
    }
}

impl fmt::Debug for PendingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingChange")
            .field("kind", &self.kind)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// A change whose caller never heard what became of it: it was given up, or its program ended. See
/// [`Client::take_settled_changes`](crate::Client::take_settled_changes).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettledChange {
    pub(super) change: PendingChange,
    pub(super) outcome: ChangeOutcome,
    pub(super) made: Option<NodeHandle>,
}

impl SettledChange {
    /// The change.
    #[must_use]
    pub fn change(&self) -> &PendingChange {
        &self.change
    }

    /// What became of it. [`NotDone`](ChangeOutcome::NotDone) means that an up-to-date tree shows no trace of it, [`Unknown`](ChangeOutcome::Unknown) that the
    /// tree cannot tell: it is not about nodes, or others have changed the same since.
    #[must_use]
    pub fn outcome(&self) -> ChangeOutcome {
        self.outcome
    }

    /// The node that it made, if it made one and that is still there.
    #[must_use]
    pub fn made(&self) -> Option<NodeHandle> {
        self.made
    }
}
