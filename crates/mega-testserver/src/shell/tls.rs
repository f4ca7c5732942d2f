//! TLS in front of the sockets, so that clients that insist on it, and on the service's own host names, can be served.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate and its key. The names in it may be those of the real service; then the client needs a private table of
/// names that leads them here, and has to trust the authority that signed it.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The text holds no PEM block of the kind, or a broken one.
    #[error("no {what} can be read from the PEM text")]
    Pem {
        /// "certificate" or "private key".
        what: &'static str,
        /// What the reader of PEM says.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The two are read but cannot be used together.
    #[error("the certificate and the key cannot be served")]
    Unusable(#[source] rustls::Error),
}

impl Tls {
    /// Reads a certificate, followed by those of its signers if there are any, and its private key, both as PEM text.
    ///
    /// # Errors
    ///
    /// Nothing of the kind is in the texts, or the key is not that of the certificate.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let pem = |what| move |source| TlsError::Pem { what, source };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(pem("certificate"))?;
        if chain.is_empty() {
            return Err(pem("certificate")(
                rustls::pki_types::pem::Error::NoItemsFound,
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(pem("private key"))?;
        // Naming the provider keeps a process-wide default out of it.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unusable)?;
        // The official client compares header names letter by letter, which HTTP/2 does not keep.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}
