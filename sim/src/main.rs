//! Runs many seeds, or one again. See the README of this folder.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use mega_sim::{Defect, run};

const HELP: &str = "\
mega-sim --runs N --seed S     runs the seeds S, S+1, ... and says which failed
mega-sim --replay S            runs one seed and prints what happened in it
         --defect NAME         with a defect put back; the runs end with the first seed that finds it
         --threads T           how many at once; as many as there are processors if not said
";

struct Arguments {
    runs: u64,
    seed: u64,
    replay: Option<u64>,
    defect: Option<Defect>,
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = match read_arguments() {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match arguments.replay {
        Some(seed) => replay(seed, arguments.defect),
        None => sweep(&arguments),
    }
}

fn read_arguments() -> Result<Arguments, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = Arguments {
        runs: 100,
        seed: 1,
        replay: None,
        defect: None,
        threads,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--runs" => out.runs = number(value()?)?,
            "--seed" => out.seed = number(value()?)?,
            "--replay" => out.replay = Some(number(value()?)?),
            "--threads" => out.threads = usize::try_from(number(value()?)?).unwrap_or(1).max(1),
            "--defect" => {
                let name = value()?;
                let defect = Defect::named(&name).ok_or_else(|| {
                    let names: Vec<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
                    format!("{name} is none of: {}", names.join(", "))
                })?;
                out.defect = Some(defect);
            }
            _ => return Err(format!("{word} is not understood")),
        }
    }
    Ok(out)
}

fn replay(seed: u64, defect: Option<Defect>) -> ExitCode {
    let report = run(seed, defect);
    for line in &report.history {
        println!("{line}");
    }
    for violation in &report.violations {
        println!("seed {seed}: {violation}");
    }
    if report.violations.is_empty() {
        println!("seed {seed}: sound");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn sweep(arguments: &Arguments) -> ExitCode {
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.runs || stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let seed = arguments.seed.wrapping_add(number);
                    let report = run(seed, arguments.defect);
                    done.fetch_add(1, Ordering::Relaxed);
                    if let Some(first) = report.violations.first() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        println!("seed {seed}: {first}");
                        // With a defect put back one is enough.
                        if arguments.defect.is_some() {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (done, failed) = (done.into_inner(), failed.into_inner());
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{done} runs from seed {}, {failed} failed, {seconds:.1} s, {:.1} runs per second",
        arguments.seed,
        done as f64 / seconds
    );
    // A defect that is not found is the failure then.
    if (failed == 0) == arguments.defect.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
