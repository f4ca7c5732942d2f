//! Private user attributes: records and their containers.

use mega_crypto::MasterKey;
use mega_crypto::tlv::{Mode, Records, decrypt, encrypt_with, open};

use crate::input::Input;

/// The records themselves.
pub fn tlv_records(plain: &[u8]) {
    let Ok(records) = Records::parse(plain) else {
        return;
    };
    assert!(records.len() <= plain.len());
    for (name, value) in records.iter() {
        assert_eq!(records.get(name), Some(value));
        assert!(!name.contains(&0));
    }
    if let Ok(written) = records.to_bytes() {
        assert!(Records::parse(&written).is_ok_and(|again| again == records));
    }
}

/// The container: the key in the first 16 bytes, then once a container, once a plaintext for each mode.
pub fn tlv_container(input: &[u8]) {
    let mut input = Input(input);
    let key = MasterKey::from_bytes(input.array());
    let _ = open(input.0, &key);
    if let Ok(plain) = decrypt(input.0, &key) {
        let mode = Mode::from_number(input.0[0]).expect("what opens has a mode");
        let iv = &input.0[1..=mode.iv_len()];
        let again = encrypt_with(&plain, &key, mode, iv).expect("it was a container");
        assert_eq!(
            again, input.0,
            "no other container has this text, mode and IV"
        );
    }
    let iv: [u8; 12] = input.array();
    for mode in Mode::ALL {
        let Ok(mut sealed) = encrypt_with(input.0, &key, mode, &iv[..mode.iv_len()]) else {
            // A short counter ends a CCM text at 64 KiB.
            assert!(input.0.len() > 0xffff);
            continue;
        };
        assert!(decrypt(&sealed, &key).is_ok_and(|plain| plain[..] == *input.0));
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        assert!(decrypt(&sealed, &key).is_err(), "a changed tag");
    }
}
