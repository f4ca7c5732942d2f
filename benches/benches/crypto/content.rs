//! File content.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use mega_crypto::content::{
    ContentCipher, ContentKey, ContentVerifier, MacPolicy, StreamEncryptor, WindowStream,
};
use mega_crypto::fingerprint::Crc;

use crate::openssl::Stream;

pub(crate) fn key() -> ContentKey {
    ContentKey::new([7; 16], [9; 8])
}

/// Where all chunks have their full length.
pub(crate) const FULL_CHUNKS: u64 = 4_718_592;

/// The builds there are: name and cipher.
pub(crate) fn builds() -> Vec<(&'static str, ContentCipher)> {
    let cipher = ContentCipher::new(&key());
    // The `aes` crate has a switch for the whole program, see `main.rs`.
    let safe = if cfg!(aes_backend = "soft") {
        "safe, AES in software"
    } else {
        "safe"
    };
    vec![(safe, cipher.clone().portable()), ("accelerated", cipher)]
}

const SIZES: [usize; 9] = [
    1 << 10,
    16 << 10,
    128 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
    32 << 20,
    64 << 20,
    256 << 20,
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut data = vec![1u8; 256 << 20];
    for (build, cipher) in builds() {
        for (way, decrypt) in [("encrypt", false), ("decrypt", true)] {
            let mut group = criterion.benchmark_group(format!("{build}/{way} and MAC"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(200))
                .measurement_time(Duration::from_secs(1));
            for size in SIZES {
                group.throughput(Throughput::BytesDecimal(size as u64));
                group.bench_with_input(
                    BenchmarkId::from_parameter(human(size)),
                    &size,
                    |bench, size| {
                        let data = &mut data[..*size];
                        bench.iter(|| {
                            if decrypt {
                                cipher.decrypt_chunks(0, data)
                            } else {
                                cipher.encrypt_chunks(0, data)
                            }
                        });
                    },
                );
            }
            group.finish();
        }

        let mut group = criterion.benchmark_group(format!("{build}/chains, encrypt 32 MiB"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::BytesDecimal(32 << 20));
        for chains in [1, 2, 3, 4, 6, 8, 12, 16] {
            let cipher = cipher.clone().chains(chains);
            group.bench_function(BenchmarkId::from_parameter(chains), |bench| {
                bench.iter(|| cipher.encrypt_chunks(FULL_CHUNKS, &mut data[..32 << 20]));
            });
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("{build}/other"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::BytesDecimal(1 << 20));
        group.bench_function("range of 1 MiB from an odd offset", |bench| {
            bench.iter(|| cipher.apply_keystream(123_456_789_123, &mut data[..1 << 20]));
        });
        group.throughput(Throughput::BytesDecimal(4 << 10));
        group.bench_function("range of 4 KiB", |bench| {
            bench.iter(|| cipher.apply_keystream(4096, &mut data[..4 << 10]));
        });
        group.throughput(Throughput::BytesDecimal(64 << 20));
        group.bench_function("verify 64 MiB in pieces of 64 KiB", |bench| {
            bench.iter(|| verify(&data[..64 << 20]));
        });
        group.bench_function("stream of 64 MiB in pieces of 64 KiB", |bench| {
            bench.iter(|| window_stream(&cipher, &data[..64 << 20]));
        });
        group.bench_function("stream of 64 MiB in place, 4 MiB at once", |bench| {
            bench.iter(|| in_place(&cipher, &mut data[..64 << 20]));
        });
        group.finish();
    }

    let mut group = criterion.benchmark_group("openssl");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::BytesDecimal(Stream::LEN as u64));
    for (name, mut stream) in [
        ("aes-128-ctr", Stream::ctr()),
        ("aes-128-cbc", Stream::cbc()),
    ] {
        group.bench_function(name, |bench| bench.iter(|| stream.run()));
    }
    group.finish();

    let mut group = criterion.benchmark_group("fingerprint");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    group.bench_function("of 256 MiB", |bench| {
        bench.iter(|| Crc::of(black_box(&data)))
    });
    group.finish();
}

/// What a program that checks a local file does.
pub(crate) fn verify(data: &[u8]) {
    let mut verifier = ContentVerifier::new(&key(), data.len() as u64);
    for piece in data.chunks(64 << 10) {
        verifier.update(piece).unwrap();
    }
    let _ = black_box(verifier.finish(&mega_crypto::content::MetaMac([1; 8]), MacPolicy::Strict));
}

/// What a program does that reads a pipe.
pub(crate) fn window_stream(cipher: &ContentCipher, data: &[u8]) {
    let mut stream = WindowStream::encrypt(cipher.clone());
    for mut piece in data.chunks(64 << 10) {
        while !piece.is_empty() {
            let taken = stream.push(piece);
            piece = &piece[taken..];
            if let Some(window) = stream.take_filled() {
                black_box(&window.data);
                stream.recycle(window.data);
            }
        }
    }
    black_box(stream.take_last());
}

/// What a program does that reads a file.
pub(crate) fn in_place(cipher: &ContentCipher, data: &mut [u8]) {
    let mut stream = StreamEncryptor::new(cipher.clone());
    for piece in data.chunks_mut(4 << 20) {
        stream.update(piece).unwrap();
    }
    black_box(stream.finish().unwrap());
}

fn human(size: usize) -> String {
    if size < 1 << 20 {
        format!("{} KiB", size >> 10)
    } else {
        format!("{} MiB", size >> 20)
    }
}
