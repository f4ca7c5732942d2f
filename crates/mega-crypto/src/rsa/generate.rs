use crypto_bigint::{BoxedUint, ConcatenatingMul};
use crypto_primes::{Flavor, random_prime};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::RsaPrivateKey;
use super::accept::{Expected, accept};
use super::blob::Numbers;
use super::number;

impl RsaPrivateKey {
    /// Makes the key pair of an account that has none: 2048 bits, e = 17, as the official client
    /// does (crypto-and-accounts 3.4).
    ///
    /// Only for an account whose `ug` was just read and shows neither `pubk` nor `privk` nor
    /// `^!keys`, and only once. Takes up to some seconds; run it off an asynchronous executor.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        loop {
            let p: Zeroizing<BoxedUint> =
                Zeroizing::new(random_prime(rng, Flavor::Any, PRIME_BITS));
            let q: Zeroizing<BoxedUint> =
                Zeroizing::new(random_prime(rng, Flavor::Any, PRIME_BITS));
            // What does not pass as a key of somebody else is not used as our own either.
            if let Some(key) = assemble(&p, &q, rng) {
                return key;
            }
        }
    }
}

fn assemble<R: CryptoRng + ?Sized>(
    p: &BoxedUint,
    q: &BoxedUint,
    rng: &mut R,
) -> Option<RsaPrivateKey> {
    let one = BoxedUint::one_with_precision(PRIME_BITS);
    let p_minus_one = Zeroizing::new(p.wrapping_sub(&one));
    let q_minus_one = Zeroizing::new(q.wrapping_sub(&one));
    if number::bits(&p.concatenating_mul(q)) != MODULUS_BITS {
        return None;
    }
    // d is the inverse of e modulo the least common multiple, as the official client computes it.
    let gcd = Zeroizing::new(crypto_bigint::Gcd::gcd(&*p_minus_one, &*q_minus_one));
    let product = Zeroizing::new(p_minus_one.concatenating_mul(&*q_minus_one));
    let lambda = Zeroizing::new(
        product.wrapping_div(&number::nonzero(&number::resized(&gcd, MODULUS_BITS)?)?),
    );
    let e = number::resized(&BoxedUint::from(EXPONENT), MODULUS_BITS)?;
    let d: BoxedUint = Option::from(e.invert_mod(&number::nonzero(&lambda)?))?;
    let d = Zeroizing::new(d);
    let odd_q = number::odd(q)?;
    let u: BoxedUint = Option::from(p.rem(odd_q.as_nz_ref()).invert_odd_mod(&odd_q))?;
    let u = Zeroizing::new(u);
    let [p, q, d, u] = [p, q, &d, &u].map(number::to_secret_bytes);
    accept(
        Some(Numbers {
            p: &p,
            q: &q,
            d: &d,
            u: Some(&u),
        }),
        false,
        &Expected::default(),
        rng,
    )
    .ok()
}

const PRIME_BITS: u32 = 1024;
const MODULUS_BITS: u32 = 2 * PRIME_BITS;
const EXPONENT: u64 = 17;
