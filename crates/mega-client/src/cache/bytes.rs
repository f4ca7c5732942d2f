//! Numbers and texts as bytes, and back without believing any of them.

use zeroize::Zeroizing;

/// Plaintext of the cache: holds keys, so it is wiped.
pub(crate) type Plain = Zeroizing<Vec<u8>>;

/// Appends values.
pub(crate) trait Put {
    /// As it is.
    fn raw(&mut self, bytes: &[u8]);

    fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// Seven bits in each byte, the lowest first; all but the last byte have the top bit.
    fn number(&mut self, mut number: u64) {
        let mut bytes = [0; 10];
        let mut len = 0;
        for byte in &mut bytes {
            len += 1;
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            *byte = low & 0x7F;
            if number == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.raw(bytes.get(..len).unwrap_or_default());
    }

    /// Small for numbers near zero on both sides.
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// The length, then the bytes.
    fn text(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.raw(bytes);
    }

    fn maybe<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }
}

impl Put for Vec<u8> {
    fn raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Reads values; `None` for whatever is not as [`Put`] writes it.
pub(crate) struct Get<'a>(&'a [u8]);

impl<'a> Get<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(crate) fn borrowed<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if place == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.text()?).ok()
    }

    pub(crate) fn maybe<T>(
        &mut self,
        get: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => get(self).map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_come_back_as_they_were(number: u64, signed: i64, text: Vec<u8>, maybe: Option<u64>) {
            let mut bytes = Vec::new();
            bytes.number(number);
            bytes.signed(signed);
            bytes.text(&text);
            bytes.maybe(maybe, Put::number);
            let mut get = Get::new(&bytes);
            prop_assert_eq!(get.number(), Some(number));
            prop_assert_eq!(get.signed(), Some(signed));
            prop_assert_eq!(get.text(), Some(text.as_slice()));
            prop_assert_eq!(get.maybe(Get::number), Some(maybe));
            prop_assert!(get.is_empty());
            prop_assert_eq!(get.byte(), None);
        }

        #[test]
        fn anything_can_be_read_and_nothing_is_believed(bytes: Vec<u8>) {
            let mut get = Get::new(&bytes);
            while get.text().is_some() || get.byte().is_some() {}
            prop_assert!(get.is_empty());
        }
    }

    #[test]
    fn numbers_have_an_end() {
        assert_eq!(Get::new(&[0xFF; 10]).number(), None);
        assert_eq!(Get::new(&[0x80; 20]).number(), None);
        assert_eq!(Get::new(&[0xFF; 9]).number(), None);
        assert_eq!(Get::new(&[0x05]).text(), None);
    }
}
