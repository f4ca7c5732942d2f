//! TLS records that are damaged on the way: a fault of the connection, and not a server that does not prove itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use mega_protocol::commands::Prelogin;
use mega_protocol::transport::TransportErrorKind;
use mega_protocol::{Api, ErrorKind, HttpRequest, Method, ReqwestTransport, ServerUrl, Transport};
use mega_testserver::{TestServer, Tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{EMAIL, PASSWORD, impatient};

const AUTHORITY: &[u8] = include_bytes!("../../../mega-testserver/tests/data/tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../mega-testserver/tests/data/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../../mega-testserver/tests/data/tls/server.key");
const ORIGIN: &str = "https://g.api.mega.co.nz/";

/// How many of the next encrypted records are damaged, by direction, and how many connections there were.
#[derive(Default)]
struct Damage {
    to_client: AtomicU32,
    to_server: AtomicU32,
    /// The bit that flips is in the record's header instead of its content.
    header: AtomicBool,
    connections: AtomicU32,
}

/// A proxy to the server that flips a bit where it is told to.
struct Line {
    server: TestServer,
    proxy: String,
    damage: Arc<Damage>,
}

impl Line {
    async fn new() -> Self {
        let server = TestServer::builder()
            .tls(Tls::from_pem(CERTIFICATE, KEY).unwrap())
            .start()
            .await
            .unwrap();
        server.account(EMAIL, PASSWORD).create();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let damage = Arc::new(Damage::default());
        let (address, told) = (server.address(), Arc::clone(&damage));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                told.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(tunnel(client, address, Arc::clone(&told)));
            }
        });
        Self {
            server,
            proxy,
            damage,
        }
    }

    fn transport(&self) -> ReqwestTransport {
        let authority = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
        ReqwestTransport::builder()
            .proxy(self.proxy.as_str())
            .add_root_certificate(authority.as_ref())
            .build()
            .unwrap()
    }

    fn api(&self, transport: ReqwestTransport) -> Api {
        Api::builder(transport)
            .origin(ORIGIN)
            .retry(impatient())
            .build()
            .unwrap()
    }

    fn connections(&self) -> u32 {
        self.damage.connections.load(Ordering::SeqCst)
    }
}

async fn tunnel(mut client: TcpStream, server: std::net::SocketAddr, damage: Arc<Damage>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"CONNECT g.api.mega.co.nz:443 "));
    let server = TcpStream::connect(server).await.unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::join!(
        pass_on(client_in, server_out, &damage.to_server, &damage.header),
        pass_on(server_in, client_out, &damage.to_client, &damage.header),
    );
}

/// Passes TLS records on, and damages encrypted ones for as long as the counter says.
async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    damaged: &AtomicU32,
    in_header: &AtomicBool,
) {
    const ENCRYPTED: u8 = 23;
    loop {
        let mut header = [0; 5];
        if from.read_exact(&mut header).await.is_err() {
            break;
        }
        let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        if from.read_exact(&mut record).await.is_err() {
            break;
        }
        let due = |left: u32| left.checked_sub(1);
        if header[0] == ENCRYPTED
            && damaged
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, due)
                .is_ok()
        {
            let part = if in_header.load(Ordering::SeqCst) {
                &mut header[..]
            } else {
                &mut record[..]
            };
            part[0] ^= 0x40;
        }
        if to.write_all(&header).await.is_err() || to.write_all(&record).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_damaged_on_an_established_connection_is_tried_again() {
    let line = Line::new().await;
    let api = line.api(line.transport());
    api.send(Prelogin::new(EMAIL)).await.unwrap();
    assert_eq!(line.connections(), 1);
    for in_header in [false, true] {
        line.damage.header.store(in_header, Ordering::SeqCst);
        for direction in [&line.damage.to_client, &line.damage.to_server] {
            let before = line.connections();
            direction.store(1, Ordering::SeqCst);
            api.send(Prelogin::new(EMAIL)).await.unwrap();
            assert_eq!(direction.load(Ordering::SeqCst), 0, "one was damaged");
            assert!(line.connections() > before, "on a new connection");
        }
    }
    // Each command arrived; one whose reply was damaged arrived twice.
    let asked = |entry: &&mega_testserver::Entry| !entry.commands.is_empty();
    assert!(line.server.journal().iter().filter(asked).count() >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_breaks_its_connection_and_something_may_have_arrived() {
    let line = Line::new().await;
    let transport = line.transport();
    let request = || {
        let url = ServerUrl::parse(&format!("{ORIGIN}cs?id=1")).unwrap();
        HttpRequest::new(Method::Post, url, "[]")
    };
    let mut first = transport.request(request()).await.unwrap();
    while let Some(piece) = first.body.chunk().await {
        piece.unwrap();
    }
    // The connection may not be free again yet; then another one is made, and that is what is damaged.
    for _ in 0..100 {
        line.damage.to_client.store(1, Ordering::SeqCst);
        match transport.request(request()).await {
            Ok(mut again) => while again.body.chunk().await.is_some() {},
            Err(error) if error.kind() == TransportErrorKind::Connect => {}
            Err(error) => {
                assert_eq!(error.kind(), TransportErrorKind::Reset, "{error:?}");
                assert!(error.may_have_been_sent());
                return;
            }
        }
    }
    panic!("no connection was used twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_damaged_while_connecting_is_no_proof_against_the_server() {
    let line = Line::new().await;
    line.damage.to_client.store(1, Ordering::SeqCst);
    let api = line.api(line.transport());
    api.send(Prelogin::new(EMAIL)).await.unwrap();
    assert_eq!(line.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn net_1_a_certificate_of_an_unknown_authority_is_refused_at_once() {
    let line = Line::new().await;
    let stranger = ReqwestTransport::builder()
        .proxy(line.proxy.as_str())
        .build()
        .unwrap();
    let api = line.api(stranger);
    let error = api.send(Prelogin::new(EMAIL)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    assert_eq!(line.connections(), 1, "and not tried again");
}
