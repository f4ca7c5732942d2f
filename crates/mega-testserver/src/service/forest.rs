//! Trees that are made while they are sent: the same nodes every time, held nowhere.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Body;
use crate::account::cipher::{Cipher, Key, xor};
use crate::wire::{NodeHandle, UserHandle};

/// So many folders below the root, so many files in each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Forest {
    pub(crate) user: UserHandle,
    pub(crate) root: NodeHandle,
    pub(crate) master: Key,
    pub(crate) folders: u32,
    pub(crate) files_in_each: u32,
    pub(crate) created: i64,
}

impl Forest {
    /// All node objects, each with a comma before it. Every record of a kind has the same length, so the total is
    /// known before anything is made.
    fn len(&self) -> u64 {
        let (folders, files) = (u64::from(self.folders), u64::from(self.files_in_each));
        let mut writer = Writer::new(self);
        writer.folder(0);
        let folder = writer.out.len() as u64;
        writer.file(0, 0);
        let file = writer.out.len() as u64 - folder;
        folder * folders + file * folders * files
    }

    fn parts(self) -> impl Iterator<Item = Bytes> + Send {
        let mut writer = Writer::new(&self);
        let (mut folder, mut file, mut begun) = (0, 0, false);
        std::iter::from_fn(move || {
            while folder < self.folders && writer.out.len() < PIECE {
                if !begun {
                    writer.folder(folder);
                    begun = true;
                }
                while file < self.files_in_each && writer.out.len() < PIECE {
                    writer.file(folder, file);
                    file += 1;
                }
                if file >= self.files_in_each {
                    folder += 1;
                    file = 0;
                    begun = false;
                }
            }
            if writer.out.is_empty() {
                return None;
            }
            let next = Vec::with_capacity(PIECE + 1024);
            Some(std::mem::replace(&mut writer.out, next).into())
        })
    }
}

/// Writes node objects, as fast as may be: a million of them are asked for.
struct Writer {
    out: Vec<u8>,
    master: Cipher,
    user: String,
    root: String,
    created: i64,
}

impl Writer {
    fn new(forest: &Forest) -> Self {
        Self {
            out: Vec::new(),
            master: Cipher::new(&forest.master),
            user: forest.user.to_string(),
            root: forest.root.to_string(),
            created: forest.created.clamp(1_000_000_000, 9_999_999_999),
        }
    }

    fn folder(&mut self, folder: u32) {
        let number = u64::from(folder) << 24;
        let key = self.key(number);
        let root = self.root.clone();
        self.head(number, root.as_bytes(), b'1');
        self.attributes(&key, |out| write!(out, "folder {folder:010}"));
        let mut wrapped = key;
        self.master.encrypt(&mut wrapped);
        self.tail(&wrapped);
        let _ = write!(self.out, ",\"ts\":{:010}}}", self.created);
    }

    fn file(&mut self, folder: u32, file: u32) {
        let parent = u64::from(folder) << 24;
        let number = parent + 1 + u64::from(file);
        let key = self.key(number);
        // Nonce and MAC.
        let tail = self.key(!number);
        let mut text = [0; 8];
        encode(handle(parent), &mut text);
        self.head(number, &text, b'0');
        self.attributes(&key, |out| write!(out, "file {folder:010} {file:08}.bin"));
        let mut packed = [0; 32];
        let (first, second) = packed.split_at_mut(16);
        first.copy_from_slice(&key);
        xor(first, &tail);
        second.copy_from_slice(&tail);
        for block in packed.as_chunks_mut::<16>().0 {
            self.master.encrypt(block);
        }
        self.tail(&packed);
        let size = 1_000_000_000 + u64::from(file);
        let _ = write!(self.out, ",\"s\":{size},\"ts\":{:010}}}", self.created);
    }

    /// A key that follows from its number.
    fn key(&self, number: u64) -> Key {
        let mut block = [0; 16];
        for (to, from) in block.iter_mut().zip(number.to_be_bytes()) {
            *to = from;
        }
        self.master.encrypt(&mut block);
        block
    }

    fn head(&mut self, number: u64, parent: &[u8], kind: u8) {
        let mut text = [0; 8];
        encode(handle(number), &mut text);
        self.out.extend_from_slice(b",{\"h\":\"");
        self.out.extend_from_slice(&text);
        self.out.extend_from_slice(b"\",\"p\":\"");
        self.out.extend_from_slice(parent);
        self.out.extend_from_slice(b"\",\"u\":\"");
        self.out.extend_from_slice(self.user.as_bytes());
        self.out.extend_from_slice(b"\",\"t\":");
        self.out.push(kind);
        self.out.extend_from_slice(b",\"a\":\"");
    }

    /// `MEGA{"n":"..."}`, zeros to whole blocks, CBC, base64.
    fn attributes(&mut self, key: &Key, name: impl FnOnce(&mut &mut [u8]) -> std::io::Result<()>) {
        let mut plain = [0_u8; 64];
        let mut rest: &mut [u8] = &mut plain;
        // The names here are far shorter than the room for them.
        let _ = rest.write_all(b"MEGA{\"n\":\"");
        let _ = name(&mut rest);
        let _ = rest.write_all(b"\"}");
        let used = (64 - rest.len()).next_multiple_of(16);
        let cipher = Cipher::new(key);
        let mut before = [0; 16];
        let data = plain.get_mut(..used).unwrap_or_default();
        for block in data.as_chunks_mut::<16>().0 {
            xor(block, &before);
            cipher.encrypt(block);
            before = *block;
        }
        self.base64(&plain, used);
        self.out.extend_from_slice(b"\",\"k\":\"");
        self.out.extend_from_slice(self.user.as_bytes());
        self.out.push(b':');
    }

    fn tail(&mut self, wrapped: &[u8]) {
        self.base64(wrapped, wrapped.len());
        self.out.push(b'"');
    }

    fn base64(&mut self, data: &[u8], used: usize) {
        let mut text = [0; 96];
        let data = data.get(..used).unwrap_or_default();
        let len = URL_SAFE_NO_PAD.encode_slice(data, &mut text).unwrap_or(0);
        self.out
            .extend_from_slice(text.get(..len).unwrap_or_default());
    }
}

/// A handle that follows from its number, so that nothing has to be remembered.
fn handle(number: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
    // Far from where the handles of real nodes are drawn only by chance; 48 bits make a clash unlikely.
    [a ^ 0xF0, b ^ 0x0E, c, d, e, f]
}

fn encode(handle: [u8; 6], text: &mut [u8; 8]) {
    let _ = URL_SAFE_NO_PAD.encode_slice(handle, text);
}

/// A reply with generated parts in it, at these places.
pub(super) fn splice(text: &str, lazy: Vec<(usize, Forest)>) -> Body {
    let mut len = text.len() as u64;
    let mut parts: Vec<Box<dyn Iterator<Item = Bytes> + Send>> = Vec::new();
    let mut at = 0;
    for (place, forest) in lazy {
        let before = Bytes::copy_from_slice(text.get(at..place).unwrap_or_default().as_bytes());
        parts.push(Box::new(std::iter::once(before)));
        at = place;
        len += forest.len();
        parts.push(Box::new(forest.parts()));
    }
    let rest = Bytes::copy_from_slice(text.get(at..).unwrap_or_default().as_bytes());
    parts.push(Box::new(std::iter::once(rest)));
    Body::Lazy {
        len,
        parts: Box::new(parts.into_iter().flatten()),
    }
}

/// Bytes made at a time.
const PIECE: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::content::{FileKey, open_attributes, unwrap};

    #[test]
    fn the_length_told_beforehand_is_the_length_made_and_every_node_opens() {
        let forest = Forest {
            user: UserHandle([1; 8]),
            root: NodeHandle([2; 6]),
            master: [3; 16],
            folders: 3,
            files_in_each: 1500,
            created: 1_700_000_000,
        };
        let len = forest.len();
        let text: Vec<u8> = forest.parts().flatten().collect();
        assert_eq!(text.len() as u64, len);
        let text = format!("[0{}]", String::from_utf8(text).unwrap());
        let nodes: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(nodes.len(), 1 + 3 + 3 * 1500);
        let mut handles: Vec<&str> = nodes
            .iter()
            .skip(1)
            .map(|n| n["h"].as_str().unwrap())
            .collect();
        handles.sort_unstable();
        handles.dedup();
        assert_eq!(handles.len(), 3 + 3 * 1500, "every handle is its own");
        for node in nodes.iter().skip(1) {
            let wrapped = node["k"].as_str().unwrap().split_once(':').unwrap().1;
            let key = unwrap(&[3; 16], wrapped).unwrap();
            let key: Key = match node["t"].as_i64() {
                Some(1) => key.try_into().unwrap(),
                _ => FileKey::unpack(&key.try_into().unwrap()).key,
            };
            let json = open_attributes(&key, node["a"].as_str().unwrap()).unwrap();
            let prefix = if node["t"] == 1 {
                "{\"n\":\"folder "
            } else {
                "{\"n\":\"file "
            };
            assert!(json.starts_with(prefix), "{json}");
        }
    }

    #[test]
    fn folders_without_files_are_listed_too() {
        let forest = Forest {
            user: UserHandle([1; 8]),
            root: NodeHandle([2; 6]),
            master: [3; 16],
            folders: 10,
            files_in_each: 0,
            created: 1_700_000_000,
        };
        let len = forest.len();
        let text: Vec<u8> = forest.parts().flatten().collect();
        assert_eq!(text.len() as u64, len);
        assert_eq!(text.iter().filter(|b| **b == b'{').count(), 10);
    }
}
