use crypto_bigint::modular::BoxedMontyParams;
use crypto_bigint::{BoxedUint, Choice, ConcatenatingMul, CtEq, CtLt};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::blob::Numbers;
use super::decoy::DECOY;
use super::number::{self, bit_len};
use super::prime::is_probable_prime;
use super::private::Parts;
use super::{RsaPrivateKey, RsaPublicKey};
use crate::mac::hmac_sha256;
use crate::{Error, MasterKey};

/// What is already known about an account's key. Whatever is set must hold (threat model, RSA-8).
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "written with `..Default::default()`"
)]
pub struct Expected<'a> {
    /// The `pubk` that the server gives for the account.
    pub public: Option<&'a RsaPublicKey>,
    /// The copy of the key inside `^!keys`.
    pub copy: Option<&'a RsaPrivateKey>,
    /// The [`RsaPublicKey::pin`] remembered from an earlier login.
    pub pin: Option<[u8; 32]>,
    /// The verdict remembered from an earlier login: spares the primality tests if the ciphertext
    /// and the master key are the same (threat model, RSA-12). All other checks are done again.
    pub verdict: Option<RsaVerdict>,
}

/// Says that a private key passed every check, without saying anything about the key. Bound to its
/// ciphertext and to the master key. Keep it only where nobody else can write.
///
/// `Debug` shows the type's name only; compared in constant time.
#[derive(Clone, Copy)]
pub struct RsaVerdict([u8; 32]);

crate::secret::opaque!(RsaVerdict);

impl PartialEq for RsaVerdict {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), other.0.as_slice()).into()
    }
}

impl Eq for RsaVerdict {}

impl RsaVerdict {
    /// Restores a remembered verdict from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes, for remembering.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The verdict that a good key with this ciphertext gets.
    fn of(ciphertext: &[u8], master: &MasterKey) -> Self {
        Self(hmac_sha256(
            master.expose_secret(),
            &[b"mega-crypto RSA key accepted 1", ciphertext],
        ))
    }
}

impl RsaPrivateKey {
    /// Opens the `privk` of an account and checks the key (threat model, RSA-1 to RSA-8).
    ///
    /// Takes some tens of milliseconds, most of it for the primality of the factors; run it off an
    /// asynchronous executor.
    ///
    /// # Errors
    ///
    /// [`Error::PrivateKeyRejected`], whatever is wrong.
    pub fn open<R: CryptoRng + ?Sized>(
        ciphertext: &[u8],
        master: &MasterKey,
        expected: &Expected<'_>,
        rng: &mut R,
    ) -> Result<Self, Error> {
        // RSA-1. This much the server sees anyway: it sent the bytes.
        let whole_blocks = ciphertext.len().is_multiple_of(16);
        if !whole_blocks || !CIPHERTEXT.contains(&ciphertext.len()) {
            return Err(Error::PrivateKeyRejected);
        }
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        master.cipher().decrypt_blocks(plain.as_chunks_mut().0);
        let verdict = RsaVerdict::of(ciphertext, master);
        let known = expected.verdict.is_some_and(|v| {
            subtle::ConstantTimeEq::ct_eq(v.0.as_slice(), verdict.0.as_slice()).into()
        });
        let mut key = accept(Numbers::read(&plain), known, expected, rng)?;
        key.verdict = Some(verdict);
        Ok(key)
    }

    /// Reads the copy of the key inside `^!keys` (tag 18): p, q and d, not encrypted any further.
    /// The same checks.
    ///
    /// # Errors
    ///
    /// [`Error::PrivateKeyRejected`], whatever is wrong.
    pub fn from_short_form<R: CryptoRng + ?Sized>(
        plain: &[u8],
        expected: &Expected<'_>,
        rng: &mut R,
    ) -> Result<Self, Error> {
        if plain.len() > *CIPHERTEXT.end() {
            return Err(Error::PrivateKeyRejected);
        }
        accept(Numbers::read_short(plain), false, expected, rng)
    }
}

/// Checks the numbers of a key. The work is the same whether they hold or not, and whichever does
/// not: numbers that cannot be worked with are replaced by a key of our own, and every check is
/// done (threat model, RSA-11, ATT-8).
pub(super) fn accept<R: CryptoRng + ?Sized>(
    numbers: Option<Numbers<'_>>,
    primes_known: bool,
    expected: &Expected<'_>,
    rng: &mut R,
) -> Result<RsaPrivateKey, Error> {
    let workable = numbers.filter(sizes_are_good);
    let readable = choice(workable.is_some());
    let numbers = workable.unwrap_or(DECOY);
    let (parts, consistent) = examine(numbers).ok_or(Error::PrivateKeyRejected)?;
    let prime = if primes_known {
        Choice::TRUE
    } else {
        is_probable_prime(&parts.p, rng) & is_probable_prime(&parts.q, rng)
    };
    let key = RsaPrivateKey::from_parts(parts);
    let as_expected = matches(&key, expected);
    let accepted = readable & consistent & prime & as_expected;
    if accepted.to_bool() {
        Ok(key)
    } else {
        Err(Error::PrivateKeyRejected)
    }
}

/// RSA-3 as far as lengths go, and the lower bounds of the official client (crypto-and-accounts
/// 3.2); p and q have more than 1000 bits because they have 2040 together and differ by 16 at most.
fn sizes_are_good(numbers: &Numbers<'_>) -> bool {
    let (p, q, d) = (bit_len(numbers.p), bit_len(numbers.q), bit_len(numbers.d));
    p.abs_diff(q) <= 16
        && (2040..=4097).contains(&(p + q))
        && (2001..=p + q).contains(&d)
        && numbers.u.is_none_or(|u| (1001..=q).contains(&bit_len(u)))
}

/// Computes everything that a private operation needs, and checks RSA-3, RSA-4, RSA-6 and RSA-7 on
/// the way.
fn examine(numbers: Numbers<'_>) -> Option<(Parts, Choice)> {
    let half = number::width(bit_len(numbers.p).max(bit_len(numbers.q)));
    let whole = 2 * half;
    let mut p = number::read(numbers.p, half)?;
    let mut q = number::read(numbers.q, half)?;
    let d = number::read(numbers.d, whole)?;

    let mut good = odd(&p) & odd(&q) & !p.ct_eq(&*q);
    // So that the rest can be computed with even numbers too.
    make_odd(&mut p);
    make_odd(&mut q);
    let odd_q = number::odd(&q)?;
    let one = BoxedUint::one_with_precision(half);
    let p_minus_one = Zeroizing::new(p.wrapping_sub(&one));
    let q_minus_one = Zeroizing::new(q.wrapping_sub(&one));

    let n = p.concatenating_mul(&*q);
    good &= choice((2040..=4096).contains(&number::bits(&n)));
    let phi = Zeroizing::new(p_minus_one.concatenating_mul(&*q_minus_one));
    good &= d.is_nonzero() & d.ct_lt(&phi);

    // u: given, or computed for the short form.
    let inverse: Option<BoxedUint> = p.rem(odd_q.as_nz_ref()).invert_odd_mod(&odd_q).into();
    good &= choice(inverse.is_some());
    let computed = Zeroizing::new(inverse.unwrap_or_else(|| one.clone()));
    let u = match numbers.u {
        Some(u) => number::read(u, half)?,
        None => computed.clone(),
    };
    good &= u.is_nonzero() & u.ct_lt(&*q) & u.ct_eq(&*computed);

    // e is the inverse of d modulo p - 1 and modulo q - 1: one small odd number, or no key.
    let (divisor_p, divisor_q) = (
        number::nonzero(&p_minus_one)?,
        number::nonzero(&q_minus_one)?,
    );
    let dp = Zeroizing::new(d.rem(&divisor_p));
    let dq = Zeroizing::new(d.rem(&divisor_q));
    let e_p: Option<BoxedUint> = dp.invert_mod(&divisor_p).into();
    let e_q: Option<BoxedUint> = dq.invert_mod(&divisor_q).into();
    // A d without an inverse gets 1, which is no exponent either.
    let e_p = Zeroizing::new(e_p.unwrap_or_else(|| one.clone()));
    let e_q = Zeroizing::new(e_q.unwrap_or_else(|| one.clone()));
    let e = u64::from(small(&e_p));
    good &= e_p.ct_eq(&*e_q)
        & e_p.ct_eq(&number::resized(&BoxedUint::from(e), half)?)
        & choice(e % 2 == 1 && (3..=65537).contains(&e));

    let parts = Parts {
        p,
        q,
        d,
        dp,
        dq,
        u,
        n: BoxedMontyParams::new_vartime(number::odd(&n)?),
        e,
    };
    Some((parts, good))
}

/// RSA-8.
fn matches(key: &RsaPrivateKey, expected: &Expected<'_>) -> Choice {
    let public = expected
        .public
        .is_none_or(|public| public == key.public_key());
    let copy = expected.copy.is_none_or(|copy| copy.has_same_numbers(key));
    let pin = expected.pin.is_none_or(|pin| {
        subtle::ConstantTimeEq::ct_eq(key.public_key().pin().as_slice(), pin.as_slice()).into()
    });
    choice(public & copy & pin)
}

fn choice(condition: bool) -> Choice {
    Choice::from_u8_lsb(u8::from(condition))
}

fn odd(number: &BoxedUint) -> Choice {
    number.bit(0)
}

fn make_odd(number: &mut BoxedUint) {
    if let Some(lowest) = number.as_mut_words().first_mut() {
        *lowest |= 1;
    }
}

/// The lowest bits of a number, as many as a public exponent may have.
fn small(number: &BoxedUint) -> u32 {
    let lowest = number.as_words().first().copied().unwrap_or_default();
    u32::try_from(lowest & 0xff_ffff).unwrap_or_default()
}

/// RSA-1, in bytes.
const CIPHERTEXT: core::ops::RangeInclusive<usize> = 256..=4096;
