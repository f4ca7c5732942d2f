//! A bar that shows how far a transfer is.

use std::future::IntoFuture;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use mega_client::Progress;

use crate::{bytes, say};

/// Runs a transfer with a bar that shows how far it is, and says at the end how much was moved and how fast.
pub async fn with_bar<C: IntoFuture>(
    label: &'static str,
    transfer: impl FnOnce(&Progress) -> C,
) -> C::Output {
    let bar = Bar::new(label);
    let done = transfer(&bar.progress).await;
    bar.finish();
    done
}

/// A progress bar fed from a [`Progress`].
struct Bar {
    progress: Progress,
    bar: ProgressBar,
    label: &'static str,
    start: Instant,
    ticker: tokio::task::JoinHandle<()>,
}

impl Bar {
    /// Shows it, with a label in front.
    fn new(label: &'static str) -> Self {
        let progress = Progress::new();
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("  {prefix} [{bar:30}] {bytes}/{total_bytes} {msg}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(label);
        let (source, target) = (progress.clone(), bar.clone());
        let ticker = tokio::spawn(async move {
            loop {
                target.set_length(source.bytes_total());
                target.set_position(source.bytes_done());
                target.set_message(format!(
                    "{}/{} files",
                    source.files_done(),
                    source.files_total()
                ));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self {
            progress,
            bar,
            label,
            start: Instant::now(),
            ticker,
        }
    }

    /// Takes it away, and says how much was moved and how fast.
    fn finish(self) {
        self.ticker.abort();
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64().max(0.001);
        let done = self.progress.bytes_done();
        say!(
            "{} done: {} files, {} in {seconds:.1} s, {}/s",
            self.label.trim(),
            self.progress.files_done(),
            bytes(done),
            HumanBytes((done as f64 / seconds) as u64),
        );
    }
}
