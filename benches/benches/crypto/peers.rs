//! The crates `mega` and `megalib`, in a program of their own: `benches/peers`.

use std::path::Path;
use std::process::{Command, Stdio};

/// What they reach in one round: name and megabytes per second.
pub(crate) fn round() -> Vec<(String, f64)> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the peers failed");
    let lines = String::from_utf8(output.stdout).expect("text");
    let parse = |line: &str| {
        let (name, rate) = line.split_once('\t').expect("name and rate");
        (name.to_owned(), rate.parse().expect("a number"))
    };
    lines.lines().map(parse).collect()
}
