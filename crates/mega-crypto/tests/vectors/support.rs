//! The known answers, and a note of which of them a test has looked at.

use std::collections::BTreeSet;
use std::ptr;
use std::sync::{LazyLock, Mutex};

use serde_json::Value;

/// The whole file.
pub(crate) static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("vectors.json");
    serde_json::from_str(text).expect("vectors.json is JSON")
});

/// Which test program looks at which members. Together they are the whole file.
pub(crate) const MEMBERS: &[(&str, &str)] = &[
    ("vectors", "/base64"),
    ("vectors", "/base64_integers"),
    ("vectors", "/handles"),
    ("vectors", "/mpi"),
    ("vectors", "/words"),
    ("vectors", "/v1_password_key"),
    ("vectors", "/v1_user_hash"),
    ("vectors", "/v2_derivation"),
    ("vectors", "/login_tsid"),
    ("vectors", "/login_csid"),
    ("vectors", "/ephemeral_ts"),
    ("vectors", "/session_blobs"),
    ("vectors", "/fold"),
    ("vectors", "/node_key_strings"),
    ("vectors", "/share_keys"),
    ("vectors", "/crypto_request"),
    ("vectors", "/attributes"),
    ("vectors", "/links"),
    ("vectors", "/password_links"),
    (
        "vectors",
        "/from_public_test_suites/pbkdf2_sha512_1000_iterations",
    ),
    ("vectors", "/from_public_test_suites/v1_password_key"),
    ("vectors", "/from_public_test_suites/v1_user_hash"),
    ("formats", "/hashcash"),
    ("formats", "/tlv_containers"),
    ("formats", "/coordinates"),
    ("formats", "/keys_container"),
    ("formats", "/pairwise_key"),
    ("formats", "/key_signatures"),
    ("formats", "/from_public_test_suites/aes_gcm"),
    ("formats", "/from_public_test_suites/hashcash"),
    (
        "formats",
        "/from_public_test_suites/rsa_public_key_signature",
    ),
    ("formats", "/from_public_test_suites/tlv_block_cipher"),
    ("formats", "/from_public_test_suites/tlv_utf8_damage"),
    ("content", "/pattern"),
    ("content", "/chunk_boundaries"),
    ("content", "/file_content"),
    ("content", "/mac_gaps"),
    ("content", "/mac_variants"),
    ("content", "/from_public_test_suites/chunk_boundaries"),
    ("content", "/from_public_test_suites/file_encryption"),
    ("samples", "/fingerprint"),
    ("samples", "/file_attribute_data"),
    ("samples", "/file_attribute_strings"),
    ("samples", "/media_attributes"),
    ("samples", "/from_public_test_suites/fingerprint_small"),
    ("samples", "/from_public_test_suites/fingerprint_large"),
    ("samples", "/from_public_test_suites/xxtea"),
];

/// What says where a value comes from or what it shows. Nothing can be compared with it.
const REMARKS: &[&str] = &["name", "note", "source"];

/// Where the values lie in memory that a test has looked at.
static LOOKED_AT: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// Notes that a test looks at a value and all that is in it.
pub(crate) fn look(value: &Value) -> &Value {
    match value {
        Value::Array(values) => values.iter().for_each(|value| _ = look(value)),
        Value::Object(members) => members.values().for_each(|value| _ = look(value)),
        _ => {}
    }
    LOOKED_AT
        .lock()
        .unwrap()
        .insert(ptr::from_ref(value).addr());
    value
}

/// Runs the tests of a program that read known answers, and fails if they leave out a value of a member that is theirs.
#[track_caller]
pub(crate) fn assert_all_looked_at(program: &str, tests: &[fn()]) {
    for test in tests {
        test();
    }
    let mut left_out = Vec::new();
    for (_, member) in MEMBERS.iter().filter(|(owner, _)| *owner == program) {
        let value = VECTORS
            .pointer(member)
            .unwrap_or_else(|| panic!("there is no {member}"));
        collect_left_out(value, member, &mut left_out);
    }
    assert!(left_out.is_empty(), "no test looks at {left_out:#?}");
}

fn collect_left_out(value: &Value, path: &str, left_out: &mut Vec<String>) {
    match value {
        Value::Array(values) if !values.is_empty() => {
            for (place, value) in values.iter().enumerate() {
                collect_left_out(value, &format!("{path}/{place}"), left_out);
            }
        }
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                if !(REMARKS.contains(&&**name) && value.is_string()) {
                    collect_left_out(value, &format!("{path}/{name}"), left_out);
                }
            }
        }
        _ => {
            if !LOOKED_AT
                .lock()
                .unwrap()
                .contains(&ptr::from_ref(value).addr())
            {
                left_out.push(path.to_owned());
            }
        }
    }
}

/// Convenience on JSON values: what is missing is a broken vector file, so everything panics. What is read this way counts as
/// looked at.
pub(crate) trait Vector {
    fn list(&self, name: &str) -> &[Value];
    fn may_be_empty(&self, name: &str) -> &[Value];
    fn is_present(&self, name: &str) -> bool;
    fn str(&self, name: &str) -> &str;
    fn opt_str(&self, name: &str) -> Option<&str>;
    fn hex(&self, name: &str) -> Vec<u8>;
    fn opt_hex(&self, name: &str) -> Option<Vec<u8>>;
    fn array<const N: usize>(&self, name: &str) -> [u8; N];
    fn b64(&self, name: &str) -> Vec<u8>;
    fn u64(&self, name: &str) -> u64;
    fn opt_u64(&self, name: &str) -> Option<u64>;
    fn i64(&self, name: &str) -> i64;
    fn opt_i64(&self, name: &str) -> Option<i64>;
    fn f64(&self, name: &str) -> f64;
    fn bool(&self, name: &str) -> bool;
    fn opt_bool(&self, name: &str) -> Option<bool>;
    fn numbers(&self, name: &str) -> Vec<u64>;
}

impl Vector for Value {
    #[track_caller]
    fn list(&self, name: &str) -> &[Value] {
        let list = self.may_be_empty(name);
        assert!(!list.is_empty(), "{name} is empty");
        list
    }

    #[track_caller]
    fn may_be_empty(&self, name: &str) -> &[Value] {
        let list = self[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name} is no list"));
        if list.is_empty() {
            look(&self[name]);
        }
        list
    }

    fn is_present(&self, name: &str) -> bool {
        !look(&self[name]).is_null()
    }

    #[track_caller]
    fn str(&self, name: &str) -> &str {
        self.opt_str(name)
            .unwrap_or_else(|| panic!("{name} is no string in {self}"))
    }

    fn opt_str(&self, name: &str) -> Option<&str> {
        look(&self[name]).as_str()
    }

    #[track_caller]
    fn hex(&self, name: &str) -> Vec<u8> {
        unhex(self.str(name))
    }

    #[track_caller]
    fn opt_hex(&self, name: &str) -> Option<Vec<u8>> {
        self.opt_str(name).map(unhex)
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

    #[track_caller]
    fn u64(&self, name: &str) -> u64 {
        self.opt_u64(name)
            .unwrap_or_else(|| panic!("{name} is no number"))
    }

    fn opt_u64(&self, name: &str) -> Option<u64> {
        look(&self[name]).as_u64()
    }

    #[track_caller]
    fn i64(&self, name: &str) -> i64 {
        self.opt_i64(name)
            .unwrap_or_else(|| panic!("{name} is no number"))
    }

    fn opt_i64(&self, name: &str) -> Option<i64> {
        look(&self[name]).as_i64()
    }

    #[track_caller]
    fn f64(&self, name: &str) -> f64 {
        look(&self[name])
            .as_f64()
            .unwrap_or_else(|| panic!("{name} is no number"))
    }

    #[track_caller]
    fn bool(&self, name: &str) -> bool {
        self.opt_bool(name)
            .unwrap_or_else(|| panic!("{name} is neither true nor false"))
    }

    fn opt_bool(&self, name: &str) -> Option<bool> {
        look(&self[name]).as_bool()
    }

    #[track_caller]
    fn numbers(&self, name: &str) -> Vec<u64> {
        serde_json::from_value(look(&self[name]).clone()).unwrap()
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
