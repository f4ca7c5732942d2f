//! The encoding without its two losses, for those who ask for it (filename-encoding 9, R5).

use alloc::borrow::Cow;

use crate::Mask;
use crate::decode::{Suffix, decode};
use crate::encode::encode;
use crate::replacement::{PERIOD, QUOTE};

/// A mask whose encoding reads back exactly, whatever the mask.
///
/// The reference loses a name in two rare ways, both only under masks with edge flags. This reads
/// the first kind right and writes the second kind differently; everything else, and every name
/// under [`Mask::MEGA`], [`Mask::STANDARD`] and [`Mask::BASE`], is as the reference has it.
///
/// - A name that ends with the quote and a character of a `Right` flag is written as the reference
///   writes it, and read by counting the quotes.
/// - With [`Mask::DOT`] and exactly one of the `LeftPeriod` and `RightPeriod` flags, the two-rune
///   name of a period and U+FF0E that the reference would write like `..` is written with a quote
///   between the two, respectively before them. Other programs read that as a different name.
///
/// ```
/// use mega_filename::Mask;
///
/// let mask = Mask::RIGHT_SPACE;
/// assert_eq!(&*mask.decode(&mask.encode("‛ ")), "‛␠".as_bytes()); // the reference: lost
/// let exact = mask.reversible();
/// assert_eq!(&*exact.decode(&exact.encode("‛ ")), "‛ ".as_bytes());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reversible(Mask);

impl Mask {
    /// The opt-in mode in which `decode(encode(x))` is `x` for every name under every mask.
    #[must_use]
    pub const fn reversible(self) -> Reversible {
        Reversible(self)
    }
}

impl Reversible {
    /// The mask.
    #[must_use]
    pub const fn mask(self) -> Mask {
        self.0
    }

    /// Like [`Mask::encode`], without a loss.
    #[must_use]
    pub fn encode<'a, N: AsRef<[u8]> + ?Sized>(self, name: &'a N) -> Cow<'a, [u8]> {
        let name = name.as_ref();
        match self.lost_name() {
            Some(lost) if *name == lost.raw() => Cow::Owned(lost.stored().to_vec()),
            _ => encode(self.0, name),
        }
    }

    /// Like [`Mask::decode`], and exact for all that [`encode`](Reversible::encode) writes.
    #[must_use]
    pub fn decode<'a, N: AsRef<[u8]> + ?Sized>(self, name: &'a N) -> Cow<'a, [u8]> {
        let name = name.as_ref();
        match self.lost_name() {
            Some(lost) if *name == lost.stored() => Cow::Owned(lost.raw().to_vec()),
            _ => decode(self.0, name, Suffix::Counted),
        }
    }

    /// The name that the edge flag and Dot write alike, if the mask has one.
    fn lost_name(self) -> Option<LostName> {
        if !self.0.contains(Mask::DOT) {
            return None;
        }
        match (
            self.0.contains(Mask::LEFT_PERIOD),
            self.0.contains(Mask::RIGHT_PERIOD),
        ) {
            (true, false) => Some(LostName::PeriodFirst),
            (false, true) => Some(LostName::PeriodLast),
            _ => None,
        }
    }
}

/// The second loss.
#[derive(Clone, Copy)]
enum LostName {
    /// The period, then U+FF0E.
    PeriodFirst,
    /// U+FF0E, then the period.
    PeriodLast,
}

impl LostName {
    fn raw(self) -> [u8; 4] {
        let [a, b, c] = PERIOD;
        match self {
            Self::PeriodFirst => [b'.', a, b, c],
            Self::PeriodLast => [a, b, c, b'.'],
        }
    }

    /// A form no other name has: in it, a quote stands before what the mask never quotes.
    fn stored(self) -> [u8; 9] {
        let [a, b, c] = PERIOD;
        let [x, y, z] = QUOTE;
        match self {
            Self::PeriodFirst => [a, b, c, x, y, z, a, b, c],
            Self::PeriodLast => [x, y, z, a, b, c, a, b, c],
        }
    }
}
