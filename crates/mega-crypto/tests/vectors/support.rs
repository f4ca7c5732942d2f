use std::sync::LazyLock;

use serde_json::Value;

/// The whole file.
pub(crate) static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("vectors.json");
    serde_json::from_str(text).expect("vectors.json is JSON")
});

/// Convenience on JSON values: what is missing is a broken vector file, so everything panics.
pub(crate) trait Vector {
    fn list(&self, name: &str) -> &[Value];
    fn str(&self, name: &str) -> &str;
    fn hex(&self, name: &str) -> Vec<u8>;
    fn opt_hex(&self, name: &str) -> Option<Vec<u8>>;
    fn array<const N: usize>(&self, name: &str) -> [u8; N];
    fn b64(&self, name: &str) -> Vec<u8>;
}

impl Vector for Value {
    #[track_caller]
    fn list(&self, name: &str) -> &[Value] {
        let list = self[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name} is no list"));
        assert!(!list.is_empty(), "{name} is empty");
        list
    }

    #[track_caller]
    fn str(&self, name: &str) -> &str {
        self[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} is no string in {self}"))
    }

    #[track_caller]
    fn hex(&self, name: &str) -> Vec<u8> {
        unhex(self.str(name))
    }

    #[track_caller]
    fn opt_hex(&self, name: &str) -> Option<Vec<u8>> {
        self[name].as_str().map(unhex)
    }

    #[track_caller]
    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.hex(name)
            .try_into()
            .unwrap_or_else(|_| panic!("{name} has not {N} bytes"))
    }

    #[track_caller]
    fn b64(&self, name: &str) -> Vec<u8> {
        mega_crypto::base64::decode(self.str(name)).unwrap()
    }
}

#[track_caller]
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let even = if text.len() % 2 == 1 {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    (0..even.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&even[i..i + 2], 16).unwrap())
        .collect()
}
