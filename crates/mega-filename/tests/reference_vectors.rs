//! Every operation agrees with the reference, byte for byte (R1). The vectors are outcomes of
//! rclone's encoder.

use mega_filename::Mask;
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("vectors/filename-vectors.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap().clone();
    assert_eq!(vectors.len(), 392);
    assert_eq!(file["count"], 392);
    vectors
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let hex = vector[field].as_str().unwrap();
    assert_eq!(hex.len() % 2, 0);
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn mask(vector: &Value) -> Mask {
    Mask::from_bits(vector["mask"].as_u64().unwrap())
}

/// Runs all vectors of one operation and says how many there were.
fn run(operation: &str, check: impl Fn(&Value)) -> usize {
    let chosen: Vec<_> = vectors()
        .into_iter()
        .filter(|vector| vector["op"] == operation)
        .collect();
    chosen.iter().for_each(check);
    chosen.len()
}

fn map(operation: &str, apply: impl Fn(Mask, &[u8]) -> Vec<u8>) -> usize {
    run(operation, |vector| {
        let found = apply(mask(vector), &bytes(vector, "in_hex"));
        assert_eq!(found, bytes(vector, "out_hex"), "{vector}");
    })
}

#[test]
fn every_vector_gives_what_the_reference_gave() {
    let counts = [
        map("encode", |mask, name| mask.encode(name).into_owned()),
        map("decode", |mask, name| mask.decode(name).into_owned()),
        map("to_standard_name", |mask, name| {
            mask.to_shown(name).into_owned()
        }),
        map("from_standard_name", |mask, name| {
            mask.to_stored(name).into_owned()
        }),
        map("to_standard_path", |mask, path| {
            mask.path_to_shown(path).into_owned()
        }),
        map("from_standard_path", |mask, path| {
            mask.path_to_stored(path).into_owned()
        }),
        run("format", |vector| {
            assert_eq!(
                mask(vector).to_string(),
                vector["spec"].as_str().unwrap(),
                "{vector}"
            );
        }),
        run("parse", |vector| {
            let parsed = vector["spec"].as_str().unwrap().parse::<Mask>();
            if vector["error"] == true {
                assert!(parsed.is_err(), "{vector}");
            } else {
                assert_eq!(parsed, Ok(mask(vector)), "{vector}");
            }
        }),
    ];
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(
        counts.iter().sum::<usize>(),
        392,
        "every vector has a known operation"
    );
}

#[test]
fn every_mask_of_the_vectors_prints_as_the_reference_prints_it() {
    let mut checked = 0;
    for vector in vectors() {
        if let Some(flags) = vector["flags"].as_str() {
            assert_eq!(mask(&vector).to_string(), flags, "{vector}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}
