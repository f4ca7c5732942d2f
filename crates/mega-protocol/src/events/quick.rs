//! The quick way through a packet of new nodes: what moves a folder brings everything below it, which may be tens of megabytes.
//!
//! [`super::read`] walks over the text of a nested value once to find its end, and again to read it, at each level. Here it is read
//! where it is met. Whatever is not as the service writes it is left to that module, which gives the same for all that is read here.

use super::packet::{EventPacket, NewNodes, Packet};
use super::read::users;
use crate::fetch::read_nodes;
use crate::json::{Cursor, Object, ObjectMembers, Value};

/// Reads the packet that these bytes are; `None` if it is of another kind, or not in the usual form.
pub(super) fn read(packet: &[u8]) -> Option<EventPacket> {
    if !packet.starts_with(b"{\"a\":\"t\",") {
        return None;
    }
    let mut cursor = Cursor::whole(packet);
    let mut tree = None;
    let others = members(&mut cursor, |key, cursor| {
        if key != "t" || tree.is_some() {
            return Some(false);
        }
        tree = Some(read_tree(cursor)?);
        Some(true)
    })?;
    let mut new = tree?;
    if !cursor.at_end() || others.has("t") || others.read::<String>("a").ok()? != "t" {
        return None;
    }
    new.by = others.read_opt("ou").ok()?;
    Some(EventPacket {
        packet: Packet::NewNodes(new),
        tag: others.read_opt("st").ok()?,
        echo: others.read_opt("i").ok().flatten(),
    })
}

fn read_tree(cursor: &mut Cursor<'_>) -> Option<NewNodes> {
    let mut new = NewNodes::default();
    let (mut nodes, mut versions) = (false, false);
    let others = members(cursor, |key, cursor| {
        let older = match key {
            "f" if !nodes && !versions => false,
            "f2" if !versions => true,
            // Again, or in another order.
            "f" | "f2" => return None,
            _ => return Some(false),
        };
        *if older { &mut versions } else { &mut nodes } = true;
        let unusable = read_nodes(cursor, older, &mut new.nodes).ok()?;
        new.malformed = new.malformed.saturating_add(unusable);
        Some(true)
    })?;
    if let Some(list) = others.get("u") {
        new.users = users(list).ok()?;
    }
    Some(new)
}

/// Reads an object. `take` reads the value of a member itself, or leaves it to be kept.
fn members<'a>(
    cursor: &mut Cursor<'a>,
    mut take: impl FnMut(&str, &mut Cursor<'a>) -> Option<bool>,
) -> Option<Object<'a>> {
    cursor.expect(b'{', "").ok()?;
    let mut kept = ObjectMembers::new();
    let mut first = true;
    while cursor.next_member(b'}', first).ok()? {
        first = false;
        let key = cursor.string().ok()?.text()?;
        cursor.expect(b':', "").ok()?;
        if !take(&key, cursor)? {
            kept.push((key, Value::skipped(cursor).ok()?));
        }
    }
    Some(Object::of(kept))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read::read_thoroughly;
    use super::*;

    const USUAL: &str = r#"{"a":"t","t":{"f":[{"h":"AAAAAAAB","p":"AAAAAAAA","u":"AAAAAAAAAAA","t":1,"a":"c2","k":"AAAAAAAA:a2","ts":1},{"h":"AAAAAAAC","t":7}],"f2":[{"h":"AAAAAAAD","t":0,"s":5}],"u":[{"u":"AAAAAAAAAAA","c":1}]},"ou":"AAAAAAAAAAA","st":"!abc","i":"x"}"#;

    #[test]
    fn the_usual_form_takes_the_quick_way() {
        let quick = read(USUAL.as_bytes()).expect("it is usual");
        assert_eq!(quick, read_thoroughly(USUAL.as_bytes()));
        let Packet::NewNodes(new) = &quick.packet else {
            panic!("it is a packet of nodes")
        };
        assert_eq!((new.nodes.len(), new.users.len()), (3, 1));
        assert!(quick.tag.is_some() && quick.echo.is_some() && new.by.is_some());
    }

    proptest! {
        /// Bytes of a usual packet are replaced, runs of them doubled and left out.
        #[test]
        fn the_quick_way_gives_what_the_thorough_one_gives(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..3), 0..3),
            other in prop::sample::select(br#"{}[]",: 0tfa2"#.to_vec()),
        ) {
            let mut bytes = USUAL.as_bytes().to_vec();
            for (at, with, what) in edits {
                let (at, with) = (at.index(bytes.len()), with.index(bytes.len()));
                let range = at.min(with)..at.max(with);
                match what {
                    0 => bytes[at] = other,
                    1 => drop(bytes.drain(range)),
                    _ => {
                        let run = bytes[range].to_vec();
                        bytes.splice(at..at, run);
                    }
                }
            }
            // Only what the scanner of the channel has found to be one value is read at all.
            if Value::parse(&bytes).is_ok() && let Some(quick) = read(&bytes) {
                prop_assert_eq!(quick, read_thoroughly(&bytes));
            }
        }

        /// Members in any order and number, of the right type and of others.
        #[test]
        fn it_gives_the_same_for_members_of_any_kind(
            outer in prop::collection::vec((0_usize..7, 0_usize..9), 0..5),
            inner in prop::collection::vec((0_usize..7, 0_usize..9), 0..5),
        ) {
            const KEYS: [&str; 7] = ["t", "f", "f2", "u", "ou", "st", "i"];
            const VALUES: [&str; 8] = [
                "null", "1", r#""AAAAAAAAAAA""#, r#""""#, "[]", "{}",
                r#"[{"h":"AAAAAAAB","t":1},7,{}]"#, r#"[{"u":"AAAAAAAAAAA"}]"#,
            ];
            let write = |members: &[(usize, usize)], deep: &str| {
                let text = |(key, value): &(usize, usize)| {
                    format!(r#","{}":{}"#, KEYS[*key], VALUES.get(*value).unwrap_or(&deep))
                };
                members.iter().map(text).collect::<String>()
            };
            let deep = format!("{{{}}}", write(&inner, "0").trim_start_matches(','));
            let packet = format!(r#"{{"a":"t"{}}}"#, write(&outer, &deep));
            if let Some(quick) = read(packet.as_bytes()) {
                prop_assert_eq!(quick, read_thoroughly(packet.as_bytes()));
            }
        }
    }
}
