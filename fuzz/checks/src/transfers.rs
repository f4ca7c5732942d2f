//! Transfers against a service in memory that fails as the input says.

use tokio::runtime::Builder;

/// A file fetched whole or in six parts: the size, then a byte for each request. What arrives is the content or an error, in bounded time.
pub fn download_assembler(input: &[u8]) {
    run(mega_client::fuzzing::download_assembler(input));
}

/// A content on its way to a storage host: the size, then a byte for each request. It is complete under the address of its token or fails, in
/// bounded time.
pub fn upload_machine(input: &[u8]) {
    run(mega_client::fuzzing::upload_machine(input));
}

/// In virtual time: waiting takes none.
fn run(check: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(check);
}
