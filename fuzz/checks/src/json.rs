//! Reading JSON from the service.

use mega_protocol::json::{MAX_DEPTH, Value};

use crate::input::Input;

/// Any bytes as one value. What another reader takes for JSON is read, and means the same.
pub fn json(input: &[u8]) {
    let text = Input(input).text();
    let Ok(value) = Value::parse(text.as_bytes()) else {
        if let Ok(other) = serde_json::from_str::<serde_json::Value>(&text) {
            assert!(depth(&other) > MAX_DEPTH, "valid JSON was refused");
        }
        return;
    };
    if let Ok(other) = serde_json::from_str::<serde_json::Value>(&text) {
        compare(value, &other);
    }
    // Values that are no JSON inside are found out when they are looked at, or stay opaque.
    walk(value, 0);
}

/// Looks at everything there is, without recursing deeper than the reader promises.
fn walk(value: Value<'_>, depth: usize) {
    assert!(depth <= MAX_DEPTH);
    let _ = (
        value.as_i64(),
        value.as_u64(),
        value.as_f64(),
        value.as_text(),
    );
    if let Ok(elements) = value.array() {
        elements
            .into_iter()
            .for_each(|element| walk(element, depth + 1));
    }
    if let Ok(object) = value.object() {
        object
            .members()
            .for_each(|(_, member)| walk(member, depth + 1));
    }
}

fn compare(ours: Value<'_>, other: &serde_json::Value) {
    match other {
        serde_json::Value::Null => assert!(ours.is_null()),
        serde_json::Value::Bool(b) => assert_eq!(ours.as_i64(), Some(i64::from(*b))),
        serde_json::Value::Number(number) => {
            if let Some(number) = number.as_i64() {
                assert!(ours.as_i64() == Some(number) || ours.as_i64().is_none());
            }
        }
        serde_json::Value::String(text) => {
            assert_eq!(ours.as_text().as_deref(), Some(text.as_str()))
        }
        serde_json::Value::Array(others) => {
            let ours = ours.array().expect("an array");
            assert_eq!(ours.len(), others.len());
            ours.into_iter()
                .zip(others)
                .for_each(|(ours, other)| compare(ours, other));
        }
        serde_json::Value::Object(others) => {
            let ours = ours.object().expect("an object");
            for (key, other) in others {
                let same = ours.members().filter(|(name, _)| name == key).count();
                assert!(same > 0, "a member is missing");
                // Looked up by its key, a null is absent, as everywhere in the protocol.
                match ours.get(key) {
                    Some(value) if same == 1 => compare(value, other),
                    Some(_) => {}
                    None => assert!(same > 1 || other.is_null(), "a member is not found"),
                }
            }
        }
    }
}

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
