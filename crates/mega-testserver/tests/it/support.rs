//! A client as small as can be: raw HTTP over a socket, JSON as it is. It knows the cryptography of signing in and of
//! node keys through the server's own account module, and nothing else.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use mega_testserver::TestServer;
use serde_json::{Value, json};

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        // Exact letter case, as the official client wants it.
        self.head
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// One request on a connection of its own.
pub fn http(
    base: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let host = base.trim_start_matches("http://");
    let target = target.strip_prefix(base).unwrap_or(target);
    let mut stream = TcpStream::connect(host)?;
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    parse(all)
}

fn parse(all: Vec<u8>) -> std::io::Result<Answer> {
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let at = all
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .ok_or_else(broken)?;
    let head = String::from_utf8(all[..at].to_vec()).unwrap();
    let body = all[at + 4..].to_vec();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let answer = Answer { status, head, body };
    match answer.header("Content-Length") {
        Some(length) if length.parse::<usize>().unwrap() != answer.body.len() => Err(broken()),
        _ => Ok(answer),
    }
}

static IDS: AtomicU64 = AtomicU64::new(1);

/// A session, or none.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub auth: String,
    pub tagged: bool,
}

impl Client {
    pub fn anonymous(server: &TestServer) -> Self {
        Self::at(server.url())
    }

    /// A client of whatever listens there.
    pub fn at(url: &str) -> Self {
        Self {
            base: url.into(),
            auth: String::new(),
            tagged: false,
        }
    }

    pub fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    pub fn url(&self) -> String {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        format!(
            "/cs?id={id}{}{}",
            self.auth,
            if self.tagged { "&v=3" } else { "" }
        )
    }

    pub fn batch(&self, commands: &Value) -> Value {
        let answer = http(
            &self.base,
            "POST",
            &self.url(),
            &[],
            commands.to_string().as_bytes(),
        )
        .unwrap();
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub fn one(&self, command: Value) -> Value {
        match self.batch(&json!([command])) {
            Value::Array(mut list) => {
                assert_eq!(list.len(), 1);
                list.remove(0)
            }
            number => number,
        }
    }

    /// Signs in with a version 2 password.
    pub fn sign_in(server: &TestServer, email: &str, password: &str) -> Self {
        let mut client = Self::anonymous(server);
        let salt = client.one(json!({"a":"us0","user":email}));
        let uh = match salt["s"].as_str() {
            Some(salt) => mega_testserver::account::password::v2(password, &unb64(salt)).auth,
            None => mega_testserver::account::password::v1(email, password).auth,
        };
        let reply = client.one(json!({"a":"us","user":email,"uh":b64(&uh)}));
        assert!(reply["k"].is_string(), "{reply}");
        let sid = match reply["tsid"].as_str() {
            Some(sid) => sid.to_owned(),
            // The test does not decrypt: it asks the server which session it just opened.
            None => server.with_model(|m| {
                let newest = m.newest_session(email).unwrap();
                newest.to_owned()
            }),
        };
        client.auth = format!("&sid={sid}");
        client
    }

    pub fn upload(&self, content: &[u8]) -> String {
        let url = self.one(json!({"a":"u","s":content.len()}));
        let url = url["p"].as_str().unwrap();
        let answer = http(&self.base, "POST", &format!("{url}/0"), &[], content).unwrap();
        assert_eq!(answer.body.len(), 36, "{:?}", answer.body);
        answer.text().to_owned()
    }

    pub fn put_file(&self, folder: &str, content: &[u8]) -> Value {
        let token = self.upload(content);
        self.one(json!({"a":"p","t":folder,"n":[{"h":token,"t":0,"a":"AAAA","k":"A".repeat(43)}]}))
    }

    pub fn make_folder(&self, parent: &str) -> String {
        let reply = self.one(
            json!({"a":"p","t":parent,"n":[{"h":"xxxxxxxx","t":1,"a":"AAAA","k":"A".repeat(22)}]}),
        );
        reply["f"][0]["h"]
            .as_str()
            .unwrap_or_else(|| panic!("{reply}"))
            .to_owned()
    }

    pub fn tree(&self) -> Value {
        self.one(json!({"a":"f","c":1,"r":1}))
    }

    pub fn root(&self) -> String {
        let tree = self.tree();
        let nodes = tree["f"].as_array().unwrap();
        nodes.iter().find(|n| n["t"] == 2).unwrap()["h"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What happened since a position, without waiting: (packets, position).
    pub fn events(&self, sn: &str) -> (Vec<Value>, String) {
        let answer = http(
            &self.base,
            "POST",
            &format!("/wsc?sn={sn}{}", self.auth),
            &[],
            b"",
        )
        .unwrap();
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        let sn = value["sn"]
            .as_str()
            .unwrap_or_else(|| panic!("{value}"))
            .to_owned();
        (value["a"].as_array().cloned().unwrap_or_default(), sn)
    }
}

pub fn b64(bytes: &[u8]) -> String {
    mega_testserver::wire::b64(bytes)
}

pub fn unb64(text: &str) -> Vec<u8> {
    mega_testserver::wire::unb64(text).unwrap()
}
