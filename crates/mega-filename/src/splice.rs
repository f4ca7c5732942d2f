//! Copying a name with changes, without copying it when there are none.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Builds a changed copy of `source`, from front to back. As long as nothing is replaced, nothing
/// is allocated, and [`Splice::finish`] lends the source itself.
pub(crate) struct Splice<'a> {
    source: &'a [u8],
    /// How much of the source has been copied or replaced.
    done: usize,
    /// Empty and without memory until the first change.
    out: Vec<u8>,
    changed: bool,
}

impl<'a> Splice<'a> {
    pub(crate) fn new(source: &'a [u8]) -> Self {
        Self {
            source,
            done: 0,
            out: Vec::new(),
            changed: false,
        }
    }

    /// Puts `with` in the place of the `length` bytes at `at`. Places must not go back; what lies
    /// between two of them is copied.
    pub(crate) fn replace(&mut self, at: usize, length: usize, with: &[u8]) {
        if !self.changed {
            self.changed = true;
            self.out.reserve(self.source.len().saturating_add(16));
        }
        self.out
            .extend_from_slice(self.source.get(self.done..at).unwrap_or_default());
        self.out.extend_from_slice(with);
        self.done = at.saturating_add(length);
    }

    /// The copy, or the source when nothing was replaced.
    pub(crate) fn finish(mut self) -> Cow<'a, [u8]> {
        if !self.changed {
            return Cow::Borrowed(self.source);
        }
        self.out
            .extend_from_slice(self.source.get(self.done..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

/// Applies `second` to the outcome of `first`, lending where neither changed anything.
pub(crate) fn then<'a>(
    first: Cow<'a, [u8]>,
    second: impl for<'b> FnOnce(&'b [u8]) -> Cow<'b, [u8]>,
) -> Cow<'a, [u8]> {
    match first {
        Cow::Borrowed(bytes) => second(bytes),
        Cow::Owned(bytes) => match second(&bytes) {
            Cow::Owned(changed) => Cow::Owned(changed),
            Cow::Borrowed(_) => Cow::Owned(bytes),
        },
    }
}
