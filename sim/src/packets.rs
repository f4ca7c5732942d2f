//! Looking into replies with action packets, for the defects that are about them.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};

/// The position that a batch leads to.
pub(crate) fn position_of(body: &[u8]) -> Option<String> {
    let batch: Value = serde_json::from_slice(body).ok()?;
    batch.get("sn")?.as_str().map(str::to_owned)
}

/// What a client sees of a batch that takes a node out of its folder when it comes once more: each such delivery is
/// followed by its deletion. `places` are the folders of the nodes that were delivered.
pub(crate) fn drop_redelivered(places: &mut HashMap<String, String>, body: &Bytes) -> Bytes {
    let Ok(mut batch) = serde_json::from_slice::<Value>(body) else {
        return body.clone();
    };
    let Some(packets) = batch.get_mut("a").and_then(Value::as_array_mut) else {
        return body.clone();
    };
    let mut seen = Vec::new();
    for packet in std::mem::take(packets) {
        let text =
            |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = text(&packet, "a");
        if kind.as_deref() == Some("d")
            && let Some(node) = text(&packet, "n")
        {
            places.remove(&node);
        }
        let nodes = packet.pointer("/t/f").and_then(Value::as_array).cloned();
        seen.push(packet);
        for node in nodes.into_iter().flatten() {
            let (Some(handle), Some(parent)) = (text(&node, "h"), text(&node, "p")) else {
                continue;
            };
            if places.insert(handle.clone(), parent.clone()) == Some(parent) {
                seen.push(json!({"a": "d", "n": handle}));
            }
        }
    }
    *packets = seen;
    serde_json::to_vec(&batch).map_or_else(|_| body.clone(), Bytes::from)
}
