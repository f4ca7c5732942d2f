//! Event logs: what happened, per account and per opened folder link, with positions (api-and-transfers 4).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::seed::Seed;
use crate::wire::{NodeHandle, PublicHandle, UserHandle, b64, unb64_exact};

/// Who listens: an account, or everybody who opened a folder link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Channel {
    /// All sessions of a user.
    User(UserHandle),
    /// Visitors of a folder link.
    Link(PublicHandle),
}

/// A place in the tree: a node, then what it lies in, up to a root.
pub(crate) type Path = Arc<[NodeHandle]>;

/// A packet as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) text: Arc<str>,
    /// Where in the tree it happened; none for what concerns the account.
    pub(crate) path: Option<Path>,
}

impl Told {
    /// About the account.
    pub(crate) fn account(text: impl Into<Arc<str>>) -> Self {
        Self {
            text: text.into(),
            path: None,
        }
    }
}

/// What a listener wants to hear of: clients that hold a part of the tree say so in the URL (api-and-transfers 1.2,
/// SDK `MegaClient::getPartialAPs`).
///
/// `e` names a node and stands for everything in it, `ap` for what concerns the account; without either it is all. The
/// SDK's `ir` ("ignore roots") always comes with `e`, which leaves the roots out anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) inside: Option<NodeHandle>,
    pub(crate) account: bool,
}

impl Interest {
    fn covers(&self, packet: &Told) -> bool {
        match (&packet.path, self.inside) {
            (_, None) if !self.account => true,
            (None, _) => self.account,
            (Some(path), Some(root)) => path.contains(&root),
            (Some(_), None) => false,
        }
    }
}

/// A long poll that was handed out: where its holder stands.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) channel: Channel,
    pub(crate) session: Option<String>,
    pub(crate) position: u64,
    pub(crate) interest: Interest,
}

/// All event logs and the wait URLs that refer to them.
#[derive(Debug)]
pub(crate) struct Logs {
    logs: HashMap<Channel, Log>,
    waits: HashMap<String, Wait>,
    wait_order: VecDeque<String>,
    seed: Seed,
    kept: usize,
    /// Wakes in the order in which was waited, so that a run in virtual time is the same each time.
    touched: Arc<Notify>,
    /// What was added since somebody asked; nobody counts while this is `None`.
    fresh: Option<Vec<Change>>,
}

/// The logs at one moment.
#[derive(Debug)]
pub(crate) struct Recorded {
    logs: HashMap<Channel, Log>,
    fresh: Option<Vec<Change>>,
}

/// What happened to the logs, for a state that is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Change {
    /// A log was begun, or is begun again from here.
    Open {
        channel: Channel,
        base: u64,
        first: u64,
    },
    /// The packets of one command.
    Push {
        channel: Channel,
        packets: Vec<String>,
        /// For each packet where in the tree it happened.
        #[serde(default)]
        paths: Vec<Option<Vec<NodeHandle>>>,
    },
    /// Everything so far was forgotten.
    Forget { channel: Channel },
}

#[derive(Clone, Debug)]
struct Log {
    /// Added to a position to make an `sn`, so that positions of one account mean nothing to another.
    base: u64,
    first: u64,
    /// The packets of one command stay together.
    groups: VecDeque<Arc<[Told]>>,
}

impl Log {
    fn end(&self) -> u64 {
        self.first + self.groups.len() as u64
    }
}

impl Logs {
    pub(crate) fn new(seed: Seed, kept: usize) -> Self {
        Self {
            logs: HashMap::new(),
            waits: HashMap::new(),
            wait_order: VecDeque::new(),
            seed,
            kept,
            touched: Arc::default(),
            fresh: None,
        }
    }

    /// Draws from another stream from now on.
    pub(crate) fn reseed(&mut self, seed: Seed) {
        self.seed = seed;
    }

    /// Begins to note what is added.
    pub(crate) fn watch(&mut self) {
        self.fresh.get_or_insert_default();
    }

    /// What was added since the last call.
    pub(crate) fn take_fresh(&mut self) -> Vec<Change> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Notes again what could not be kept.
    pub(crate) fn put_back(&mut self, mut changes: Vec<Change>) {
        if let Some(fresh) = &mut self.fresh {
            changes.append(fresh);
            *fresh = changes;
        }
    }

    /// All logs, as the changes that make them.
    pub(crate) fn all(&self) -> Vec<Change> {
        let mut out = Vec::new();
        for (channel, log) in &self.logs {
            out.push(Change::Open {
                channel: *channel,
                base: log.base,
                first: log.first,
            });
            out.extend(log.groups.iter().map(|group| pushed(*channel, group)));
        }
        out
    }

    /// Does again what is told.
    pub(crate) fn replay(&mut self, change: Change) {
        match change {
            Change::Open {
                channel,
                base,
                first,
            } => {
                let log = Log {
                    base,
                    first,
                    groups: VecDeque::new(),
                };
                self.logs.insert(channel, log);
            }
            Change::Push {
                channel,
                packets,
                paths,
            } => {
                let paths = paths.into_iter().chain(std::iter::repeat(None));
                let packets = packets.into_iter().zip(paths);
                let told = packets.map(|(text, path)| Told {
                    text: text.into(),
                    path: path.map(Arc::from),
                });
                self.push(channel, told.collect());
            }
            Change::Forget { channel } => self.forget(channel),
        }
    }

    fn note(&mut self, change: impl FnOnce() -> Change) {
        if let Some(fresh) = &mut self.fresh {
            fresh.push(change());
        }
    }

    /// Begins to record for a listener, if that was not done before.
    pub(crate) fn open(&mut self, channel: Channel) {
        if self.is_open(channel) {
            return;
        }
        let base = (self.seed.below(1 << 31) + 1) << 31;
        let log = Log {
            base,
            first: 0,
            groups: VecDeque::new(),
        };
        self.logs.insert(channel, log);
        self.note(|| Change::Open {
            channel,
            base,
            first: 0,
        });
    }

    pub(crate) fn is_open(&self, channel: Channel) -> bool {
        self.logs.contains_key(&channel)
    }

    /// So many changes are remembered of each listener from the next one on.
    pub(crate) fn keep(&mut self, changes: usize) {
        self.kept = changes;
    }

    /// Adds what one command did.
    pub(crate) fn push(&mut self, channel: Channel, packets: Vec<Told>) {
        let Some(log) = self.logs.get_mut(&channel) else {
            return;
        };
        if packets.is_empty() {
            return;
        }
        let packets: Arc<[Told]> = packets.into();
        log.groups.push_back(packets.clone());
        while log.groups.len() > self.kept.max(1) {
            log.groups.pop_front();
            log.first += 1;
        }
        self.note(|| pushed(channel, &packets));
        self.touch();
    }

    /// The position after everything that happened.
    pub(crate) fn end(&self, channel: Channel) -> u64 {
        self.logs.get(&channel).map_or(0, Log::end)
    }

    /// The `sn` of a position.
    pub(crate) fn sn(&self, channel: Channel, position: u64) -> String {
        let base = self.logs.get(&channel).map_or(1, |l| l.base);
        b64(&base.wrapping_add(position).to_be_bytes())
    }

    /// The position of an `sn`; `None` when it is foreign, from the future, or too old.
    pub(crate) fn position(&self, channel: Channel, sn: &str) -> Option<u64> {
        let log = self.logs.get(&channel)?;
        let position = u64::from_be_bytes(unb64_exact(sn)?).checked_sub(log.base)?;
        (log.first..=log.end())
            .contains(&position)
            .then_some(position)
    }

    /// The packets after a position that somebody wants to hear of, of at most `limit` commands, and the position after
    /// those and after what is of no interest.
    pub(crate) fn since(
        &self,
        channel: Channel,
        position: u64,
        limit: usize,
        interest: Interest,
    ) -> (Vec<Arc<str>>, u64) {
        let Some(log) = self.logs.get(&channel) else {
            return (Vec::new(), position);
        };
        let skip = usize::try_from(position.saturating_sub(log.first)).unwrap_or(usize::MAX);
        let (mut out, mut end, mut commands) = (Vec::new(), position, 0);
        for group in log.groups.iter().skip(skip) {
            let mut wanted = group.iter().filter(|p| interest.covers(p)).peekable();
            if wanted.peek().is_some() {
                if commands >= limit.max(1) {
                    break;
                }
                commands += 1;
                out.extend(wanted.map(|p| p.text.clone()));
            }
            end += 1;
        }
        (out, end)
    }

    /// Loses everything recorded so far: every older position gets -6.
    pub(crate) fn forget(&mut self, channel: Channel) {
        if let Some(log) = self.logs.get_mut(&channel) {
            log.first = log.end() + 1;
            log.groups.clear();
        }
        self.note(|| Change::Forget { channel });
        self.touch();
    }

    /// Makes a wait URL's name for a listener standing at a position.
    pub(crate) fn wait(&mut self, wait: Wait) -> String {
        let name = b64(&self.seed.array::<9>());
        self.waits.insert(name.clone(), wait);
        self.wait_order.push_back(name.clone());
        if self.wait_order.len() > WAITS_KEPT
            && let Some(old) = self.wait_order.pop_front()
        {
            self.waits.remove(&old);
        }
        name
    }

    pub(crate) fn waiting(&self, name: &str) -> Option<&Wait> {
        self.waits.get(name)
    }

    /// Forgets all wait URLs.
    pub(crate) fn forget_waits(&mut self) {
        self.waits.clear();
        self.wait_order.clear();
        self.touch();
    }

    /// The logs as they are, to be put back if what follows is undone. Cheap: packets are shared.
    pub(crate) fn recorded(&self) -> Recorded {
        Recorded {
            logs: self.logs.clone(),
            fresh: self.fresh.clone(),
        }
    }

    /// Undoes what was recorded since. Nobody can have read it, as long as the model was locked.
    pub(crate) fn put_back_to(&mut self, recorded: Recorded) {
        self.logs = recorded.logs;
        self.fresh = recorded.fresh;
    }

    /// Wakes everybody who holds a request.
    pub(crate) fn touch(&self) {
        self.touched.notify_waiters();
    }

    pub(crate) fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.touched)
    }
}

/// What a state keeps of the packets of one command.
fn pushed(channel: Channel, packets: &[Told]) -> Change {
    Change::Push {
        channel,
        packets: packets.iter().map(|p| p.text.to_string()).collect(),
        paths: packets
            .iter()
            .map(|p| p.path.as_deref().map(<[NodeHandle]>::to_vec))
            .collect(),
    }
}

const WAITS_KEPT: usize = 10_000;
