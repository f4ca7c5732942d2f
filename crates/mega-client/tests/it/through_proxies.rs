//! SOCKS proxies and certificate authorities of one's own, with the service's own host names and real TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use mega_client::{Client, Credentials, ErrorKind};
use mega_testserver::wire::unb64;
use mega_testserver::{TestServer, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::place::{EMAIL, PASSWORD};

const AUTHORITY: &str = include_str!("../../../mega-testserver/tests/data/tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../mega-testserver/tests/data/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../../mega-testserver/tests/data/tls/server.key");
const API: &str = "g.api.mega.co.nz";
const STORAGE: &str = "gfs270n001.userstorage.mega.co.nz";

/// A SOCKS 5 proxy (RFC 1928, RFC 1929) that leads every name to one place. It ends with the test's runtime.
struct Socks {
    address: SocketAddr,
    /// The names that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// `login`, if there is one, is what it demands.
    async fn start(leads_to: SocketAddr, login: Option<(&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let names = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up is no matter.
                tokio::spawn(serve(stream, leads_to, login, Arc::clone(&names)));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

async fn serve(
    mut stream: TcpStream,
    leads_to: SocketAddr,
    login: Option<(&'static str, &'static str)>,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    stream.read_exact(&mut methods).await?;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xFF]).await;
    }
    stream.write_all(&[5, method]).await?;
    if let Some((user, password)) = login {
        assert_eq!(stream.read_u8().await?, 1);
        let mut given = Vec::new();
        for _ in 0..2 {
            let mut text = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut text).await?;
            given.push(String::from_utf8(text).unwrap());
        }
        let right = given == [user, password];
        stream.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let name = match request[3] {
        1 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
        _ => {
            let mut name = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut name).await?;
            String::from_utf8(name).unwrap()
        }
    };
    let _port = stream.read_u16().await?;
    asked.lock().unwrap().push(name);
    let mut target = TcpStream::connect(leads_to).await?;
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut target).await?;
    Ok(())
}

/// A certificate as bytes, out of its text.
fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let text: String = lines.collect();
    unb64(
        &text
            .trim_end_matches('=')
            .replace('+', "-")
            .replace('/', "_"),
    )
    .unwrap()
}

/// The service under its own names, which only the proxy can resolve.
async fn service() -> TestServer {
    let server = TestServer::builder()
        .tls(Tls::from_pem(CERTIFICATE, KEY).unwrap())
        .public_url(&format!("https://{API}"))
        .public_storage_url(&format!("https://{STORAGE}"))
        .start()
        .await
        .unwrap();
    server.account(EMAIL, PASSWORD).create();
    server
}

/// A client as it is for the real service, but for the proxy and the authority. Nobody's guard file is touched.
fn builder(proxy: &str) -> mega_client::ClientBuilder {
    Client::builder()
        .login_guard(None)
        .deadline(std::time::Duration::ZERO)
        .proxy(proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn net_1_everything_goes_through_a_socks_proxy_over_tls_of_a_private_authority() {
    let server = service().await;
    for login in [None, Some(("ann", "s3cret"))] {
        let proxy = Socks::start(server.address(), login).await;
        let address = proxy.address;
        let url = match login {
            None => format!("socks5h://{address}"),
            Some((user, password)) => format!("socks5h://{user}:{password}@{address}"),
        };
        let mega = builder(&url)
            .add_root_certificate(der(AUTHORITY))
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap();
        let content = "through the proxy ".repeat(1000);
        let node = mega
            .write("/file", content.clone())
            .on_conflict(mega_client::OnConflict::Replace)
            .await
            .unwrap();
        assert_eq!(mega.read(&node).await.unwrap(), content);
        mega.create_dir("/folder").await.unwrap();
        mega.delete("/folder").await.unwrap();
        mega.sign_out().await.unwrap();
        assert_eq!(proxy.asked(), [API, STORAGE], "names are resolved there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn net_1_neither_a_strange_authority_nor_a_refusing_proxy_is_got_around() {
    let server = service().await;
    let proxy = Socks::start(server.address(), None).await;
    let login = || Credentials::new(EMAIL, PASSWORD);
    // Without the authority the certificate is nobody's.
    let error = builder(&format!("socks5h://{}", proxy.address))
        .login(login())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
    assert!(
        server.journal().is_empty(),
        "nothing was said before the certificate was seen"
    );
    // A proxy that wants another password.
    let strict = Socks::start(server.address(), Some(("ann", "s3cret"))).await;
    let wrong = builder(&format!("socks5h://ann:canary@{}", strict.address));
    let error = wrong
        .add_root_certificate(der(AUTHORITY))
        .login(login())
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    assert!(strict.asked().is_empty() && server.journal().is_empty());
}
