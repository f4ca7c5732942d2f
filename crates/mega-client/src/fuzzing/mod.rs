//! For the fuzz targets of the repository: checks of what the crate keeps to itself. Each takes any bytes and panics when a promise is broken.

mod bytes;
mod events;
mod sound;
mod trees;

pub use self::events::event_application;
pub use self::trees::tree_builder;
pub use crate::transfer::fuzzed::{download_assembler, upload_machine};

/// Whether opened frames of a tree cache lead to a tree. Panics if it is not sound.
#[must_use]
pub fn cache_frames(input: &[u8]) -> bool {
    crate::cache::check_frames(input)
}

/// Whether the content of a frame of open changes can be read. Panics if it is not read again as it is written.
#[must_use]
pub fn intent_frame(input: &[u8]) -> bool {
    crate::intents::check_frame(input)
}
