//! The yardstick.

use openssl::bn::{BigNum, BigNumRef};
use openssl::hash::MessageDigest;
use openssl::pkey::Private;
use openssl::rsa::{Padding, Rsa, RsaPrivateKeyBuilder};
use openssl::symm::{Cipher, Crypter, Mode};

/// AES-128 in counter mode over a buffer of 64 KiB in the cache, or one CBC chain over it.
pub(crate) struct Stream {
    crypter: Crypter,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Stream {
    pub(crate) const LEN: usize = 64 << 10;

    pub(crate) fn ctr() -> Self {
        Self::new(Cipher::aes_128_ctr())
    }

    pub(crate) fn cbc() -> Self {
        Self::new(Cipher::aes_128_cbc())
    }

    fn new(cipher: Cipher) -> Self {
        let crypter = Crypter::new(cipher, Mode::Encrypt, &[7; 16], Some(&[9; 16])).unwrap();
        Self {
            crypter,
            input: vec![3; Self::LEN],
            output: vec![0; Self::LEN + 16],
        }
    }

    pub(crate) fn run(&mut self) {
        self.crypter.update(&self.input, &mut self.output).unwrap();
    }
}

pub(crate) fn pbkdf2(password: &str, salt: &[u8], rounds: usize) -> [u8; 32] {
    let mut key = [0; 32];
    openssl::pkcs5::pbkdf2_hmac(
        password.as_bytes(),
        salt,
        rounds,
        MessageDigest::sha512(),
        &mut key,
    )
    .unwrap();
    key
}

/// A private key made of hexadecimal numbers.
pub(crate) struct PrivateKey(Rsa<Private>);

impl PrivateKey {
    pub(crate) fn new(n: &str, e: u32, d: &str, p: &str, q: &str) -> Self {
        let number = |hex: &str| BigNum::from_hex_str(hex).unwrap();
        let (d, p, q) = (number(d), number(p), number(q));
        let mut context = openssl::bn::BigNumContext::new().unwrap();
        let mut exponent = |prime: &BigNumRef| {
            let (mut less, mut rest) = (prime.to_owned().unwrap(), BigNum::new().unwrap());
            less.sub_word(1).unwrap();
            rest.nnmod(&d, &less, &mut context).unwrap();
            rest
        };
        let (dp, dq) = (exponent(&p), exponent(&q));
        let mut inverse = BigNum::new().unwrap();
        inverse.mod_inverse(&q, &p, &mut context).unwrap();
        let key = RsaPrivateKeyBuilder::new(number(n), BigNum::from_u32(e).unwrap(), d)
            .and_then(|key| key.set_factors(p, q))
            .and_then(|key| key.set_crt_params(dp, dq, inverse))
            .unwrap();
        Self(key.build())
    }

    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Vec<u8> {
        let mut plain = vec![0; self.0.size() as usize];
        self.0
            .private_decrypt(ciphertext, &mut plain, Padding::NONE)
            .unwrap();
        plain
    }
}
