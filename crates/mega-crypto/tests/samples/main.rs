//! Fingerprints, file attributes and media data, from the outside.

#[path = "../content/data.rs"]
#[expect(dead_code, reason = "shared with the tests of the content")]
mod data;
mod file_attributes;
mod fingerprints;
#[path = "../vectors/support.rs"]
#[expect(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

#[test]
fn every_known_answer_is_looked_at() {
    support::assert_all_looked_at("samples", &[
        fingerprints::fingerprints_of_all_size_classes_are_the_known_ones_read_anywhere_or_forward,
        fingerprints::fingerprints_agree_with_the_official_test_suite,
        fingerprints::times_are_written_and_read_as_known_from_minus_one_to_the_year_9999,
        fingerprints::damaged_attributes_are_refused_and_surplus_bytes_ignored,
        file_attributes::lists_are_read_and_written_as_known,
        file_attributes::images_encrypt_to_the_known_bytes_and_back,
        file_attributes::the_xxtea_of_this_test_is_the_official_clients,
        file_attributes::media_data_encrypts_to_the_known_text_and_back,
    ]);
}
