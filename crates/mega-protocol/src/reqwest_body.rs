//! The body of a request on its way through reqwest.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::driver::{RequestBody, RequestPieces, UploadProgress};

/// A body that is counted while it goes out, and what ends it. It has to be kept until all of the response was read.
///
/// A host may answer before it has read the body. The HTTP stack goes on sending it then, whoever waits for the answer having long gone on.
pub(crate) fn leaving(body: RequestBody, progress: UploadProgress) -> (reqwest::Body, Option<End>) {
    if let Some(body) = body.in_memory().filter(|body| body.len() <= PIECE) {
        progress.add(body.len() as u64);
        return (reqwest::Body::from(body.clone()), None);
    }
    let left = body.len();
    let shared = Arc::new(Mutex::new(State {
        pieces: Some(body.into_pieces()),
        rest: Bytes::new(),
        left,
        ended: false,
        progress,
        waiting: None,
    }));
    let body = reqwest::Body::wrap_stream(Leaving(Arc::clone(&shared)));
    (body, Some(End(shared)))
}

struct State {
    /// `None` once the body has ended, one way or another.
    pieces: Option<RequestPieces>,
    /// What was made and has not left.
    rest: Bytes,
    /// How many bytes are still to be made.
    left: u64,
    /// Whether there is nothing more to be made.
    ended: bool,
    progress: UploadProgress,
    waiting: Option<Waker>,
}

impl State {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(pieces) = &mut self.pieces else {
            return Poll::Ready(Some(Err(io::Error::other("the request was given up"))));
        };
        // The last bytes leave only when it is certain that there are no more.
        while !self.ended && (self.rest.is_empty() || self.left == 0) {
            match ready!(pieces.poll_next_unpin(cx)) {
                Some(piece) => {
                    let piece = piece?;
                    let len = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    match self.left.checked_sub(len) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(Some(Err(another_length()))),
                    }
                    if !piece.is_empty() {
                        self.rest = piece;
                    }
                }
                None if self.left > 0 => return Poll::Ready(Some(Err(another_length()))),
                None => self.ended = true,
            }
        }
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        self.progress.add(piece.len() as u64);
        Poll::Ready(Some(Ok(piece)))
    }
}

struct Leaving(Arc<Mutex<State>>);

impl Stream for Leaving {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = lock(&self.0);
        let polled = state.poll(cx);
        state.waiting = match polled {
            Poll::Pending => Some(cx.waker().clone()),
            Poll::Ready(_) => None,
        };
        polled
    }
}

/// Ends the body when it is dropped: what was made is let go at once, and the connection breaks off unless all of it has left.
pub(crate) struct End(Arc<Mutex<State>>);

impl Drop for End {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        let made = (state.pieces.take(), std::mem::take(&mut state.rest));
        let waiting = state.waiting.take();
        drop(state);
        drop(made);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn another_length() -> io::Error {
    let text = "the body of a request has another length than was announced";
    io::Error::new(io::ErrorKind::InvalidData, text)
}

const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::transport::TransportError;
    use crate::url::ServerUrl;
    use crate::{HttpRequest, HttpResponse, Method, ReqwestTransport, Transport};

    const MIB: u64 = 1 << 20;

    /// A body that gives a mebibyte at a time, `real` of them, and counts them.
    fn body(len: u64, real: u64, made: &Arc<AtomicU64>) -> RequestBody {
        let made = Arc::clone(made);
        RequestBody::from_pieces(len * MIB, move || {
            let made = Arc::clone(&made);
            futures::stream::iter(0..real).map(move |_| {
                made.fetch_add(1, SeqCst);
                Ok(Bytes::from(vec![0; 1 << 20]))
            })
        })
    }

    /// What comes of it at a host that does so with its one connection.
    async fn send<F: Future<Output = ()> + Send + 'static>(
        body: RequestBody,
        host: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> Result<HttpResponse, TransportError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { host(listener.accept().await.unwrap().0).await });
        let url = ServerUrl::parse(&url).unwrap();
        let request = HttpRequest::new(Method::Post, url, body);
        ReqwestTransport::new().unwrap().request(request).await
    }

    /// How many bytes come until the end.
    async fn drain(mut socket: TcpStream) -> u64 {
        let mut all = 0;
        let mut buffer = vec![0; 1 << 20];
        while let Ok(read @ 1..) = socket.read(&mut buffer).await {
            all += read as u64;
        }
        all
    }

    #[tokio::test]
    async fn can_1_what_an_early_answer_leaves_unsent_is_not_sent() {
        let made = Arc::default();
        let (tell, told) = tokio::sync::oneshot::channel();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let host = |mut socket: TcpStream| async move {
            let mut head = [0; 10];
            socket.read_exact(&mut head).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n-4";
            socket.write_all(answer).await.unwrap();
            // It reads on when the answer has been read.
            gone.await.unwrap();
            tell.send(drain(socket).await).unwrap();
        };
        let mut answer = send(body(1000, 1000, &made), host).await.unwrap();
        let text = answer.body.chunk().await.unwrap().unwrap();
        assert_eq!(&text[..], b"-4");
        drop(answer);
        go.send(()).unwrap();
        // The connection ends, with little of the body.
        assert!(told.await.unwrap() < 500 * MIB);
        assert!(made.load(SeqCst) < 500);
    }

    #[tokio::test]
    async fn net_7_a_body_of_another_length_than_announced_breaks_off() {
        for (announced, real) in [(3, 2), (3, 4)] {
            let made = Arc::default();
            let host = |socket: TcpStream| async move {
                assert!(drain(socket).await < 3 * MIB, "not all of it");
            };
            let sent = send(body(announced, real, &made), host).await;
            assert!(sent.is_err(), "{announced} {real}");
        }
    }
}
