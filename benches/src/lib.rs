//! Measurements of the workspace. They are benches, run one by one:
//!
//! | command | measures |
//! |---|---|
//! | `cargo bench -p mega-benches --bench crypto` | the cryptography, against OpenSSL |
//! | `cargo bench -p mega-benches --bench tree` | a million nodes: loading, looking up, listing, moving |
//! | `cargo bench -p mega-benches --bench transfers` | one large file and ten thousand small ones, both ways |
//!
//! `crypto`: one run measures the safe and the accelerated build of `mega-crypto`. `-- --quick` and a filter work
//! as in every Criterion bench; `-- --table` prints only the table that ends a run, and `-- --peers`
//! adds the crates `mega` and `megalib` to it, which `benches/peers` builds for the purpose.
//!
//! `tree` and `transfers` are programs that start themselves again for each measurement; `-- --quick` takes
//! seconds.
