/// The operating system's random generator, for everything in this crate that takes one.
///
/// ```
/// let key = mega_crypto::MasterKey::random(&mut mega_crypto::os_rng());
/// # drop(key);
/// ```
///
/// # Panics
///
/// Drawing from it panics when the operating system has no randomness to give. That does not happen
/// on a running desktop, server or phone; a program that wants to handle it brings its own
/// generator.
pub fn os_rng() -> OsRng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// The generator that [`os_rng`] gives.
pub type OsRng = rand_core::UnwrapErr<getrandom::SysRng>;
