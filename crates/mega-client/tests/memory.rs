//! Transfers in bounded memory (threat model, LIM-12; conformance checklist, TR-9): every byte that is allocated is counted.
//!
//! The server runs in one process and the client in another, so what is counted is the client's alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use mega_client::{Client, Credentials, ErrorKind, Progress, TransferLimits};
use mega_testserver::TestServer;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size);
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MIB: usize = 1 << 20;
const BUDGET: usize = 8 * MIB;
/// What connections, tasks and the runtime may take besides.
const BESIDES: usize = 8 * MIB;
/// What one run may take more than another by chance: how many connections have a full buffer at once differs. A transfer that kept
/// what it moved would take 20 MiB more.
const CHANCE: usize = 6 * MIB;
const SMALL: usize = 12 * MIB;
const LARGE: usize = 32 * MIB;

/// The most that was allocated above what was there before, while this ran.
async fn peak_of<T>(work: impl Future<Output = T>) -> (T, usize) {
    peak_above(NOW.load(Ordering::Relaxed), work).await
}

/// The most that was allocated above something, while this ran.
async fn peak_above<T>(base: usize, work: impl Future<Output = T>) -> (T, usize) {
    PEAK.store(NOW.load(Ordering::Relaxed), Ordering::Relaxed);
    let done = work.await;
    (done, PEAK.load(Ordering::Relaxed).saturating_sub(base))
}

/// What TR-9 says. A server that keeps nothing takes it in minutes, `cargo bench -p mega-benches --bench transfers -- --memory 100`; here its size is announced, and a part of it moves.
const HUGE: u64 = 100 << 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lim_12_a_large_transfer_takes_no_more_memory_than_a_small_one() {
    match std::env::var("MEGA_TEST_URL") {
        Ok(url) => measure(&url).await,
        Err(_) => {
            in_a_child("lim_12_a_large_transfer_takes_no_more_memory_than_a_small_one").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tr_9_what_a_file_of_100_gib_takes_does_not_depend_on_its_size() {
    match std::env::var("MEGA_TEST_URL") {
        Ok(url) => measure_huge(&url).await,
        Err(_) => {
            in_a_child("tr_9_what_a_file_of_100_gib_takes_does_not_depend_on_its_size").await;
        }
    }
}

/// Runs a test of this program in a process of its own, which is the client's alone.
async fn in_a_child(test: &str) {
    let server = TestServer::start().await.unwrap();
    let account = server.account("me@example.com", "secret");
    account.quota(1 << 40).create();
    server.with_model(|model| {
        let made = model.make_file("me@example.com", "/huge", &[0; 1000], 1_700_000_000);
        model.stretch_content(made.unwrap(), HUGE);
    });
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "--nocapture", test])
        .env("MEGA_TEST_URL", server.url());
    let status = tokio::task::spawn_blocking(move || child.status().unwrap());
    assert!(status.await.unwrap().success());
}

/// The last round took no more than the larger one of those before.
fn assert_constant<const N: usize>(peaks: &[[usize; N]]) {
    let (last, before) = peaks.split_last().unwrap();
    for (at, &large) in last.iter().enumerate() {
        let small = before.iter().map(|peaks| peaks[at]).max().unwrap();
        assert!(large <= BUDGET + BESIDES, "{at}: {large} bytes");
        let most = small + CHANCE;
        assert!(large <= most, "{at}: {large} bytes after {small}");
    }
}

/// Writes as fast as the upload takes it.
async fn write(mega: &Client, size: usize) {
    let mut file = mega.writer("/written").size(size as u64).await.unwrap();
    let block = vec![7; 64 << 10];
    for _ in 0..size / block.len() {
        tokio::io::AsyncWriteExt::write_all(&mut file, &block)
            .await
            .unwrap();
    }
    file.close().await.unwrap();
}

async fn sign_in(url: &str) -> Client {
    let limits = TransferLimits::default().buffer_bytes(BUDGET);
    Client::builder()
        .origin(url)
        .limits(limits)
        .verdict_delay(std::time::Duration::ZERO)
        .login(Credentials::new("me@example.com", "secret"))
        .await
        .unwrap()
}

/// Stops whatever it is when so much has moved.
async fn stop_after(progress: &Progress, bytes: u64) {
    while progress.bytes_done() < bytes {
        tokio::task::yield_now().await;
    }
    progress.cancel();
}

async fn measure_huge(url: &str) {
    let mega = sign_in(url).await;
    let folder = tempfile::tempdir().unwrap();
    let mut peaks = Vec::new();
    // Above what there is now, so that what a transfer leaves counts, too.
    let base = NOW.load(Ordering::Relaxed);
    for size in [LARGE as u64, LARGE as u64, HUGE] {
        let progress = Progress::new();
        let content = tokio::io::AsyncReadExt::take(tokio::io::repeat(7), size);
        let upload = mega.write_from("/up", content).size(size);
        let upload = upload.progress(&progress).into_future();
        let (_, up) = peak_above(base, async {
            if size == HUGE {
                let (stopped, ()) = tokio::join!(upload, stop_after(&progress, LARGE as u64));
                assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
            } else {
                upload.await.unwrap();
            }
        })
        .await;
        let path = if size == HUGE { "/huge" } else { "/up" };
        let (_, down) = peak_above(base, async {
            let mut file = mega.open(path).await.unwrap();
            assert_eq!(file.size(), size);
            let mut start = tokio::io::AsyncReadExt::take(&mut file, LARGE as u64);
            let mut nowhere = tokio::io::sink();
            tokio::io::copy(&mut start, &mut nowhere).await.unwrap();
            // Its last bytes: nothing between is asked for.
            let end = std::io::SeekFrom::End(-1000);
            tokio::io::AsyncSeekExt::seek(&mut file, end).await.unwrap();
            let rest = tokio::io::copy(&mut file, &mut nowhere).await.unwrap();
            assert_eq!(rest, 1000);
        })
        .await;
        let progress = Progress::new();
        let download = mega.download(path, folder.path().join("copy"));
        let download = download.progress(&progress).into_future();
        let (_, disk) = peak_above(base, async {
            if size == HUGE {
                let (stopped, ()) = tokio::join!(download, stop_after(&progress, LARGE as u64));
                assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
            } else {
                download.await.unwrap();
                std::fs::remove_file(folder.path().join("copy")).unwrap();
            }
        })
        .await;
        println!("{size} bytes: up, down, to disk: {:?}", [up, down, disk]);
        peaks.push([up, down, disk]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(mega.peak_buffer_bytes() <= BUDGET);
    assert_constant(&peaks);
}

async fn measure(url: &str) {
    let mega = sign_in(url).await;
    let folder = tempfile::tempdir().unwrap();
    let mut peaks = Vec::new();
    // The first round makes what stays: connections, threads.
    for size in [SMALL, SMALL, LARGE] {
        let local = folder.path().join("local");
        let file = std::fs::File::create(&local).unwrap();
        file.set_len(size as u64).unwrap();
        let copy = folder.path().join("copy");
        let (node, up) = peak_of(async { mega.upload(&local, "/file").await.unwrap() }).await;
        let (_, down) = peak_of(async { mega.download(&node, &copy).await.unwrap() }).await;
        std::fs::remove_file(&copy).unwrap();
        let download = mega.download(&node, &copy).resumable();
        let (_, resumable) = peak_of(async { download.await.unwrap() }).await;
        std::fs::remove_file(&copy).unwrap();
        let mut open = mega.open(&node).await.unwrap();
        let (read, open) = peak_of(tokio::io::copy(&mut open, &mut tokio::io::sink())).await;
        assert_eq!(read.unwrap(), size as u64);
        let reader = tokio::io::AsyncReadExt::take(tokio::io::repeat(7), size as u64);
        let unknown = mega.write_from("/unknown", reader);
        let (_, unknown) = peak_of(async { unknown.await.unwrap() }).await;
        let (_, written) = peak_of(write(&mega, size)).await;
        let peak = [up, down, resumable, open, unknown, written];
        println!(
            "{} MiB: up, down, resumable, open, unknown, written: {peak:?}",
            size / MIB
        );
        peaks.push(peak);
    }
    assert!(mega.peak_buffer_bytes() <= BUDGET);
    assert_constant(&peaks);
}
