//! RSA key pairs of accounts (crypto-and-accounts 1.4, 2.6 and 3.2 to 3.3), on plain big numbers.
//!
//! Timing is no secret here: the keys guard nothing but test accounts. A few fixed pairs come with the crate, since
//! making one takes long without optimisation.

use num_bigint::BigUint;
use rsa::traits::PrivateKeyParts as _;

use crate::seed::Seed;

/// A key pair in MEGA's form.
#[derive(Clone)]
pub(crate) struct Pair {
    p: BigUint,
    q: BigUint,
    e: BigUint,
}

impl Pair {
    /// One of the pairs that come with the crate; the number wraps around.
    pub(crate) fn fixed(index: usize) -> Option<Self> {
        let lines: Vec<&str> = FIXED.lines().collect();
        let line = lines.get(index.checked_rem(lines.len())?)?;
        let mut words = line.split(' ');
        let e = words.next()?.parse().ok()?;
        let p = BigUint::parse_bytes(words.next()?.as_bytes(), 16)?;
        let q = BigUint::parse_bytes(words.next()?.as_bytes(), 16)?;
        Some(Self { p, q, e })
    }

    /// Makes a new pair of 2048 bits with exponent 17, as the SDK does.
    pub(crate) fn generate(seed: &mut Seed) -> Option<Self> {
        let key = rsa::RsaPrivateKey::new_with_exp(seed, 2048, &rsa::BigUint::from(17_u8)).ok()?;
        let [p, q] = key.primes() else { return None };
        let number = |n: &rsa::BigUint| BigUint::from_bytes_be(&n.to_bytes_be());
        Some(Self {
            p: number(p),
            q: number(q),
            e: BigUint::from(17_u8),
        })
    }

    fn d(&self) -> Option<BigUint> {
        let phi = (&self.p - 1_u8) * (&self.q - 1_u8);
        self.e.modinv(&phi)
    }

    fn n(&self) -> BigUint {
        &self.p * &self.q
    }

    /// The plain private key blob: p, q, d, u as MPIs, then random bytes to a whole block.
    pub(crate) fn private_blob(&self, seed: &mut Seed) -> Option<Vec<u8>> {
        let u = self.p.modinv(&self.q)?;
        let mut out = Vec::new();
        for number in [&self.p, &self.q, &self.d()?, &u] {
            mpi(&mut out, number, false);
        }
        let padding = out.len().next_multiple_of(16) - out.len();
        out.extend(seed.bytes(padding));
        Some(out)
    }

    /// The form inside `^!keys`: p, q, d and nothing else.
    pub(crate) fn short_blob(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for number in [&self.p, &self.q, &self.d()?] {
            mpi(&mut out, number, false);
        }
        Some(out)
    }

    /// The public key blob: n and e as MPIs.
    pub(crate) fn public_blob(&self) -> Vec<u8> {
        let mut out = Vec::new();
        mpi(&mut out, &self.n(), false);
        mpi(&mut out, &self.e, false);
        out
    }

    /// The bytes that are signed: n, then e, without headers.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        [self.n().to_bytes_be(), self.e.to_bytes_be()].concat()
    }
}

/// A public key as the server reads it from `up`.
pub(crate) struct Public {
    n: BigUint,
    e: BigUint,
}

impl Public {
    /// Reads n and e; `None` when the blob is not two MPIs or the numbers cannot be a key.
    pub(crate) fn parse(blob: &[u8]) -> Option<Self> {
        let (n, rest) = read_mpi(blob)?;
        let (e, rest) = read_mpi(rest)?;
        (rest.len() < 16 && n.bits() >= 1024 && n.bits() <= 8192 && e.bits() > 1)
            .then_some(Self { n, e })
    }

    /// Encrypts a message that is filled up to one byte less than the modulus, as session ids are.
    pub(crate) fn encrypt_session(&self, message: &[u8], seed: &mut Seed) -> Vec<u8> {
        let bytes = usize::try_from(self.n.bits().div_ceil(8)).unwrap_or(0);
        let mut plain = message.to_vec();
        plain.extend(seed.bytes(bytes.saturating_sub(1).saturating_sub(plain.len())));
        let cipher = BigUint::from_bytes_be(&plain).modpow(&self.e, &self.n);
        let mut out = Vec::new();
        mpi(&mut out, &cipher, true);
        out
    }
}

/// Writes an MPI; the header counts bits exactly or rounded up to bytes, since real writers do both.
fn mpi(out: &mut Vec<u8>, number: &BigUint, exact: bool) {
    let bytes = number.to_bytes_be();
    let bits = if exact {
        number.bits()
    } else {
        bytes.len() as u64 * 8
    };
    out.extend_from_slice(&u16::try_from(bits).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&bytes);
}

fn read_mpi(blob: &[u8]) -> Option<(BigUint, &[u8])> {
    let (header, rest) = blob.split_first_chunk::<2>()?;
    let len = usize::from(u16::from_be_bytes(*header)).div_ceil(8);
    let (number, rest) = rest.split_at_checked(len)?;
    Some((BigUint::from_bytes_be(number), rest))
}

/// Exponent, p and q per line; made once for this crate, with the exponents of the SDK, the web client and megalib.
const FIXED: &str = include_str!("rsa_pairs.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_pair_decrypts_what_its_public_half_encrypts() {
        for index in 0..FIXED.lines().count() {
            let pair = Pair::fixed(index).unwrap();
            assert_eq!(pair.n().bits(), 2048);
            let mut seed = Seed::new(index as u64);
            let blob = pair.private_blob(&mut seed).unwrap();
            assert_eq!(blob.len() % 16, 0);
            assert_eq!(blob.len(), 656);
            let public = Public::parse(&pair.public_blob()).unwrap();
            let cipher = public.encrypt_session(b"hello, this is a session", &mut seed);
            let (c, _) = read_mpi(&cipher).unwrap();
            let plain = c.modpow(&pair.d().unwrap(), &pair.n()).to_bytes_be();
            assert_eq!(plain.len(), 255, "the web client demands it");
            assert!(plain.starts_with(b"hello, this is a session"));
        }
    }
}
