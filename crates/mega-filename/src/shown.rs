//! Shown names, and paths made of them (filename-encoding 8).

use alloc::borrow::Cow;

use crate::Mask;
use crate::decode::{Suffix, decode};
use crate::encode::encode;
use crate::splice::{Splice, then};

impl Mask {
    /// A stored name as it is shown: in listings, in paths and on a command line.
    ///
    /// Unless this mask is [`Mask::STANDARD`], a shown name never contains `/`, U+0000 to U+001F or
    /// U+007F, and is never `.` or `..`. It may hold bytes that are not UTF-8, and characters that
    /// are not visible; [`display_name`](crate::display_name) is for the eye.
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert_eq!(&*Mask::MEGA.to_shown("tab\there／there"), "tab␉here／there".as_bytes());
    /// ```
    #[must_use]
    pub fn to_shown<'a, N: AsRef<[u8]> + ?Sized>(self, stored: &'a N) -> Cow<'a, [u8]> {
        name(self, Self::STANDARD, stored.as_ref())
    }

    /// A shown name as it is stored under this mask.
    ///
    /// Do not look a node up by this: a node that another client named may be shown so and stored
    /// otherwise. [`Wanted`](crate::Wanted) compares what the names mean.
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert_eq!(&*Mask::MEGA.to_stored("tab␉here／there"), "tab\there／there".as_bytes());
    /// ```
    #[must_use]
    pub fn to_stored<'a, N: AsRef<[u8]> + ?Sized>(self, shown: &'a N) -> Cow<'a, [u8]> {
        name(Self::STANDARD, self, shown.as_ref())
    }

    /// A path of stored names as a path of shown names, part by part.
    ///
    /// Splits at every `/` of the path, so it is right only for paths whose names hold none. Where
    /// names from other clients occur, map each with [`to_shown`](Mask::to_shown) and join the
    /// outcome.
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert_eq!(&*Mask::MEGA.path_to_shown("/a\n/．．/b"), "/a␊/．．/b".as_bytes());
    /// ```
    #[must_use]
    pub fn path_to_shown<'a, N: AsRef<[u8]> + ?Sized>(self, path: &'a N) -> Cow<'a, [u8]> {
        parts(self, Self::STANDARD, path.as_ref())
    }

    /// A path of shown names as a path of stored names, part by part.
    ///
    /// Under a mask without [`Mask::SLASH`] a stored name may hold a `/`, so that the outcome cannot
    /// be split again: split the shown path first and map each name with
    /// [`to_stored`](Mask::to_stored).
    ///
    /// ```
    /// use mega_filename::Mask;
    ///
    /// assert_eq!(&*Mask::MEGA.path_to_stored("/a␊/x"), b"/a\n/x");
    /// ```
    #[must_use]
    pub fn path_to_stored<'a, N: AsRef<[u8]> + ?Sized>(self, path: &'a N) -> Cow<'a, [u8]> {
        parts(Self::STANDARD, self, path.as_ref())
    }
}

/// One name from one mask to another.
fn name(from: Mask, to: Mask, name: &[u8]) -> Cow<'_, [u8]> {
    if from == to {
        return Cow::Borrowed(name);
    }
    let mapped = then(decode(from, name, Suffix::Reference), |raw| encode(to, raw));
    // What changed on the way may have changed back, as `／` does from one mask with Slash to another.
    if *mapped == *name {
        Cow::Borrowed(name)
    } else {
        mapped
    }
}

/// Every part of a path from one mask to another.
fn parts(from: Mask, to: Mask, path: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Splice::new(path);
    let mut at: usize = 0;
    for part in path.split(|byte| *byte == b'/') {
        if let Cow::Owned(mapped) = name(from, to, part) {
            out.replace(at, part.len(), &mapped);
        }
        at = at.saturating_add(part.len()).saturating_add(1);
    }
    out.finish()
}
