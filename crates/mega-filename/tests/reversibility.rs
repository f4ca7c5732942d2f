//! What reads back exactly, and what does not (filename-encoding 9).

use mega_filename::Mask;
use proptest::prelude::*;

/// Pieces of names that are hostile to an encoder.
const ATOMS: [&[u8]; 18] = [
    b".",
    "．".as_bytes(),
    "‛".as_bytes(),
    b" ",
    "␠".as_bytes(),
    b"/",
    "／".as_bytes(),
    b"\0",
    "␀".as_bytes(),
    b"\r",
    "␍".as_bytes(),
    b"~",
    b"\x7f",
    b"A",
    b"41",
    b"\xff",
    b"\xe2",
    b"\x80\x9b",
];

/// Calls `check` with each name made of at most `most` atoms, and counts them.
fn names(most: usize, check: &mut impl FnMut(&[u8])) -> usize {
    fn go(name: &mut Vec<u8>, left: usize, check: &mut impl FnMut(&[u8])) -> usize {
        check(name);
        let mut count = 1;
        if left > 0 {
            for atom in ATOMS {
                let length = name.len();
                name.extend_from_slice(atom);
                count += go(name, left - 1, check);
                name.truncate(length);
            }
        }
        count
    }
    go(&mut Vec::new(), most, check)
}

#[test]
fn names_of_up_to_four_hostile_atoms_read_back_under_the_mega_standard_and_base_masks() {
    let mut back = |name: &[u8]| {
        for mask in [Mask::MEGA, Mask::STANDARD, Mask::BASE] {
            let stored = mask.encode(name);
            assert_eq!(
                &*mask.decode(&stored),
                name,
                "{mask} stores {name:02x?} as {stored:02x?}"
            );
        }
    };
    assert_eq!(names(4, &mut back), 1 + 18 + 324 + 5832 + 104_976);
}

#[test]
fn the_reversible_mode_agrees_with_the_reference_and_reads_it_back_for_those_three_masks() {
    let mut same = |name: &[u8]| {
        for mask in [Mask::MEGA, Mask::STANDARD, Mask::BASE] {
            assert_eq!(mask.reversible().encode(name), mask.encode(name));
            assert_eq!(mask.reversible().decode(name), mask.decode(name));
        }
    };
    names(3, &mut same);
}

#[test]
fn r5_the_reversible_mode_reads_back_every_name_of_three_atoms_under_every_set_of_edge_flags() {
    let edges = [
        Mask::LEFT_SPACE,
        Mask::LEFT_PERIOD,
        Mask::LEFT_TILDE,
        Mask::LEFT_CR_LF_HT_VT,
        Mask::RIGHT_SPACE,
        Mask::RIGHT_PERIOD,
        Mask::RIGHT_CR_LF_HT_VT,
        Mask::DOT,
        Mask::INVALID_UTF8,
    ];
    for set in 0u32..1 << edges.len() {
        let chosen = edges
            .iter()
            .enumerate()
            .filter(|(bit, _)| set >> bit & 1 == 1);
        let mask = chosen.fold(Mask::NONE, |mask, (_, flag)| mask | *flag);
        let exact = mask.reversible();
        names(if set % 8 == 0 { 3 } else { 2 }, &mut |name| {
            let stored = exact.encode(name);
            assert_eq!(
                &*exact.decode(&stored),
                name,
                "{mask} stores {name:02x?} as {stored:02x?}"
            );
        });
    }
}

#[test]
fn the_reference_loses_exactly_the_two_kinds_of_names_the_reversible_mode_keeps() {
    let first = Mask::RIGHT_SPACE;
    assert_eq!(&*first.encode("‛ "), "‛‛␠".as_bytes());
    assert_eq!(&*first.decode("‛‛␠"), "‛␠".as_bytes());
    assert_eq!(
        &*first.reversible().encode("‛ "),
        "‛‛␠".as_bytes(),
        "written the same"
    );
    assert_eq!(&*first.reversible().decode("‛‛␠"), "‛ ".as_bytes());

    let second = Mask::DOT | Mask::LEFT_PERIOD;
    assert_eq!(&*second.encode(".．"), "．．".as_bytes());
    assert_eq!(&*second.decode("．．"), b"..");
    let exact = second.reversible();
    assert_eq!(&*exact.decode(&exact.encode(".．")), ".．".as_bytes());
    assert_eq!(&*exact.decode(&exact.encode("..")), b"..");
}

#[test]
fn names_another_client_stored_are_shown_as_the_reference_shows_them() {
    for (stored, shown, looked_up) in [
        ("a/b", "a／b", "a／b"),
        (".", "．", "．"),
        ("..", "．．", "．．"),
        ("‛", "‛‛", "‛‛"),
        ("x‛", "x‛‛", "x‛‛"),
        ("‛41", "A", "A"),
    ] {
        assert_eq!(&*Mask::MEGA.to_shown(stored), shown.as_bytes());
        assert_eq!(&*Mask::MEGA.to_stored(shown), looked_up.as_bytes());
        assert!(!Mask::MEGA.is_canonical(stored), "R3: {stored}");
        let wanted = mega_filename::Wanted::shown(Mask::MEGA, shown);
        assert!(wanted.matches(stored), "R2: {stored} is found by its path");
    }
    assert_eq!(&*Mask::MEGA.to_shown("‛ff"), b"\xff");
    assert_eq!(&*Mask::MEGA.to_stored(b"\xff"), "‛FF".as_bytes());
    assert!(mega_filename::Wanted::shown(Mask::MEGA, b"\xff").matches("‛ff"));
}

/// Bytes rich in what the encoder looks at.
fn hostile_name() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(ATOMS.to_vec()).prop_map(<[u8]>::to_vec),
        "\\PC".prop_map(String::into_bytes),
        (0x2400u32..0x2430).prop_map(|c| char::from_u32(c).unwrap().to_string().into_bytes()),
        (0xff00u32..0xff60).prop_map(|c| char::from_u32(c).unwrap().to_string().into_bytes()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_reads_back_under_the_three_masks(name in hostile_name()) {
        for mask in [Mask::MEGA, Mask::STANDARD, Mask::BASE] {
            let stored = mask.encode(&name);
            prop_assert_eq!(&*mask.decode(&stored), &name[..]);
        }
    }

    #[test]
    fn r5_any_name_reads_back_in_the_reversible_mode_under_any_mask(bits: u64, name in hostile_name()) {
        let exact = Mask::from_bits(bits & 0x1fff_ffff).reversible();
        let stored = exact.encode(&name);
        prop_assert_eq!(&*exact.decode(&stored), &name[..]);
    }

    #[test]
    fn the_encoded_form_of_the_mega_mask_is_text_without_a_slash(name in hostile_name()) {
        let stored = Mask::MEGA.encode_to_str(&name);
        prop_assert_eq!(stored.as_bytes(), &*Mask::MEGA.encode(&name));
        prop_assert!(!stored.contains(['/', '\0']));
        prop_assert!(stored != "." && stored != "..");
        prop_assert!(Mask::MEGA.is_canonical(&*stored));
    }

    #[test]
    fn a_shown_name_is_one_part_of_a_path(bits: u64, name in hostile_name()) {
        let mask = Mask::from_bits(bits & 0x1fff_ffff);
        prop_assume!(mask != Mask::STANDARD);
        let shown = mask.to_shown(&name);
        prop_assert!(!shown.iter().any(|b| *b < 0x20 || *b == 0x7f || *b == b'/'));
        prop_assert!(&*shown != b"." && &*shown != b"..");
    }

    #[test]
    fn r6_growth_is_at_most_five_times(bits: u64, name in hostile_name()) {
        let mask = Mask::from_bits(bits);
        prop_assert!(mask.encode(&name).len() <= name.len() * 6);
        prop_assert!(Mask::MEGA.encode(&name).len() <= name.len() * 5);
        prop_assert!(mask.decode(&name).len() <= name.len());
    }

    #[test]
    fn a_mask_prints_and_parses_to_itself(bits: u64) {
        let mask = Mask::from_bits(bits);
        prop_assert_eq!(mask.to_string().parse(), Ok(mask));
    }

    #[test]
    fn any_text_parses_or_says_which_part_does_not(text in "[A-Za-z0-9_, x]{0,24}|\\PC{0,12}") {
        if let Err(error) = text.parse::<Mask>() {
            let part = text.split(',').nth(error.index()).unwrap();
            prop_assert_eq!(part.trim(), error.part());
        }
    }
}
