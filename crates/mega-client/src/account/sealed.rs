//! A saved session under a passphrase: without it, a stolen copy opens nothing even while the session lives.
//!
//! `mega-session-1.` and base64 of 16 bytes of salt and a container of AES-128-GCM (mode 0x10 of crypto-and-accounts 3.5). The key comes
//! from the passphrase by PBKDF2 with the rounds of a sign-in, so guessing costs as much as guessing the password.

use mega_crypto::rand_core::Rng;
use mega_crypto::{MasterKey, base64, password, tlv};
use zeroize::Zeroizing;

use super::SavedSession;
use crate::blocking;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};

const MARK: &str = "mega-session-1.";
const SALT_LEN: usize = 16;

impl SavedSession {
    /// Encrypts the session with a passphrase. Guessing it costs a tenth of a second each time.
    ///
    /// # Errors
    ///
    /// [`Misuse`](ErrorKind::Misuse) for an empty passphrase.
    ///
    /// Cancel safe: nothing is written; the computation goes on to its end and is ignored.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// use mega_client::SavedSession;
    /// let mega = builder.clone().login(login).await?;
    /// let sealed = mega.save()?.seal("open sesame").await?;
    ///
    /// assert!(SavedSession::unseal(&sealed, "open barley").await.is_err());
    /// let mega = builder.resume(&SavedSession::unseal(&sealed, "open sesame").await?).await?;
    /// mega.sign_out().await?;
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub async fn seal(&self, passphrase: &str) -> Result<String> {
        if passphrase.is_empty() {
            return Err(
                Error::misuse("an empty passphrase protects nothing").during("seal session")
            );
        }
        let plain = Zeroizing::new(self.expose_text().to_owned());
        let passphrase = Zeroizing::new(passphrase.to_owned());
        blocking(move || {
            let mut salt = [0; SALT_LEN];
            rng().fill_bytes(&mut salt);
            let key = key_of(&passphrase, &salt)?;
            let sealed = tlv::encrypt(plain.as_bytes(), &key, &mut rng())
                .map_err(|error| Error::misuse("the session is too long").caused_by(error))?;
            Ok(format!(
                "{MARK}{}",
                base64::encode(&[salt.as_slice(), &sealed].concat())
            ))
        })
        .await
        .map_err(|error| error.during("seal session"))
    }

    /// Opens a sealed session.
    ///
    /// # Errors
    ///
    /// [`Key`](ErrorKind::Key) for a wrong passphrase or a text that was changed; [`Misuse`](ErrorKind::Misuse) for one that is no
    /// sealed session.
    ///
    /// Cancel safe: nothing is written; the computation goes on to its end and is ignored.
    pub async fn unseal(sealed: &str, passphrase: &str) -> Result<Self> {
        let not_one = || Error::misuse("this is not a sealed session").during("unseal session");
        let text = sealed.trim().strip_prefix(MARK).ok_or_else(not_one)?;
        let bytes = base64::decode(text).map_err(|_| not_one())?;
        let passphrase = Zeroizing::new(passphrase.to_owned());
        blocking(move || {
            let (salt, container) = bytes.split_at_checked(SALT_LEN).ok_or_else(not_one)?;
            let key = key_of(&passphrase, salt)?;
            let wrong = || {
                Error::new(
                    ErrorKind::Key,
                    "the passphrase is wrong, or the sealed session was changed",
                )
            };
            let plain = tlv::decrypt(container, &key).map_err(|_| wrong())?;
            let text = std::str::from_utf8(&plain).map_err(|_| wrong())?;
            text.parse().map_err(|_| wrong())
        })
        .await
        .map_err(|error| error.during("unseal session"))
    }
}

fn key_of(passphrase: &str, salt: &[u8]) -> Result<MasterKey> {
    let secret = password::derive_v2(passphrase, salt)
        .map_err(|error| Error::misuse("the salt is too short").caused_by(error))?;
    Ok(MasterKey::from_bytes(
        *secret.password_key().expose_secret(),
    ))
}
