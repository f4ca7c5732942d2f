//! What the default transport promises, on loopback.

use mega_protocol::commands::{DeleteNode, FetchUserData};
use mega_protocol::{
    Api, ErrorKind, HttpRequest, Method, NodeHandle, ReqwestTransport, RetryPolicy, ServerUrl,
    Transport, UrlPolicy,
};
use mega_testserver::{Fault, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::builder;

fn api(origin: &str, transport: ReqwestTransport) -> Api {
    Api::builder(transport)
        .origin(origin)
        .url_policy(UrlPolicy::default().allow_loopback())
        .retry(RetryPolicy::none())
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn net_1_a_server_without_tls_is_not_taken_for_the_service() {
    let server = TestServer::start().await.unwrap();
    let origin = server.url().replace("http://", "https://");
    let api = api(&origin, ReqwestTransport::new().unwrap());
    let error = api
        .send(DeleteNode::new(NodeHandle::from_bytes([1; 6])))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    // CLK-4: a wrong local clock looks just like this, and whoever reads the error is told.
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said += &format!(": {error}");
        cause = error.source();
    }
    assert!(said.contains("is the local clock right?"), "{said}");
    // The server notes that somebody spoke of something else; nothing was asked.
    let asked = |entry: &mega_testserver::Entry| !entry.commands.is_empty();
    assert!(!server.journal().iter().any(asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn net_4_a_redirect_is_not_followed() {
    let server = TestServer::start().await.unwrap();
    let elsewhere = TestServer::start().await.unwrap();
    server
        .faults()
        .add(Fault::any().redirect(&format!("{}/cs?id=1", elsewhere.url())));
    let api = api(server.url(), ReqwestTransport::new().unwrap());
    let error = api.send(FetchUserData::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(elsewhere.journal().is_empty());
}

/// Takes one request and answers it; returns its head.
async fn one_request(listener: TcpListener) -> String {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).await.unwrap();
    socket
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n[{}]")
        .await
        .unwrap();
    head
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_the_proxy_that_was_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://user:secret@{}", listener.local_addr().unwrap());
    let seen = tokio::spawn(one_request(listener));
    let transport = ReqwestTransport::builder().proxy(proxy).build().unwrap();
    // Nobody listens at the origin itself.
    let api = api("http://127.0.0.1:9/", transport);
    api.send(FetchUserData::new()).await.unwrap();
    let head = seen.await.unwrap();
    assert!(head.starts_with("POST http://127.0.0.1:9/cs?id="), "{head}");
    assert!(
        head.to_ascii_lowercase()
            .contains("proxy-authorization: basic")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_its_length_whatever_its_size_and_is_counted_on_its_way() {
    for size in [0usize, 1, 64 << 10, (64 << 10) + 1, 1 << 20] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ul/T", listener.local_addr().unwrap());
        let seen = tokio::spawn(one_request(listener));
        let url = ServerUrl::parse(&url).unwrap();
        let request = HttpRequest::new(Method::Post, url, vec![7; size]);
        let progress = request.progress.clone();
        let mut response = ReqwestTransport::new()
            .unwrap()
            .request(request)
            .await
            .unwrap();
        assert_eq!(response.body.chunk().await.unwrap().unwrap(), "[{}]");
        let head = seen.await.unwrap().to_ascii_lowercase();
        assert!(
            head.contains(&format!("content-length: {size}\r\n")),
            "{head}"
        );
        assert!(
            !head.contains("transfer-encoding") && !head.contains("expect"),
            "{head}"
        );
        assert_eq!(progress.bytes(), size as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_nobody_listening_is_a_network_error_without_effect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let api = api(&origin, ReqwestTransport::new().unwrap());
    let error = api
        .send(DeleteNode::new(NodeHandle::from_bytes([1; 6])))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(!error.is_outcome_unknown());
}

#[test]
fn unusable_settings_are_told_and_show_no_password() {
    let error = ReqwestTransport::builder()
        .proxy("::user:secret@")
        .build()
        .unwrap_err();
    let mut shown = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        shown += &format!("{error} {error:?}");
        cause = error.source();
    }
    assert!(!shown.contains("secret"), "{shown}");
    assert!(
        ReqwestTransport::builder()
            .add_root_certificate(*b"no certificate")
            .build()
            .is_err()
    );
    assert!(
        !format!(
            "{:?}",
            ReqwestTransport::builder().proxy("http://u:secret@h")
        )
        .contains("secret")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_handle_serves_many_tasks_at_once() {
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "a password").create();
    let api = builder(&server).build().unwrap();
    crate::support::sign_in(&server, &api).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { api.send(FetchUserData::new()).await.map(|a| a.reply.user) })
        })
        .collect();
    let mut users = std::collections::BTreeSet::new();
    for task in tasks {
        users.insert(task.await.unwrap().unwrap());
    }
    assert_eq!(users.len(), 1);
}
