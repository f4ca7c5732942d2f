//! The proof of work that the service may demand (HTTP 402, api-and-transfers 1.5).
//!
//! This crate reads the challenge, bounds the work (LIM-9) and writes the answer. Doing the work is
//! a job for a solver that the caller supplies, off the executor.

use std::fmt;

use crate::base64;

/// A demanded proof of work.
#[derive(Clone, PartialEq, Eq)]
pub struct HashcashChallenge {
    easiness: u8,
    token: [u8; 48],
    token_text: String,
}

impl HashcashChallenge {
    /// Reads the header `X-Hashcash: 1:<easiness>:<unix time>:<token>`.
    pub fn parse(header: &str) -> Option<Self> {
        let mut fields = header.trim().split(':');
        if fields.next()? != "1" {
            return None;
        }
        let easiness = fields.next()?;
        if easiness.is_empty() || !easiness.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let easiness = easiness.parse().ok()?;
        let _time = fields.next()?;
        let token_text = fields.next()?;
        // The SDK reads the first four fields and ignores what follows.
        if token_text.len() != 64 {
            return None;
        }
        let token = base64::decode_exact(token_text.as_bytes())?;
        Some(Self {
            easiness,
            token,
            token_text: token_text.to_owned(),
        })
    }

    /// The token, 48 bytes.
    pub fn token(&self) -> &[u8; 48] {
        &self.token
    }

    /// How easy it is: larger is easier.
    pub fn easiness(&self) -> u8 {
        self.easiness
    }

    /// The largest first word, big endian, of the SHA-256 of prefix and repeated token that counts.
    pub fn threshold(&self) -> u32 {
        let base = (u32::from(self.easiness) & 63) * 2 + 1;
        // At most 127 << 24, which fits.
        base << ((u32::from(self.easiness) >> 6) * 7 + 3)
    }

    /// How many tries it takes on average. Each hashes 12 MiB.
    pub fn expected_tries(&self) -> u64 {
        (1u64 << 32) / (u64::from(self.threshold()) + 1)
    }

    /// The value of the answering header for a prefix that was found.
    pub(crate) fn answer(&self, prefix: [u8; 4]) -> String {
        format!("1:{}:{}", self.token_text, base64::encode(&prefix))
    }
}

impl fmt::Debug for HashcashChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashcashChallenge(easiness {})", self.easiness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(easiness: u8) -> HashcashChallenge {
        HashcashChallenge::parse(&format!("1:{easiness}:1760000000:{}", "A".repeat(64))).unwrap()
    }

    #[test]
    fn thresholds_follow_the_table() {
        for (easiness, threshold) in [
            (0, 8),
            (63, 1016),
            (64, 1024),
            (128, 1 << 17),
            (180, 13_762_560),
            (192, 1 << 24),
            (255, 0x7f00_0000),
        ] {
            assert_eq!(challenge(easiness).threshold(), threshold);
        }
        assert_eq!(challenge(255).expected_tries(), 2);
        assert_eq!(challenge(180).expected_tries(), 312);
    }

    #[test]
    fn challenges_of_another_form_are_not_read() {
        let token = "A".repeat(64);
        for bad in [
            format!("2:255:1:{token}"),
            format!("1:256:1:{token}"),
            format!("1:+5:1:{token}"),
            format!("1:255:{token}"),
            format!("1:255:1:{}", "A".repeat(63)),
            format!("1:255:1:{}", "!".repeat(64)),
            String::new(),
        ] {
            assert_eq!(HashcashChallenge::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn the_answer_repeats_the_token() {
        assert_eq!(
            challenge(255).answer([1, 0, 0, 0]),
            format!("1:{}:AQAAAA", "A".repeat(64))
        );
    }
}
