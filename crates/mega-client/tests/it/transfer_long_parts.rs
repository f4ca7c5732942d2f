//! Parts of an upload that are longer than what may lie in memory: read and encrypted twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::IntoFuture;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use mega_client::{Client, Credentials, ErrorKind, Progress, TransferLimits, Transport};
use mega_protocol::transport::{Headers, TransportError, TransportErrorKind};
use mega_protocol::{Body, BoxFuture, HttpRequest, HttpResponse};

use crate::cancelled::polled;
use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD};
use crate::transfer_content::content;

/// What becomes of a part.
enum Fate {
    Arrives,
    /// It arrives, and its answer is lost.
    Unanswered,
    /// The connection breaks when all of it has left.
    Lost,
    /// The host says so without looking at it.
    Refused(&'static str),
    /// Nothing comes of it any more.
    Hangs,
}

/// A part as it left: where it starts, how long it said it was, and what left of it.
#[derive(Clone)]
struct Left {
    offset: u64,
    len: u64,
    bytes: Vec<u8>,
}

type Decide = dyn FnMut(u64, u64) -> Fate + Send;
type Hung = tokio::sync::oneshot::Sender<u64>;

/// A line with long round trips, to a service in memory.
struct Line {
    memory: Arc<Memory>,
    left: Mutex<Vec<Left>>,
    /// Asked with offset and length before the first byte of a part leaves.
    decide: Mutex<Box<Decide>>,
    /// Told the offset of a part that hangs.
    hung: Mutex<Option<Hung>>,
}

impl Line {
    fn decide(&self, decide: impl FnMut(u64, u64) -> Fate + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    fn left(&self) -> Vec<Left> {
        self.left.lock().unwrap().clone()
    }

    async fn part(&self, offset: u64, mut request: HttpRequest) -> Answer {
        let len = request.body.len();
        let fate = self.decide.lock().unwrap()(offset, len);
        let mut pieces = request.body.into_pieces();
        let mut bytes = Vec::new();
        let mut whole = true;
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => whole = false,
            }
        }
        request.progress.add(bytes.len() as u64);
        self.left.lock().unwrap().push(Left {
            offset,
            len,
            bytes: bytes.clone(),
        });
        let broken = || TransportError::new(TransportErrorKind::Reset);
        if !whole {
            return Err(broken());
        }
        request.body = bytes.into();
        tokio::time::sleep(Duration::from_millis(50)).await;
        match fate {
            Fate::Arrives => self.memory.request(request).await,
            Fate::Unanswered => {
                self.memory.request(request).await?;
                Err(broken())
            }
            Fate::Lost => Err(broken()),
            Fate::Refused(code) => Ok(HttpResponse::new(
                200,
                Headers::new(),
                Body::from_bytes(code),
            )),
            Fate::Hangs => {
                if let Some(hung) = self.hung.lock().unwrap().take() {
                    hung.send(offset).unwrap();
                }
                std::future::pending().await
            }
        }
    }
}

type Answer = Result<HttpResponse, TransportError>;

impl Transport for Line {
    fn request(&self, request: HttpRequest) -> BoxFuture<'_, Answer> {
        let target = request.url.path_and_query();
        let upload = target.strip_prefix("/ul/").and_then(|rest| {
            let (_, rest) = rest.split_once('/')?;
            rest.split_once('?')?.0.parse().ok()
        });
        match upload {
            Some(offset) => Box::pin(self.part(offset, request)),
            None => self.memory.request(request),
        }
    }
}

struct World {
    line: Arc<Line>,
    mega: Client,
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl World {
    /// A file of 40 MiB, and a client that may hold 6 MiB of it at a time.
    async fn new() -> Self {
        let limits = TransferLimits::default()
            .connections_per_file(1)
            .buffer_bytes(8 << 20);
        Self::with(limits, SIZE).await
    }

    async fn with(limits: TransferLimits, size: usize) -> Self {
        let memory = Memory::new();
        memory.service.account(EMAIL, PASSWORD).create();
        let line = Arc::new(Line {
            memory,
            left: Mutex::default(),
            decide: Mutex::new(Box::new(|_, _| Fate::Arrives)),
            hung: Mutex::default(),
        });
        let folder = tempfile::tempdir().unwrap();
        let bytes = content(size);
        std::fs::write(folder.path().join("file"), &bytes).unwrap();
        let mega = line.client(limits).await;
        Self {
            line,
            mega,
            folder,
            bytes,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }
}

impl Line {
    async fn client(self: &Arc<Self>, limits: TransferLimits) -> Client {
        self.memory
            .builder()
            .transport(Arc::clone(self) as Arc<dyn Transport>)
            .limits(limits)
            .verdict_delay(Duration::ZERO)
            .login(Credentials::new(EMAIL, PASSWORD))
            .await
            .unwrap()
    }
}

const SIZE: usize = 40 << 20;
/// More than what may lie in memory of one part.
const LONG: u64 = 4 << 20;

#[tokio::test(start_paused = true)]
async fn lim_12_a_part_may_be_longer_than_the_memory_for_it() {
    let world = World::new().await;
    let progress = Progress::new();
    let upload = world.mega.upload(world.file(), "/file");
    let node = upload.progress(&progress).await.unwrap();
    let left = world.line.left();
    assert!(left.iter().any(|part| part.len > LONG), "none is long");
    let sent: u64 = left.iter().map(|part| part.len).sum();
    assert_eq!(sent, SIZE as u64, "every byte once");
    assert_eq!(progress.bytes_done(), SIZE as u64);
    assert!(world.mega.peak_buffer_bytes() <= 8 << 20);
    assert!(world.mega.read(&node).await.unwrap() == world.bytes);
}

#[tokio::test(start_paused = true)]
async fn ul_4_a_long_part_that_fails_is_sent_again_with_the_same_bytes() {
    let world = World::new().await;
    let mut fates = vec![Fate::Refused("-14"), Fate::Unanswered];
    world.line.decide(move |_, len| match len > LONG {
        true => fates.pop().unwrap_or(Fate::Arrives),
        false => Fate::Arrives,
    });
    let progress = Progress::new();
    let upload = world.mega.upload(world.file(), "/file");
    let node = upload.progress(&progress).await.unwrap();
    let mut sent: BTreeMap<u64, Vec<Left>> = BTreeMap::new();
    for part in world.line.left() {
        sent.entry(part.offset).or_default().push(part);
    }
    let repeated = sent.values().find(|parts| parts.len() > 1).unwrap();
    assert_eq!(repeated.len(), 3);
    for part in repeated {
        assert!(part.len > LONG && part.bytes == repeated[0].bytes);
    }
    assert_eq!(progress.bytes_done(), SIZE as u64);
    assert!(world.mega.read(&node).await.unwrap() == world.bytes);
}

/// Changes the file after all of it was read, before its last part is read again.
async fn changed(change: impl Fn(&File, u64, u64) + Send + 'static) {
    let world = World::new().await;
    let file = File::options().write(true).open(world.file()).unwrap();
    world.line.decide(move |offset, len| {
        if offset + len == SIZE as u64 {
            change(&file, offset, len);
        }
        Fate::Arrives
    });
    let error = world.mega.upload(world.file(), "/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
    let left = world.line.left();
    let last = left
        .iter()
        .filter(|part| part.offset + part.len == SIZE as u64);
    let last: Vec<_> = last.collect();
    assert_eq!(last.len(), 1, "it is not tried again");
    assert!(last[0].len > LONG);
    // The chunk with the other content, and what is made together with it, never leave.
    assert!((last[0].bytes.len() as u64) < last[0].len);
    assert!(!world.mega.exists("/file").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn ul_1_ul_4_what_is_different_the_second_time_does_not_leave() {
    changed(|file, offset, len| {
        file.write_all_at(b"another", offset + len - 1000).unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ul_2_a_file_that_is_shorter_the_second_time_has_changed() {
    changed(|file, offset, len| file.set_len(offset + len - 1).unwrap()).await;
}

/// Starts an upload and drops it when a part of it hangs. Where that starts.
async fn stop(world: &World, state: &Path) -> u64 {
    let (hung, hangs) = tokio::sync::oneshot::channel();
    *world.line.hung.lock().unwrap() = Some(hung);
    let upload = world.mega.upload(world.file(), "/file");
    tokio::select! {
        done = upload.resumable(state).into_future() => panic!("it did not hang: {done:?}"),
        at = hangs => at.unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn ul_10_an_upload_with_long_parts_goes_on_where_it_was() {
    let world = World::new().await;
    let state = tempfile::tempdir().unwrap();
    // The second long part gets no answer.
    let mut long = 0;
    world.line.decide(move |_, len| {
        long += usize::from(len > LONG);
        match long {
            2 => Fate::Hangs,
            _ => Fate::Arrives,
        }
    });
    let at = stop(&world, state.path()).await;
    let before = world.line.left();
    assert!(!world.mega.exists("/file").await.unwrap());

    world.line.decide(|_, _| Fate::Arrives);
    let upload = world.mega.upload(world.file(), "/file");
    let node = upload.resumable(state.path()).await.unwrap();
    assert!(world.mega.read(&node).await.unwrap() == world.bytes);
    let after = world.line.left().split_off(before.len());
    assert_eq!(after[0].offset, at, "what was answered is not sent again");
    let hung = before.last().unwrap();
    assert_eq!((hung.offset, hung.bytes.len() as u64), (at, hung.len));
    assert!(after[0].bytes == hung.bytes, "UL-4");
    let sent: u64 = after.iter().map(|part| part.len).sum();
    assert_eq!(sent, SIZE as u64 - at);
}

/// So little memory that one long part at a time can be on its way, and the others wait.
fn little() -> TransferLimits {
    TransferLimits::default()
        .connections_per_file(2)
        .requests_at_once(2)
        .buffer_bytes(8 << 20)
}

#[tokio::test(start_paused = true)]
async fn lim_12_several_files_with_long_parts_share_little_memory() {
    let size = 9_000_000;
    let world = World::with(little(), size).await;
    let tree = world.folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    for name in ["a", "b", "c", "d"] {
        std::fs::write(tree.join(name), &world.bytes).unwrap();
    }
    // While they travel, other limits come and go.
    let (mega, mut parts) = (world.mega.clone(), 0);
    world.line.decide(move |_, _| {
        parts += 1;
        mega.set_limits(match parts % 3 {
            0 => little().connections_per_file(1),
            1 => little().requests_at_once(1),
            _ => little(),
        });
        Fate::Arrives
    });
    let report = world.mega.upload_folder(&tree, "/tree").await.unwrap();
    assert_eq!(report.into_result().unwrap().transferred(), 4);
    assert!(world.line.left().iter().any(|part| part.len > 3 << 20));
    assert!(world.mega.peak_buffer_bytes() <= 8 << 20);
    for name in ["a", "b", "c", "d"] {
        let read = world.mega.read(format!("/tree/{name}")).await.unwrap();
        assert!(read == world.bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn can_1_an_upload_with_long_parts_dropped_at_any_poll_leaves_nothing_and_holds_nothing() {
    let world = World::with(little(), 9_000_000).await;
    let mut polls = 1;
    let done = loop {
        let (mega, file) = (world.mega.clone(), world.file());
        let upload = async move { mega.upload(file, "/file").await.map(drop) };
        if let Some(done) = polled(Box::pin(upload), polls).await {
            break done;
        }
        polls += 1 + polls / 8;
        if world.mega.exists("/file").await.unwrap() {
            // Dropped while the node was on its way.
            break Ok(());
        }
    };
    done.unwrap();
    assert!(world.line.left().iter().any(|part| part.len > 3 << 20));
    assert!(world.mega.read("/file").await.unwrap() == world.bytes);
    // Whatever the dropped ones had of the memory is there for others.
    let most = vec![7; 9_000_000];
    world.mega.write("/other", most.clone()).await.unwrap();
    assert!(world.mega.read("/other").await.unwrap() == most);
}

#[tokio::test(start_paused = true)]
async fn rty_11_where_no_long_part_comes_through_shorter_ones_are_sent() {
    let world = World::new().await;
    let state = tempfile::tempdir().unwrap();
    world.line.decide(|_, len| match len > LONG {
        true => Fate::Lost,
        false => Fate::Arrives,
    });
    let upload = world.mega.upload(world.file(), "/file");
    let node = upload.resumable(state.path()).await.unwrap();
    assert!(world.mega.read(&node).await.unwrap() == world.bytes);
    let left = world.line.left();
    let tried = left.iter().filter(|part| part.len > LONG).count();
    assert_eq!(tried, 6, "as often as anything else");
    // With another key: what was sealed in one piece is never sent in others.
    let starts = left.iter().filter(|part| part.offset == 0);
    let starts: Vec<_> = starts.map(|part| &part.bytes[..1000]).collect();
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0], starts[1]);
}

#[tokio::test(start_paused = true)]
async fn lim_12_an_idle_writer_does_not_hold_long_parts_up() {
    let world = World::new().await;
    let writer = world.mega.writer("/slow").size(9_000_000).await.unwrap();
    while world.mega.peak_buffer_bytes() == 0 {
        tokio::task::yield_now().await;
    }
    let upload = world.mega.upload(world.file(), "/file").into_future();
    let sent = tokio::time::timeout(Duration::from_secs(3600), upload).await;
    let node = sent.expect("it waits for the writer").unwrap();
    assert!(world.mega.read(&node).await.unwrap() == world.bytes);
    drop(writer);
}

#[tokio::test(start_paused = true)]
async fn lim_12_a_long_part_is_resumed_with_less_memory_than_it_was_made_with() {
    let world = World::new().await;
    let state = tempfile::tempdir().unwrap();
    world.line.decide(|_, len| match len > LONG {
        true => Fate::Hangs,
        false => Fate::Arrives,
    });
    let at = stop(&world, state.path()).await;
    world.line.decide(|_, _| Fate::Arrives);
    let mega = world.line.client(little().buffer_bytes(2 << 20)).await;
    let upload = mega.upload(world.file(), "/file");
    let node = upload.resumable(state.path()).await.unwrap();
    assert!(mega.read(&node).await.unwrap() == world.bytes);
    let sent = world.line.left();
    let sent: Vec<_> = sent.iter().filter(|part| part.offset == at).collect();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].bytes == sent[1].bytes);
    assert!(mega.peak_buffer_bytes() <= 2 << 20);
}
