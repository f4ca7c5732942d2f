//! Transfers in bounded memory (threat model, LIM-12): every byte that is allocated is counted.
//!
//! The server runs in one process and the client in another, so what is counted is the client's alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use mega_client::{Client, Credentials, TransferLimits};
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
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let done = work.await;
    (done, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lim_12_a_large_transfer_takes_no_more_memory_than_a_small_one() {
    if let Ok(url) = std::env::var("MEGA_TEST_URL") {
        return measure(&url).await;
    }
    let server = TestServer::start().await.unwrap();
    server.account("me@example.com", "secret").create();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "--nocapture"])
        .arg("lim_12_a_large_transfer_takes_no_more_memory_than_a_small_one")
        .env("MEGA_TEST_URL", server.url());
    let status = tokio::task::spawn_blocking(move || child.status().unwrap());
    assert!(status.await.unwrap().success());
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

async fn measure(url: &str) {
    let limits = TransferLimits::default().buffer_bytes(BUDGET);
    let mega = Client::builder()
        .origin(url)
        .limits(limits)
        .verdict_delay(std::time::Duration::ZERO)
        .login(Credentials::new("me@example.com", "secret"))
        .await
        .unwrap();
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
    let small = peaks[0].into_iter().zip(peaks[1]);
    for ((first, second), large) in small.zip(peaks[2]) {
        let small = first.max(second);
        assert!(large <= BUDGET + BESIDES, "{large} bytes");
        assert!(large <= small + CHANCE, "{large} bytes after {small}");
    }
}
