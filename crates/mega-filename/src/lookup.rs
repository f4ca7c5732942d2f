//! Finding a node by name among names that any client may have written (filename-encoding 9).

use alloc::borrow::Cow;

use crate::Mask;
use crate::decode::{Suffix, decode};
use crate::encode::encode;

impl Mask {
    /// Whether this is how the mask writes the name: `encode(decode(stored))` is `stored`.
    ///
    /// A name that another client stored may not be. It is listed under its shown form, and no
    /// encoder finds it by that form again; offer its handle instead of a path (R3).
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert!(Mask::MEGA.is_canonical("a／b"));
    /// assert!(!Mask::MEGA.is_canonical("a/b"));
    /// assert!(!Mask::MEGA.is_canonical("‛41"));
    /// ```
    #[must_use]
    pub fn is_canonical<N: AsRef<[u8]> + ?Sized>(self, stored: &N) -> bool {
        let stored = stored.as_ref();
        *encode(self, &decode(self, stored, Suffix::Reference)) == *stored
    }

    /// Whether two stored names mean the same raw name, so that a folder that holds both holds a
    /// duplicate (R4).
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert!(Mask::MEGA.is_same_name("a/b", "a／b"));
    /// assert!(Mask::MEGA.is_same_name("A", "‛41"));
    /// assert!(!Mask::MEGA.is_same_name("a", "A"));
    /// ```
    #[must_use]
    pub fn is_same_name<A, B>(self, one: &A, other: &B) -> bool
    where
        A: AsRef<[u8]> + ?Sized,
        B: AsRef<[u8]> + ?Sized,
    {
        self.decode(one) == self.decode(other)
    }
}

/// A name that is looked for among the children of a folder.
///
/// Compares decoded names with the decoded wanted name, so that it also finds what another client
/// stored in a form this mask would not write (R2). More than one child may match.
///
/// ```
/// use mega_filename::{Mask, Wanted};
///
/// let wanted = Wanted::shown(Mask::MEGA, "a／b");
/// let children = ["a/b", "a", "a／b"];
/// let found: Vec<_> = children.into_iter().filter(|stored| wanted.matches(stored)).collect();
/// assert_eq!(found, ["a/b", "a／b"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    mask: Mask,
    raw: Cow<'a, [u8]>,
}

impl<'a> Wanted<'a> {
    /// A name as it is shown, or one part of a shown path; `mask` is that of the stored names.
    #[must_use]
    pub fn shown<N: AsRef<[u8]> + ?Sized>(mask: Mask, shown: &'a N) -> Self {
        Self {
            mask,
            raw: Mask::STANDARD.decode(shown),
        }
    }

    /// A raw name, as a file system has it; `mask` is that of the stored names.
    #[must_use]
    pub fn raw<N: AsRef<[u8]> + ?Sized>(mask: Mask, raw: &'a N) -> Self {
        Self {
            mask,
            raw: Cow::Borrowed(raw.as_ref()),
        }
    }

    /// A name as it is stored under `mask`.
    #[must_use]
    pub fn stored<N: AsRef<[u8]> + ?Sized>(mask: Mask, stored: &'a N) -> Self {
        Self {
            mask,
            raw: mask.decode(stored),
        }
    }

    /// The raw name that is wanted.
    #[must_use]
    pub fn as_raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether a stored name means the wanted one. Allocates only for names that hold an escape.
    #[must_use]
    pub fn matches<N: AsRef<[u8]> + ?Sized>(&self, stored: &N) -> bool {
        *self.mask.decode(stored) == *self.raw
    }
}
