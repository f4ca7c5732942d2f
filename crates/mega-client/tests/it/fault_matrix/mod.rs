//! The fault matrix: classes of faults by 14 operations, every cell run or said to be impossible, and the table in the guide made of what was seen.
//! Classes that are not in the table yet, since they do not hold or take too long, are named in the guide.
//!
//! A cell runs its operation against the service in memory, in virtual time, once for each request that the operation makes (or each poll), with
//! the fault at that place; a folder's upload makes many requests alike, and is hit at every fifth. It asserts what the caller is told ([`expected`]), that it is what has happened, and what must hold
//! whatever has happened: nothing is doubled or torn, nothing is left behind, the trees of the client, of a fresh one and of the service are
//! equal, and the client works afterwards.

mod expected;
mod fault;
mod operation;
mod run;
mod table;
mod wire;
mod world;

use std::sync::OnceLock;

use self::fault::Class;
use self::operation::Operation;
use self::run::Cell;

/// The cells of a row; each is run once for all tests of this process.
fn row(class: Class) -> &'static [Option<Cell>] {
    static ROWS: [OnceLock<Vec<Option<Cell>>>; 27] = [const { OnceLock::new() }; 27];
    ROWS[class as usize].get_or_init(|| {
        let cells = Operation::ALL.iter();
        cells
            .map(|operation| run::cell(class, *operation))
            .collect()
    })
}

/// Runs a row and asserts all of it.
fn holds(class: Class) {
    let mut wrong = Vec::new();
    for (operation, cell) in Operation::ALL.into_iter().zip(row(class)) {
        match cell {
            Some(cell) => {
                let of = format!("{} / {}", class.title(), operation.title());
                wrong.extend(cell.violations.iter().map(|what| format!("{of}: {what}")));
            }
            None => assert!(
                class.impossible(operation).is_some(),
                "{class:?} {operation:?}: why not?"
            ),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! rows {
    ({ $($name:ident: $class:ident,)* } left out { $($left_out:ident,)* }) => {
        $(#[test]
        fn $name() {
            holds(Class::$class);
        })*

        /// The rows of the table, and those that are not in it.
        const IN_THE_TABLE: &[Class] = &[$(Class::$class),*];
        const LEFT_OUT: &[Class] = &[$(Class::$left_out),*];
    };
}

rows! {
    {
        f1_nobody_is_there: Refused,
        f2_the_other_side_does_not_prove_who_it_is: Tls,
        f3_the_connection_breaks_before_the_head: NoHead,
        f4_the_connection_breaks_inside_the_body: CutBody,
        f5_a_reply_stalls_or_trickles: Stall,
        f6_a_status_that_asks_to_come_back: Status,
        f7_a_storm_of_temporary_errors: Busy,
        f8_a_definite_error: Definite,
        f9_executed_and_the_reply_lost: ReplyLost,
        f10_the_service_forgets_request_ids: Forgetful,
        f11_a_malformed_reply: Malformed,
        f12_a_page_for_people: Page,
        f13_an_address_expires_mid_way: Expired,
        f14_wrong_bytes_from_storage: WrongBytes,
        f15_a_length_that_lies: Length,
        f16_a_completion_token_at_the_wrong_time: Token,
        f17_the_session_is_killed: Killed,
        f18_a_quota_is_used_up: Quota,
        f19_packets_twice_reversed_late_or_lost: Packets,
        f20_a_second_client_interferes: Second,
        f21_a_hostile_service: Hostile,
        f22_cancelled_at_any_poll: Cancelled,
        f23_ended_at_any_poll: Crash,
        f24_a_disk_that_is_full_or_broken: Disk,
        f25_the_clock_jumps: Clock,
        f26_files_on_disk_are_tampered_with: Tampered,
        f27_an_extreme_proof_of_work: Work,
    }
    left out {
    }
}

#[test]
fn every_class_of_faults_is_in_the_table_or_named_as_left_out() {
    for class in Class::ALL {
        let places = IN_THE_TABLE.iter().chain(LEFT_OUT);
        let places = places.filter(|other| **other == class).count();
        assert_eq!(places, 1, "{class:?}");
    }
}

#[test]
fn the_table_in_the_guide_is_what_the_runs_gave() {
    let rows: Vec<_> = IN_THE_TABLE
        .iter()
        .map(|class| (*class, row(*class)))
        .collect();
    table::holds(&rows, LEFT_OUT);
}
