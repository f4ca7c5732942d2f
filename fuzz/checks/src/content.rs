//! The content cipher and the MACs, fed in pieces of any size.

use mega_crypto::content::{
    CondensedMac, ContentCipher, ContentKey, ContentVerifier, MacMatch, MacPolicy, StreamDecryptor,
    StreamEncryptor, WindowStream,
};

use crate::input::Input;

/// Every way through a content gives the same ciphertext and the same MAC, and a flipped bit is found.
pub fn content(input: &[u8]) {
    let mut input = Input(input);
    let key = ContentKey::new(input.array(), input.array());
    let cipher = ContentCipher::new(&key);
    let mut random = input.number();
    // Sizes around the first chunk borders without inputs of their size: the rest is repeated.
    let size = usize::try_from(input.number() % (300 << 10)).expect("small");
    let pattern = if input.0.is_empty() { b"\0" } else { input.0 };
    let plaintext: Vec<u8> = pattern.iter().copied().cycle().take(size).collect();
    let mut piece = move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        1 + usize::try_from((random >> 33) % 70_000).expect("small")
    };

    let mut whole = plaintext.clone();
    let macs = cipher
        .encrypt_chunks(0, &mut whole)
        .expect("0 is a chunk border");
    let mut all = CondensedMac::new();
    all.insert_all(&macs).expect("enough memory");
    let meta = all
        .finish(&cipher, size as u64)
        .expect("every chunk is there");

    let mut streamed = plaintext.clone();
    let mut encryptor = StreamEncryptor::new(cipher.clone());
    let mut rest = &mut streamed[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at_mut(piece().min(rest.len()));
        encryptor.update(now).expect("enough memory");
        rest = later;
    }
    let end = encryptor.finish().expect("enough memory");
    assert!(
        streamed == whole,
        "the ciphertext does not depend on the pieces"
    );
    assert_eq!((end.size, end.meta_mac), (size as u64, meta));

    let mut windows = WindowStream::encrypt(cipher.clone()).max_len(piece());
    let mut ciphertext = Vec::new();
    let mut collected = CondensedMac::new();
    let mut rest = &plaintext[..];
    while !rest.is_empty() {
        let taken = windows.push(&rest[..piece().min(rest.len())]);
        rest = &rest[taken..];
        if let Some(window) = windows.take_filled() {
            collected.insert_all(&window.macs).expect("enough memory");
            ciphertext.extend_from_slice(&window.data);
        }
    }
    if let Some(window) = windows.take_last() {
        collected.insert_all(&window.macs).expect("enough memory");
        ciphertext.extend_from_slice(&window.data);
    }
    assert!(ciphertext == whole);
    assert_eq!(collected.finish(&cipher, size as u64), Ok(meta));

    let mut decryptor = StreamDecryptor::new(cipher.clone());
    let mut verifier = ContentVerifier::new(&key, size as u64);
    let mut rest = &mut ciphertext[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at_mut(piece().min(rest.len()));
        decryptor.update(now).expect("enough memory");
        verifier.update(now).expect("the size is right");
        rest = later;
    }
    let exact = |found: &MacMatch| matches!(found, MacMatch::Exact | MacMatch::Empty(_));
    assert!(
        decryptor
            .finish(&meta, MacPolicy::Strict)
            .is_ok_and(|found| exact(&found))
    );
    assert!(
        verifier
            .finish(&meta, MacPolicy::Strict)
            .is_ok_and(|found| exact(&found))
    );
    assert!(ciphertext == plaintext, "decrypting undoes encrypting");

    if size > 0 {
        let at = piece() % size;
        whole[at] ^= 1;
        let mut decryptor = StreamDecryptor::new(cipher);
        decryptor.update(&mut whole).expect("enough memory");
        assert!(
            decryptor.finish(&meta, MacPolicy::Strict).is_err(),
            "a flipped bit at {at}"
        );
    }
}
