//! The framing of downloads: ranges and lengths (api-and-transfers 7.1, 7.4).

use super::StorageError;

/// A range of bytes that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    first: u64,
    len: u64,
}

impl ByteRange {
    /// The `len` bytes from `first` on; `None` for none, or past the end of what 64 bits count.
    pub fn new(first: u64, len: u64) -> Option<Self> {
        let last = first.checked_add(len.checked_sub(1)?)?;
        (last < u64::MAX).then_some(Self { first, len })
    }

    /// The first byte.
    pub fn first(self) -> u64 {
        self.first
    }

    /// The last byte.
    pub fn last(self) -> u64 {
        // Checked when the range was made.
        self.first.saturating_add(self.len - 1)
    }

    /// The number of bytes, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub fn len(self) -> u64 {
        self.len
    }
}

/// Checks the head of a download response: the status is 200, and the length, if announced, is
/// exactly the one asked for.
///
/// # Errors
///
/// What [`StorageError::from_status`] says, or [`StorageError::Length`].
pub fn check_download_status(
    status: u16,
    time_left: Option<&str>,
    content_length: Option<&str>,
    expected: u64,
) -> Result<(), StorageError> {
    if status != 200 {
        return Err(StorageError::from_status(status, time_left));
    }
    match content_length {
        None => Ok(()),
        Some(text) => match text.trim().parse() {
            Ok(got) if got == expected => Ok(()),
            Ok(got) => Err(StorageError::Length { expected, got }),
            Err(_) => Err(StorageError::Malformed),
        },
    }
}

/// Counts the bytes of a body: exactly as many as asked for, neither more nor less (DL-5, NET-7).
#[derive(Clone, Copy, Debug)]
pub struct LengthGuard {
    expected: u64,
    got: u64,
}

impl LengthGuard {
    /// Expects this many bytes.
    pub fn new(expected: u64) -> Self {
        Self { expected, got: 0 }
    }

    /// Counts a piece.
    ///
    /// # Errors
    ///
    /// When there are more bytes than expected.
    pub fn count(&mut self, piece: usize) -> Result<(), StorageError> {
        self.got = self
            .got
            .saturating_add(u64::try_from(piece).unwrap_or(u64::MAX));
        if self.got > self.expected {
            return Err(StorageError::Length {
                expected: self.expected,
                got: self.got,
            });
        }
        Ok(())
    }

    /// States that the body has ended.
    ///
    /// # Errors
    ///
    /// When there were fewer bytes than expected.
    pub fn finish(self) -> Result<(), StorageError> {
        if self.got == self.expected {
            Ok(())
        } else {
            Err(StorageError::Length {
                expected: self.expected,
                got: self.got,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn ranges_are_inclusive_and_never_empty() {
        let range = ByteRange::new(16, 32).unwrap();
        assert_eq!((range.first(), range.last(), range.len()), (16, 47, 32));
        assert_eq!(ByteRange::new(0, 0), None);
        assert_eq!(ByteRange::new(u64::MAX, 1), None);
        assert_eq!(ByteRange::new(u64::MAX - 1, 2), None);
    }

    #[test]
    fn net_7_more_or_fewer_bytes_than_asked_for_are_errors() {
        let mut guard = LengthGuard::new(10);
        assert_eq!(guard.count(10), Ok(()));
        assert_eq!(guard.finish(), Ok(()));
        assert!(guard.count(1).is_err());
        let short = LengthGuard::new(10).finish().unwrap_err();
        assert_eq!(short.kind(), ErrorKind::Network);
        let surplus = LengthGuard::new(10).count(11).unwrap_err();
        assert_eq!(surplus.kind(), ErrorKind::Protocol);
    }

    #[test]
    fn dl_5_an_announced_length_must_be_the_one_asked_for() {
        assert_eq!(check_download_status(200, None, Some("10"), 10), Ok(()));
        assert_eq!(check_download_status(200, None, None, 10), Ok(()));
        assert!(check_download_status(200, None, Some("11"), 10).is_err());
        assert!(check_download_status(200, None, Some("x"), 10).is_err());
        assert!(check_download_status(206, None, Some("10"), 10).is_err());
    }
}
