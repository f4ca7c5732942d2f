//! Node attributes, plain and encrypted.

use mega_crypto::AttributeKey;
use mega_crypto::attributes::{Attributes, Members, decrypt_in_place, encrypt};

use crate::input::Input;

/// The JSON text: reading, writing and changing it.
pub fn attributes_plain(json: &[u8]) {
    let members = Members::new(json).count();
    assert!(members <= json.len() + 1, "reading comes to an end");
    let Ok(read) = Attributes::parse(json) else {
        return;
    };
    assert_eq!(read.len(), members);
    let written = read.to_json();
    assert_eq!(
        Attributes::parse(&written).as_ref(),
        Ok(&read),
        "what was written reads back"
    );

    // Everything that reads a meaning into a value.
    let _ = (
        read.name(),
        read.name_bytes(),
        read.fingerprint(),
        read.original_fingerprint(),
    );
    let _ = (
        read.legacy_mtime(),
        read.restore_to(),
        read.label(),
        read.description(),
    );
    let _ = (
        read.tags(),
        read.duration(),
        read.thumbnails_refused_to(),
        read.favourite(),
    );

    // Changing one attribute leaves the others as they were, byte for byte (NOD-7).
    let mut changed = read.clone();
    changed.set_name("new \"name\"").expect("not empty");
    assert_eq!(changed.name().as_deref(), Some("new \"name\""));
    let others = |of: &Attributes| -> Vec<(Vec<u8>, Vec<u8>)> {
        of.iter()
            .filter(|(name, _)| !name.is("n"))
            .map(|(name, value)| (name.as_written().to_vec(), value.as_written().to_vec()))
            .collect()
    };
    assert_eq!(others(&changed), others(&read));
    let reread = Attributes::parse(&changed.to_json()).expect("its own text");
    assert_eq!(reread, changed);
    changed.remove("n");
    assert_eq!(others(&changed), others(&read));
    assert!(changed.get("n").is_none());
}

/// The encrypted field: the key in the first 16 bytes, then once a ciphertext, once a plaintext.
pub fn attributes_cipher(input: &[u8]) {
    let mut input = Input(input);
    let key = AttributeKey::from_bytes(input.array());
    let field = input.0;

    if let Ok(read) = Attributes::decrypt(&key, field)
        && let Ok(again) = read.encrypt(&key)
    {
        assert_eq!(Attributes::decrypt(&key, &again), Ok(read));
    }
    let _ = Attributes::decrypt_text(&key, &input.text());

    let Ok(mut sealed) = encrypt(&key, field) else {
        return;
    };
    assert_eq!(sealed.len() % 16, 0);
    let opened = decrypt_in_place(&key, &mut sealed);
    if field.starts_with(b"{\"") {
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        assert_eq!(opened, Ok(text), "its own ciphertext");
    } else {
        assert!(opened.is_err(), "only an object counts as opened");
    }
}
