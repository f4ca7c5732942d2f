//! File content, from the outside: known answers and properties.

mod data;
mod known_answers;
mod misuse;
mod plain;
mod properties;
mod streams;
#[path = "../vectors/support.rs"]
#[expect(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

#[test]
fn every_known_answer_is_looked_at() {
    support::assert_all_looked_at(
        "content",
        &[
            known_answers::the_pattern_is_the_known_one,
            known_answers::chunks_lie_where_the_vectors_say,
            known_answers::content_encrypts_to_the_known_ciphertext_and_macs,
            known_answers::offsets_beyond_4_gib_and_64_gib_have_the_known_keystream,
            known_answers::a_stream_agrees_with_a_vector_of_another_client,
            known_answers::chains_with_gaps_are_accepted_only_when_asked_for_and_the_gaps_are_named,
            known_answers::the_extra_empty_chunk_of_another_client_is_recognised,
        ],
    );
}
