//! The proof of work of HTTP 402 (api-and-transfers 1.5).

use sha2::{Digest as _, Sha256};

use super::{Call, Reply, Service};
use crate::wire::{b64, unb64_exact};

impl Service {
    /// A challenge, unless the request carries a valid answer to one. Every token is good once, and not for ever.
    pub(super) fn challenge(&self, call: &Call, easiness: u8) -> Option<Reply> {
        let mut model = self.lock();
        if let Some(answer) = call.header("x-hashcash")
            && let Some((token, prefix)) = parse(answer)
            && let Some(at) = model.challenges.iter().position(|(t, _)| *t == token)
        {
            let (_, issued) = model.challenges.remove(at);
            let fresh = model.now().saturating_sub(issued) <= LIFETIME;
            drop(model);
            if fresh && solves(&token, prefix, easiness) {
                return None;
            }
            model = self.lock();
        }
        let token = b64(&model.seed.array::<48>());
        let now = model.now();
        model.challenges.push((token.clone(), now));
        if model.challenges.len() > 1000 {
            model.challenges.remove(0);
        }
        let challenge = format!("1:{easiness}:{}:{token}", model.now());
        Some(Reply::empty(402).header("X-Hashcash", challenge))
    }
}

/// Seconds for which a token is good: what the SDK counts on (src/hashcash.cpp).
const LIFETIME: i64 = 300;

fn parse(answer: &str) -> Option<(String, [u8; 4])> {
    let mut parts = answer.trim().split(':');
    let ("1", token, prefix) = (parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    Some((token.to_owned(), unb64_exact(prefix)?))
}

/// Whether this prefix answers the challenge.
pub(crate) fn solves(token: &str, prefix: [u8; 4], easiness: u8) -> bool {
    let Some(token) = unb64_exact::<48>(token) else {
        return false;
    };
    let mut hash = Sha256::new();
    hash.update(prefix);
    let run = token.repeat(4096);
    for _ in 0..64 {
        hash.update(&run);
    }
    let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
    u32::from_be_bytes([a, b, c, d]) <= threshold(easiness)
}

/// The largest first word of a hash that is accepted.
pub(crate) fn threshold(easiness: u8) -> u32 {
    ((u32::from(easiness & 63) << 1) + 1) << (u32::from(easiness >> 6) * 7 + 3)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;

    use super::*;
    use crate::clock::Clock;
    use crate::service::Outcome;

    const EASY: u8 = 255;

    /// A service that wants work for every sign-in.
    fn service() -> std::sync::Arc<Service> {
        let clock = Clock::frozen_at(1_700_000_000);
        let builder = Service::builder().clock(clock);
        builder.options(|o| o.hashcash = Some(EASY)).in_memory()
    }

    /// The challenge of a request that brings this answer; `None` when it was let through.
    fn ask(service: &Service, answer: &str) -> Option<String> {
        let mut request = Request::post("/cs?id=1");
        if !answer.is_empty() {
            request = request.header("X-Hashcash", answer);
        }
        let body = r#"[{"a":"us0","user":"me@example.com"}]"#;
        let Outcome::Reply(reply) = service.handle(request.body(body.into()).unwrap()) else {
            panic!("nothing is held here");
        };
        let challenge = reply.headers.iter().find(|(n, _)| n == "X-Hashcash");
        assert_eq!(reply.status == 402, challenge.is_some());
        challenge.map(|(_, value)| value.clone())
    }

    /// An answer to a challenge that is right, or wrong.
    fn answer(challenge: &str, right: bool) -> String {
        let token = challenge.split(':').nth(3).unwrap();
        let mut prefixes = (0_u32..).map(u32::to_be_bytes);
        let prefix = prefixes.find(|p| solves(token, *p, EASY) == right).unwrap();
        format!("1:{token}:{}", b64(&prefix))
    }

    #[test]
    fn a_token_is_good_once_and_for_five_minutes() {
        let service = service();
        let first = ask(&service, "").unwrap();
        assert!(first.starts_with("1:255:1700000000:"), "{first}");
        let good = answer(&first, true);
        service.clock().advance(Duration::from_secs(300));
        assert_eq!(ask(&service, &good), None);
        let again = ask(&service, &good).unwrap();
        assert_ne!(again, first, "a new one each time");

        let late = answer(&again, true);
        service.clock().advance(Duration::from_secs(301));
        let third = ask(&service, &late).unwrap();
        let wrong = answer(&third, false);
        let fourth = ask(&service, &wrong).unwrap();
        let burnt = answer(&third, true);
        assert!(ask(&service, &burnt).is_some(), "a wrong answer uses it up");
        for nonsense in ["1", "2:x:y", "1:AAAA:AAAAAA", "::::"] {
            assert!(ask(&service, nonsense).is_some(), "{nonsense}");
        }
        assert_eq!(ask(&service, &answer(&fourth, true)), None);
    }

    #[test]
    fn thresholds_follow_the_table() {
        for (easiness, want) in [
            (0, 8),
            (63, 1016),
            (64, 1024),
            (128, 1 << 17),
            (180, 13_762_560),
            (192, 1 << 24),
            (255, 0x7F00_0000),
        ] {
            assert_eq!(threshold(easiness), want);
        }
    }
}
