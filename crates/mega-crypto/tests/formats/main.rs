//! Links, proofs of work, two-factor codes, user attributes, account keys, positions: known answers
//! and properties.

#[path = "../vectors/support.rs"]
#[expect(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

mod account_keys;
mod hashcash;
mod independent;
mod links;
mod position;
mod tlv;
mod totp;

#[test]
fn every_known_answer_is_looked_at() {
    support::assert_all_looked_at(
        "formats",
        &[
            hashcash::the_known_challenge_is_solved_as_known,
            hashcash::a_proof_is_a_hash_of_the_whole_message,
            hashcash::challenges_of_the_official_tests_are_understood,
            tlv::containers_of_every_mode_open_and_are_made_as_known,
            tlv::containers_of_the_web_clients_tests_open,
            tlv::the_cipher_of_today_is_the_official_clients,
            tlv::bytes_that_became_utf8_are_turned_back,
            position::positions_are_written_and_read_as_known,
            account_keys::attribute::the_known_attribute_is_read_in_full,
            account_keys::attribute::the_container_of_the_known_attribute_is_made_as_written_down,
            account_keys::attribute::long_values_in_a_list_are_read_and_written_as_known,
            account_keys::signatures::key_signatures_are_made_and_verified_as_known,
            account_keys::signatures::rsa_public_keys_are_signed_as_they_are_laid_out,
            account_keys::signatures::two_accounts_share_a_pairwise_key,
        ],
    );
}
