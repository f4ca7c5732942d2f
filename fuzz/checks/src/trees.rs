//! The local copy of an account's nodes.

/// Nodes of any kind in any order: loaded at once and one by one they give the same sound tree.
pub fn tree_builder(input: &[u8]) {
    mega_client::fuzzing::tree_builder(input);
}

/// What an event channel may say, of an honest service against a model, and of another one.
pub fn event_application(input: &[u8]) {
    mega_client::fuzzing::event_application(input);
}
