//! Reading one reply of the event channel while it arrives.

use super::packet::EventPacket;
use super::read::read_packet;
use crate::code::ApiCode;
use crate::json::{Cursor, DecodeError, Fault, Progress, Value, ValueScanner, parse_i64};
use crate::secret::PrivateText;
use crate::sequence::SequenceNumber;

/// The largest single packet accepted, in bytes. A packet with a moved sub-tree of a hundred
/// thousand nodes has some thirty million.
pub const MAX_PACKET: usize = 512 << 20;

/// What one reply of the event channel says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventReply {
    /// Nothing happened; ask again (`0`, or an empty body).
    KeepAlive,
    /// The service says no.
    Refused(ApiCode),
    /// News, possibly none.
    News {
        /// The packets, oldest first.
        packets: Vec<EventPacket>,
        /// The position after them, if said.
        position: Option<SequenceNumber>,
        /// Where to wait for more, if said. Not yet checked against any policy.
        wait: Option<PrivateText>,
        /// Whether there is more right now (`ir`).
        more: bool,
    },
}

/// A group of packets that belongs together, and the position after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventBatch {
    /// The packets, oldest first. May be empty: the position was confirmed.
    pub packets: Vec<EventPacket>,
    /// The position after them. Publish it together with what they changed, or not at all.
    pub position: SequenceNumber,
    /// Whether more follows at once, so that the tree is not yet current.
    pub more: bool,
}

/// Why a reply of the event channel could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventParseError {
    /// It does not come from the service (NET-8).
    #[error("the reply does not come from the service")]
    Foreign,
    /// It is broken, or breaks off. No packet of it may be applied.
    #[error("the reply of the event channel cannot be read")]
    Malformed(#[source] DecodeError),
    /// There are packets and no position after them.
    #[error("the reply has packets and no position")]
    NoPosition,
}

/// Reads one reply in pieces of any size. Memory is bounded by one packet's text, and by the packets
/// already read.
#[derive(Debug, Default)]
pub struct EventParser {
    window: Vec<u8>,
    /// How much of the window the scanner of the current value has seen.
    scanned: usize,
    scanner: ValueScanner,
    place: Place,
    packets: Vec<EventPacket>,
    position: Option<SequenceNumber>,
    wait: Option<String>,
    more: bool,
    refused: Option<ApiCode>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// The reply is a number or something foreign; it is short.
    Short,
    /// Before a comma, or the end of the object.
    Key {
        first: bool,
    },
    /// Before a key.
    Name {
        first: bool,
    },
    /// Before the colon after this key.
    Colon(Key),
    /// Before the value of this key.
    Member(Key),
    /// Inside the value of this key.
    Value(Key),
    /// Before a packet, or the end of the list.
    Packets {
        first: bool,
    },
    /// Inside a packet.
    Packet,
    End,
    Failed(EventParseError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Packets,
    Position,
    Wait,
    More,
    Error,
    Other,
}

impl EventParser {
    /// A parser at the start of a reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of the reply.
    ///
    /// # Errors
    ///
    /// When the reply cannot be one. The same error comes again from then on.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), EventParseError> {
        self.window.extend_from_slice(bytes);
        self.walk(false)
    }

    /// States that the reply has ended.
    ///
    /// # Errors
    ///
    /// When it is not complete.
    pub fn finish(mut self) -> Result<EventReply, EventParseError> {
        self.walk(true)?;
        match self.place {
            Place::Start => Ok(EventReply::KeepAlive),
            Place::Short => short(&self.window),
            Place::End => {
                if let Some(code) = self.refused {
                    return Ok(EventReply::Refused(code));
                }
                if self.position.is_none() && !self.packets.is_empty() {
                    return Err(EventParseError::NoPosition);
                }
                Ok(EventReply::News {
                    packets: self.packets,
                    position: self.position,
                    wait: self.wait.map(PrivateText::from),
                    more: self.more,
                })
            }
            _ => Err(EventParseError::Malformed(DecodeError::new(
                "the text ends too early",
            ))),
        }
    }

    fn walk(&mut self, last: bool) -> Result<(), EventParseError> {
        if let Place::Failed(error) = &self.place {
            return Err(error.clone());
        }
        let mut window = std::mem::take(&mut self.window);
        let mut used = 0;
        let result = loop {
            if self.between_values() {
                used += blank(window.get(used..).unwrap_or_default());
            }
            match self.step(window.get(used..).unwrap_or_default(), last) {
                Ok(Step::On(len)) => used += len,
                Ok(Step::Wait) | Err(Fault::Incomplete) => break Ok(()),
                Err(fault) => {
                    let error = EventParseError::Malformed(fault.into());
                    self.place = Place::Failed(error.clone());
                    break Err(error);
                }
            }
        };
        window.drain(..used.min(window.len()));
        self.window = window;
        result
    }

    /// Reads one unit and says how many bytes of the window it used up.
    fn step(&mut self, window: &[u8], last: bool) -> Result<Step, Fault> {
        let mut cursor = Cursor::window(window, last);
        match self.place.clone() {
            Place::Start => {
                if cursor.at_end() {
                    return Ok(Step::Wait);
                }
                if cursor.peek()? == b'{' {
                    cursor.bump();
                    self.place = Place::Key { first: true };
                } else {
                    self.place = Place::Short;
                }
            }
            Place::Short => {
                if window.len() > MAX_SHORT {
                    return Err(Fault::Limit("reply too large"));
                }
                return Ok(Step::Wait);
            }
            Place::Key { first } => {
                self.place = if cursor.next_member(b'}', first)? {
                    Place::Name { first }
                } else {
                    Place::End
                };
            }
            Place::Name { first } => {
                let key = cursor.string()?;
                self.place = Place::Colon(match key.raw() {
                    b"a" => Key::Packets,
                    b"sn" => Key::Position,
                    b"w" => Key::Wait,
                    b"ir" => Key::More,
                    b"err" if first => Key::Error,
                    _ => Key::Other,
                });
            }
            Place::Colon(key) => {
                cursor.expect(b':', "a colon is wanted")?;
                self.place = Place::Member(key);
            }
            Place::Member(key) => {
                if cursor.peek()? == b'[' && key == Key::Packets {
                    cursor.bump();
                    self.place = Place::Packets { first: true };
                } else {
                    self.begin_value();
                    self.place = Place::Value(key);
                }
            }
            Place::Value(key) => {
                let Some(len) = self.scan(window, last)? else {
                    return Ok(Step::Wait);
                };
                let bytes = window.get(..len).unwrap_or_default();
                let value = Value::parse(bytes).map_err(|_| Fault::Invalid("broken value"))?;
                match key {
                    Key::Position => {
                        let position = value.read().map_err(|_| Fault::Invalid("bad position"))?;
                        self.position = Some(position);
                    }
                    Key::Wait => self.wait = value.as_text().map(|text| text.into_owned()),
                    Key::More => self.more = value.as_i64().is_some_and(|n| n != 0),
                    Key::Error => {
                        let code = value.as_i64().and_then(|n| i32::try_from(n).ok());
                        self.refused = Some(code.map_or(ApiCode::EINTERNAL, ApiCode::new));
                    }
                    // Whatever it is, it is news that nobody would hear of, and the position comes after it (EVT-1).
                    Key::Packets if !value.is_null() => {
                        return Err(Fault::Invalid("a list of packets is wanted"));
                    }
                    Key::Packets | Key::Other => {}
                }
                self.place = Place::Key { first: false };
                return Ok(Step::On(len));
            }
            Place::Packets { first } => {
                if cursor.next_member(b']', first)? {
                    if self.packets.len() >= MAX_PACKETS {
                        return Err(Fault::Limit("too many packets"));
                    }
                    self.begin_value();
                    self.place = Place::Packet;
                } else {
                    self.place = Place::Key { first: false };
                }
            }
            Place::Packet => {
                let Some(len) = self.scan(window, last)? else {
                    return Ok(Step::Wait);
                };
                self.packets
                    .push(read_packet(window.get(..len).unwrap_or_default()));
                self.place = Place::Packets { first: false };
                return Ok(Step::On(len));
            }
            Place::End => {
                if !cursor.at_end() {
                    return Err(Fault::Invalid("something follows the reply"));
                }
                return Ok(Step::Wait);
            }
            Place::Failed(_) => return Ok(Step::Wait),
        }
        Ok(Step::On(cursor.position()))
    }

    /// Whether white space means nothing here. It is dropped as it comes: kept, it would be looked through again with each piece.
    fn between_values(&self) -> bool {
        !matches!(
            self.place,
            Place::Short | Place::Value(_) | Place::Packet | Place::Failed(_)
        )
    }

    fn begin_value(&mut self) {
        self.scanner = ValueScanner::default();
        self.scanned = 0;
    }

    /// The length of the value at the start of the window, once it is all there.
    fn scan(&mut self, window: &[u8], last: bool) -> Result<Option<usize>, Fault> {
        let fresh = window.get(self.scanned..).unwrap_or_default();
        match self.scanner.feed(fresh)? {
            Progress::Done(len) => Ok(Some(self.scanned.saturating_add(len))),
            Progress::More => {
                self.scanned = window.len();
                if self.scanned > MAX_PACKET {
                    return Err(Fault::Limit("packet too large"));
                }
                let ended = last && self.scanner.complete_at_end();
                Ok(ended.then_some(self.scanned))
            }
        }
    }
}

/// What a step did.
enum Step {
    /// It used up this many bytes, and there may be another one.
    On(usize),
    /// It needs more bytes.
    Wait,
}

/// How many bytes of white space these begin with.
fn blank(window: &[u8]) -> usize {
    let mut cursor = Cursor::window(window, false);
    cursor.skip_space();
    cursor.position()
}

fn short(body: &[u8]) -> Result<EventReply, EventParseError> {
    match parse_i64(body.trim_ascii()) {
        Some(0) => Ok(EventReply::KeepAlive),
        Some(n) => match i32::try_from(n) {
            Ok(n) => Ok(EventReply::Refused(ApiCode::new(n))),
            Err(_) => Err(EventParseError::Foreign),
        },
        None => Err(EventParseError::Foreign),
    }
}

const MAX_SHORT: usize = 64 << 10;
/// The most packets in one reply. The service cuts long histories into many replies; and a packet of a few bytes takes a hundred times
/// their memory.
const MAX_PACKETS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lim_6_white_space_takes_no_memory_wherever_it_stands() {
        let reply = r#"{"x":1,"a":[{"a":"sqac"},{"a":"la"}],"sn":"AAAAAAAAAAE"}"#;
        let between = |at: usize| {
            let (head, _) = reply.split_at(at);
            let inside = head.contains(r#""a":[{"#) && !head.contains(']');
            // In packets and strings it is part of the text.
            !inside && head.matches('"').count() % 2 == 0
        };
        for at in (0..=reply.len()).filter(|at| between(*at)) {
            let (head, tail) = reply.split_at(at);
            let mut parser = EventParser::new();
            parser.feed(head.as_bytes()).unwrap();
            for _ in 0..100 {
                parser.feed(&[b' '; 1000]).unwrap();
                assert!(parser.window.len() < 1000, "after {head}");
            }
            parser.feed(tail.as_bytes()).unwrap();
            let Ok(EventReply::News { packets, .. }) = parser.finish() else {
                panic!("after {head}");
            };
            assert_eq!(packets.len(), 2);
        }
    }

    #[test]
    fn lim_6_the_packets_of_one_reply_are_bounded() {
        let mut parser = EventParser::new();
        parser.feed(br#"{"a":[{}"#).unwrap();
        let more = ",{}".repeat(1 << 10);
        let fed = (0..2 << 10).take_while(|_| parser.feed(more.as_bytes()).is_ok());
        assert_eq!(fed.count(), (1 << 10) - 1);
        assert!(matches!(
            parser.finish(),
            Err(EventParseError::Malformed(_))
        ));
    }
}
