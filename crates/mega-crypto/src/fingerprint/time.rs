use crate::Error;

use super::WHAT;

/// A number as a count byte and that many bytes, little-endian, without leading zeros; zero is the
/// single byte 0 (SDK `include/mega/serialize64.h`; crypto-and-accounts 7.3).
///
/// ```
/// use mega_crypto::fingerprint::Serialize64;
/// assert_eq!(Serialize64::signed(256).as_bytes(), [2, 0, 1]);
/// assert_eq!(Serialize64::signed(-1).as_bytes(), [8, 255, 255, 255, 255, 255, 255, 255, 255]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serialize64 {
    bytes: [u8; 9],
}

impl Serialize64 {
    /// A time: 64-bit two's complement, so negative ones take all 8 bytes.
    pub fn signed(number: i64) -> Self {
        Self::unsigned(number.cast_unsigned())
    }

    /// A size in bytes.
    pub fn unsigned(number: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
        // At most 8.
        let count = (u64::BITS - number.leading_zeros()).div_ceil(8) as u8;
        Self {
            bytes: [count, a, b, c, d, e, f, g, h],
        }
    }

    /// The count byte and the bytes it counts: 1 to 9 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        let [count, ..] = self.bytes;
        self.bytes.get(..=usize::from(count)).unwrap_or(&self.bytes)
    }
}

/// Reads a number and gives what follows it. Leading zero bytes, which no client writes, are allowed.
///
/// Of a time, take the bits as two's complement: `as i64` or [`u64::cast_signed`].
///
/// # Errors
///
/// [`Error::Malformed`] if the count is missing or above 8, or if there are fewer bytes than that.
pub fn decode_u64(bytes: &[u8]) -> Result<(u64, &[u8]), Error> {
    let malformed = |reason| Error::Malformed { what: WHAT, reason };
    let (count, rest) = bytes
        .split_first()
        .ok_or(malformed("a number is missing"))?;
    if *count > 8 {
        return Err(malformed("a number has more than 8 bytes"));
    }
    let (number, rest) = rest
        .split_at_checked(usize::from(*count))
        .ok_or(malformed("it ends inside a number"))?;
    Ok((
        number
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u64::from(*byte)),
        rest,
    ))
}
