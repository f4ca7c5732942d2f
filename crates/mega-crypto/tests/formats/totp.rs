use mega_crypto::ErrorKind;
use mega_crypto::totp::{STEP, TotpSecret};
use proptest::prelude::*;

/// "12345678901234567890" in base32.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn codes_are_those_of_rfc_6238() {
    let secret = TotpSecret::from_base32(SECRET).unwrap();
    // Appendix B, SHA-1; of its eight digits the last six.
    for (time, code) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        assert_eq!(*secret.code_at(time), code[2..], "{time}");
    }
}

#[test]
fn codes_are_those_of_rfc_4226() {
    let secret = TotpSecret::from_base32(SECRET).unwrap();
    let codes = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    for (step, code) in codes.into_iter().enumerate() {
        assert_eq!(*secret.code_of_step(step as u64), code);
    }
}

#[test]
fn a_code_lasts_thirty_seconds() {
    let secret = TotpSecret::from_base32(SECRET).unwrap();
    let start = 1_700_000_010;
    assert_eq!(start % STEP, 0);
    assert_eq!(secret.code_at(start), secret.code_at(start + 29));
    assert_ne!(secret.code_at(start), secret.code_at(start + 30));
    assert_eq!(TotpSecret::seconds_left(start), 30);
    assert_eq!(TotpSecret::seconds_left(start + 29), 1);
}

#[test]
fn a_secret_is_read_however_people_write_it() {
    let secret = TotpSecret::from_base32(SECRET).unwrap();
    for same in [
        "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ======\n",
    ] {
        assert_eq!(TotpSecret::from_base32(same).unwrap(), secret);
    }
    assert_ne!(TotpSecret::from_base32("GEZDGNBV").unwrap(), secret);
    for wrong in [
        "",
        "=",
        "A",
        "GEZD1NBV",
        "GEZD0NBV",
        "GEZDGNBÜ",
        "GEZD\u{0}NBV",
    ] {
        let error = TotpSecret::from_base32(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{wrong}");
    }
    assert!(TotpSecret::from_base32(&"A".repeat(205)).is_ok());
    assert_eq!(
        TotpSecret::from_base32(&"A".repeat(207))
            .unwrap_err()
            .kind(),
        ErrorKind::Limit
    );
    assert_eq!(format!("{secret:?}"), "TotpSecret(..)");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,64}", time in any::<u64>()) {
        if let Ok(secret) = TotpSecret::from_base32(&text) {
            prop_assert_eq!(secret.code_at(time).len(), 6);
        }
    }
}
