//! Local names are harmless, exact in both directions, and never alike (threat model, section 14).

use std::collections::HashMap;

use mega_filename::LocalPolicy;
use proptest::prelude::*;

const POLICIES: [LocalPolicy; 8] = [
    LocalPolicy::LINUX,
    LocalPolicy::MACOS,
    LocalPolicy::WINDOWS,
    LocalPolicy::PORTABLE,
    LocalPolicy::LINUX.faithful(),
    LocalPolicy::MACOS.faithful(),
    LocalPolicy::WINDOWS.faithful(),
    LocalPolicy::PORTABLE.faithful(),
];

fn local(policy: LocalPolicy, raw: &[u8]) -> Vec<u8> {
    policy.local_name(raw).into_bytes()
}

fn text(policy: LocalPolicy, raw: &str) -> String {
    String::from_utf8(local(policy, raw.as_bytes())).unwrap()
}

/// Written apart from the crate: what each policy promises of the names it gives.
fn assert_harmless(policy: LocalPolicy, name: &[u8]) {
    let faithful = policy == policy.faithful();
    let system = POLICIES[..4]
        .iter()
        .position(|p| p.faithful() == policy.faithful())
        .unwrap();
    let context = format!("{policy:?} gave {:?}", name.escape_ascii().to_string());
    assert!(
        !name.is_empty() && name != b"." && name != b"..",
        "NAM-1 {context}"
    );
    assert!(
        !name.contains(&b'/') && !name.contains(&0),
        "NAM-2 {context}"
    );
    let lossy = String::from_utf8_lossy(name).into_owned();
    if system != 0 {
        assert!(std::str::from_utf8(name).is_ok(), "NAM-6 {context}");
    }
    if system >= 2 {
        assert!(
            !lossy.contains(['\\', ':', '*', '?', '"', '<', '>', '|']),
            "NAM-2 {context}"
        );
        assert!(!name.iter().any(|b| *b < 0x20), "NAM-3 {context}");
        assert!(!lossy.ends_with(['.', ' ']), "NAM-5 {context}");
        let stem = lossy
            .split('.')
            .next()
            .unwrap()
            .trim_end_matches(' ')
            .to_uppercase();
        let port = stem.strip_prefix("COM").or(stem.strip_prefix("LPT"));
        let device = matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
            || port.is_some_and(|n| n.chars().count() == 1 && "0123456789¹²³".contains(n));
        assert!(!device, "NAM-4 {context}");
    }
    if !faithful {
        assert!(
            !name.iter().all(|b| matches!(b, b'.' | b' ')),
            "NAM-1 {context}"
        );
        assert!(!lossy.chars().any(char::is_control), "NAM-3 {context}");
        if system == 3 {
            assert!(!lossy.starts_with(['-', '~', ' ']), "NAM-5 {context}");
        }
    }
    let length = if system == 2 {
        lossy.encode_utf16().count()
    } else {
        name.len()
    };
    assert!(length <= 255, "NAM-9 {context}");
}

#[test]
fn nam_1_names_that_are_no_names_are_escaped() {
    for policy in POLICIES {
        assert_eq!(text(policy, ""), "‛");
        assert_eq!(text(policy, "."), "．");
        assert_eq!(text(policy, ".."), "．．");
    }
    assert_eq!(text(LocalPolicy::LINUX, "..."), "‛2E..");
    assert_eq!(text(LocalPolicy::LINUX, "  "), "‛20 ");
    assert_eq!(text(LocalPolicy::WINDOWS, "..."), "..．");
    assert_eq!(text(LocalPolicy::LINUX.faithful(), "..."), "...");
}

#[test]
fn nam_2_no_name_leaves_its_folder() {
    for policy in POLICIES {
        assert_eq!(text(policy, "/etc/passwd"), "／etc／passwd");
        assert_eq!(text(policy, "../../x"), "..／..／x");
    }
    for policy in [LocalPolicy::WINDOWS, LocalPolicy::PORTABLE] {
        assert_eq!(text(policy, r"C:\Windows"), "C：＼Windows");
        assert_eq!(text(policy, r"\\?\C:"), "＼＼？＼C：");
        assert_eq!(text(policy, "file.txt:stream"), "file.txt：stream");
    }
    assert_eq!(text(LocalPolicy::LINUX, "12:30"), "12:30");
}

#[test]
fn nam_3_control_characters_are_escaped() {
    assert_eq!(
        text(LocalPolicy::LINUX, "a\0b\x1b[2J\x7f\u{85}\u{9b}"),
        "a␀b␛[2J␡‛C2‛85‛C2‛9B"
    );
    assert_eq!(
        text(LocalPolicy::LINUX.faithful(), "a\0b\x1b\u{85}"),
        "a␀b\x1b\u{85}"
    );
}

#[test]
fn nam_4_device_names_are_escaped_for_windows() {
    for name in [
        "CON",
        "nul.txt",
        "Aux.tar.gz",
        "COM1",
        "lpt9.x",
        "COM¹",
        "LPT³.log",
        "CONIN$",
        "prn .x",
    ] {
        for policy in [LocalPolicy::WINDOWS, LocalPolicy::PORTABLE] {
            let escaped = text(policy, name);
            assert!(escaped.starts_with('‛'), "{name} became {escaped}");
            assert_harmless(policy, escaped.as_bytes());
        }
        assert_eq!(text(LocalPolicy::LINUX, name), name);
    }
    for name in ["CONSOLE", "COM", "COM10", "xCON", "nul_", "COM⁴"] {
        assert_eq!(text(LocalPolicy::WINDOWS, name), name);
    }
}

#[test]
fn nam_5_edges_that_a_system_drops_or_interprets_are_escaped() {
    assert_eq!(text(LocalPolicy::WINDOWS, "a. ."), "a. ．");
    assert_eq!(text(LocalPolicy::WINDOWS, "a "), "a␠");
    assert_eq!(text(LocalPolicy::PORTABLE, " a"), "␠a");
    assert_eq!(text(LocalPolicy::PORTABLE, "~a"), "～a");
    assert_eq!(text(LocalPolicy::PORTABLE, "-rf"), "‛2Drf");
    assert_eq!(text(LocalPolicy::LINUX, "-rf "), "-rf ");
}

#[test]
fn nam_9_long_names_are_shortened_with_a_stable_hash() {
    let raw = format!("{}.tar", "ü".repeat(200));
    let name = text(LocalPolicy::LINUX, &raw);
    // 255 bytes, minus the mark of 30 and the extension of 4, holds 110 characters of two bytes.
    assert_eq!(
        name,
        format!("{}‛~eetq85yzvf6x28b8tnt1sq9njr.tar", "ü".repeat(110))
    );
    assert!(LocalPolicy::LINUX.local_name(&raw).is_shortened());
    assert_eq!(text(LocalPolicy::WINDOWS, &raw), raw, "204 UTF-16 units");
    let huge = vec![b'/'; 1 << 20];
    for policy in POLICIES {
        assert_harmless(policy, &local(policy, &huge));
        assert_eq!(local(policy, &[b'a'; 255]), [b'a'; 255]);
        assert_ne!(local(policy, &[b'a'; 256]), local(policy, &[b'a'; 257]));
    }
}

#[test]
fn nam_10_no_name_can_pass_for_the_shortened_form_of_another() {
    for policy in POLICIES {
        let short = policy.distinct_local_name("a.txt", b"").into_bytes();
        let forged = local(policy, &short);
        assert_ne!(forged, short);
        assert_eq!(&*policy.raw_name(&forged), &short[..]);
    }
}

#[test]
fn nam_10_a_long_name_of_quotes_is_cut_where_no_quote_touches_the_mark() {
    for policy in POLICIES {
        let short = policy.local_name(&"‛".repeat(1000)).into_owned();
        assert!(short.is_shortened());
        assert!(
            !policy.allows(short.as_bytes()),
            "{policy:?} would give it to its literal twin too"
        );
    }
}

#[test]
fn nam_8_a_name_that_is_taken_gets_another_that_nothing_else_gets() {
    for policy in POLICIES {
        let one = policy.distinct_local_name("Readme.md", b"handle");
        let two = policy.distinct_local_name("README.md", b"handle");
        let three = policy.distinct_local_name("Readme.md", b"elsewhere");
        assert_eq!(one, policy.distinct_local_name("Readme.md", b"handle"));
        assert!(one != two && one != three && two != three);
        assert_ne!(
            one.as_bytes().to_ascii_lowercase(),
            two.as_bytes().to_ascii_lowercase()
        );
        assert_ne!(policy.local_name(one.as_bytes()).as_bytes(), one.as_bytes());
        assert_harmless(policy, one.as_bytes());
    }
}

#[test]
fn nam_14_escapes_the_policy_would_not_have_written_are_taken_literally() {
    for literal in ["%2e%2e", "x‛", "‛zz", "‛ff", "‛4", "a‛b", "‛41"] {
        for policy in POLICIES {
            assert_eq!(&*policy.raw_name(literal), literal.as_bytes());
            assert_eq!(
                text(policy, literal),
                literal,
                "{policy:?}: and it stays on the way back"
            );
        }
    }
}

/// Pieces that matter to one policy or another.
const ATOMS: [&[u8]; 26] = [
    b".",
    b" ",
    b"/",
    b"\\",
    b":",
    b"\0",
    b"\t",
    b"\x7f",
    b"-",
    b"~",
    b"nul",
    b"COM1",
    b"a",
    b"2E",
    b"\xff",
    b"\xc2\x85",
    b"\xc2",
    b"\xe2\x80",
    b"\x9b",
    "．".as_bytes(),
    "␠".as_bytes(),
    "／".as_bytes(),
    "‛".as_bytes(),
    "‛".as_bytes(),
    "‛2E".as_bytes(),
    "␀".as_bytes(),
];

#[test]
fn nam_10_all_names_of_up_to_three_atoms_are_harmless_distinct_and_read_back() {
    for policy in POLICIES {
        let mut seen: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        let mut raws: Vec<Vec<u8>> = vec![Vec::new()];
        for length in 0..3 {
            let longest: Vec<_> = raws.clone();
            for raw in longest {
                for atom in ATOMS {
                    raws.push([&raw[..], atom].concat());
                }
            }
            raws.sort();
            raws.dedup();
            assert!(raws.len() > length);
        }
        for raw in raws {
            let name = local(policy, &raw);
            assert_harmless(policy, &name);
            assert_eq!(
                &*policy.raw_name(&name),
                &raw[..],
                "{policy:?} made {name:02x?}"
            );
            if policy.allows(&raw) {
                let up = policy.raw_name(&raw);
                assert_eq!(
                    local(policy, &up),
                    raw,
                    "{policy:?}: a local name comes back"
                );
            }
            if let Some(other) = seen.insert(name, raw.clone()) {
                panic!("{policy:?} gives {raw:02x?} and {other:02x?} one name");
            }
        }
    }
}

fn hostile_name() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(ATOMS.to_vec()).prop_map(<[u8]>::to_vec),
        1 => "\\PC{1,40}".prop_map(String::into_bytes),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    let piece = (piece, prop_oneof![9 => Just(1usize), 1 => 1usize..130]);
    proptest::collection::vec(piece.prop_map(|(piece, times)| piece.repeat(times)), 0..10)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nam_10_any_name_is_harmless_and_reads_back_unless_shortened(raw in hostile_name()) {
        for policy in POLICIES {
            let name = policy.local_name(&raw);
            assert_harmless(policy, name.as_bytes());
            if !name.is_shortened() {
                prop_assert_eq!(&*policy.raw_name(name.as_bytes()), &raw[..]);
            }
            prop_assert_eq!(name.is_verbatim(), name.as_bytes() == &raw[..]);
        }
    }

    #[test]
    fn any_local_name_a_policy_allows_comes_back(raw in hostile_name()) {
        for policy in POLICIES {
            if policy.allows(&raw) {
                prop_assert_eq!(local(policy, &policy.raw_name(&raw)), &raw[..]);
            }
        }
    }
}
