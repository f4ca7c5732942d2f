//! A few seeds in every build; the long sweep is run by hand (see the README).

use mega_sim::{Defect, Report, run};

fn sound(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let Report {
            history,
            violations,
            ..
        } = run(seed, None);
        assert!(
            violations.is_empty(),
            "seed {seed}: {violations:#?}\n{}",
            history.join("\n")
        );
    }
}

#[test]
fn inv_2_inv_3_nothing_is_lost_doubled_or_torn_on_a_bad_network() {
    sound(1..9);
}

#[test]
fn rty_6_can_1_no_call_says_more_or_less_than_what_happened() {
    sound(101..109);
}

#[test]
fn can_3_runs_leave_no_task_behind_and_their_time_is_virtual() {
    let begin = std::time::Instant::now();
    let report = run(200, None);
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    let last = report
        .history
        .last()
        .map(String::as_str)
        .unwrap_or_default();
    let seconds: f64 = last
        .split_whitespace()
        .next()
        .unwrap_or("0")
        .parse()
        .unwrap_or(0.0);
    assert!(seconds > begin.elapsed().as_secs_f64(), "{last}");
}

/// Any change of the library changes what a seed does, so the search goes on from the one in the table.
#[test]
fn a_run_with_each_known_defect_put_back_is_found_unsound() {
    for (defect, seed) in FOUND_BY {
        let found = (seed..seed + 150).any(|seed| !run(seed, Some(defect)).violations.is_empty());
        assert!(
            found,
            "{} goes unnoticed with 150 seeds from {seed}",
            defect.name()
        );
    }
}

/// The table of the README.
const FOUND_BY: [(Defect, u64); 6] = [
    (Defect::NewIdPerRetry, 5),
    (Defect::SuccessAfterRetries, 1),
    (Defect::PositionFirst, 2),
    (Defect::RedeliveryDrops, 2),
    (Defect::NoMacCheck, 2),
    (Defect::TruncatedAccepted, 5),
];
