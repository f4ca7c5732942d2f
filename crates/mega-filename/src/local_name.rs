//! A name that may touch the local disk.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The name of a local file: one component of a path, safe under the [`LocalPolicy`] that made it.
///
/// Never empty, never `.` or `..`, without a separator and without U+0000.
///
/// [`LocalPolicy`]: crate::LocalPolicy
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalName<'a> {
    bytes: Cow<'a, [u8]>,
    form: Form,
}

/// How a local name came from a raw name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// It is the raw name.
    Verbatim,
    /// Part of it is escaped; the same policy reads it back.
    Escaped,
    /// It holds a hash in the place of what was too long or not distinct.
    Marked,
}

impl<'a> LocalName<'a> {
    pub(crate) fn new(bytes: Cow<'a, [u8]>, form: Form) -> Self {
        Self { bytes, form }
    }

    /// The name as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name as text. `None` only under [`LocalPolicy::LINUX`], for a raw name that is not UTF-8.
    ///
    /// [`LocalPolicy::LINUX`]: crate::LocalPolicy::LINUX
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.bytes).ok()
    }

    /// The name for the file system this program runs on. `None` when the name is not UTF-8 and the
    /// system takes only text: it was made under another system's policy.
    #[cfg(feature = "std")]
    #[cfg_attr(docsrs, doc(cfg(feature = "std")))]
    #[must_use]
    pub fn to_os_str(&self) -> Option<&std::ffi::OsStr> {
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            Some(std::ffi::OsStr::from_bytes(&self.bytes))
        }
        #[cfg(not(unix))]
        {
            self.as_str().map(std::ffi::OsStr::new)
        }
    }

    /// The name as owned bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
    }

    /// The same name, not borrowed from the raw one.
    #[must_use]
    pub fn into_owned(self) -> LocalName<'static> {
        LocalName {
            bytes: Cow::Owned(self.bytes.into_owned()),
            form: self.form,
        }
    }

    /// Whether this is the raw name itself.
    #[must_use]
    pub fn is_verbatim(&self) -> bool {
        self.form == Form::Verbatim
    }

    /// Whether the raw name cannot be read back from this one, since a hash stands for part of it.
    #[must_use]
    pub fn is_shortened(&self) -> bool {
        self.form == Form::Marked
    }
}
