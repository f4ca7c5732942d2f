use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Choice, CtEq, RandomBits};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Whether an odd number is a probable prime: 32 rounds of Miller and Rabin with random bases
/// (threat model, RSA-5), so that a composite passes with a chance below 2^-64 even if an attacker
/// chose it.
///
/// The work does not depend on the answer: every round runs to its end, also after one has failed.
pub(super) fn is_probable_prime<R: CryptoRng + ?Sized>(number: &BoxedUint, rng: &mut R) -> Choice {
    let Some(modulus) = super::number::odd(number) else {
        return Choice::FALSE;
    };
    let params = &BoxedMontyParams::new(modulus);
    let modulus = params.modulus().as_ref();
    let bits = modulus.bits_precision();
    let one = BoxedUint::one_with_precision(bits);
    let minus_one = Zeroizing::new(modulus.wrapping_sub(&one));
    let twos = minus_one.trailing_zeros();
    let odd_part = Zeroizing::new(minus_one.shr(twos));
    let (one, minus_one) = (
        BoxedMontyForm::one(params),
        BoxedMontyForm::one(params).neg(),
    );

    let mut prime = Choice::from_u32_le(twos, MAX_TWOS);
    for _ in 0..ROUNDS {
        // Reducing twice the width makes the base uniform, up to nothing.
        let random = BoxedUint::random_bits_with_precision(rng, 2 * bits, 2 * bits);
        let base = super::number::reduce(&random, params);
        let mut power = base.pow(&odd_part);
        let mut passed = power.ct_eq(&one) | power.ct_eq(&minus_one);
        for step in 1..MAX_TWOS {
            power = power.square();
            passed |= power.ct_eq(&minus_one) & !Choice::from_u32_le(twos, step);
        }
        // Zero says nothing; it comes up once in 2^1000 times.
        prime &= passed | base.is_zero();
    }
    prime
}

const ROUNDS: u32 = 32;

/// How often 2 may divide p - 1: of real primes once in 2^64 more often than that. A fixed bound
/// keeps the work the same.
const MAX_TWOS: u32 = 64;
