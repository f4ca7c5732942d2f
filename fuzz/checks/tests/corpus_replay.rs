//! Every input kept in `fuzz/corpus` is checked again, without libFuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mega_fuzz_checks::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn every_target_has_a_program_a_corpus_and_a_check() {
    let checks: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(checks.len(), TARGETS.len(), "no name twice");
    assert_eq!(names_in(&fuzz().join("fuzz_targets")), checks);
    assert_eq!(names_in(&fuzz().join("corpus")), checks);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "fuzz/Cargo.toml has no {name}"
        );
    }
}

#[test]
fn every_kept_input_passes_its_check() {
    for (name, check) in TARGETS {
        let corpus = fuzz().join("corpus").join(name);
        let mut count = 0;
        for entry in fs::read_dir(&corpus).unwrap() {
            let path = entry.unwrap().path();
            // The file at fault is the last one named.
            println!("{}", path.display());
            check(&fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count >= 3, "{} holds only {count} inputs", corpus.display());
    }
}

#[test]
fn the_shortest_inputs_pass_every_check() {
    for (_, check) in TARGETS {
        check(b"");
        for byte in b"\0\x01\n \"-/0A[{\x7f\x80\xff" {
            check(&[*byte]);
        }
    }
}
