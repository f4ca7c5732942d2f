use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::Error;
use crate::secret::{SecretBytes, opaque};

/// Named values inside `^!keys`: name length (1), name, value length (2, big-endian), value. The
/// length 0xFFFF means that the real one follows in four bytes (crypto-and-accounts 3.6).
///
/// The order is kept; of two values with the same name the later one counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Ltlv {
    entries: Vec<(Vec<u8>, SecretBytes)>,
}

impl Ltlv {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    pub(super) fn parse(mut bytes: &[u8], what: &'static str) -> Result<Self, Error> {
        let mut list = Self::new();
        let mut places = BTreeMap::new();
        while !bytes.is_empty() {
            let (name, value, rest) = split(bytes).ok_or(Error::Malformed {
                what,
                reason: "an entry is cut off",
            })?;
            let value = SecretBytes::from(value.to_vec());
            let place = *places.entry(name).or_insert(list.entries.len());
            match list.entries.get_mut(place) {
                Some((_, earlier)) => *earlier = value,
                None => list.entries.push((name.to_vec(), value)),
            }
            bytes = rest;
        }
        Ok(list)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        const TOO_LARGE: Error = Error::TooLarge {
            what: "entry of the ^!keys attribute",
            limit: super::container::MAX_LEN,
        };
        for (name, value) in &self.entries {
            out.push(u8::try_from(name.len()).map_err(|_| TOO_LARGE)?);
            out.extend_from_slice(name);
            match u16::try_from(value.len()) {
                Ok(len) if len != LONG => out.extend_from_slice(&len.to_be_bytes()),
                _ => {
                    let len = u32::try_from(value.len()).map_err(|_| TOO_LARGE)?;
                    out.extend_from_slice(&LONG.to_be_bytes());
                    out.extend_from_slice(&len.to_be_bytes());
                }
            }
            out.extend_from_slice(value);
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let entry = self.entries.iter().find(|(other, _)| other == name);
        entry.map(|(_, value)| &**value)
    }

    /// Sets a value. The names are ours and short.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let value = SecretBytes::from(value.to_vec());
        match self.entries.iter_mut().find(|(other, _)| other == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.entries.push((name.to_vec(), value)),
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(other, _)| other != name);
        self.entries.len() < before
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let entries = self.entries.iter();
        entries.map(|(name, value)| (name.as_slice(), &**value))
    }
}

opaque!(Ltlv);

/// Name, value and rest.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*len))?;
    let (len, rest) = rest.split_first_chunk()?;
    let (len, rest) = match u16::from_be_bytes(*len) {
        LONG => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::try_from(u32::from_be_bytes(*len)).ok()?, rest)
        }
        len => (usize::from(len), rest),
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((name, value, rest))
}

const LONG: u16 = 0xffff;

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The member `keys_container.ltlv_long` of the vectors.
    #[test]
    fn a_value_of_65535_bytes_takes_the_long_form() {
        let mut list = Ltlv::new();
        list.set(b"name", &[0; 65535]);
        list.set(b"n2", &[0; 65534]);
        let mut bytes = Vec::new();
        list.write(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 131_085);
        assert_eq!(bytes[..11], *b"\x04name\xff\xff\0\0\xff\xff");
        let hash = <[u8; 32]>::from(Sha256::digest(&bytes));
        assert_eq!(hash[..4], [0x9c, 0xe7, 0x13, 0x80]);
        assert_eq!(hash[28..], [0x21, 0x69, 0x06, 0x60]);
        assert!(Ltlv::parse(&bytes, "").unwrap() == list);
        for cut in [0, 1, 4, 5, 6, 8, 10, 500, 65545, 65546] {
            assert_eq!(
                Ltlv::parse(&bytes[..cut], "").is_ok(),
                cut == 0 || cut == 65546
            );
        }
    }

    #[test]
    fn order_is_kept_and_the_later_of_two_counts() {
        let bytes = b"\x01b\0\x01x\x01a\0\0\x01b\0\x01y\0\0\x01z";
        let mut list = Ltlv::parse(bytes, "").unwrap();
        assert_eq!(list.get(b"b"), Some(&b"y"[..]));
        assert_eq!(list.get(b""), Some(&b"z"[..]));
        let mut written = Vec::new();
        list.write(&mut written).unwrap();
        assert_eq!(written, b"\x01b\0\x01y\x01a\0\0\0\0\x01z");
        assert!(list.remove(b"a") && !list.remove(b"a"));
        assert_eq!(list.iter().count(), 2);
    }
}
