//! What a saved session remembers about its account, so that a service cannot take it back to an earlier state (threat model, PST-8, LOG-1, KEY-10,
//! RSA-8).
//!
//! It follows the session's text after a dot: base64 of version (1), generation of `^!keys` (4, big-endian, 0 for none), account version (1, 0 for
//! unknown), the pin of the RSA key (32, zeros for none) and 16 bytes of HMAC-SHA256 over these and the session's text, under a key from the master key. Who
//! can change the file can still cut it off as a whole; [sealed](super::SavedSession::seal) sessions prevent that, too.

use hmac::{Hmac, KeyInit, Mac};
use mega_crypto::account_keys::Generation;
use mega_crypto::{MasterKey, base64};
use mega_protocol::UserHandle;
use sha2::Sha256;

/// What must not go back.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Pins {
    /// The highest generation of `^!keys` that was seen.
    pub(crate) generation: Option<Generation>,
    /// The version of the account.
    pub(crate) version: Option<u8>,
    /// The SHA-256 of the RSA public key.
    pub(crate) rsa: Option<[u8; 32]>,
}

const FORMAT: u8 = 1;
const BODY: usize = 1 + 4 + 1 + 32;
const TAG: usize = 16;

impl Pins {
    /// The text that follows the dot.
    pub(super) fn to_text(self, session: &str, master: &MasterKey) -> String {
        let body = self.body();
        base64::encode(&[&body[..], &tag(&body, session, master)].concat())
    }

    fn body(self) -> [u8; BODY] {
        let generation = self.generation.map_or(0, Generation::get).to_be_bytes();
        let parts = [
            &[FORMAT][..],
            &generation,
            &[self.version.unwrap_or(0)],
            &self.rsa.unwrap_or_default(),
        ];
        let mut body = [0; BODY];
        for (to, from) in body.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        body
    }

    /// Whether a text has the form of pins. Whether they are true, only the master key tells.
    pub(super) fn is_text(text: &str) -> bool {
        base64::decode_array::<{ BODY + TAG }>(text).is_ok()
    }

    /// Reads pins that were written with this session under this master key; `None` for others.
    pub(super) fn open(text: &str, session: &str, master: &MasterKey) -> Option<Self> {
        let bytes: [u8; BODY + TAG] = base64::decode_array(text).ok()?;
        let (body, told) = bytes.split_first_chunk::<BODY>()?;
        // Constant time: the comparison is with a MAC (SEC-2).
        let mut mac = mac(master);
        mac.update(body);
        mac.update(session.as_bytes());
        mac.verify_truncated_left(told).ok()?;
        let (format, rest) = body.split_first()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (version, rsa) = rest.split_first()?;
        let rsa: [u8; 32] = rsa.try_into().ok()?;
        let generation = u32::from_be_bytes(*generation);
        (*format == FORMAT).then_some(Self {
            generation: (generation > 0).then(|| Generation::new(generation)),
            version: (*version > 0).then_some(*version),
            rsa: (rsa != [0; 32]).then_some(rsa),
        })
    }
}

/// What tells an account from another one that had or will have its address: a MAC of the user's handle under the master key, which shows neither. An
/// account that is opened again without its key (parked) or registered anew has another master key.
pub(super) fn fingerprint(user: UserHandle, master: &MasterKey) -> String {
    let mut mac = keyed(master.expose_secret());
    mac.update(b"mega-client which account this is");
    mac.update(&user.to_bytes());
    let mac = mac.finalize().into_bytes();
    base64::encode(mac.get(..TAG).unwrap_or_default())
}

fn mac(master: &MasterKey) -> Hmac<Sha256> {
    // The label keeps this apart from other uses of the master key.
    let mut derived = keyed(master.expose_secret());
    derived.update(b"mega-client pins of a saved session");
    keyed(&derived.finalize().into_bytes())
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("a key of any length")
}

fn tag(body: &[u8], session: &str, master: &MasterKey) -> [u8; TAG] {
    let mut mac = mac(master);
    mac.update(body);
    mac.update(session.as_bytes());
    let mut tag = [0; TAG];
    for (to, from) in tag.iter_mut().zip(mac.finalize().into_bytes()) {
        *to = from;
    }
    tag
}
