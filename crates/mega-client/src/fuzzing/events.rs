//! Action packets applied to a tree (threat model, section 12).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use mega_crypto::{FileKey, FolderKey, KeyCipher, NodeKey, attributes, base64};
use mega_filename::Mask;
use mega_protocol::events::{ChannelConfig, ChannelEvent, EventBatch, EventChannel, EventParser};
use mega_protocol::fetch::FetchParser;
use mega_protocol::{Identity, NodeHandle, ServerUrl, UrlPolicy, UserHandle};

use super::bytes::{Input, mixed, shuffled};
use super::sound::{self, Shape};
use crate::keyring::Keyring;
use crate::node::NodeKind;
use crate::tree::Tree;
use crate::tree::apply::{Applied, Applier};
use crate::tree::load::Loader;

/// Three bytes for each thing that happens; the first byte of all says whether the service is honest.
///
/// Of an honest one a model is kept: after each batch the tree is the model's, nothing asks for a reload, packets that come twice change nothing more,
/// and at the end a tree that is loaded afresh is the same. Of another one the tree stays sound, and packets that come in one
/// batch do what they do one after the other.
pub fn event_application(input: &[u8]) {
    let mut input = Input(input);
    let [kind] = input.array();
    let mut steps = Vec::new();
    while !input.is_empty() && steps.len() < MOST {
        steps.push(input.array());
    }
    if kind % 2 == 0 {
        honest(&steps);
    } else {
        hostile(&steps);
    }
}

const MOST: usize = 120;
const ROOT: u8 = 1;
const USER: &str = "AAAAAAAAAAE";
const MASTER: [u8; 16] = [9; 16];

fn handle(number: u8) -> NodeHandle {
    NodeHandle::from_bytes([1, 2, 3, 4, 5, number])
}

/// A tree with its keys, as a client has them.
struct Account {
    tree: Tree,
    keyring: Keyring,
}

impl Account {
    /// Loads a list of nodes after the three roots.
    fn load(nodes: &[String]) -> Self {
        let user: UserHandle = USER.parse().expect("a handle");
        let keyring = Keyring::account(user, KeyCipher::new(&MASTER));
        let mut loader = Loader::account(Mask::MEGA, keyring, true);
        let root = |number, kind| format!(r#"{{"h":"{}","p":"","t":{kind}}}"#, handle(number));
        let mut list = vec![root(ROOT, 2), root(2, 3), root(3, 4)];
        list.extend_from_slice(nodes);
        let reply = format!(r#"[{{"f":[{}],"sn":"AAAAAAAAAAE"}}]"#, list.join(","));
        let mut parser = FetchParser::new();
        parser.feed(reply.as_bytes(), &mut loader).expect("a list");
        parser.finish(&mut loader).expect("a list");
        let (tree, keyring, _) = loader.finish();
        sound::check(&tree);
        Self { tree, keyring }
    }

    fn apply(&mut self, packets: &[String], more: bool) -> Applied {
        let applied = Applier {
            tree: &mut self.tree,
            keyring: &mut self.keyring,
            me: USER.parse().ok(),
            keys_elsewhere: true,
        }
        .batch(&batch(packets, more));
        sound::check(&self.tree);
        applied
    }
}

fn batch(packets: &[String], more: bool) -> EventBatch {
    let more = if more { r#","ir":1"# } else { "" };
    let reply = format!(
        r#"{{"a":[{}],"sn":"AAAAAAAAAAI"{more}}}"#,
        packets.join(",")
    );
    let mut parser = EventParser::new();
    parser.feed(reply.as_bytes()).expect("packets");
    let origin = ServerUrl::parse("https://g.api.mega.co.nz/").expect("a good URL");
    let config = ChannelConfig::new(origin, UrlPolicy::default()).expect("a good URL");
    let position = "AAAAAAAAAAE".parse().expect("a position");
    let mut channel = EventChannel::new(config, Identity::Anonymous, position, 1);
    let now = Instant::now();
    channel.poll_transmit(now).expect("it asks");
    channel.handle_reply(now, Ok(parser.finish().expect("packets")));
    match channel.poll_event() {
        Some(ChannelEvent::Batch(batch)) => batch,
        other => unreachable!("{other:?}"),
    }
}

/// The key of a node, the same whenever it is asked for and like no other.
fn key(number: u8, folder: bool) -> NodeKey {
    let part = |at: u64| mixed(u64::from(number) << 8 | at).to_le_bytes();
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip((1..5).flat_map(part)) {
        *to = from;
    }
    if folder {
        let (half, _) = bytes.split_first_chunk().expect("16 of 32 bytes");
        FolderKey::from_bytes(*half).expect("not zero").into()
    } else {
        FileKey::from_bytes(bytes).expect("not zero").into()
    }
}

fn sealed_name(number: u8, folder: bool, name: u8) -> String {
    let text = format!(r#"{{"n":"{name}"}}"#);
    let key = key(number, folder).attribute_key();
    base64::encode(&attributes::encrypt(&key, text.as_bytes()).expect("short"))
}

/// A node as the service tells of it.
fn node(number: u8, parent: u8, folder: bool, name: u8) -> String {
    let wrapped = KeyCipher::new(&MASTER).wrap_node_key(&key(number, folder));
    let mut text = format!(
        r#"{{"h":"{}","p":"{}","u":"{USER}","t":{},"k":"{USER}:{}","a":"{}","ts":5"#,
        handle(number),
        handle(parent),
        u8::from(folder),
        base64::encode(wrapped.as_bytes()),
        sealed_name(number, folder, name),
    );
    if !folder {
        let _ = write!(text, r#","s":{number}"#);
    }
    text + "}"
}

fn new_nodes(nodes: &[String]) -> String {
    format!(r#"{{"a":"t","t":{{"f":[{}]}}}}"#, nodes.join(","))
}

fn deleted(number: u8, moved: bool) -> String {
    let moved = if moved { r#","m":1"# } else { "" };
    format!(r#"{{"a":"d","n":"{}"{moved}}}"#, handle(number))
}

fn renamed(number: u8, folder: bool, name: u8) -> String {
    let (node, name) = (handle(number), sealed_name(number, folder, name));
    format!(r#"{{"a":"u","n":"{node}","at":"{name}","u":"{USER}","ts":5}}"#)
}

/// What an honest service knows of a node.
#[derive(Clone, Copy)]
struct Known {
    parent: u8,
    folder: bool,
    name: u8,
}

#[derive(Default)]
struct Model {
    nodes: BTreeMap<u8, Known>,
    last: u8,
}

impl Model {
    fn folders(&self) -> Vec<u8> {
        let folders = self.nodes.iter().filter(|(_, known)| known.folder);
        std::iter::once(ROOT)
            .chain(folders.map(|(&number, _)| number))
            .collect()
    }

    fn nth(list: &[u8], number: u8) -> Option<u8> {
        list.get(usize::from(number) % list.len().max(1)).copied()
    }

    fn is_within(&self, mut number: u8, top: u8) -> bool {
        loop {
            if number == top {
                return true;
            }
            match self.nodes.get(&number) {
                Some(known) => number = known.parent,
                None => return false,
            }
        }
    }

    /// A node and what lies below it, parents first.
    fn subtree(&self, top: u8) -> Vec<u8> {
        let mut found = vec![top];
        let mut at = 0;
        while let Some(&above) = found.get(at) {
            let below = self.nodes.iter().filter(|(_, known)| known.parent == above);
            found.extend(below.map(|(&number, _)| number));
            at += 1;
        }
        found
    }

    fn tell(&self, numbers: &[u8]) -> Vec<String> {
        let known = numbers
            .iter()
            .filter_map(|number| Some((number, self.nodes.get(number)?)));
        known
            .map(|(&number, known)| node(number, known.parent, known.folder, known.name))
            .collect()
    }

    fn make(&mut self, parent: u8, folder: bool, name: u8) -> Option<u8> {
        let number = self.last.max(9).checked_add(1)?;
        self.last = number;
        let known = Known {
            parent,
            folder,
            name,
        };
        self.nodes.insert(number, known);
        Some(number)
    }

    /// Does something, and tells of it.
    fn step(&mut self, step: u8, x: u8, y: u8) -> Option<Vec<String>> {
        let all: Vec<u8> = self.nodes.keys().copied().collect();
        match step % 6 {
            0 | 1 => {
                let parent = Self::nth(&self.folders(), x)?;
                let made = self.make(parent, y & 1 == 0, y >> 1 & 7)?;
                Some(vec![new_nodes(&self.tell(&[made]))])
            }
            2 => {
                let number = Self::nth(&all, x)?;
                let known = self.nodes.get_mut(&number)?;
                known.name = y & 7;
                Some(vec![renamed(number, known.folder, known.name)])
            }
            3 => {
                let number = Self::nth(&all, x)?;
                let parent = Self::nth(&self.folders(), y)?;
                if self.is_within(parent, number) {
                    return None;
                }
                self.nodes.get_mut(&number)?.parent = parent;
                let moved = self.tell(&self.subtree(number));
                Some(vec![deleted(number, true), new_nodes(&moved)])
            }
            4 => {
                let number = Self::nth(&all, x)?;
                for gone in self.subtree(number) {
                    self.nodes.remove(&gone);
                }
                Some(vec![deleted(number, false)])
            }
            _ => {
                let parent = Self::nth(&self.folders(), x)?;
                let folder = self.make(parent, true, y & 7)?;
                let file = self.make(folder, false, y >> 3 & 7)?;
                Some(vec![new_nodes(&self.tell(&[folder, file]))])
            }
        }
    }

    fn compare(&self, tree: &Tree) {
        let shape = Shape::of(tree, false);
        assert_eq!(
            shape.nodes().len(),
            self.nodes.len() + 3,
            "as many nodes as there are"
        );
        for (&number, known) in &self.nodes {
            let spot = shape.nodes().get(&handle(number)).expect("it was made");
            assert_eq!(spot.parent, Some(handle(known.parent)), "where it was put");
            let name = known.name.to_string().into_bytes();
            assert_eq!(spot.name, Some(name), "as it was called");
            assert_eq!(spot.kind == NodeKind::Folder, known.folder);
            assert_eq!(spot.trouble, None);
        }
    }
}

fn honest(steps: &[[u8; 3]]) {
    let mut model = Model::default();
    let mut account = Account::load(&[]);
    let mut packets = Vec::new();
    for &[step, x, y] in steps {
        let Some(told) = model.step(step, x, y) else {
            continue;
        };
        // The second half of a move may come in the next batch.
        if step & 0x40 != 0
            && let [first, second] = told.as_slice()
        {
            packets.push(first.clone());
            let applied = account.apply(&packets, true);
            assert!(!applied.reload);
            packets = vec![second.clone()];
        } else {
            packets.extend_from_slice(&told);
        }
        if step & 0x20 != 0 {
            packets.extend_from_slice(&told);
        }
        if step & 0x80 == 0 {
            let applied = account.apply(&std::mem::take(&mut packets), false);
            assert!(!applied.reload, "an honest service is believed");
            model.compare(&account.tree);
        }
    }
    account.apply(&packets, false);
    model.compare(&account.tree);
    let all: Vec<u8> = model.nodes.keys().copied().collect();
    let fresh = Account::load(&shuffled(&model.tell(&all), steps.len() as u64));
    assert_eq!(
        Shape::of(&fresh.tree, false),
        Shape::of(&account.tree, false),
        "INV-3"
    );
}

fn hostile(steps: &[[u8; 3]]) {
    let packets: Vec<String> = steps.iter().map(any_packet).collect();
    let (mut together, mut apart) = (Account::load(&[]), Account::load(&[]));
    for packets in packets.chunks(7) {
        together.apply(packets, false);
        for packet in packets {
            apart.apply(std::slice::from_ref(packet), true);
        }
        apart.apply(&[], false);
        assert_eq!(
            Shape::of(&together.tree, true),
            Shape::of(&apart.tree, true),
            "EVT-1"
        );
    }
}

/// Something that a service may say, whether it makes sense or not.
fn any_packet(&[what, x, y]: &[u8; 3]) -> String {
    let (x, y, name) = (x % 24, y % 24, y >> 5);
    match what % 8 {
        0 | 1 => new_nodes(&[node(x, y, what & 8 == 0, name)]),
        2 => {
            // A second root, an unknown kind, a share that somebody else is said to own; none of them has a key.
            let kind = [2, 3, 4, 9, 0, 1]
                .get(usize::from(what >> 3) % 6)
                .copied()
                .unwrap_or(0);
            let share = if what & 0x80 != 0 {
                r#","r":2,"su":"BBBBBBBBBBE","sk":"""#
            } else {
                ""
            };
            let (x, y) = (handle(x), handle(y));
            new_nodes(&[format!(
                r#"{{"h":"{x}","p":"{y}","t":{kind},"a":"QQ","k":"x"{share}}}"#
            )])
        }
        3 => deleted(x, what & 8 != 0),
        4 => renamed(x, what & 8 == 0, name),
        5 => new_nodes(&[node(x, y, true, name), node(y, x, what & 8 == 0, name)]),
        6 => format!(
            r#"{{"a":"s2","n":"{}","o":"BBBBBBBBBBE","u":"{USER}"{}}}"#,
            handle(x),
            if what & 8 == 0 { r#","r":2"# } else { "" },
        ),
        _ => format!(
            r#"{{"a":"ph","h":"{}","ph":"pubAAAAA",{}}}"#,
            handle(x),
            if what & 8 == 0 {
                r#""n":1,"ts":1"#
            } else {
                r#""d":1"#
            },
        ),
    }
}
