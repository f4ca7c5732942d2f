/// The checksum of an upload request: the 12 bytes that go into `?d=`, as base64
/// (crypto-and-accounts 6.5).
///
/// Byte j is the XOR of all bytes of the request's body at positions i ≡ j (mod 12), counted from
/// the start of the body. The body is ciphertext. Twelve zero bytes for an empty body.
///
/// It finds transmission errors, nothing more: it has no key.
///
/// ```
/// use mega_crypto::content::UploadChecksum;
/// assert_eq!(UploadChecksum::of(b"abcdefghijklM").to_bytes(), *b"\x2cbcdefghijkl");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadChecksum {
    sum: [u8; 12],
    /// Position modulo 12 of the next byte.
    at: usize,
}

impl UploadChecksum {
    /// The checksum of an empty body.
    pub const fn new() -> Self {
        Self {
            sum: [0; 12],
            at: 0,
        }
    }

    /// The checksum of a whole body, of any length.
    pub fn of(ciphertext: &[u8]) -> Self {
        let mut checksum = Self::new();
        checksum.update(ciphertext);
        checksum
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, ciphertext: &[u8]) {
        let mut rest = ciphertext;
        while self.at != 0 {
            let Some((byte, tail)) = rest.split_first() else {
                return;
            };
            self.take(*byte);
            rest = tail;
        }
        // Words of 8 bytes repeat their places after 3 words; 12 of them keep the adders busy.
        let (pieces, tail) = rest.as_chunks::<96>();
        let mut words = [0u64; 12];
        for piece in pieces {
            let (piece, _) = piece.as_chunks::<8>();
            for (word, bytes) in words.iter_mut().zip(piece) {
                *word ^= u64::from_le_bytes(*bytes);
            }
        }
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        for (place, byte) in (0..12).cycle().zip(bytes) {
            if let Some(sum) = self.sum.get_mut(place) {
                *sum ^= byte;
            }
        }
        for byte in tail {
            self.take(*byte);
        }
    }

    /// The 12 bytes, ready for base64.
    pub const fn to_bytes(&self) -> [u8; 12] {
        self.sum
    }

    fn take(&mut self, byte: u8) {
        if let Some(sum) = self.sum.get_mut(self.at) {
            *sum ^= byte;
        }
        self.at = (self.at + 1) % 12;
    }
}
