//! What happens to the account, as a stream of typed changes.

use mega_protocol::NodeHandle;

use crate::node::Node;

/// One change of the tree or the account, in the order in which the service reports it. Own changes are among them, once each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A node came: created, uploaded, copied, shared with us.
    Added(Node),
    /// A node's name, time or other attributes changed, or a key for it arrived.
    Updated(Node),
    /// A node lies in another folder now.
    Moved {
        /// The node where it is now.
        node: Node,
        /// The folder it came from, if that is known.
        from: Option<NodeHandle>,
    },
    /// A node is gone, and everything below it; only the topmost one is reported.
    Removed(NodeHandle),
    /// A public link was made or changed.
    LinkMade(Node),
    /// A public link was removed.
    LinkRemoved(NodeHandle),
    /// A node came whose key is put together from pieces of other keys: somebody who can change what the service stores tries to pass it off as
    /// yours, or to have you give those keys away with it. It is closed; the others are untouched (threat model, NOD-4).
    SplicedKey {
        /// The node that was closed.
        node: NodeHandle,
        /// A node that has one of the pieces, or the folder whose share key it is. `None`: it is a piece of a key of the account itself.
        donor: Option<NodeHandle>,
    },
    /// Attributes, quota or rights of the account changed.
    Account,
    /// Contacts or invitations changed.
    Contacts,
    /// The whole tree was loaded again; earlier knowledge may be stale.
    Reloaded,
    /// Everything the service had to tell has been told; from here on changes are news.
    CaughtUp,
    /// The reader was too slow and this many changes were dropped; list again.
    Missed(u64),
}
