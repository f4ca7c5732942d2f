//! Reading the tree as it arrives: the reply of `f`, never held whole.
//!
//! [`FetchParser`] takes the bytes of the reply in pieces of any size and hands each node and record
//! to a [`FetchSink`] as soon as it is complete. Memory is bounded by one record, whatever the size
//! of the reply. A node with a field that makes no sense is handed over marked; a record that cannot
//! be used at all is counted; only broken JSON fails the whole (TRE-9 to TRE-14).
//!
//! ```
//! use mega_protocol::fetch::{FetchParser, FetchSink};
//! use mega_protocol::RawNode;
//!
//! #[derive(Default)]
//! struct Names(Vec<String>);
//!
//! impl FetchSink for Names {
//!     fn node(&mut self, node: &RawNode<'_>) {
//!         self.0.push(node.handle.to_string());
//!     }
//! }
//!
//! let mut names = Names::default();
//! let mut parser = FetchParser::new();
//! parser.feed(br#"[{"f":[{"h":"AAAAAAAB","t":1,"p":"AAAAAAAC","a":"","k":""}],"sn":"AAAA"#, &mut names)?;
//! parser.feed(br#"AAAAAAE"}]"#, &mut names)?;
//! let summary = parser.finish(&mut names)?;
//! assert_eq!(names.0, ["AAAAAAAB"]);
//! assert_eq!(summary.sequence_number.to_string(), "AAAAAAAAAAE");
//! # Ok::<(), mega_protocol::fetch::FetchError>(())
//! ```

mod node;
mod parser;
mod quick;

pub(crate) use node::{read_node_list, read_nodes};
pub use parser::{FetchError, FetchParser, FetchSummary, MAX_OBJECT};

use crate::json::DecodeError;
use crate::node::RawNode;
use crate::records::{Invitation, OutgoingShare, PublicLink, ShareKeyRecord, UserRecord};

/// The most nodes that are handed over together: few enough that all that belongs to them stays in the nearest cache.
pub const BATCH: usize = 64;

/// Receives the parts of a tree in the order of the reply. Parents need not come before children.
pub trait FetchSink {
    /// A node.
    fn node(&mut self, node: &RawNode<'_>);

    /// Nodes that follow one another, at most [`BATCH`]: for sinks that are quicker with several at once. By default each goes
    /// to [`FetchSink::node`]. A node comes one way or the other, never both ways.
    fn nodes(&mut self, nodes: &[RawNode<'_>]) {
        for node in nodes {
            self.node(node);
        }
    }

    /// A record without a usable handle, or of the wrong shape; `section` is the key of its list.
    fn malformed(&mut self, section: &'static str, error: DecodeError) {
        let _ = (section, error);
    }

    /// The key of an outgoing share.
    fn share_key(&mut self, record: ShareKeyRecord) {
        let _ = record;
    }

    /// An outgoing share.
    fn outgoing_share(&mut self, record: OutgoingShare) {
        let _ = record;
    }

    /// An account.
    fn user(&mut self, record: UserRecord) {
        let _ = record;
    }

    /// A public link.
    fn public_link(&mut self, record: PublicLink) {
        let _ = record;
    }

    /// An invitation from somebody.
    fn incoming_invitation(&mut self, record: Invitation) {
        let _ = record;
    }

    /// An invitation to somebody.
    fn outgoing_invitation(&mut self, record: Invitation) {
        let _ = record;
    }

    /// The connection broke in the middle and the reply starts over: forget everything so far.
    fn restart(&mut self) {}

    /// The reply goes on; `bytes` of it have been read. Called now and then.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}
