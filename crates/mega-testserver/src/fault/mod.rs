//! Misbehaviour on command: what to spoil, when, and how often (threat model, section 19).

mod action;
mod reshape;
mod rules;
mod spec;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use action::{Action, Rewriter};
pub(crate) use reshape::Reshape;
pub use rules::Faults;
pub use spec::NoFault;

use crate::service::{Call, Manner};

/// Which part of the service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// `cs`: command batches.
    Api,
    /// `sc`, `wsc`: events.
    Events,
    /// Wait URLs of the event channel.
    Wait,
    /// `/ul/`: uploads.
    Upload,
    /// `/dl/`: downloads.
    Download,
    /// `/fa/`: file attributes.
    Attributes,
    /// A connection, before anything is asked on it ([`Fault::connection`]).
    Connection,
    /// Anything else.
    Other,
}

/// A rule: what happens to which requests, how often.
///
/// ```
/// use std::time::Duration;
/// use mega_testserver::{Fault, Lane};
///
/// let busy = Fault::command("p").batch(-3).times(2);
/// let lost = Fault::command("m").lose_reply();
/// let cut = Fault::lane(Lane::Download).cut_at(1000).skip(1);
/// let slow = Fault::any().delay(Duration::from_millis(5)).always();
/// let flaky = Fault::any().status(500).chance(0.1);
/// # let _ = (busy, lost, cut, slow, flaky);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    command: Option<String>,
    lane: Option<Lane>,
    url: Option<String>,
    skip: u32,
    times: Option<u32>,
    chance: Option<f64>,
    actions: Vec<Action>,
}

impl Fault {
    /// Hits batches that contain this command.
    #[must_use]
    pub fn command(name: &str) -> Self {
        Self {
            command: Some(name.into()),
            lane: Some(Lane::Api),
            ..Self::any()
        }
    }

    /// Hits requests of one lane.
    #[must_use]
    pub fn lane(lane: Lane) -> Self {
        Self {
            lane: Some(lane),
            ..Self::any()
        }
    }

    /// Hits connections when they are opened, which [`Fault::any`] does not. Only [`Fault::refuse`] does anything to them.
    #[must_use]
    pub fn connection() -> Self {
        Self::lane(Lane::Connection)
    }

    /// Hits every request.
    #[must_use]
    pub fn any() -> Self {
        Self {
            command: None,
            lane: None,
            url: None,
            skip: 0,
            times: Some(1),
            chance: None,
            actions: Vec::new(),
        }
    }

    /// Hits only requests whose path contains this text, such as `/131072` of an upload.
    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.url = Some(part.into());
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Fires so many times (once unless told).
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Fires every time.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Fires with this probability, drawn from the server's seed, without end unless [`Fault::times`] follows.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = Some(probability);
        self.times = None;
        self
    }

    /// The named command is not executed and answers this number. On a storage lane: the number is the body.
    #[must_use]
    pub fn code(self, code: i64) -> Self {
        self.with(Action::Code(code))
    }

    /// Nothing is executed and the whole reply is this number.
    #[must_use]
    pub fn batch(self, code: i64) -> Self {
        self.with(Action::Batch(code))
    }

    /// Nothing is executed and this HTTP status is answered.
    #[must_use]
    pub fn status(self, code: u16) -> Self {
        self.with(Action::Status {
            code,
            time_left: None,
        })
    }

    /// Status 509 with the seconds until transfer is allowed again.
    #[must_use]
    pub fn bandwidth(self, seconds: i64) -> Self {
        self.with(Action::Status {
            code: 509,
            time_left: Some(seconds),
        })
    }

    /// A redirect to this address.
    #[must_use]
    pub fn redirect(self, to: &str) -> Self {
        self.with(Action::Redirect(to.into()))
    }

    /// A proof of work is demanded, of this easiness (255 is the cheapest).
    #[must_use]
    pub fn hashcash(self, easiness: u8) -> Self {
        self.with(Action::Hashcash(easiness))
    }

    /// A connection is reset as soon as it is there, before TLS and before a byte is read. (Nothing listening at all would be the
    /// same to a client, but for the name of the error.)
    #[must_use]
    pub fn refuse(self) -> Self {
        self.with(Action::Refuse)
    }

    /// The request is put off until so many other requests of the same lane were answered, or until
    /// [`Options::hold`](crate::Options::hold) has passed: parallel requests are then executed in another order than they came in.
    #[must_use]
    pub fn overtaken_by(self, requests: u32) -> Self {
        self.with(Action::Overtaken(requests))
    }

    /// The connection closes and nothing was executed.
    #[must_use]
    pub fn drop_before(self) -> Self {
        self.with(Action::DropBefore)
    }

    /// Everything is executed, then the connection closes without a reply.
    #[must_use]
    pub fn lose_reply(self) -> Self {
        self.with(Action::Manner(Manner::Lost))
    }

    /// The connection closes after the headers of the reply.
    #[must_use]
    pub fn headers_only(self) -> Self {
        self.with(Action::Manner(Manner::HeadersOnly))
    }

    /// The connection closes after so many bytes of the reply's body.
    #[must_use]
    pub fn cut_at(self, bytes: u64) -> Self {
        self.with(Action::Manner(Manner::Cut(bytes)))
    }

    /// As [`Fault::cut_at`], at an offset below this one, drawn from the server's seed whenever it fires.
    #[must_use]
    pub fn cut_within(self, bytes: u64) -> Self {
        self.with(Action::CutWithin(bytes))
    }

    /// Where a connection closes too early it is reset, instead of ended in order.
    #[must_use]
    pub fn reset(self) -> Self {
        self.with(Action::Reset)
    }

    /// The whole reply is sent twice, as if to a second request that nobody made.
    #[must_use]
    pub fn twice(self) -> Self {
        self.with(Action::Manner(Manner::Twice))
    }

    /// Everything is executed, but the body is that of the last reply of the same lane.
    #[must_use]
    pub fn stale_body(self) -> Self {
        self.with(Action::StaleBody)
    }

    /// The body is followed by so many zeros, with a length that says so.
    #[must_use]
    pub fn extend_by(self, bytes: u64) -> Self {
        self.with(Action::Extend(bytes))
    }

    /// The body is shortened, with a length that says so.
    #[must_use]
    pub fn truncate_at(self, bytes: u64) -> Self {
        self.with(Action::Truncate(bytes))
    }

    /// Bits of the byte at this offset of the body are flipped.
    #[must_use]
    pub fn corrupt_at(self, offset: u64) -> Self {
        self.with(Action::Corrupt(offset))
    }

    /// As [`Fault::corrupt_at`], at an offset below this one, drawn from the server's seed whenever it fires.
    #[must_use]
    pub fn corrupt_within(self, bytes: u64) -> Self {
        self.with(Action::CorruptWithin(bytes))
    }

    /// Bits of the byte at this offset of the stored file (or of the part of a six-part download) are flipped, in whichever
    /// range asks for it.
    #[must_use]
    pub fn corrupt_file_at(self, offset: u64) -> Self {
        self.with(Action::CorruptFile(offset))
    }

    /// Nothing is sent for a time after so many bytes of the body.
    #[must_use]
    pub fn stall_at(self, bytes: u64, time: Duration) -> Self {
        self.with(Action::Manner(Manner::Stall { at: bytes, time }))
    }

    /// The body goes out in small pieces with pauses between them.
    #[must_use]
    pub fn trickle(self, bytes: usize, pause: Duration) -> Self {
        self.with(Action::Manner(Manner::Trickle { bytes, pause }))
    }

    /// The reply begins this much later.
    #[must_use]
    pub fn delay(self, time: Duration) -> Self {
        self.with(Action::Delay(time))
    }

    /// Everything is executed, but the reply's body is this.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.with(Action::Replace(body.into()))
    }

    /// Everything is executed, and the reply's body goes through this function.
    #[must_use]
    pub fn rewrite(self, change: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        self.with(Action::Rewrite(Rewriter(Arc::new(change))))
    }

    /// Every member of this name that is text goes through this function: `member("privk", ..)`.
    #[must_use]
    pub fn member(
        self,
        name: &str,
        change: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        self.with(Action::Reshape(Reshape::Member(
            name.into(),
            Arc::new(change),
        )))
    }

    /// Every member of this name has this value instead, which is JSON word for word: `replace_member("s", "-1")`.
    #[must_use]
    pub fn replace_member(self, name: &str, json: &str) -> Self {
        self.with(Action::Reshape(Reshape::Replace(name.into(), json.into())))
    }

    /// Every result that is an object has one more member, at its end, whose value is JSON word for word: `add_member("e", "-17")`.
    /// Where there is one of that name already, there are two.
    #[must_use]
    pub fn add_member(self, name: &str, json: &str) -> Self {
        self.with(Action::Reshape(Reshape::Add(name.into(), json.into())))
    }

    /// Members of this name are missing.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        self.with(Action::Reshape(Reshape::Hide(name.into())))
    }

    /// Every object has members that nobody knows, the first of them in front.
    #[must_use]
    pub fn unknown_members(self) -> Self {
        self.with(Action::Reshape(Reshape::Unknown))
    }

    /// Numbers are sent as text.
    #[must_use]
    pub fn numbers_as_text(self) -> Self {
        self.with(Action::Reshape(Reshape::Quote))
    }

    /// Types are swapped: numbers become text, texts numbers.
    #[must_use]
    pub fn swapped_types(self) -> Self {
        self.with(Action::Reshape(Reshape::Swap))
    }

    /// The reply array lacks so many elements at its end.
    #[must_use]
    pub fn shorter_by(self, elements: usize) -> Self {
        self.with(Action::Reshape(Reshape::Shorter(elements)))
    }

    /// The reply array has so many elements more, all 0.
    #[must_use]
    pub fn longer_by(self, elements: usize) -> Self {
        self.with(Action::Reshape(Reshape::Longer(elements)))
    }

    /// The batch is answered in the dialect with sequence tags, or without, whatever the client asked for.
    #[must_use]
    pub fn dialect(self, tagged: bool) -> Self {
        self.with(Action::Dialect(tagged))
    }

    /// Everything is executed, but the reply is a page for people, as proxies send them.
    #[must_use]
    pub fn html(self) -> Self {
        self.body("<!DOCTYPE html><html><body><h1>It works!</h1></body></html>")
            .header("Content-Type", "text/html; charset=utf-8")
    }

    /// The body is compressed although nobody asked for it.
    #[must_use]
    pub fn gzip(self) -> Self {
        self.with(Action::Gzip)
    }

    /// Everything is executed, but the body is a small compressed one that unpacks to so many bytes: `[`, then zeros.
    #[must_use]
    pub fn gzip_bomb(self, bytes: u64) -> Self {
        self.with(Action::Bomb(bytes))
    }

    /// The reply gets this header, in the place of one with the same name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(Action::Header(name.into(), value.into()))
    }

    /// The upload or download address of this request is no longer valid (and stays so).
    #[must_use]
    pub fn expire_url(self) -> Self {
        self.with(Action::ExpireUrl)
    }

    /// The session of this request is ended before it is looked at.
    #[must_use]
    pub fn kill_session(self) -> Self {
        self.with(Action::KillSession)
    }

    /// A completed upload is not told: the part that completes it is acknowledged like any other.
    #[must_use]
    pub fn lose_token(self) -> Self {
        self.with(Action::LoseToken)
    }

    /// A part of an upload is kept, but answered with a completion token that means nothing.
    #[must_use]
    pub fn false_token(self) -> Self {
        self.with(Action::FalseToken)
    }

    /// The service forgets which request ids it has seen.
    #[must_use]
    pub fn forget_ids(self) -> Self {
        self.with(Action::ForgetIds)
    }

    /// The packets of an event reply are lost, and the position moves on.
    #[must_use]
    pub fn drop_events(self) -> Self {
        self.with(Action::DropEvents)
    }

    /// The packets of an event reply come twice.
    #[must_use]
    pub fn double_events(self) -> Self {
        self.with(Action::DoubleEvents)
    }

    /// The packets of an event reply come in reverse order.
    #[must_use]
    pub fn reverse_events(self) -> Self {
        self.with(Action::ReverseEvents)
    }

    /// An event request is answered as if nothing had happened since: what did comes later.
    #[must_use]
    pub fn late_events(self) -> Self {
        self.with(Action::LateEvents)
    }

    /// The position of an event reply is the one the client had before, so that it gets the same packets again.
    #[must_use]
    pub fn old_position(self) -> Self {
        self.with(Action::OldPosition)
    }

    /// The wait URL of an event reply is this one.
    #[must_use]
    pub fn wait_url(self, url: &str) -> Self {
        self.replace_member("w", &serde_json::Value::from(url).to_string())
    }

    fn with(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    fn matches(&self, call: &Call) -> bool {
        self.lane.is_none_or(|lane| lane == call.lane)
            && self
                .url
                .as_ref()
                .is_none_or(|part| call.path.contains(part.as_str()))
            && self
                .command
                .as_ref()
                .is_none_or(|name| call.command_names().contains(name))
    }
}
