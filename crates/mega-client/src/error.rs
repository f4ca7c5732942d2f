//! What can go wrong, coarsely enough to branch on and precisely enough to act on.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mega_protocol::ApiCode;
use mega_protocol::NodeHandle;

/// The result of a client operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in the categories a program decides by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such node, link, user or local file.
    NotFound,
    /// Several nodes answer to the path; name one by its handle.
    Ambiguous,
    /// Something of that name is there already.
    AlreadyExists,
    /// A folder was given where a file is needed.
    IsADirectory,
    /// A file was given where a folder is needed.
    NotADirectory,
    /// The folder is not empty.
    NotEmpty,
    /// A condition of the call does not hold any more; somebody changed the node.
    Precondition,
    /// The account has no right to do this.
    AccessDenied,
    /// Wrong e-mail address or password, or no such account (the service does not tell which).
    BadCredentials,
    /// The account asks for a second factor and none was given.
    SecondFactorRequired,
    /// The second factor was wrong.
    SecondFactorWrong,
    /// The account was never confirmed by mail.
    Unconfirmed,
    /// The session has ended; sign in again.
    SessionExpired,
    /// The account or the file is blocked by the service.
    Blocked,
    /// Too many requests or sign-ins; wait before the next one.
    RateLimited,
    /// The storage quota is used up.
    OverStorageQuota,
    /// The transfer quota is used up.
    OverTransferQuota,
    /// Data does not match its proof: content against its MAC, or sizes that contradict each other.
    Integrity,
    /// The node cannot be decrypted, or a key is wrong.
    Key,
    /// What the server sent during sign-in did not pass the checks. Nothing was sent back.
    ServerMaterialRejected,
    /// The account has no key pair and this needs one.
    KeysMissing,
    /// The text is not a link that can be understood.
    InvalidLink,
    /// The name cannot be used.
    InvalidName,
    /// The local file changed while it was read.
    SourceChanged,
    /// The request may or may not have taken effect.
    OutcomeUnknown,
    /// The operation was cancelled.
    Cancelled,
    /// Time ran out.
    Timeout,
    /// The service cannot be reached or does not answer properly.
    Network,
    /// The server's answer makes no sense.
    Protocol,
    /// A local file operation failed.
    Io,
    /// The local disk is full, or a quota or a limit on the size of files is reached.
    NoSpace,
    /// The call itself is wrong.
    Misuse,
    /// This client or account cannot do that.
    Unsupported,
    /// The service refused for a reason without a category; see [`Error::code`].
    Refused,
}

impl ErrorKind {
    /// What to do about it, in one sentence.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NotFound => "check the path, or list the folder above it",
            Self::Ambiguous => "name the node by its handle",
            Self::AlreadyExists => "choose another name or a conflict policy that replaces",
            Self::IsADirectory => "name a file, or use the call for folders",
            Self::NotADirectory => "name a folder",
            Self::NotEmpty => "empty the folder first, or delete it with everything in it",
            Self::Precondition => "look at the node again and repeat the call",
            Self::AccessDenied => "ask the owner for more rights",
            Self::BadCredentials => "check the e-mail address and the password",
            Self::SecondFactorRequired => "sign in again with the current six-digit code",
            Self::SecondFactorWrong => {
                "wait for the next code and check the clock of the device that makes it"
            }
            Self::Unconfirmed => "open the confirmation link in the mail first",
            Self::SessionExpired => "sign in again",
            Self::Blocked => "ask the service why; nothing can be done from here",
            Self::RateLimited => "wait, and keep sessions instead of signing in again",
            Self::OverStorageQuota => "delete something or get more storage",
            Self::OverTransferQuota => "wait until the quota is given back",
            Self::Integrity => "try again; if it stays, the stored data is damaged",
            Self::Key => "check the key, or ask the one who shared it",
            Self::ServerMaterialRejected => "do not retry; check the address of the service",
            Self::KeysMissing => "let the client make the keys with `make_keys`",
            Self::InvalidLink => "copy the whole link",
            Self::InvalidName => "choose another name",
            Self::SourceChanged => "repeat when nothing writes to the file",
            Self::OutcomeUnknown => "refresh and look before repeating",
            Self::Cancelled => "repeat when wanted; nothing was left half done",
            Self::Timeout => "repeat, or allow more time",
            Self::Network => "check the connection and repeat",
            Self::Protocol => "update this library or report the answer",
            Self::Io => "check the local path and its rights",
            Self::NoSpace => "make room on the local disk, or choose another one",
            Self::Misuse => "correct the call",
            Self::Unsupported => "use another call",
            Self::Refused => "see the code of the service",
        }
    }
}

/// An error from the client. Ask it questions; its text names the operation, the subject and the reason, never a secret.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    subject: Option<String>,
    code: Option<ApiCode>,
    retry_after: Option<Duration>,
    handles: Vec<NodeHandle>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                operation: None,
                subject: None,
                code: None,
                retry_after: None,
                handles: Vec::new(),
                source: None,
            }),
        }
    }

    /// The same failure for one of several who waited together; the error itself is its source.
    pub(crate) fn shared(error: &Arc<Self>) -> Self {
        let mut own = Self::new(error.kind(), error.inner.message.clone())
            .with_retry_after(error.inner.retry_after);
        own.inner.code = error.inner.code;
        own.inner.operation = error.inner.operation;
        own.inner.subject.clone_from(&error.inner.subject);
        own.inner.handles.clone_from(&error.inner.handles);
        own.caused_by(Arc::clone(error))
    }

    /// The service carried the change out; only looking at it failed. Any other kind would say that it did not happen (P3);
    /// why looking failed is the source.
    pub(crate) fn although_done(self) -> Self {
        let message = "the change was carried out, but what it led to could not be seen";
        Self::new(ErrorKind::OutcomeUnknown, message).caused_by(self)
    }

    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Misuse, message)
    }

    pub(crate) fn not_found(subject: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, "no such node").about(subject)
    }

    pub(crate) fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => ErrorKind::NoSpace,
            _ => ErrorKind::Io,
        };
        Self::new(kind, message).caused_by(source)
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Names what was being done; the innermost name stays.
    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.inner.operation.get_or_insert(operation);
        self
    }

    /// Names what it was done to; the innermost name stays.
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        if self.inner.subject.is_none() {
            self.inner.subject = Some(subject.into());
        }
        self
    }

    pub(crate) fn with_code(mut self, code: ApiCode) -> Self {
        self.inner.code = Some(code);
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.inner.retry_after = wait;
        self
    }

    pub(crate) fn with_handles(mut self, handles: Vec<NodeHandle>) -> Self {
        self.inner.handles = handles;
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.inner.kind = kind;
        self
    }

    /// The cause if it is of this type, else the error itself.
    pub(crate) fn into_cause<E: StdError + 'static>(mut self) -> Result<E, Self> {
        match self.inner.source.take() {
            Some(source) => match source.downcast::<E>() {
                Ok(cause) => Ok(*cause),
                Err(source) => {
                    self.inner.source = Some(source);
                    Err(self)
                }
            },
            None => Err(self),
        }
    }

    /// The kind that the local system gave it. Kinds that ask for another try are none: nobody would know what to try again.
    fn local_kind(&self) -> Option<std::io::ErrorKind> {
        use std::io::ErrorKind as Io;
        let source = self.inner.source.as_deref()?;
        let kind = source.downcast_ref::<std::io::Error>()?.kind();
        (!matches!(kind, Io::Interrupted | Io::WouldBlock)).then_some(kind)
    }

    /// The category to branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The operation that failed, such as `upload` or `rename`.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.inner.operation
    }

    /// What it was done to: a path, a handle, a local file, a person, as the caller named it. Calls about the account as a whole, such as
    /// signing in, have none, and links are never shown, since they hold keys.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.inner.subject.as_deref()
    }

    /// The service's own code, when the service answered with one.
    #[must_use]
    pub fn code(&self) -> Option<ApiCode> {
        self.inner.code
    }

    /// How long the service asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// The candidates of an [`ErrorKind::Ambiguous`] error.
    #[must_use]
    pub fn handles(&self) -> &[NodeHandle] {
        &self.inner.handles
    }

    /// Whether the same call could succeed later without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.inner.kind,
            ErrorKind::RateLimited
                | ErrorKind::OverTransferQuota
                | ErrorKind::Timeout
                | ErrorKind::Network
                | ErrorKind::SourceChanged
        )
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.inner.kind.remedy()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        if let Some(operation) = inner.operation {
            write!(f, "{operation}: ")?;
        }
        if let Some(subject) = &inner.subject {
            write!(f, "{}: ", mega_filename::display_name(subject))?;
        }
        f.write_str(&inner.message)?;
        if !inner.handles.is_empty() {
            f.write_str(": ")?;
            for (at, handle) in inner.handles.iter().enumerate() {
                write!(f, "{}{handle}", if at == 0 { "" } else { ", " })?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.inner.kind)
            .field("text", &self.to_string());
        if let Some(source) = &self.inner.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Error> for std::io::Error {
    /// Keeps the error as its source. What went wrong on the local disk keeps the kind that it has there.
    fn from(error: Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            ErrorKind::NotFound => Io::NotFound,
            ErrorKind::AlreadyExists => Io::AlreadyExists,
            ErrorKind::IsADirectory => Io::IsADirectory,
            ErrorKind::NotADirectory => Io::NotADirectory,
            ErrorKind::NotEmpty => Io::DirectoryNotEmpty,
            ErrorKind::AccessDenied
            | ErrorKind::BadCredentials
            | ErrorKind::SecondFactorRequired
            | ErrorKind::SecondFactorWrong
            | ErrorKind::Unconfirmed
            | ErrorKind::SessionExpired
            | ErrorKind::Blocked => Io::PermissionDenied,
            ErrorKind::OverStorageQuota | ErrorKind::NoSpace => Io::StorageFull,
            ErrorKind::OverTransferQuota => Io::QuotaExceeded,
            ErrorKind::Integrity
            | ErrorKind::Key
            | ErrorKind::ServerMaterialRejected
            | ErrorKind::Protocol => Io::InvalidData,
            ErrorKind::Ambiguous
            | ErrorKind::InvalidLink
            | ErrorKind::InvalidName
            | ErrorKind::Misuse => Io::InvalidInput,
            ErrorKind::Timeout => Io::TimedOut,
            ErrorKind::Unsupported => Io::Unsupported,
            ErrorKind::Io => error.local_kind().unwrap_or(Io::Other),
            // `Cancelled` is not `Interrupted`, though it sounds alike: that asks the caller to try again, which `write_all` and `copy` would do for ever.
            ErrorKind::Cancelled
            | ErrorKind::KeysMissing
            | ErrorKind::Network
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Precondition
            | ErrorKind::RateLimited
            | ErrorKind::Refused
            | ErrorKind::SourceChanged => Io::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind as Io};

    use super::*;

    /// All of them, in the order of their declaration.
    const ALL: [(ErrorKind, Io); 34] = [
        (ErrorKind::NotFound, Io::NotFound),
        (ErrorKind::Ambiguous, Io::InvalidInput),
        (ErrorKind::AlreadyExists, Io::AlreadyExists),
        (ErrorKind::IsADirectory, Io::IsADirectory),
        (ErrorKind::NotADirectory, Io::NotADirectory),
        (ErrorKind::NotEmpty, Io::DirectoryNotEmpty),
        (ErrorKind::Precondition, Io::Other),
        (ErrorKind::AccessDenied, Io::PermissionDenied),
        (ErrorKind::BadCredentials, Io::PermissionDenied),
        (ErrorKind::SecondFactorRequired, Io::PermissionDenied),
        (ErrorKind::SecondFactorWrong, Io::PermissionDenied),
        (ErrorKind::Unconfirmed, Io::PermissionDenied),
        (ErrorKind::SessionExpired, Io::PermissionDenied),
        (ErrorKind::Blocked, Io::PermissionDenied),
        (ErrorKind::RateLimited, Io::Other),
        (ErrorKind::OverStorageQuota, Io::StorageFull),
        (ErrorKind::OverTransferQuota, Io::QuotaExceeded),
        (ErrorKind::Integrity, Io::InvalidData),
        (ErrorKind::Key, Io::InvalidData),
        (ErrorKind::ServerMaterialRejected, Io::InvalidData),
        (ErrorKind::KeysMissing, Io::Other),
        (ErrorKind::InvalidLink, Io::InvalidInput),
        (ErrorKind::InvalidName, Io::InvalidInput),
        (ErrorKind::SourceChanged, Io::Other),
        (ErrorKind::OutcomeUnknown, Io::Other),
        (ErrorKind::Cancelled, Io::Other),
        (ErrorKind::Timeout, Io::TimedOut),
        (ErrorKind::Network, Io::Other),
        (ErrorKind::Protocol, Io::InvalidData),
        (ErrorKind::Io, Io::Other),
        (ErrorKind::NoSpace, Io::StorageFull),
        (ErrorKind::Misuse, Io::InvalidInput),
        (ErrorKind::Unsupported, Io::Unsupported),
        (ErrorKind::Refused, Io::Other),
    ];

    #[test]
    fn every_kind_becomes_an_io_error_that_keeps_what_was_said_and_has_a_remedy() {
        for (at, (kind, expected)) in ALL.into_iter().enumerate() {
            // In the order of their declaration, so that none is twice and none is missing.
            assert_eq!(kind as usize, at, "{kind:?}");
            let error = Error::new(kind, "why").during("rename").about("/a");
            let error = io::Error::from(error);
            assert_eq!(error.kind(), expected, "{kind:?}");
            assert_eq!(error.to_string(), "rename: /a: why");
            let inner = error.into_inner().unwrap().downcast::<Error>().unwrap();
            assert_eq!(inner.kind(), kind);
            assert!(!kind.remedy().is_empty());
        }
        assert_eq!(ErrorKind::Refused as usize + 1, ALL.len());
    }

    #[test]
    fn what_went_wrong_on_the_disk_keeps_its_kind_but_asks_nobody_to_try_again() {
        let local = |kind: Io| io::Error::from(Error::io("the file", kind.into())).kind();
        assert_eq!(local(Io::PermissionDenied), Io::PermissionDenied);
        assert_eq!(local(Io::ReadOnlyFilesystem), Io::ReadOnlyFilesystem);
        assert_eq!(local(Io::NotFound), Io::NotFound);
        assert_eq!(local(Io::QuotaExceeded), Io::StorageFull);
        assert_eq!(local(Io::Interrupted), Io::Other);
        assert_eq!(local(Io::WouldBlock), Io::Other);
    }
}
