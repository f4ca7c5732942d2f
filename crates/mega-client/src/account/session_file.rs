//! Keeping a session in a file: for its owner only, and never half written.

use std::path::Path;

use zeroize::Zeroizing;

use super::{SavedSession, private_file};
use crate::blocking;
use crate::error::{Error, ErrorKind, Result};

impl SavedSession {
    /// Writes the session to a file in place of what is there: with mode 0600 from the first moment, and as a whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io), [`NotFound`](ErrorKind::NotFound) when the folder is not there. What was there is untouched then.
    ///
    /// Cancel safety: the write goes on when the future is dropped, as a whole or not at all.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let builder = mega_client::Client::builder().origin(server.url());
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("session");
    /// use mega_client::SavedSession;
    /// builder.clone().login(login).await?.save()?.write_file(&path).await?;
    /// // In the next program:
    /// let mega = builder.resume(&SavedSession::read_file(&path).await?).await?;
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub async fn write_file(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), self.expose_text()).await
    }

    /// Reads a session from a file.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`Io`](ErrorKind::Io); [`Misuse`](ErrorKind::Misuse) when something else is in the file.
    ///
    /// Cancel safe: nothing is written.
    pub async fn read_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let parsed = read(path).await?.parse();
        parsed.map_err(|error: Error| error.during("read session").about(shown(path)))
    }

    /// As [`write_file`](Self::write_file), [sealed](Self::seal) with a passphrase.
    ///
    /// # Errors
    ///
    /// As for both.
    ///
    /// Cancel safety: while it is being sealed, nothing is written; after that as for [`write_file`](Self::write_file).
    pub async fn write_sealed_file(&self, path: impl AsRef<Path>, passphrase: &str) -> Result<()> {
        let path = path.as_ref();
        let sealed = self.seal(passphrase).await;
        write(path, &sealed.map_err(|error| error.about(shown(path)))?).await
    }

    /// Reads a session that was sealed with a passphrase.
    ///
    /// # Errors
    ///
    /// As for [`read_file`](Self::read_file) and [`unseal`](Self::unseal).
    ///
    /// Cancel safe: nothing is written.
    pub async fn read_sealed_file(path: impl AsRef<Path>, passphrase: &str) -> Result<Self> {
        let path = path.as_ref();
        let unsealed = Self::unseal(&read(path).await?, passphrase).await;
        unsealed.map_err(|error| error.about(shown(path)))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

async fn write(path: &Path, text: &str) -> Result<()> {
    let (own, text) = (path.to_path_buf(), Zeroizing::new(format!("{text}\n")));
    blocking(move || {
        private_file::replace(&own, text.as_bytes())
            .map_err(|error| Error::io("the session cannot be written", error))
    })
    .await
    .map_err(|error| error.during("save session").about(shown(path)))
}

async fn read(path: &Path) -> Result<Zeroizing<String>> {
    let own = path.to_path_buf();
    blocking(move || {
        let bytes = private_file::read(&own)
            .map_err(|error| Error::io("the session cannot be read", error))?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "no session is kept there"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::misuse("no session is in it"))?;
        Ok(Zeroizing::new(text.to_owned()))
    })
    .await
    .map_err(|error| error.during("read session").about(shown(path)))
}
