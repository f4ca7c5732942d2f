//! Big integers of a fixed width, and the few operations on them that the rest of the module
//! shares.

use alloc::vec::Vec;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd, Resize};
use zeroize::{Zeroize, Zeroizing};

/// Reads a big-endian number into at least `bits` bits. `None` if it does not fit.
pub(super) fn read(bytes: &[u8], bits: u32) -> Option<Zeroizing<BoxedUint>> {
    BoxedUint::from_be_slice(trimmed(bytes), width(bits))
        .ok()
        .map(Zeroizing::new)
}

/// How many bits a big-endian number has.
pub(super) fn bit_len(bytes: &[u8]) -> u32 {
    let bytes = trimmed(bytes);
    let unused = bytes.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(bytes.len().saturating_mul(8))
        .unwrap_or(u32::MAX)
        .saturating_sub(unused)
}

/// How many bits a number has. What `BoxedUint` offers for this has another name in each version.
pub(super) fn bits(number: &BoxedUint) -> u32 {
    bit_len(&Zeroizing::new(number.to_be_bytes()))
}

/// Without its leading zero bytes.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The next whole number of machine words, in bits.
pub(super) const fn width(bits: u32) -> u32 {
    bits.next_multiple_of(64)
}

/// A public number in as few bytes as possible.
pub(super) fn to_bytes(number: &BoxedUint) -> Vec<u8> {
    trimmed(&number.to_be_bytes()).to_vec()
}

/// A secret number in as few bytes as possible.
pub(super) fn to_secret_bytes(number: &BoxedUint) -> Zeroizing<Vec<u8>> {
    let mut bytes = number.to_be_bytes();
    let trimmed = Zeroizing::new(trimmed(&bytes).to_vec());
    bytes.zeroize();
    trimmed
}

/// The number as an odd modulus, or `None` if it is even.
pub(super) fn odd(number: &BoxedUint) -> Option<Odd<BoxedUint>> {
    Option::from(number.to_odd())
}

/// The number as a divisor, or `None` if it is zero.
pub(super) fn nonzero(number: &BoxedUint) -> Option<NonZero<BoxedUint>> {
    Option::from(number.to_nz())
}

/// `number mod modulus` in Montgomery form, constant time.
pub(super) fn reduce(number: &BoxedUint, params: &BoxedMontyParams) -> BoxedMontyForm {
    let reduced = number.rem(params.modulus().as_nz_ref());
    BoxedMontyForm::new(reduced, params)
}

/// The same number in another width.
pub(super) fn resized(number: &BoxedUint, bits: u32) -> Option<BoxedUint> {
    number.try_resize(width(bits))
}
