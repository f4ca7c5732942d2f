//! `/dl/`: file content, whole, in ranges, or as parts of CloudRAID (api-and-transfers 7).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Body, Call, Reply, Service};
use crate::fault::Action;
use crate::model::Content;

impl Service {
    pub(super) fn download(&self, call: &Call, actions: &[Action]) -> Reply {
        if call.method == http::Method::OPTIONS {
            return Reply::empty(204);
        }
        let parts = call.parts();
        let Some(name) = parts.get(1).copied() else {
            return Reply::empty(404);
        };
        let mut model = self.lock();
        let now = model.now();
        let Some(url) = model.storage.downloads.get_mut(name) else {
            return Reply::empty(404);
        };
        if actions.iter().any(|a| matches!(a, Action::ExpireUrl)) {
            url.expires = now;
        }
        if url.expires <= now {
            return Reply::empty(403);
        }
        let url = url.clone();
        let Some(content) = url.content.upgrade() else {
            return Reply::empty(404);
        };
        let len = url
            .part
            .map_or(content.size(), |part| part_len(content.size(), part));
        let range = match (parts.get(2), call.header("range")) {
            (Some(range), _) => Range::path(range),
            (None, Some(range)) => Range::header(range),
            (None, None) => Some(Range {
                start: 0,
                end: None,
                header: false,
            }),
        };
        let Some(range) = range else {
            return Reply::empty(404);
        };
        if let Some(code) = actions.iter().find_map(|a| match a {
            Action::Code(code) => Some(*code),
            _ => None,
        }) {
            return Reply::binary(Body::Whole(code.to_string().into()));
        }
        let end = range
            .end
            .map_or(len, |last| last.saturating_add(1).min(len));
        if range.start > end || (range.start >= len && len > 0) {
            return Reply::empty(416).header("Content-Range", format!("bytes */{len}"));
        }
        if let Some(user) = url.payer.and_then(|u| model.users.get_mut(&u)) {
            let transfer = &mut user.transfer;
            if let Some(wait) = transfer.refused(now) {
                return Reply::empty(509).header("X-MEGA-Time-Left", wait.to_string());
            }
            transfer.used = transfer.used.saturating_add(end - range.start);
        }
        drop(model);
        let body = Body::Lazy {
            len: end - range.start,
            parts: bytes_of(&content, url.part, range.start, end),
        };
        let body = actions.iter().fold(body, |body, action| match action {
            Action::CorruptFile(at) if (range.start..end).contains(at) => {
                body.corrupt(at - range.start)
            }
            _ => body,
        });
        let mut reply = Reply::binary(body);
        if range.header {
            reply.status = 206;
            let last = end.saturating_sub(1);
            reply = reply.header(
                "Content-Range",
                format!("bytes {}-{last}/{len}", range.start),
            );
        }
        if url.part.is_some() {
            // The official client divides by the milliseconds a part took.
            reply.delivery.delay = Some(Duration::from_millis(2));
        }
        reply
    }
}

struct Range {
    start: u64,
    /// The last byte, inclusive.
    end: Option<u64>,
    /// Asked for by a header, which is answered 206; in the path it is 200.
    header: bool,
}

impl Range {
    /// `start-end` or `start-`.
    fn path(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        let end = if end.is_empty() {
            None
        } else {
            Some(end.parse().ok()?)
        };
        Some(Self {
            start: start.parse().ok()?,
            end,
            header: false,
        })
    }

    fn header(text: &str) -> Option<Self> {
        Some(Self {
            header: true,
            ..Self::path(text.trim().strip_prefix("bytes=")?)?
        })
    }
}

fn bytes_of(
    content: &Arc<Content>,
    part: Option<u8>,
    start: u64,
    end: u64,
) -> Box<dyn Iterator<Item = Bytes> + Send> {
    let Some(part) = part else {
        return Box::new(content.range(start, end));
    };
    let content = content.clone();
    let mut at = start;
    Box::new(std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        // Parts are cut into 16-byte sectors; make some thousand of them at a time.
        let stop = end.min((at / 16 + 4096) * 16);
        let piece = part_bytes(&content, part, at, stop);
        at = stop;
        Some(piece)
    }))
}

/// Length of part `part` (0 is parity, 1 to 5 are data) of a file of this size.
fn part_len(size: u64, part: u8) -> u64 {
    let rest = size % 80;
    let column = u64::from(part.saturating_sub(1));
    (size - rest) / 5 + rest.saturating_sub(16 * column).min(16)
}

/// Bytes of a part, made from the lines of the file they belong to.
fn part_bytes(content: &Content, part: u8, start: u64, end: u64) -> Bytes {
    let (first, last) = (start / 16, end.div_ceil(16));
    let mut lines: Vec<u8> = content.range(first * 80, last * 80).flatten().collect();
    lines.resize(usize::try_from((last - first) * 80).unwrap_or(0), 0);
    let mut out = Vec::with_capacity(lines.len() / 5);
    for line in lines.chunks_exact(80) {
        match part.checked_sub(1) {
            Some(column) => {
                out.extend(line.chunks_exact(16).nth(column.into()).unwrap_or_default())
            }
            None => {
                let mut parity = [0; 16];
                line.chunks_exact(16)
                    .for_each(|sector| crate::account::cipher::xor(&mut parity, sector));
                out.extend_from_slice(&parity);
            }
        }
    }
    let skip = usize::try_from(start - first * 16).unwrap_or(0);
    let len = usize::try_from(end - start).unwrap_or(0);
    Bytes::from(out).slice(skip..).slice(..len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: u32) -> Arc<Content> {
        let data: Vec<u8> = (0..size).map(|i| (i * 31 % 253) as u8).collect();
        let pieces = if size == 0 {
            vec![]
        } else {
            vec![(0, data.into())]
        };
        Arc::new(Content::new([0; 8], size.into(), pieces))
    }

    #[test]
    fn part_lengths_are_those_of_the_worked_example() {
        // api-and-transfers 7.3: S = 100.
        let lens: Vec<u64> = (0..6).map(|part| part_len(100, part)).collect();
        assert_eq!(lens, [32, 32, 20, 16, 16, 16]);
    }

    #[test]
    fn five_data_parts_give_the_file_back_and_the_parity_is_their_sum() {
        for size in [0, 1, 15, 16, 17, 79, 80, 81, 100, 159, 160, 200_000] {
            let content = content(size);
            let parts: Vec<Vec<u8>> = (0..6)
                .map(|p| {
                    bytes_of(&content, Some(p), 0, part_len(size.into(), p))
                        .flatten()
                        .collect()
                })
                .collect();
            let mut file: Vec<u8> = Vec::new();
            for line in 0..(size as usize).div_ceil(80) {
                for part in &parts[1..] {
                    file.extend(part.iter().skip(line * 16).take(16));
                }
            }
            assert_eq!(file, content.to_vec(), "{size}");
            for (i, byte) in parts[0].iter().enumerate() {
                let sum = parts[1..]
                    .iter()
                    .fold(0, |sum, part| sum ^ part.get(i).copied().unwrap_or(0));
                assert_eq!(*byte, sum, "{size} at {i}");
            }
        }
    }

    #[test]
    fn a_range_of_a_part_is_the_same_bytes_as_in_the_whole_part() {
        let content = content(1000);
        let whole: Vec<u8> = bytes_of(&content, Some(2), 0, part_len(1000, 2))
            .flatten()
            .collect();
        let got: Vec<u8> = bytes_of(&content, Some(2), 32, 100).flatten().collect();
        assert_eq!(got, &whole[32..100]);
    }
}
