//! Decompression of API replies that we asked to be compressed (NET-5).

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzDecoder;

use crate::transport::{TransportError, TransportErrorKind};

/// Turns the pieces of a body into pieces of its content.
#[derive(Debug)]
pub(super) enum Inflate {
    Plain,
    Gzip(Box<GzDecoder<Vec<u8>>>),
}

impl Inflate {
    /// For a response with this `Content-Encoding`.
    pub(super) fn new(encoding: Option<&str>) -> Result<Self, TransportError> {
        match encoding.map(str::trim) {
            None | Some("" | "identity") => Ok(Self::Plain),
            Some(name) if name.eq_ignore_ascii_case("gzip") => {
                Ok(Self::Gzip(Box::new(GzDecoder::new(Vec::new()))))
            }
            Some(_) => Err(TransportError::new(TransportErrorKind::Body)),
        }
    }

    /// Takes some bytes off the front of a piece and returns their content, which has a bounded size if it was compressed: a few bytes
    /// may be the compressed form of very many. It may be empty.
    pub(super) fn step(&mut self, piece: &mut Bytes) -> Result<Bytes, TransportError> {
        match self {
            Self::Plain => Ok(std::mem::take(piece)),
            Self::Gzip(decoder) => {
                let part = piece.split_to(piece.len().min(STEP));
                decoder.write_all(&part).map_err(broken)?;
                Ok(Bytes::from(std::mem::take(decoder.get_mut())))
            }
        }
    }

    /// Passes the content of one piece to `take`, step by step.
    pub(super) fn feed<E: From<TransportError>>(
        &mut self,
        mut piece: Bytes,
        mut take: impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        while !piece.is_empty() {
            let content = self.step(&mut piece)?;
            if !content.is_empty() {
                take(content)?;
            }
        }
        Ok(())
    }

    /// States that the body has ended; passes on what was still held back.
    pub(super) fn finish<E: From<TransportError>>(
        self,
        mut take: impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(decoder) => {
                let content = decoder.finish().map_err(broken)?;
                if content.is_empty() {
                    Ok(())
                } else {
                    take(Bytes::from(content))
                }
            }
        }
    }
}

fn broken(error: std::io::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Body).with_source(error)
}

/// Compressed bytes taken at once. Deflate expands at most about a thousand times.
const STEP: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(body: &[u8], step: usize) -> Result<Vec<u8>, TransportError> {
        let mut out = Vec::new();
        let mut inflate = Inflate::new(Some("gzip"))?;
        for piece in body.chunks(step) {
            inflate.feed(Bytes::copy_from_slice(piece), |bytes| {
                out.extend_from_slice(&bytes);
                Ok::<_, TransportError>(())
            })?;
        }
        inflate.finish(|bytes| {
            out.extend_from_slice(&bytes);
            Ok::<_, TransportError>(())
        })?;
        Ok(out)
    }

    #[test]
    fn content_arrives_whole_at_any_split() {
        let content: Vec<u8> = (0..50_000u32).flat_map(|n| n.to_le_bytes()).collect();
        let body = gzip(&content);
        for step in [1, 7, 4096, body.len()] {
            assert_eq!(inflate(&body, step).unwrap(), content);
        }
    }

    #[test]
    fn a_truncated_or_damaged_body_is_an_error() {
        let body = gzip(b"content that matters");
        assert!(inflate(&body[..body.len() - 1], 5).is_err());
        let mut damaged = body.clone();
        damaged[12] ^= 0xff;
        assert!(inflate(&damaged, 5).is_err());
        let mut longer = body;
        longer.extend(b"garbage");
        assert!(inflate(&longer, 5).is_err());
    }

    #[test]
    fn net_5_a_bomb_comes_in_bounded_pieces() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let mut total = 0usize;
        let mut inflate = Inflate::new(Some("gzip")).unwrap();
        let result = inflate.feed(Bytes::from(bomb), |piece| {
            assert!(piece.len() <= 8 << 20);
            total += piece.len();
            if total > 10 << 20 {
                return Err(TransportError::new(TransportErrorKind::Body));
            }
            Ok(())
        });
        assert!(result.is_err());
        assert!(total < 20 << 20);
    }
}
