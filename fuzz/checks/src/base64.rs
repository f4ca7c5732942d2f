//! MEGA's base64.

use mega_crypto::base64::{self as codec, decode, encode};
use mega_crypto::{NodeHandle, UserHandle};

/// Reading any text, and reading back what was written.
pub fn base64(input: &[u8]) {
    let written = encode(input);
    assert_eq!(written.len(), codec::encoded_len(input.len()));
    assert_eq!(decode(&written).as_deref(), Ok(input));
    assert_eq!(codec::decode_like_sdk(&written), input);

    if let Ok(bytes) = decode(input) {
        // Only surplus bits, padding and synonyms are lost.
        let again = encode(&bytes);
        assert_eq!(decode(&again), Ok(bytes));
        let unpadded = input.strip_suffix(b"=").unwrap_or(input);
        let unpadded = unpadded.strip_suffix(b"=").unwrap_or(unpadded);
        assert_eq!(again.len(), unpadded.len());
    }
    assert_eq!(
        decode(input).ok().is_some_and(|b| b.len() == 6),
        NodeHandle::from_text(input).is_ok()
    );
    if let Ok(user) = UserHandle::from_text(input) {
        assert_eq!(UserHandle::from_text(user.to_text_bytes()), Ok(user));
    }
    if let Some(number) = codec::decode_integer(input) {
        assert_eq!(
            codec::decode_integer(codec::encode_integer(number)),
            Some(number)
        );
    }
    let _ = codec::decode_like_sdk(input);
}
