//! Trees at scale: `cargo bench -p mega-benches --bench tree`.
//!
//! Each number comes from a process of its own with one thread, which is handed the reply of `f` in pieces as an HTTP
//! stack would hand them over. Times are processor time, so that other work on the machine
//! disturbs them less, and medians; the time to load is given as a multiple of what
//! `serde_json` needs to skim the same bytes into `IgnoredAny`, both with the bytes in memory. All else is read from a
//! file meanwhile, so that the peak of the memory is that of the client.
//!
//! `-- --nodes N` for another size, `-- --quick` for a hundred thousand nodes. `--sizes` loads a tenth, the whole and ten times as many: what it takes for each
//! node must stay the same.

mod allocations;
#[path = "../child.rs"]
mod child;
mod made_up_tree;
mod replay;
mod start_up;

use std::ffi::OsStr;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use mega_client::Client;

use child::{Cost, again, median, own_cpu};
use made_up_tree::{Holder, Shape, handle, link, place, write_move, write_reply};
use replay::Replay;

type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if let Some(what) = after("--child") {
        let path = after("--file").ok_or("a file is needed")?;
        let nodes = after("--nodes").ok_or("a number is needed")?.parse()?;
        return measure(
            &what,
            Path::new(&path),
            after("--events").map(PathBuf::from),
            nodes,
        );
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let nodes = match after("--nodes") {
        Some(nodes) => nodes.parse()?,
        None if quick => 100_000,
        None => 1_000_000,
    };
    if arguments.iter().any(|argument| argument == "--sizes") {
        return sizes(nodes);
    }
    compare(nodes, if quick { 3 } else { 5 })
}

/// Trees of several sizes: time and memory for each node.
fn sizes(middle: u64) -> Fallible {
    for nodes in [middle / 10, middle, middle.saturating_mul(10)] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("reply");
        let mut out = BufWriter::new(File::create(&path)?);
        write_reply(
            &mut out,
            &Holder::link(),
            Shape::Bushy,
            nodes,
            "AAAAAAAAAAE",
        )?;
        out.flush()?;
        let skim = run("skim", &path, None, nodes)?
            .value("seconds")
            .unwrap_or(f64::NAN);
        let load = run("load", &path, None, nodes)?;
        let memory = run("memory", &path, None, nodes)?;
        let seconds = memory.value("seconds").unwrap_or(f64::NAN);
        line(
            &format!("load {nodes} nodes"),
            &format!("{seconds:.3} s"),
            &format!(
                "{:.2} x skim, {:.0} ns and {} bytes of memory for each node",
                seconds / skim,
                seconds * 1e9 / nodes as f64,
                load.peak / nodes
            ),
        );
    }
    Ok(())
}

fn compare(nodes: u64, rounds: usize) -> Fallible {
    let folder = tempfile::tempdir()?;
    let make = |shape: Shape, nodes: u64| -> io::Result<PathBuf> {
        let path = folder.path().join(format!("{shape:?}"));
        let mut out = BufWriter::new(File::create(&path)?);
        write_reply(&mut out, &Holder::link(), shape, nodes, "AAAAAAAAAAE")?;
        out.flush()?;
        Ok(path)
    };
    let bushy = make(Shape::Bushy, nodes)?;
    let bytes = bushy.metadata()?.len();
    println!(
        "{nodes} nodes, {} MB of JSON, {rounds} rounds",
        bytes / 1_000_000
    );

    let seconds = |cost: &Cost| cost.value("seconds").unwrap_or(f64::NAN);
    let (mut skims, mut loads, mut from_file, mut peaks) = (vec![], vec![], vec![], vec![]);
    let mut last = None;
    for _ in 0..rounds {
        skims.push(seconds(&run("skim", &bushy, None, nodes)?));
        loads.push(seconds(&run("memory", &bushy, None, nodes)?));
        let load = run("load", &bushy, None, nodes)?;
        from_file.push(seconds(&load));
        peaks.push(load.peak as f64);
        last = Some(load);
    }
    let (skim, load, from_file) = (median(skims), median(loads), median(from_file));
    line(
        "skim into IgnoredAny",
        &format!("{skim:.3} s"),
        "the bytes being in memory",
    );
    line(
        "load the tree",
        &format!("{load:.3} s"),
        &format!("{:.2} x skim (goal 3.0), likewise", load / skim),
    );
    line(
        "  the bytes being in a file",
        &format!("{from_file:.3} s"),
        &format!("{:.2} x skim", from_file / skim),
    );
    let peak = median(peaks) / f64::from(1 << 20);
    line(
        "peak memory of the process",
        &format!("{peak:.0} MiB"),
        "goal 200 for a million",
    );
    let found = last.ok_or("no round")?;
    let nanos = |name: &str| found.value(name).unwrap_or(f64::NAN);
    let names = nanos("names");
    line(
        "the first look-up makes its index",
        &format!("{:.1} ms", names * 1e3),
        &format!("{:.2} x skim with the load", (load + names) / skim),
    );
    line(
        "look up a path, with its node",
        &format!("{:.0} ns", nanos("stat")),
        "goal 2000",
    );
    line(
        "whether a path exists",
        &format!("{:.0} ns", nanos("exists")),
        "",
    );

    let flat = run("flat", &make(Shape::Flat, nodes)?, None, nodes)?;
    let millis =
        |cost: &Cost, name: &str| format!("{:.1} ms", cost.value(name).unwrap_or(f64::NAN) * 1e3);
    line("load them all in one folder", &millis(&flat, "seconds"), "");
    line("  list it", &millis(&flat, "list"), "");
    line("  first hundred of it", &millis(&flat, "some"), "");
    line(
        "  list the folders, of which it has none",
        &format!("{} B", flat.value("none_bytes").unwrap_or(f64::NAN)),
        &format!("in {} allocations", flat.value("none").unwrap_or(f64::NAN)),
    );
    line(
        "  look up a name in it",
        &format!("{:.0} ns", flat.value("stat").unwrap_or(f64::NAN)),
        "",
    );

    let deep = 10_000.min(nodes);
    let chain = run("deep", &make(Shape::Deep, deep)?, None, deep)?;
    line(
        &format!("load a chain of {deep}"),
        &millis(&chain, "seconds"),
        "",
    );
    line("  look up its end", &millis(&chain, "stat"), "");
    line("  list all of it, recursively", &millis(&chain, "list"), "");

    let subtree = 100_000.min(nodes);
    let movable = make(Shape::Movable, subtree)?;
    let events = folder.path().join("events");
    let mut out = BufWriter::new(File::create(&events)?);
    write_move(&mut out, subtree)?;
    out.flush()?;
    let mut moves = Vec::new();
    for _ in 0..rounds {
        let cost = run("move", &movable, Some(&events), subtree)?;
        moves.push(cost.value("seconds").unwrap_or(f64::NAN));
    }
    let text = format!("{:.1} ms", median(moves) * 1e3);
    line(
        &format!("an event moves {subtree} nodes"),
        &text,
        "goal 100 ms",
    );
    start(&bushy, nodes, rounds)
}

/// From a saved session to the first listing, which is what a person waits for: by the clock here, with the processor time of all threads beside it.
fn start(file: &Path, nodes: u64, rounds: usize) -> Fallible {
    let cost = run("start", file, None, nodes)?;
    let millis = |name: &str| format!("{:.0} ms", cost.value(name).unwrap_or(f64::NAN) * 1e3);
    let show = |what: &str, name: &str, goal: &str| {
        let cpu = format!("{} of processor time{goal}", millis(&format!("{name}_cpu")));
        line(what, &millis(&format!("{name}_wall")), &cpu);
    };
    show("start with an empty account", "empty", "");
    show("start with a full fetch", "full", "");
    show("  write the cache", "keep", "");
    let size = cost.value("bytes").unwrap_or(f64::NAN) / 1e6;
    line("  its size", &format!("{size:.0} MB"), "");
    let kept = |of: &str| {
        let values = (0..rounds).filter_map(|round| cost.value(&format!("kept{round}_{of}")));
        median(values.collect()) * 1e3
    };
    line(
        "start from the cache",
        &format!("{:.0} ms", kept("wall")),
        &format!(
            "{:.0} ms of processor time, goal 300 for a million",
            kept("cpu")
        ),
    );
    Ok(())
}

fn line(what: &str, value: &str, note: &str) {
    println!("  {what:<36} {value:>12}   {note}");
}

fn run(what: &str, file: &Path, events: Option<&Path>, nodes: u64) -> io::Result<Cost> {
    let nodes = nodes.to_string();
    let mut arguments: Vec<&OsStr> = ["--child", what, "--nodes", &nodes]
        .map(OsStr::new)
        .to_vec();
    arguments.extend([OsStr::new("--file"), file.as_os_str()]);
    if let Some(events) = events {
        arguments.extend([OsStr::new("--events"), events.as_os_str()]);
    }
    again(arguments)
}

fn measure(what: &str, file: &Path, events: Option<PathBuf>, nodes: u64) -> Fallible {
    if what == "skim" {
        let bytes = std::fs::read(file)?;
        let start = own_cpu();
        let _: serde::de::IgnoredAny = serde_json::from_slice(black_box(&bytes))?;
        println!("seconds={}", (own_cpu() - start).as_secs_f64());
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if what == "start" {
        return runtime.block_on(start_up::measure(nodes, 5));
    }
    runtime.block_on(async {
        let mut replay = Replay::new(file.to_path_buf(), events);
        if what == "memory" {
            replay = replay.in_memory()?;
        }
        let replay = Arc::new(replay);
        let mega = Client::builder().transport(Arc::clone(&replay) as Arc<_>);
        let mega = mega.open_link(link()).await?;
        let started = replay.started().ok_or("nothing was asked for")?;
        let loaded = own_cpu() - started;
        if mega.node_count() as u64 != nodes + 1 {
            return Err(format!("{} nodes of {nodes}", mega.node_count()).into());
        }
        match what {
            "memory" => {}
            "load" => {
                let paths: Vec<String> = (0..100_000)
                    .map(|at| path(Shape::Bushy, (at * 7919) % nodes + 1))
                    .collect();
                let start = own_cpu();
                mega.exists(path(Shape::Bushy, nodes)).await?;
                println!("names={}", (own_cpu() - start).as_secs_f64());
                println!("stat={}", per_item(stat_all(&mega, &paths).await?, &paths));
                let start = own_cpu();
                for path in &paths {
                    if !mega.exists(path.as_str()).await? {
                        return Err(format!("{path} is missing").into());
                    }
                }
                println!("exists={}", per_item(own_cpu() - start, &paths));
            }
            "flat" => {
                let paths: Vec<String> = (0..100_000)
                    .map(|at| path(Shape::Flat, (at * 7919) % nodes + 1))
                    .collect();
                println!("stat={}", per_item(stat_all(&mega, &paths).await?, &paths));
                let start = own_cpu();
                let listed = mega.list("/").await?;
                println!("list={}", (own_cpu() - start).as_secs_f64());
                if listed.len() as u64 != nodes {
                    return Err("not all is listed".into());
                }
                drop(listed);
                allocations::count();
                let none = mega.list("/").folders().await?;
                let (number, bytes) = allocations::counted();
                println!("none={number} none_bytes={bytes}");
                if !none.is_empty() {
                    return Err("there are no folders".into());
                }
                let start = own_cpu();
                let some = mega.list("/").stream().take(100).count().await;
                println!("some={} ({some})", (own_cpu() - start).as_secs_f64());
            }
            "deep" => {
                let end = path(Shape::Deep, nodes);
                let start = own_cpu();
                mega.stat(end.as_str()).await?;
                println!("stat={}", (own_cpu() - start).as_secs_f64());
                let start = own_cpu();
                let listed = mega.list("/").recursive().await?;
                println!("list={}", (own_cpu() - start).as_secs_f64());
                if listed.len() as u64 != nodes {
                    return Err("not all is listed".into());
                }
            }
            "move" => {
                let mut changes = mega.changes();
                changes.next().await.ok_or("no change")??;
                let took = own_cpu() - replay.started().ok_or("no event")?;
                let wanted = handle(2);
                let moved = mega.stat("/folder 2/folder 1").await?;
                if moved.parent().map(|parent| parent.to_string()) != Some(wanted) {
                    return Err("it was not moved".into());
                }
                println!("seconds={}", took.as_secs_f64());
                return Ok(());
            }
            other => return Err(format!("{other} is unknown").into()),
        }
        println!("seconds={}", loaded.as_secs_f64());
        Ok(())
    })
}

async fn stat_all(mega: &Client, paths: &[String]) -> Fallible<Duration> {
    let start = own_cpu();
    for path in paths {
        black_box(mega.stat(path.as_str()).await?);
    }
    Ok(own_cpu() - start)
}

fn per_item(time: Duration, items: &[String]) -> f64 {
    time.as_secs_f64() * 1e9 / items.len() as f64
}

/// The path of a node of the made-up tree.
fn path(shape: Shape, mut number: u64) -> String {
    let mut parts = Vec::new();
    while number != 0 {
        let (above, _, name) = place(shape, number);
        parts.push(name);
        number = above;
    }
    parts.reverse();
    format!("/{}", parts.join("/"))
}
