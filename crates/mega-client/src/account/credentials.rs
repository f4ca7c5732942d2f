//! What a person signs in with.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// An e-mail address, a password and, where the account asks for one, a second factor.
///
/// ```
/// use mega_client::{Credentials, SecondFactor};
///
/// let plain = Credentials::new("me@example.com", "correct horse battery staple");
/// let guarded = plain.clone().second_factor(SecondFactor::code("123456"));
/// // Neither the password nor the code is ever printed.
/// assert!(!format!("{guarded:?}").contains("horse"));
/// ```
#[derive(Clone)]
pub struct Credentials {
    pub(crate) email: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) second_factor: Option<SecondFactor>,
}

impl Credentials {
    /// Takes the address and the password as they are. White space around the address is dropped, as all official clients do;
    /// the password is used exactly as given (crypto-and-accounts 2.1, 2.4).
    pub fn new(email: impl AsRef<str>, password: impl Into<String>) -> Self {
        Self {
            email: email.as_ref().trim().to_owned(),
            password: Zeroizing::new(password.into()),
            second_factor: None,
        }
    }

    /// Adds the second factor of the account.
    #[must_use]
    pub fn second_factor(mut self, factor: SecondFactor) -> Self {
        self.second_factor = Some(factor);
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("second_factor", &self.second_factor.is_some())
            .finish_non_exhaustive()
    }
}

/// Where the six-digit code of a second factor comes from. It is asked for only when the service wants one.
#[derive(Clone)]
pub struct SecondFactor(pub(crate) FactorSource);

#[derive(Clone)]
pub(crate) enum FactorSource {
    Code(Zeroizing<String>),
    Secret(Zeroizing<String>),
    Ask(Arc<dyn Fn() -> Option<String> + Send + Sync>),
}

impl SecondFactor {
    /// The code itself.
    pub fn code(code: impl Into<String>) -> Self {
        Self(FactorSource::Code(Zeroizing::new(code.into())))
    }

    /// The shared secret in base32, from which the code of the moment is computed (RFC 6238).
    pub fn secret(secret: impl Into<String>) -> Self {
        Self(FactorSource::Secret(Zeroizing::new(secret.into())))
    }

    /// A function that asks the person, called at most once per sign-in on a thread where blocking is allowed.
    /// `None` gives up.
    pub fn ask(ask: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self(FactorSource::Ask(Arc::new(ask)))
    }
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondFactor(..)")
    }
}
