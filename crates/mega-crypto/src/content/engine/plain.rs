//! The engine against the definition: block by block and lane by lane, nothing side by side.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The key stream and the chains as crypto-and-accounts 6.1 and 6.3 define them.
fn plainly(
    engine: &Engine,
    direction: Option<Direction>,
    first_block: u64,
    data: &mut [u8],
    lanes: &mut [Lane],
) {
    for lane in lanes {
        let blocks = data[lane.start..lane.start + lane.len]
            .as_chunks_mut::<16>()
            .0;
        for (number, block) in (lane.start / 16..).zip(blocks) {
            let stream = engine.keystream_block(first_block.wrapping_add(number as u64));
            if direction == Some(Direction::Decrypt) {
                xor(block, &stream);
            }
            xor(&mut lane.state, block);
            lane.state = engine.block(lane.state);
            if direction == Some(Direction::Encrypt) {
                xor(block, &stream);
            }
        }
    }
}

/// Lanes of these lengths in blocks with gaps of these before them, and a buffer that ends some bytes after the last.
fn laid_out(plan: &[(usize, usize)], tail: usize) -> (Vec<u8>, Vec<Lane>) {
    let mut start = 0;
    let mut lanes = Vec::new();
    for ((gap, blocks), byte) in plan.iter().zip(1..) {
        start += gap * 16;
        let len = blocks * 16;
        let state = [byte; 16];
        lanes.push(Lane { start, len, state });
        start += len;
    }
    let data = (0..start + tail).map(|i| ((i * 31) >> 3) as u8).collect();
    (data, lanes)
}

fn states(lanes: &[Lane]) -> Vec<[u8; 16]> {
    lanes.iter().map(|lane| lane.state).collect()
}

fn agrees(
    engine: &Engine,
    first_block: u64,
    data: &[u8],
    lanes: &[Lane],
) -> Result<(), TestCaseError> {
    for direction in [Direction::Encrypt, Direction::Decrypt] {
        let (mut found, mut expected) = (
            (data.to_vec(), lanes.to_vec()),
            (data.to_vec(), lanes.to_vec()),
        );
        engine.crypt(direction, first_block, &mut found.0, &mut found.1);
        plainly(
            engine,
            Some(direction),
            first_block,
            &mut expected.0,
            &mut expected.1,
        );
        // What lies between and behind the lanes stays as it was.
        prop_assert!(found.0 == expected.0, "{direction:?}: the data differ");
        prop_assert_eq!(states(&found.1), states(&expected.1), "{:?}", direction);
    }
    let (mut found, mut expected) = (lanes.to_vec(), lanes.to_vec());
    engine.mac(data, &mut found);
    plainly(engine, None, first_block, &mut data.to_vec(), &mut expected);
    prop_assert_eq!(states(&found), states(&expected));
    Ok(())
}

fn engine(key: &ContentKey, width: Option<usize>) -> Engine {
    let mut engine = Engine::new(key);
    #[cfg(feature = "accelerated")]
    engine.set_portable();
    if let Some(width) = width {
        engine.set_width(width);
    }
    engine
}

/// Numbers of blocks around every border: of batches, tiles, four billion, and the end of 64 bits.
fn first_blocks() -> impl Strategy<Value = u64> {
    let near = |border: u64| (0u64..130).prop_map(move |d| border.wrapping_add(d).wrapping_sub(65));
    prop_oneof![near(0), near(64), near(1 << 32), any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// More lanes than may run side by side, of any length, empty ones among them.
    #[test]
    fn any_lanes_at_any_width_are_what_each_is_alone(
        aes: [u8; 16],
        nonce: [u8; 8],
        first_block in first_blocks(),
        plan in prop::collection::vec((0usize..3, prop_oneof![0usize..10, 0usize..300]), 0..40),
        tail in 0usize..40,
        width in prop::option::of(0usize..20),
    ) {
        let (data, lanes) = laid_out(&plan, tail);
        agrees(&engine(&ContentKey::new(aes, nonce), width), first_block, &data, &lanes)?;
    }

    /// Counter mode alone, also for what is less than a block at the end.
    #[test]
    fn a_key_stream_is_one_block_after_the_other(
        aes: [u8; 16],
        nonce: [u8; 8],
        first_block in first_blocks(),
        len in prop_oneof![0usize..200, 0usize..5000],
    ) {
        let engine = engine(&ContentKey::new(aes, nonce), None);
        let mut found = vec_of(len);
        engine.keystream(first_block, &mut found);
        let mut expected = vec_of(len);
        for (number, piece) in (0u64..).zip(expected.chunks_mut(16)) {
            xor(piece, &engine.keystream_block(first_block.wrapping_add(number)));
        }
        prop_assert_eq!(found, expected);
    }
}

fn vec_of(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7) as u8).collect()
}

/// Each width that there is code for, with lanes to fill it, one too many, and steps for whole tiles and a rest.
#[test]
fn every_width_is_filled_and_overfull() {
    let key = ContentKey::new([3; 16], [5; 8]);
    for width in 1..=16 {
        for count in [width, width + 1, 2 * width + 1] {
            for blocks in [1, 7, 64, 65, 257] {
                let plan: Vec<_> = (0..count)
                    .map(|lane| (lane % 2, blocks + lane % 3))
                    .collect();
                let (data, lanes) = laid_out(&plan, 5);
                agrees(&engine(&key, Some(width)), u64::MAX - 100, &data, &lanes).unwrap();
            }
        }
    }
}

/// Batch after batch, from borders of batches on and from beside them, across the end of 64 bits too.
#[test]
fn a_long_key_stream_is_one_block_after_the_other() {
    let engine = engine(&ContentKey::new([3; 16], [5; 8]), None);
    for first_block in [0, 64, 65, (1 << 32) - 640, u64::MAX - 639] {
        let mut found = vec_of(1300 * 16);
        engine.keystream(first_block, &mut found);
        let mut expected = vec_of(1300 * 16);
        for (number, piece) in (0u64..).zip(expected.chunks_mut(16)) {
            xor(
                piece,
                &engine.keystream_block(first_block.wrapping_add(number)),
            );
        }
        assert!(found == expected, "from {first_block}");
    }
}

/// No backend is asked for more than it has code for: at most 4, 8 or 16 chains, and as many steps as the shortest has.
#[test]
fn chains_run_at_the_least_width_that_holds_them() {
    for (count, width) in (1..=16).zip([1, 2, 3, 4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16]) {
        let plan: Vec<_> = (0..count).map(|lane| (0, 200 + lane)).collect();
        let (_, mut lanes) = laid_out(&plan, 0);
        let mut schedule = schedule::Schedule::new(&mut lanes, count);
        assert_eq!(schedule.next(), Some((width, 200)), "{count}");
        assert_eq!(schedule.running(), count);
    }
}
