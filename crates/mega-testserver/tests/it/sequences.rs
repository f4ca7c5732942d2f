//! Random commands from several sessions: the state stays sound, and every listener can follow it event by event.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Mirror, OTHER, World, entry, set_entry, steps};

/// Takes out a node with everything below it, but for what `stays` keeps.
fn remove(mirror: &mut Mirror, handle: &str, stays: impl Fn(bool) -> bool) {
    let mut all = vec![handle.to_owned()];
    while let Some(handle) = all.pop() {
        mirror.remove(&handle);
        all.extend(
            mirror
                .iter()
                .filter(|(_, (p, _, shared))| *p == handle && !stays(*shared))
                .map(|(h, _)| h.clone()),
        );
    }
}

/// The end of a share, as the one it was shared with sees it: its tree goes, unless it lies in another share, and but for
/// shares further inside.
fn end_share(mirror: &mut Mirror, root: &str) {
    let Some((parent, _, shared)) = mirror.get_mut(root) else {
        return;
    };
    *shared = false;
    let parent = parent.clone();
    if !mirror.contains_key(&parent) {
        remove(mirror, root, |shared| shared);
    }
}

/// Does to a mirror what a packet says, the way clients do it.
fn apply(mirror: &mut Mirror, packet: &Value) {
    match packet["a"].as_str().unwrap() {
        "t" => {
            let lists = [&packet["t"]["f"], &packet["t"]["f2"]];
            for node in lists.into_iter().filter_map(Value::as_array).flatten() {
                let (handle, data) = entry(node);
                mirror.insert(handle, data);
            }
        }
        "d" => {
            // Of what does not exist nothing can go.
            let gone = packet["n"].as_str().unwrap();
            assert!(
                mirror.contains_key(gone),
                "a packet deletes {gone}, which nobody was told of"
            );
            remove(mirror, gone, |_| false);
        }
        "u" => {
            let node = mirror
                .get_mut(packet["n"].as_str().unwrap())
                .expect("a packet changes a known node");
            node.1 = packet["at"].as_str().unwrap().to_owned();
        }
        "asp" | "aep" => mirror.extend([set_entry(packet)]),
        "asr" | "aer" => {
            let gone = packet["id"].as_str().unwrap();
            assert!(mirror.contains_key(gone), "nobody was told of {gone}");
            remove(mirror, gone, |_| false);
        }
        "ph" | "s2" | "c" | "opc" | "ipc" | "upci" | "upco" => {}
        other => panic!("{other}"),
    }
}

/// Somebody who follows the events, from the tree as it was when he came.
struct Listener {
    session: usize,
    mirror: Mirror,
    sn: String,
    /// What he says that he wants to hear of.
    interest: String,
}

impl Listener {
    fn new(world: &mut World, session: usize) -> Self {
        let (mirror, sn) = world.fetch(session);
        Self {
            session,
            mirror,
            sn,
            interest: String::new(),
        }
    }

    /// Somebody who holds the part alone.
    fn of_part(world: &mut World) -> Self {
        let (mirror, sn) = world.fetch_part().unwrap();
        Self {
            session: 0,
            mirror,
            sn,
            interest: format!("&e={}&ir=1&ap=1", world.part),
        }
    }

    /// Reads all that happened, in as many parts as it comes.
    fn catch_up(&mut self, world: &World) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let target = format!(
                "/wsc?sn={}&sid={}{}",
                self.sn, world.sessions[self.session], self.interest
            );
            let events = world.call(&target, &json!(null));
            self.sn = events["sn"].as_str().unwrap().to_owned();
            for packet in events["a"].as_array().into_iter().flatten() {
                // The end of a share: its tree is no longer seen by the one it was shared with.
                let ended = packet["a"] == "s2" && packet["r"].is_null();
                if ended && self.session == OTHER {
                    end_share(&mut self.mirror, packet["n"].as_str().unwrap());
                } else {
                    apply(&mut self.mirror, packet);
                }
                all.push(packet.clone());
            }
            if events["ir"].is_null() {
                return all;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_state_stays_sound_and_events_tell_all_of_it(steps in steps()) {
        let mut world = World::new();
        let mut prompt = Listener::new(&mut world, 1);
        let mut late = Listener::new(&mut world, 2);
        let mut other = Listener::new(&mut world, OTHER);
        let mut part = Listener::of_part(&mut world);
        let outside = world.fetch(1).0.len() - 1;
        prop_assert_eq!((part.mirror.len(), outside), (1, 3));
        let (mut heard, mut heard_late) = (Vec::new(), Vec::new());
        let mut last_tag = (0, String::new());
        for (at, (session, tagged, step)) in steps.iter().enumerate() {
            let (before, position) = world.fetch(1);
            let replies = world.run(*session, *tagged, step);
            let violations = world.service.with_model(|m| m.violations());
            prop_assert!(violations.is_empty(), "{step:?}: {violations:?}");
            if replies.contains(&json!(-25)) {
                // Undone is as if it had never been tried.
                prop_assert!(replies.iter().all(|r| r.as_i64().is_some_and(|code| code < 0)), "{:?}", replies);
                prop_assert_eq!(world.fetch(1), (before, position));
            }
            // A tag that was promised comes with a packet, and tags only grow by (length, text).
            let tags = replies.iter().filter_map(|r| r.as_str().or_else(|| r[0].as_str()).map(str::to_owned));
            let packets = prompt.catch_up(&world);
            let others = other.catch_up(&world);
            heard.extend(packets.iter().cloned());
            for tag in tags.filter(|_| *tagged) {
                let told = if *session == OTHER { &others } else { &packets };
                prop_assert!(told.iter().any(|p| p["st"] == json!(tag)), "{tag} never comes: {told:?}");
                let new = (tag.len(), tag);
                prop_assert!(new > last_tag, "{new:?} after {last_tag:?}");
                last_tag = new;
            }
            let (truth, sn) = world.fetch(1);
            prop_assert_eq!(&prompt.mirror, &truth, "after {:?} by {}: {:?} {:?}", step, session, replies, packets);
            prop_assert_eq!(&prompt.sn, &sn);
            let (truth, sn) = world.fetch(OTHER);
            prop_assert_eq!(&other.mirror, &truth, "the other account after {:?} by {}", step, session);
            prop_assert_eq!(&other.sn, &sn);
            // Who holds a part of the tree knows that part, until it is gone.
            if let Some((truth, _)) = world.fetch_part() {
                part.catch_up(&world);
                prop_assert_eq!(&part.mirror, &truth, "the part after {:?} by {}", step, session);
            }
            if at % 7 == 6 || at + 1 == steps.len() {
                // Who comes late gets all of it, in order, in parts.
                heard_late.extend(late.catch_up(&world));
                prop_assert_eq!(&heard_late, &heard);
                prop_assert_eq!(&late.mirror, &prompt.mirror);
                prop_assert_eq!(&late.sn, &prompt.sn);
            }
        }
    }
}
