//! The transport most people want: HTTP by reqwest, TLS by rustls with ring.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::driver::{Body, BoxFuture, HttpRequest, HttpResponse, Method, Transport};
use crate::reqwest_body::leaving;
use crate::transport::{TransportError, TransportErrorKind};

/// HTTP/1.1 over reqwest. Cheap to clone; clones share their connections.
///
/// It follows no redirect, decompresses nothing, and verifies certificates against the roots of
/// Mozilla's programme and those you add.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// A transport with the defaults.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, TransportSetupError> {
        Self::builder().build()
    }

    /// Sets a transport up.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder::default()
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport(..)")
    }
}

/// Why a transport could not be set up.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the transport cannot be set up: {what}")]
#[non_exhaustive]
pub struct TransportSetupError {
    /// What is wrong.
    pub what: &'static str,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TransportSetupError {
    fn new(what: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self {
            what,
            source: Some(Arc::new(source)),
        }
    }
}

/// Sets a [`ReqwestTransport`] up.
#[derive(Clone)]
#[must_use]
pub struct ReqwestTransportBuilder {
    proxies: Vec<String>,
    no_proxy: bool,
    roots: Vec<Vec<u8>>,
    only_own_roots: bool,
    connect_timeout: Duration,
    idle_connections: usize,
}

impl Default for ReqwestTransportBuilder {
    fn default() -> Self {
        Self {
            proxies: Vec::new(),
            no_proxy: true,
            roots: Vec::new(),
            only_own_roots: false,
            connect_timeout: Duration::from_secs(12),
            idle_connections: 16,
        }
    }
}

impl fmt::Debug for ReqwestTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proxy URLs may hold passwords.
        f.debug_struct("ReqwestTransportBuilder")
            .field("proxies", &self.proxies.len())
            .field("roots", &self.roots.len())
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

impl ReqwestTransportBuilder {
    /// Sends everything through this proxy: `http://`, `https://`, `socks5://` (names resolved
    /// here) or `socks5h://` (names resolved there), with user and password if need be.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxies.push(url.into());
        self
    }

    /// Takes the proxy that the environment or the system names. Without this call no environment
    /// variable has any effect.
    pub fn system_proxy(mut self) -> Self {
        self.no_proxy = false;
        self
    }

    /// Also trusts this certificate authority, in DER form.
    pub fn add_root_certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.roots.push(der.into());
        self
    }

    /// Trusts only the added certificate authorities.
    pub fn only_added_roots(mut self) -> Self {
        self.only_own_roots = true;
        self
    }

    /// How long connecting may take; 12 seconds by default (LIM-10).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How many idle connections are kept for each host; 16 by default.
    pub fn idle_connections(mut self, number: usize) -> Self {
        self.idle_connections = number;
        self
    }

    /// The finished transport.
    ///
    /// # Errors
    ///
    /// When a proxy URL or certificate is unusable, or TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestTransport, TransportSetupError> {
        let mut roots = RootCertStore::empty();
        if !self.only_own_roots {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for der in &self.roots {
            roots
                .add(CertificateDer::from(der.clone()))
                .map_err(|e| TransportSetupError::new("a root certificate is unusable", e))?;
        }
        // Naming the provider keeps a process-wide default out of it.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| TransportSetupError::new("TLS", e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.idle_connections);
        if self.no_proxy {
            builder = builder.no_proxy();
        }
        for proxy in &self.proxies {
            let proxy = reqwest::Proxy::all(proxy).map_err(|e| {
                TransportSetupError::new("a proxy URL is unusable", e.without_url())
            })?;
            builder = builder.proxy(proxy);
        }
        let client = builder
            .build()
            .map_err(|e| TransportSetupError::new("HTTP client", e.without_url()))?;
        Ok(ReqwestTransport { client })
    }
}

impl Transport for ReqwestTransport {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let method = match request.method {
                Method::Get => reqwest::Method::GET,
                Method::Post => reqwest::Method::POST,
            };
            let mut http = self.client.request(method, request.url.as_str());
            for (name, value) in request.headers.iter() {
                http = http.header(name, value);
            }
            let mut end = None;
            if request.method == Method::Post {
                http = http.header(reqwest::header::CONTENT_LENGTH, request.body.len());
                let (body, its_end) = leaving(request.body, request.progress);
                http = http.body(body);
                end = its_end;
            }
            let response = http.send().await.map_err(failure)?;
            let status = response.status().as_u16();
            let headers = response
                .headers()
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
                .collect();
            let body = response.bytes_stream().map(move |piece| {
                // Both ways end together.
                let _end = &end;
                piece.map_err(failure)
            });
            Ok(HttpResponse::new(status, headers, Body::from_stream(body)))
        })
    }
}

/// What a failure of reqwest means. Its URL is taken out first (SEC-3).
fn failure(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let kind = if error.is_connect() && is_unproven(&error) {
        TransportErrorKind::Tls
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_builder() {
        TransportErrorKind::Refused
    } else if error.is_body() || error.is_request() || error.is_decode() {
        TransportErrorKind::Reset
    } else {
        TransportErrorKind::Other
    };
    let connecting = error.is_connect() || error.is_builder();
    TransportError::new(kind)
        .with_sent(!connecting)
        .with_source(error)
}

/// Whether connecting failed because the other side did not prove who it is, or speaks no TLS. A record that was damaged on the way is not
/// meant: that is a fault of the connection, like any other.
///
/// It says nothing about a connection that was made before. There, the other side has proven itself, and whatever TLS finds wrong came later.
fn is_unproven(error: &reqwest::Error) -> bool {
    use rustls::AlertDescription::{BadRecordMac, DecryptError};

    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return !matches!(
                error,
                rustls::Error::DecryptError
                    | rustls::Error::AlertReceived(BadRecordMac | DecryptError)
            );
        }
        // An I/O error names as its source the source of what it wraps, and so hides the wrapped
        // error itself.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
