//! Raw names as names of local files (threat model, section 14).

use alloc::borrow::Cow;

use crate::Mask;
use crate::encode::hex_escape;
use crate::local_name::{Form, LocalName};
use crate::replacement::{AsciiSet, QUOTE};
use crate::shorten::{Limit, is_marked, marked};
use crate::splice::{Splice, then};

/// How a raw name, which a stranger may have chosen, becomes the name of a local file.
///
/// The outcome is always one harmless path component. Escapes are those of [`Mask`]: full-width
/// forms, control pictures, and the quote with two hex digits. What they are applied to:
///
/// | | Linux | macOS | Windows | Portable |
/// |---|---|---|---|---|
/// | empty, `.`, `..`, `/`, U+0000 | x | x | x | x |
/// | bytes that are not UTF-8 | | x | x | x |
/// | `\ : * ? " < > \|`, U+0001 to U+001F | | | x | x |
/// | a space or period that ends the name; device names (`CON`, `nul.txt`, `COM¹`) | | | x | x |
/// | other control characters (C0, DEL, C1); names of only periods and spaces | s | s | s | s |
/// | a space, `~` or `-` that begins the name | | | | s |
///
/// Entries with `s` are left alone by a [faithful](LocalPolicy::faithful) policy. A name longer than
/// 255 bytes (Windows: UTF-16 units) after that is shortened, and ends with a hash of the raw name.
///
/// A raw name the system can hold as it is stays as it is, unless it looks like the escaped form of
/// another one. This makes the mapping exact in both directions: different raw names give different
/// local names (NAM-10), [`raw_name`](LocalPolicy::raw_name) undoes every outcome that is not
/// shortened, and a local name the policy allows survives the way to MEGA and back.
///
/// Names that the file system takes for equal although they differ (by case or by normalisation, NAM-8)
/// are for the caller to notice, by creating files exclusively;
/// [`distinct_local_name`](LocalPolicy::distinct_local_name) gives the second one a name of its own.
///
/// ```
/// use mega_filename::LocalPolicy;
///
/// assert_eq!(LocalPolicy::LINUX.local_name("notes.txt").as_bytes(), b"notes.txt");
/// assert_eq!(LocalPolicy::LINUX.local_name("../x").as_str(), Some("..／x"));
/// assert_eq!(LocalPolicy::WINDOWS.local_name("nul.txt").as_str(), Some("‛6Eul.txt"));
/// assert_eq!(&*LocalPolicy::WINDOWS.raw_name("‛6Eul.txt"), b"nul.txt");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalPolicy {
    system: System,
    faithful: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum System {
    Linux,
    MacOs,
    Windows,
    Portable,
}

impl LocalPolicy {
    /// For Linux and other systems whose names are bytes.
    pub const LINUX: Self = Self {
        system: System::Linux,
        faithful: false,
    };
    /// For macOS.
    pub const MACOS: Self = Self {
        system: System::MacOs,
        faithful: false,
    };
    /// For Windows.
    pub const WINDOWS: Self = Self {
        system: System::Windows,
        faithful: false,
    };
    /// For a folder that is carried from one system to another: what any of them refuses, drops or
    /// interprets is escaped.
    pub const PORTABLE: Self = Self {
        system: System::Portable,
        faithful: false,
    };
    /// For the system this program is compiled for.
    pub const CURRENT: Self = if cfg!(windows) {
        Self::WINDOWS
    } else if cfg!(any(target_os = "macos", target_os = "ios")) {
        Self::MACOS
    } else {
        Self::LINUX
    };

    /// The policy that escapes only what the file system cannot hold.
    ///
    /// For copies of one's own files, which must come back under the names they had, with control
    /// characters and all. Names from strangers are better escaped in full: a control character in
    /// one can act on the terminal that lists it (NAM-3, NAM-11).
    ///
    /// ```
    /// use mega_filename::LocalPolicy;
    ///
    /// assert_eq!(LocalPolicy::LINUX.local_name("a\tb").as_str(), Some("a␉b"));
    /// assert_eq!(LocalPolicy::LINUX.faithful().local_name("a\tb").as_str(), Some("a\tb"));
    /// ```
    #[must_use]
    pub const fn faithful(self) -> Self {
        Self {
            faithful: true,
            ..self
        }
    }

    /// The local name for a raw name, any bytes.
    ///
    /// ```
    /// use mega_filename::{LocalPolicy, Mask};
    ///
    /// let stored = "Q1／Q2 report";
    /// let raw = Mask::MEGA.decode(stored);
    /// assert_eq!(LocalPolicy::PORTABLE.local_name(&raw).as_str(), Some("Q1／Q2 report"));
    /// ```
    #[must_use]
    pub fn local_name<'a, N: AsRef<[u8]> + ?Sized>(self, raw: &'a N) -> LocalName<'a> {
        let raw = raw.as_ref();
        if self.limit().is_exceeded_by(raw) {
            return self.marked(raw, &[raw]);
        }
        if !self.is_taken(raw) {
            return LocalName::new(Cow::Borrowed(raw), Form::Verbatim);
        }
        let escaped = self.escape(raw);
        if self.limit().is_exceeded_by(&escaped) {
            return self.marked(raw, &[raw]);
        }
        LocalName::new(Cow::Owned(escaped.into_owned()), Form::Escaped)
    }

    /// The local name for a raw name whose plain local name is already in use by another node:
    /// with a hash of the name and of `identity`, such as the node's handle (NAM-8).
    ///
    /// The same name and identity always give the same local name, and no
    /// [`local_name`](LocalPolicy::local_name) is ever equal to it.
    ///
    /// ```
    /// use mega_filename::LocalPolicy;
    ///
    /// let name = LocalPolicy::WINDOWS.distinct_local_name("Readme.md", b"\x01\x02\x03\x04\x05\x06");
    /// let name = name.as_str().unwrap();
    /// assert!(name.starts_with("Readme‛~") && name.ends_with(".md"), "{name}");
    /// ```
    #[must_use]
    pub fn distinct_local_name<N: AsRef<[u8]> + ?Sized>(
        self,
        raw: &N,
        identity: &[u8],
    ) -> LocalName<'static> {
        let raw = raw.as_ref();
        // The length first, so that no other pair gives the same bytes.
        let length = u64::try_from(raw.len()).unwrap_or(u64::MAX).to_be_bytes();
        self.marked(raw, &[b"distinct", &length, raw, identity])
            .into_owned()
    }

    /// The raw name for a local name: what [`local_name`](LocalPolicy::local_name) turns into it.
    ///
    /// A local name that this policy would not have written is taken literally, escapes and all
    /// (NAM-14); so is a shortened one, whose raw name is not known here.
    ///
    /// ```
    /// use mega_filename::LocalPolicy;
    ///
    /// assert_eq!(&*LocalPolicy::LINUX.raw_name("a／b"), b"a/b");
    /// assert_eq!(&*LocalPolicy::LINUX.raw_name("%2e%2e"), b"%2e%2e");
    /// assert_eq!(&*LocalPolicy::LINUX.raw_name("x‛"), "x‛".as_bytes());
    /// ```
    #[must_use]
    pub fn raw_name<'a, N: AsRef<[u8]> + ?Sized>(self, local: &'a N) -> Cow<'a, [u8]> {
        let local = local.as_ref();
        if !self.allows(local) {
            return Cow::Borrowed(local);
        }
        match self.unescape(local) {
            Some(raw) if self.is_taken(&raw) => raw,
            _ => Cow::Borrowed(local),
        }
    }

    /// Whether a name can be used for a local file as it is. Also false for names of the form that
    /// shortening gives.
    ///
    /// ```
    /// use mega_filename::LocalPolicy;
    ///
    /// assert!(LocalPolicy::LINUX.allows("a:b"));
    /// assert!(!LocalPolicy::WINDOWS.allows("a:b"));
    /// ```
    #[must_use]
    pub fn allows<N: AsRef<[u8]> + ?Sized>(self, name: &N) -> bool {
        let name = name.as_ref();
        let mask = self.mask();
        let (Some(first), Some(last)) = (name.first(), name.last()) else {
            return false;
        };
        let anywhere = AsciiSet::anywhere(mask);
        !(name == b"."
            || name == b".."
            || name.iter().any(|byte| anywhere.contains(*byte))
            || AsciiSet::left(mask).contains(*first)
            || AsciiSet::right(mask).contains(*last)
            || mask.contains(Mask::INVALID_UTF8) && core::str::from_utf8(name).is_err()
            || !self.faithful && has_c1(name)
            || self.is_bad_beginning(name)
            || self.limit().is_exceeded_by(name)
            || is_marked(name))
    }

    /// Whether a name cannot be its own local name: it is not allowed, or it is the escaped form of
    /// a name that has no other. Each step at least halves some run of quotes, so there are few.
    fn is_taken(self, name: &[u8]) -> bool {
        let mut name = Cow::Borrowed(name);
        loop {
            if !self.allows(&name) {
                return true;
            }
            match self.unescape(&name) {
                Some(inner) => name = Cow::Owned(inner.into_owned()),
                None => return false,
            }
        }
    }

    /// The escaped form of a name, different from the name unless nothing in it needs escaping. No
    /// two names have the same one (NAM-10).
    fn escape(self, name: &[u8]) -> Cow<'_, [u8]> {
        if name.is_empty() {
            return Cow::Owned(QUOTE.to_vec());
        }
        let escaped = self.mask().reversible().encode(name);
        let escaped = if self.faithful {
            escaped
        } else {
            then(escaped, escape_c1)
        };
        match escaped.first() {
            Some(first) if self.is_bad_beginning(&escaped) => {
                let rest = escaped.get(1..).unwrap_or_default();
                Cow::Owned([&hex_escape(*first), rest].concat())
            }
            _ => escaped,
        }
    }

    /// The name whose escaped form this is, if it is another name's.
    fn unescape(self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let raw = if *name == QUOTE {
            Cow::Borrowed(&[][..])
        } else {
            (self.mask() | Mask::INVALID_UTF8).reversible().decode(name)
        };
        (*raw != *name && *self.escape(&raw) == *name).then_some(raw)
    }

    /// The local name with a hash of `identity` in the place of what is too long.
    fn marked(self, raw: &[u8], identity: &[&[u8]]) -> LocalName<'static> {
        let bytes = marked(&self.escape(raw), identity, self.limit());
        LocalName::new(Cow::Owned(bytes), Form::Marked)
    }

    /// Whether the first character has to be escaped for what the name then begins with.
    fn is_bad_beginning(self, name: &[u8]) -> bool {
        let windows = matches!(self.system, System::Windows | System::Portable);
        windows && is_device(name)
            || !self.faithful && name.iter().all(|byte| matches!(byte, b'.' | b' '))
            || !self.faithful && self.system == System::Portable && name.starts_with(b"-")
    }

    /// What the flags of a mask can say of this policy.
    fn mask(self) -> Mask {
        let mask = match self.system {
            System::Linux => Mask::LOCAL_LINUX,
            System::MacOs => Mask::LOCAL_MACOS,
            System::Windows | System::Portable => Mask::LOCAL_WINDOWS,
        };
        match (self.faithful, self.system) {
            (true, _) => mask,
            (false, System::Portable) => {
                mask | Mask::CTL | Mask::DEL | Mask::LEFT_SPACE | Mask::LEFT_TILDE
            }
            (false, _) => mask | Mask::CTL | Mask::DEL,
        }
    }

    fn limit(self) -> Limit {
        match self.system {
            System::Windows => Limit::Utf16,
            System::Linux | System::MacOs | System::Portable => Limit::Bytes,
        }
    }
}

/// [`LocalPolicy::CURRENT`].
impl Default for LocalPolicy {
    fn default() -> Self {
        Self::CURRENT
    }
}

/// Whether Windows takes the name for a device: by what stands before the first period, whatever
/// follows, trailing spaces aside.
fn is_device(name: &[u8]) -> bool {
    let stem = name
        .split(|byte| *byte == b'.')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    if DEVICES
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device))
    {
        return true;
    }
    let Some((port, number)) = stem.split_at_checked(3) else {
        return false;
    };
    let numbered = match core::str::from_utf8(number) {
        Ok("¹" | "²" | "³") => true,
        _ => matches!(number, [b'0'..=b'9']),
    };
    numbered && (port.eq_ignore_ascii_case(b"com") || port.eq_ignore_ascii_case(b"lpt"))
}

const DEVICES: [&[u8]; 6] = [b"con", b"prn", b"aux", b"nul", b"conin$", b"conout$"];

fn has_c1(name: &[u8]) -> bool {
    name.windows(2).any(is_c1)
}

/// U+0080 to U+009F in UTF-8. Its first byte never stands inside another character.
fn is_c1(two: &[u8]) -> bool {
    matches!(two, [0xc2, 0x80..=0x9f])
}

/// Writes each byte of a C1 control character as the quote and two hex digits.
fn escape_c1(name: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Splice::new(name);
    for (at, two) in name.windows(2).enumerate() {
        if let [first, second] = two
            && is_c1(two)
        {
            out.replace(at, 2, &[hex_escape(*first), hex_escape(*second)].concat());
        }
    }
    out.finish()
}
