//! Where a picture was taken: the node attributes `l` and `gp` (crypto-and-accounts 5.4; SDK
//! `src/megaapi_impl.cpp`, `encodeCoordinates`, `updateAttributesMapWithCoordinates`).
//!
//! `l` is read by everybody who can read the node. `gp` is encrypted under a key of the account,
//! the unshareable key, so that those with whom the picture is shared do not learn the place.
//!
//! ```
//! use mega_crypto::position::{Position, UnshareableKey};
//! use mega_crypto::{MasterKey, os_rng};
//!
//! let auckland = Position::from_degrees(-36.848461, 174.763336)?;
//! assert_eq!(auckland.to_text(), "4pdLsUb8");
//! assert!((auckland.latitude() + 36.848461).abs() < 0.00002);
//!
//! let master = MasterKey::random(&mut os_rng());
//! let key = UnshareableKey::random(&mut os_rng());
//! let gp = key.seal(&auckland);
//! // The attribute `*~usk` keeps the key for the other clients of the account.
//! let key = UnshareableKey::open(&key.wrap(&master), &master);
//! assert_eq!(key.open_position(&gp)?, auckland);
//! # Ok::<(), mega_crypto::Error>(())
//! ```

use alloc::string::String;

use crate::secret::secret_bytes;
use crate::{Error, KeyCipher, MasterKey, base64};

/// A position on earth, in steps of about a meter: 24 bits each of latitude and longitude, so what
/// is read is written back exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// 0 is the south pole, `0xff_ffff` the north pole.
    latitude: u32,
    /// 0 is 180 degrees west; a full turn would be `0x100_0000`.
    longitude: u32,
}

impl Position {
    /// Takes degrees: -90 to 90 north, -180 to 180 east.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for numbers outside, or that are none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the ranges are checked; the format cuts off, as this cast does"
    )]
    pub fn from_degrees(latitude: f64, longitude: f64) -> Result<Self, Error> {
        if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
            return Err(Error::Malformed {
                what: "position",
                reason: "it is not on earth",
            });
        }
        let turns = (longitude + 180.0) / 360.0;
        Ok(Self {
            latitude: ((latitude + 90.0) / 180.0 * f64::from(NORTH)) as u32,
            // 180 degrees east is 180 degrees west; so is what rounding makes a full turn.
            longitude: (turns * f64::from(TURN)) as u32 % TURN,
        })
    }

    /// Degrees north, -90 to 90.
    pub fn latitude(&self) -> f64 {
        f64::from(self.latitude) / f64::from(NORTH) * 180.0 - 90.0
    }

    /// Degrees east, -180 to less than 180.
    pub fn longitude(&self) -> f64 {
        f64::from(self.longitude) / f64::from(TURN) * 360.0 - 180.0
    }

    /// Reads the attribute `l`: 8 characters, three bytes of latitude and three of longitude, each
    /// little-endian.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] for another text.
    pub fn from_text(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let [a, b, c, d, e, f] = base64::decode_array(text).map_err(|e| e.of("position"))?;
        Ok(Self {
            latitude: u32::from_le_bytes([a, b, c, 0]),
            longitude: u32::from_le_bytes([d, e, f, 0]),
        })
    }

    /// The attribute `l`: 8 characters.
    pub fn to_text(&self) -> String {
        let [a, b, c, _] = self.latitude.to_le_bytes();
        let [d, e, f, _] = self.longitude.to_le_bytes();
        base64::encode(&[a, b, c, d, e, f])
    }
}

secret_bytes! {
    /// The key of an account that hides positions from those it shares pictures with. It is kept in
    /// the attribute `*~usk`.
    #[derive(Clone)]
    UnshareableKey, 16, "unshareable key"
}

impl UnshareableKey {
    /// Opens the 16 bytes of the attribute `*~usk`. It carries no proof of being right; positions
    /// do.
    pub fn open(attribute: &[u8; 16], master: &MasterKey) -> Self {
        Self::from_bytes(master.cipher().decrypt_block(*attribute))
    }

    /// The 16 bytes of the attribute `*~usk`.
    pub fn wrap(&self, master: &MasterKey) -> [u8; 16] {
        master.cipher().encrypt_block(*self.expose_secret())
    }

    /// The attribute `gp`: 22 characters.
    pub fn seal(&self, position: &Position) -> String {
        let mut block = [0; 16];
        let text = position.to_text();
        for (to, from) in block.iter_mut().zip(MARKER.iter().chain(text.as_bytes())) {
            *to = *from;
        }
        base64::encode(&self.mask(block))
    }

    /// Opens the attribute `gp`.
    ///
    /// # Errors
    ///
    /// [`Error::Base64`] if it is not 22 characters, [`Error::WrongKey`] if it does not decrypt to
    /// a position.
    pub fn open_position(&self, gp: impl AsRef<[u8]>) -> Result<Position, Error> {
        let block = base64::decode_array(gp).map_err(|e| e.of("hidden position"))?;
        let text = self.mask(block);
        let text = text.strip_prefix(MARKER).ok_or(WRONG_KEY)?;
        Position::from_text(text).map_err(|_| WRONG_KEY)
    }

    /// Counter mode with a counter of zero: the first block of key stream.
    fn mask(&self, mut block: [u8; 16]) -> [u8; 16] {
        let stream = KeyCipher::new(self.expose_secret()).encrypt_block([0; 16]);
        for (byte, stream) in block.iter_mut().zip(stream) {
            *byte ^= stream;
        }
        block
    }
}

const MARKER: &[u8] = b"unshare/";
const WRONG_KEY: Error = Error::WrongKey {
    what: "hidden position",
};
const NORTH: u32 = 0xff_ffff;
const TURN: u32 = 0x100_0000;
