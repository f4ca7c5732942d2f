//! The plaintext of `^!keys`: records `tag (1) || length (3, big-endian) || value`
//! (crypto-and-accounts 3.6; SDK `KeyManager::serialize`, `unserialize`).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::ltlv::Ltlv;
use super::{
    AccountKeys, Authring, Ed25519PrivateKey, Generation, RsaPrivateCopy, X25519PrivateKey,
    container, pending, share_keys,
};
use crate::{Error, UserHandle};

impl AccountKeys {
    pub(super) fn parse(plain: &[u8]) -> Result<Self, Error> {
        let mut found: [Option<&[u8]>; TAGS.len()] = [None; TAGS.len()];
        // It never grows, which would leave a copy behind that is not wiped.
        let mut unknown = Vec::with_capacity(plain.len());
        let mut rest = plain;
        while !rest.is_empty() {
            let record = Record::split_first(rest).ok_or(malformed("a record is cut off"))?;
            let known = TAGS.iter().position(|tag| *tag == record.tag);
            match known.and_then(|place| found.get_mut(place)) {
                Some(Some(_)) => return Err(malformed("a record is there twice")),
                Some(place) => *place = Some(record.value),
                None => unknown.extend_from_slice(record.whole),
            }
            rest = record.rest;
        }
        let [
            version,
            creation_time,
            owner,
            generation,
            attr,
            ed25519,
            x25519,
            rsa,
            ed25519_ring,
            x25519_ring,
            shares,
            pending_out,
            pending_in,
            backups,
            warnings,
        ] = found;

        match *fixed::<1>(version, "version")? {
            [1] => {}
            [other] => {
                return Err(Error::Unsupported {
                    what: container::WHAT,
                    value: other.into(),
                });
            }
        }
        let rsa = rsa.unwrap_or_default();
        Ok(Self {
            creation_time: u32::from_be_bytes(*fixed(creation_time, "creation time")?),
            owner: UserHandle::from_bytes(*fixed(owner, "owner")?),
            generation: Generation(u32::from_be_bytes(*fixed(generation, "generation")?)),
            attr: attr.unwrap_or_default().to_vec(),
            ed25519: Ed25519PrivateKey::from_bytes(*fixed(ed25519, "Ed25519 private key")?),
            x25519: X25519PrivateKey::from_bytes(*fixed(x25519, "X25519 private key")?),
            rsa: match rsa.is_empty() {
                true => None,
                false => Some(RsaPrivateCopy::from_slice(rsa)?),
            },
            ed25519_ring: Authring::parse(ed25519_ring.unwrap_or_default())?,
            x25519_ring: Authring::parse(x25519_ring.unwrap_or_default())?,
            share_keys: share_keys::parse(shares.unwrap_or_default())?,
            pending_out: pending::parse_out(pending_out.unwrap_or_default())?,
            pending_in: pending::parse_in(pending_in.unwrap_or_default())?,
            backups: backups.unwrap_or_default().to_vec().into(),
            warnings: Ltlv::parse(warnings.unwrap_or_default(), "list of warnings")?,
            unknown: unknown.into(),
        })
    }

    /// All known records in ascending order of their tags, then the unknown ones in theirs.
    pub(super) fn serialize(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut plain = Plain::new();
        plain.push(VERSION, &[1])?;
        plain.push(CREATION_TIME, &self.creation_time.to_be_bytes())?;
        plain.push(OWNER, self.owner.as_bytes())?;
        plain.push(GENERATION, &self.generation.0.to_be_bytes())?;
        plain.push(ATTR, &self.attr)?;
        plain.push(ED25519, self.ed25519.expose_secret())?;
        plain.push(X25519, self.x25519.expose_secret())?;
        let rsa = self.rsa.as_ref().map(RsaPrivateCopy::expose_secret);
        plain.push(RSA, rsa.unwrap_or_default())?;
        plain.push(ED25519_RING, &self.ed25519_ring.to_bytes())?;
        plain.push(X25519_RING, &self.x25519_ring.to_bytes())?;
        plain.push(SHARE_KEYS, &share_keys::write(&self.share_keys))?;
        let mut value = Zeroizing::new(Vec::new());
        pending::write_out(&self.pending_out, &mut value);
        plain.push(PENDING_OUT, &value)?;
        value.clear();
        self.pending_in.write(&mut value)?;
        plain.push(PENDING_IN, &value)?;
        plain.push(BACKUPS, &self.backups)?;
        value.clear();
        self.warnings.write(&mut value)?;
        plain.push(WARNINGS, &value)?;
        plain.0.extend_from_slice(&self.unknown);
        Ok(plain.0)
    }
}

struct Record<'a> {
    tag: u8,
    value: &'a [u8],
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    fn split_first(bytes: &'a [u8]) -> Option<Self> {
        let (&[tag, high, middle, low], rest) = bytes.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let (value, rest) = rest.split_at_checked(len)?;
        let whole = bytes.get(..bytes.len() - rest.len())?;
        Some(Self {
            tag,
            value,
            whole,
            rest,
        })
    }
}

struct Plain(Zeroizing<Vec<u8>>);

impl Plain {
    fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(4096)))
    }

    fn push(&mut self, tag: u8, value: &[u8]) -> Result<(), Error> {
        const TOO_LARGE: Error = Error::TooLarge {
            what: container::WHAT,
            limit: container::MAX_LEN,
        };
        let len = u32::try_from(value.len()).map_err(|_| TOO_LARGE)?;
        let [0, high, middle, low] = len.to_be_bytes() else {
            return Err(TOO_LARGE);
        };
        self.0.extend_from_slice(&[tag, high, middle, low]);
        self.0.extend_from_slice(value);
        Ok(())
    }
}

/// The value of a record that must be there and have this length.
fn fixed<'a, const N: usize>(
    value: Option<&'a [u8]>,
    what: &'static str,
) -> Result<&'a [u8; N], Error> {
    let value = value.unwrap_or_default();
    value.try_into().map_err(|_| Error::Length {
        what,
        expected: N,
        got: value.len(),
    })
}

const fn malformed(reason: &'static str) -> Error {
    Error::Malformed {
        what: container::WHAT,
        reason,
    }
}

const VERSION: u8 = 1;
const CREATION_TIME: u8 = 2;
const OWNER: u8 = 3;
const GENERATION: u8 = 4;
const ATTR: u8 = 5;
const ED25519: u8 = 16;
const X25519: u8 = 17;
const RSA: u8 = 18;
const ED25519_RING: u8 = 32;
const X25519_RING: u8 = 33;
const SHARE_KEYS: u8 = 48;
const PENDING_OUT: u8 = 64;
const PENDING_IN: u8 = 65;
const BACKUPS: u8 = 80;
const WARNINGS: u8 = 96;
/// The known tags, ascending.
const TAGS: [u8; 15] = [
    VERSION,
    CREATION_TIME,
    OWNER,
    GENERATION,
    ATTR,
    ED25519,
    X25519,
    RSA,
    ED25519_RING,
    X25519_RING,
    SHARE_KEYS,
    PENDING_OUT,
    PENDING_IN,
    BACKUPS,
    WARNINGS,
];
