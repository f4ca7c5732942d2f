//! What became of each file of a folder transfer.

use std::fmt;

use crate::error::{Error, Result};

/// What a folder transfer did, entry by entry.
///
/// One failing file never stops the others, so look here, or call
/// [`into_result`](Self::into_result).
#[derive(Debug, Default)]
pub struct FolderReport {
    pub(super) files: Vec<FileOutcome>,
    pub(super) folders_created: u64,
    pub(super) folders: u64,
    pub(super) dry_run: bool,
}

/// What became of one entry.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileOutcome {
    /// Its path below the folder that was transferred, with `/` between the parts, for people to read:
    /// bytes that are no text are shown as replacement characters.
    pub path: String,
    /// Its size in bytes; 0 for folders.
    pub size: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an entry of a folder transfer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was new and has been transferred, or in a dry run would be.
    New,
    /// It was there with other content and has been replaced, or in a dry run would be.
    Changed,
    /// It was there and is the same; nothing was transferred.
    Same,
    /// It was there with the same content, proven by its MAC, and another modification time, which has been
    /// corrected, or in a dry run would be.
    Touched,
    /// It was left out.
    Skipped(SkipReason),
    /// It was not in the source and has been removed from the destination, as asked; or in a dry run
    /// would be.
    Removed,
    /// It failed.
    Failed(Error),
}

/// Why an entry was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// It is a symbolic link. Links are not followed and MEGA has none.
    Link,
    /// It is a device, a pipe, a socket.
    SpecialFile,
    /// A filter excludes it.
    Filtered,
    /// Something is there and the policy is to leave it alone.
    Existing,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "a symbolic link",
            Self::SpecialFile => "not an ordinary file",
            Self::Filtered => "excluded by a filter",
            Self::Existing => "something is there already",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Changed => f.write_str("changed"),
            Self::Same => f.write_str("same"),
            Self::Touched => f.write_str("same content, other time"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
            Self::Removed => f.write_str("removed"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

impl FolderReport {
    /// Everything that was looked at, in no particular order. Folders are among it only if they failed,
    /// were left out or were removed.
    #[must_use]
    pub fn files(&self) -> &[FileOutcome] {
        &self.files
    }

    /// How many files were transferred, or in a dry run would be.
    #[must_use]
    pub fn transferred(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::New | Outcome::Changed))
    }

    /// The bytes of the files that were transferred, or in a dry run would be.
    #[must_use]
    pub fn bytes_transferred(&self) -> u64 {
        let moved = |file: &&FileOutcome| matches!(file.outcome, Outcome::New | Outcome::Changed);
        self.files
            .iter()
            .filter(moved)
            .fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// How many files were there already with the same content.
    #[must_use]
    pub fn same(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Same | Outcome::Touched))
    }

    /// How many entries were left out.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    /// How many entries were removed from the destination.
    #[must_use]
    pub fn removed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Removed))
    }

    /// The entries that failed, each with its error.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.files.iter().filter_map(|file| match &file.outcome {
            Outcome::Failed(error) => Some((file.path.as_str(), error)),
            _ => None,
        })
    }

    /// How many folders there are, the top one not counted.
    #[must_use]
    pub fn folders(&self) -> u64 {
        self.folders
    }

    /// How many folders were created, or in a dry run would be.
    #[must_use]
    pub fn folders_created(&self) -> u64 {
        self.folders_created
    }

    /// Whether nothing was done because only the plan was asked for.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The report, unless something failed.
    ///
    /// # Errors
    ///
    /// If anything failed: an error of the kind of the first failure, which says how many there are. The
    /// first failure is its source.
    pub fn into_result(self) -> Result<Self> {
        let failures = self.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        let total = self.files.len();
        let first = |file: &FileOutcome| matches!(file.outcome, Outcome::Failed(_));
        let Some(at) = self.files.iter().position(first) else {
            return Ok(self);
        };
        match self.files.into_iter().nth(at) {
            Some(FileOutcome {
                path,
                outcome: Outcome::Failed(error),
                ..
            }) => {
                let text = format!("{failures} of {total} entries failed, the first: {error}");
                let kind = error.kind();
                Err(Error::new(kind, text).about(path).caused_by(error))
            }
            // The position was that of a failure.
            _ => Err(Error::misuse("the report has lost its failure")),
        }
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.files
            .iter()
            .filter(|file| wanted(&file.outcome))
            .count()
    }

    pub(super) fn add(&mut self, path: String, size: u64, outcome: Outcome) {
        self.files.push(FileOutcome {
            path,
            size,
            outcome,
        });
    }
}

impl fmt::Display for FolderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.dry_run {
            "to transfer"
        } else {
            "transferred"
        };
        write!(f, "{} {verb}, {} same", self.transferred(), self.same())?;
        let failed = self.failed().count();
        for (count, what) in [
            (self.skipped(), "skipped"),
            (self.removed(), "removed"),
            (failed, "failed"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn one_failure_makes_the_result_an_error_that_names_it() {
        let mut report = FolderReport::default();
        report.add("a".into(), 10, Outcome::New);
        report.add(
            "b".into(),
            5,
            Outcome::Failed(Error::new(ErrorKind::Io, "no space")),
        );
        report.add("c".into(), 5, Outcome::Same);
        assert_eq!(report.to_string(), "1 transferred, 1 same, 1 failed");
        assert_eq!((report.transferred(), report.bytes_transferred()), (1, 10));
        let error = report.into_result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(
            error.to_string(),
            "b: 1 of 3 entries failed, the first: no space"
        );
    }

    #[test]
    fn without_failures_the_result_is_the_report() {
        let mut report = FolderReport::default();
        report.add("a".into(), 10, Outcome::Skipped(SkipReason::Link));
        assert_eq!(report.into_result().unwrap().skipped(), 1);
    }
}
