//! How fast the server is: a listing of a million nodes, uploads and downloads over loopback.
//!
//! ```text
//! cargo run --release -p mega-testserver --example throughput [FOLDERS FILES_IN_EACH MEBIBYTES]
//! ```
//!
//! The server has one thread of its own, so the figures are those of one core; the client only moves bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Instant;

use http::Request;
use mega_testserver::{Outcome, Service, TestServer};

const EMAIL: &str = "me@example.com";

fn main() {
    let numbers: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let [folders, files, mebibytes] = match numbers[..] {
        [folders, files, mebibytes] => [folders, files, mebibytes],
        _ => [1000, 999, 1024],
    };

    let service = Service::in_memory(0);
    service
        .account(EMAIL, "password")
        .generated_tree(folders, files)
        .create();
    let sid = service.with_model(|m| m.sign_in(EMAIL)).expect("a session");
    let start = Start::now();
    let request = Request::post(format!("/cs?id=1&sid={sid}"))
        .body(r#"[{"a":"f","c":1,"r":1}]"#.into())
        .expect("a request");
    let Outcome::Reply(reply) = service.handle(request) else {
        unreachable!("a listing is answered at once")
    };
    let made: u64 = reply.body.into_parts().map(|part| part.len() as u64).sum();
    let nodes = u64::from(folders) * (u64::from(files) + 1);
    report(&format!("listing of {nodes} nodes, made"), made, start);

    stored_listing(nodes / 4);

    let (url, sid) = start_server(folders, files, false);
    let mut client = Client::connect(&url);
    let start = Start::now();
    let length = client.request(
        &format!("/cs?id=1&sid={sid}"),
        br#"[{"a":"f","c":1,"r":1}]"#,
        None,
    );
    report(
        &format!("listing of {nodes} nodes, over loopback"),
        length,
        start,
    );

    let size = u64::from(mebibytes) << 20;
    for discard in [false, true] {
        let mode = if discard { ", discarding" } else { "" };
        let before = resident();
        let (url, sid) = start_server(0, 0, discard);
        let mut client = Client::connect(&url);
        let mut id = 1;
        let mut ask = |client: &mut Client, command: &str| {
            id += 1;
            let mut text = Vec::new();
            client.request(
                &format!("/cs?id={id}&sid={sid}"),
                format!("[{command}]").as_bytes(),
                Some(&mut text),
            );
            String::from_utf8(text).expect("text")
        };
        let value = |reply: &str, key: &str| {
            let (_, rest) = reply.split_once(&format!("\"{key}\":\"")).expect("a value");
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let reply = ask(&mut client, &format!(r#"{{"a":"u","s":{size}}}"#));
        let path = value(&reply, "p").split_off(url.len());
        let chunk = vec![7; 8 << 20];
        let start = Start::now();
        let (mut at, mut token) = (0, Vec::new());
        while at < size {
            // Whole chunks of the format: the first eight end at 4.5 MiB, all others are of 1 MiB.
            let step = if at == 0 { 4_718_592 } else { 8 << 20 };
            let part = usize::try_from((size - at).min(step)).expect("a size");
            token.clear();
            client.request(
                &format!("{path}/{at}"),
                chunk.get(..part).expect("a part"),
                Some(&mut token),
            );
            at += part as u64;
        }
        report(&format!("upload over loopback{mode}"), size, start);
        let token = String::from_utf8(token).expect("a token");
        let root = value(&ask(&mut client, r#"{"a":"f","c":1}"#), "h");
        let put = format!(
            r#"{{"a":"p","t":"{root}","n":[{{"h":"{token}","t":0,"a":"AAAA","k":"{}"}}]}}"#,
            "A".repeat(43)
        );
        let node = value(&ask(&mut client, &put), "h");
        let reply = ask(&mut client, &format!(r#"{{"a":"g","g":1,"n":"{node}"}}"#));
        let path = value(&reply, "g").split_off(url.len());
        let start = Start::now();
        let got = client.request(&path, b"", None);
        report(&format!("download over loopback{mode}"), got, start);
        println!(
            "{:>46}   memory grew by {} MiB",
            "",
            resident().saturating_sub(before) >> 20
        );
    }
}

/// A listing of nodes that clients made one by one and the server holds.
fn stored_listing(nodes: u64) {
    let service = Service::in_memory(0);
    let account = service.account(EMAIL, "password").create();
    let sid = service.with_model(|m| m.sign_in(EMAIL)).expect("a session");
    let call = |id: u64, body: String| -> u64 {
        let request = Request::post(format!("/cs?id={id}&sid={sid}"))
            .body(body.into())
            .expect("a request");
        let Outcome::Reply(reply) = service.handle(request) else {
            unreachable!("a command is answered at once")
        };
        reply.body.into_parts().map(|part| part.len() as u64).sum()
    };
    let (attributes, key) = ("a".repeat(64), "k".repeat(22));
    let node = format!(r#"{{"h":"xxxxxxxx","t":1,"a":"{attributes}","k":"{key}"}}"#);
    let many = vec![node; 1000].join(",");
    let before = resident();
    for id in 0..nodes.div_ceil(1000) {
        call(
            id,
            format!(r#"[{{"a":"p","t":"{}","n":[{many}]}}]"#, account.root),
        );
    }
    let held = resident().saturating_sub(before);
    let start = Start::now();
    let made = call(nodes, r#"[{"a":"f","c":1,"r":1}]"#.into());
    report(
        &format!("listing of {nodes} stored nodes, made"),
        made,
        start,
    );
    println!(
        "{:>46}   {} bytes of memory for each of them, its event included",
        "",
        held / nodes.max(1)
    );
}

/// When something began: by the clock, and in seconds that the process had computed.
struct Start(Instant, f64);

impl Start {
    fn now() -> Self {
        Self(Instant::now(), computed())
    }
}

/// Seconds of processor time, where the system tells. On a busy machine the clock alone says little.
fn computed() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split(' ');
    // User and system time, in hundredths of a second.
    let ticks: f64 = fields
        .skip(12)
        .take(2)
        .filter_map(|t| t.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

fn report(what: &str, bytes: u64, start: Start) {
    let time = start.0.elapsed().as_secs_f64();
    let computed = computed() - start.1;
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{what:>46}: {megabytes:>6.0} MB in {time:>6.2} s, {:>6.0} MB/s; {computed:.2} s of processor time, server and client, {:.0} MB/s of that",
        megabytes / time,
        megabytes / computed.max(0.01),
    );
}

/// Bytes of memory in use, where the system tells.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

/// A server with one thread of its own; it runs until the process ends.
fn start_server(folders: u32, files: u32, discard: bool) -> (String, String) {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let server = TestServer::builder()
                .options(|o| o.discard = discard)
                .start()
                .await
                .expect("a socket");
            server
                .account(EMAIL, "password")
                .generated_tree(folders, files)
                .create();
            let sid = server.with_model(|m| m.sign_in(EMAIL)).expect("a session");
            tell.send((server.url().to_owned(), sid))
                .expect("a listener");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("a server")
}

struct Client {
    stream: BufReader<TcpStream>,
    scratch: Vec<u8>,
}

impl Client {
    fn connect(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
        Self {
            stream: BufReader::with_capacity(1 << 20, stream),
            scratch: vec![0; 1 << 20],
        }
    }

    /// Sends a request and reads the reply; its body is counted, and kept where that is wanted.
    fn request(&mut self, path: &str, body: &[u8], mut keep: Option<&mut Vec<u8>>) -> u64 {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a line");
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut left = length;
        while left > 0 {
            let want = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.scratch.len());
            let buffer = self.scratch.get_mut(..want).expect("room");
            self.stream.read_exact(buffer).expect("the body");
            if let Some(keep) = &mut keep {
                keep.extend_from_slice(buffer);
            }
            left -= want as u64;
        }
        length
    }
}
