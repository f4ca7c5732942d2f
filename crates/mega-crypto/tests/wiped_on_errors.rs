//! SEC-8: what was a key in plain text is wiped before its memory is given back, on the ways that end in an error too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mega_crypto::login::{self, Reply, SessionMaterial};
use mega_crypto::rsa::{Expected, RsaPrivateKey};
use mega_crypto::{Error, MasterKey, PasswordKey, UserHandle, account_keys, mpi, os_rng, tlv};

/// Looks at every block of memory that the current thread gives back.
struct Watching;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    static READABLE: Cell<usize> = const { Cell::new(0) };
}

/// The secret that must not be in them, also the other way round, as large numbers lie in memory.
const MARKER: [u8; 16] = *b"Secret key text!";

fn is_readable(block: &[u8]) -> bool {
    let mut backwards = MARKER;
    backwards.reverse();
    block
        .windows(MARKER.len())
        .any(|window| window == MARKER || window == backwards)
}

// SAFETY: every call is passed on to the system's allocator. Blocks come filled with zeros, so that all of their bytes may be read.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one this asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if ON.try_with(Cell::get).unwrap_or(false) {
            // SAFETY: the block is the caller's until the end of this function, and all of it was written at the start.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            BLOCKS.set(BLOCKS.get() + 1);
            READABLE.set(READABLE.get() + usize::from(is_readable(block)));
        }
        // SAFETY: the caller's promise is the one this asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// How many blocks were given back meanwhile, and in how many of them the secret was.
fn given_back(run: impl FnOnce()) -> (usize, usize) {
    BLOCKS.set(0);
    READABLE.set(0);
    ON.set(true);
    run();
    ON.set(false);
    (BLOCKS.get(), READABLE.get())
}

#[track_caller]
fn wiped(what: &str, run: impl FnOnce()) {
    let (blocks, readable) = given_back(run);
    assert!(blocks > 0, "{what} takes memory");
    assert_eq!(readable, 0, "{what}: of {blocks} blocks");
}

fn encrypt(master: &MasterKey, mut plain: Vec<u8>) -> Vec<u8> {
    plain.resize(plain.len().next_multiple_of(16), 0);
    master.cipher().encrypt_blocks(plain.as_chunks_mut().0);
    plain
}

/// A number of so many bytes that says nothing but the marker, and is odd.
fn number(bytes: usize) -> Vec<u8> {
    let mut number: Vec<u8> = MARKER.iter().copied().cycle().take(bytes).collect();
    *number.last_mut().unwrap() |= 1;
    number
}

#[test]
fn the_watch_sees_what_is_not_wiped() {
    let (_, readable) = given_back(|| drop(std::hint::black_box(MARKER.to_vec())));
    assert_eq!(readable, 1);
    let mut grown = MARKER.to_vec();
    let (_, readable) = given_back(|| grown.extend([0; 4096]));
    assert_eq!(readable, 1, "growing moves it");
}

#[test]
fn sec_8_private_keys_that_are_refused_are_wiped() {
    let master = MasterKey::random(&mut os_rng());
    let open = |privk: &[u8]| {
        let refused = RsaPrivateKey::open(privk, &master, &Expected::default(), &mut os_rng());
        assert_eq!(refused.unwrap_err(), Error::PrivateKeyRejected);
    };
    let nothing = encrypt(&master, MARKER.repeat(41));
    wiped("no numbers", || open(&nothing));
    let mut plain = Vec::new();
    for bytes in [128, 128, 256, 128] {
        mpi::write(&number(bytes), &mut plain);
    }
    let numbers = encrypt(&master, plain.clone());
    wiped("numbers that are no key", || open(&numbers));
    wiped("the short form", || {
        let refused =
            RsaPrivateKey::from_short_form(&plain[..518], &Expected::default(), &mut os_rng());
        assert!(refused.is_err());
    });
}

#[test]
fn sec_8_what_rsa_brought_is_wiped_when_it_is_not_what_was_wanted() {
    let master = MasterKey::random(&mut os_rng());
    let key = RsaPrivateKey::generate(&mut os_rng());
    let sent = key
        .public_key()
        .encrypt(&MARKER.repeat(4), &mut os_rng())
        .unwrap();
    wiped("a plaintext that is too short", || {
        let plain = key.decrypt(&sent, &mut os_rng()).unwrap();
        assert!(plain.first::<300>().is_err());
    });
    let password_key = PasswordKey::from_bytes([3; 16]);
    let privk = key.seal(&master, &mut os_rng());
    wiped("a session id of somebody else", || {
        let reply = Reply {
            user: UserHandle::from_bytes([9; 8]),
            k: master.wrap(&password_key),
            session: SessionMaterial::Encrypted {
                csid: &sent,
                privk: &privk,
            },
        };
        let refused = login::sign_in(&password_key, &reply, &Expected::default(), &mut os_rng());
        assert_eq!(refused.unwrap_err(), Error::LoginRejected);
    });
}

#[test]
fn sec_8_a_keyring_that_cannot_be_read_is_wiped() {
    let master = MasterKey::random(&mut os_rng());
    // A record that says it is longer than what is there.
    let mut plain = b"prEd255\0\xff\xff".to_vec();
    plain.extend(MARKER.repeat(8));
    let container = tlv::encrypt(&plain, &master, &mut os_rng()).unwrap();
    wiped("a broken record", || {
        assert!(account_keys::Keyring::open(&container, &master).is_err());
    });
    let mut records = tlv::Records::default();
    records.insert("prEd255", MARKER.repeat(3)).unwrap();
    let container = tlv::seal(&records, &master, &mut os_rng()).unwrap();
    wiped("a key of the wrong length", || {
        let keyring = account_keys::Keyring::open(&container, &master).unwrap();
        assert!(keyring.ed25519().is_err());
    });
}
