use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::MAX_LEN;
use crate::Error;
use crate::secret::opaque;

/// The named records of a user attribute, each name once, in byte order of the names.
///
/// Names are bytes without a zero among them, mostly ASCII; values are any bytes. Many are secrets,
/// so all values are wiped when dropped and `Debug` shows the type's name only.
#[derive(Clone, Default)]
pub struct Records(BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>);

impl Records {
    /// No records.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads records: `name || 0 || length (2, big-endian) || value`, to the end. Of two with the
    /// same name the later one counts.
    ///
    /// Two oddities are understood, as in the official client: a plaintext of at least 65538 bytes
    /// whose first name is empty is that one record, whatever its length field says; and bytes that
    /// an old mistake turned into UTF-8 are turned back, if the records cannot be read otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if neither gives whole records, [`Error::TooLarge`] beyond [`MAX_LEN`].
    pub fn parse(plain: &[u8]) -> Result<Self, Error> {
        if plain.len() > MAX_LEN {
            return Err(TOO_LARGE);
        }
        read(plain)
            .or_else(|| read(&repaired(plain)?))
            .ok_or(Error::Malformed {
                what: WHAT,
                reason: "a record is cut off",
            })
    }

    /// Writes the records, in byte order of their names.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if a value has more than 65535 bytes. Only a record that is alone and
    /// has an empty name may, up to [`MAX_LEN`]. The same error if there are other records beside
    /// one with an empty name, and 65538 bytes or more in all: readers would take everything for
    /// its value.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let sizes = self
            .0
            .iter()
            .map(|(name, value)| name.len() + 3 + value.len());
        let total = sizes.fold(0, usize::saturating_add);
        if total > MAX_LEN {
            return Err(TOO_LARGE);
        }
        let nameless = self.0.contains_key(&[][..]);
        if total >= LONG && nameless && self.0.len() > 1 {
            return Err(RECORD_TOO_LARGE);
        }
        let mut plain = Zeroizing::new(Vec::with_capacity(total));
        for (name, value) in &self.0 {
            let len = match u16::try_from(value.len()) {
                Ok(len) => len,
                Err(_) if name.is_empty() => u16::MAX,
                Err(_) => return Err(RECORD_TOO_LARGE),
            };
            plain.extend_from_slice(name);
            plain.push(0);
            plain.extend_from_slice(&len.to_be_bytes());
            plain.extend_from_slice(value);
        }
        Ok(plain)
    }

    /// The value of a record, of any length.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.0.get(name.as_ref()).map(|value| value.as_slice())
    }

    /// Sets a record.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if there is a zero byte in the name.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Error> {
        let name = name.as_ref();
        if name.contains(&0) {
            return Err(Error::Malformed {
                what: "name of a user attribute's record",
                reason: "it has a zero byte",
            });
        }
        let value = Zeroizing::new(value.as_ref().to_vec());
        self.0.insert(name.to_vec(), value);
        Ok(())
    }

    /// Takes a record out. Whether it was there.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> bool {
        self.0.remove(name.as_ref()).is_some()
    }

    /// Names and values, in byte order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

opaque!(Records);

impl subtle::ConstantTimeEq for Records {
    /// Names are no secrets, so only values are compared in constant time.
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        if !self.0.keys().eq(other.0.keys()) {
            return subtle::Choice::from(0);
        }
        let values = self.0.values().zip(other.0.values());
        values
            .map(|(one, other)| one.as_slice().ct_eq(other.as_slice()))
            .fold(subtle::Choice::from(1), |all, same| all & same)
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self, other).into()
    }
}

impl Eq for Records {}

fn read(mut plain: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    if plain.len() >= LONG
        && let Some((&[0, _, _], value)) = plain.split_first_chunk()
    {
        let value = Zeroizing::new(value.to_vec());
        records.0.insert(Vec::new(), value);
        return Some(records);
    }
    while !plain.is_empty() {
        let end = plain.iter().position(|byte| *byte == 0)?;
        let (name, rest) = plain.split_at_checked(end)?;
        let (&[_, high, low], rest) = rest.split_first_chunk()?;
        let len = u16::from_be_bytes([high, low]);
        let (value, rest) = rest.split_at_checked(len.into())?;
        let value = Zeroizing::new(value.to_vec());
        records.0.insert(name.to_vec(), value);
        plain = rest;
    }
    Some(records)
}

/// Undoes the old mistake of taking each byte for a character and storing its UTF-8.
fn repaired(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = core::str::from_utf8(plain).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(plain.len()));
    for character in text.chars() {
        bytes.push(u8::try_from(u32::from(character)).ok()?);
    }
    Some(bytes)
}

/// From so many bytes on, an empty name at the beginning means one long record: name, length and
/// 65535 bytes.
const LONG: usize = 1 + 2 + 0xffff;
const WHAT: &str = "user attribute";
const TOO_LARGE: Error = Error::TooLarge {
    what: WHAT,
    limit: MAX_LEN,
};
const RECORD_TOO_LARGE: Error = Error::TooLarge {
    what: "record of a user attribute",
    limit: 0xffff,
};
