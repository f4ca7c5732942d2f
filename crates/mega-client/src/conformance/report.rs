//! What a run came to.

use std::fmt;

use super::bench::Form;

/// What one line came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold, and this is what was seen.
    Failed(String),
    /// The bench cannot check it, for this reason.
    NotApplicable(String),
}

/// A line with its outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The id of the line.
    pub id: &'static str,
    /// What it checks.
    pub about: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: std::time::Duration,
}

/// The table of a run. Its `Display` is the table.
#[derive(Clone, Debug)]
#[must_use = "some lines may have failed"]
pub struct Report {
    pub(super) form: Form,
    pub(super) rows: Vec<Row>,
}

impl Report {
    /// All lines that were asked for, in the order of the checklist.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The lines that do not hold.
    pub fn failed(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::Failed(_)))
    }

    /// The lines that this bench cannot check.
    pub fn not_applicable(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| matches!(row.outcome, Outcome::NotApplicable(_)))
    }

    /// Whether no line failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failed().next().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance, {:?} form", self.form)?;
        for row in &self.rows {
            match &row.outcome {
                Outcome::Passed => writeln!(
                    f,
                    "{:<6} ok   {:>6} ms  {}",
                    row.id,
                    row.elapsed.as_millis(),
                    row.about
                )?,
                Outcome::Failed(why) => writeln!(f, "{:<6} FAIL  {} -- {why}", row.id, row.about)?,
                Outcome::NotApplicable(why) => {
                    writeln!(f, "{:<6} n/a   {} -- {why}", row.id, row.about)?
                }
            }
        }
        let (failed, skipped) = (self.failed().count(), self.not_applicable().count());
        let passed = self
            .rows
            .len()
            .saturating_sub(failed.saturating_add(skipped));
        write!(
            f,
            "{passed} passed, {failed} failed, {skipped} not applicable"
        )
    }
}
