//! The attacks of the threat model, section 3, as far as this crate can stop them.

use mega_crypto::login::{self, Reply, SessionMaterial};
use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::{Error, PasswordKey, UserHandle, base64, mpi, os_rng};
use num_bigint::BigUint;

use crate::support::{VICTIM, ciphertext};

fn open(privk: &[u8]) -> Result<RsaPrivateKey, Error> {
    RsaPrivateKey::open(privk, &VICTIM.master, &Expected::default(), &mut os_rng())
}

#[track_caller]
fn refuse(privk: &[u8], what: &str) {
    assert_eq!(
        open(privk).expect_err(what),
        Error::PrivateKeyRejected,
        "{what}"
    );
}

fn big(n: u32) -> BigUint {
    BigUint::from(n)
}

fn random_bits(bits: u64) -> BigUint {
    let mut bytes = vec![0; bits.div_ceil(8) as usize];
    getrandom::fill(&mut bytes).unwrap();
    let mut number = BigUint::from_bytes_be(&bytes) >> (bytes.len() as u64 * 8 - bits);
    number.set_bit(bits - 1, true);
    number
}

/// A probable prime of this many bits that is 1 modulo `r`.
fn prime(bits: u64, r: u32) -> BigUint {
    loop {
        let candidate = random_bits(bits);
        let candidate = &candidate - &candidate % big(2 * r) + 1u32;
        if candidate.bits() == bits && big(2).modpow(&(&candidate - 1u32), &candidate) == big(1) {
            return candidate;
        }
    }
}

#[test]
fn the_key_that_all_attacks_start_from_is_accepted() {
    let key = open(&VICTIM.good_privk()).unwrap();
    assert_eq!(key.public_key().n(), VICTIM.n.to_bytes_be());
}

/// One block of random ciphertext in every place, then a sample of copies, swaps and rotations:
/// none is accepted.
#[test]
fn att_2_no_block_of_the_encrypted_key_can_be_changed() {
    let good = VICTIM.good_privk();
    let blocks = good.len() / 16;
    let edit = |change: &dyn Fn(&mut [[u8; 16]])| {
        let mut privk = good.clone();
        change(privk.as_chunks_mut().0);
        assert_ne!(privk, good);
        privk
    };
    let mut refused = 0;
    for i in 0..blocks - 1 {
        let mut random = [0; 16];
        getrandom::fill(&mut random).unwrap();
        refuse(&edit(&|b| b[i] = random), &format!("block {i} replaced"));
        let j = (i + 1 + i * 7 % (blocks - 2)) % (blocks - 1);
        if i != j {
            refuse(
                &edit(&|b| b.swap(i, j)),
                &format!("blocks {i} and {j} swapped"),
            );
            refuse(
                &edit(&|b| b[i] = b[j]),
                &format!("block {j} repeated at {i}"),
            );
            refused += 2;
        }
        refused += 1;
    }
    for by in [1, 2, 8, 20, blocks - 1] {
        refuse(&edit(&|b| b.rotate_left(by)), &format!("rotated by {by}"));
    }
    assert!(refused > 110, "{refused}");
}

/// The last block holds the end of u and random padding: changing only the padding is nobody's
/// business, and it is less than a block.
#[test]
fn att_3_what_is_not_checked_is_shorter_than_a_block() {
    let good = VICTIM.good_privk();
    let mut plain = good.clone();
    VICTIM
        .master
        .cipher()
        .decrypt_blocks(plain.as_chunks_mut().0);
    let used = {
        let mut rest = plain.as_slice();
        for _ in 0..4 {
            rest = mpi::split_first(rest).unwrap().rest;
        }
        plain.len() - rest.len()
    };
    assert!(plain.len() - used < 16);
    for byte in &mut plain[used..] {
        *byte ^= 0xff;
    }
    open(&VICTIM.encrypt(plain.clone())).unwrap();
    // A whole block more is one too many.
    plain.extend([7; 16]);
    refuse(&VICTIM.encrypt(plain), "a foreign block behind the numbers");
}

#[test]
fn att_8_a_factor_with_a_small_divisor_is_refused_whether_or_not_an_inverse_exists() {
    let v = &*VICTIM;
    for r in [3u32, 5, 7, 11, 13, 17, 97] {
        // p' keeps the high half of p and is a multiple of r; q' is one too, or is not.
        let low = v.p.bits() / 2;
        let p = (&v.p >> low) << low;
        let p = &p + (big(r) - &p % big(r)) % big(r);
        let p = if p.bit(0) { p } else { p + big(r) };
        let q_multiple = &v.q - &v.q % big(2 * r) + big(r);
        for q in [&v.q, &q_multiple] {
            let u = p.modinv(q).unwrap_or_else(|| v.u() % q);
            refuse(&v.privk(&p, q, &v.d, &u), &format!("p' divisible by {r}"));
        }
    }
}

#[test]
fn att_9_a_chosen_factor_with_a_small_subgroup_is_refused_before_any_private_operation() {
    let v = &*VICTIM;
    for r in [3u32, 5, 7, 11, 101] {
        let q = prime(v.q.bits(), r);
        let u = v.p.modinv(&q).unwrap();
        refuse(
            &v.privk(&v.p, &q, &v.d, &u),
            &format!("q' - 1 divisible by {r}"),
        );
    }
}

#[test]
fn rsa_1_to_rsa_4_keys_of_a_wrong_shape_are_refused() {
    let v = &*VICTIM;
    let good = v.good_privk();
    for privk in [
        &[][..],
        &good[..240],
        &good[..good.len() - 16],
        &good[..good.len() - 1],
    ] {
        refuse(privk, "cut");
    }
    refuse(&[good.clone(), vec![0; 16]].concat(), "a block too many");
    refuse(&vec![0; 8192], "too long");

    let (p, q, d, u) = (&v.p, &v.q, &v.d, &v.u());
    refuse(&v.privk(p, p, d, u), "p = q");
    refuse(&v.privk(q, p, d, u), "p and q exchanged without their u");
    refuse(&v.privk(&(p + 1u32), q, d, u), "even p");
    refuse(&v.privk(p, &(q - 1u32), d, u), "even q");
    let phi = (p - 1u32) * (q - 1u32);
    refuse(&v.privk(p, q, &(d + &phi), u), "d not below phi");
    refuse(&v.privk(p, q, &big(0), u), "d = 0");
    refuse(&v.privk(p, q, d, &(u + q)), "u not below q");
    refuse(&v.privk(p, q, d, &big(0)), "u = 0");

    // A true key, but too small or too uneven.
    for (a, b) in [(500, 500), (1020, 1010), (1100, 940)] {
        let (p, q) = (prime(a, 1), prime(b, 1));
        let lambda = (&p - 1u32) * (&q - 1u32);
        let Some(d) = big(65537).modinv(&lambda) else {
            continue;
        };
        refuse(
            &v.privk(&p, &q, &d, &p.modinv(&q).unwrap()),
            &format!("{a} and {b} bits"),
        );
    }
}

/// A key of our own with factors of these lengths, sound in everything else.
fn with_factors(p_bits: u64, q_bits: u64) -> Option<Vec<u8>> {
    let (p, q) = (prime(p_bits, 1), prime(q_bits, 1));
    let d = big(17).modinv(&((&p - 1u32) * (&q - 1u32)))?;
    Some(VICTIM.privk(&p, &q, &d, &p.modinv(&q)?))
}

#[test]
fn rsa_3_factors_differ_by_at_most_sixteen_bits_and_are_neither_equal_nor_even() {
    let sound = |p, q| std::iter::repeat_with(|| with_factors(p, q)).find_map(|key| key);
    open(&sound(1032, 1016).unwrap()).unwrap();
    open(&sound(1016, 1032).unwrap()).unwrap();
    refuse(&sound(1033, 1016).unwrap(), "17 bits apart");
    refuse(&sound(1016, 1033).unwrap(), "17 bits apart");
    // One bit less than the smallest modulus.
    refuse(&sound(1020, 1019).unwrap(), "a modulus of 2039 bits");
    let v = &*VICTIM;
    refuse(&v.privk(&v.p, &v.p, &v.d, &big(1)), "p = q");
    refuse(&v.privk(&(&v.p - 1u32), &v.q, &v.d, &v.u()), "even p");
}

#[test]
fn rsa_2_leading_zeros_and_odd_headers_are_refused() {
    let v = &*VICTIM;
    let numbers = [&v.p, &v.q, &v.d, &v.u()].map(|n| n.to_bytes_be());
    let build = |tweak: usize, how: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut plain = Vec::new();
        for (i, number) in numbers.iter().enumerate() {
            if i == tweak {
                plain.extend(how(number));
            } else {
                mpi::write(number, &mut plain);
            }
        }
        plain.resize(plain.len().next_multiple_of(16), 0);
        v.encrypt(plain)
    };
    for i in 0..4 {
        let bits = |number: &[u8]| (number.len() * 8) as u16 - number[0].leading_zeros() as u16;
        let with = |header: u16, number: &[u8]| [&header.to_be_bytes()[..], number].concat();
        // Both headers that exist are good.
        open(&build(i, &|n| with(bits(n), n))).unwrap();
        let padded = |n: &[u8]| with(n.len() as u16 * 8 + 8, &[&[0], n].concat());
        refuse(&build(i, &padded), &format!("a leading zero in number {i}"));
    }
    // A header between the two.
    let i = (0..4).find(|i| numbers[*i][0].leading_zeros() >= 2);
    if let Some(i) = i {
        let between = |n: &[u8]| [&(n.len() as u16 * 8 - 1).to_be_bytes()[..], n].concat();
        refuse(&build(i, &between), "a header that is neither");
    }
}

#[test]
fn rsa_5_composite_factors_are_refused_even_if_everything_else_holds() {
    let v = &*VICTIM;
    // p' = a * b with known factors: an attacker can compute every number that belongs to it.
    let (a, b) = (prime(512, 1), prime(512, 1));
    let p = &a * &b;
    let q = prime(1024, 1);
    let order = (&a - 1u32) * (&b - 1u32) * (&q - 1u32);
    for e in [17u32, 257, 65537] {
        let Some(d) = big(e).modinv(&order) else {
            continue;
        };
        // Also the d that fits (p' - 1)(q - 1), so that RSA-7 holds and only primality is left to
        // fail.
        let fitting = big(e).modinv(&((&p - 1u32) * (&q - 1u32)));
        for d in [Some(d), fitting].into_iter().flatten() {
            refuse(&v.privk(&p, &q, &d, &p.modinv(&q).unwrap()), "composite p");
            refuse(&v.privk(&q, &p, &d, &q.modinv(&p).unwrap()), "composite q");
        }
    }
}

#[test]
fn rsa_6_rsa_7_every_number_must_belong_to_the_others() {
    let v = &*VICTIM;
    let u = v.u();
    refuse(&v.privk(&v.p, &v.q, &v.d, &(&u ^ big(2))), "another u");
    refuse(
        &v.privk(&v.p, &v.q, &v.d, &v.q.modinv(&v.p).unwrap()),
        "u the other way round",
    );
    refuse(&v.privk(&v.p, &v.q, &(&v.d ^ big(2)), &u), "another d");
    // An exponent that is right but out of range: 2^17 + 29.
    let phi = (&v.p - 1u32) * (&v.q - 1u32);
    for e in [131_101u32, 1_000_003] {
        if let Some(d) = big(e).modinv(&phi) {
            refuse(&v.privk(&v.p, &v.q, &d, &u), "a large exponent");
        }
    }
    refuse(
        &v.privk(&v.p, &v.q, &big(1).modinv(&phi).unwrap(), &u),
        "the exponent 1",
    );
    // Smaller and larger ones in range are good, whichever client made them.
    for e in [3u32, 257, 65537] {
        if let Some(d) = big(e).modinv(&phi) {
            let key = open(&v.privk(&v.p, &v.q, &d, &u)).unwrap();
            assert_eq!(key.public_key().e(), u64::from(e));
        }
    }
}

#[test]
fn rsa_8_a_key_that_is_not_the_expected_one_is_refused() {
    let v = &*VICTIM;
    let other = RsaPrivateKey::generate(&mut os_rng());
    let good = v.good_privk();
    let ours = open(&good).unwrap();
    let public = RsaPublicKey::from_bytes(&ours.public_key().to_bytes()).unwrap();
    let check = |expected: Expected<'_>| {
        RsaPrivateKey::open(&good, &v.master, &expected, &mut os_rng()).is_ok()
    };
    let none = Expected::default();
    assert!(check(Expected {
        public: Some(&public),
        ..none
    }));
    assert!(check(Expected {
        copy: Some(&ours),
        ..none
    }));
    assert!(check(Expected {
        pin: Some(public.pin()),
        ..none
    }));
    assert!(!check(Expected {
        public: Some(other.public_key()),
        ..none
    }));
    assert!(!check(Expected {
        copy: Some(&other),
        ..none
    }));
    assert!(!check(Expected {
        pin: Some(other.public_key().pin()),
        ..none
    }));
}

#[test]
fn rsa_12_a_remembered_verdict_holds_for_that_ciphertext_and_that_master_key_only() {
    let v = &*VICTIM;
    let good = v.good_privk();
    let verdict = open(&good).unwrap().verdict();
    assert!(verdict.is_some());
    let expected = Expected {
        verdict,
        ..Expected::default()
    };
    let again = RsaPrivateKey::open(&good, &v.master, &expected, &mut os_rng()).unwrap();
    assert_eq!(again.verdict(), verdict);

    // It does not help a composite factor in: that is another ciphertext.
    let (p, q) = (prime(512, 1) * prime(512, 1), &v.q);
    if let Some(d) = big(17).modinv(&((&p - 1u32) * (q - 1u32))) {
        let privk = v.privk(&p, q, &d, &p.modinv(q).unwrap());
        let refused = RsaPrivateKey::open(&privk, &v.master, &expected, &mut os_rng());
        assert_eq!(refused.unwrap_err(), Error::PrivateKeyRejected);
    }
    assert_ne!(
        open(&v.privk(&v.q, &v.p, &v.d, &v.q.modinv(&v.p).unwrap()))
            .unwrap()
            .verdict(),
        verdict
    );
}

/// Counts what is drawn from it. Primality tests and blinding draw, so the number tells how much work
/// was done.
struct Counting(u64);

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0 += bytes.len() as u64;
        getrandom::fill(bytes).unwrap();
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

#[test]
fn rsa_11_refusing_a_key_is_the_same_work_whatever_is_wrong() {
    let v = &*VICTIM;
    let good = v.good_privk();
    let work = |privk: &[u8]| {
        let mut rng = Counting(0);
        let refused =
            RsaPrivateKey::open(privk, &v.master, &Expected::default(), &mut rng).is_err();
        (refused, rng.0)
    };
    let (refused, accepting) = work(&good);
    assert!(!refused && accepting > 0);

    let (p, q, d, u) = (&v.p, &v.q, &v.d, &v.u());
    let mut no_numbers = vec![0x77; good.len()];
    no_numbers[0] ^= 1;
    let composite = prime(512, 1) * prime(512, 1);
    for (what, privk) in [
        ("no numbers", no_numbers),
        ("even p", v.privk(&(p - 1u32), q, d, u)),
        ("composite p", v.privk(&composite, q, d, u)),
        ("composite q", v.privk(p, &composite, d, u)),
        ("wrong u", v.privk(p, q, d, &(u ^ big(2)))),
        ("wrong d", v.privk(p, q, &(d ^ big(2)), u)),
        ("short p", v.privk(&(p >> 100u32), q, d, u)),
        ("p = q", v.privk(p, p, d, u)),
        ("d far too large", v.privk(p, q, &(d << 1000u32), u)),
        (
            "d too large",
            v.privk(p, q, &((p - 1u32) * (q - 1u32) + d), u),
        ),
    ] {
        assert_eq!(work(&privk), (true, accepting), "{what}");
    }
    // What the server sees from the lengths alone costs nothing.
    assert_eq!(work(&good[..64]), (true, 0));
}

/// INV-5: a refused key is never used.
#[test]
fn inv_5_no_private_operation_runs_before_the_key_is_accepted() {
    let v = &*VICTIM;
    let password_key = PasswordKey::from_bytes([3; 16]);
    let user = UserHandle::from_bytes([9; 8]);
    let key = open(&v.good_privk()).unwrap();
    let mut sid = [0x41; 43];
    sid[16..27].copy_from_slice(&user.to_text_bytes());
    let csid = key.public_key().encrypt(&sid, &mut os_rng()).unwrap();
    let work = |privk: &[u8]| {
        let mut rng = Counting(0);
        let session = SessionMaterial::Encrypted { csid: &csid, privk };
        let reply = Reply {
            user,
            k: v.master.wrap(&password_key),
            session,
        };
        let ok = login::sign_in(&password_key, &reply, &Expected::default(), &mut rng).is_ok();
        (ok, rng.0)
    };
    let (accepted, with_operation) = work(&v.good_privk());
    assert!(accepted);
    let altered = v.privk(&v.p, &v.q, &v.d, &(v.u() ^ big(4)));
    let (accepted, without) = work(&altered);
    assert!(!accepted);
    // The one private operation of an accepted login draws one number for its blinding.
    assert_eq!(with_operation - without, 256);
}

/// The oracle of the first attack: with a wrong u, a number below both primes decrypts to itself, a
/// larger one does not. Neither outcome shows.
#[test]
fn att_1_a_login_with_a_chosen_number_tells_nothing() {
    let v = &*VICTIM;
    let password_key = PasswordKey::from_bytes([3; 16]);
    let login = |privk: &[u8], csid: &[u8]| {
        let session = SessionMaterial::Encrypted { csid, privk };
        let reply = Reply {
            user: UserHandle::from_bytes([9; 8]),
            k: v.master.wrap(&password_key),
            session,
        };
        login::sign_in(&password_key, &reply, &Expected::default(), &mut os_rng()).unwrap_err()
    };
    let altered = v.privk(&v.p, &v.q, &v.d, &(v.u() ^ (big(1) << 500u32)));
    for m in [&v.p >> 3u32, &v.p - 1u32, &v.p + 1u32, &v.n >> 1u32] {
        let csid = ciphertext(&m.modpow(&v.e, &v.n));
        assert_eq!(login(&altered, &csid), Error::LoginRejected);
        // And with the true key, a number that is no session id of this account.
        assert_eq!(login(&v.good_privk(), &csid), Error::LoginRejected);
    }
    for csid in [
        vec![],
        vec![0; 40],
        ciphertext(&v.n),
        ciphertext(&(&v.n + 5u32)),
        ciphertext(&v.p),
    ] {
        assert_eq!(login(&v.good_privk(), &csid), Error::LoginRejected);
    }
}

#[test]
fn att_19_a_session_id_of_another_account_is_refused() {
    let v = &*VICTIM;
    let key = open(&v.good_privk()).unwrap();
    let mut sid = [0x41; 43];
    let user = UserHandle::from_bytes([9; 8]);
    sid[16..27].copy_from_slice(&user.to_text_bytes());
    let csid = key.public_key().encrypt(&sid, &mut os_rng()).unwrap();
    let session = login::decrypt_session(&key, &csid, user, &mut os_rng()).unwrap();
    assert_eq!(*session.to_text(), base64::encode(&sid));
    let other = UserHandle::from_bytes([8; 8]);
    let refused = login::decrypt_session(&key, &csid, other, &mut os_rng());
    assert_eq!(refused.unwrap_err(), Error::LoginRejected);
}
