//! The attacks on the sign-in with the numbers that the papers choose (threat model, ATT-1, ATT-8, ATT-9): whatever a service learns from what a
//! client sends, says and how long it takes must be the same as for random material.

use std::sync::Arc;
use std::time::Duration;

use mega_client::{Credentials, ErrorKind, LoginGuard};
use mega_testserver::Fault;
use mega_testserver::account::cipher::{ecb_decrypt, ecb_encrypt};
use mega_testserver::wire::{b64, unb64};
use num_bigint::BigUint;
use serde_json::Value;

use crate::attacks::{attempt, chosen_csid, random_material};
use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD};

/// An account whose keys the service knows, as it may pretend to after other attacks.
struct Victim {
    memory: Arc<Memory>,
    master: [u8; 16],
    p: BigUint,
    q: BigUint,
    d: BigUint,
    n: BigUint,
    e: BigUint,
}

fn number(bytes: &mut &[u8]) -> BigUint {
    let (header, rest) = bytes.split_first_chunk::<2>().unwrap();
    let (number, rest) = rest.split_at(usize::from(u16::from_be_bytes(*header)).div_ceil(8));
    *bytes = rest;
    BigUint::from_bytes_be(number)
}

fn mpi(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let bits = u16::try_from(number.bits()).unwrap();
    [&bits.to_be_bytes()[..], &bytes].concat()
}

impl Victim {
    fn new() -> Self {
        let memory = Memory::new();
        // The old kind of password is quick to derive; what is attacked is the same.
        let account = memory.service.account(EMAIL, PASSWORD).v1().create();
        let user = |model: &mut mega_testserver::Model| {
            let user = model.user(EMAIL).unwrap();
            (
                user.private_key.clone().unwrap(),
                user.public_key.clone().unwrap(),
            )
        };
        let (private, public) = memory.service.with_model(user);
        let mut plain = unb64(&private).unwrap();
        ecb_decrypt(&account.master_key, &mut plain);
        let mut plain = plain.as_slice();
        let [p, q, d] = [(); 3].map(|()| number(&mut plain));
        let public = unb64(&public).unwrap();
        let mut public = public.as_slice();
        let [n, e] = [(); 2].map(|()| number(&mut public));
        let master = account.master_key;
        Self {
            memory,
            master,
            p,
            q,
            d,
            n,
            e,
        }
    }

    /// A stored private key of the service's choice: it knows how to encrypt under the master key.
    fn stored(&self, p: &BigUint, q: &BigUint, u: &BigUint) -> Value {
        let mut plain = [p, q, &self.d, u].map(mpi).concat();
        plain.resize(656, 0x5A);
        ecb_encrypt(&self.master, &mut plain);
        b64(&plain).into()
    }

    fn inverse(&self) -> BigUint {
        self.p.modinv(&self.q).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn att_1_forty_sign_ins_that_bisect_a_prime_tell_nothing() {
    let victim = Victim::new();
    let expected = random_material(&victim.memory).await;
    // The service wants to know on which side of the prime its number lies; it gets the answer from us here, and never from the client.
    let (mut low, mut high) = (BigUint::ZERO, BigUint::from(1_u8) << 1024);
    for round in 0_usize..40 {
        let middle: BigUint = (&low + &high) >> 1;
        let csid = mpi(&middle.modpow(&victim.e, &victim.n));
        let mut key = unb64(
            victim
                .stored(&victim.p, &victim.q, &victim.inverse())
                .as_str()
                .unwrap(),
        )
        .unwrap();
        // A block that lies wholly inside u: p, q and d with their headers take 518 bytes.
        key[16 * (33 + round % 7)..][..16].copy_from_slice(&[u8::try_from(round).unwrap(); 16]);
        let (seen, sent) = attempt(&victim.memory, move |reply| {
            reply["privk"] = b64(&key).into();
            reply["csid"] = b64(&csid).into();
        })
        .await;
        assert_eq!(seen, expected, "round {round}");
        assert!(
            !sent.windows(4).any(|part| part == b"sid="),
            "no session id is sent"
        );
        if middle < victim.p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn att_1_log_7_sign_ins_beyond_the_second_rejection_are_refused_here() {
    let victim = Victim::new();
    let folder = tempfile::tempdir().unwrap();
    let builder = victim
        .memory
        .builder()
        .allow_legacy_v1(true)
        .login_guard(LoginGuard::in_folder(folder.path()));
    let stored = victim.stored(&victim.p, &victim.q, &BigUint::from(7_u8));
    victim.memory.service.faults().add(
        Fault::command("us")
            .rewrite(move |text| {
                let mut reply: Value = serde_json::from_str(&text).unwrap();
                reply[0]["privk"] = stored.clone();
                reply.to_string()
            })
            .always(),
    );
    for round in 0..4 {
        victim.memory.asked();
        let login = builder.clone().login(Credentials::new(EMAIL, PASSWORD));
        let error = login.await.unwrap_err();
        let asked = victim.memory.asked().len();
        if round < 2 {
            assert_eq!(
                (error.kind(), asked),
                (ErrorKind::ServerMaterialRejected, 2)
            );
        } else {
            assert_eq!(
                (error.kind(), asked),
                (ErrorKind::RateLimited, 0),
                "{error}"
            );
            assert!(error.retry_after().unwrap() > Duration::ZERO);
        }
    }
}

/// Overwrites whole blocks of a factor, as they lie in the stored key, so that it becomes a multiple of `r` plus `rest`.
fn overwritten(factor: &BigUint, offset: usize, blocks: usize, r: u32, rest: u32) -> BigUint {
    // The number ends `tail` bytes after the last block that lies wholly in it.
    let len = factor.to_bytes_be().len();
    let first = offset.next_multiple_of(16) - offset + 32;
    let tail = len - first - 16 * blocks;
    let mut bytes = factor.to_bytes_be();
    for (at, byte) in bytes[first..first + 16 * blocks].iter_mut().enumerate() {
        *byte = u8::try_from((at * 37 + usize::try_from(r).unwrap() * 11) % 251).unwrap();
    }
    bytes[len - tail - 1] = 0;
    let unit = BigUint::from(1_u8) << (8 * tail);
    let mut number = BigUint::from_bytes_be(&bytes);
    let modulus = BigUint::from(r);
    while &number % &modulus != BigUint::from(rest) {
        number += &unit;
    }
    number
}

#[tokio::test(start_paused = true)]
async fn att_8_factors_that_small_primes_divide_or_not_are_refused_alike() {
    let victim = Victim::new();
    let expected = random_material(&victim.memory).await;
    let primes = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    ];
    let mut tried = 0;
    for r in primes {
        for blocks in [1, 2] {
            for (shared, honest) in [(true, true), (true, false), (false, true), (false, false)] {
                // p begins behind its own header, q behind p and two headers.
                let p = overwritten(&victim.p, 2, blocks, r, 0);
                let q = overwritten(&victim.q, 132, 1, r, u32::from(!shared));
                // Where no inverse exists, the service makes one up.
                let u = p.modinv(&q).filter(|_| honest);
                let u = u.unwrap_or_else(|| &victim.q - BigUint::from(2_u8));
                let stored = victim.stored(&p, &q, &u);
                let (seen, _) = attempt(&victim.memory, move |reply| {
                    reply["privk"] = stored.clone();
                    reply["csid"] = chosen_csid(u8::try_from(r).unwrap());
                })
                .await;
                assert_eq!(seen, expected, "{r}, {blocks} blocks, {shared}, {honest}");
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 192);
}

/// A probable prime of 1024 bits that is 1 modulo `r`, the same in every run.
fn prime(r: u32) -> BigUint {
    let (one, two) = (BigUint::from(1_u8), BigUint::from(2_u8));
    let step = BigUint::from(2 * r);
    let start: BigUint = (BigUint::from(3_u8) << 1022) + (BigUint::from(r) << 500);
    let mut candidate = &start - &start % &step + &one;
    let small = [3_u32, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47];
    loop {
        let sieved = small
            .iter()
            .any(|small| (&candidate % *small) == BigUint::ZERO);
        if !sieved && two.modpow(&(&candidate - &one), &candidate) == one {
            return candidate;
        }
        candidate += &step;
    }
}

#[tokio::test(start_paused = true)]
async fn att_9_a_factor_with_a_small_subgroup_is_refused_whatever_the_exponent_makes_of_it() {
    let victim = Victim::new();
    let expected = random_material(&victim.memory).await;
    let one = BigUint::from(1_u8);
    for r in [3_u32, 5, 7, 11, 101] {
        let q = prime(r);
        let u = victim.p.modinv(&q).unwrap();
        let stored = victim.stored(&victim.p, &q, &u);
        // A number of order r modulo q, and 1 modulo p.
        let root = (2_u8..)
            .map(|base| BigUint::from(base).modpow(&((&q - &one) / r), &q))
            .find(|root| *root != one)
            .unwrap();
        let lift = (&root + &q - &one) % &q * &u % &q;
        let chosen = &one + &victim.p * lift;
        assert_eq!((&chosen % &victim.p, &chosen % &q), (one.clone(), root));
        // With d's remainder modulo r, one power of it comes out as 1 and the others do not.
        for power in [1, r] {
            let number = chosen.modpow(&BigUint::from(power), &(&victim.p * &q));
            let number = if number == one {
                &number + &victim.p * &q
            } else {
                number
            };
            let (stored, csid) = (stored.clone(), b64(&mpi(&number)));
            let (seen, _) = attempt(&victim.memory, move |reply| {
                reply["privk"] = stored.clone();
                reply["csid"] = csid.clone().into();
            })
            .await;
            assert_eq!(seen, expected, "{r}, power {power}");
        }
    }
}
