//! What can go wrong with one request, drawn from the seed.

use std::time::Duration;

use crate::rng::Rng;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Api,
    Events,
    Wait,
    Upload,
    Download,
}

impl Lane {
    pub(crate) fn of(path: &str) -> Self {
        let first = path.trim_start_matches('/').split(['/', '?']).next();
        match first {
            Some("sc" | "wsc") => Self::Events,
            Some("w") => Self::Wait,
            Some("ul") => Self::Upload,
            Some("dl") => Self::Download,
            _ => Self::Api,
        }
    }
}

/// One thing that goes wrong. Places in a body are given in thousandths of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection.
    Refused,
    /// The request is lost on its way.
    LostBefore,
    /// It is executed, and the reply is lost.
    LostAfter,
    /// It is executed, the reply is lost, and the service forgets that it has seen the request.
    LostAndForgotten,
    /// An HTTP status instead of an execution.
    Status(u16),
    /// A number instead of an execution.
    Number(i8),
    /// It is executed, and the connection breaks inside the reply.
    Cut(u64),
    /// It is executed, and the reply is shorter, with a length that says so.
    Short(u64),
    /// A byte of a content is another one when it arrives.
    Corrupt(u64),
    /// The reply comes late.
    Late(Duration),
    /// It is executed, and there never is a reply.
    Stall,
    /// Action packets come twice within a reply.
    Doubled,
    /// The previous batch of action packets comes once more.
    Repeated,
}

impl Fault {
    /// Draws a fault that can happen on a lane.
    pub(crate) fn draw(lane: Lane, rng: &mut Rng) -> Self {
        let place = rng.below(1000);
        let late = Duration::from_millis(rng.between(100, 40_000));
        let common = [
            Self::Refused,
            Self::LostBefore,
            Self::LostAfter,
            Self::Status(500),
            Self::Status(503),
            Self::Cut(place),
            Self::Late(late),
            Self::Stall,
        ];
        let own: &[Self] = match lane {
            Lane::Api => &[
                Self::Number(-3),
                Self::Number(-4),
                Self::LostAfter,
                Self::Short(place),
                Self::LostAndForgotten,
            ],
            Lane::Events => &[
                Self::Doubled,
                Self::Doubled,
                Self::Repeated,
                Self::Repeated,
                Self::Late(late),
                Self::Number(-3),
            ],
            Lane::Wait => &[Self::Late(late)],
            Lane::Upload => &[Self::Corrupt(place), Self::Number(-4)],
            Lane::Download => &[
                Self::Corrupt(place),
                Self::Corrupt(place),
                Self::Short(place),
            ],
        };
        let all: Vec<Self> = common.iter().chain(own).copied().collect();
        rng.pick(&all).copied().unwrap_or(Self::Refused)
    }

    /// A fault that lasts: it hits every request of a time.
    pub(crate) fn outage(rng: &mut Rng) -> Self {
        let kinds = [
            Self::Refused,
            Self::LostBefore,
            Self::LostAfter,
            Self::LostAfter,
            Self::Status(500),
            Self::Number(-3),
            Self::Stall,
            Self::Cut(500),
        ];
        rng.pick(&kinds).copied().unwrap_or(Self::Refused)
    }
}
