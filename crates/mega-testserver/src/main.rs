//! The server as a program: see the crate's README.

use std::process::ExitCode;

fn main() -> ExitCode {
    mega_testserver::program::main()
}
