//! Any range of bytes of a file, decrypted, not verified.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use mega_crypto::content::ContentCipher;

use super::Shared;
use super::address::{Address, Addresses};
use super::progress::Meter;
use super::retry::{Failure, Remedy, Retry};
use crate::error::{Error, ErrorKind, Result};

/// Fetches a range, over several connections if it is long.
pub(crate) async fn fetch_range(
    shared: &Shared,
    addresses: &Addresses,
    cipher: &ContentCipher,
    range: Range<u64>,
    meter: &Meter,
) -> Result<Bytes> {
    let len = range.end.saturating_sub(range.start);
    if len <= PIECE {
        return fetch_piece(shared, addresses, cipher, range, meter)
            .await
            .map(Bytes::from);
    }
    let mut whole = Vec::new();
    usize::try_from(len)
        .ok()
        .and_then(|len| whole.try_reserve_exact(len).ok())
        .ok_or_else(|| Error::new(ErrorKind::Io, format!("no memory for {len} bytes")))?;
    let pieces = (0..len.div_ceil(PIECE)).map(|number| {
        let start = range.start.saturating_add(number.saturating_mul(PIECE));
        fetch_piece(
            shared,
            addresses,
            cipher,
            start..start.saturating_add(PIECE).min(range.end),
            meter,
        )
    });
    let mut pieces = futures::stream::iter(pieces).buffered(shared.limits().connections());
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

async fn fetch_piece(
    shared: &Shared,
    addresses: &Addresses,
    cipher: &ContentCipher,
    range: Range<u64>,
    meter: &Meter,
) -> Result<Vec<u8>> {
    let mut piece = fetch_ciphertext(shared, addresses, range.clone(), meter).await?;
    cipher.apply_keystream(range.start, &mut piece);
    meter.part();
    Ok(piece)
}

/// Fetches a range over one connection, going on where it broke off. It is not decrypted.
pub(crate) async fn fetch_ciphertext(
    shared: &Shared,
    addresses: &Addresses,
    range: Range<u64>,
    meter: &Meter,
) -> Result<Vec<u8>> {
    let len = range.end.saturating_sub(range.start);
    let mut piece = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    if len == 0 {
        return Ok(piece);
    }
    let mut retry = Retry::new(shared.limits());
    // A connection may also break behind the last byte.
    while u64::try_from(piece.len()).unwrap_or(u64::MAX) < len {
        let before = piece.len();
        let mut generation = 0;
        let failure = match addresses.current().await {
            Ok((address, number)) => {
                generation = number;
                match stream(shared, addresses, &address, &range, &mut piece, meter).await {
                    Ok(()) => break,
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        if piece.len() > before {
            retry.moved();
        }
        match retry.pause(failure).await? {
            Remedy::NewAddress | Remedy::StartOver => addresses.expired(generation).await,
            _ => {}
        }
    }
    Ok(piece)
}

async fn stream(
    shared: &Shared,
    addresses: &Addresses,
    address: &Address,
    range: &Range<u64>,
    piece: &mut Vec<u8>,
    meter: &Meter,
) -> Result<(), Failure> {
    let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let start = range
        .start
        .saturating_add(u64::try_from(piece.len()).unwrap_or(0));
    let mut body = shared
        .wire()
        .get(addresses, address, start..range.end)
        .await?;
    while let Some(frame) = body.next().await? {
        shared.pace_down(frame.len()).await;
        let room = len.saturating_sub(piece.len());
        if frame.len() > room {
            return Err(Failure::again(Error::new(
                ErrorKind::Protocol,
                "the storage host sent more than was asked for",
            )));
        }
        piece.extend_from_slice(&frame);
        meter.add(u64::try_from(frame.len()).unwrap_or(0));
    }
    if piece.len() < len {
        return Err(Failure::again(Error::new(
            ErrorKind::Network,
            "the connection ended before the range was complete",
        )));
    }
    Ok(())
}

/// Longer ranges are fetched in pieces of this many bytes.
const PIECE: u64 = 2 << 20;
