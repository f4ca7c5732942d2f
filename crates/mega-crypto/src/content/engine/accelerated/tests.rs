//! How much of the work is done here and how much is left, and that nothing is touched that was not handed over.

use std::vec;
use std::vec::Vec;

use super::*;

/// One for each kind of instructions this processor has.
fn all() -> Vec<Accelerated> {
    let with = |kind| Accelerated::with_kind(kind, &[7; 16]).unwrap();
    Accelerated::kinds().into_iter().map(with).collect()
}

fn slots(places: &[usize]) -> Vec<Slot> {
    let slot = |at: &usize| {
        let mut slot = Slot::default();
        slot.at = *at;
        slot
    };
    places.iter().map(slot).collect()
}

#[test]
fn whole_batches_of_key_stream_are_made_and_the_rest_is_left() {
    for fast in all() {
        let mut blocks = [[0; 16]; 69];
        assert_eq!(fast.keystream([1; 8], 0, &mut blocks), 64);
        let (made, left) = blocks.split_at(64);
        assert!(made.iter().all(|block| *block != [0; 16]));
        assert!(left.iter().all(|block| *block == [0; 16]));
    }
}

#[test]
fn parts_inside_the_buffer_are_done_to_their_end() {
    for fast in all() {
        for mode in [Mode::Encrypt, Mode::Decrypt] {
            let (mut blocks, mut slots) = ([[0; 16]; 24], slots(&[0, 8, 16]));
            let done = fast.crypt(mode, [1; 8], 0, &mut blocks, &mut slots, 8);
            assert_eq!(done, 8, "{mode:?}");
            assert!(blocks.iter().all(|block| *block != [0; 16]));
        }
        let mut slots = slots(&[0, 8, 16]);
        assert_eq!(fast.mac(&[[0; 16]; 24], &mut slots, 8), 8);
        assert!(slots.iter().all(|slot| slot.state != [0; 16]));
    }
}

#[test]
fn parts_that_leave_the_buffer_are_not_begun() {
    for fast in all() {
        for (places, steps) in [
            (vec![0, 17], 8),
            (vec![17, 0], 8),
            (vec![], 8),
            (vec![0; MAX_WIDTH + 1], 8),
        ] {
            let mut blocks = [[0; 16]; 32];
            let mut slots = slots(&places);
            for mode in [Mode::Encrypt, Mode::Decrypt] {
                let done = fast.crypt(mode, [1; 8], 0, &mut blocks[..24], &mut slots, steps);
                assert_eq!(done, 0, "{places:?}");
            }
            assert_eq!(fast.mac(&blocks[..24], &mut slots, steps), 0);
            assert_eq!(blocks, [[0; 16]; 32]);
            assert!(slots.iter().all(|slot| slot.state == [0; 16]));
        }
    }
}

#[test]
fn chains_alone_are_as_many_as_with_counter_mode_or_more() {
    for fast in all() {
        let (with, alone) = (fast.width(Mode::Encrypt), fast.width(Mode::Mac));
        assert_eq!(fast.width(Mode::Decrypt), with);
        assert!((2..=alone).contains(&with) && alone <= MAX_WIDTH);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn short_chains_are_decrypted_where_the_instructions_are() {
    let has = std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("sse4.1");
    assert_eq!(decrypt_cbc(&mut []), has);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn base64_is_decoded_from_32_characters_on_if_there_is_room() {
    if !std::is_x86_feature_detected!("avx2") {
        return;
    }
    // Characters, room, and how many are decoded.
    for (len, room, expected) in [
        (31, 90, 0),
        (32, 24, 32),
        (32, 23, 0),
        (35, 24, 32),
        (64, 48, 64),
        (64, 47, 0),
        (64, 90, 64),
        (65, 48, 64),
    ] {
        let mut bytes = [0xee; 90];
        let text = vec![b'_'; len];
        let done = decode_base64(&text, &mut bytes[..room]);
        assert_eq!(done, Some(expected), "{len} characters, {room} bytes");
        let (decoded, rest) = bytes.split_at(expected / 4 * 3);
        assert!(decoded.iter().all(|byte| *byte == 0xff));
        assert!(rest.iter().all(|byte| *byte == 0xee));
    }
    assert_eq!(decode_base64(&[b'?'; 32], &mut [0; 24]), None);
}
