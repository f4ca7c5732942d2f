//! Codes for two-factor authentication (crypto-and-accounts 2.10; RFC 6238 and RFC 4226).
//!
//! The command `mfas` gives a shared secret in base32. From it and the time come the six digits
//! that `us` and the other protected commands take as `mfa`. The time is passed in.
//!
//! ```
//! use mega_crypto::totp::TotpSecret;
//!
//! let secret = TotpSecret::from_base32("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")?;
//! assert_eq!(*secret.code_at(1_111_111_109), "081804");
//! # Ok::<(), mega_crypto::Error>(())
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::Error;
use crate::secret::opaque;

/// How long a code is shown, in seconds.
pub const STEP: u64 = 30;

/// The secret that server and user share.
///
/// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// Reads the base32 text that the server gives and people copy by hand: either case; blanks,
    /// hyphens and padding are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if there is any other character, or no whole byte; [`Error::TooLarge`]
    /// for more than 128 bytes.
    pub fn from_base32(text: &str) -> Result<Self, Error> {
        // Room for the longest, so that no part is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
        let (mut held, mut bits) = (0_u16, 0);
        for character in text.bytes() {
            let value = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a',
                b'2'..=b'7' => character - b'2' + 26,
                b' ' | b'-' | b'=' | b'\t' | b'\r' | b'\n' => continue,
                _ => return Err(malformed("it has a character that is not base32")),
            };
            held = (held << 5) | u16::from(value);
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                if bytes.len() == LONGEST {
                    return Err(Error::TooLarge {
                        what: WHAT,
                        limit: LONGEST,
                    });
                }
                bytes.push((held >> bits) as u8);
                held &= (1 << bits) - 1;
            }
        }
        if bytes.is_empty() {
            return Err(malformed("it is too short"));
        }
        Ok(Self(bytes))
    }

    /// The code at a time, in seconds since 1970: six digits.
    pub fn code_at(&self, unix_seconds: u64) -> Zeroizing<String> {
        self.code_of_step(unix_seconds / STEP)
    }

    /// The code of one step of 30 seconds, counted from 1970: six digits. A server usually accepts
    /// the steps before and after as well.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn code_of_step(&self, step: u64) -> Zeroizing<String> {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("a key of any length");
        mac.update(&step.to_be_bytes());
        let hash: [u8; 20] = mac.finalize().into_bytes().into();
        // RFC 4226, 5.3: the low four bits of the last byte say where four bytes are taken.
        let offset = usize::from(hash.last().copied().unwrap_or_default() & 15);
        let word = hash
            .get(offset..)
            .and_then(|hash| hash.first_chunk())
            .map_or(0, |word| u32::from_be_bytes(*word) & 0x7fff_ffff);
        Zeroizing::new(format!("{:06}", word % 1_000_000))
    }

    /// For how many more seconds the code of this time is shown: 1 to 30. With little left, wait
    /// for the next one.
    pub const fn seconds_left(unix_seconds: u64) -> u64 {
        STEP - unix_seconds % STEP
    }
}

opaque!(TotpSecret);

impl subtle::ConstantTimeEq for TotpSecret {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl PartialEq for TotpSecret {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self, other).into()
    }
}

impl Eq for TotpSecret {}

const fn malformed(reason: &'static str) -> Error {
    Error::Malformed { what: WHAT, reason }
}

const WHAT: &str = "secret for two-factor codes";
const LONGEST: usize = 128;
