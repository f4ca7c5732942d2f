//! `/ul/`: parts of uploads (api-and-transfers 6.3 to 6.6); `/fa/`: file attributes (5.9).

use bytes::Bytes;

use super::{Body, Call, Reply, Service};
use crate::fault::Action;
use crate::wire::{AttributeHandle, unb64_exact};

impl Service {
    pub(super) fn upload(&self, call: &Call, actions: &[Action]) -> Reply {
        if call.method == http::Method::OPTIONS {
            return Reply::empty(204);
        }
        let Some((name, offset)) = call.upload() else {
            return Reply::empty(404);
        };
        for action in actions {
            match action {
                Action::Code(code) => return Reply::binary(whole(code.to_string())),
                Action::ExpireUrl => {
                    let mut model = self.lock();
                    let now = model.now();
                    if let Some(upload) = model.storage.uploads.get_mut(name) {
                        upload.expires = now;
                    }
                }
                _ => {}
            }
        }
        // The official client and megalib send `d`, the web client and megatools `c`; only the former want a `0`.
        let check = call.query("d").or_else(|| call.query("c"));
        // Of a part that is too long, or thrown away, nothing is here to be checked.
        let kept = call.body.len() as u64 == call.body_len;
        if let Some(check) = check.filter(|_| kept)
            && unb64_exact(check) != Some(checksum(&call.body))
        {
            return Reply::binary(whole("-14"));
        }
        let wants_zero = call.query("d").is_some();
        let mut model = self.lock();
        match model.receive(name, offset, &call.body, call.body_len, wants_zero) {
            Ok(body) => {
                let false_token = actions.iter().any(|a| matches!(a, Action::FalseToken));
                let lost_token = actions.iter().any(|a| matches!(a, Action::LoseToken));
                let body = match body {
                    _ if false_token => crate::wire::b64(&model.seed.array::<27>()).into_bytes(),
                    token if lost_token && token.len() > 1 => {
                        if wants_zero {
                            b"0".to_vec()
                        } else {
                            Vec::new()
                        }
                    }
                    body => body,
                };
                Reply::binary(whole(body))
            }
            Err(code) => Reply::binary(whole(code.to_string())),
        }
    }

    pub(super) fn file_attributes(&self, call: &Call) -> Reply {
        let mut model = self.lock();
        let parts = call.parts();
        let Some(url) = parts
            .get(1)
            .and_then(|name| model.storage.attribute_urls.get(*name))
            .cloned()
        else {
            return Reply::empty(404);
        };
        if url.expires <= model.now() {
            return Reply::empty(403);
        }
        if let Some(size) = url.upload {
            if call.body_len != size || !call.body_len.is_multiple_of(16) {
                return Reply::binary(whole("-7"));
            }
            let handle = AttributeHandle(model.seed.array());
            model.storage.attributes.insert(handle, call.body.clone());
            return Reply::binary(whole(handle.0.to_vec()));
        }
        let mut out = Vec::new();
        let wanted = call
            .body
            .chunks_exact(8)
            .filter_map(|h| <[u8; 8]>::try_from(h).ok())
            .map(AttributeHandle);
        let found: Vec<(AttributeHandle, Bytes)> = wanted
            .filter_map(|h| Some((h, model.storage.attributes.get(&h)?.clone())))
            .collect();
        if url.records {
            for (handle, data) in &found {
                out.extend_from_slice(&handle.0);
                out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
                out.extend_from_slice(data);
            }
        } else {
            // The older form: a table of positions, then the data.
            let mut position = found.len() * 12;
            for (handle, data) in &found {
                out.extend_from_slice(&handle.0);
                out.extend_from_slice(&u32::try_from(position).unwrap_or(u32::MAX).to_le_bytes());
                position += data.len();
            }
            found
                .iter()
                .for_each(|(_, data)| out.extend_from_slice(data));
        }
        Reply::binary(whole(out))
    }
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Body::Whole(bytes.into())
}

/// The 12-byte checksum of one part: its bytes XORed in groups of 12.
pub(crate) fn checksum(data: &[u8]) -> [u8; 12] {
    let mut out = [0; 12];
    // 96 bytes at a time lets the compiler use wide registers.
    let mut wide = [0_u8; 96];
    let blocks = data.chunks_exact(96);
    let rest = blocks.remainder();
    for block in blocks {
        crate::account::cipher::xor(&mut wide, block);
    }
    for part in wide.chunks_exact(12).chain(rest.chunks(12)) {
        crate::account::cipher::xor(&mut out, part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_folds_every_byte_onto_its_place() {
        let data: Vec<u8> = (0..1000_u32).map(|i| (i * 7 % 251) as u8).collect();
        for len in [0, 1, 11, 12, 13, 95, 96, 97, 1000] {
            let mut want = [0_u8; 12];
            for (i, b) in data[..len].iter().enumerate() {
                want[i % 12] ^= b;
            }
            assert_eq!(checksum(&data[..len]), want, "{len}");
        }
    }
}
