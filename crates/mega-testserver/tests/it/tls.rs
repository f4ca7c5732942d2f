//! TLS under the service's own host names, for clients that have them compiled in: a private authority and a private
//! table of names lead them here.

use std::sync::Arc;

use mega_testserver::{Fault, Lane, TestServer, Tls, TlsError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::program::Program;

const AUTHORITY: &[u8] = include_bytes!("../data/tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../data/tls/server.pem");
const KEY: &[u8] = include_bytes!("../data/tls/server.key");
const API: &str = "g.api.mega.co.nz";
const STORAGE: &str = "gfs270n001.userstorage.mega.co.nz";

/// A client as anybody would build one, but that it trusts one private authority and has a private table of names.
fn client(api: std::net::SocketAddr) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(AUTHORITY).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .resolve(API, api)
        .resolve(STORAGE, api)
        .no_proxy()
        .build()
        .unwrap()
}

async fn one(client: &reqwest::Client, url: String, command: Value) -> Value {
    let reply = client
        .post(url)
        .body(json!([command]).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    let text = reply.text().await.unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[0].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_only_the_services_own_names_is_served_over_tls() {
    let server = TestServer::builder()
        .tls(Tls::from_pem(CERTIFICATE, KEY).unwrap())
        .public_url(&format!("https://{API}"))
        .public_storage_url(&format!("https://{STORAGE}"))
        .start()
        .await
        .unwrap();
    assert!(server.url().starts_with("https://127.0.0.1:"));
    let account = server.account("me@example.com", "password").create();
    let sid = server.with_model(|m| m.sign_in("me@example.com")).unwrap();
    let client = client(server.address());
    // A `resolve`d name keeps the port of the table's entry only where the URL has none.
    let api = format!("https://{API}/cs?id=1&sid={sid}");

    let content: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    let url = one(&client, api.clone(), json!({"a":"u","s":content.len()})).await;
    let url = url["p"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("https://{STORAGE}/ul/")), "{url}");
    let token = client
        .post(format!("{url}/0"))
        .body(content.clone())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let put = json!({"a":"p","t":account.root.to_string(),"n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]});
    let put = one(&client, api.clone(), put).await;
    let handle = put["f"][0]["h"].as_str().unwrap();
    let url = one(&client, api.clone(), json!({"a":"g","g":1,"n":handle})).await;
    let url = url["g"].as_str().unwrap().to_owned();
    let got = client.get(&url).send().await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), content);

    // Faults reach into the bytes of a TLS connection as into those of a plain one.
    server
        .faults()
        .add(Fault::lane(Lane::Download).cut_at(100_000));
    let cut = client.get(&url).send().await.unwrap();
    assert!(cut.bytes().await.is_err());

    // What does not trust the authority is not served, and plain HTTP is no way in.
    let stranger = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let stranger = reqwest::Client::builder()
        .tls_backend_preconfigured(stranger)
        .resolve(API, server.address())
        .no_proxy()
        .build()
        .unwrap();
    assert!(stranger.post(&api).body("[]").send().await.is_err());
    let plain = server.url().replace("https://", "http://");
    assert!(
        client
            .post(format!("{plain}/cs?id=2"))
            .body("[]")
            .send()
            .await
            .is_err()
    );
}

#[test]
fn a_certificate_that_cannot_be_served_is_refused_with_the_reason() {
    assert!(matches!(
        Tls::from_pem(b"", KEY),
        Err(TlsError::Pem {
            what: "certificate",
            ..
        })
    ));
    assert!(matches!(
        Tls::from_pem(CERTIFICATE, b"no key"),
        Err(TlsError::Pem {
            what: "private key",
            ..
        })
    ));
    // The key is not that of this certificate.
    assert!(matches!(
        Tls::from_pem(AUTHORITY, KEY),
        Err(TlsError::Unusable(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_speaks_tls_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, CERTIFICATE).unwrap();
    std::fs::write(&key, KEY).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let program = Program::start(&[
        "--tls-cert",
        certificate,
        "--tls-key",
        key,
        "--account",
        "me@example.com:password:v1",
    ]);
    let address = program.url.strip_prefix("https://").unwrap();
    let client = client(address.parse().unwrap());
    let reply = one(
        &client,
        format!("https://{API}/cs?id=1"),
        json!({"a":"us0","user":"me@example.com"}),
    )
    .await;
    assert_eq!(reply, json!({"v":1}));

    let half = Program::refused(&["--tls-cert", certificate]);
    let message = String::from_utf8(half.stderr).unwrap();
    assert!(message.contains("--tls-key"), "{message}");
}
