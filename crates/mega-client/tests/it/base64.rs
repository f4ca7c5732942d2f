//! The wire and the keys have a crate each, and each of these reads MEGA's base64 on its own: they must read the same.

/// Bytes of a text, the same in every run.
fn text(number: u64, len: usize) -> Vec<u8> {
    // Letters and digits, the two pairs of synonyms, padding, and what belongs into no such text.
    const CHARACTERS: &[u8] = b"ABCXYZabcxyz0189-_+/-_+/AQgw== \n.\x00\xff";
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    // Most have nothing strange in them.
    let kinds = if next() % 3 == 0 {
        CHARACTERS.len()
    } else {
        24
    };
    (0..len).map(|_| CHARACTERS[next() % kinds]).collect()
}

#[test]
fn dep_7_both_decoders_read_the_same_texts() {
    let (mut good, mut bad) = (0, 0);
    for number in 0..60_000_u64 {
        let len = [8, 11, 7, 9, 10, 12][usize::try_from(number % 6).unwrap()];
        let text = text(number, len);
        let Ok(text) = std::str::from_utf8(&text) else {
            continue;
        };
        let node = mega_crypto::NodeHandle::from_text(text).map(|handle| handle.to_bytes());
        let wire = text
            .parse()
            .map(|handle: mega_protocol::NodeHandle| handle.to_bytes());
        assert_eq!(node.as_ref().ok(), wire.as_ref().ok(), "{text:?}");
        let user = mega_crypto::UserHandle::from_text(text).map(|handle| handle.to_bytes());
        let wire = text
            .parse()
            .map(|handle: mega_protocol::UserHandle| handle.to_bytes());
        assert_eq!(user.as_ref().ok(), wire.as_ref().ok(), "{text:?}");
        if node.is_ok() || user.is_ok() {
            good += 1;
        } else {
            bad += 1;
        }
    }
    assert!(good > 5_000 && bad > 5_000, "{good} good, {bad} bad");
}
