//! One connection: requests one after the other, each answered before the next is read.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Socket;
use super::request::{Refused, read};
use crate::service::{Manner, Outcome, Reply, Service};

/// Serves a connection until either side closes it.
pub(super) async fn serve(mut stream: impl Socket, service: Arc<Service>) {
    let mut buffer = BytesMut::with_capacity(16 << 10);
    loop {
        let received = match read(&mut stream, &mut buffer, &service).await {
            Ok(received) => received,
            Err(Refused::Closed) => return,
            Err(Refused::Status(status)) => {
                let _ = write(&mut stream, Reply::empty(status), false, false).await;
                // Let the client read the refusal before the connection is reset over unread data.
                let _ = stream.shutdown().await;
                return;
            }
        };
        let head_only = received.request.method() == http::Method::HEAD;
        let keep_alive = received.keep_alive;
        let reply = match service.handle_discarded(received.request, received.body_len) {
            Outcome::Reply(reply) => reply,
            hold => {
                let answer = service.wait(hold);
                tokio::pin!(answer);
                loop {
                    tokio::select! {
                        reply = &mut answer => break reply,
                        // A client that gives up waiting closes; one that sends the next request already may.
                        got = stream.read_buf(&mut buffer), if buffer.len() < MAX_AHEAD => match got {
                            Ok(0) | Err(_) => return,
                            Ok(_) => {}
                        },
                    }
                }
            }
        };
        let reset = reply.delivery.reset;
        match write(&mut stream, reply, keep_alive, head_only).await {
            Ok(true) => {}
            _ => {
                if reset {
                    stream.reset_when_dropped();
                }
                return;
            }
        }
    }
}

/// Sends a reply; the result says whether the connection can go on.
async fn write(
    stream: &mut impl Socket,
    reply: Reply,
    keep_alive: bool,
    head_only: bool,
) -> std::io::Result<bool> {
    if let Some(delay) = reply.delivery.delay {
        tokio::time::sleep(delay).await;
    }
    let manner = reply.delivery.manner.clone();
    if manner == Manner::Lost {
        return Ok(false);
    }
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    // Browser clients need these, nobody minds them.
    head.push_str(
        "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: X-Hashcash, X-MEGA-Time-Left\r\n\
         Access-Control-Allow-Headers: Content-Type, X-Hashcash, MEGA-Chrome-Antileak, Range\r\n",
    );
    if reply.status != 204 {
        let _ = write!(head, "Content-Length: {}\r\n", reply.body.len());
    }
    head.push_str(if keep_alive {
        "Connection: keep-alive\r\n\r\n"
    } else {
        "Connection: close\r\n\r\n"
    });

    let mut parts = reply.body.into_parts();
    if manner == Manner::Twice {
        let mut all = head.into_bytes();
        parts.for_each(|part| all.extend_from_slice(&part));
        stream.write_all(&all).await?;
        stream.write_all(&all).await?;
        stream.flush().await?;
        return Ok(keep_alive);
    }
    if manner == Manner::HeadersOnly || head_only {
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        return Ok(head_only && keep_alive);
    }
    // A small body goes out together with the head.
    let first = parts.next().unwrap_or_default();
    let mut sender = Sender {
        stream,
        sent: 0,
        manner,
    };
    if first.len() <= 16 << 10 && sender.manner == Manner::Whole {
        let mut both = head.into_bytes();
        both.extend_from_slice(&first);
        sender.stream.write_all(&both).await?;
    } else {
        sender.stream.write_all(head.as_bytes()).await?;
        if !sender.send(first).await? {
            return Ok(false);
        }
    }
    for part in parts {
        if !sender.send(part).await? {
            return Ok(false);
        }
    }
    // Under TLS the last bytes may still be here.
    sender.stream.flush().await?;
    Ok(keep_alive)
}

struct Sender<'a, S> {
    stream: &'a mut S,
    sent: u64,
    manner: Manner,
}

impl<S: Socket> Sender<'_, S> {
    /// Sends a piece of the body, as the manner wants; false when the connection is to be closed.
    async fn send(&mut self, mut part: Bytes) -> std::io::Result<bool> {
        let len = part.len() as u64;
        let within = |at: u64| {
            at.checked_sub(self.sent)
                .filter(|at| *at <= len)
                .and_then(|at| usize::try_from(at).ok())
        };
        match self.manner.clone() {
            Manner::Cut(at) => {
                if let Some(at) = within(at) {
                    self.stream
                        .write_all(part.get(..at).unwrap_or_default())
                        .await?;
                    self.stream.flush().await?;
                    return Ok(false);
                }
            }
            Manner::Stall { at, time } => {
                if let Some(at) = within(at) {
                    let before = part.split_to(at);
                    self.stream.write_all(&before).await?;
                    self.stream.flush().await?;
                    tokio::time::sleep(time).await;
                    self.manner = Manner::Whole;
                }
            }
            Manner::Trickle { bytes, pause } => {
                while !part.is_empty() {
                    let piece = part.split_to(bytes.clamp(1, part.len()));
                    self.stream.write_all(&piece).await?;
                    self.stream.flush().await?;
                    tokio::time::sleep(pause).await;
                }
            }
            _ => {}
        }
        self.stream.write_all(&part).await?;
        self.sent += len;
        Ok(true)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        509 => "Bandwidth Limit Exceeded",
        500 => "Server Too Busy",
        status => http::StatusCode::from_u16(status)
            .ok()
            .and_then(|s| s.canonical_reason())
            .unwrap_or("Unknown"),
    }
}

/// What a client may send ahead while one of its requests is held.
const MAX_AHEAD: usize = 64 << 10;
