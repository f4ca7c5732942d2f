//! Known answers from `vectors.json`. Where they come from is written in that file and in the
//! protocol notes (crypto-and-accounts 11).

mod attributes;
mod encoding;
mod links;
mod logins;
mod node_keys;
mod passwords;
mod rsa;
#[expect(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

/// All that is in the file belongs to one of the test programs.
#[test]
fn every_member_has_a_test_program_that_looks_at_it() {
    let all = support::VECTORS.as_object().unwrap();
    let suites = "from_public_test_suites";
    let own = all
        .keys()
        .filter(|name| *name != suites)
        .map(|name| format!("/{name}"));
    let foreign = all[suites].as_object().unwrap().keys();
    let foreign = foreign.map(|name| format!("/{suites}/{name}"));
    // What is said about the file itself.
    let about = ["/format", "/set", "/conventions"];
    let mut members: Vec<String> = own
        .chain(foreign)
        .filter(|name| !about.contains(&&**name))
        .collect();
    let mut named: Vec<&str> = support::MEMBERS.iter().map(|(_, member)| *member).collect();
    members.sort_unstable();
    named.sort_unstable();
    assert_eq!(members, named);
    assert_eq!(all["format"], "mega-protocol-vectors/1");
}

#[test]
fn every_known_answer_is_looked_at() {
    support::assert_all_looked_at("vectors", &[
        encoding::base64_text_is_written_and_read_back,
        encoding::the_tolerant_decoder_agrees_with_the_official_one,
        encoding::base64_integers_are_written_and_read_back,
        encoding::handles_are_written_and_read_back,
        encoding::integers_are_written_with_both_headers,
        encoding::sequences_of_integers_are_read_or_refused,
        encoding::words_are_big_endian,
        attributes::attribute_fields_are_encrypted,
        attributes::attribute_fields_are_read_and_written_back_unchanged,
        attributes::attributes_set_one_by_one_come_in_the_official_order,
        attributes::attribute_fields_are_decrypted_or_refused,
        attributes::attributes_that_confuse_the_official_reader_are_read_right,
        links::links_of_every_form_are_read,
        links::password_links_open_with_their_password_only,
        links::password_link_derivation_of_a_public_test_suite_is_the_same_function,
        links::stored_sessions_are_read_and_written_back,
        logins::temporary_session_ids_prove_the_master_key,
        logins::encrypted_session_ids_are_opened_or_refused,
        logins::the_proof_of_a_new_account,
        node_keys::file_keys_fold_into_their_parts,
        node_keys::file_keys_are_put_together_from_their_parts,
        node_keys::key_strings_open_as_the_official_client_opens_them,
        node_keys::own_share_keys_open_only_with_their_proof,
        node_keys::keys_are_handed_to_shares,
        passwords::version_1_password_keys,
        passwords::version_1_passwords_are_packed_as_utf16,
        passwords::version_1_password_keys_of_a_public_test_suite,
        passwords::version_1_user_hashes,
        passwords::version_1_user_hashes_of_a_public_test_suite,
        passwords::version_2_derivation,
        rsa::private_keys_are_opened_and_written_again,
        rsa::public_keys_keep_the_layout_that_signatures_cover,
        rsa::damaged_private_keys_are_refused_also_where_the_official_client_is_not_strict_enough,
        rsa::a_key_with_another_d_opens_no_session_of_the_account,
        rsa::rsa_10_wrapped_node_keys_are_opened_leading_zeros_included,
        rsa::encrypted_session_ids_decrypt_to_the_plaintext,
    ]);
}
