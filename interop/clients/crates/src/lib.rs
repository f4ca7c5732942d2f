//! What the programs share: the steps' report and the content of files.

use std::future::Future;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Byte i of a file of size s is (i * 31 + s) mod 251, in every client's script.
pub fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| ((i * 31 + size) % 251) as u8).collect()
}

/// A name that is hard to carry over, for a file of 20 bytes.
pub const NAME: &str = "ü 名 🙂 & %41 'x'.txt";

/// When the file of 131072 bytes was changed, where the client can say so. Unix seconds.
pub const CHANGED: i64 = 1_600_000_001;

/// The size of a file that every script writes, by its name.
pub fn size_of(name: &str) -> Option<usize> {
    if name == NAME { Some(20) } else { name.strip_prefix('f')?.parse().ok() }
}

pub fn sizes() -> Vec<usize> {
    let text = std::env::var("INTEROP_SIZES").unwrap_or_else(|_| "0,1,131072,3145735".into());
    text.split(',').map(|s| s.parse().expect("a size")).collect()
}

/// False for what megajs wrote with a wrong MAC: it chains one too many where a file ends on a chunk border.
pub fn readable(folder: &str, size: usize) -> bool {
    let (mut at, mut step) = (0, 1);
    while at < size {
        at += step * 131_072;
        step = (step + 1).min(8);
    }
    size > 0 && !(folder == "from megajs" && at == size)
}

pub fn report(step: &str, result: &str, detail: &str) {
    println!("{}", serde_json::json!({ "step": step, "result": result, "detail": detail }));
}

/// Runs one step; its value is what later steps need.
pub async fn step<T>(name: &str, run: impl Future<Output = Result<T, Error>>) -> Option<T> {
    match run.await {
        Ok(value) => {
            report(name, "pass", "");
            Some(value)
        }
        Err(error) => {
            report(name, "fail", &format!("{error} {error:?}"));
            None
        }
    }
}

pub fn none(name: &str) {
    report(name, "none", "");
}

pub fn same(got: &[u8], size: usize, what: &str) -> Result<(), Error> {
    if got != content(size) {
        return Err(format!("{what}: {} bytes differ from the {size} expected", got.len()).into());
    }
    Ok(())
}
