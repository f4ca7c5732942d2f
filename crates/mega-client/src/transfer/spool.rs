//! A content of unknown size, encrypted onto the disk until its size is known: the service wants to
//! know the size before the first byte.

use std::fs::File;
use std::sync::Arc;

use mega_crypto::content::{CondensedMac, ContentCipher, ContentKey, InsertError, StreamEncryptor};
use mega_crypto::fingerprint::Crc;
use tokio::io::AsyncReadExt;

use super::local::{LocalDir, PartialFile, blocking, read_exact_at, write_all_at};
use super::remote::sample_crc;
use super::source::{BoxedReader, source_failed};
use crate::error::{Error, Result};

/// A content on disk: ciphertext only, in a file that only its owner can read and that is gone when
/// this is dropped.
pub(crate) struct Spool {
    file: PartialFile,
    key: ContentKey,
    size: u64,
    macs: CondensedMac,
    crc: Crc,
}

impl Spool {
    /// Reads to the end of a reader whose first bytes are `start`.
    ///
    /// It takes no buffer from the budget: the reader may itself wait for a transfer that needs one.
    /// What it holds is one piece of a quarter of a mebibyte.
    pub(crate) async fn fill(start: Vec<u8>, mut reader: BoxedReader) -> Result<Self> {
        let file = blocking(|| {
            let folder = LocalDir::open(&std::env::temp_dir())?;
            let mut file = PartialFile::create(Arc::new(folder))?;
            // Nobody comes back for it, so it needs no name; then nothing is left of it when the process dies (PST-7).
            file.give_up_name();
            Ok::<_, std::io::Error>(file)
        })
        .await?
        .map_err(disk)?;
        let key = ContentKey::random(&mut crate::chance::rng());
        let cipher = ContentCipher::new(&key);
        let target = Arc::clone(file.file());
        let (mut stream, mut piece) = write(
            StreamEncryptor::new(cipher.clone()),
            start,
            Arc::clone(&target),
        )
        .await?;
        loop {
            piece.clear();
            let got = (&mut reader).take(PIECE).read_to_end(&mut piece).await;
            if got.map_err(source_failed)? == 0 {
                break;
            }
            (stream, piece) = write(stream, piece, Arc::clone(&target)).await?;
        }
        let end = stream.finish().map_err(macs)?;
        let size = end.size;
        let crc = blocking(move || {
            sample_crc(size, false, |at, sample| {
                read_exact_at(&target, sample, at)?;
                cipher.apply_keystream(at, sample);
                Ok(())
            })
        })
        .await?
        .map_err(disk)?
        .unwrap_or(Crc([0; 16]));
        Ok(Self {
            file,
            key,
            size,
            macs: end.chunk_macs,
            crc,
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn key(&self) -> &ContentKey {
        &self.key
    }

    pub(crate) fn macs(&self) -> &CondensedMac {
        &self.macs
    }

    pub(crate) fn crc(&self) -> Crc {
        self.crc
    }

    /// The file that holds the ciphertext.
    pub(crate) fn ciphertext(&self) -> Arc<File> {
        Arc::clone(self.file.file())
    }
}

/// Encrypts the next piece and writes it.
async fn write(
    mut stream: StreamEncryptor,
    mut piece: Vec<u8>,
    target: Arc<File>,
) -> Result<(StreamEncryptor, Vec<u8>)> {
    blocking(move || {
        let offset = stream.position();
        stream.update(&mut piece).map_err(macs)?;
        write_all_at(&target, &piece, offset).map_err(disk)?;
        Ok((stream, piece))
    })
    .await?
}

fn disk(error: std::io::Error) -> Error {
    Error::io(
        "the content cannot be kept on disk until its size is known",
        error,
    )
    .about(std::env::temp_dir().display().to_string())
}

/// The error for chunk MACs that cannot be collected.
pub(crate) fn macs(error: InsertError) -> Error {
    Error::misuse("the chunk MACs cannot be collected").caused_by(error)
}

/// How much is read before it is encrypted and written.
const PIECE: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pst_7_a_content_that_waits_on_the_disk_has_no_name_that_a_dead_process_could_leave() {
        let rest = Box::pin(std::io::Cursor::new(vec![2; 500_000]));
        let spool = Spool::fill(vec![1; 100], rest).await.unwrap();
        assert_eq!(spool.size(), 500_100);
        assert!(!spool.file.is_named());
        let mut read = vec![0; 500_100];
        read_exact_at(&spool.ciphertext(), &mut read, 0).unwrap();
    }
}
