//! SEC-1, SEC-2, INV-9: every type that holds a secret leaves nothing of it in the memory it gives back, shows
//! nothing of it in `Debug`, and is compared in constant time. The list is held against the sources, so that
//! a new type cannot be forgotten.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Debug;

use mega_crypto::account::{AnonymousCredentials, ConfirmationCode, NewAccount};
use mega_crypto::account_keys::*;
use mega_crypto::at_rest::{RestKey, Salt};
use mega_crypto::content::{ContentCipher, ContentKey};
use mega_crypto::link::{CollectionKey, Link, LinkKey, PasswordLink, PublicLink, WriteAuth};
use mega_crypto::password::{self, AuthKey, LoginSecret, NewPassword, UserHash};
use mega_crypto::position::UnshareableKey;
use mega_crypto::rand_core::{TryCryptoRng, TryRng};
use mega_crypto::rsa::{RsaPlaintext, RsaPrivateKey, RsaVerdict};
use mega_crypto::subtle::ConstantTimeEq;
use mega_crypto::tlv::{self, Records};
use mega_crypto::totp::TotpSecret;
use mega_crypto::*;

/// Eight bytes in a row of a secret. Fewer may be chance.
type Trace = [u8; 8];

/// Looks through every block of memory that is given back, for traces of a secret.
struct Watching;

thread_local! {
    static TRACES: Cell<[Option<Trace>; 4]> = const { Cell::new([None; 4]) };
    static FOUND: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Zeroed, so that all of a block may be read when it comes back.
        // SAFETY: the caller's promise is the one this asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let traces = TRACES.get();
        if traces.iter().any(Option::is_some) {
            // SAFETY: the block is the caller's to give back, is that long, and was initialised by `alloc`.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            let seen = |trace: &Trace| block.windows(trace.len()).any(|window| window == trace);
            if traces.iter().flatten().any(seen) {
                FOUND.set(FOUND.get() + 1);
            }
        }
        // SAFETY: the caller's promise is the one this asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Drops a value that lies on the heap; whether a trace of it was left in what it gave back.
#[inline(never)]
fn leaves<T>(value: T, traces: &[Trace]) -> bool {
    // An optimiser that sees all of this would do without the memory.
    let value = std::hint::black_box(Box::new(value));
    let mut watched = [None; 4];
    for (place, trace) in watched.iter_mut().zip(traces) {
        *place = Some(*trace);
    }
    FOUND.set(0);
    TRACES.set(watched);
    drop(value);
    TRACES.set([None; 4]);
    FOUND.get() > 0
}

const CANARY: Trace = [0xc7; 8];

/// A generator that draws the canary for every key, and something else for nonces, which are no secrets.
struct Canaries;

impl TryRng for Canaries {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0xc7c7_c7c7)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0xc7c7_c7c7_c7c7_c7c7)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(if bytes.len() == 12 { 0x11 } else { 0xc7 });
        Ok(())
    }
}

impl TryCryptoRng for Canaries {}

/// The names of the types that were looked at.
#[derive(Default)]
struct Seen(RefCell<BTreeSet<&'static str>>);

impl Seen {
    fn value<T: Debug>(&self, name: &'static str, value: T, traces: &[Trace]) {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            for trace in ["199", "c7", "C7", "x8fH", "fHx8", "Hx8f", "canary"] {
                assert!(!shown.contains(trace), "{name} shows {shown}");
            }
        }
        assert!(!leaves(value, traces), "{name} is not wiped");
        self.0.borrow_mut().insert(name);
    }

    /// For what is compared at all.
    fn compared<T: Debug + ConstantTimeEq>(&self, name: &'static str, value: T, traces: &[Trace]) {
        assert!(bool::from(value.ct_eq(&value)), "{name}");
        self.value(name, value, traces);
    }
}

fn file_key() -> FileKey {
    FileKey::from_bytes(std::array::from_fn(|i| if i == 0 { 1 } else { 0xc7 })).unwrap()
}

fn folder_key() -> FolderKey {
    FolderKey::from_bytes([0xc7; 16]).unwrap()
}

fn share_key() -> ShareKey {
    ShareKey::from_bytes([0xc7; 16]).unwrap()
}

fn master() -> MasterKey {
    MasterKey::from_bytes([0xc7; 16])
}

fn session() -> SessionId {
    let mut sid = [0xc7; 43];
    sid[16..27].copy_from_slice(b"AAAAAAAAAAA");
    SessionId::from_bytes(sid).unwrap()
}

fn trace_of(bytes: &[u8]) -> Trace {
    *bytes.first_chunk().unwrap()
}

fn new_account_keys(rsa: &RsaPrivateKey) -> NewAccountKeys {
    let (user, node) = (
        UserHandle::from_bytes([1; 8]),
        NodeHandle::from_bytes([2; 6]),
    );
    let absent = PublishedKeys::default();
    let rsa = Some((rsa.public_key(), rsa));
    NewAccountKeys::generate_with(&absent, user, 1, rsa, &master(), &mut Canaries, |edit| {
        edit.add_share_key(node, &share_key(), true)
    })
    .unwrap()
}

fn legacy_keys(rsa: &RsaPrivateKey) -> LegacyKeys {
    let attributes = new_account_keys(rsa).attributes();
    let value = |name: &str| {
        let (_, value) = attributes.iter().find(|(known, _)| *known == name).unwrap();
        Some(value.as_slice())
    };
    let published = PublishedKeys {
        ed25519: value("+puEd255"),
        x25519: value("+puCu255"),
        x25519_signature: value("+sigCu255"),
        keyring: value("*keyring"),
        ..PublishedKeys::default()
    };
    published
        .load_legacy(&master(), UserHandle::from_bytes([1; 8]), None)
        .unwrap()
}

#[test]
fn sec_1_sec_2_every_secret_type_is_wiped_silent_and_compared_in_constant_time() {
    let seen = Seen::default();
    let c = &[CANARY];
    seen.compared("MasterKey", master(), c);
    seen.compared("PasswordKey", PasswordKey::from_bytes([0xc7; 16]), c);
    seen.compared("SessionKey", SessionKey::from_bytes([0xc7; 16]), c);
    seen.compared("AttributeKey", AttributeKey::from_bytes([0xc7; 16]), c);
    seen.compared("CollectionKey", CollectionKey::from_bytes([0xc7; 16]), c);
    seen.compared("UnshareableKey", UnshareableKey::from_bytes([0xc7; 16]), c);
    seen.compared("UserHash", UserHash::from_bytes([0xc7; 8]), c);
    seen.compared("AuthKey", AuthKey::from_bytes([0xc7; 16]), c);
    let seed = Ed25519PrivateKey::from_bytes([0xc7; 32]);
    seen.compared("Ed25519PrivateKey", seed, c);
    let private = X25519PrivateKey::from_bytes([0xc7; 32]);
    seen.compared("X25519PrivateKey", private, c);
    seen.compared("PairwiseKey", PairwiseKey::from_bytes([0xc7; 16]), c);
    seen.compared("FileKey", file_key(), c);
    seen.compared("FolderKey", folder_key(), c);
    seen.compared("ShareKey", share_key(), c);
    seen.compared("SessionId", session(), c);
    seen.compared("ContentKey", ContentKey::new([0xc7; 16], [0xc7; 8]), c);
    seen.value("NodeKey", NodeKey::from(file_key()), c);
    // The first round key of AES is the key.
    seen.value("KeyCipher", KeyCipher::new(&[0xc7; 16]), c);
    // With a number of chains, since an absent one is memory that nobody has written, with whatever the stack
    // held there before.
    let content = ContentCipher::new(&ContentKey::new([0xc7; 16], [1; 8])).chains(16);
    #[cfg(feature = "accelerated")]
    seen.value("ContentCipher", content.clone().portable(), c);
    seen.value("ContentCipher", content, c);
    seen.value(
        "RestKey",
        RestKey::derive(&master(), &Salt::from_bytes([0xc7; 32]), b""),
        c,
    );

    let handle = PublicHandle::from_bytes([1; 6]);
    // The largest variants, for the same reason. Of a choice of types listed here, and of a link, where an empty `Option` holds what was on the stack
    // before, only what it shows is looked at; what they are made of is in this list.
    let link = || PublicLink::file(handle, file_key());
    seen.value("PublicLink", link(), &[]);
    seen.value("LinkKey", LinkKey::File(file_key()), c);
    let public = Link::Public(PublicLink::file(handle, file_key()));
    seen.value("Link", public, &[]);
    seen.value(
        "WriteAuth",
        WriteAuth::new("c7c7c7c7c7c7").unwrap(),
        &[*b"c7c7c7c7"],
    );
    // What it carries is encrypted: of the password and of the key there is nothing in it.
    let locked = PasswordLink::lock_with_salt(&link(), "canary canary", [1; 32]).unwrap();
    seen.value("PasswordLink", locked, &[CANARY, *b"canary c"]);

    let login = password::derive_v2("x", &[1; 32]).unwrap();
    let traces = [
        trace_of(login.expose_uh()),
        trace_of(login.password_key().expose_secret()),
    ];
    seen.value::<LoginSecret>("LoginSecret", login, &traces);
    let new = NewPassword::with_random_value("x", [1; 16]).unwrap();
    let login = password::derive_v2("x", &new.salt()).unwrap();
    let traces = [
        trace_of(login.expose_uh()),
        trace_of(login.password_key().expose_secret()),
    ];
    seen.value("NewPassword", new, &traces);

    // Its challenge is no secret, so a master key of its own kind is looked for.
    let account = NewAccount::random(&mut os_rng());
    let credentials = account.credentials(UserHandle::from_bytes([1; 8]));
    let password_key = trace_of(credentials.password_key.expose_secret());
    let traces = [trace_of(account.master().expose_secret()), password_key];
    seen.value("NewAccount", account, &traces);
    seen.value::<AnonymousCredentials>("AnonymousCredentials", credentials, &[password_key]);
    let code = ConfirmationCode::new(&[0xc7; 15], "a@b", "n", &[0xc7; 8]).unwrap();
    seen.value("ConfirmationCode", code, c);
    let totp = TotpSecret::from_base32("Y7D4PR6HY7D4PR6HY7D4PR6HY7D4PR6H").unwrap();
    seen.compared("TotpSecret", totp, c);

    seen.value("StoredMaster", StoredMaster::Plain(master()), c);
    let account = || StoredAccount {
        master: StoredMaster::Plain(master()),
        session: session(),
    };
    seen.value("StoredAccount", account(), c);
    seen.value("StoredSession", StoredSession::Account(account()), c);
    let folder = StoredFolder {
        handle,
        root: NodeHandle::from_bytes([1; 6]),
        key: share_key(),
        write_auth: Some(WriteAuth::new("c7c7c7c7c7c7").unwrap()),
        account_auth: Some("canary canary".to_owned().into()),
    };
    seen.value(
        "StoredFolder",
        folder,
        &[CANARY, *b"c7c7c7c7", *b"canary c"],
    );

    let mut records = Records::new();
    records.insert("key", [0xc7; 32]).unwrap();
    let container = tlv::seal(&records, &master(), &mut os_rng()).unwrap();
    seen.compared("Records", records, c);
    seen.value("Keyring", Keyring::open(&container, &master()).unwrap(), c);

    let rsa = RsaPrivateKey::generate(&mut os_rng());
    seen.value("NewAccountKeys", new_account_keys(&rsa), c);
    let keys = new_account_keys(&rsa).accepted();
    let write = keys.update(&master(), &mut os_rng(), |_| Ok(())).unwrap();
    seen.value("StoredShareKey", keys.share_keys()[0].clone(), c);
    seen.value("AccountKeys", keys, c);
    seen.value("KeysWrite", write, c);
    seen.value("LegacyKeys", legacy_keys(&rsa), c);

    let public = rsa.public_key();
    let short = rsa.to_short_form();
    // p, q and d of 128, 128 and 256 bytes, each behind two bytes. Aligned places of it, as bytes and as words.
    let (p, q) = (
        trace_of(&short[2 + 64..]),
        trace_of(&short[2 + 128 + 2 + 64..]),
    );
    let reversed = |mut bytes: Trace| {
        bytes.reverse();
        bytes
    };
    let traces = [p, q, reversed(p), reversed(q)];
    seen.value("RsaPrivateCopy", RsaPrivateCopy::of(&rsa), &traces);
    let ciphertext = public.encrypt(&[0xc7; 40], &mut os_rng()).unwrap();
    let plain = rsa.decrypt(&ciphertext, &mut os_rng()).unwrap();
    seen.value::<RsaPlaintext>("RsaPlaintext", plain, c);
    drop(short);
    seen.value("RsaPrivateKey", rsa, &traces);

    let missing: Vec<_> = types_in_the_sources()
        .into_iter()
        .filter(|name| {
            !seen.0.borrow().contains(name.as_str()) && !NOT_OWNERS.contains(&name.as_str())
        })
        .collect();
    assert!(missing.is_empty(), "not looked at: {missing:?}");
    silent_without_secrets_of_their_own();
}

/// What hides its content in `Debug` and owns no secret: it borrows from the caller, is a digest of public and
/// secret numbers to be stored, or is a part of `AccountKeys` that never leaves the crate.
const NOT_OWNERS: [&str; 6] = [
    "Mpi",
    "Reply",
    "ResumeReply",
    "SessionMaterial",
    "RsaVerdict",
    "Ltlv",
];

fn silent_without_secrets_of_their_own() {
    assert_eq!(
        format!("{:?}", RsaVerdict::from_bytes([0xc7; 32])),
        "RsaVerdict(..)"
    );
}

/// The types that the crate's sources hide from `Debug`, one way or another.
fn types_in_the_sources() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for call in ["opaque!(", "opaque_lifetime!("] {
                for rest in text.split(call).skip(1) {
                    names.insert(rest.split(')').next().unwrap().to_owned());
                }
            }
            // The name stands on a line of its own, with length and description behind it.
            for block in text.split("secret_bytes! {").skip(1) {
                let line = block.lines().map(str::trim).find(|line| {
                    line.starts_with(|first: char| first.is_ascii_uppercase())
                        && line.contains(", ")
                });
                names.insert(line.unwrap().split(',').next().unwrap().to_owned());
            }
        }
    }
    names.retain(|name| name.chars().all(char::is_alphanumeric));
    assert!(names.len() > 30, "{names:?}");
    names
}

#[test]
fn a_type_that_is_not_wiped_would_be_noticed() {
    assert!(leaves([0xc7_u8; 16], &[CANARY]));
    assert!(leaves(vec![0xc7_u8; 16], &[CANARY]));
    assert!(leaves(
        [1_u8, 0xc7, 0xc7, 0xc7, 0xc7, 0xc7, 0xc7, 0xc7, 0xc7],
        &[[1; 8], CANARY]
    ));
    assert!(!leaves([0xc7_u8; 7], &[CANARY]));
}
