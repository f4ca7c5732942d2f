//! The program, started as anybody would start it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A running program, killed when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) storage: String,
}

impl Program {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mega-testserver"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| ready[key].as_str().unwrap().to_owned();
        Self {
            child,
            url: text("url"),
            storage: text("storage"),
        }
    }

    /// Runs one that is expected to give up.
    pub(crate) fn refused(arguments: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_mega-testserver"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        output
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Killed outright, without a chance to write anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
