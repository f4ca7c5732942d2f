//! What each cell must come to.
//!
//! S: it succeeds. E: a definite error and no effect. U: the outcome is unknown, and found out by looking. R: the tree is loaded anew, then
//! all is right. Q: what cannot be trusted is set apart, the rest works. `->1`: exactly one effect. Where two stand, the first is for trouble
//! that passes and the second for trouble that stays. A dash: there is no such thing.

use mega_client::ErrorKind;

use super::fault::Class;
use super::operation::Operation;

/// A row for each class of faults, a column for each operation.
const MATRIX: [[&str; 14]; 27] = [
    [
        "S/E", "S/E", "S/E", "S", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E",
        "S/E",
    ],
    [
        "E", "E", "E", "E", "E", "E", "E", "E", "E", "E", "E", "E", "E", "E",
    ],
    [
        "S/E", "S/E", "S/E", "S", "S/U", "S/U", "S/U", "S/E", "S/E", "S/U", "S/U", "S/U", "S/U",
        "S/U",
    ],
    [
        "S/E", "S/E", "S/E", "S", "S/U", "S/U", "S/U", "S/E", "S/E", "S/U", "S/U", "S/U", "S/U",
        "S/U",
    ],
    [
        "S/E", "S/E", "S/E", "S", "S/U", "S/U", "S/U", "S/E", "S/E", "S/U", "S/U", "S/U", "S/U",
        "S/U",
    ],
    [
        "S/E", "S/E", "S/E", "S", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E",
        "S/E",
    ],
    [
        "S/E", "S/E", "S/E", "S", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E", "S/E",
        "S/E",
    ],
    [
        "E", "E", "E", "R", "E", "E", "E", "E", "E", "E", "E", "E", "E", "E+rest",
    ],
    [
        "S", "S", "S", "S", "U->1", "U->1", "U->1", "S", "S", "U->1", "U->1", "U->1", "U->1",
        "U->1",
    ],
    [
        "S", "S", "S", "S", "U->1", "U->1", "U->1", "S", "S", "U->1", "U->1", "U->1", "U->1",
        "U->1",
    ],
    [
        "E", "E", "E", "R", "U->1", "U->1", "U->1", "S/E", "S/E", "U->1", "U->1", "U->1", "U->1",
        "U->1",
    ],
    [
        "S/E", "S/E", "S/E", "S", "S/U", "S/U", "S/U", "S/E", "S/E", "S/U", "S/U", "S/U", "S/U",
        "S/U",
    ],
    [
        "-", "-", "-", "-", "-", "S", "S", "S", "S", "-", "-", "-", "-", "S",
    ],
    [
        "-", "-", "-", "-", "-", "-", "-", "S/E", "flagged", "-", "-", "-", "-", "S/E",
    ],
    [
        "-", "-", "Q", "Q", "-", "E", "E", "E", "E", "-", "-", "-", "-", "E+rest",
    ],
    [
        "-", "-", "-", "-", "-", "S/U", "S/U", "-", "-", "-", "-", "-", "-", "S",
    ],
    [
        "E", "E", "E", "E", "E/U", "E/U", "E/U", "E", "E", "E/U", "E/U", "E/U", "E/U", "E/U",
    ],
    [
        "-", "-", "-", "-", "E", "E", "E", "wait/E", "wait/E", "-", "-", "E", "-", "wait/E",
    ],
    [
        "-", "-", "R", "S/R", "S", "S", "S", "-", "-", "S", "S", "S", "S", "S",
    ],
    [
        "-",
        "-",
        "S",
        "S",
        "S",
        "S",
        "S or conflict",
        "S or E",
        "S or E",
        "S or E",
        "S",
        "S or E",
        "S or E",
        "S+report",
    ],
    [
        "E",
        "E",
        "Q",
        "Q",
        "S",
        "S",
        "S",
        "E for that node",
        "E",
        "S",
        "S",
        "refused",
        "withheld",
        "Q+rest",
    ],
    [
        "E",
        "E",
        "E",
        "-",
        "U->1 or none",
        "U->1 or none",
        "old or new",
        "no file",
        "-",
        "U->1 or none",
        "U->1 or none",
        "U->1 or none",
        "U->1 or none",
        "resumable",
    ],
    [
        "E",
        "S",
        "S",
        "S",
        "U->1",
        "U->1",
        "old or new",
        "no partial file",
        "-",
        "U->1",
        "U->1",
        "U->1",
        "U->1",
        "resumable",
    ],
    [
        "S, no cache",
        "S, no cache",
        "S, no cache",
        "S, no cache",
        "S",
        "S, or E if intents are required",
        "same",
        "E",
        "-",
        "S",
        "S",
        "S",
        "S",
        "E+rest",
    ],
    [
        "S", "S", "S", "S", "S", "S", "S", "S", "S", "S", "S", "S", "S", "S",
    ],
    [
        "-",
        "E",
        "S (refetch)",
        "S",
        "S",
        "S",
        "S",
        "S",
        "S",
        "S",
        "S",
        "S",
        "S",
        "S",
    ],
    [
        "E", "E", "E", "E", "E/U", "E/U", "E/U", "E", "E", "E/U", "E/U", "E/U", "E/U", "E/U",
    ],
];

pub(crate) fn expected(class: Class, operation: Operation) -> &'static str {
    MATRIX[class as usize][operation as usize]
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// `Ok`, and it has happened once.
    Done,
    /// The future was dropped, or its process ended; whether it has happened since.
    Gone(bool),
    /// The caller is told that it is unknown; whether it turned out to have happened.
    Unknown(bool),
    /// A definite error, and nothing has happened.
    Failed(Kind),
    /// A definite error about some entries, and the others are there.
    FailedInPart(Kind),
}

/// [`ErrorKind`] in an order, for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) ErrorKind);

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        format!("{:?}", self.0).cmp(&format!("{:?}", other.0))
    }
}

/// Whether a cell allows this outcome, of trouble that passes or that `stays`; `late` if it began after the operation's first request.
pub(crate) fn allows(
    class: Class,
    operation: Operation,
    stays: bool,
    late: bool,
    outcome: Outcome,
) -> bool {
    use Outcome::{Done, Failed, FailedInPart, Gone, Unknown};
    let error = match outcome {
        Failed(kind) | FailedInPart(kind) => class.errors().contains(&kind.0),
        _ => false,
    };
    let whole_error = error && matches!(outcome, Failed(_));
    // What begins when the change is made already does not undo it, and hinders from seeing it.
    let done_before = stays && late && operation.changes() && outcome == Unknown(true);
    match expected(class, operation) {
        // The next connection may be to one who proves it. While nobody does, nothing succeeds.
        "E" if class == Class::Tls => {
            whole_error
                || done_before
                || (!stays && outcome == Done)
                || (operation == Operation::Recursive && error)
        }
        // Such a status may come from something between, after the service has done it.
        "S/E" if class == Class::Status && stays && operation.changes() => {
            error || matches!(outcome, Unknown(_))
        }
        "S/E" if done_before => matches!(class, Class::Refused | Class::Busy),
        // Half an answer is as good as none, and asked for again.
        "E" | "S/E" | "R" if class == Class::Malformed => match stays {
            false => outcome == Done || whole_error,
            true => whole_error,
        },
        // It was looking, and the next process looks again.
        "S" if class == Class::Crash => matches!(outcome, Done | Gone(false)),
        // The operation is to look: when it cannot, it says so, and looks well afterwards.
        "S" if operation == Operation::Events && stays => outcome == Done || whole_error,
        // A folder's upload names the file as failed, and goes on with the rest.
        "S" if class == Class::Token => {
            outcome == Done || (error && matches!(outcome, FailedInPart(_)))
        }
        "S"
        | "S (refetch)"
        | "S, no cache"
        | "S/R"
        | "R"
        | "Q"
        | "Q+rest"
        | "same"
        | "S, or E if intents are required"
        | "flagged" => outcome == Done,
        // The process that would be told is gone; the next one finds the account sound.
        "E" | "E for that node" | "refused" | "withheld" => {
            whole_error || matches!(outcome, Gone(false))
        }
        "no file" => matches!(outcome, Done | Gone(_)),
        // The file may have been read by then.
        "E+rest" if matches!(class, Class::Disk | Class::Length) => outcome == Done || error,
        "E+rest" => error,
        "S/E" | "wait/E" if !stays => outcome == Done,
        // The smallest files fill no part that could be refused.
        "S/E" if class == Class::WrongBytes && operation == Operation::Recursive => {
            outcome == Done || error
        }
        "S/E" | "wait/E" if operation == Operation::Recursive => error,
        "S/E" | "wait/E" => whole_error,
        "S/U" if !stays => outcome == Done,
        // Nothing was sent that could have an effect, or it may have.
        "S/U" => error || matches!(outcome, Unknown(_)),
        "E/U" => error || matches!(outcome, Unknown(_)),
        "U->1" if class == Class::Crash => matches!(outcome, Done | Gone(_)),
        // Nothing was sent but the question for an address of storage.
        "U->1" if class == Class::Malformed && operation.uploads() && error => true,
        "U->1" => matches!(outcome, Done | Unknown(true)),
        "U->1 or none" | "old or new" | "no partial file" | "resumable" => {
            matches!(outcome, Done | Gone(_))
        }
        // Made, and taken away before it was seen.
        "S or conflict" if outcome == Unknown(true) => late,
        "S or E" | "S or conflict" | "S+report" => outcome == Done || error,
        other => panic!("nobody knows what {other} is"),
    }
}
