//! Names: encoding, paths, masks, local names and display names.

use mega_filename::{LocalPolicy, Mask, Wanted, display_name};

use crate::input::Input;

/// Encoding and decoding under any mask (the first eight bytes), names and paths.
pub fn names(input: &[u8]) {
    let mut input = Input(input);
    let mask = Mask::from_bits(input.number());
    let name = input.0;

    for mask in [Mask::MEGA, Mask::STANDARD, Mask::BASE] {
        let stored = mask.encode(name);
        assert_eq!(&*mask.decode(&stored), name, "{mask} reads back");
        assert_eq!(
            mask.reversible().encode(name),
            stored,
            "the reversible mode writes the same"
        );
        assert!(mask.is_canonical(&stored), "{mask} writes canonical names");
        assert!(!stored.contains(&b'/') && &*stored != b"." && &*stored != b"..");
    }
    let exact = mask.reversible();
    let stored = exact.encode(name);
    assert_eq!(
        &*exact.decode(&stored),
        name,
        "{mask} reads back in the reversible mode"
    );
    assert!(stored.len() <= 6 * name.len());
    assert!(mask.decode(name).len() <= name.len());

    let text = Mask::MEGA.encode_to_str(name);
    assert_eq!(text.as_bytes(), &*Mask::MEGA.encode(name));
    if let Ok(name) = std::str::from_utf8(name) {
        assert_eq!(mask.encode_str(name).as_bytes(), &*mask.encode(name));
    }

    let shown = mask.to_shown(name);
    if mask != Mask::STANDARD {
        assert!(
            !shown
                .iter()
                .any(|byte| *byte < b' ' || matches!(byte, b'/' | 0x7f))
        );
        assert!(&*shown != b"." && &*shown != b"..");
    }
    assert!(
        Wanted::shown(mask, &shown).matches(name),
        "{mask}: what is shown is found"
    );
    assert!(Wanted::stored(mask, name).matches(name));

    let path = mask.path_to_stored(name);
    let parts: Vec<_> = name
        .split(|byte| *byte == b'/')
        .map(|part| mask.to_stored(part))
        .collect();
    assert_eq!(parts.join(&b'/'), &*path, "a path is mapped part by part");
    assert_eq!(
        mask.path_to_shown(name).split(|byte| *byte == b'/').count(),
        name.split(|byte| *byte == b'/').count().max(1),
    );

    let shown = display_name(name);
    assert!(!shown.chars().any(char::is_control));
}

/// Local names under every policy.
pub fn local_names(raw: &[u8]) {
    for policy in [
        LocalPolicy::LINUX,
        LocalPolicy::MACOS,
        LocalPolicy::WINDOWS,
        LocalPolicy::PORTABLE,
        LocalPolicy::LINUX.faithful(),
        LocalPolicy::MACOS.faithful(),
        LocalPolicy::WINDOWS.faithful(),
        LocalPolicy::PORTABLE.faithful(),
    ] {
        let local = policy.local_name(raw);
        let name = local.as_bytes();
        assert!(!name.is_empty() && name != b"." && name != b"..");
        assert!(!name.contains(&b'/') && !name.contains(&0));
        assert!(name.len() <= 255 || policy.faithful() == LocalPolicy::WINDOWS.faithful());
        if local.is_shortened() {
            assert!(
                !policy.allows(name),
                "no other name may be like a shortened one"
            );
        } else {
            assert!(policy.allows(name));
            assert_eq!(&*policy.raw_name(name), raw, "{policy:?} reads back");
        }
        if policy.allows(raw) {
            let up = policy.raw_name(raw);
            assert_eq!(
                policy.local_name(&up).as_bytes(),
                raw,
                "a local name comes back"
            );
        }
        let distinct = policy.distinct_local_name(raw, b"id");
        assert!(distinct.is_shortened() && distinct.as_bytes() != name);
    }
}

/// The text form of masks.
pub fn masks(input: &[u8]) {
    let text = Input(input).text();
    match text.parse::<Mask>() {
        Ok(mask) => {
            let printed = mask.to_string();
            assert_eq!(printed.parse(), Ok(mask), "{printed}");
        }
        Err(error) => {
            let part = text.split(',').nth(error.index()).map(str::trim);
            assert_eq!(part, Some(error.part()));
        }
    }
}
