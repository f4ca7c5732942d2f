use alloc::vec::Vec;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, CtEq, CtLt, RandomBits};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::blob::Numbers;
use super::{RsaPublicKey, RsaVerdict, number};
use crate::secret::opaque;
use crate::{Error, FileKey, FolderKey, MasterKey, NodeKey, NodeKind, ShareKey, base64, mpi};

/// An RSA private key that passed every check: see the [module](super).
///
/// Wiped when dropped; `Debug` shows the type's name only.
pub struct RsaPrivateKey {
    parts: Parts,
    public: RsaPublicKey,
    pub(super) verdict: Option<RsaVerdict>,
}

/// The numbers of a key, ready for use, each wiped on drop. `p` and `q` have the same width, `n`
/// and `d` twice that.
///
/// What a private operation computes on the way lies on the heap and is freed without being wiped,
/// as far as it is inside `crypto-bigint`; that is why nothing prepared from a prime is kept here.
pub(super) struct Parts {
    pub(super) p: Zeroizing<BoxedUint>,
    pub(super) q: Zeroizing<BoxedUint>,
    pub(super) d: Zeroizing<BoxedUint>,
    /// `d mod p - 1`.
    pub(super) dp: Zeroizing<BoxedUint>,
    /// `d mod q - 1`.
    pub(super) dq: Zeroizing<BoxedUint>,
    /// `p^-1 mod q`.
    pub(super) u: Zeroizing<BoxedUint>,
    pub(super) n: BoxedMontyParams,
    pub(super) e: u64,
}

impl RsaPrivateKey {
    pub(super) fn from_parts(parts: Parts) -> Self {
        let public = RsaPublicKey::new(parts.n.modulus().as_ref(), parts.e);
        Self {
            parts,
            public,
            verdict: None,
        }
    }

    /// The public half.
    pub const fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    /// What to remember so that the next opening is fast: see
    /// [`Expected::verdict`](super::Expected::verdict). `None` for a key that was not opened from a
    /// ciphertext.
    pub const fn verdict(&self) -> Option<RsaVerdict> {
        self.verdict
    }

    /// Encrypts the key under the master key, for the `privk` of an account that has none yet
    /// (crypto-and-accounts 3.4).
    pub fn seal<R: CryptoRng + ?Sized>(&self, master: &MasterKey, rng: &mut R) -> Vec<u8> {
        let [p, q, d, u] = self.numbers();
        let mut plain = Numbers {
            p: &p,
            q: &q,
            d: &d,
            u: Some(&u),
        }
        .write();
        let used = plain.len();
        plain.resize(used.next_multiple_of(16), 0);
        rng.fill_bytes(plain.get_mut(used..).unwrap_or_default());
        master.cipher().encrypt_blocks(plain.as_chunks_mut().0);
        // Encrypted, so no longer a secret.
        plain.to_vec()
    }

    /// The short form for `^!keys` (tag 18): p, q and d.
    pub fn to_short_form(&self) -> Zeroizing<Vec<u8>> {
        let [p, q, d, _] = self.numbers();
        Numbers {
            p: &p,
            q: &q,
            d: &d,
            u: None,
        }
        .write()
    }

    /// Decrypts a ciphertext: one number in front of anything (crypto-and-accounts 2.6.3).
    ///
    /// # Errors
    ///
    /// [`Error::PrivateKeyRejected`] if it is not a number below the modulus, or if the result
    /// fails its check.
    pub fn decrypt<R: CryptoRng + ?Sized>(
        &self,
        ciphertext: &[u8],
        rng: &mut R,
    ) -> Result<RsaPlaintext, Error> {
        let c = mpi::split_first(ciphertext).ok_or(Error::PrivateKeyRejected)?;
        let bits = self.parts.n.bits_precision();
        let c = number::read(c.magnitude, bits).ok_or(Error::PrivateKeyRejected)?;
        let modulus = self.parts.n.modulus().as_ref();
        if !c.ct_lt(modulus).to_bool() {
            return Err(Error::PrivateKeyRejected);
        }
        let m = self
            .private_operation(&c, rng)
            .ok_or(Error::PrivateKeyRejected)?;
        Ok(self.lay_out(&m))
    }

    /// Decrypts the key of a node that was encrypted for this account: the text of a `k` entry
    /// (crypto-and-accounts 4.2). Do it only when the user needs the node (threat model, NOD-5).
    ///
    /// # Errors
    ///
    /// [`Error::Base64`], [`Error::PrivateKeyRejected`], or [`Error::ZeroKey`] if the key protects
    /// nothing. None of them must lead to a request that another outcome would not (threat model,
    /// ATT-6).
    pub fn decrypt_node_key<R: CryptoRng + ?Sized>(
        &self,
        text: impl AsRef<[u8]>,
        kind: NodeKind,
        rng: &mut R,
    ) -> Result<NodeKey, Error> {
        let plain = self.decrypt(&decode(text.as_ref())?, rng)?;
        match kind {
            NodeKind::File => FileKey::from_bytes(plain.first()?).map(NodeKey::File),
            NodeKind::Folder => FolderKey::from_bytes(plain.first()?).map(NodeKey::Folder),
        }
    }

    /// Decrypts a share key that was encrypted for this account (crypto-and-accounts 4.5). Only in
    /// accounts without `^!keys`.
    ///
    /// # Errors
    ///
    /// As for [`RsaPrivateKey::decrypt_node_key`].
    pub fn decrypt_share_key<R: CryptoRng + ?Sized>(
        &self,
        text: impl AsRef<[u8]>,
        rng: &mut R,
    ) -> Result<ShareKey, Error> {
        let plain = self.decrypt(&decode(text.as_ref())?, rng)?;
        ShareKey::from_bytes(plain.first()?)
    }

    /// Whether p, q and d are the same. Constant time.
    pub(super) fn has_same_numbers(&self, other: &Self) -> bool {
        let mut ours = Numbers {
            u: None,
            ..borrow(&self.numbers())
        }
        .write();
        let mut theirs = Numbers {
            u: None,
            ..borrow(&other.numbers())
        }
        .write();
        let same = ConstantTimeEq::ct_eq(ours.as_slice(), theirs.as_slice());
        ours.zeroize();
        theirs.zeroize();
        same.into()
    }

    /// `c^d mod n` by way of the two primes, blinded, and checked with the public exponent (threat
    /// model, RSA-9).
    fn private_operation<R: CryptoRng + ?Sized>(
        &self,
        c: &BoxedUint,
        rng: &mut R,
    ) -> Option<Zeroizing<BoxedUint>> {
        let Parts {
            p,
            q,
            dp,
            dq,
            u,
            n,
            e,
            ..
        } = &self.parts;
        let c = BoxedMontyForm::new(c.clone(), n);
        let p = &BoxedMontyParams::new(number::odd(p)?);
        let q = &BoxedMontyParams::new(number::odd(q)?);

        // Blinding: c * r^e instead of c gives m * r instead of m. A random number below n has an
        // inverse unless it happens to be a multiple of p or q. Two inverses of half the length cost
        // half of one.
        let bits = n.bits_precision();
        let random = Zeroizing::new(BoxedUint::random_bits_with_precision(rng, bits, bits));
        let mut r = number::reduce(&random, n);
        let mut unblind_p: BoxedMontyForm = Option::from(number::reduce(&random, p).invert())?;
        let mut unblind_q: BoxedMontyForm = Option::from(number::reduce(&random, q).invert())?;
        let blinded = Zeroizing::new(c.mul(&public_power(&r, *e)).retrieve());

        let mut m_p = number::reduce(&blinded, p).pow(dp).mul(&unblind_p);
        let mut m_q = number::reduce(&blinded, q).pow(dq).mul(&unblind_q);
        // m = m_p + p * (u * (m_q - m_p) mod q)
        let mut low = m_p.retrieve();
        let mut h = BoxedMontyForm::new((**u).clone(), q).mul(&m_q.sub(&number::reduce(&low, q)));
        let mut high = h.retrieve().concatenating_mul(p.modulus().as_ref());
        let mut m = BoxedMontyForm::new(high.wrapping_add(&number::resized(&low, bits)?), n);

        let right = public_power(&m, *e).ct_eq(&c);
        let plain = Zeroizing::new(m.retrieve());
        for secret in [
            &mut r,
            &mut unblind_p,
            &mut unblind_q,
            &mut m_p,
            &mut m_q,
            &mut h,
            &mut m,
        ] {
            secret.as_montgomery_mut().zeroize();
        }
        low.zeroize();
        high.zeroize();
        right.to_bool().then_some(plain)
    }

    /// The plaintext is positional: data first, filler after it. It has two bytes less than the
    /// primes together, or one byte or two more if the number is that large; leading zeros are data
    /// (threat model, RSA-10).
    fn lay_out(&self, m: &BoxedUint) -> RsaPlaintext {
        let bytes = Zeroizing::new(m.to_be_bytes());
        let primes = [&self.parts.p, &self.parts.q].map(|p| number::bits(p).div_ceil(8));
        let shortest = primes.iter().sum::<u32>().saturating_sub(2) as usize;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let len = bytes.len().saturating_sub(zeros).max(shortest);
        let skipped = bytes.len().saturating_sub(len);
        RsaPlaintext(Zeroizing::new(
            bytes.get(skipped..).unwrap_or_default().to_vec(),
        ))
    }

    /// p, q, d and u.
    fn numbers(&self) -> [Zeroizing<Vec<u8>>; 4] {
        let Parts { p, q, d, u, .. } = &self.parts;
        [p, q, d, u].map(|number| number::to_secret_bytes(number))
    }
}

/// `base^e` in constant time for a given `e`, which is public and not 0.
fn public_power(base: &BoxedMontyForm, e: u64) -> BoxedMontyForm {
    let mut power = base.clone();
    let bits = u64::BITS - e.leading_zeros();
    for bit in (0..bits.saturating_sub(1)).rev() {
        power = power.square();
        if e >> bit & 1 == 1 {
            power = power.mul(base);
        }
    }
    power
}

opaque!(RsaPrivateKey);

/// What an RSA ciphertext holds: the data, and random filler after it. Wiped when dropped.
pub struct RsaPlaintext(Zeroizing<Vec<u8>>);

impl RsaPlaintext {
    /// Its first `N` bytes: everybody knows from the context how much data there is.
    ///
    /// # Errors
    ///
    /// [`Error::PrivateKeyRejected`] if it has fewer.
    pub fn first<const N: usize>(&self) -> Result<[u8; N], Error> {
        self.0
            .first_chunk()
            .copied()
            .ok_or(Error::PrivateKeyRejected)
    }

    /// All of it, filler included: for a key of 2048 bits 254 to 256 bytes, big-endian.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

opaque!(RsaPlaintext);

fn decode(text: &[u8]) -> Result<Vec<u8>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::TooLarge {
            what: "RSA ciphertext",
            limit: MAX_TEXT,
        });
    }
    base64::decode(text).map_err(|e| e.of("RSA ciphertext"))
}

fn borrow(numbers: &[Zeroizing<Vec<u8>>; 4]) -> Numbers<'_> {
    let [p, q, d, u] = numbers;
    Numbers {
        p,
        q,
        d,
        u: Some(u),
    }
}

/// Twice the text of the longest real ciphertext.
const MAX_TEXT: usize = 2048;

#[cfg(all(test, feature = "os-rng"))]
mod tests {
    use super::*;
    use crate::os_rng;

    /// RSA-9: a fault in any number of the key gives an error, never a wrong result that would tell the
    /// factors.
    #[test]
    fn rsa_9_a_result_that_fails_its_check_is_not_given_out() {
        let mut key = RsaPrivateKey::generate(&mut os_rng());
        let sent = key.public_key().encrypt(b"data", &mut os_rng()).unwrap();
        assert!(key.decrypt(&sent, &mut os_rng()).is_ok());
        let faults: [fn(&mut Parts) -> &mut BoxedUint; 3] =
            [|key| &mut key.dp, |key| &mut key.dq, |key| &mut key.u];
        for fault in faults {
            let number = fault(&mut key.parts);
            let good = number.clone();
            *number = good.wrapping_sub(BoxedUint::from(2u64));
            let refused = key.decrypt(&sent, &mut os_rng());
            assert_eq!(refused.unwrap_err(), Error::PrivateKeyRejected);
            *fault(&mut key.parts) = good;
        }
        assert!(key.decrypt(&sent, &mut os_rng()).is_ok());
    }

    #[test]
    fn ciphertexts_may_have_2048_characters() {
        assert_eq!(decode(&[b'A'; 2048]).unwrap().len(), 1536);
        for len in [2049, 2052] {
            let refused = decode(&alloc::vec![b'A'; len]).unwrap_err();
            assert!(matches!(refused, Error::TooLarge { limit: 2048, .. }));
        }
    }

    #[test]
    fn powers_with_public_exponents_are_repeated_products() {
        let modulus = crate::rsa::number::odd(&BoxedUint::from(1_000_003u64)).unwrap();
        let params = BoxedMontyParams::new(modulus);
        let base = BoxedMontyForm::new((*number::read(&[12, 34], 64).unwrap()).clone(), &params);
        let mut product = base.clone();
        for e in 1..=70 {
            assert!(public_power(&base, e).ct_eq(&product).to_bool(), "{e}");
            product = product.mul(&base);
        }
    }
}
