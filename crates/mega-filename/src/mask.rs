//! The set of flags that says which characters are replaced.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// Which parts of a name are replaced when it is stored: a set of flags, as rclone writes it in its
/// `encoding` option.
///
/// The flags and their numbers are those of rclone (filename-encoding 2). A mask prints and parses
/// as their names, `Slash,InvalidUtf8,Dot`. Bits without a name are kept and do nothing, except
/// that they make a mask no longer [exactly `Raw`](Mask::is_raw).
///
/// Mask 0, [`Mask::NONE`], does **not** switch encoding off: U+0000 is replaced and the quote
/// character is doubled under every mask except [`Mask::RAW`].
///
/// ```
/// use mega_filename::Mask;
///
/// let mask = Mask::SLASH | Mask::INVALID_UTF8 | Mask::DOT;
/// assert_eq!(mask, Mask::MEGA);
/// assert_eq!(mask.to_string(), "Slash,InvalidUtf8,Dot");
/// assert_eq!("Slash,InvalidUtf8,Dot".parse(), Ok(Mask::MEGA));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mask(u64);

impl Mask {
    /// No flag. Still replaces U+0000 and doubles the quote.
    pub const NONE: Self = Self(0);
    /// Alone: names pass unchanged in both directions. Together with any other bit: no meaning.
    pub const RAW: Self = Self(1);
    /// `/`.
    pub const SLASH: Self = Self(1 << 1);
    /// `<` and `>`.
    pub const LT_GT: Self = Self(1 << 2);
    /// `"`.
    pub const DOUBLE_QUOTE: Self = Self(1 << 3);
    /// `'`.
    pub const SINGLE_QUOTE: Self = Self(1 << 4);
    /// `` ` ``.
    pub const BACK_QUOTE: Self = Self(1 << 5);
    /// `$`.
    pub const DOLLAR: Self = Self(1 << 6);
    /// `:`.
    pub const COLON: Self = Self(1 << 7);
    /// `?`.
    pub const QUESTION: Self = Self(1 << 8);
    /// `*`.
    pub const ASTERISK: Self = Self(1 << 9);
    /// `|`.
    pub const PIPE: Self = Self(1 << 10);
    /// `#`.
    pub const HASH: Self = Self(1 << 11);
    /// `%`.
    pub const PERCENT: Self = Self(1 << 12);
    /// `\`.
    pub const BACK_SLASH: Self = Self(1 << 13);
    /// Carriage return and line feed.
    pub const CR_LF: Self = Self(1 << 14);
    /// U+007F.
    pub const DEL: Self = Self(1 << 15);
    /// U+0001 to U+001F.
    pub const CTL: Self = Self(1 << 16);
    /// A space that begins the name.
    pub const LEFT_SPACE: Self = Self(1 << 17);
    /// A period that begins the name.
    pub const LEFT_PERIOD: Self = Self(1 << 18);
    /// A tilde that begins the name.
    pub const LEFT_TILDE: Self = Self(1 << 19);
    /// A carriage return, line feed, tab or vertical tab that begins the name.
    pub const LEFT_CR_LF_HT_VT: Self = Self(1 << 20);
    /// A space that ends the name.
    pub const RIGHT_SPACE: Self = Self(1 << 21);
    /// A period that ends the name.
    pub const RIGHT_PERIOD: Self = Self(1 << 22);
    /// A carriage return, line feed, tab or vertical tab that ends the name.
    pub const RIGHT_CR_LF_HT_VT: Self = Self(1 << 23);
    /// Bytes that are not UTF-8, each as the quote and two upper-case hex digits.
    pub const INVALID_UTF8: Self = Self(1 << 24);
    /// The whole names `.` and `..`.
    pub const DOT: Self = Self(1 << 25);
    /// `[` and `]`.
    pub const SQUARE_BRACKET: Self = Self(1 << 26);
    /// `;`.
    pub const SEMICOLON: Self = Self(1 << 27);
    /// `!`.
    pub const EXCLAMATION: Self = Self(1 << 28);

    /// What Windows forbids in a name, besides separators: `: ? " * < > |`.
    pub const WIN: Self = Self(0x0000_078c);
    /// `#` and `%`.
    pub const HASH_PERCENT: Self = Self(0x0000_1800);
    /// What no `/`-separated path can hold: `/`, `.` and `..`.
    pub const BASE: Self = Self(0x0200_0002);
    /// The mask of shown names and of paths: Slash, Ctl, Del, Dot.
    pub const STANDARD: Self = Self(0x0201_8002);
    /// What names on MEGA are stored under: Slash, InvalidUtf8, Dot. rclone's default for MEGA.
    pub const MEGA: Self = Self(0x0300_0002);
    /// rclone's mask for local names on Linux and other systems that are not named below.
    pub const LOCAL_LINUX: Self = Self::BASE;
    /// rclone's mask for local names on macOS.
    pub const LOCAL_MACOS: Self = Self(0x0300_0002);
    /// rclone's mask for local names on Windows.
    pub const LOCAL_WINDOWS: Self = Self(0x0361_278e);
    /// rclone's mask for local names on the system this program is compiled for.
    pub const LOCAL: Self = if cfg!(target_os = "macos") {
        Self::LOCAL_MACOS
    } else if cfg!(windows) {
        Self::LOCAL_WINDOWS
    } else {
        Self::LOCAL_LINUX
    };

    /// The mask with exactly these bits. Bits without a name are kept.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the mask, as rclone numbers them.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether every bit of `other` is set here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both masks together; `|` in a `const`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This mask without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether names pass unchanged: the mask is [`Mask::RAW`] and nothing else.
    #[must_use]
    pub const fn is_raw(self) -> bool {
        self.0 == Self::RAW.0
    }
}

/// [`Mask::MEGA`].
impl Default for Mask {
    fn default() -> Self {
        Self::MEGA
    }
}

impl BitOr for Mask {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for Mask {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({self})")
    }
}
