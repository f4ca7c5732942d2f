//! The numbers by which the service says no.

use std::fmt;

/// A result code as the service sends it. Codes nobody knows yet are kept as they are.
///
/// The names are the service's own (api-and-transfers 2.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiCode(i32);

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $value:literal, $meaning:literal;)*) => {
        impl ApiCode {
            $(#[doc = concat!($meaning, ".")] $(#[$meta])* pub const $name: Self = Self($value);)*

            /// The service's name for this code, if it is a known one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What the code means, in a few words.
            pub const fn meaning(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($meaning),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    EINTERNAL = -1, "internal fault of the service";
    EARGS = -2, "malformed or missing argument";
    EAGAIN = -3, "account busy, nothing was changed";
    ERATELIMIT = -4, "too many commands, nothing was changed";
    EFAILED = -5, "failed for good";
    ETOOMANY = -6, "too many of something";
    ERANGE = -7, "out of range";
    EEXPIRED = -8, "expired";
    ENOENT = -9, "does not exist";
    ECIRCULAR = -10, "a folder cannot go into itself";
    EACCESS = -11, "access denied";
    EEXIST = -12, "exists already";
    EINCOMPLETE = -13, "incomplete";
    EKEY = -14, "wrong key or checksum";
    ESID = -15, "session invalid or expired";
    EBLOCKED = -16, "blocked";
    EOVERQUOTA = -17, "over quota";
    ETEMPUNAVAIL = -18, "temporarily unavailable";
    ETOOMANYCONNECTIONS = -19, "too many connections";
    EWRITE = -20, "could not be written";
    EREAD = -21, "could not be read";
    EAPPKEY = -22, "invalid application key";
    ESSL = -23, "TLS check failed";
    EGOINGOVERQUOTA = -24, "would go over quota";
    EROLLEDBACK = -25, "undone because another part of the group failed";
    EMFAREQUIRED = -26, "second factor needed";
    EMASTERONLY = -27, "only for the master of a business account";
    EBUSINESSPASTDUE = -28, "business subscription unpaid";
    EPAYWALL = -29, "account over quota for too long";
    ESUBUSERKEYMISSING = -30, "sub-user has not shared its key with the master";
    ESHAREROVERQUOTA = -401, "owner of the share is over quota";
}

impl ApiCode {
    /// The code with this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.meaning()) {
            (Some(name), Some(meaning)) => write!(f, "{meaning} ({name}, {})", self.0),
            _ => write!(f, "unknown code {}", self.0),
        }
    }
}

impl fmt::Debug for ApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "ApiCode({}, {name})", self.0),
            None => write!(f, "ApiCode({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_official_list() {
        // Expected values from the SDK, include/mega/types.h `ErrorCodes`.
        for (number, name) in [
            (-1, "EINTERNAL"),
            (-3, "EAGAIN"),
            (-8, "EEXPIRED"),
            (-12, "EEXIST"),
            (-15, "ESID"),
            (-16, "EBLOCKED"),
            (-17, "EOVERQUOTA"),
            (-18, "ETEMPUNAVAIL"),
            (-26, "EMFAREQUIRED"),
            (-29, "EPAYWALL"),
        ] {
            assert_eq!(ApiCode::new(number).name(), Some(name));
        }
    }

    #[test]
    fn an_unknown_code_keeps_its_number() {
        assert_eq!(ApiCode::new(-77).name(), None);
        assert_eq!(ApiCode::new(-77).to_string(), "unknown code -77");
        assert_eq!(ApiCode::ENOENT.to_string(), "does not exist (ENOENT, -9)");
    }
}
