use crate::base64;

/// Why something could not be read, opened or made.
///
/// No variant carries any part of the input: keys, links and passwords never end up in a log by way
/// of an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that should be base64 is not.
    #[error("the {what} is not valid base64")]
    Base64 {
        /// What was being read.
        what: &'static str,
        /// Where and why.
        source: base64::DecodeError,
    },
    /// A value of fixed length has another length.
    #[error("the {what} has {got} bytes instead of {expected}")]
    Length {
        /// What was being read.
        what: &'static str,
        /// How many bytes it must have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// A structure is damaged, or is not what it should be.
    #[error("the {what} is malformed: {reason}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A version, mode or algorithm number this crate does not know. A newer version may.
    #[error("the {what} is of an unknown kind ({value})")]
    Unsupported {
        /// What was being read.
        what: &'static str,
        /// The number found.
        value: u32,
    },
    /// Larger than the format or a limit of this crate allows.
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A key that everybody can compute (threat model, NOD-2): it protects nothing and is refused.
    #[error("the {what} is a zero key, which protects nothing")]
    ZeroKey {
        /// What kind of key.
        what: &'static str,
    },
    /// None of the keys at hand opens the node.
    #[error("none of the known keys opens this node")]
    NoUsableKey,
    /// The node's key is encrypted with the account's RSA key. Open it on demand with the private
    /// key; never automatically (threat model, NOD-5).
    #[error("the node's key is encrypted for the account's RSA key")]
    NeedsPrivateKey,
    /// The ciphertext does not decrypt to what it should be: the key is not the right one, or the
    /// data was changed.
    #[error("the {what} does not decrypt under this key")]
    WrongKey {
        /// What was being opened.
        what: &'static str,
    },
    /// A tag, MAC or signature does not match: the data was changed, or the key is not the right
    /// one.
    #[error("the {what} fails its authentication check")]
    Unauthentic {
        /// What was being checked.
        what: &'static str,
    },
    /// The server's answer to a login does not hold under this password. For a first login that
    /// means a wrong password; it says nothing more on purpose (threat model, RSA-11).
    #[error(
        "the server's login material was rejected: the password is wrong or the account's keys are damaged"
    )]
    LoginRejected,
    /// An RSA private key, or the result of using one, was refused. One value for every reason, on
    /// purpose (threat model, RSA-11).
    #[error("the RSA private key was rejected")]
    PrivateKeyRejected,
    /// The password of a link is wrong, or the link was altered.
    #[error("the password does not open this link")]
    LinkPassword,
    /// A link without the key that is needed to open it. Ask for the key.
    #[error("the link has no key; ask whoever sent it for the decryption key")]
    LinkKeyMissing,
    /// A password that must not be set, because other clients would not accept it later.
    #[error("the password cannot be used: {reason}")]
    UnusablePassword {
        /// Why.
        reason: &'static str,
    },
    /// The proof of work asked for is beyond the caller's bound (threat model, LIM-9).
    #[error("the proof of work needs about {expected} attempts, more than the allowed {limit}")]
    TooMuchWork {
        /// How many attempts are needed on average.
        expected: u64,
        /// How many the caller allows.
        limit: u64,
    },
    /// The caller's cancel function said so.
    #[error("cancelled")]
    Cancelled,
    /// The server sent an older version than one seen before (threat model, KEY-10).
    #[error(
        "the {what} went back from generation {known} to {received}; the server may be replaying old data"
    )]
    Downgrade {
        /// What went back.
        what: &'static str,
        /// The highest generation seen so far.
        known: u32,
        /// The generation received.
        received: u32,
    },
    /// The server sent another public key for a contact than the one seen before (threat model,
    /// KEY-9). Share nothing with that contact until the user has compared the fingerprint.
    #[error(
        "the contact's public key is not the one seen before; compare fingerprints before sharing"
    )]
    ContactKeyChanged,
    /// The call would write something that must not be written.
    #[error("refused: {reason}")]
    Refused {
        /// Which rule forbids it.
        reason: &'static str,
    },
}

/// What a program can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is not what it claims to be.
    Malformed,
    /// The input is of a kind this crate does not know.
    Unsupported,
    /// Wrong key or password, or the data was changed.
    Integrity,
    /// Wrong password, or the server's login material was refused.
    Credentials,
    /// No key is known that opens it.
    NoKey,
    /// A size or work limit was hit.
    Limit,
    /// The caller asked for something that must not be done.
    Misuse,
    /// The caller cancelled.
    Cancelled,
}

impl Error {
    /// What kind of error it is, coarsely enough to branch on.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Base64 { .. } | Self::Length { .. } | Self::Malformed { .. } => {
                ErrorKind::Malformed
            }
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::ZeroKey { .. }
            | Self::WrongKey { .. }
            | Self::Unauthentic { .. }
            | Self::ContactKeyChanged
            | Self::Downgrade { .. } => ErrorKind::Integrity,
            Self::LoginRejected | Self::PrivateKeyRejected | Self::LinkPassword => {
                ErrorKind::Credentials
            }
            Self::NoUsableKey | Self::NeedsPrivateKey | Self::LinkKeyMissing => ErrorKind::NoKey,
            Self::TooLarge { .. } | Self::TooMuchWork { .. } => ErrorKind::Limit,
            Self::UnusablePassword { .. } | Self::Refused { .. } => ErrorKind::Misuse,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}
