//! What a client does, for whoever debugs: events of `tracing`, without any secret. Run: `cargo run --example debug`.

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use mega_examples::Place;
use tracing_subscriber::fmt::MakeWriter;

/// Prints what is logged, and keeps it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(line);
        io::stdout().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Most programs write `tracing_subscriber::fmt().with_max_level(...).init()` and are done.
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(log.clone())
        .without_time()
        .init();

    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    mega.write("/debug-example/diary.txt", "dear diary").await?;
    mega.delete("/debug-example").await?;
    let session = mega.save()?;
    mega.sign_out().await?;

    // Commands are named, with how long they took; nothing of what they say.
    let kept = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&kept);
    assert!(text.contains("a command was answered"));
    for secret in ["correct horse", "dear diary", session.expose_text()] {
        assert!(!text.contains(secret), "a secret was logged");
    }
    println!("{} lines, no secrets", text.lines().count());
    Ok(())
}
