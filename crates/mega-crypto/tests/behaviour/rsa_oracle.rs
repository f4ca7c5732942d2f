//! Our RSA against `num-bigint` and the `rsa` crate.

use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::{Error, NodeKind, ShareKey, base64, mpi, os_rng};
use num_bigint::BigUint;
use rsa::traits::PublicKeyParts;

use crate::support::{VICTIM, ciphertext};

fn key() -> RsaPrivateKey {
    RsaPrivateKey::open(
        &VICTIM.good_privk(),
        &VICTIM.master,
        &Expected::default(),
        &mut os_rng(),
    )
    .unwrap()
}

#[test]
fn private_operations_agree_with_plain_exponentiation() {
    let (v, key) = (&*VICTIM, key());
    let mut numbers = vec![
        BigUint::from(0u32),
        BigUint::from(1u32),
        &v.n - 1u32,
        &v.n - 2u32,
        v.p.clone() + 1u32,
    ];
    for _ in 0..20 {
        let mut bytes = vec![0; 256];
        getrandom::fill(&mut bytes).unwrap();
        numbers.push(BigUint::from_bytes_be(&bytes) % &v.n);
    }
    for c in numbers {
        let plain = key.decrypt(&ciphertext(&c), &mut os_rng()).unwrap();
        let expected = c.modpow(&v.d, &v.n);
        assert_eq!(BigUint::from_bytes_be(plain.expose_secret()), expected);
        let minimal = expected.to_bytes_be().len();
        assert_eq!(
            plain.expose_secret().len(),
            minimal.max(254),
            "fixed width unless the number is larger"
        );
        assert_eq!(BigUint::from_bytes_be(&v.oracle_decrypt(&c)), expected);
    }
}

impl crate::support::Victim {
    fn oracle_decrypt(&self, c: &BigUint) -> Vec<u8> {
        let c = rsa::BigUint::from_bytes_be(&c.to_bytes_be());
        rsa::hazmat::rsa_decrypt(None::<&mut NoBlinding>, &self.oracle(), &c)
            .unwrap()
            .to_bytes_be()
    }
}

/// The oracle works without randomness, so there is never a value of this type.
enum NoBlinding {}

impl rsa::rand_core::CryptoRng for NoBlinding {}

impl rsa::rand_core::RngCore for NoBlinding {
    fn next_u32(&mut self) -> u32 {
        match *self {}
    }

    fn next_u64(&mut self) -> u64 {
        match *self {}
    }

    fn fill_bytes(&mut self, _: &mut [u8]) {
        match *self {}
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        match *self {}
    }
}

#[test]
fn multiples_of_a_prime_decrypt_too() {
    let (v, key) = (&*VICTIM, key());
    for c in [v.p.clone(), v.q.clone(), &v.p * 12345u32] {
        let plain = key.decrypt(&ciphertext(&c), &mut os_rng()).unwrap();
        assert_eq!(
            BigUint::from_bytes_be(plain.expose_secret()),
            c.modpow(&v.d, &v.n)
        );
    }
}

#[test]
fn numbers_that_are_not_below_the_modulus_are_refused() {
    let (v, key) = (&*VICTIM, key());
    for c in [
        v.n.clone(),
        &v.n + 1u32,
        BigUint::from(1u32) << 2048u32,
        BigUint::from(1u32) << 60000u32,
    ] {
        assert_eq!(
            key.decrypt(&ciphertext(&c), &mut os_rng()).unwrap_err(),
            Error::PrivateKeyRejected
        );
    }
    for bad in [&[][..], &[8], &[8, 0], &[8, 0, 1, 2, 3]] {
        assert_eq!(
            key.decrypt(bad, &mut os_rng()).unwrap_err(),
            Error::PrivateKeyRejected
        );
    }
}

#[test]
fn rsa_10_encryption_agrees_with_plain_exponentiation_and_keeps_leading_zeros() {
    let (v, key) = (&*VICTIM, key());
    for data in [&[0u8; 32][..], &[0, 0, 1], &[0xff; 254], b""] {
        let sent = key.public_key().encrypt(data, &mut os_rng()).unwrap();
        let c = mpi::split_first(&sent).unwrap();
        assert!(c.rest.is_empty() && c.is_canonical());
        let m = BigUint::from_bytes_be(c.magnitude).modpow(&v.d, &v.n);
        let plain = key.decrypt(&sent, &mut os_rng()).unwrap();
        assert_eq!(BigUint::from_bytes_be(plain.expose_secret()), m);
        assert_eq!(plain.expose_secret().len(), 254);
        assert!(plain.expose_secret().starts_with(data));
    }
    assert!(matches!(
        key.public_key().encrypt(&[1; 255], &mut os_rng()),
        Err(Error::TooLarge { .. })
    ));
    // The filler is random.
    let [a, b] = [(); 2].map(|()| key.public_key().encrypt(b"x", &mut os_rng()).unwrap());
    assert_ne!(a, b);
}

#[test]
fn generated_keys_are_what_other_libraries_call_a_key() {
    let key = RsaPrivateKey::generate(&mut os_rng());
    assert_eq!(key.public_key().e(), 17);
    let n = BigUint::from_bytes_be(key.public_key().n());
    assert_eq!(n.bits(), 2048);
    let short = key.to_short_form();
    let [p, q, d] = mpi::read(&short).unwrap().map(BigUint::from_bytes_be);
    assert_eq!(&p * &q, n);
    assert_eq!((p.bits(), q.bits()), (1024, 1024));
    let big = |n: &BigUint| rsa::BigUint::from_bytes_be(&n.to_bytes_be());
    let oracle =
        rsa::RsaPrivateKey::from_components(big(&n), 17u32.into(), big(&d), vec![big(&p), big(&q)])
            .unwrap();
    oracle.validate().unwrap();
    assert_eq!(oracle.n().to_bytes_be(), key.public_key().n());
    // Two keys are two keys.
    assert_ne!(
        RsaPrivateKey::generate(&mut os_rng()).public_key(),
        key.public_key()
    );
}

#[test]
fn public_keys_of_a_wrong_shape_are_refused() {
    let good = key().public_key().to_bytes();
    RsaPublicKey::from_bytes(&good).unwrap();
    let build = |n: &BigUint, e: &[u8]| {
        let mut blob = Vec::new();
        mpi::write(&n.to_bytes_be(), &mut blob);
        mpi::write(e, &mut blob);
        blob
    };
    let n = &VICTIM.n;
    for (blob, what) in [
        (good[..good.len() - 1].to_vec(), "cut"),
        (vec![], "nothing"),
        (build(&(n - 1u32), &[17]), "even modulus"),
        (build(&(n >> 1100u32), &[17]), "short modulus"),
        (build(&((n << 2100u32) + 1u32), &[17]), "long modulus"),
        (build(n, &[16]), "even exponent"),
        (build(n, &[1]), "exponent 1"),
        (build(n, &[]), "exponent 0"),
        (build(n, &[1; 9]), "long exponent"),
        ([good.clone(), vec![0; 16]].concat(), "too much behind"),
    ] {
        assert!(RsaPublicKey::from_bytes(&blob).is_err(), "{what}");
    }
    // Fewer than sixteen bytes behind the numbers are tolerated, and signatures count them as
    // padding of e.
    let padded = RsaPublicKey::from_bytes(&[good.clone(), vec![0; 15]].concat()).unwrap();
    assert_eq!(
        padded.signed_bytes().len(),
        RsaPublicKey::from_bytes(&good)
            .unwrap()
            .signed_bytes()
            .len()
            + 15
    );
}

#[test]
fn share_keys_and_node_keys_travel() {
    let key = key();
    let share = ShareKey::random(&mut os_rng());
    let sent = base64::encode(
        &key.public_key()
            .encrypt_share_key(&share, &mut os_rng())
            .unwrap(),
    );
    assert_eq!(key.decrypt_share_key(&sent, &mut os_rng()).unwrap(), share);
    // NOD-2: a key that protects nothing is refused also when it comes this way.
    let zero = base64::encode(&key.public_key().encrypt(&[0; 32], &mut os_rng()).unwrap());
    for kind in [NodeKind::File, NodeKind::Folder] {
        let refused = key.decrypt_node_key(&zero, kind, &mut os_rng());
        assert!(matches!(refused, Err(Error::ZeroKey { .. })));
    }
    assert!(matches!(
        key.decrypt_share_key(&zero, &mut os_rng()),
        Err(Error::ZeroKey { .. })
    ));
    assert!(key.decrypt_share_key("!", &mut os_rng()).is_err());
    assert!(
        key.decrypt_share_key("A".repeat(100_000), &mut os_rng())
            .is_err()
    );
}
