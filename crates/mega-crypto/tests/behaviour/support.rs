use std::sync::LazyLock;

use mega_crypto::{MasterKey, mpi, os_rng};
use num_bigint::BigUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

/// An account whose every number the attacker knows: the server of the threat model, section 3, who
/// "may cheat".
pub(crate) struct Victim {
    pub(crate) master: MasterKey,
    pub(crate) p: BigUint,
    pub(crate) q: BigUint,
    pub(crate) d: BigUint,
    pub(crate) n: BigUint,
    pub(crate) e: BigUint,
}

pub(crate) static VICTIM: LazyLock<Victim> = LazyLock::new(|| {
    let key = mega_crypto::rsa::RsaPrivateKey::generate(&mut os_rng());
    let short = key.to_short_form();
    let [p, q, d] = mpi::read(&short).unwrap();
    let number = BigUint::from_bytes_be;
    Victim {
        master: MasterKey::random(&mut os_rng()),
        p: number(p),
        q: number(q),
        d: number(d),
        n: number(key.public_key().n()),
        e: BigUint::from(key.public_key().e()),
    }
});

impl Victim {
    /// The true `p^-1 mod q`.
    pub(crate) fn u(&self) -> BigUint {
        self.p.modinv(&self.q).unwrap()
    }

    /// `privk` of these numbers, as the server would store it.
    pub(crate) fn privk(&self, p: &BigUint, q: &BigUint, d: &BigUint, u: &BigUint) -> Vec<u8> {
        let mut plain = Vec::new();
        for number in [p, q, d, u] {
            mpi::write(&number.to_bytes_be(), &mut plain);
        }
        plain.resize(plain.len().next_multiple_of(16), 0x5a);
        self.encrypt(plain)
    }

    pub(crate) fn encrypt(&self, mut plain: Vec<u8>) -> Vec<u8> {
        self.master.cipher().encrypt_blocks(plain.as_chunks_mut().0);
        plain
    }

    pub(crate) fn good_privk(&self) -> Vec<u8> {
        self.privk(&self.p, &self.q, &self.d, &self.u())
    }

    /// The same key in the `rsa` crate.
    pub(crate) fn oracle(&self) -> rsa::RsaPrivateKey {
        let big = |n: &BigUint| rsa::BigUint::from_bytes_be(&n.to_bytes_be());
        let primes = vec![big(&self.p), big(&self.q)];
        let key =
            rsa::RsaPrivateKey::from_components(big(&self.n), big(&self.e), big(&self.d), primes)
                .unwrap();
        assert_eq!(key.n().to_bytes_be(), self.n.to_bytes_be());
        assert_eq!(key.primes().len(), 2);
        key
    }
}

/// A number as the ciphertext that a server sends.
pub(crate) fn ciphertext(number: &BigUint) -> Vec<u8> {
    let mut text = Vec::new();
    mpi::write(&number.to_bytes_be(), &mut text);
    text
}
