//! Two accounts, four sessions, and the things they do at random: what the property test of `sequences` is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use mega_testserver::{Clock, Outcome, Service};
use proptest::prelude::*;
use serde_json::{Value, json};

/// One thing a session does; numbers pick nodes from what exists, wrapping around.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Folder {
        parent: usize,
    },
    File {
        parent: usize,
        size: u16,
    },
    Version {
        file: usize,
        keep: bool,
        size: u16,
    },
    Copy {
        file: usize,
        parent: usize,
    },
    Move {
        node: usize,
        parent: usize,
    },
    Rename {
        node: usize,
    },
    Delete {
        node: usize,
        keep: bool,
    },
    Link {
        node: usize,
        remove: bool,
    },
    Share {
        node: usize,
        right: Option<u8>,
    },
    EmptyBin,
    DeleteVersions,
    /// All or nothing: a new folder, a rename and a removal, of which any may be refused.
    Together {
        parent: usize,
        node: usize,
        keep: bool,
    },
    /// Into a folder that is no longer there.
    Late {
        gone: usize,
        size: u16,
    },
    /// A new set.
    Album,
    /// A file comes into a set.
    Gather {
        album: usize,
        file: usize,
    },
    /// An element changes its place, or goes.
    Element {
        element: usize,
        gone: bool,
    },
    /// A set goes.
    Scatter {
        album: usize,
    },
    /// The two are no contacts any more, which ends what they share.
    Part,
    /// They are again, by the link of the other.
    Meet,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<(usize, bool, Step)>> {
    let n = 0..64_usize;
    let step = prop_oneof![
        4 => n.clone().prop_map(|parent| Step::Folder { parent }),
        3 => (n.clone(), 0..500_u16).prop_map(|(parent, size)| Step::File { parent, size }),
        2 => (n.clone(), any::<bool>(), 0..500_u16).prop_map(|(file, keep, size)| Step::Version { file, keep, size }),
        1 => (n.clone(), n.clone()).prop_map(|(file, parent)| Step::Copy { file, parent }),
        4 => (n.clone(), n.clone()).prop_map(|(node, parent)| Step::Move { node, parent }),
        2 => n.clone().prop_map(|node| Step::Rename { node }),
        2 => (n.clone(), any::<bool>()).prop_map(|(node, keep)| Step::Delete { node, keep }),
        1 => (n.clone(), any::<bool>()).prop_map(|(node, remove)| Step::Link { node, remove }),
        4 => (n.clone(), prop::option::weighted(0.7, 0..3_u8)).prop_map(|(node, right)| Step::Share { node, right }),
        1 => Just(Step::EmptyBin),
        1 => Just(Step::DeleteVersions),
        2 => (n.clone(), n.clone(), any::<bool>()).prop_map(|(parent, node, keep)| Step::Together { parent, node, keep }),
        1 => (n.clone(), 0..500_u16).prop_map(|(gone, size)| Step::Late { gone, size }),
        1 => Just(Step::Album),
        3 => (n.clone(), n.clone()).prop_map(|(album, file)| Step::Gather { album, file }),
        2 => (n.clone(), any::<bool>()).prop_map(|(element, gone)| Step::Element { element, gone }),
        1 => n.clone().prop_map(|album| Step::Scatter { album }),
        1 => Just(Step::Part),
        1 => Just(Step::Meet),
    ];
    prop::collection::vec((0..4_usize, any::<bool>(), step), 1..60)
}

/// What a client knows of a node: its parent, its attributes, and whether it is the root of a share.
pub(crate) type Mirror = BTreeMap<String, (String, String, bool)>;

pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) sessions: Vec<String>,
    requests: u64,
    /// A folder at first in the Cloud Drive of the first account, whose content somebody follows.
    pub(crate) part: String,
    /// Folders that are or were there.
    folders: Vec<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let service = Service::builder()
            .clock(Clock::frozen_at(1_700_000_000))
            .in_memory();
        service
            .account("a@example.com", "x")
            .without_keys()
            .create();
        let b = service
            .account("b@example.com", "x")
            .without_keys()
            .create()
            .handle;
        let sessions = service.with_model(|m| {
            // Everybody is the other's contact, so that a share needs no invitation.
            let a = m.user("a@example.com").unwrap().handle;
            let contact = mega_testserver::model::Contact::visible(m.now());
            m.user_mut("a@example.com")
                .unwrap()
                .contacts
                .insert(b, contact);
            m.user_mut("b@example.com")
                .unwrap()
                .contacts
                .insert(a, contact);
            // A listener that comes late is told in parts.
            m.options().events_per_reply = 3;
            [
                "a@example.com",
                "a@example.com",
                "a@example.com",
                "b@example.com",
            ]
            .map(|email| m.sign_in(email).unwrap())
            .to_vec()
        });
        let mut world = Self {
            service,
            sessions,
            requests: 0,
            part: String::new(),
            folders: Vec::new(),
        };
        let root = world
            .service
            .with_model(|m| m.user("a@example.com").unwrap().root.to_string());
        let made = world.one(
            0,
            false,
            &json!({"a":"p","t":root,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}),
        );
        world.part = made["f"][0]["h"].as_str().unwrap().to_owned();
        world
    }

    pub(crate) fn call(&self, target: &str, body: &Value) -> Value {
        let request = Request::post(target).body(body.to_string().into()).unwrap();
        match self.service.handle(request) {
            Outcome::Reply(reply) => serde_json::from_slice(&reply.body.into_bytes()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn one(&mut self, session: usize, tagged: bool, command: &Value) -> Value {
        self.batch(session, tagged, &json!([command]), "")[0].clone()
    }

    pub(crate) fn batch(
        &mut self,
        session: usize,
        tagged: bool,
        commands: &Value,
        more: &str,
    ) -> Value {
        self.requests += 1;
        let dialect = if tagged { "&v=3" } else { "" };
        let target = format!(
            "/cs?id={}&sid={}{dialect}{more}",
            self.requests, self.sessions[session]
        );
        self.call(&target, commands)
    }

    pub(crate) fn fetch(&mut self, session: usize) -> (Mirror, String) {
        self.list(session, &json!({"a":"f","c":1,"r":1}))
            .expect("an account can always be listed")
    }

    /// The part that is followed on its own; none when it is gone.
    pub(crate) fn fetch_part(&mut self) -> Option<(Mirror, String)> {
        self.list(0, &json!({"a":"f","c":1,"r":1,"n":self.part,"part":1}))
    }

    pub(crate) fn list(&mut self, session: usize, command: &Value) -> Option<(Mirror, String)> {
        let reply = self.one(session, false, command);
        if reply == json!(-9) {
            return None;
        }
        let nodes = reply["f"]
            .as_array()
            .into_iter()
            .chain(reply["f2"].as_array())
            .flatten();
        let mut mirror: Mirror = nodes.map(entry).collect();
        let sets = ["s", "e"].map(|key| reply["aesp"][key].as_array());
        mirror.extend(sets.into_iter().flatten().flatten().map(set_entry));
        Some((mirror, reply["sn"].as_str().unwrap().to_owned()))
    }

    pub(crate) fn upload(&mut self, session: usize, size: u16) -> String {
        let url = self.one(session, false, &json!({"a":"u","s":size}));
        let path = url["p"]
            .as_str()
            .unwrap()
            .split_once(".invalid")
            .unwrap()
            .1
            .to_owned();
        let request = Request::post(format!("{path}/0"))
            .body(vec![0; size.into()].into())
            .unwrap();
        match self.service.handle(request) {
            Outcome::Reply(reply) => String::from_utf8(reply.body.into_bytes().to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Does a step; the result is what came back for each of its commands.
    pub(crate) fn run(&mut self, session: usize, tagged: bool, step: &Step) -> Vec<Value> {
        // The other account mostly tries what it can see.
        let seen = (session == OTHER).then(|| self.fetch(OTHER).0);
        let handles: Vec<(String, u64, bool)> = self.service.with_model(|m| {
            let mut all: Vec<_> = m
                .tree()
                .iter()
                .map(|n| (n.handle.to_string(), n.kind.number().into(), n.version))
                .collect();
            all.sort();
            all.retain(|(handle, _, _)| seen.as_ref().is_none_or(|s| s.contains_key(handle)));
            all
        });
        let folders: Vec<String> = handles
            .iter()
            .filter(|(_, kind, _)| *kind == 1)
            .map(|(handle, _, _)| handle.clone())
            .collect();
        for folder in folders {
            if !self.folders.contains(&folder) {
                self.folders.push(folder);
            }
        }
        let pick = |n: &usize, wanted: &dyn Fn(u64) -> bool| -> Option<String> {
            let fit: Vec<_> = handles
                .iter()
                .filter(|(_, kind, _)| wanted(*kind))
                .collect();
            (!fit.is_empty()).then(|| fit[n % fit.len()].0.clone())
        };
        let folder = |n| pick(n, &|kind| kind != 0 && kind != 3);
        let any = |n| pick(n, &|_| true);
        let file = |n| pick(n, &|kind| kind == 0);
        let key = "A".repeat(43);
        let email = if session == OTHER {
            "b@example.com"
        } else {
            "a@example.com"
        };
        let (albums, elements): (Vec<String>, Vec<String>) = self.service.with_model(|m| {
            let albums = &m.user(email).unwrap().albums;
            let elements = albums.values().flat_map(|a| a.elements.keys());
            let elements = elements.map(ToString::to_string).collect();
            (albums.keys().map(ToString::to_string).collect(), elements)
        });
        let among = |list: &[String], n: usize| list.get(n % list.len().max(1)).cloned();
        let command = match step {
            Step::Album => json!({"a":"asp","k":"A".repeat(22),"t":0}),
            Step::Gather { album, file: n } => {
                json!({"a":"aep","s":among(&albums, *album),"h":file(n),"k":key})
            }
            Step::Element {
                element,
                gone: true,
            } => {
                json!({"a":"aer","id":among(&elements, *element)})
            }
            Step::Element {
                element,
                gone: false,
            } => {
                json!({"a":"aep","id":among(&elements, *element),"o":element})
            }
            Step::Scatter { album } => json!({"a":"asr","id":among(&albums, *album)}),
            Step::Part => json!({"a":"ur2","u":OTHERS[usize::from(session == OTHER)],"l":0}),
            Step::Meet => {
                let link = self.one(OTHER, false, &json!({"a":"clc"}));
                json!({"a":"upc","u":OTHERS[0],"aa":"a","cl":link})
            }
            Step::Folder { parent } => {
                json!({"a":"p","t":folder(parent),"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]})
            }
            Step::File { parent, size } => {
                let token = self.upload(session, *size);
                json!({"a":"p","t":folder(parent),"n":[{"h":token,"t":0,"a":"AAAA","k":key}]})
            }
            Step::Version {
                file: n,
                keep,
                size,
            } => {
                let Some(old) = file(n) else { return vec![] };
                let parent = self.service.with_model(|m| {
                    let old = mega_testserver::wire::NodeHandle::parse(&old).unwrap();
                    m.tree().get(old).unwrap().parent.unwrap().to_string()
                });
                let token = self.upload(session, *size);
                json!({"a":"p","t":parent,"vb":i32::from(*keep),"n":[{"h":token,"t":0,"a":"BBBB","k":key,"ov":old}]})
            }
            Step::Copy { file: n, parent } => {
                let Some(source) = file(n) else {
                    return vec![];
                };
                json!({"a":"p","t":folder(parent),"n":[{"h":source,"t":0,"a":"CCCC","k":key}]})
            }
            Step::Move { node, parent } => json!({"a":"m","n":any(node),"t":folder(parent)}),
            Step::Rename { node } => json!({"a":"a","n":any(node),"at":format!("AA{:02}", node)}),
            Step::Delete { node, keep } => json!({"a":"d","n":any(node),"v":i32::from(*keep)}),
            Step::Link { node, remove } => json!({"a":"l","n":any(node),"d":i32::from(*remove)}),
            Step::Share { node, right } => {
                // A share is ended where there is one.
                let shared = self.service.with_model(|m| {
                    let mut shared: Vec<String> = m
                        .tree()
                        .iter()
                        .filter(|n| !n.shares.is_empty())
                        .map(|n| n.handle.to_string())
                        .collect();
                    shared.sort();
                    shared
                });
                let fresh = pick(node, &|kind| kind == 1);
                let root = match right {
                    None if !shared.is_empty() => Some(shared[node % shared.len()].clone()),
                    _ => fresh,
                };
                let mut target = json!({"u":"b@example.com"});
                if let Some(right) = right {
                    target["r"] = json!(right);
                }
                json!({"a":"s2","n":root,"s":[target]})
            }
            Step::EmptyBin => json!({"a":"dr"}),
            Step::DeleteVersions => json!({"a":"dv"}),
            Step::Together { parent, node, keep } => {
                let commands = json!([
                    {"a":"p","t":folder(parent),"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]},
                    {"a":"a","n":any(node),"at":"DDDD"},
                    {"a":"d","n":any(parent),"v":i32::from(*keep)},
                ]);
                let replies = self.batch(session, tagged, &commands, "&bc=1");
                return replies.as_array().unwrap().clone();
            }
            Step::Late { gone, size } => {
                let there: Vec<&String> = handles.iter().map(|(h, _, _)| h).collect();
                let left: Vec<&String> =
                    self.folders.iter().filter(|h| !there.contains(h)).collect();
                let Some(to) = left.get(gone % left.len().max(1)).map(|h| (*h).clone()) else {
                    return vec![];
                };
                let token = self.upload(session, *size);
                json!({"a":"p","t":to,"n":[{"h":token,"t":0,"a":"EEEE","k":key}]})
            }
        };
        vec![self.one(session, tagged, &command)]
    }
}

/// A set or an element of one, which lies in its set.
pub(crate) fn set_entry(told: &Value) -> (String, (String, String, bool)) {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let about = format!("{} {} {}", text("h"), text("k"), told["o"]);
    (text("id"), (text("s"), about, false))
}

pub(crate) fn entry(node: &Value) -> (String, (String, String, bool)) {
    let text = |key: &str| node[key].as_str().unwrap().to_owned();
    (text("h"), (text("p"), text("a"), node["su"].is_string()))
}

/// Who the other is, for the first account and for the second.
pub(crate) const OTHERS: [&str; 2] = ["b@example.com", "a@example.com"];

/// The session of the other account.
pub(crate) const OTHER: usize = 3;
