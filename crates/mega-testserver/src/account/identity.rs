//! Chat and signing keys, `*keyring` and `^!keys` of an account (crypto-and-accounts 3.5, 3.6 and 10.2).

use ed25519_dalek::{Signer as _, SigningKey};
use hkdf::Hkdf;
use sha2::Sha256;

use super::cipher::{Key, gcm};
use super::rsa_keys::Pair;
use crate::seed::Seed;
use crate::wire::{UserHandle, b64};

/// The six attributes an official client writes in one go, as (name, value) pairs. Without an RSA key pair there is no signature of it, and the
/// container has an empty record in its place.
pub(crate) fn attributes(
    master: &Key,
    user: UserHandle,
    pair: Option<&Pair>,
    now: i64,
    seed: &mut Seed,
) -> Option<Vec<(&'static str, String)>> {
    let ed_seed: [u8; 32] = seed.array();
    let cu_private: [u8; 32] = seed.array();
    let signing = SigningKey::from_bytes(&ed_seed);
    let ed_public = signing.verifying_key().to_bytes();
    let cu_public =
        x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(cu_private)).to_bytes();
    let time = u64::try_from(now).ok()?.to_be_bytes();
    let sign = |data: &[u8]| {
        let signature = signing
            .sign(&[b"keyauth".as_slice(), &time, data].concat())
            .to_bytes();
        [time.as_slice(), &signature].concat()
    };

    let mut ring = Vec::new();
    tlv(&mut ring, "prCu255", &cu_private);
    tlv(&mut ring, "prEd255", &ed_seed);
    let iv: [u8; 12] = seed.array();
    let ring = [[0x10].as_slice(), &iv, &gcm(master, iv, &ring)].concat();

    let rsa_signature = pair.map(|pair| ("+sigPubk", b64(&sign(&pair.signed_bytes()))));
    let mut list = vec![
        ("*keyring", b64(&ring)),
        ("+puEd255", b64(&ed_public)),
        ("+puCu255", b64(&cu_public)),
        ("+sigCu255", b64(&sign(&cu_public))),
        (
            "^!keys",
            b64(&container(
                master,
                user,
                pair,
                &ed_seed,
                &cu_private,
                now,
                seed,
            )?),
        ),
    ];
    list.extend(rsa_signature);
    Some(list)
}

fn container(
    master: &Key,
    user: UserHandle,
    pair: Option<&Pair>,
    ed_seed: &[u8; 32],
    cu_private: &[u8; 32],
    now: i64,
    seed: &mut Seed,
) -> Option<Vec<u8>> {
    let created = u32::try_from(now).ok()?.to_be_bytes();
    let rsa = match pair {
        Some(pair) => pair.short_blob()?,
        None => Vec::new(),
    };
    let mut plain = Vec::new();
    let records: [(u8, &[u8]); 14] = [
        (1, &[1]),
        (2, &created),
        (3, &user.0),
        // The SDK starts at generation 1 and adds one before it writes.
        (4, &2_u32.to_be_bytes()),
        (5, &[]),
        (16, ed_seed),
        (17, cu_private),
        (18, &rsa),
        (32, &[]),
        (33, &[]),
        (48, &[]),
        (64, &[]),
        (65, &[]),
        (80, &[]),
    ];
    for (tag, value) in records.into_iter().chain([(96, [].as_slice())]) {
        let [_, len @ ..] = u32::try_from(value.len()).ok()?.to_be_bytes();
        plain.push(tag);
        plain.extend_from_slice(&len);
        plain.extend_from_slice(value);
    }
    let mut key = [0; 16];
    Hkdf::<Sha256>::new(None, master)
        .expand(&[1], &mut key)
        .ok()?;
    let iv: [u8; 12] = seed.array();
    Some([[20, 0].as_slice(), &iv, &gcm(&key, iv, &plain)].concat())
}

fn tlv(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
}
