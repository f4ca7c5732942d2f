//! What happened in a run, in order, with the virtual time.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The lines of one run. Clones write into the same history.
#[derive(Clone, Debug)]
pub(crate) struct History {
    begin: Instant,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    text: Vec<String>,
    violations: Vec<String>,
}

impl History {
    /// Begins now; needs a runtime.
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            lines: Arc::default(),
        }
    }

    pub(crate) fn note(&self, who: &str, line: impl AsRef<str>) {
        let mut text = String::new();
        let seconds = self.begin.elapsed().as_secs_f64();
        let _ = write!(text, "{seconds:>10.3} {who:>3}  {}", line.as_ref());
        self.lock().text.push(text);
    }

    /// Something that must not be.
    pub(crate) fn violation(&self, who: &str, line: impl AsRef<str>) {
        self.note(who, format!("VIOLATION: {}", line.as_ref()));
        self.lock()
            .violations
            .push(format!("{who}: {}", line.as_ref()));
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.lock().violations.is_empty()
    }

    /// All lines, and what was wrong.
    pub(crate) fn take(&self) -> (Vec<String>, Vec<String>) {
        let mut lines = self.lock();
        (
            std::mem::take(&mut lines.text),
            std::mem::take(&mut lines.violations),
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
