use mega_crypto::position::{Position, UnshareableKey};
use mega_crypto::{Error, ErrorKind, MasterKey};
use proptest::prelude::*;

use crate::support::{VECTORS, Vector};

#[test]
pub(crate) fn positions_are_written_and_read_as_known() {
    let vectors = &VECTORS["coordinates"];
    let master = MasterKey::from_bytes(vectors.array("master_key"));
    let stored = vectors.b64("stored_key_b64").try_into().unwrap();
    let key = UnshareableKey::open(&stored, &master);
    assert_eq!(key.expose_secret().to_vec(), vectors.hex("unshareable_key"));
    assert_eq!(key.wrap(&master), stored);
    for case in vectors.list("cases") {
        let degrees = |name: &str| case.f64(name);
        let position = Position::from_degrees(degrees("latitude"), degrees("longitude")).unwrap();
        let (text, gp) = (case.str("l_text"), case.str("gp_b64"));
        assert_eq!(position.to_text(), text);
        let bytes = case.b64("l_text");
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |all, byte| all << 8 | u64::from(*byte))
        };
        assert_eq!(number(&bytes[..3]), case.u64("lat_int"));
        assert_eq!(number(&bytes[3..]), case.u64("lon_int"));
        assert_eq!(Position::from_text(text).unwrap(), position);
        assert_eq!(key.seal(&position), gp);
        assert_eq!(key.open_position(gp).unwrap(), position);
        assert!((position.latitude() - degrees("latitude")).abs() < 180.0 / 16e6);
        let turn = (position.longitude() - degrees("longitude")).rem_euclid(360.0);
        assert!(!(1e-9..=360.0 - 360.0 / 16e6).contains(&turn), "{turn}");
    }
}

#[test]
fn a_position_is_on_earth() {
    for (latitude, longitude) in [
        (90.1, 0.0),
        (-90.1, 0.0),
        (0.0, 180.1),
        (0.0, -180.1),
        (f64::NAN, 0.0),
        (0.0, f64::NAN),
        (f64::INFINITY, 0.0),
    ] {
        let error = Position::from_degrees(latitude, longitude).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
    for text in ["", "AAAAAAA", "AAAAAAAAA", "AAAA*AAA"] {
        assert!(Position::from_text(text).is_err());
    }
    // The last step before a full turn stays one.
    let east = Position::from_degrees(0.0, 180.0_f64.next_down()).unwrap();
    assert!(east.longitude() < 180.0);
}

#[test]
fn another_key_opens_no_position() {
    let position = Position::from_degrees(1.0, 2.0).unwrap();
    let gp = UnshareableKey::from_bytes([1; 16]).seal(&position);
    let other = UnshareableKey::from_bytes([2; 16]);
    assert!(matches!(
        other.open_position(&gp),
        Err(Error::WrongKey { .. })
    ));
    assert!(matches!(
        other.open_position(&gp[1..]),
        Err(Error::Base64 { .. })
    ));
}

proptest! {
    #[test]
    fn what_is_read_is_written_back(bytes in any::<[u8; 6]>()) {
        let text = mega_crypto::base64::encode(&bytes);
        let position = Position::from_text(&text).unwrap();
        prop_assert_eq!(position.to_text(), text);
        prop_assert!((-90.0..=90.0).contains(&position.latitude()));
        prop_assert!((-180.0..180.0).contains(&position.longitude()));
    }
}
