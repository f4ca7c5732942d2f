//! What the client keeps on disk of an account: its tree, and the changes that are under way.

/// The frames of a cache, as one who knows the key could write them: each a byte for its kind, its length, its content.
///
/// They lead to no tree, or to one in which every walk ends and every handle is found; and what is written of that is the same tree again.
pub fn cache_frames(input: &[u8]) {
    let _is_tree = mega_client::fuzzing::cache_frames(input);
}

/// One frame of the list of open changes, as one who knows the key could write it: a byte for its kind, its content.
///
/// What is read of it is read again when it is written.
pub fn intent_frames(input: &[u8]) {
    let _is_frame = mega_client::fuzzing::intent_frame(input);
}

#[cfg(test)]
mod tests {
    use mega_client::fuzzing::{cache_frames, intent_frame};

    #[test]
    fn kept_inputs_are_lists_of_changes_but_for_the_one_that_says_more_than_it_has() {
        assert!(intent_frame(include_bytes!(
            "../../corpus/intent_frames/every_proof"
        )));
        assert!(intent_frame(include_bytes!(
            "../../corpus/intent_frames/over"
        )));
        assert!(!intent_frame(include_bytes!(
            "../../corpus/intent_frames/too_many"
        )));
    }

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
