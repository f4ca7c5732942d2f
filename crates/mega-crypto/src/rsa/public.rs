use alloc::vec::Vec;

use crypto_bigint::BoxedUint;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::number;
use crate::{Error, NodeKey, ShareKey, mpi};

/// An RSA public key (`pubk`).
#[derive(Clone, Debug)]
pub struct RsaPublicKey {
    n: Vec<u8>,
    e: u64,
    /// How many zero bytes stood before `e` in the form it was received in: signatures cover them.
    e_padding: usize,
}

impl RsaPublicKey {
    /// Reads a `pubk`: two numbers, n and e, and fewer than sixteen bytes after them
    /// (crypto-and-accounts 3.3).
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is not that, if n is even or has fewer than 1024 or more than
    /// 4096 bits, or if e is even, smaller than 3 or has more than 64 bits.
    pub fn from_bytes(blob: &[u8]) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed {
            what: "RSA public key",
            reason,
        };
        let [n, e] = mpi::read(blob).ok_or(malformed("it does not hold two numbers"))?;
        let n = number::trimmed(n);
        if !MODULUS_BITS.contains(&number::bit_len(n)) || n.last().is_none_or(|last| last % 2 == 0)
        {
            return Err(malformed("its modulus is out of range"));
        }
        let e_bytes = number::trimmed(e);
        if e_bytes.len() > 8 {
            return Err(malformed("its exponent is out of range"));
        }
        let e = e_bytes
            .iter()
            .fold(0u64, |e, byte| e << 8 | u64::from(*byte));
        if e < 3 || e % 2 == 0 {
            return Err(malformed("its exponent is out of range"));
        }
        // As the official client rebuilds it from the lengths alone (SDK `serializekeyforjs`).
        let e_padding = blob.len().saturating_sub(n.len() + e_bytes.len() + 4);
        Ok(Self {
            n: n.to_vec(),
            e,
            e_padding,
        })
    }

    pub(super) fn new(n: &BoxedUint, e: u64) -> Self {
        Self {
            n: number::to_bytes(n),
            e,
            e_padding: 0,
        }
    }

    /// The `pubk` to send: both numbers as short as possible. A key that was received in another
    /// form is written in that form's length again only by [`RsaPublicKey::signed_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(self.n.len() + 16);
        mpi::write(&self.n, &mut blob);
        mpi::write(&self.e.to_be_bytes(), &mut blob);
        blob
    }

    /// The modulus, big-endian, without leading zeros.
    pub fn n(&self) -> &[u8] {
        &self.n
    }

    /// The exponent: an odd number from 3 on.
    pub const fn e(&self) -> u64 {
        self.e
    }

    /// The bytes that the signature `+sigPubk` covers: n, then e in the layout it was received in
    /// (crypto-and-accounts 3.3).
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.n.clone();
        bytes.resize(bytes.len() + self.e_padding, 0);
        bytes.extend_from_slice(number::trimmed(&self.e.to_be_bytes()));
        bytes
    }

    /// The fingerprint that people compare: the first 20 bytes of the SHA-256 of
    /// [`RsaPublicKey::signed_bytes`].
    pub fn fingerprint(&self) -> [u8; 20] {
        let hash: [u8; 32] = Sha256::digest(self.signed_bytes()).into();
        hash.first_chunk().copied().unwrap_or([0; 20])
    }

    /// What to remember of an account's key between logins: the SHA-256 of n and e, in whatever
    /// layout the key came (threat model, RSA-8).
    pub fn pin(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(&self.n);
        hash.update(self.e.to_be_bytes());
        hash.finalize().into()
    }

    /// Encrypts the key of a node for its owner, as the `k` of a node sent to another account
    /// (crypto-and-accounts 4.3).
    ///
    /// # Errors
    ///
    /// As for [`RsaPublicKey::encrypt`].
    pub fn encrypt_node_key<R: CryptoRng + ?Sized>(
        &self,
        key: &NodeKey,
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        self.encrypt(key.expose_secret(), rng)
    }

    /// Encrypts a share key, 16 bytes, for its owner, as accounts without `^!keys` did.
    ///
    /// # Errors
    ///
    /// As for [`RsaPublicKey::encrypt`].
    pub fn encrypt_share_key<R: CryptoRng + ?Sized>(
        &self,
        key: &ShareKey,
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        self.encrypt(key.expose_secret(), rng)
    }

    /// Encrypts data for the owner of the key: the data, then random bytes up to two less than the
    /// modulus has, as one number. The result is a number with its exact bit length in front (SDK
    /// `AsymmCipher::encrypt`).
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if the data does not fit.
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        data: &[u8],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let room = self.n.len() - 2;
        let mut plain = Zeroizing::new(alloc::vec![0; room]);
        let Some((front, filler)) = plain.split_at_mut_checked(data.len()) else {
            return Err(Error::TooLarge {
                what: "data for the RSA key",
                limit: room,
            });
        };
        front.copy_from_slice(data);
        rng.fill_bytes(filler);
        let c = self.power(&plain)?;
        let mut out = Vec::with_capacity(self.n.len() + 2);
        mpi::write_exact(&number::to_bytes(&c), &mut out);
        Ok(out)
    }

    /// `number ^ e mod n`.
    fn power(&self, plain: &[u8]) -> Result<BoxedUint, Error> {
        let bits = number::width(number::bit_len(&self.n));
        let read = || {
            let n = number::odd(&*number::read(&self.n, bits)?)?;
            let params = BoxedMontyParams::new_vartime(n);
            let base = BoxedMontyForm::new((*number::read(plain, bits)?).clone(), &params);
            Some(
                base.pow_bounded_exp(&BoxedUint::from(self.e), u64::BITS - self.e.leading_zeros())
                    .retrieve(),
            )
        };
        read().ok_or(Error::Malformed {
            what: "RSA public key",
            reason: "its modulus is out of range",
        })
    }
}

impl PartialEq for RsaPublicKey {
    /// The same numbers, in whatever layout they came.
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n && self.e == other.e
    }
}

impl Eq for RsaPublicKey {}

const MODULUS_BITS: core::ops::RangeInclusive<u32> = 1024..=4096;
