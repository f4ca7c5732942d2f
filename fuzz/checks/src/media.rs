//! Media data and positions: small fixed fields with a meaning in every bit.

use mega_crypto::FileKey;
use mega_crypto::file_attribute::FileAttributeHandle;
use mega_crypto::media::{MediaCodecs, MediaInfo};
use mega_crypto::position::{Position, UnshareableKey};

use crate::input::Input;

/// The attributes 8 and 9, from any eight bytes and from any values.
pub fn media(input: &[u8]) {
    let mut input = Input(input);
    let Ok(key) = FileKey::from_bytes(input.array()) else {
        return;
    };
    let handle = FileAttributeHandle(input.array());
    let info = MediaInfo::decrypt(handle, &key);
    assert_eq!(info.rounded(), info, "what is stored is stored exactly");
    assert_eq!(
        info.encrypt(&key).handle,
        handle,
        "every bit means something"
    );
    let codecs = MediaCodecs::decrypt(handle, &key);
    let again = MediaCodecs::decrypt(codecs.encrypt(&key).handle, &key);
    assert_eq!(again, codecs);
    assert!(codecs.video < 4096 && codecs.audio < 4096);

    let number = |input: &mut Input<'_>| u32::from_le_bytes(input.array());
    let any = MediaInfo {
        width: number(&mut input),
        height: number(&mut input),
        fps: number(&mut input),
        playtime: number(&mut input),
        short_format: info.short_format,
    };
    let stored = MediaInfo::decrypt(any.encrypt(&key).handle, &key);
    assert_eq!(stored, any.rounded());
    for (stored, given, limit) in [
        (stored.width, any.width, 147_448),
        (stored.height, any.height, 147_448),
        (stored.fps, any.fps, 1_144),
    ] {
        assert!(stored <= given || stored == limit || given < limit);
        assert!(given >= limit || given - stored < 8, "{given} as {stored}");
    }
}

/// Positions, open and hidden.
pub fn positions(input: &[u8]) {
    let mut rest = Input(input);
    let key = UnshareableKey::from_bytes(rest.array());
    let degrees = (
        f64::from_bits(rest.number()) % 91.0,
        f64::from_bits(rest.number()) % 181.0,
    );
    let text = rest.text();
    let read = [
        Position::from_text(&*text),
        key.open_position(&*text),
        Position::from_degrees(degrees.0, degrees.1),
    ];
    for position in read.into_iter().flatten() {
        assert_eq!(Position::from_text(position.to_text()), Ok(position));
        assert_eq!(key.open_position(key.seal(&position)), Ok(position));
        let (latitude, longitude) = (position.latitude(), position.longitude());
        assert!((-90.0..=90.0).contains(&latitude) && (-180.0..180.0).contains(&longitude));
        let again = Position::from_degrees(latitude, longitude).expect("it is on earth");
        // Both round down, so a second time may lose one step.
        assert!((again.latitude() - latitude).abs() <= 180.0 / f64::from(0xff_fffe));
        assert!((again.longitude() - longitude).abs() <= 360.0 / f64::from(0xff_fffe));
    }
    let mut other = *key.expose_secret();
    other[input.len() % 16] ^= 1;
    let position = Position::from_text("AAAAAAAA").expect("zeros");
    assert!(
        UnshareableKey::from_bytes(other)
            .open_position(key.seal(&position))
            .is_err()
    );
}
