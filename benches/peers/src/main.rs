//! One round of measurements: prints a line `name <tab> megabytes per second` for each.
//!
//! The processor time of this thread counts. Where a crate has its cipher in public, that is called; else
//! a file goes up and down between the crate's client and `mega-testserver`, which runs on other threads,
//! and the time holds the client's share of HTTP over loopback too.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use futures::io::Cursor;
use mega::{Client, LastModified};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const SIZE: usize = 32 << 20;
const KEY: [u8; 16] = [7; 16];
const NONCE: [u8; 8] = [9; 8];

fn main() -> Outcome<()> {
    let data: Vec<u8> = (0..SIZE).map(|i| (i % 251) as u8).collect();
    megalib_cipher(&data);

    // The server has threads of its own, the client has this one.
    let (address, server) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let server = mega_testserver::TestServer::start().await.expect("a port");
            server.account("me@example.com", "password").create();
            address.send(server.url().to_owned()).expect("someone waits for it");
            let _ = stopped.await;
        });
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(mega_client(&server.recv()?, &data))?;
    let _ = stop.send(());
    let _ = thread.join();
    Ok(())
}

/// The calls its upload makes for each chunk, and the one its download makes: that verifies nothing.
fn megalib_cipher(data: &[u8]) {
    let iv: [u8; 16] = std::array::from_fn(|i| NONCE[i % 8]);
    let time = time_of(|| {
        let mut macs = Vec::new();
        for (i, chunk) in data.chunks(1 << 20).enumerate() {
            let offset = (i << 20) as u64;
            macs.push(megalib::crypto::chunk_mac_calculate(chunk, &KEY, &iv));
            black_box(megalib::crypto::aes128_ctr_encrypt(chunk, &KEY, &NONCE, offset));
        }
        black_box(megalib::crypto::meta_mac_calculate(&macs, &KEY));
    });
    report("megalib 0.11: encrypt and MAC", time);
    let time = time_of(|| {
        for (i, chunk) in data.chunks(1 << 20).enumerate() {
            let offset = (i << 20) as u64;
            black_box(megalib::crypto::aes128_ctr_decrypt(chunk, &KEY, &NONCE, offset));
        }
    });
    report("megalib 0.11: decrypt, no MAC", time);
}

async fn mega_client(url: &str, data: &[u8]) -> Outcome<()> {
    let start = ThreadTime::now();
    black_box(mega::compute_condensed_mac(Cursor::new(data), SIZE as u64, &KEY, &NONCE).await?);
    report("mega 0.8: MAC alone", start.elapsed());

    let mut mega = Client::builder()
        .origin(url::Url::parse(url)?)
        .build(reqwest::Client::new())?;
    mega.login("me@example.com", "password", None).await?;
    let nodes = mega.fetch_own_nodes().await?;
    let root = nodes.cloud_drive().ok_or("no root")?;
    let body = Cursor::new(data.to_vec());
    let start = ThreadTime::now();
    mega.upload_node(root, "file", SIZE as u64, body, LastModified::Now)
        .await?;
    report("mega 0.8: upload, HTTP included", start.elapsed());

    let nodes = mega.fetch_own_nodes().await?;
    let file = nodes.iter().find(|node| node.name() == "file").ok_or("no file")?;
    let mut out = Cursor::new(vec![0; SIZE]);
    let start = ThreadTime::now();
    mega.download_node(file, &mut out).await?;
    report("mega 0.8: download and verify, HTTP included", start.elapsed());
    if out.into_inner() != data {
        return Err("the download differs".into());
    }
    Ok(())
}

fn time_of(call: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    call();
    start.elapsed()
}

fn report(name: &str, time: Duration) {
    println!("{name}\t{}", SIZE as f64 / time.as_secs_f64() / 1e6);
}
