//! What is needed to go on with a transfer in a later process.
//!
//! A journal is a list of entries, each with a tag that covers it and all before it. So nothing in it can be
//! changed, moved or left out unnoticed, except its end: that is what a process that dies tears off. It is
//! a hint all the same; what it says of a content is checked against the content.

mod download;
mod upload;

pub(crate) use download::DownloadJournal;
pub(crate) use upload::{Resumed, UploadJournal};

use std::fs::File;
use std::io::{self, Read};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::local::write_all_at;

/// A secret that a journal is tagged with.
type Key = Zeroizing<[u8; 32]>;

/// A key for one purpose.
fn derive(secret: &[u8], purpose: &[&[u8]]) -> Key {
    Zeroizing::new(tag(secret, purpose))
}

fn tag(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for piece in pieces {
        mac.update(piece);
    }
    mac.finalize().into_bytes().into()
}

/// A list of entries in a file.
struct Log {
    file: File,
    key: Key,
    chain: [u8; 32],
    end: u64,
}

impl Log {
    /// Starts a new list with one entry; what the file held is gone.
    fn start(file: File, key: Key, head: &[u8]) -> io::Result<Self> {
        file.set_len(0)?;
        write_all_at(&file, MAGIC, 0)?;
        let mut log = Self {
            file,
            key,
            chain: [0; 32],
            end: MAGIC.len() as u64,
        };
        log.append(head)?;
        Ok(log)
    }

    /// Reads the list in a file up to the first entry that is not as it was written. `None` if there is not
    /// even one.
    fn read(mut file: File, key: Key) -> io::Result<Option<(Self, Vec<Vec<u8>>)>> {
        let mut bytes = Vec::new();
        (&mut file).take(LARGEST).read_to_end(&mut bytes)?;
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
            return Ok(None);
        };
        let mut log = Self {
            file,
            key,
            chain: [0; 32],
            end: MAGIC.len() as u64,
        };
        let mut entries = Vec::new();
        while let Some((entry, chain, after)) = log.entry(rest) {
            entries.push(entry.to_vec());
            log.chain = chain;
            log.end = log
                .end
                .saturating_add((rest.len().saturating_sub(after.len())) as u64);
            rest = after;
        }
        Ok((!entries.is_empty()).then_some((log, entries)))
    }

    fn entry<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], [u8; 32], &'a [u8])> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (entry, rest) =
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        let (found, rest) = rest.split_at_checked(TAG)?;
        let chain = tag(&*self.key, &[&self.chain, len, entry]);
        (chain.get(..TAG)? == found).then_some((entry, chain, rest))
    }

    /// Adds an entry.
    fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        let len = u32::try_from(entry.len()).map_err(io::Error::other)?;
        let len = len.to_le_bytes();
        let chain = tag(&*self.key, &[&self.chain, &len, entry]);
        let (found, _) = chain.split_at(TAG);
        let bytes = [&len, entry, found].concat();
        // An entry that could not be written is overwritten by the next one.
        write_all_at(&self.file, &bytes, self.end)?;
        self.chain = chain;
        self.end = self.end.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

const MAGIC: &[u8] = b"mega journal 1\r\n";
/// The bytes of a tag.
const TAG: usize = 16;
/// A file of a terabyte has a journal of a tenth of this.
const LARGEST: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        derive(b"secret", &[b"tests"])
    }

    fn written(entries: &[Vec<u8>]) -> File {
        let file = tempfile::tempfile().unwrap();
        let mut log = Log::start(file.try_clone().unwrap(), key(), &entries[0]).unwrap();
        for entry in &entries[1..] {
            log.append(entry).unwrap();
        }
        file
    }

    fn read(file: &File, key: Key) -> Vec<Vec<u8>> {
        let mut file = file.try_clone().unwrap();
        io::Seek::rewind(&mut file).unwrap();
        Log::read(file, key)
            .unwrap()
            .map_or(Vec::new(), |(_, entries)| entries)
    }

    proptest! {
        #[test]
        fn dl_10_a_damaged_journal_gives_only_what_was_written_before_the_damage(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8),
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
            cut in any::<bool>(),
        ) {
            let file = written(&entries);
            prop_assert_eq!(&read(&file, key()), &entries);
            prop_assert!(read(&file, derive(b"another", &[b"tests"])).is_empty());
            let len = usize::try_from(file.metadata().unwrap().len()).unwrap();
            let at = at.index(len);
            if cut {
                file.set_len(at as u64).unwrap();
            } else {
                let mut byte = [0];
                super::super::local::read_exact_at(&file, &mut byte, at as u64).unwrap();
                write_all_at(&file, &[byte[0] ^ flip], at as u64).unwrap();
            }
            let left = read(&file, key());
            prop_assert!(left.len() < entries.len());
            prop_assert_eq!(&left[..], &entries[..left.len()]);
        }
    }

    #[test]
    fn a_journal_goes_on_where_its_torn_end_was() {
        let file = written(&[vec![1], vec![2], vec![3]]);
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        let mut again = file.try_clone().unwrap();
        io::Seek::rewind(&mut again).unwrap();
        let (mut log, _) = Log::read(again, key()).unwrap().unwrap();
        log.append(&[4]).unwrap();
        assert_eq!(read(&file, key()), [vec![1], vec![2], vec![4]]);
    }
}
