//! A program that starts: with the whole tree to fetch, and with one that an earlier program kept.
//!
//! The session is a real one, on a server in the same process; only the reply of `f` comes from a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mega_client::{Client, ClientBuilder, Credentials, SavedSession};
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse, Method, Transport};
use mega_testserver::{Service, TestServer};

use crate::Fallible;
use crate::child::own_cpu;
use crate::made_up_tree::{Holder, Shape, write_reply};
use crate::replay::in_pieces;

const ORIGIN: &str = "http://127.0.0.1:9";
const EMAIL: &str = "me@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// The server, but for the tree.
struct Half {
    service: Arc<Service>,
    /// What `f` is answered with, once it is there.
    tree: Mutex<Option<PathBuf>>,
    fetches: AtomicU32,
    /// The last reply of the server to `f`.
    reply: Mutex<Bytes>,
}

impl Transport for Half {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let broken = |_| TransportError::new(TransportErrorKind::Other);
            let body = request.body.into_bytes().await.map_err(broken)?;
            let fetch = body.windows(7).any(|part| part == b"\"a\":\"f\"");
            if fetch {
                self.fetches.fetch_add(1, Ordering::SeqCst);
                let tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(path) = &*tree {
                    return in_pieces(File::open(path).map_err(broken)?);
                }
            }
            let method = match request.method {
                Method::Get => http::Method::GET,
                _ => http::Method::POST,
            };
            let mut asked = http::Request::builder()
                .method(method)
                .uri(request.url.path_and_query());
            for (name, value) in request.headers.iter() {
                asked = asked.header(name, value);
            }
            let other = |_| TransportError::new(TransportErrorKind::Other);
            let asked = asked.body(body).map_err(other)?;
            let answer = self.service.answer(asked).await.into_http();
            let reset = |_| TransportError::new(TransportErrorKind::Reset);
            let (head, body) = answer.map_err(reset)?.into_parts();
            if fetch {
                *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = body.clone();
            }
            let headers: Headers = head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
                .collect();
            Ok(HttpResponse::new(
                head.status.as_u16(),
                headers,
                Body::from_bytes(body),
            ))
        })
    }
}

/// What a start costs until its first listing is there.
struct Start {
    wall: Duration,
    cpu: Duration,
    client: Client,
}

async fn start(builder: &ClientBuilder, saved: &SavedSession) -> Fallible<Start> {
    let (wall, cpu) = (Instant::now(), own_cpu());
    let client = builder.clone().resume(saved).await?;
    let listed = client.list("/").await?;
    let (wall, cpu) = (wall.elapsed(), own_cpu() - cpu);
    if listed.is_empty() && client.node_count() > 3 {
        return Err("nothing is listed".into());
    }
    Ok(Start { wall, cpu, client })
}

/// Starts with so many nodes, and prints what it cost.
pub(crate) async fn measure(nodes: u64, rounds: usize) -> Fallible {
    let service = TestServer::builder().in_memory();
    service.set_origin(ORIGIN, ORIGIN);
    let account = service.account(EMAIL, PASSWORD).create();
    let half = Arc::new(Half {
        service,
        tree: Mutex::new(None),
        fetches: AtomicU32::new(0),
        reply: Mutex::new(Bytes::new()),
    });
    let builder = Client::builder()
        .origin(ORIGIN)
        .verdict_delay(Duration::ZERO)
        .transport(Arc::clone(&half) as Arc<dyn Transport>);
    let login = builder.clone().login(Credentials::new(EMAIL, PASSWORD));
    let saved = login.await?.save()?;
    let empty = start(&builder, &saved).await?;
    let report = |name: &str, start: &Start| {
        println!("{name}_wall={}", start.wall.as_secs_f64());
        println!("{name}_cpu={}", start.cpu.as_secs_f64());
    };
    report("empty", &empty);

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("reply");
    let sn = {
        let reply = half.reply.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let at = reply.find("\"sn\":\"").ok_or("no position")? + 6;
        reply.get(at..at + 11).ok_or("no position")?.to_owned()
    };
    let user = empty.client.user().ok_or("no user")?;
    let holder = Holder::account(&account.master_key, &user.to_string());
    let mut out = BufWriter::new(File::create(&path)?);
    write_reply(&mut out, &holder, Shape::Bushy, nodes, &sn)?;
    out.flush()?;
    *half.tree.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);

    let full = start(&builder, &saved).await?;
    if full.client.node_count() as u64 != nodes + 1 {
        return Err(format!("{} nodes of {nodes}", full.client.node_count()).into());
    }
    report("full", &full);
    drop(full);
    let kept = builder.clone().cache_dir(folder.path().join("trees"));
    let first = start(&kept, &saved).await?;
    let begin = (Instant::now(), own_cpu());
    first.client.close().await;
    println!("keep_wall={}", begin.0.elapsed().as_secs_f64());
    println!("keep_cpu={}", (own_cpu() - begin.1).as_secs_f64());
    let bytes: u64 = std::fs::read_dir(folder.path().join("trees"))?
        .map(|entry| {
            entry
                .and_then(|entry| entry.metadata())
                .map_or(0, |of| of.len())
        })
        .sum();
    println!("bytes={bytes}");
    let fetches = half.fetches.load(Ordering::SeqCst);
    for round in 0..rounds {
        let again = start(&kept, &saved).await?;
        report(&format!("kept{round}"), &again);
        if again.client.node_count() as u64 != nodes + 1 {
            return Err("not all of it was kept".into());
        }
    }
    if half.fetches.load(Ordering::SeqCst) != fetches {
        return Err("the tree was fetched all the same".into());
    }
    Ok(())
}
