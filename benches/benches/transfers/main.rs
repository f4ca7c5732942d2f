//! Transfers from end to end: `cargo bench -p mega-benches --bench transfers`.
//!
//! Everything runs against `mega-testserver` in the same run, each measurement in a process of its own, and this
//! client next to what it cannot be faster than: a bare copy of the same bytes with reqwest, and the
//! cipher alone. `-- --quick` takes a few seconds, `-- --size MIB`, `-- --files N` and `-- --rounds N` change what is moved.
//!
//! `-- --memory GIB` moves a file of 200 MiB and one of so many GiB both ways, from nowhere to nowhere, and up from a file over a long line, and fails unless
//! both take the same memory.
//! What others need for the same work, `benches/compare` measures.

mod certificate;
#[path = "../child.rs"]
mod child;
mod server;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt, TryStreamExt};
use mega_client::{Client, ClientBuilder, Credentials, IntegrityPolicy, TransferLimits};
use mega_crypto::content::{ContentCipher, ContentKey, windows};

use certificate::Certificate;
use child::{Cost, again, median, own_cpu};
use server::{EMAIL, How, PASSWORD, Served, serve};

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

const MIB: u64 = 1 << 20;

struct Arguments(Vec<String>);

impl Arguments {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|argument| argument == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number(&self, name: &str, otherwise: u64) -> Fallible<u64> {
        Ok(match self.get(name) {
            Some(text) => text.parse()?,
            None => otherwise,
        })
    }
}

fn main() -> Fallible {
    let arguments = Arguments(std::env::args().skip(1).collect());
    if let [run, program, rest @ ..] = arguments.0.as_slice()
        && run == "--run"
    {
        return other(program, rest);
    }
    if let Some(what) = arguments.get("--child") {
        // What the bare copies use, although nothing here is encrypted by TLS.
        let _only_once = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        return runtime.block_on(measure(what, &arguments));
    }
    let quick = arguments.has("--quick");
    let size = arguments.number("--size", if quick { 128 } else { 2048 })? * MIB;
    let files = arguments.number("--files", if quick { 1000 } else { 10_000 })?;
    let rounds = arguments.number("--rounds", if quick { 3 } else { 5 })?;
    if arguments.has("--memory") {
        return memory(arguments.number("--memory", 20)?);
    }
    let folder = tempfile::tempdir()?;
    if !arguments.has("--small") {
        large(folder.path(), size, rounds)?;
    }
    if !arguments.has("--large") {
        small(folder.path(), files)?;
    }
    Ok(())
}

/// What another program needs, for `benches/compare`.
fn other(program: &str, arguments: &[String]) -> Fallible {
    let start = Instant::now();
    let cost = child::run(std::process::Command::new(program).args(arguments))?;
    let wall = start.elapsed().as_secs_f64();
    // SAFETY: a structure of plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place lives longer than the call. It was the only child there is.
    unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    println!("wall={wall} cpu={cpu} peak={}", cost.peak);
    Ok(())
}

/// One large file both ways.
fn large(folder: &Path, size: u64, rounds: u64) -> Fallible {
    let local = folder.join("large");
    File::create(&local)?.set_len(size)?;
    println!("One file of {} MiB, {rounds} rounds, medians:", size / MIB);
    heading();
    let text = size.to_string();
    let kernel = |what: &str| repeated(rounds, || again(["--child", what, "--size", &text]));
    let (sealing, opening) = (kernel("seal")?, kernel("open")?);
    row("the cipher alone, encrypting", &sealing, size, None);
    row("the cipher alone, decrypting", &opening, size, None);
    let certificate = Certificate::new(folder)?;
    let settings: [(u64, Option<&Certificate>, &[&str]); 3] = [
        (0, None, &["1", "4", "8"]),
        (0, Some(&certificate), &["4"]),
        (50, None, &["1", "8"]),
    ];
    for (latency, tls, numbers) in settings {
        let mut served = Served::start(Duration::from_millis(latency), true, tls)?;
        let url = served.url.clone();
        let path = local.to_string_lossy().into_owned();
        for connections in numbers {
            let tls_too = if tls.is_some() { ", TLS" } else { "" };
            let line = |what: &str| format!("{what}, {connections} conn., {latency} ms{tls_too}");
            let mut common = vec!["--url", &url, "--connections", connections, "--size", &text];
            let authority = tls.map(|tls| tls.authority.to_string_lossy().into_owned());
            if let Some(authority) = &authority {
                common.extend(["--authority", authority]);
            }
            let ours = repeated(rounds, || {
                again(["--child", "upload", "--file", &path].iter().chain(&common))
            })?;
            let address = served.address("u")?;
            let bare = repeated(rounds, || {
                let from = ["--child", "post", "--to", &address, "--file", &path];
                again(from.iter().chain(&common))
            })?;
            row(&line("bare POST of a file"), &bare, size, None);
            let floor = bare.cpu + sealing.cpu;
            row(&line("this client, up"), &ours, size, Some((floor, 1.25)));

            served.settle()?;
            let copy = folder.join("copy").to_string_lossy().into_owned();
            let ours = repeated(rounds, || {
                let _old = std::fs::remove_file(&copy);
                again(
                    ["--child", "download", "--file", &copy]
                        .iter()
                        .chain(&common),
                )
            })?;
            let address = served.address("g")?;
            let bare = repeated(rounds, || {
                let _old = std::fs::remove_file(&copy);
                let to = ["--child", "get", "--to", &address, "--file", &copy];
                again(to.iter().chain(&common))
            })?;
            row(&line("bare GET to a file"), &bare, size, None);
            let floor = bare.cpu + opening.cpu;
            row(&line("this client, down"), &ours, size, Some((floor, 1.2)));
            std::fs::remove_file(&copy)?;
        }
    }
    Ok(())
}

/// The peak memory of a large transfer is that of a small one.
fn memory(gibibytes: u64) -> Fallible {
    println!(
        "From nowhere to nowhere, and from a file at 50 ms, {} connections:",
        4
    );
    heading();
    let folder = tempfile::tempdir()?;
    let mut peaks: Vec<[f64; 3]> = Vec::new();
    for size in [200 * MIB, gibibytes << 30] {
        let mut served = Served::start(Duration::ZERO, true, None)?;
        let text = size.to_string();
        let mut run = |what: &str| -> io::Result<f64> {
            let cost = again(["--child", what, "--url", &served.url, "--size", &text])?;
            let figures = Figures::of(&[cost]);
            row(&format!("{what} {} MiB", size / MIB), &figures, size, None);
            if what == "write" {
                served.settle()?;
            }
            Ok(figures.peak)
        };
        let [written, read] = [run("write")?, run("read")?];
        // With less, parts do not come to their full length. It takes no room on the disk.
        let size = size.max(2 << 30);
        let text = size.to_string();
        let file = folder.path().join("zeros");
        File::create(&file)?.set_len(size)?;
        let served = Served::start(Duration::from_millis(50), true, None)?;
        let path = file.to_string_lossy();
        let upload = [
            "--child",
            "upload",
            "--file",
            &path,
            "--url",
            &served.url,
            "--size",
            &text,
        ];
        let figures = Figures::of(&[again(upload)?]);
        row(
            &format!("upload {} MiB, 50 ms", size / MIB),
            &figures,
            size,
            None,
        );
        peaks.push([written, read, figures.peak]);
    }
    for (small, large) in peaks[0].into_iter().zip(peaks[1]) {
        // A few connections more or less, and what the allocator keeps.
        if large > small * 1.25 + (8 << 20) as f64 {
            return Err(format!("{large} bytes of memory, and {small} for a small file").into());
        }
    }
    Ok(())
}

/// Many small files both ways.
fn small(folder: &Path, files: u64) -> Fallible {
    let local = folder.join("small");
    for number in 0..files {
        let below = local.join(format!("folder {}", number / 100));
        if number % 100 == 0 {
            std::fs::create_dir_all(&below)?;
        }
        std::fs::write(below.join(format!("file {number}")), vec![7; 4096])?;
    }
    println!("\n{files} files of 4 KiB:");
    heading();
    for latency in [0, 50] {
        let served = Served::start(Duration::from_millis(latency), false, None)?;
        let copy = folder.join(format!("copy {latency}"));
        for (what, path) in [("upload-folder", &local), ("download-folder", &copy)] {
            let path = path.to_string_lossy();
            let cost = again(["--child", what, "--file", &path, "--url", &served.url])?;
            let figures = Figures::of(&[cost]);
            row(
                &format!("this client, {what}, {latency} ms"),
                &figures,
                files * 4096,
                None,
            );
            if latency > 0 {
                // Each file is one request to storage, and so many are in flight at once.
                let turns = files.div_ceil(TransferLimits::default().requests() as u64);
                let bound = turns as f64 * latency as f64 / 1e3;
                println!(
                    "    {:.1} times the {bound:.2} s that {turns} turns take",
                    figures.wall / bound
                );
            }
        }
    }
    Ok(())
}

/// Medians of several costs.
struct Figures {
    wall: f64,
    cpu: f64,
    peak: f64,
}

impl Figures {
    fn of(costs: &[Cost]) -> Self {
        let all = |pick: fn(&Cost) -> f64| median(costs.iter().map(pick).collect());
        Self {
            wall: all(|cost| cost.value("wall").unwrap_or(f64::NAN)),
            cpu: all(|cost| cost.value("cpu").unwrap_or(f64::NAN)),
            peak: all(|cost| cost.peak as f64),
        }
    }
}

fn repeated(rounds: u64, mut run: impl FnMut() -> io::Result<Cost>) -> io::Result<Figures> {
    let costs: Vec<Cost> = (0..rounds).map(|_| run()).collect::<io::Result<_>>()?;
    Ok(Figures::of(&costs))
}

fn heading() {
    println!(
        "  {:<40} {:>8} {:>8} {:>9} {:>9}",
        "", "wall s", "CPU s", "MiB/s", "peak MiB"
    );
}

fn row(what: &str, figures: &Figures, bytes: u64, floor: Option<(f64, f64)>) {
    let Figures { wall, cpu, peak } = figures;
    let (rate, peak) = (bytes as f64 / wall / MIB as f64, peak / MIB as f64);
    let note = floor.map_or(String::new(), |(floor, goal)| {
        format!("   {:.2} x (bare + cipher), goal {goal}", cpu / floor)
    });
    println!("  {what:<40} {wall:>8.3} {cpu:>8.3} {rate:>9.0} {peak:>9.1}{note}");
}

/// What runs in a process of its own: it prints what the work itself took, without starting and signing in.
async fn measure(what: &str, arguments: &Arguments) -> Fallible {
    let latency = Duration::from_millis(arguments.number("--latency", 0)?);
    if what == "server" {
        let tls = arguments.get("--tls-cert").zip(arguments.get("--tls-key"));
        let how = How {
            latency,
            discard: arguments.has("--discard"),
            tls: tls.map(|(certificate, key)| (certificate.to_owned(), key.to_owned())),
            nodes: u32::try_from(arguments.number("--nodes", 0)?)?,
        };
        return Ok(serve(how).await?);
    }
    let size = arguments.number("--size", 0)?;
    let connections = usize::try_from(arguments.number("--connections", 4)?)?;
    let (to, file) = (arguments.get("--to"), arguments.get("--file"));
    let mega = match arguments.get("--url") {
        Some(url) if to.is_none() => {
            let limits = TransferLimits::default().connections_per_file(connections);
            let builder = Client::builder().origin(url).limits(limits.sync(false));
            let mut builder = builder.verdict_delay(Duration::ZERO);
            if let Some(authority) = arguments.get("--authority") {
                builder = builder.add_root_certificate(std::fs::read(authority)?);
            }
            if let Some(folder) = arguments.get("--cache") {
                return start_up(builder, Path::new(folder)).await;
            }
            Some(builder.login(Credentials::new(EMAIL, PASSWORD)).await?)
        }
        _ => None,
    };
    let (start, cpu) = (Instant::now(), own_cpu());
    match (what, mega, file, to) {
        ("seal" | "open", ..) => cipher(size, what == "seal"),
        ("post", _, Some(file), Some(to)) => {
            post(&bare(arguments)?, to, file, size, connections).await?;
        }
        ("get", _, Some(file), Some(to)) => {
            get(&bare(arguments)?, to, file, size, connections).await?;
        }
        ("upload", Some(mega), Some(file), _) => drop(mega.upload(file, "/large").await?),
        ("download", Some(mega), Some(file), _) => {
            // The samples in the fingerprint are those of the content that the server did not keep.
            let policy = IntegrityPolicy::default().accept_wrong_fingerprint();
            mega.download("/large", file).integrity(policy).await?;
        }
        ("upload-folder", Some(mega), Some(file), _) => {
            mega.upload_folder(file, "/small").await?.into_result()?;
        }
        ("download-folder", Some(mega), Some(file), _) => {
            mega.download_folder("/small", file).await?.into_result()?;
        }
        // All of it is looked at, and no more of it kept than the tree: the others do not make a second copy either.
        ("tree", Some(mega), ..) => {
            let nodes = mega.list("/").recursive().stream();
            let seen = nodes
                .try_fold(0, |seen, _| async move { Ok(seen + 1) })
                .await?;
            println!("nodes={seen}");
        }
        // Neither way touches a disk: what is measured is memory, and the disk has other sizes.
        ("write", Some(mega), ..) => write(&mega, size).await?,
        ("read", Some(mega), ..) => read(&mega, size).await?,
        _ => return Err(format!("{what} is unknown, or something is missing").into()),
    }
    println!(
        "wall={} cpu={}",
        start.elapsed().as_secs_f64(),
        (own_cpu() - cpu).as_secs_f64()
    );
    Ok(())
}

/// A start with what an earlier one has kept in a folder, until the first listing is there; the first time everything is fetched, and kept.
async fn start_up(builder: ClientBuilder, folder: &Path) -> Fallible {
    let builder = builder.cache_dir(folder.join("trees"));
    let session = folder.join("session");
    let mega = match std::fs::read_to_string(&session) {
        Ok(text) => builder.resume(&text.parse()?).await?,
        Err(_) => {
            let mega = builder.login(Credentials::new(EMAIL, PASSWORD)).await?;
            std::fs::write(&session, mega.save()?.expose_text())?;
            mega
        }
    };
    if mega.list("/").await?.is_empty() {
        return Err("nothing is listed".into());
    }
    mega.close().await;
    Ok(())
}

/// A file of zeros that lies nowhere.
async fn write(mega: &Client, size: u64) -> Fallible {
    let mut file = mega.writer("/large").size(size).await?;
    let block = bytes::Bytes::from(vec![0; 1 << 20]);
    let mut left = size;
    while left > 0 {
        let len = usize::try_from(left.min(1 << 20))?;
        file.send(block.slice(..len)).await?;
        left -= len as u64;
    }
    file.close().await?;
    Ok(())
}

/// All of a file, verified, and kept nowhere.
async fn read(mega: &Client, size: u64) -> Fallible {
    let mut file = mega.open("/large").await?;
    let mut seen = 0;
    while let Some(piece) = file.next().await {
        seen += piece?.len() as u64;
    }
    if seen != size || !file.integrity().is_verified() {
        return Err(format!("{seen} bytes of {size}, {}", file.integrity()).into());
    }
    Ok(())
}

/// The cipher alone, over and over the same memory.
fn cipher(size: u64, seal: bool) {
    let cipher = ContentCipher::new(&ContentKey::new([1; 16], [2; 8]));
    let mut buffer = vec![0; 4 << 20];
    for window in windows(size, 4 << 20) {
        let range = window.range();
        let len = usize::try_from(range.end - range.start).unwrap_or(0);
        let piece = &mut buffer[..len];
        let macs = if seal {
            cipher.encrypt_chunks(range.start, piece)
        } else {
            cipher.decrypt_chunks(range.start, piece)
        };
        std::hint::black_box(macs.is_ok());
    }
}

/// The pieces that a bare copy is made of.
fn pieces(size: u64) -> impl Iterator<Item = (u64, u64)> {
    let starts = (0..size).step_by(8 << 20);
    starts.map(move |start| (start, (start + (8 << 20)).min(size)))
}

/// What the bare copies are made with.
fn bare(arguments: &Arguments) -> Fallible<reqwest::Client> {
    let mut client = reqwest::Client::builder();
    if let Some(authority) = arguments.get("--authority") {
        let trusted = reqwest::Certificate::from_der(&std::fs::read(authority)?)?;
        client = client.tls_certs_only([trusted]);
    }
    Ok(client.build()?)
}

async fn post(
    client: &reqwest::Client,
    to: &str,
    file: &str,
    size: u64,
    connections: usize,
) -> Fallible {
    use std::os::unix::fs::FileExt;
    let file = File::open(file)?;
    let file = &file;
    let posts = pieces(size).map(|(start, end)| {
        let request = client.post(format!("{to}/{start}"));
        async move {
            let mut body = vec![0; usize::try_from(end - start)?];
            file.read_exact_at(&mut body, start)?;
            request.body(body).send().await?.error_for_status()?;
            Ok::<_, Box<dyn std::error::Error>>(())
        }
    });
    let mut posts = futures::stream::iter(posts).buffer_unordered(connections);
    while let Some(done) = posts.next().await {
        done?;
    }
    Ok(())
}

async fn get(
    client: &reqwest::Client,
    to: &str,
    file: &str,
    size: u64,
    connections: usize,
) -> Fallible {
    use std::os::unix::fs::FileExt;
    let file = File::create(file)?;
    let file = &file;
    let gets = pieces(size).map(|(start, end)| {
        let request = client.get(format!("{to}/{start}-{}", end - 1));
        async move {
            let mut body = request.send().await?.error_for_status()?.bytes_stream();
            let mut at = start;
            while let Some(piece) = body.next().await {
                let piece = piece?;
                file.write_all_at(&piece, at)?;
                at += piece.len() as u64;
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        }
    });
    let mut gets = futures::stream::iter(gets).buffer_unordered(connections);
    while let Some(done) = gets.next().await {
        done?;
    }
    Ok(())
}
