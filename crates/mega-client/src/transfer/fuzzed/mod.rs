//! Downloads and uploads against a service in memory that fails as an input says, for the fuzz targets of the repository.

mod host;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use mega_crypto::content::{CondensedMac, ContentCipher, ContentKey};
use mega_protocol::commands::DownloadSource;
use mega_protocol::{Api, NodeHandle};

use self::host::Host;
use super::Shared;
use super::fetch::fetch;
use super::integrity::IntegrityPolicy;
use super::limits::{QuotaPolicy, TransferLimits};
use super::progress::{Meter, Progress};
use super::remote::{RemoteFile, content_key, file_key};
use super::send::send;
use super::sink::MemorySink;
use super::source::Source;
use crate::error::ErrorKind;

/// The first two bytes are the size, in units of 40 bytes; the third says whether the file is stored in six parts. Then a byte for each request.
///
/// A download that ends well has given the content; one that fails has met a fault, and says which; all come to an end in bounded time.
///
/// It belongs on a runtime whose time is paused. Cancel safe: nothing outlives it.
pub async fn download_assembler(input: &[u8]) {
    let (size, parts, script) = take_apart(input);
    let content = content(size);
    let key = ContentKey::new([3; 16], [1, 2, 3, 4, 5, 6, 7, 8]);
    let cipher = ContentCipher::new(&key);
    let mut sealed = content.clone();
    let macs = cipher
        .encrypt_chunks(0, &mut sealed)
        .expect("a chunk starts at 0");
    let mut all = CondensedMac::new();
    all.insert_all(&macs).expect("each once");
    let mac = all.finish(&cipher, size).expect("all of it");
    let file = RemoteFile {
        source: DownloadSource::Node(NodeHandle::from_bytes([1; 6])),
        size,
        key: file_key(&key, mac).expect("a key"),
        fingerprint: None,
    };
    let host = Host::with_file(sealed, parts, script);
    let shared = shared(&host);
    let sink = Arc::new(MemorySink::new(size, u64::MAX).expect("it fits"));
    let progress = Progress::new();
    progress.expect(1, size);
    let meter = Meter::new(&progress);
    let policy = IntegrityPolicy::default();
    let fetched = fetch(&shared, &file, policy, Arc::clone(&sink), &meter);
    match within_a_day(fetched).await {
        Ok(_) => {
            assert!(sink.take() == content, "the content, and nothing else");
            assert!(progress.bytes_done() <= size, "no byte counts twice");
        }
        Err(error) => {
            assert!(host.faults() > 0, "without a fault it ends well: {error:?}");
            assert_ne!(error.kind(), ErrorKind::Misuse, "{error:?}");
        }
    }
}

/// The same for an upload; the third byte is of no meaning.
///
/// One that ends well has the token of an address at which all of the content lies, and the key that opens and proves it. No two addresses see the same
/// key (UL-4).
///
/// It belongs on a runtime whose time is paused. Cancel safe: nothing outlives it.
pub async fn upload_machine(input: &[u8]) {
    let (size, _, script) = take_apart(input);
    let content = content(size);
    let host = Host::new(script);
    let shared = shared(&host);
    let mut source = Source::Memory(Bytes::from(content.clone()));
    let progress = Progress::new();
    progress.expect(1, size);
    let meter = Meter::new(&progress);
    let sent = send(&shared, &mut source, 0, &meter, None, None, None);
    match within_a_day(sent).await {
        Ok(sent) => {
            let stored = host.stored_under(&sent.token);
            let mut stored = stored.expect("UL-2: nothing is missing at the address of the token");
            let (key, mac) = content_key(&sent.key);
            let cipher = ContentCipher::new(&key);
            let macs = cipher
                .decrypt_chunks(0, &mut stored)
                .expect("a chunk starts at 0");
            assert!(stored == content, "the content, and nothing else");
            let mut all = CondensedMac::new();
            all.insert_all(&macs).expect("each once");
            let policy = IntegrityPolicy::default();
            if size > 0 {
                let proven = all.verify(&cipher, size, &mac, policy.mac());
                assert!(proven.is_ok(), "UL-6: {proven:?}");
            }
            assert_eq!(progress.bytes_done(), size, "each byte counts once");
        }
        Err(error) => {
            assert!(host.faults() > 0, "without a fault it ends well: {error:?}");
            assert_ne!(error.kind(), ErrorKind::Misuse, "{error:?}");
        }
    }
    host.check_keys();
}

fn take_apart(input: &[u8]) -> (u64, bool, &[u8]) {
    match input {
        [a, b, c, script @ ..] => {
            let size = u64::from(u16::from_le_bytes([*a, *b]));
            (size * 40 + u64::from(c >> 1), c & 1 == 1, script)
        }
        _ => (0, false, &[]),
    }
}

fn content(size: u64) -> Vec<u8> {
    // No two stretches are alike.
    (0..size)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

fn shared(host: &Host) -> Shared {
    let api = Api::builder(host.clone())
        .seed(1)
        .build()
        .expect("defaults");
    let quota = QuotaPolicy::WaitUpTo(Duration::from_secs(100));
    Shared::new(
        api,
        Weak::new(),
        TransferLimits::default().quota_policy(quota),
    )
}

async fn within_a_day<T>(work: impl Future<Output = T>) -> T {
    let day = Duration::from_secs(24 * 3600);
    tokio::time::timeout(day, work)
        .await
        .expect("RTY-12: it ends")
}
