//! What storage hosts answer.

use mega_protocol::storage::raid::{PARTS, assemble, part_len, part_range};
use mega_protocol::storage::{
    LengthGuard, StorageError, UploadReply, check_download_status, chunk_boundary_at_or_after,
    is_chunk_boundary, parse_file_attribute_handle, parse_file_attributes, upload_checksum,
};

use crate::input::Input;

/// Replies to uploads and downloads, file attributes, and files stored in parts.
pub fn storage_replies(body: &[u8]) {
    match UploadReply::parse(body) {
        Ok(UploadReply::Accepted) => assert!(body.is_empty() || body == b"0"),
        Ok(UploadReply::Complete(token)) => assert_eq!(&token.expose_bytes()[..], body, "UL-3"),
        Ok(_) => panic!("a reply this check does not know"),
        Err(StorageError::Refused(code)) => assert!(body.starts_with(b"-") && code.number() <= 0),
        Err(_) => {}
    }
    let _ = parse_file_attribute_handle(body);
    let records: usize = parse_file_attributes(body)
        .flatten()
        .map(|(_, data)| 12 + data.len())
        .sum();
    assert!(records <= body.len());

    let mut rest = Input(body);
    let status = u16::from_le_bytes(rest.array());
    let (size, at) = (rest.number(), rest.number());
    let text = rest.text();
    let error = StorageError::from_status(status, Some(&text));
    assert!(
        error
            .retry_after()
            .is_none_or(|wait| wait.as_secs() <= 31 * 24 * 3600)
    );
    let head = check_download_status(status, Some(&text), Some(&text), size);
    assert!(head.is_err() || status == 200);
    let mut guard = LengthGuard::new(size);
    let counted = guard.count(text.len());
    assert_eq!(
        counted.is_ok() && guard.finish().is_ok(),
        text.len() as u64 == size
    );

    let border = chunk_boundary_at_or_after(at);
    assert!(border >= at && (border == u64::MAX || is_chunk_boundary(border)));
    if let Some((first, end)) = part_range(size, at) {
        assert!(size < at && first < end && first * 5 <= size && end.saturating_mul(5) >= at);
    }
    let parts: Option<u64> = (1..PARTS).map(|part| part_len(size, part)).sum();
    assert_eq!(
        parts,
        Some(size),
        "the five parts with data hold everything"
    );

    // A file cut into parts comes back from any five of them.
    let file = rest.0;
    let mut stored = vec![Vec::new(); PARTS];
    for line in file.chunks(80) {
        let mut parity = Vec::new();
        for (number, sector) in line.chunks(16).enumerate() {
            stored[number + 1].extend_from_slice(sector);
            parity.resize(parity.len().max(sector.len()), 0);
            parity
                .iter_mut()
                .zip(sector)
                .for_each(|(to, from)| *to ^= from);
        }
        stored[0].extend(parity);
    }
    for missing in 0..PARTS {
        assert_eq!(
            part_len(file.len() as u64, missing),
            Some(stored[missing].len() as u64)
        );
        let mut given = [None; PARTS];
        for (number, part) in stored.iter().enumerate() {
            given[number] = (number != missing).then_some(&part[..]);
        }
        assert_eq!(assemble(given, file.len()).as_deref(), Some(file));
    }
    assert_eq!(
        upload_checksum(file),
        upload_checksum(&[file, &[0; 5]].concat())
    );
}
