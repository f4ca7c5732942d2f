//! What no program decides: randomness, the time of day, and threads for what takes long.
//!
//! Randomness comes from the operating system and from nowhere else (threat model, SEC-9). Only with the feature `simulation`, which nothing but the
//! simulation of the repository turns on, there is a second source; it has to be switched on by name for one thread, and in a build without
//! the feature its code does not exist.

#[cfg(feature = "simulation")]
pub(crate) mod seeded;

use std::time::SystemTime;

use mega_crypto::rand_core::CryptoRng;
use tokio::task::JoinHandle;

/// The generator for keys, nonces and salts.
pub(crate) fn rng() -> impl CryptoRng {
    #[cfg(feature = "simulation")]
    return seeded::Generator;
    #[cfg(not(feature = "simulation"))]
    return mega_crypto::os_rng();
}

/// The same, for those who can go on without it.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "simulation")]
    if seeded::fill(bytes) {
        return Ok(());
    }
    getrandom::fill(bytes)
}

/// The time of day.
pub(crate) fn time_of_day() -> SystemTime {
    #[cfg(feature = "simulation")]
    if let Some(time) = seeded::time_of_day() {
        return time;
    }
    SystemTime::now()
}

/// Runs something that takes long, or waits for a disk, on a thread where that is allowed. It goes on when the handle is dropped.
pub(crate) fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    #[cfg(feature = "simulation")]
    let work = match seeded::spawn(work) {
        Ok(handle) => return handle,
        Err(work) => work,
    };
    tokio::task::spawn_blocking(work)
}
