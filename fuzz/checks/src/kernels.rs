//! The accelerated engine against the safe one, and every way of cutting a content against every other.

use mega_crypto::content::{ContentCipher, ContentKey, PartialChunkMac, chunk_at, chunk_offset};

use crate::input::Input;

/// Some whole chunks from anywhere in a file, through both engines and through one chain alone; and a
/// range that starts and ends inside blocks.
pub fn kernels(input: &[u8]) {
    let mut input = Input(input);
    let key = ContentKey::new(input.array(), input.array());
    let fast = ContentCipher::new(&key);
    let safe = fast.clone().portable();
    let [width, exponent, shift, skip, ..]: [u8; 8] = input.array();
    let narrow = fast.clone().chains(1 + usize::from(width % 16));
    // Small sizes are as likely as large ones, up to the middle of the fifth chunk.
    let size = usize::try_from(input.number() % (1 << (exponent % 22))).expect("small");
    // Chunk borders up to the last for which the whole buffer has an offset.
    let border = chunk_offset(input.number() % (1 << 43)).expect("2^43 MiB have offsets");
    let pattern = if input.0.is_empty() { b"\0" } else { input.0 };
    // Memory that starts anywhere.
    let shift = usize::from(shift % 64);
    let plain: Vec<u8> = pattern.iter().copied().cycle().take(size + shift).collect();
    let plain = plain.as_slice();

    let mut expected = plain.to_vec();
    let macs = safe
        .encrypt_chunks(border, &mut expected[shift..])
        .expect("a border");
    assert_eq!(plain[..shift], expected[..shift]);
    for cipher in [&fast, &narrow] {
        let mut data = plain.to_vec();
        let found = cipher
            .encrypt_chunks(border, &mut data[shift..])
            .expect("a border");
        assert!(data == expected, "ciphertext");
        assert_eq!(found, macs);
        assert_eq!(cipher.mac_chunks(border, &plain[shift..]), Ok(macs.clone()));
        let found = cipher
            .decrypt_chunks(border, &mut data[shift..])
            .expect("a border");
        assert!(data == plain, "decrypting undoes encrypting");
        assert_eq!(found, macs);
    }

    // A range, anywhere: what counter mode makes of it depends on where it lies only.
    let from = usize::from(skip).min(size);
    let to = size - usize::from(width).min(size - from);
    for cipher in [&fast, &safe] {
        let mut range = plain[shift + from..shift + to].to_vec();
        cipher.apply_keystream(border + from as u64, &mut range);
        assert!(range == expected[shift + from..shift + to], "a range");
    }

    // The last chunk, in pieces.
    if let Some((index, mac)) = macs.iter().last() {
        let start = chunk_offset(index).expect("it was encrypted");
        assert_eq!(chunk_at(start).index, index);
        let chunk = &plain[shift + usize::try_from(start - border).expect("inside")..];
        for cipher in [&fast, &safe] {
            let mut partial = PartialChunkMac::new(cipher);
            let mut pieces = chunk;
            let mut len = 1 + usize::from(skip);
            while !pieces.is_empty() {
                let (now, later) = pieces.split_at(len.min(pieces.len()));
                partial.update(cipher, now);
                if let Some(state) = partial.state() {
                    partial = PartialChunkMac::resume(state);
                }
                pieces = later;
                len = len * 3 + 1;
            }
            assert_eq!(partial.finish(cipher), mac);
        }
    }
}
