//! The log of records: one line each, a checksum in front.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::StateError;
use super::record::Record;

/// The first line, up to the version.
const HEADER: &str = "mega-testserver state ";
const VERSION: u64 = 1;

/// Reads all records in order, with the number of their line. A last line that was cut off is passed over: its request was
/// never answered. A file that is not there has no records.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(u64, Record) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let data = match std::fs::read(path) {
        Ok(data) => data,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(StateError::io(path)(e)),
    };
    let damaged = |line, what: &str| StateError::Damaged {
        path: path.to_owned(),
        line,
        what: what.into(),
    };
    let mut lines = data.split_inclusive(|b| *b == b'\n');
    let header = lines.next().unwrap_or_default();
    let version = std::str::from_utf8(header)
        .ok()
        .and_then(|h| h.strip_prefix(HEADER)?.trim_end().parse::<u64>().ok())
        .ok_or_else(|| damaged(1, "this is not the state of a mega-testserver"))?;
    if version > VERSION {
        return Err(StateError::Newer {
            path: path.to_owned(),
            version,
        });
    }
    let mut number = 1;
    let mut lines = lines.peekable();
    let mut previous = START.to_owned();
    while let Some(line) = lines.next() {
        number += 1;
        match parse(line, &previous) {
            Ok((sum, record)) => {
                previous = sum;
                each(number, record)?;
            }
            // Only the end of the file can have been cut off, and then without the end of its line.
            Err(_) if lines.peek().is_none() && line.last() != Some(&b'\n') => return Ok(()),
            Err(what) => return Err(damaged(number, &what)),
        }
    }
    Ok(())
}

fn parse(line: &[u8], previous: &str) -> Result<(String, Record), String> {
    let line = line.strip_suffix(b"\n").ok_or("the line is cut off")?;
    let (sum, text) = line
        .split_at_checked(8)
        .ok_or("the line is too short for a checksum")?;
    let text = text.strip_prefix(b" ").ok_or("no checksum")?;
    let wanted = checksum(text, previous);
    if sum != wanted.as_bytes() {
        return Err("the checksum does not agree, here or in the line before".into());
    }
    let record = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    Ok((wanted, record))
}

/// What stands in front of the first record.
const START: &str = "00000000";

/// The checksum of a record and of the one before it, so that none can go missing in between.
fn checksum(text: &[u8], previous: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(previous.as_bytes());
    crc.update(text);
    format!("{:08x}", crc.sum())
}

/// The line of a record, and its checksum.
fn line(record: &Record, previous: &str) -> io::Result<(Vec<u8>, String)> {
    let text = serde_json::to_vec(record)?;
    let sum = checksum(&text, previous);
    let out = [sum.as_bytes(), b" ", &text, b"\n"].concat();
    Ok((out, sum))
}

/// A log that is written to.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// None until the log was replaced for the first time.
    file: Option<File>,
    len: u64,
    /// The checksum of the last record.
    last: String,
}

impl Log {
    /// A log that [`Log::replace`] will begin.
    pub(super) fn create(path: &Path) -> Result<Self, StateError> {
        Ok(Self {
            path: path.to_owned(),
            file: None,
            len: 0,
            last: START.to_owned(),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds a record. When that fails the log is as before.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), StateError> {
        let (len, last) = (self.len, &self.last);
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let write = |file: &mut File| -> io::Result<(u64, String)> {
            let (line, sum) = line(record, last)?;
            file.seek(SeekFrom::Start(len))?;
            if let Err(error) = file.write_all(&line) {
                // Half a line must not stay in front of the next one.
                let _ = file.set_len(len);
                return Err(error);
            }
            Ok((line.len() as u64, sum))
        };
        let (added, sum) = write(file).map_err(StateError::io(&self.path))?;
        self.len += added;
        self.last = sum;
        Ok(())
    }

    /// Writes a new log and puts it in the place of the old one; until then the old one is untouched.
    pub(super) fn replace(
        &mut self,
        records: impl Iterator<Item = Record>,
    ) -> Result<(), StateError> {
        let unfinished = self.path.with_extension("new");
        let write = || -> io::Result<(File, u64, String)> {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&unfinished)?;
            let mut out = BufWriter::new(file);
            let header = format!("{HEADER}{VERSION}\n");
            let mut len = header.len() as u64;
            out.write_all(header.as_bytes())?;
            let mut last = START.to_owned();
            for record in records {
                let (line, sum) = line(&record, &last)?;
                last = sum;
                len += line.len() as u64;
                out.write_all(&line)?;
            }
            let file = out.into_inner().map_err(|e| e.into_error())?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &self.path)?;
            Ok((file, len, last))
        };
        let (file, len, last) = write().map_err(StateError::io(&self.path))?;
        self.file = Some(file);
        self.len = len;
        self.last = last;
        Ok(())
    }
}
