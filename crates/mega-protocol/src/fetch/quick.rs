//! The quick way through node records in the form in which the service writes them: no white space, no escapes, no field of the
//! wrong type, nothing unknown. Whatever is not exactly so is left to [`super::node`], which gives the same for all that is read
//! here.

use memchr::memchr2;

use super::parser::MAX_OBJECT;
use crate::handle::{NodeHandle, UserHandle};
use crate::json::MAX_STRING;
use crate::node::{MAX_SIZE, NodeDefects, NodeKind, RawNode};

/// The handles that were read last: neighbours often have the same parent, and nearly always the same owner.
#[derive(Default)]
pub(super) struct Last {
    // Zeros are no text of a handle.
    parent: ([u8; 8], Option<NodeHandle>),
    owner: ([u8; 11], Option<UserHandle>),
}

impl Last {
    #[inline]
    fn parent(&mut self, text: &[u8; 8]) -> Option<NodeHandle> {
        if self.parent.0 != *text {
            self.parent = (*text, NodeHandle::from_text(text));
        }
        self.parent.1
    }

    #[inline]
    fn owner(&mut self, text: &[u8; 11]) -> Option<UserHandle> {
        if self.owner.0 != *text {
            self.owner = (*text, UserHandle::from_text(text));
        }
        self.owner.1
    }
}

/// Reads the record at the beginning of these bytes and says how long it is; `None` if it is not in the usual form, or not
/// there in whole.
#[inline]
pub(super) fn read<'a>(
    bytes: &'a [u8],
    version: bool,
    last: &mut Last,
) -> Option<(RawNode<'a>, usize)> {
    let mut seen = Seen(0);
    let mut handle = None;
    let mut kind = 0;
    let (mut size, mut created) = (0, 0);
    let mut node = RawNode {
        handle: NodeHandle::from_bytes([0; 6]),
        parent: None,
        owner: None,
        kind: NodeKind::File,
        key: "",
        attributes: "",
        size: None,
        created: 0,
        file_attributes: "",
        share: None,
        version,
        index: None,
        defects: NodeDefects::NONE,
    };
    let mut rest = match Head::of(bytes) {
        Some(head) => {
            seen = Head::SEEN;
            handle = Some(NodeHandle::from_text(head.handle)?);
            node.parent = Some(last.parent(head.parent)?);
            node.owner = Some(last.owner(head.owner)?);
            kind = u64::from(head.kind);
            text(head.attributes, &mut node.attributes)?.strip_prefix(b",")?
        }
        None => bytes.strip_prefix(b"{")?,
    };
    loop {
        let (key, value) = match rest {
            [b'"', key, b'"', b':', value @ ..] => (letter(*key), value),
            [b'"', b't', b's', b'"', b':', value @ ..] => (TIME, value),
            [b'"', b'f', b'a', b'"', b':', value @ ..] => (FILE_ATTRIBUTES, value),
            _ => return None,
        };
        seen.mark(key)?;
        rest = match key {
            HANDLE => {
                let (text, rest) = fixed::<8>(value)?;
                handle = Some(NodeHandle::from_text(text)?);
                rest
            }
            PARENT => {
                let (text, rest) = fixed::<8>(value)?;
                node.parent = Some(last.parent(text)?);
                rest
            }
            OWNER => {
                let (text, rest) = fixed::<11>(value)?;
                node.owner = Some(last.owner(text)?);
                rest
            }
            ATTRIBUTES => text(value, &mut node.attributes)?,
            KEY => text(value, &mut node.key)?,
            FILE_ATTRIBUTES => text(value, &mut node.file_attributes)?,
            KIND => number(value, &mut kind)?,
            SIZE => number(value, &mut size)?,
            TIME => number(value, &mut created)?,
            _ => return None,
        };
        match rest {
            [b',', more @ ..] => rest = more,
            [b'}', more @ ..] => {
                rest = more;
                break;
            }
            _ => return None,
        }
    }
    node.handle = handle?;
    node.created = i64::try_from(created).ok()?;
    if !seen.has(KIND) {
        return None;
    }
    node.kind = NodeKind::from_number(i64::try_from(kind).ok()?);
    if node.kind == NodeKind::File {
        if !seen.has(SIZE) || size > MAX_SIZE {
            return None;
        }
        node.size = Some(size);
    } else if !node.file_attributes.is_empty() {
        return None;
    }
    let len = bytes.len().checked_sub(rest.len())?;
    (len <= MAX_OBJECT).then_some((node, len))
}

/// How nearly all records begin, byte for byte: `{"h":"________","p":"________","u":"___________","t":_,"a":` and a text.
struct Head<'a> {
    handle: &'a [u8; 8],
    parent: &'a [u8; 8],
    owner: &'a [u8; 11],
    kind: u8,
    attributes: &'a [u8],
}

impl<'a> Head<'a> {
    const SEEN: Seen = Seen(
        Seen::bit(HANDLE)
            | Seen::bit(PARENT)
            | Seen::bit(OWNER)
            | Seen::bit(KIND)
            | Seen::bit(ATTRIBUTES),
    );

    #[inline]
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (h, rest) = bytes.split_first_chunk()?;
        let (handle, rest) = rest.split_first_chunk()?;
        let (p, rest) = rest.split_first_chunk()?;
        let (parent, rest) = rest.split_first_chunk()?;
        let (u, rest) = rest.split_first_chunk()?;
        let (owner, rest) = rest.split_first_chunk()?;
        let (t, rest) = rest.split_first_chunk()?;
        let (&[kind], rest) = rest.split_first_chunk()?;
        let (a, attributes) = rest.split_first_chunk()?;
        let usual = h == br#"{"h":""#
            && p == br#"","p":""#
            && u == br#"","u":""#
            && t == br#"","t":"#
            && a == br#","a":"#
            && kind.is_ascii_digit();
        usual.then_some(Self {
            handle,
            parent,
            owner,
            kind: kind & 0xf,
            attributes,
        })
    }
}

/// A key of one byte.
const fn letter(key: u8) -> u16 {
    key as u16
}

const HANDLE: u16 = letter(b'h');
const PARENT: u16 = letter(b'p');
const OWNER: u16 = letter(b'u');
const KIND: u16 = letter(b't');
const ATTRIBUTES: u16 = letter(b'a');
const KEY: u16 = letter(b'k');
const SIZE: u16 = letter(b's');
// Keys of two letters: above all of one, and with the lowest five bits of a letter that is no key.
const TIME: u16 = 256 | letter(b'z');
const FILE_ATTRIBUTES: u16 = 256 | letter(b'y');

/// Which keys there were: of a repeated one the first counts, which is not for here.
struct Seen(u32);

impl Seen {
    const fn bit(key: u16) -> u32 {
        // Those that are read here differ in these bits; any other ends the reading.
        1 << (key & 31)
    }

    fn mark(&mut self, key: u16) -> Option<()> {
        let fresh = !self.has(key);
        self.0 |= Self::bit(key);
        fresh.then_some(())
    }

    fn has(&self, key: u16) -> bool {
        self.0 & Self::bit(key) != 0
    }
}

/// A string of exactly so many characters, of which the caller makes sure that they are base64 and so no quotes.
#[inline]
fn fixed<const N: usize>(value: &[u8]) -> Option<(&[u8; N], &[u8])> {
    let (text, rest) = value.strip_prefix(b"\"")?.split_first_chunk::<N>()?;
    Some((text, rest.strip_prefix(b"\"")?))
}

/// A string without escapes.
#[inline]
fn text<'a>(value: &'a [u8], out: &mut &'a str) -> Option<&'a [u8]> {
    let inside = value.strip_prefix(b"\"")?;
    let (text, rest) = inside.split_at_checked(memchr2(b'"', b'\\', inside)?)?;
    if text.len() > MAX_STRING {
        return None;
    }
    *out = std::str::from_utf8(text).ok()?;
    rest.strip_prefix(b"\"")
}

/// A number of at most 18 digits, so that it fits; what follows must not belong to it.
#[inline]
fn number<'a>(value: &'a [u8], out: &mut u64) -> Option<&'a [u8]> {
    let mut sum = 0_u64;
    let mut rest = value;
    while let [digit @ b'0'..=b'9', more @ ..] = rest {
        sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = more;
    }
    *out = sum;
    let digits = value.len().checked_sub(rest.len())?;
    (1..=18).contains(&digits).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::node::NodeFields;
    use super::*;
    use crate::json::{Cursor, DecodeError};

    /// What the thorough reader makes of the same bytes.
    fn thorough(bytes: &[u8]) -> Option<(String, usize)> {
        let mut cursor = Cursor::window(bytes, false);
        let fields = NodeFields::read(&mut cursor).ok()?;
        let text = fields.lend(false, |node: Result<&RawNode<'_>, DecodeError>| {
            node.ok().map(shown)
        })?;
        Some((text, cursor.position()))
    }

    fn shown(node: &RawNode<'_>) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {} {} {:?} {} {} {:?} {:?} {:?}",
            node.handle,
            node.parent,
            node.owner,
            node.kind,
            node.key,
            node.attributes,
            node.size,
            node.created,
            node.file_attributes,
            node.index,
            node.defects,
            node.share,
        )
    }

    const USUAL: &str = r#"{"h":"AAAAAAAB","p":"AAAAAAAA","u":"AAAAAAAAAAA","t":0,"a":"c2VhbGVk","k":"AAAAAAAA:a2V5","s":123,"ts":1700000000,"fa":"1:0*x"},"#;

    #[test]
    fn the_usual_form_takes_the_quick_way() {
        let (node, len) = read(USUAL.as_bytes(), false, &mut Last::default()).expect("it is usual");
        assert_eq!(Some((shown(&node), len)), thorough(USUAL.as_bytes()));
        assert_eq!(node.size, Some(123));
        let folder =
            br#"{"h":"AAAAAAAB","p":"AAAAAAAA","u":"AAAAAAAAAAA","t":1,"a":"","k":"","ts":0}"#;
        assert!(read(folder, true, &mut Last::default()).is_some_and(|(node, _)| node.version));
    }

    #[test]
    fn members_in_another_order_give_the_same_node() {
        let other = r#"{"t":0,"h":"AAAAAAAB","u":"AAAAAAAAAAA","k":"AAAAAAAA:a2V5","p":"AAAAAAAA","fa":"1:0*x","a":"c2VhbGVk","ts":1700000000,"s":123}"#;
        assert!(Head::of(other.as_bytes()).is_none());
        assert!(Head::of(USUAL.as_bytes()).is_some());
        let read = |text: &'static str| read(text.as_bytes(), false, &mut Last::default());
        assert_eq!(
            read(other).map(|(node, _)| shown(&node)),
            read(USUAL).map(|(node, _)| shown(&node))
        );
    }

    #[test]
    fn no_part_of_a_record_is_taken_for_the_whole() {
        for len in 0..USUAL.len() - 1 {
            assert_eq!(
                read(&USUAL.as_bytes()[..len], false, &mut Last::default()),
                None,
                "{len}"
            );
        }
    }

    proptest! {
        /// Bytes of a usual record are replaced, doubled and left out.
        #[test]
        fn the_quick_way_gives_what_the_thorough_one_gives(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..3), 0..4),
            other in prop::sample::select(br#"{}[]",:\ thpuaksf019-=e.n"#.to_vec()),
        ) {
            let mut bytes = USUAL.as_bytes().to_vec();
            for (at, with, what) in edits {
                let at = at.index(bytes.len());
                match what {
                    0 => { bytes[at] = other; }
                    1 => { bytes.remove(at); }
                    // A run of members again, or cut short.
                    _ => {
                        let end = at.max(with.index(bytes.len()));
                        let run = bytes[at..end].to_vec();
                        bytes.splice(at..at, run);
                    }
                }
            }
            // What another record left behind makes no difference.
            let mut last = Last::default();
            for remembered in [false, true] {
                if remembered {
                    let _ = read(USUAL.as_bytes(), false, &mut last);
                }
                if let Some((node, len)) = read(&bytes, false, &mut last) {
                    prop_assert_eq!(Some((shown(&node), len)), thorough(&bytes));
                }
            }
        }

        #[test]
        fn numbers_and_texts_of_any_kind_agree(
            size in any::<i128>(), kind in -1_i64..7, time in any::<i64>(), name in any::<String>(),
        ) {
            let text = serde_json::to_string(&name).unwrap();
            let json = format!(r#"{{"h":"AAAAAAAB","t":{kind},"a":{text},"s":{size},"ts":{time},"fa":{text}}}"#);
            if let Some((node, len)) = read(json.as_bytes(), false, &mut Last::default()) {
                prop_assert_eq!(Some((shown(&node), len)), thorough(json.as_bytes()));
                let read: serde_json::Value = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(read["a"].as_str(), Some(node.attributes));
                prop_assert_eq!(read["ts"].as_i64(), Some(node.created));
            }
        }
    }
}
