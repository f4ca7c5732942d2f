//! The tree cache of the client.

/// The frames of a cache, as one who knows the key could write them: each a byte for its kind, its length, its content.
///
/// They lead to no tree, or to one in which every walk ends and every handle is found; and what is written of that is the same tree again.
pub fn cache_frames(input: &[u8]) {
    let _is_tree = mega_client::fuzzing::cache_frames(input);
}

#[cfg(test)]
mod tests {
    use mega_client::fuzzing::cache_frames;

    #[test]
    fn kept_inputs_are_trees_but_for_the_one_that_runs_in_a_circle() {
        assert!(cache_frames(include_bytes!(
            "../../corpus/cache_frames/small_tree"
        )));
        assert!(cache_frames(include_bytes!(
            "../../corpus/cache_frames/changed_since"
        )));
        assert!(cache_frames(include_bytes!(
            "../../corpus/cache_frames/orphan_share"
        )));
        assert!(!cache_frames(include_bytes!(
            "../../corpus/cache_frames/cycle"
        )));
    }
}
