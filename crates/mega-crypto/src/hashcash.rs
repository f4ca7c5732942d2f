//! The proof of work that the server may ask for (HTTP 402; crypto-and-accounts 2.12; SDK
//! `src/hashcash.cpp`).
//!
//! Any request may be answered with a challenge in the header `X-Hashcash`. Find four bytes that
//! fit and repeat the same request with the answer in the same header. Each attempt hashes twelve
//! MiB, so this takes seconds to minutes: run it off an asynchronous executor, and give it a bound
//! (threat model, LIM-9).
//!
//! ```
//! use mega_crypto::hashcash::{ATTEMPT_LIMIT, Challenge};
//!
//! let token = "rSmpMrcKJBy8PFFMAnpSUxvpoI01ub0Uk0w7FyQUG7OkJSpebZCIq0cav2VdrA5X";
//! let challenge = Challenge::parse(&format!("1:255:1700000000:{token}"))?;
//! assert_eq!(challenge.expected_attempts(), 3);
//!
//! // Another thread may set a flag to stop it. With two threads, let one try the even numbers and
//! // one the odd.
//! let stop = core::sync::atomic::AtomicBool::new(false);
//! let cancelled = || stop.load(core::sync::atomic::Ordering::Relaxed);
//! let proof = challenge.solve(0..=u32::MAX, ATTEMPT_LIMIT, cancelled)?.expect("one fits");
//! assert!(challenge.verify(proof));
//! assert!(challenge.answer(proof).starts_with("1:rSmpMrcKJBy8"));
//! # Ok::<(), mega_crypto::Error>(())
//! ```

use alloc::format;
use alloc::string::String;

use sha2::{Digest, Sha256};

use crate::{Error, base64};

/// The name of the header that carries both challenge and answer.
pub const HEADER: &str = "X-Hashcash";

/// A bound for [`Challenge::solve`] that suits most programs: 120 seconds of a processor that
/// hashes 200 MB/s (threat model, LIM-9). Processors with SHA instructions are ten times as fast.
pub const ATTEMPT_LIMIT: u64 = 2000;

/// How many bytes one attempt hashes.
pub const BYTES_PER_ATTEMPT: usize = 4 + REPEATS * TOKEN;

/// A challenge out of the header `X-Hashcash` of an answer with status 402.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    easiness: u8,
    timestamp: u64,
    token: [u8; TOKEN],
}

impl Challenge {
    /// Reads the value of the header: `1:<easiness>:<timestamp>:<token>`.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for another form, [`Error::Unsupported`] for another version than 1.
    pub fn parse(header: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Malformed {
            what: "proof of work challenge",
            reason: "it must be version, easiness, time and 48 bytes of token, with colons between",
        };
        let mut fields = header.trim().split(':');
        let mut field = || fields.next().ok_or(FORM);
        let version: u32 = number(field()?).ok_or(FORM)?;
        if version != 1 {
            return Err(Error::Unsupported {
                what: "proof of work challenge",
                value: version,
            });
        }
        let challenge = Self {
            easiness: number(field()?).ok_or(FORM)?,
            timestamp: number(field()?).ok_or(FORM)?,
            token: base64::decode_array(field()?).map_err(|_| FORM)?,
        };
        match fields.next() {
            None => Ok(challenge),
            Some(_) => Err(FORM),
        }
    }

    /// How easy it is, from 0 (hopeless) to 255 (two attempts).
    pub const fn easiness(&self) -> u8 {
        self.easiness
    }

    /// When the server made it, in seconds since 1970. Answers are accepted for a limited time; the
    /// official client plans for five minutes.
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The number that the first four bytes of the hash, big-endian, must not exceed.
    pub const fn threshold(&self) -> u32 {
        let mantissa = ((self.easiness as u32 & 63) << 1) + 1;
        mantissa << ((self.easiness as u32 >> 6) * 7 + 3)
    }

    /// How many attempts it takes on average, rounded up.
    pub const fn expected_attempts(&self) -> u64 {
        (1_u64 << 32).div_ceil(self.threshold() as u64 + 1)
    }

    /// Whether the four bytes, big-endian, are a proof.
    pub fn verify(&self, proof: u32) -> bool {
        self.attempt(proof) <= self.threshold()
    }

    /// Tries the candidates in turn; `None` if none of them is a proof.
    ///
    /// `cancelled` is asked before each attempt, that is every 5 to 100 milliseconds.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchWork`] if the expected number of attempts, over all candidates of all
    /// threads, exceeds the limit, before any work is done; [`Error::Cancelled`].
    pub fn solve(
        &self,
        candidates: impl IntoIterator<Item = u32>,
        attempt_limit: u64,
        mut cancelled: impl FnMut() -> bool,
    ) -> Result<Option<u32>, Error> {
        let expected = self.expected_attempts();
        if expected > attempt_limit {
            return Err(Error::TooMuchWork {
                expected,
                limit: attempt_limit,
            });
        }
        for candidate in candidates {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            if self.attempt(candidate) <= self.threshold() {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// The value of the header `X-Hashcash` for the repeated request: `1:<token>:<proof>`, the token in 64 characters of base64,
    /// the proof as four bytes, big-endian, in 6.
    pub fn answer(&self, proof: u32) -> String {
        let token = base64::encode(&self.token);
        format!("1:{token}:{}", base64::encode(&proof.to_be_bytes()))
    }

    /// The first four bytes of the hash.
    fn attempt(&self, candidate: u32) -> u32 {
        // Everything depends on the prefix, so nothing can be kept from one attempt to the next.
        // The rest of the message repeats, so a block that stays in the processor's first cache is
        // fed again and again.
        let block = [self.token; TOKENS_PER_BLOCK];
        let mut hash = Sha256::new();
        hash.update(candidate.to_be_bytes());
        for _ in 0..REPEATS / TOKENS_PER_BLOCK {
            hash.update(block.as_flattened());
        }
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// A plain decimal number; no sign.
fn number<N: core::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

const TOKEN: usize = 48;
const REPEATS: usize = 262_144;
/// A multiple of four, so that a block is whole hash blocks; a divisor of the repeats.
const TOKENS_PER_BLOCK: usize = 128;
