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
    use super::*;

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
