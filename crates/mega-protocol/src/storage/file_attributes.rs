//! The framing of thumbnails and other file attributes (api-and-transfers 5.9).

use super::StorageError;
use crate::code::ApiCode;
use crate::handle::AttributeHandle;

/// The largest file attribute accepted, in bytes. The SDK stops at the same.
pub const MAX_FILE_ATTRIBUTE: usize = 16 << 20;

/// Reads the reply to an uploaded file attribute: exactly its eight-byte handle.
///
/// # Errors
///
/// [`StorageError::Refused`] for a negative number, [`StorageError::Malformed`] otherwise.
pub fn parse_file_attribute_handle(body: &[u8]) -> Result<AttributeHandle, StorageError> {
    // `-` followed by digits could in theory be a handle of eight bytes; as a number of seven
    // digits it would name no code, so length decides.
    if let Ok(bytes) = body.try_into() {
        return Ok(AttributeHandle::from_bytes(bytes));
    }
    let number = std::str::from_utf8(body)
        .ok()
        .and_then(|t| t.parse::<i32>().ok());
    match number {
        Some(n) if n < 0 => Err(StorageError::Refused(ApiCode::new(n))),
        _ => Err(StorageError::Malformed),
    }
}

/// Reads the reply to a download of file attributes: records of handle, length and data.
pub fn parse_file_attributes(body: &[u8]) -> FileAttributeRecords<'_> {
    FileAttributeRecords { rest: body }
}

/// The records of a reply, in order. Attributes that the host does not have are left out.
#[derive(Clone, Debug)]
pub struct FileAttributeRecords<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for FileAttributeRecords<'a> {
    type Item = Result<(AttributeHandle, &'a [u8]), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_none() {
            // Nothing after a broken record can be trusted.
            self.rest = &[];
        }
        Some(record.ok_or(StorageError::Malformed))
    }
}

impl<'a> FileAttributeRecords<'a> {
    fn record(&mut self) -> Option<(AttributeHandle, &'a [u8])> {
        let (handle, rest) = self.rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        if len > MAX_FILE_ATTRIBUTE {
            return None;
        }
        let (data, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((AttributeHandle::from_bytes(*handle), data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_handle_length_and_data() {
        let mut body = Vec::new();
        body.extend([1; 8]);
        body.extend(3u32.to_le_bytes());
        body.extend(b"abc");
        body.extend([2; 8]);
        body.extend(0u32.to_le_bytes());
        let records: Vec<_> = parse_file_attributes(&body)
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            records[0],
            (AttributeHandle::from_bytes([1; 8]), &b"abc"[..])
        );
        assert_eq!(records[1], (AttributeHandle::from_bytes([2; 8]), &b""[..]));
    }

    #[test]
    fn a_broken_record_ends_the_reading() {
        let mut body = vec![1; 8];
        body.extend(u32::MAX.to_le_bytes());
        body.extend([0; 100]);
        let records: Vec<_> = parse_file_attributes(&body).collect();
        assert_eq!(records, [Err(StorageError::Malformed)]);
    }

    #[test]
    fn a_code_is_no_handle() {
        assert_eq!(
            parse_file_attribute_handle(b"-11"),
            Err(StorageError::Refused(ApiCode::EACCESS))
        );
        assert_eq!(
            parse_file_attribute_handle(b""),
            Err(StorageError::Malformed)
        );
        assert!(parse_file_attribute_handle(&[0xff; 8]).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body: Vec<u8>) {
            prop_assert!(parse_file_attributes(&body).count() <= body.len());
            let _ = parse_file_attribute_handle(&body);
        }
    }
}
