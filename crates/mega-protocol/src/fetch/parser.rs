//! The walk over the reply of `f`.

use super::node::NodeFields;
use super::quick;
use super::{BATCH, FetchSink};
use crate::json::{Cursor, DecodeError, Fault, Progress, Value, ValueScanner};
use crate::records::{Invitation, OutgoingShare, PublicLink, ShareKeyRecord, UserRecord};
use crate::sequence::{SequenceNumber, SequenceTag};

/// The largest single record accepted, in bytes (LIM-3).
pub const MAX_OBJECT: usize = 1 << 20;

/// Reads the reply of `f` in pieces. See the [module](super).
#[derive(Debug)]
pub struct FetchParser {
    /// What has arrived and is not yet a complete unit.
    window: Vec<u8>,
    /// The window is not looked at again before it has this length, so that a record arriving byte
    /// by byte is not read once for each byte.
    look_at: usize,
    place: Place,
    found: Found,
    read: u64,
    max_nodes: u64,
}

/// What the reply said besides its records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchSummary {
    /// The position of the tree: events are to be asked for from here.
    pub sequence_number: SequenceNumber,
    /// The tag of the newest change in the tree (`st`).
    pub tag: Option<SequenceTag>,
    /// How many nodes were handed over.
    pub nodes: u64,
    /// How many records were unusable.
    pub malformed: u64,
    /// How many bytes the reply had.
    pub bytes: u64,
}

/// Why a reply of `f` did not give a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The reply is an error code or nothing. The bytes are the whole reply, to be read like that
    /// of any other command.
    #[error("the reply is not a tree")]
    NotATree(Vec<u8>),
    /// The reply is broken, or breaks off.
    #[error("the tree cannot be read")]
    Malformed(#[source] DecodeError),
    /// The reply has no position, so that events could not be followed.
    #[error("the tree has no position")]
    NoPosition,
    /// There are more nodes than allowed (LIM-7).
    #[error("the tree has more than {0} nodes")]
    TooManyNodes(u64),
}

#[derive(Debug, Default)]
struct Found {
    position: Option<SequenceNumber>,
    tag: Option<SequenceTag>,
    nodes: u64,
    malformed: u64,
}

#[derive(Clone, Debug)]
enum Place {
    /// Nothing has been understood yet.
    Start,
    /// The reply is something else; it is kept for whoever can read it.
    NotATree,
    /// Before a key of the object, or its end.
    Key {
        first: bool,
    },
    /// Before an element of a list, or its end.
    List {
        section: Section,
        first: bool,
    },
    /// Inside the value of a key nobody asked for.
    Skip(ValueScanner),
    /// After the object.
    Tail,
    End,
    Failed(FetchError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Nodes,
    Versions,
    ShareKeys,
    Shares,
    Users,
    Links,
    Incoming,
    Outgoing,
}

impl Section {
    fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"f" => Self::Nodes,
            b"f2" => Self::Versions,
            b"ok0" | b"ok" => Self::ShareKeys,
            b"s" | b"ps" => Self::Shares,
            b"u" => Self::Users,
            b"ph" => Self::Links,
            b"ipc" => Self::Incoming,
            b"opc" => Self::Outgoing,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nodes => "f",
            Self::Versions => "f2",
            Self::ShareKeys => "ok0",
            Self::Shares => "s",
            Self::Users => "u",
            Self::Links => "ph",
            Self::Incoming => "ipc",
            Self::Outgoing => "opc",
        }
    }
}

/// Why a step stopped.
enum Stop {
    Fault(Fault),
    Error(FetchError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Default for FetchParser {
    fn default() -> Self {
        Self::new()
    }
}

impl FetchParser {
    /// A parser at the start of a reply.
    pub fn new() -> Self {
        Self {
            window: Vec::new(),
            look_at: 0,
            place: Place::Start,
            found: Found::default(),
            read: 0,
            max_nodes: 50_000_000,
        }
    }

    /// Sets how many nodes are accepted; 50 million by default (LIM-7).
    #[must_use]
    pub fn with_max_nodes(mut self, max_nodes: u64) -> Self {
        self.max_nodes = max_nodes;
        self
    }

    /// Takes the next piece of the reply.
    ///
    /// # Errors
    ///
    /// When the reply cannot be a tree. The same error comes again from then on.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FetchSink) -> Result<(), FetchError> {
        self.read = self.read.saturating_add(bytes.len() as u64);
        let mut bytes = bytes;
        // A record that the last piece cut is completed with a little of this one; the rest is read where it lies.
        while !self.window.is_empty() && !bytes.is_empty() {
            let (now, later) = bytes.split_at_checked(CARRIED).unwrap_or((bytes, &[]));
            let carried = self.window.len();
            self.window.extend_from_slice(now);
            if self.window.len() < self.look_at {
                bytes = later;
                continue;
            }
            let mut window = std::mem::take(&mut self.window);
            let used = self.walk(&window, false, sink)?;
            match used.checked_sub(carried) {
                Some(used) if used > 0 => {
                    bytes = bytes.get(used..).unwrap_or_default();
                    window.clear();
                    self.window = window;
                }
                _ => {
                    window.drain(..used);
                    self.window = window;
                    self.keep_looking()?;
                    bytes = later;
                }
            }
        }
        if !bytes.is_empty() {
            let used = self.walk(bytes, false, sink)?;
            self.window
                .extend_from_slice(bytes.get(used..).unwrap_or_default());
            self.keep_looking()?;
        }
        sink.progress(self.read);
        Ok(())
    }

    /// States that the reply has ended.
    ///
    /// # Errors
    ///
    /// When it is not a complete tree with a position.
    pub fn finish(mut self, sink: &mut impl FetchSink) -> Result<FetchSummary, FetchError> {
        let window = std::mem::take(&mut self.window);
        let used = self.walk(&window, true, sink)?;
        let rest = window.get(used..).unwrap_or_default();
        match self.place {
            Place::End if rest.is_empty() => {}
            Place::NotATree | Place::Start => return Err(FetchError::NotATree(rest.to_vec())),
            Place::Failed(error) => return Err(error),
            _ => {
                let error = DecodeError::new("the text ends too early");
                return Err(FetchError::Malformed(error));
            }
        }
        Ok(FetchSummary {
            sequence_number: self.found.position.ok_or(FetchError::NoPosition)?,
            tag: self.found.tag,
            nodes: self.found.nodes,
            malformed: self.found.malformed,
            bytes: self.read,
        })
    }

    /// Nothing more can be read from the window as it is.
    fn keep_looking(&mut self) -> Result<(), FetchError> {
        self.look_at = self.window.len().saturating_mul(2);
        if self.window.len() > MAX_OBJECT {
            return self.fail(Fault::Limit("record too large"));
        }
        Ok(())
    }

    fn fail<T>(&mut self, fault: Fault) -> Result<T, FetchError> {
        let error = FetchError::Malformed(fault.into());
        self.place = Place::Failed(error.clone());
        Err(error)
    }

    /// Goes as far as the bytes allow and says how many were used up.
    fn walk(
        &mut self,
        bytes: &[u8],
        last: bool,
        sink: &mut impl FetchSink,
    ) -> Result<usize, FetchError> {
        let mut cursor = Cursor::window(bytes, last);
        let mut used = 0;
        loop {
            match self.step(&mut cursor, sink) {
                Ok(true) => used = cursor.position(),
                Ok(false) => return Ok(cursor.position()),
                Err(Stop::Fault(Fault::Incomplete)) => return Ok(used),
                Err(Stop::Fault(fault)) => {
                    // A reply that ends early inside the very first bytes may be an error code.
                    if last && matches!(self.place, Place::Start) {
                        return Ok(0);
                    }
                    return self.fail(fault);
                }
                Err(Stop::Error(error)) => {
                    self.place = Place::Failed(error.clone());
                    return Err(error);
                }
            }
        }
    }

    /// Reads one unit. Returns whether there may be another one in the window.
    fn step(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FetchSink) -> Result<bool, Stop> {
        match &mut self.place {
            Place::Start => {
                if !looks_like_tree(cursor)? {
                    self.place = Place::NotATree;
                    return Ok(false);
                }
                self.place = Place::Key { first: true };
            }
            Place::NotATree => {
                if cursor.rest().len() > MAX_OBJECT {
                    return Err(Fault::Limit("reply too large").into());
                }
                return Ok(false);
            }
            Place::Key { first } => {
                let first = *first;
                self.key(cursor, first)?;
            }
            Place::List { section, first } => {
                let (section, first) = (*section, *first);
                if matches!(section, Section::Nodes | Section::Versions)
                    && self.quick_nodes(cursor, section, first, sink)
                {
                    self.place = Place::List {
                        section,
                        first: false,
                    };
                    return Ok(true);
                }
                if !cursor.next_member(b']', first)? {
                    self.place = Place::Key { first: false };
                    return Ok(true);
                }
                let start = cursor.position();
                self.element(cursor, section, sink)?;
                if cursor.position().saturating_sub(start) > MAX_OBJECT {
                    return Err(Fault::Limit("record too large").into());
                }
                self.place = Place::List {
                    section,
                    first: false,
                };
            }
            Place::Skip(scanner) => match scanner.feed(cursor.rest())? {
                Progress::Done(len) => {
                    cursor.advance(len);
                    self.place = Place::Key { first: false };
                }
                Progress::More => {
                    cursor.advance(usize::MAX);
                    return Ok(false);
                }
            },
            Place::Tail => {
                cursor.expect(b']', "one reply is wanted")?;
                self.place = Place::End;
            }
            Place::End => {
                if !cursor.at_end() {
                    return Err(Fault::Invalid("something follows the reply").into());
                }
                return Ok(false);
            }
            Place::Failed(error) => return Err(Stop::Error(error.clone())),
        }
        Ok(true)
    }

    fn key(&mut self, cursor: &mut Cursor<'_>, first: bool) -> Result<(), Stop> {
        if !cursor.next_member(b'}', first)? {
            self.place = Place::Tail;
            return Ok(());
        }
        let key = cursor.string()?;
        cursor.expect(b':', "a colon is wanted")?;
        let next = cursor.peek()?;
        match (key.raw(), Section::of(key.raw())) {
            // `null` counts as absent, here as in every other reply (api-and-transfers 0.3).
            (b"sn" | b"st", _) if next == b'n' => {
                self.place = Place::Skip(ValueScanner::default());
                return Ok(());
            }
            (b"sn", _) => {
                let text = cursor.string()?;
                self.found.position = Some(
                    SequenceNumber::from_text(text.raw())
                        .ok_or(Stop::Error(FetchError::NoPosition))?,
                );
            }
            (b"st", _) => {
                let text = cursor.string()?;
                if !text.raw().is_empty() {
                    let tag = text.text().and_then(|t| t.parse().ok());
                    self.found.tag = Some(tag.ok_or(Fault::Invalid("malformed sequence tag"))?);
                }
            }
            (_, Some(section)) if next == b'[' => {
                cursor.bump();
                self.place = Place::List {
                    section,
                    first: true,
                };
                return Ok(());
            }
            _ => {
                self.place = Place::Skip(ValueScanner::default());
                return Ok(());
            }
        }
        self.place = Place::Key { first: false };
        Ok(())
    }

    /// Hands over nodes in batches, as long as they are in the usual form. Returns whether there were any.
    fn quick_nodes(
        &mut self,
        cursor: &mut Cursor<'_>,
        section: Section,
        mut first: bool,
        sink: &mut impl FetchSink,
    ) -> bool {
        let mut rest = cursor.rest();
        let before = rest.len();
        let mut left = self.max_nodes.saturating_sub(self.found.nodes);
        let mut batch = Vec::new();
        let mut last = quick::Last::default();
        while left > 0 {
            let record = match rest {
                record if first => record,
                [b',', record @ ..] => record,
                _ => break,
            };
            let Some((node, len)) = quick::read(record, section == Section::Versions, &mut last)
            else {
                break;
            };
            rest = record.get(len..).unwrap_or_default();
            first = false;
            left -= 1;
            if batch.capacity() == 0 {
                batch.reserve_exact(BATCH);
            }
            batch.push(node);
            if batch.len() == BATCH {
                sink.nodes(&batch);
                batch.clear();
            }
        }
        if !batch.is_empty() {
            sink.nodes(&batch);
        }
        self.found.nodes = self.max_nodes.saturating_sub(left);
        cursor.advance(before.saturating_sub(rest.len()));
        before > rest.len()
    }

    fn element(
        &mut self,
        cursor: &mut Cursor<'_>,
        section: Section,
        sink: &mut impl FetchSink,
    ) -> Result<(), Stop> {
        let version = section == Section::Versions;
        if matches!(section, Section::Nodes | Section::Versions) && cursor.peek()? == b'{' {
            if self.found.nodes >= self.max_nodes {
                return Err(Stop::Error(FetchError::TooManyNodes(self.max_nodes)));
            }
            let fields = NodeFields::read(cursor)?;
            let found = &mut self.found;
            fields.lend(version, |node| match node {
                Ok(node) => {
                    found.nodes += 1;
                    sink.node(node);
                }
                Err(error) => {
                    found.malformed += 1;
                    sink.malformed(section.name(), error);
                }
            });
            return Ok(());
        }
        let bytes = cursor.skip_value()?;
        let result = Value::parse(bytes).and_then(|value| {
            match section {
                Section::Nodes | Section::Versions => {
                    return Err(DecodeError::new("a node is an object"));
                }
                Section::ShareKeys => sink.share_key(ShareKeyRecord::read(value)?),
                Section::Shares => sink.outgoing_share(OutgoingShare::read(value)?),
                Section::Users => sink.user(UserRecord::read(value)?),
                Section::Links => sink.public_link(PublicLink::read(value)?),
                Section::Incoming => sink.incoming_invitation(Invitation::read(value)?),
                Section::Outgoing => sink.outgoing_invitation(Invitation::read(value)?),
            }
            Ok(())
        });
        if let Err(error) = result {
            self.found.malformed += 1;
            sink.malformed(section.name(), error);
        }
        Ok(())
    }
}

/// How much of a piece is put to a record that was cut, at a time: a few usual records.
const CARRIED: usize = 1 << 10;

/// Moves over `[{` if the reply begins like a tree; otherwise leaves everything as it is.
fn looks_like_tree(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    let mut probe = cursor.clone();
    if probe.peek()? != b'[' {
        return Ok(false);
    }
    probe.bump();
    if probe.peek()? != b'{' {
        return Ok(false);
    }
    probe.bump();
    let after = probe.clone();
    match probe.peek()? {
        b'"' if probe.string()?.raw() == b"err" => return Ok(false),
        _ => {}
    }
    *cursor = after;
    Ok(true)
}
