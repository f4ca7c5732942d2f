use super::list::FileAttributeHandle;
use crate::Error;

/// One attribute in the answer of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedAttribute<'a> {
    /// Which one it is.
    pub handle: FileAttributeHandle,
    /// Its encrypted bytes, for [`decrypt_image`](super::decrypt_image).
    pub ciphertext: &'a [u8],
}

/// Reads the body of a cluster's answer: records of an 8-byte handle, a length (4 bytes,
/// little-endian), and the data (crypto-and-accounts 9.3).
///
/// Records whose length is no multiple of 16 are skipped, as the SDK does. An answer that ends
/// inside a record gives an error once and then ends.
pub fn fetched_attributes(
    body: &[u8],
) -> impl Iterator<Item = Result<FetchedAttribute<'_>, Error>> {
    let mut rest = body;
    core::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let Some((record, tail)) = split(rest) else {
                rest = &[];
                let reason = "it ends inside a record";
                return Some(Err(Error::Malformed {
                    what: "answer with file attributes",
                    reason,
                }));
            };
            rest = tail;
            if record.ciphertext.len().is_multiple_of(16) {
                return Some(Ok(record));
            }
        }
    })
}

fn split(body: &[u8]) -> Option<(FetchedAttribute<'_>, &[u8])> {
    let (handle, rest) = body.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let (ciphertext, rest) = rest.split_at_checked(len)?;
    Some((
        FetchedAttribute {
            handle: FileAttributeHandle(*handle),
            ciphertext,
        },
        rest,
    ))
}
