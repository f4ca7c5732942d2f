//! Fingerprints.

use mega_crypto::fingerprint::{Crc, CrcBuilder, Fingerprint, Serialize64, decode_u64};

use crate::input::Input;

/// Reading the attribute `c` and the form applications see; sampling a content in pieces.
pub fn fingerprint(input: &[u8]) {
    let mut rest = Input(input);
    let size = rest.number();
    let text = rest.text();
    for read in [
        Fingerprint::from_attribute(&text, size),
        Fingerprint::from_application_text(&text),
    ] {
        let Ok(read) = read else { continue };
        let attribute = read.to_attribute();
        assert_eq!(
            Fingerprint::from_attribute(&attribute, read.size()),
            Ok(read)
        );
        assert_eq!(
            Fingerprint::from_application_text(&read.to_application_text()),
            Ok(read)
        );
        assert!(read.matches(&read));
    }
    assert_eq!(
        decode_u64(Serialize64::unsigned(size).as_bytes()),
        Ok((size, &[][..]))
    );
    if let Ok((number, rest)) = decode_u64(input) {
        assert!(rest.len() < input.len());
        assert!(Serialize64::unsigned(number).as_bytes().len() <= input.len() - rest.len());
    }

    // The samples are the same however the content comes.
    let mut pieces = CrcBuilder::new(input.len() as u64);
    let cut = input.len().min(usize::from(size as u16));
    pieces.update(&input[..cut]);
    pieces.update(&input[cut..]);
    assert_eq!(pieces.finish().ok(), Some(Crc::of(input)));
}
