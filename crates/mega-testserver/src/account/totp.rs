//! The six digits of a second factor: RFC 6238 with SHA-1 and 30 seconds.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// The code of a base32 secret at a Unix time; `None` when the secret is not base32.
#[must_use]
pub fn code(secret: &str, unix: i64) -> Option<String> {
    let key = base32(secret)?;
    let step = u64::try_from(unix.div_euclid(30)).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).ok()?;
    mac.update(&step.to_be_bytes());
    let hash: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(hash.last()? & 15);
    let four: [u8; 4] = hash.get(at..at + 4)?.try_into().ok()?;
    Some(format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    ))
}

/// Whether a code is right now, or was or will be one step away.
#[must_use]
pub fn accepts(secret: &str, unix: i64, given: &str) -> bool {
    [0, -30, 30]
        .iter()
        .any(|d| code(secret, unix.saturating_add(*d)).is_some_and(|code| code == given))
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bits = 0_u32;
    let mut have = 0;
    for c in text.bytes().filter(|c| !matches!(c, b'=' | b' ' | b'-')) {
        let value = match c.to_ascii_uppercase() {
            c @ b'A'..=b'Z' => c - b'A',
            c @ b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        bits = ((bits << 5) | u32::from(value)) & 0xffff;
        have += 5;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from((bits >> have) & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_agree_with_the_standard() {
        // RFC 6238, appendix B: the secret "12345678901234567890", last six of eight digits.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(code(secret, 59).as_deref(), Some("287082"));
        assert_eq!(code(secret, 1_111_111_109).as_deref(), Some("081804"));
        assert!(accepts(secret, 80, "287082"), "one step late is accepted");
        assert!(!accepts(secret, 200, "287082"));
        assert_eq!(code("not base32!", 0), None);
    }
}
