//! The cryptography: megabytes per second, and ratios to OpenSSL at the end.
//!
//! `cargo bench -p mega-benches --bench crypto [-- FILTER | --quick | --table | --peers]`
//!
//! With `RUSTFLAGS='--cfg aes_backend="soft"'` the `aes` crate makes no use of the processor's AES instructions, and the rows of
//! the safe build say what a processor without any gets from several chains. It builds all anew, so give it a `--target-dir` of its own.

mod content;
mod keys;
mod openssl;
mod peers;
mod ratios;

use criterion::Criterion;

fn main() {
    let asked = |option: &str| std::env::args().any(|argument| argument == option);
    if !asked("--table") {
        // Criterion does not know this option.
        let mut criterion = match asked("--peers") {
            true => Criterion::default(),
            false => Criterion::default().configure_from_args(),
        };
        content::bench(&mut criterion);
        keys::bench(&mut criterion);
        criterion.final_summary();
    }
    // Not while Criterion only lists or tests the benches.
    if !asked("--list") && !asked("--test") {
        let rounds = if asked("--quick") { 3 } else { 9 };
        ratios::print(rounds, ratios::WithPeers(asked("--peers")));
    }
}
