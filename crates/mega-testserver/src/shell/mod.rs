//! HTTP/1.1 over sockets, by hand: header names are sent exactly as spelled, and replies can be spoiled at any byte.

mod connection;
mod request;
mod tls;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

pub use tls::{Tls, TlsError};

use crate::service::Service;

/// What a connection is spoken over: a socket, or TLS over one.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    /// The other side is to see a reset, not an end.
    fn reset_when_dropped(&self);
}

impl Socket for TcpStream {
    fn reset_when_dropped(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Socket for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) {
        let _ = self.get_ref().0.set_zero_linger();
    }
}

/// Accepts connections for ever. Aborting it closes them all.
pub(crate) async fn serve(listener: TcpListener, tls: Option<Tls>, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(greet(stream, tls.clone(), service.clone()));
                    }
                    // Out of file descriptors or the like: those who are connected may leave first.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn greet(stream: TcpStream, tls: Option<Tls>, service: Arc<Service>) {
    if !service.accepts_connection() {
        stream.reset_when_dropped();
        return;
    }
    let _ = stream.set_nodelay(true);
    match tls {
        None => connection::serve(stream, service).await,
        // Who does not get through the handshake is not answered; the client knows why better than the server does.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                connection::serve(stream, service).await;
            }
        }
    }
}
