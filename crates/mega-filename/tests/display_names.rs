//! Names for the eye show everything (threat model NAM-7, NAM-11).

use std::borrow::Cow;

use mega_filename::display_name;
use proptest::prelude::*;

#[test]
fn ordinary_names_of_the_world_are_shown_as_they_are() {
    for name in [
        "plain.txt",
        "Ünïcödé",
        "日本語　名前",
        "العربية",
        "עברית",
        "ไทย",
        "emoji 🎉",
        "e\u{301}tude",
        "'quoted' \"twice\"",
        "‛quote",
        "a／b",
    ] {
        assert!(
            matches!(display_name(name), Cow::Borrowed(shown) if shown == name),
            "{name}"
        );
    }
}

#[test]
fn nam_7_direction_marks_zero_width_and_unassigned_characters_become_visible() {
    for c in [
        '\u{61c}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202e}',
        '\u{2066}',
        '\u{2069}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{2060}',
        '\u{feff}',
        '\u{ad}',
        '\u{180e}',
        '\u{34f}',
        '\u{115f}',
        '\u{3164}',
        '\u{2800}',
        '\u{fe0f}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{378}',
        '\u{e000}',
        '\u{ffff}',
        '\u{2028}',
        '\u{2029}',
        '\u{10ffff}',
    ] {
        let shown = display_name(&format!("a{c}b")).into_owned();
        assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(c)));
    }
}

#[test]
fn nam_11_control_characters_and_escape_sequences_become_visible() {
    assert_eq!(display_name("\x1b]0;title\x07"), r"\u{1b}]0;title\u{7}");
    assert_eq!(
        display_name("a\r\nb\t\0\x7f\u{9b}31m"),
        r"a\u{d}\u{a}b\u{9}\u{0}\u{7f}\u{9b}31m"
    );
    assert_eq!(display_name(b"\xff\xfe\x9b"), r"\xff\xfe\x9b");
}

#[test]
fn what_looks_like_an_escape_is_told_from_one() {
    assert_ne!(display_name("\\u{202e}"), display_name("\u{202e}"));
    assert_eq!(display_name("\\u{202e}"), r"\\u{202e}");
    assert_ne!(display_name("\\xff"), display_name(b"\xff"));
    assert_eq!(
        display_name("\u{301}x"),
        r"\u{301}x",
        "a mark with nothing to stand on"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn different_names_are_shown_differently(
        a in proptest::collection::vec(proptest::sample::select(b"\\x{}u20ef\xe2\x80\xae\x1b".to_vec()), 0..8),
        b in proptest::collection::vec(proptest::sample::select(b"\\x{}u20ef\xe2\x80\xae\x1b".to_vec()), 0..8),
    ) {
        prop_assert_eq!(a == b, display_name(&a) == display_name(&b));
    }

    #[test]
    fn nam_11_nothing_shown_is_a_control_character(name: Vec<u8>) {
        prop_assert!(!display_name(&name).chars().any(char::is_control));
    }
}
