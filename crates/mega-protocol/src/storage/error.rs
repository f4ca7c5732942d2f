//! What storage hosts say no with.

use std::time::Duration;

use crate::code::ApiCode;
use crate::error::ErrorKind;

/// Why a storage host did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The address is no longer valid (403, 404): ask for a new one (DL-13).
    #[error("the storage address has expired")]
    AddressExpired,
    /// The transfer quota is used up (509).
    #[error("transfer quota exceeded; try again in {} seconds", retry_after.as_secs())]
    OverTransferQuota {
        /// How long to wait: what the host said, or an hour.
        retry_after: Duration,
    },
    /// Too many requests at once (429).
    #[error("the storage host asks to slow down")]
    TooManyRequests,
    /// The host is down for the moment (500, 502, 503, 504).
    #[error("the storage host is unavailable (HTTP status {0})")]
    Unavailable(u16),
    /// Another status.
    #[error("the storage host answered with HTTP status {0}")]
    Status(u16),
    /// An error code in the body of an upload reply.
    #[error("the storage host refused the upload: {0}")]
    Refused(ApiCode),
    /// The body has not the length it must have (NET-7, DL-5).
    #[error("the storage host sent {got} bytes where {expected} were due")]
    Length {
        /// Bytes that were due.
        expected: u64,
        /// Bytes that came, or were announced; more than due means "at least".
        got: u64,
    },
    /// A reply of a form that does not exist (UL-3).
    #[error("the storage host sent a reply that makes no sense")]
    Malformed,
}

impl StorageError {
    /// What went wrong, coarsely.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AddressExpired => ErrorKind::Expired,
            Self::OverTransferQuota { .. } => ErrorKind::OverQuota,
            Self::TooManyRequests => ErrorKind::RateLimited,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Status(_) | Self::Malformed => ErrorKind::Protocol,
            // Too little is what a broken connection looks like; too much is a lie.
            Self::Length { expected, got } if got < expected => ErrorKind::Network,
            Self::Length { .. } => ErrorKind::Protocol,
            Self::Refused(ApiCode::EEXPIRED | ApiCode::EFAILED) => ErrorKind::Expired,
            Self::Refused(ApiCode::EKEY) => ErrorKind::Integrity,
            Self::Refused(ApiCode::ETOOMANY) => ErrorKind::RateLimited,
            Self::Refused(ApiCode::EAGAIN | ApiCode::ERATELIMIT) => ErrorKind::Unavailable,
            Self::Refused(ApiCode::EOVERQUOTA) => ErrorKind::OverQuota,
            Self::Refused(_) => ErrorKind::InvalidRequest,
        }
    }

    /// The code in the body, if there was one.
    pub fn code(&self) -> Option<ApiCode> {
        match self {
            Self::Refused(code) => Some(*code),
            _ => None,
        }
    }

    /// How long the host says to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OverTransferQuota { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// What a status other than 200 means (api-and-transfers 7.4). `time_left` is the value of the
    /// header `X-MEGA-Time-Left`.
    pub fn from_status(status: u16, time_left: Option<&str>) -> Self {
        match status {
            403 | 404 => Self::AddressExpired,
            429 => Self::TooManyRequests,
            509 => {
                let seconds = time_left
                    .and_then(|t| t.trim().parse().ok())
                    .filter(|s| *s > 0);
                let seconds = seconds.unwrap_or(3600u64).min(MAX_WAIT);
                Self::OverTransferQuota {
                    retry_after: Duration::from_secs(seconds),
                }
            }
            500 | 502..=504 => Self::Unavailable(status),
            status => Self::Status(status),
        }
    }
}

/// A month: no quota lasts longer, and no arithmetic on it overflows.
const MAX_WAIT: u64 = 31 * 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_wait_is_what_the_host_says_or_an_hour() {
        let wait = |t| {
            StorageError::from_status(509, t)
                .retry_after()
                .unwrap()
                .as_secs()
        };
        assert_eq!(wait(Some("120")), 120);
        assert_eq!(wait(None), 3600);
        assert_eq!(wait(Some("-5")), 3600);
        assert_eq!(wait(Some("0")), 3600);
        assert_eq!(wait(Some("99999999999999999")), MAX_WAIT);
    }

    #[test]
    fn dl_13_an_expired_address_is_told_from_a_busy_host() {
        for status in [403, 404] {
            assert_eq!(
                StorageError::from_status(status, None),
                StorageError::AddressExpired
            );
        }
        assert_eq!(
            StorageError::from_status(503, None).kind(),
            ErrorKind::Unavailable
        );
        assert_eq!(
            StorageError::from_status(302, None),
            StorageError::Status(302)
        );
    }
}
