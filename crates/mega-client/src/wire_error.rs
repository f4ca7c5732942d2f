//! From the errors of the wire to the errors of the file system.

use mega_protocol::ErrorKind as Wire;

use crate::error::{Error, ErrorKind};

impl From<mega_protocol::Error> for Error {
    fn from(error: mega_protocol::Error) -> Self {
        let kind = match error.kind() {
            Wire::NotFound => ErrorKind::NotFound,
            Wire::AlreadyExists => ErrorKind::AlreadyExists,
            Wire::PermissionDenied => ErrorKind::AccessDenied,
            Wire::Circular => ErrorKind::Misuse,
            Wire::Expired => ErrorKind::Precondition,
            Wire::Integrity => ErrorKind::Integrity,
            Wire::SessionExpired => ErrorKind::SessionExpired,
            Wire::Blocked => ErrorKind::Blocked,
            Wire::SecondFactorNeeded => ErrorKind::SecondFactorRequired,
            Wire::OverQuota => ErrorKind::OverStorageQuota,
            Wire::RateLimited => ErrorKind::RateLimited,
            Wire::Unavailable | Wire::Network | Wire::Tls => ErrorKind::Network,
            Wire::Timeout => ErrorKind::Timeout,
            Wire::Protocol | Wire::UrlRefused => ErrorKind::Protocol,
            Wire::OutcomeUnknown => ErrorKind::OutcomeUnknown,
            Wire::ProofOfWork => ErrorKind::RateLimited,
            Wire::Closed => ErrorKind::Cancelled,
            Wire::Misuse => ErrorKind::Misuse,
            _ => ErrorKind::Refused,
        };
        if let mega_protocol::Error::NotNoted(source) = &error
            && let Some(own) = source.downcast_ref::<Self>()
        {
            // It is an error of this crate that went through the wire and back.
            return Self::new(own.kind(), own.to_string()).caused_by(error);
        }
        let (code, wait) = (error.code(), error.retry_after());
        let mut own = Self::new(kind, error.to_string()).with_retry_after(wait);
        if let Some(code) = code {
            own = own.with_code(code);
        }
        own.caused_by(error)
    }
}
