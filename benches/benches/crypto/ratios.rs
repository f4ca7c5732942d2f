//! The table at the end: every figure as a ratio to OpenSSL's, taken in the same run.
//!
//! All ways are run in turn, several times over, so that a change of the machine's pace meets all of
//! them. The median counts, in processor time of the thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::content::{FULL_CHUNKS, builds, in_place, verify, window_stream};
use crate::keys::{Nodes, PASSWORD, RsaCase, SALT};
use crate::openssl::{self, Stream};
use crate::peers;

/// Whether the crates of others are measured too. `cargo` builds them for it.
pub(crate) struct WithPeers(pub(crate) bool);

pub(crate) fn print(rounds: usize, peers: WithPeers) {
    println!("\nRatios, medians of {rounds} rounds in turn\n");
    content(rounds, peers);
    small_things(rounds);
    threads(rounds);
}

/// What is measured.
type Call<'a> = Box<dyn FnMut(&mut [u8]) + 'a>;

/// A way to do something with the large buffer: a row of the table.
struct Way<'a> {
    name: String,
    /// Bytes that one call handles.
    len: usize,
    call: Call<'a>,
}

fn content(rounds: usize, peers: WithPeers) {
    let builds = builds();
    let mut ways = Vec::new();
    let mut ctr = Stream::ctr();
    let mut cbc = Stream::cbc();
    let reps = 500;
    ways.push(Way {
        name: "OpenSSL aes-128-ctr, cached".to_owned(),
        len: reps * Stream::LEN,
        call: Box::new(move |_| (0..reps).for_each(|_| ctr.run())),
    });
    ways.push(Way {
        name: "OpenSSL aes-128-cbc, one chain".to_owned(),
        len: reps / 5 * Stream::LEN,
        call: Box::new(move |_| (0..reps / 5).for_each(|_| cbc.run())),
    });
    for (build, cipher) in &builds {
        let mut way = |name: &str, len: usize, call: Call<'static>| {
            ways.push(Way {
                name: format!("{build}: {name}"),
                len,
                call,
            });
        };
        let c = cipher.clone();
        way(
            "encrypt and MAC, 256 MiB",
            256 << 20,
            Box::new(move |data| {
                black_box(c.encrypt_chunks(0, data).unwrap());
            }),
        );
        let c = cipher.clone();
        way(
            "decrypt and MAC, 256 MiB",
            256 << 20,
            Box::new(move |data| {
                black_box(c.decrypt_chunks(0, data).unwrap());
            }),
        );
        let c = cipher.clone();
        way(
            "MAC alone, 256 MiB",
            256 << 20,
            Box::new(move |data| {
                black_box(c.mac_chunks(0, data).unwrap());
            }),
        );
        let c = cipher.clone();
        way(
            "decrypt alone, 256 MiB",
            256 << 20,
            Box::new(move |data| c.apply_keystream(0, data)),
        );
        let c = cipher.clone();
        way(
            "encrypt and MAC, 16 MiB again and again",
            64 << 20,
            Box::new(move |data| {
                (0..4).for_each(|_| {
                    drop(black_box(
                        c.encrypt_chunks(FULL_CHUNKS, &mut data[..16 << 20]),
                    ))
                });
            }),
        );
        let c = cipher.clone();
        way(
            "decrypt alone, 64 KiB in the cache",
            64 << 20,
            Box::new(move |data| {
                (0..1024).for_each(|_| c.apply_keystream(0, &mut data[..64 << 10]));
            }),
        );
        for chains in [1, 4, 8] {
            let c = cipher.clone().chains(chains);
            let name = format!("encrypt and MAC, at most {chains} chains, 32 MiB");
            way(
                &name,
                32 << 20,
                Box::new(move |data| {
                    black_box(
                        c.encrypt_chunks(FULL_CHUNKS, &mut data[..32 << 20])
                            .unwrap(),
                    );
                }),
            );
        }
        let c = cipher.clone();
        way(
            "stream in pieces of 64 KiB, window of 4.5 MiB",
            64 << 20,
            Box::new(move |data| {
                window_stream(&c, &data[..64 << 20]);
            }),
        );
        let c = cipher.clone();
        way(
            "stream in place, 4 MiB at once",
            64 << 20,
            Box::new(move |data| in_place(&c, &mut data[..64 << 20])),
        );
    }
    ways.push(Way {
        name: "verify a local file in pieces of 64 KiB".to_owned(),
        len: 64 << 20,
        call: Box::new(|data| verify(&data[..64 << 20])),
    });

    let mut data = vec![1u8; 256 << 20];
    let mut rates = vec![Vec::new(); ways.len()];
    let mut others: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..rounds {
        if peers.0 {
            for (name, rate) in peers::round() {
                match others.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, rates)) => rates.push(rate),
                    None => others.push((name, vec![rate])),
                }
            }
        }
        for (way, rates) in ways.iter_mut().zip(&mut rates) {
            let time = processor_time(|| (way.call)(&mut data));
            rates.push(way.len as f64 / time.as_secs_f64() / 1e6);
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    println!("| one core | MB/s | of OpenSSL CTR | of OpenSSL CBC |\n|---|---:|---:|---:|");
    let ways = ways.into_iter().map(|way| way.name).zip(medians.clone());
    let others = others
        .into_iter()
        .map(|(name, rates)| (name, median(rates)));
    for (name, rate) in ways.chain(others) {
        println!(
            "| {name} | {rate:.0} | {:.3} | {:.2} |",
            rate / medians[0],
            rate / medians[1]
        );
    }
    if !peers.0 {
        println!("\nFor the crates mega and megalib in the same table add --peers.");
    }
}

fn small_things(rounds: usize) {
    let rsa = RsaCase::new();
    let mut nodes = Nodes::new(100_000);
    let mut cbc = Stream::cbc();
    // One password key is 65536 rounds, and each is a block; the user hash 16384 more.
    let serial = (65_536 + 16_384) * 16 / Stream::LEN;
    let mut times: [Vec<f64>; 9] = Default::default();
    for _ in 0..rounds {
        let mut nth = 0;
        let mut measure = |reps: u32, call: &mut dyn FnMut()| {
            let time = processor_time(|| (0..reps).for_each(|_| call()));
            times[nth].push(time.as_secs_f64() * 1e3 / f64::from(reps));
            nth += 1;
        };
        measure(1, &mut || {
            drop(black_box(mega_crypto::password::derive_v2(PASSWORD, &SALT)))
        });
        measure(1, &mut || {
            drop(black_box(
                openssl::pbkdf2(PASSWORD, &SALT, 100_000).to_vec(),
            ))
        });
        measure(5, &mut || {
            drop(black_box(mega_crypto::password::derive_v1(
                PASSWORD,
                "user@example.com",
            )))
        });
        measure(5, &mut || (0..serial).for_each(|_| cbc.run()));
        measure(5, &mut || rsa.ours());
        measure(5, &mut || rsa.openssl());
        measure(2, &mut || rsa.plain());
        measure(1, &mut || nodes.unwrap_keys());
        measure(1, &mut || nodes.decrypt_attributes());
    }
    let [
        v2,
        pbkdf2,
        v1,
        serial,
        ours,
        openssl,
        plain,
        keys,
        attributes,
    ] = times.map(median);
    println!("\n| | ms | compared with | ms | ratio |\n|---|---:|---|---:|---:|");
    let row = |name: &str, ms: f64, other: &str, than: f64| {
        println!(
            "| {name} | {ms:.2} | {other} | {than:.2} | {:.2} |",
            ms / than
        );
    };
    row("password v2", v2, "OpenSSL PBKDF2", pbkdf2);
    row("password v1", v1, "as many blocks of OpenSSL CBC", serial);
    row(
        "RSA-2048 private, blinded, checked",
        ours,
        "OpenSSL",
        openssl,
    );
    row(
        "RSA-2048 private, blinded, checked",
        ours,
        "num-bigint without CRT",
        plain,
    );
    println!("| a million node keys | {:.0} | | | |", keys * 10.0);
    println!(
        "| a million attributes, decrypted and read | {:.0} | | | |",
        attributes * 10.0
    );
}

/// How much faster two threads are than one. By the clock that is true on an idle machine only; by
/// processor time, the slower of the two against one alone, also on one that others use.
fn threads(rounds: usize) {
    println!(
        "\n| two threads, 256 MiB | MB/s by one | by two | factor by the clock | by processor time |\n|---|---:|---:|---:|---:|"
    );
    let mut data = vec![1u8; 256 << 20];
    // What the machine gives to anybody: two threads that stay in their caches, and two that do nothing but read and write memory.
    let (_, cipher) = builds().remove(0);
    two(
        rounds,
        &mut data,
        "counter mode alone, 64 KiB each in the cache",
        &|_, part| {
            let len = part.len();
            let cached = &mut part[..64 << 10];
            (0..len / cached.len()).for_each(|_| cipher.apply_keystream(0, cached));
        },
    );
    two(
        rounds,
        &mut data,
        "every byte of the memory changed",
        &|_, part| {
            part.iter_mut().for_each(|byte| *byte ^= 0x5A);
            black_box(part);
        },
    );
    for (build, cipher) in builds() {
        let (encrypt, decrypt) = (
            format!("{build}: encrypt and MAC"),
            format!("{build}: decrypt and MAC"),
        );
        two(rounds, &mut data, &encrypt, &|offset, part| {
            drop(black_box(cipher.encrypt_chunks(offset, part).unwrap()));
        });
        two(rounds, &mut data, &decrypt, &|offset, part| {
            drop(black_box(cipher.decrypt_chunks(offset, part).unwrap()));
        });
    }
}

/// One row of them: the work on all of the data by one thread, then on a part each by two.
fn two(rounds: usize, data: &mut [u8], way: &str, work: &(dyn Fn(u64, &mut [u8]) + Sync)) {
    let timed = |offset: u64, part: &mut [u8]| processor_time(|| work(offset, part)).as_secs_f64();
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let one = timed(0, data);
        times[0].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let middle = mega_crypto::content::chunk_at(128 << 20).offset;
        let (front, back) = data.split_at_mut(middle as usize);
        let slower = std::thread::scope(|scope| {
            let back = scope.spawn(|| timed(middle, back));
            let front = timed(0, front);
            back.join().unwrap().max(front)
        });
        times[1].push(start.elapsed().as_secs_f64());
        times[2].push(one);
        times[3].push(slower);
    }
    let [one, two, alone, slower] = times.map(median);
    let rate = |time: f64| data.len() as f64 / time / 1e6;
    println!(
        "| {way} | {:.0} | {:.0} | {:.2} | {:.2} |",
        rate(one),
        rate(two),
        one / two,
        alone / slower
    );
}

fn processor_time(call: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    call();
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
