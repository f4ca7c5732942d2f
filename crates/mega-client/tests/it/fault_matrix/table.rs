//! The table in the guide.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::expected::{Outcome, expected};
use super::fault::Class;
use super::operation::Operation;
use super::run::Cell;

const BEGIN: &str = "<!-- made by the test `fault_matrix` -->\n";
const END: &str = "<!-- end of what is made -->\n";

/// Compares the guide with what was seen, or with `FAULT_TABLE=write` in the environment writes it.
///
/// Rows, expectations and reasons are the same to the letter. Of the outcomes that an expectation allows each run may meet other ones, since jitter and
/// threads have their say (that none is met which is not allowed, the rows themselves assert): a cell agrees when it shares one with the guide.
pub(crate) fn holds(rows: &[(Class, &'static [Option<Cell>])], left_out: &[Class]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/faults.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let made = markdown(rows, left_out);
    if std::env::var("FAULT_TABLE").is_ok_and(|word| word == "write") {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    let apart = differences(table, &made);
    assert!(
        apart.is_empty(),
        "{} is not what the runs gave; run the test with FAULT_TABLE=write and look at the difference:\n{}",
        path.display(),
        apart.join("\n")
    );
}

/// The lines in which two tables say different things.
fn differences(written: &str, made: &str) -> Vec<String> {
    let mut apart = Vec::new();
    if written.lines().count() != made.lines().count() {
        apart.push("there are more or fewer lines".to_owned());
    }
    for (written, made) in written.lines().zip(made.lines()) {
        let cells: Vec<_> = written.split('|').zip(made.split('|')).collect();
        let as_many = written.split('|').count() == made.split('|').count();
        if !as_many || !cells.iter().all(|(written, made)| agree(written, made)) {
            apart.push(format!("- {written}\n+ {made}"));
        }
    }
    apart
}

/// Whether two cells have the same expectation, and an outcome in common.
fn agree(written: &str, made: &str) -> bool {
    let parts = |cell: &str| -> Option<(String, BTreeSet<String>)> {
        let (wanted, outcomes) = cell.trim().strip_prefix("**")?.split_once("**")?;
        let outcomes = outcomes
            .split([';', ','])
            .map(|word| word.trim().to_owned());
        Some((wanted.to_owned(), outcomes.collect()))
    };
    match (parts(written), parts(made)) {
        (Some((wanted, outcomes)), Some((expected, seen))) => {
            wanted == expected && !outcomes.is_disjoint(&seen)
        }
        _ => written == made,
    }
}

#[test]
fn a_table_that_says_something_else_is_found() {
    let table = "| fault | login |\n|---|---|\n| F1 | **S/E** done, `Network`; `Timeout` |\n";
    let same = table.replace("done, ", "");
    assert!(differences(table, &same).is_empty());
    for (from, to) in [
        ("S/E", "E"),
        ("done, `Network`; `Timeout`", "`Key`"),
        ("**S/E** done, `Network`; `Timeout`", "none (1)"),
        ("F1", "F2"),
        ("login", "resume"),
        ("| F1", "| F0 | F1"),
    ] {
        assert_eq!(
            differences(table, &table.replace(from, to)).len(),
            1,
            "{from}"
        );
    }
    assert!(!differences(table, &table.repeat(2)).is_empty());
}

fn markdown(rows: &[(Class, &'static [Option<Cell>])], left_out: &[Class]) -> String {
    let mut out = String::from("| fault |");
    for operation in Operation::ALL {
        let _ = write!(out, " {} |", operation.title());
    }
    out.push_str("\n|---|");
    out.push_str(&"---|".repeat(Operation::ALL.len()));
    out.push('\n');
    let mut reasons: Vec<&str> = Vec::new();
    for (class, cells) in rows {
        let _ = write!(out, "| {} |", class.title());
        for (operation, cell) in Operation::ALL.into_iter().zip(*cells) {
            match cell {
                Some(cell) => {
                    let wanted = expected(*class, operation);
                    // Parallel work and threads for the disk have no fixed order: each run meets other ones of the outcomes that are allowed.
                    if operation == Operation::Recursive
                        || matches!(class, Class::Cancelled | Class::Crash)
                    {
                        let _ = write!(out, " **{wanted}** holds |");
                        continue;
                    }
                    let _ = write!(out, " **{wanted}** {} |", seen(cell));
                }
                None => {
                    let reason = class.impossible(operation).unwrap_or_default();
                    let at = reasons.iter().position(|known| *known == reason);
                    let at = at.unwrap_or_else(|| {
                        reasons.push(reason);
                        reasons.len() - 1
                    });
                    let _ = write!(out, " none ({}) |", at + 1);
                }
            }
        }
        out.push('\n');
    }
    out.push_str("\nWhere there is none:\n\n");
    for (at, reason) in reasons.iter().enumerate() {
        let _ = writeln!(out, "{}. {reason}", at + 1);
    }
    if !left_out.is_empty() {
        out.push_str("\nNot covered by the matrix yet:\n\n");
    }
    for class in left_out {
        let _ = writeln!(out, "* {}", class.title());
    }
    out
}

fn seen(cell: &Cell) -> String {
    let [passes, stays] = &cell.seen;
    match (passes.is_empty(), stays.is_empty()) {
        (false, false) => format!("{}; {}", words(passes), words(stays)),
        (true, _) => words(stays),
        (_, true) => words(passes),
    }
}

fn words(outcomes: &BTreeSet<Outcome>) -> String {
    let words = outcomes.iter().map(|outcome| match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Gone(true) => "gone, found done".to_owned(),
        Outcome::Gone(false) => "gone, found not done".to_owned(),
        Outcome::Unknown(true) => "unknown, found done".to_owned(),
        Outcome::Unknown(false) => "unknown, found not done".to_owned(),
        Outcome::Failed(kind) => format!("`{:?}`", kind.0),
        Outcome::FailedInPart(kind) => format!("`{:?}` and the rest", kind.0),
    });
    words.collect::<Vec<_>>().join(", ")
}
