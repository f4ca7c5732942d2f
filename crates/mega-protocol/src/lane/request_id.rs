//! The number of a request, by which the service knows it has seen it.

use std::fmt;

use crate::random::Random;

/// Ten letters. The first one of a lane is random; each further batch gets the next, counted like an
/// odometer from the last letter (api-and-transfers 2.4, RTY-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 10]);

impl RequestId {
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut letters = [b'a'; 10];
        for letter in &mut letters {
            *letter = b'a' + u8::try_from(random.up_to(25)).unwrap_or(0);
        }
        Self(letters)
    }

    #[must_use]
    pub(crate) fn next(self) -> Self {
        let mut letters = self.0;
        for letter in letters.iter_mut().rev() {
            if *letter < b'z' {
                *letter += 1;
                break;
            }
            *letter = b'a';
        }
        Self(letters)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only letters are ever stored.
        f.pad(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_like_an_odometer() {
        let id = |s: &str| RequestId(s.as_bytes().try_into().unwrap());
        assert_eq!(id("qkzbrtwlma").next(), id("qkzbrtwlmb"));
        assert_eq!(id("aaaaaaaazz").next(), id("aaaaaaabaa"));
        assert_eq!(id("zzzzzzzzzz").next(), id("aaaaaaaaaa"));
    }

    #[test]
    fn rty_2_ids_start_at_different_places() {
        let start = |seed| RequestId::random(&mut Random::new(seed)).to_string();
        assert_ne!(start(1), start(2));
        assert!(start(3).bytes().all(|b| b.is_ascii_lowercase()));
    }
}
