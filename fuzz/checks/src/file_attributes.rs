//! Thumbnails and previews.

use mega_crypto::file_attribute::{
    FileAttributes, decrypt_image, encrypt_image, fetched_attributes,
};
use mega_crypto::{AttributeKey, FolderKey};

use crate::input::Input;

/// The list `fa`, the answer of a cluster, and the images themselves.
pub fn file_attributes(input: &[u8]) {
    let text = Input(input).text();
    let list = FileAttributes::parse(&text);
    let printed = list.to_string();
    let again = FileAttributes::parse(&printed);
    assert_eq!(again.entries(), list.entries());
    assert!(again.skipped() == 0);
    let _ = list.to_written();

    let mut total = 0;
    for record in fetched_attributes(input).flatten() {
        assert_eq!(record.ciphertext.len() % 16, 0);
        total += 12 + record.ciphertext.len();
    }
    assert!(total <= input.len());

    let key = key();
    let _ = decrypt_image(&key, input);
    if let Ok(ciphertext) = encrypt_image(&key, input) {
        let image = decrypt_image(&key, &ciphertext).expect("its own ciphertext");
        assert!(image.starts_with(input) && image[input.len()..].iter().all(|byte| *byte == 0));
    }
}

fn key() -> AttributeKey {
    FolderKey::from_bytes([7; 16])
        .expect("not all zero")
        .attribute_key()
}
