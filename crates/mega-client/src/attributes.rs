//! Reading single members out of decrypted attributes, without building a set.

use std::borrow::Cow;

use mega_crypto::attributes::Members;
use mega_crypto::fingerprint::Fingerprint;

/// The member of this name, as text bytes (which need not be UTF-8, NAM-6). If a name occurs twice, its last value counts, as every client takes it (SDK
/// `AttrMap::fromjson`).
fn member<'a>(json: &'a [u8], wanted: &str) -> Option<Cow<'a, [u8]>> {
    let mut found = None;
    for member in Members::new(json) {
        let Ok((name, value)) = member else {
            break;
        };
        if name.is(wanted) {
            found = Some(value.bytes());
        }
    }
    found
}

/// The member that holds the name of a node.
pub(crate) const NAME: &str = "n";

/// The name of a node (`n`) as it is stored. Empty names count as none (crypto-and-accounts 4.4).
pub(crate) fn name_in(json: &[u8]) -> Option<Cow<'_, [u8]>> {
    member(json, NAME).filter(|name| !name.is_empty())
}

/// The fingerprint text of a file (`c`).
pub(crate) fn fingerprint_in(json: &[u8]) -> Option<Cow<'_, [u8]>> {
    member(json, "c")
}

/// The modification time of a file: from its fingerprint, or in old web files from `t` (crypto-and-accounts 5.4).
pub(crate) fn modified_in(json: &[u8]) -> Option<i64> {
    let from_fingerprint = fingerprint_in(json).and_then(|text| {
        let text = std::str::from_utf8(&text).ok()?;
        Fingerprint::from_attribute(text, 0)
            .ok()
            .map(|fingerprint| fingerprint.mtime())
    });
    from_fingerprint.or_else(|| {
        if fingerprint_in(json).is_some() {
            return None;
        }
        std::str::from_utf8(&member(json, "t")?).ok()?.parse().ok()
    })
}
