//! A client that is signed in already: for tests that want a second opinion, or a second client that does something meanwhile.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use crate::service::{Outcome, Service};

/// Sends commands to a server as they are and gives the replies back as they are; it opens no socket and keeps nothing but its session.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use mega_testserver::TestServer;
///
/// let server = TestServer::start().await?;
/// let account = server.account("me@example.com", "password").create();
///
/// let mut client = server.client("me@example.com").expect("an account");
/// let folder = format!(
///     r#"[{{"a":"p","t":"{}","n":[{{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"{}"}}]}}]"#,
///     account.root,
///     "A".repeat(22)
/// );
/// assert!(client.ask(&folder)?.starts_with(r#"[{"f":[{"h":""#));
/// assert_eq!(client.ask(r#"[{"a":"dv"},{"a":"qbq","s":1}]"#)?, "[0,0]");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RawClient {
    service: Arc<Service>,
    session: String,
    requests: u64,
}

impl RawClient {
    /// Opens a session of an account without asking for a password.
    pub(crate) fn new(service: &Arc<Service>, email: &str) -> Option<Self> {
        Some(Self {
            service: service.clone(),
            session: service.with_model(|m| m.sign_in(email))?,
            requests: 0,
        })
    }

    /// The session, as it stands in URLs.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Sends a batch, a JSON array of commands, each time under another request id. The reply is in the older dialect, without
    /// sequence tags.
    ///
    /// # Errors
    ///
    /// A fault lost the reply, or spoiled its status.
    pub fn ask(&mut self, batch: &str) -> io::Result<String> {
        self.requests += 1;
        let target = format!("/cs?id={}&sid={}", self.requests, self.session);
        self.post(&target, batch)
    }

    /// What happened in the account after a position (`sn`), with the position after that: the reply of the event channel, at once.
    ///
    /// # Errors
    ///
    /// As [`RawClient::ask`].
    pub fn events(&mut self, position: &str) -> io::Result<String> {
        let target = format!("/sc/wsc?sn={position}&sid={}", self.session);
        self.post(&target, "")
    }

    fn post(&self, target: &str, body: &str) -> io::Result<String> {
        let request = Request::post(target)
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .map_err(io::Error::other)?;
        let Outcome::Reply(reply) = self.service.handle(request) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let lost = |_| io::Error::from(io::ErrorKind::UnexpectedEof);
        let reply = reply.into_http().map_err(lost)?;
        if reply.status() != http::StatusCode::OK {
            return Err(io::Error::other(format!("status {}", reply.status())));
        }
        String::from_utf8(reply.into_body().to_vec()).map_err(io::Error::other)
    }
}
