//! Our own counter mode and base64, held against the crates that everybody uses for them.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ctr::Ctr64BE;
use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use mega_crypto::content::{ContentCipher, ContentKey};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_keystream_at_any_offset_is_that_of_the_ctr_crate(
        aes in any::<[u8; 16]>(),
        nonce in any::<[u8; 8]>(),
        offset in 0_u64..1 << 40,
        len in 0_usize..5000,
    ) {
        let mut ours = vec![0; len];
        ContentCipher::new(&ContentKey::new(aes, nonce)).apply_keystream(offset, &mut ours);
        let mut block = [0; 16];
        block[..8].copy_from_slice(&nonce);
        let mut oracle = Ctr64BE::<Aes128>::new(&aes.into(), &block.into());
        oracle.seek(offset);
        let mut theirs = vec![0; len];
        oracle.apply_keystream(&mut theirs);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn base64_is_that_of_the_base64_crate(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = URL_SAFE_NO_PAD.encode(&bytes);
        prop_assert_eq!(&mega_crypto::base64::encode(&bytes), &text);
        prop_assert_eq!(mega_crypto::base64::decode(&text), Ok(bytes));
    }
}
