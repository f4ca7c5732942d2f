//! One node record, from JSON to [`RawNode`].

use std::borrow::Cow;

use super::quick;
use crate::handle::{NodeHandle, UserHandle};
use crate::json::{Cursor, DecodeError, Fault, RawString, Value, parse_i64};
use crate::node::{AccessLevel, MAX_SIZE, NodeDefects, NodeKind, NodeRecord, RawNode, RawShare};

/// The members of a node record, not yet judged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeFields<'a> {
    h: Field<'a>,
    p: Field<'a>,
    u: Field<'a>,
    t: Field<'a>,
    a: Field<'a>,
    k: Field<'a>,
    s: Field<'a>,
    ts: Field<'a>,
    fa: Field<'a>,
    su: Field<'a>,
    r: Field<'a>,
    sk: Field<'a>,
    sts: Field<'a>,
    i: Field<'a>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Field<'a> {
    #[default]
    Absent,
    Text(RawString<'a>),
    Scalar(&'a [u8]),
    /// An object or array where none belongs.
    Nested,
}

impl<'a> NodeFields<'a> {
    /// Reads one object. The cursor stands before its brace.
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let mut fields = Self::default();
        cursor.expect(b'{', "a node is an object")?;
        let mut first = true;
        while cursor.next_member(b'}', first)? {
            first = false;
            let key = cursor.string()?;
            cursor.expect(b':', "a colon is wanted")?;
            let value = match cursor.peek()? {
                b'"' => Field::Text(cursor.string()?),
                b'{' | b'[' => {
                    cursor.skip_value()?;
                    Field::Nested
                }
                _ => match cursor.scalar()? {
                    b"null" => Field::Absent,
                    text => Field::Scalar(text),
                },
            };
            let slot = match key.raw() {
                b"h" => &mut fields.h,
                b"p" => &mut fields.p,
                b"u" => &mut fields.u,
                b"t" => &mut fields.t,
                b"a" => &mut fields.a,
                b"k" => &mut fields.k,
                b"s" => &mut fields.s,
                b"ts" => &mut fields.ts,
                b"fa" => &mut fields.fa,
                b"su" => &mut fields.su,
                b"r" => &mut fields.r,
                b"sk" => &mut fields.sk,
                b"sts" => &mut fields.sts,
                b"i" => &mut fields.i,
                _ => continue,
            };
            // Of a repeated key the first member counts, as everywhere in this crate.
            if matches!(slot, Field::Absent) {
                *slot = value;
            }
        }
        Ok(fields)
    }

    /// Judges the members and lends the node to `take`.
    #[inline]
    pub(crate) fn lend<R>(
        &self,
        version: bool,
        take: impl FnOnce(Result<&RawNode<'_>, DecodeError>) -> R,
    ) -> R {
        let handle = match self.h {
            Field::Text(text) => NodeHandle::from_text(text.raw()),
            _ => None,
        };
        let Some(handle) = handle else {
            return take(Err(DecodeError::field("h", "node handle")));
        };
        let mut defects = NodeDefects::NONE;
        let mut mark = |bad: bool, defect: NodeDefects| {
            if bad {
                defects.add(defect);
            }
        };

        let (number, odd) = self.t.integer();
        let kind = NodeKind::from_number(number.unwrap_or(i64::MIN));
        mark(odd || number.is_none(), NodeDefects::KIND);

        let parent = self.p.handle(NodeHandle::from_text);
        mark(parent.is_err(), NodeDefects::PARENT);
        let owner = self.u.handle(UserHandle::from_text);
        mark(owner.is_err(), NodeDefects::OWNER);

        let (created, odd) = self.ts.integer();
        mark(odd, NodeDefects::TIME);

        let is_file = kind == NodeKind::File;
        let size = if is_file { self.s.size() } else { None };
        mark(is_file && size.is_none(), NodeDefects::SIZE);

        let (key, bad) = self.k.text();
        mark(bad, NodeDefects::KEY);
        let (attributes, bad) = self.a.text();
        mark(bad, NodeDefects::ATTRIBUTES);
        let (file_attributes, bad) = self.fa.text();
        mark(
            bad || (!is_file && !file_attributes.is_empty()),
            NodeDefects::FILE_ATTRIBUTES,
        );

        let (share_key, bad_key) = self.sk.text();
        let share = match self.su.handle(UserHandle::from_text) {
            Ok(None) => None,
            Ok(Some(user)) => {
                let access = self.r.integer().0.and_then(AccessLevel::from_number);
                mark(access.is_none() || bad_key, NodeDefects::SHARE);
                // Whoever may do something unknown may do the least that is known.
                Some(RawShare {
                    user,
                    access: access.unwrap_or(AccessLevel::Read),
                    key: &share_key,
                    since: self.sts.integer().0,
                })
            }
            Err(()) => {
                mark(true, NodeDefects::SHARE);
                None
            }
        };
        let index = self.i.integer().0.and_then(|i| u32::try_from(i).ok());
        take(Ok(&RawNode {
            handle,
            parent: parent.ok().flatten(),
            owner: owner.ok().flatten(),
            kind,
            key: &key,
            attributes: &attributes,
            size,
            created: created.unwrap_or(0),
            file_attributes: &file_attributes,
            share,
            version,
            index,
            defects,
        }))
    }
}

impl<'a> Field<'a> {
    /// The text, and whether there is something that is not text.
    #[inline]
    fn text(self) -> (Cow<'a, str>, bool) {
        match self {
            Self::Absent => (Cow::Borrowed(""), false),
            Self::Text(text) => match text.text() {
                Some(text) => (text, false),
                None => (Cow::Borrowed(""), true),
            },
            Self::Scalar(_) | Self::Nested => (Cow::Borrowed(""), true),
        }
    }

    /// The integer, and whether there is something that is none or out of range (then saturated).
    #[inline]
    fn integer(self) -> (Option<i64>, bool) {
        let text = match self {
            Self::Absent => return (None, false),
            Self::Text(text) => text.raw(),
            Self::Scalar(text) => text,
            Self::Nested => return (None, true),
        };
        if let Some(number) = parse_i64(text) {
            return (Some(number), false);
        }
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            (Some(if negative { i64::MIN } else { i64::MAX }), true)
        } else {
            (None, true)
        }
    }

    /// A size: a bare integer from 0 to 2^60 (TRE-10).
    #[inline]
    fn size(self) -> Option<u64> {
        let Self::Scalar(text) = self else {
            return None;
        };
        let size = u64::try_from(parse_i64(text)?).ok()?;
        (size <= MAX_SIZE).then_some(size)
    }

    /// A handle; empty counts as absent.
    #[inline]
    fn handle<T>(self, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, ()> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) if text.raw().is_empty() => Ok(None),
            Self::Text(text) => read(text.raw()).map(Some).ok_or(()),
            Self::Scalar(_) | Self::Nested => Err(()),
        }
    }
}

/// Reads a list of nodes that is in memory anyway, and says how many records were unusable. The cursor stands before its bracket.
pub(crate) fn read_nodes(
    cursor: &mut Cursor<'_>,
    versions: bool,
    out: &mut Vec<NodeRecord>,
) -> Result<usize, DecodeError> {
    cursor.expect(b'[', "a list of nodes is wanted")?;
    // A list that grows is copied again and again; a record is rarely shorter than this.
    out.reserve(cursor.rest().len() / 256);
    let mut first = true;
    let mut unusable = 0;
    let mut last = quick::Last::default();
    while cursor.next_member(b']', first)? {
        first = false;
        if let Some((node, len)) = quick::read(cursor.rest(), versions, &mut last) {
            out.push(NodeRecord::from(node));
            cursor.advance(len);
            continue;
        }
        if cursor.peek()? != b'{' {
            cursor.skip_value()?;
            unusable += 1;
            continue;
        }
        let fields = NodeFields::read(cursor)?;
        fields.lend(versions, |node| match node {
            Ok(node) => out.push(NodeRecord::from(*node)),
            Err(_) => unusable += 1,
        });
    }
    Ok(unusable)
}

/// Reads a list of nodes, leaving out what is unusable.
pub(crate) fn read_node_list(
    list: Value<'_>,
    versions: bool,
) -> Result<Vec<NodeRecord>, DecodeError> {
    let mut out = Vec::new();
    read_nodes(&mut Cursor::whole(list.as_bytes()), versions, &mut out)?;
    Ok(out)
}
