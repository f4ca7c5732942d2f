//! Passwords, RSA, node keys and attributes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use mega_crypto::attributes::Attributes;
use mega_crypto::rsa::{Expected, RsaPrivateKey};
use mega_crypto::{AttributeKey, KeyCipher, MasterKey, base64, os_rng, password};
use num_bigint::BigUint;

use crate::openssl::{self, PrivateKey};

pub(crate) const PASSWORD: &str = "correct horse!";
pub(crate) const SALT: [u8; 32] = [5; 32];

/// The same private key for us, for OpenSSL, and as plain numbers; and something to decrypt.
pub(crate) struct RsaCase {
    ours: RsaPrivateKey,
    openssl: PrivateKey,
    n: BigUint,
    d: BigUint,
    /// With its length in front.
    ciphertext: Vec<u8>,
}

impl RsaCase {
    pub(crate) fn new() -> Self {
        let text = include_str!("../../../crates/mega-crypto/tests/vectors/vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let case = &vectors["login_csid"][1];
        let rsa = &case["rsa"];
        let text = |name: &str| rsa[name].as_str().unwrap();
        let number = |name: &str| BigUint::parse_bytes(text(name).as_bytes(), 16).unwrap();
        let master = bytes_of_hex(case["master_key"].as_str().unwrap());
        let master = MasterKey::from_slice(&master).unwrap();
        let sealed = base64::decode(text("privk_b64")).unwrap();
        let mut rng = os_rng();
        Self {
            ours: RsaPrivateKey::open(&sealed, &master, &Expected::default(), &mut rng).unwrap(),
            openssl: PrivateKey::new(
                text("n_hex"),
                rsa["e"].as_u64().unwrap() as u32,
                text("d_hex"),
                text("p_hex"),
                text("q_hex"),
            ),
            n: number("n_hex"),
            d: number("d_hex"),
            ciphertext: base64::decode(case["csid"][0]["csid_b64"].as_str().unwrap()).unwrap(),
        }
    }

    pub(crate) fn ours(&self) {
        black_box(self.ours.decrypt(&self.ciphertext, &mut os_rng()).unwrap());
    }

    pub(crate) fn openssl(&self) {
        black_box(self.openssl.decrypt(&self.ciphertext[2..]));
    }

    pub(crate) fn plain(&self) {
        black_box(BigUint::from_bytes_be(&self.ciphertext[2..]).modpow(&self.d, &self.n));
    }
}

/// A folder of many files: their wrapped keys and their attributes.
pub(crate) struct Nodes {
    cipher: KeyCipher,
    wrapped: Vec<[u8; 32]>,
    fields: Vec<(AttributeKey, Vec<u8>)>,
}

impl Nodes {
    pub(crate) fn new(count: usize) -> Self {
        let fields = (0..count).map(|i| {
            let key = AttributeKey::from_bytes((i as u128 + 1).to_le_bytes());
            let json = format!(r#"{{"n":"photo {i:08}.jpg","c":"c29tZSB0ZXh0AAAAAAAAAAQA8VNl"}}"#);
            let mut field = Attributes::parse(json.as_bytes())
                .unwrap()
                .encrypt(&key)
                .unwrap();
            field.shrink_to_fit();
            (key, field)
        });
        Self {
            cipher: KeyCipher::new(&[3; 16]),
            fields: fields.collect(),
            wrapped: vec![[7; 32]; count],
        }
    }

    pub(crate) fn unwrap_keys(&mut self) {
        self.cipher.decrypt_file_keys(&mut self.wrapped);
        black_box(&self.wrapped);
    }

    pub(crate) fn decrypt_attributes(&self) {
        for (key, field) in &self.fields {
            black_box(Attributes::decrypt(key, field).unwrap());
        }
    }
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("password");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    group.bench_function("v1", |bench| {
        bench.iter(|| password::derive_v1(PASSWORD, "user@example.com"))
    });
    group.bench_function("v2", |bench| {
        bench.iter(|| password::derive_v2(PASSWORD, &SALT))
    });
    group.bench_function("v2, OpenSSL", |bench| {
        bench.iter(|| openssl::pbkdf2(PASSWORD, &SALT, 100_000))
    });
    group.finish();

    let rsa = RsaCase::new();
    let mut group = criterion.benchmark_group("RSA-2048 private");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2));
    group.bench_function("ours", |bench| bench.iter(|| rsa.ours()));
    group.bench_function("OpenSSL", |bench| bench.iter(|| rsa.openssl()));
    group.bench_function("num-bigint without CRT", |bench| bench.iter(|| rsa.plain()));
    group.finish();

    let mut nodes = Nodes::new(10_000);
    let mut group = criterion.benchmark_group("10000 nodes");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("unwrap the keys", |bench| {
        bench.iter(|| nodes.unwrap_keys())
    });
    group.bench_function("decrypt the attributes", |bench| {
        bench.iter(|| nodes.decrypt_attributes())
    });
    group.finish();
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}
