//! What a fault does to one request.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::reshape::Reshape;
use crate::seed::Seed;
use crate::service::{Body, Manner, Reply};

/// One thing that goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Scoped to the commands of this name when drawn.
    Code(i64),
    CommandCode(String, i64),
    Batch(i64),
    Status {
        code: u16,
        time_left: Option<i64>,
    },
    Redirect(String),
    Hashcash(u8),
    DropBefore,
    Refuse,
    Overtaken(u32),
    Manner(Manner),
    CutWithin(u64),
    Reset,
    StaleBody,
    Extend(u64),
    Truncate(u64),
    Corrupt(u64),
    CorruptWithin(u64),
    CorruptFile(u64),
    Delay(Duration),
    Replace(Bytes),
    Rewrite(Rewriter),
    Reshape(Reshape),
    Dialect(bool),
    Gzip,
    Bomb(u64),
    LoseToken,
    FalseToken,
    Header(String, String),
    ExpireUrl,
    KillSession,
    ForgetIds,
    DropEvents,
    DoubleEvents,
    ReverseEvents,
    LateEvents,
    OldPosition,
}

#[derive(Clone)]
pub(crate) struct Rewriter(pub(super) Arc<dyn Fn(String) -> String + Send + Sync>);

impl fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewriter")
    }
}

impl Action {
    /// How the journal names it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Replace(body) => format!("Replace({} bytes)", body.len()),
            other => format!("{other:?}"),
        }
    }

    /// The action with everything decided that is left to the seed.
    pub(crate) fn settle(&self, seed: &mut Seed) -> Self {
        match self {
            Self::CutWithin(bytes) => Self::Manner(Manner::Cut(seed.below(*bytes))),
            Self::CorruptWithin(bytes) => Self::Corrupt(seed.below(*bytes)),
            other => other.clone(),
        }
    }

    /// Does to a finished reply what this action does to replies.
    pub(crate) fn spoil(&self, mut reply: Reply) -> Reply {
        match self {
            Self::Manner(manner) => reply.delivery.manner = manner.clone(),
            Self::Delay(time) => reply.delivery.delay = Some(*time),
            Self::Truncate(at) => reply.body = reply.body.take(*at),
            Self::Corrupt(at) => reply.body = reply.body.corrupt(*at),
            Self::Replace(body) => reply.body = Body::Whole(body.clone()),
            Self::Reset => reply.delivery.reset = true,
            Self::Extend(bytes) => reply.body = reply.body.extend(*bytes),
            Self::Reshape(reshape) => {
                let text = String::from_utf8_lossy(&reply.body.into_bytes()).into_owned();
                reply.body = Body::Whole(reshape.apply(&text).into());
            }
            Self::Gzip => reply = reply.compress_always(),
            Self::Bomb(bytes) => {
                reply.body = Body::Whole(Bytes::from_static(b"[")).extend(*bytes);
                reply = reply.compress_always();
            }
            Self::Rewrite(Rewriter(change)) => {
                let text = String::from_utf8_lossy(&reply.body.into_bytes()).into_owned();
                reply.body = Body::Whole(change(text).into());
            }
            Self::Header(name, value) => {
                reply.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                reply
                    .headers
                    .push((Cow::Owned(name.clone()), value.clone()));
            }
            _ => {}
        }
        reply
    }
}
