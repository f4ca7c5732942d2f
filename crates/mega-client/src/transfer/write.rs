//! Writing a content that is in memory or comes from a reader.

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::upload::{Content, Upload};
use crate::{Client, Target};

impl Client {
    /// Writes bytes as a file. What is there already stays as an older version, unless
    /// [`on_conflict`](Upload::on_conflict) says otherwise.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// mega.write("/notes.txt", "buy milk").await?;
    /// mega.write("/notes.txt", "buy bread").await?;
    /// assert_eq!(mega.read("/notes.txt").await?, "buy bread");
    /// assert_eq!(mega.versions("/notes.txt").await?.len(), 1);
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn write(&self, target: impl Into<Target>, content: impl Into<Bytes>) -> Upload {
        Upload::new(self, Content::Bytes(content.into()), target.into())
    }

    /// Writes what a reader gives, to its end. If you know how many bytes that are, say so with
    /// [`size`](Upload::size): then nothing has to be kept until the end is reached.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").create();
    /// # let login = mega_client::Credentials::new("me@example.com", "secret");
    /// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
    /// let reader = &b"from anywhere"[..];
    /// mega.write_from("/stream.txt", reader).await?;
    /// assert_eq!(mega.read("/stream.txt").await?, "from anywhere");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub fn write_from(
        &self,
        target: impl Into<Target>,
        reader: impl AsyncRead + Send + 'static,
    ) -> Upload {
        Upload::new(self, Content::Reader(Box::pin(reader), None), target.into())
    }
}
