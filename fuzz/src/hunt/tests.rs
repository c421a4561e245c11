use super::{Config, Finding, Limit, Progress, Report, Without, hunt};
use crate::engine::runner::Engine;
use crate::goals::{GOALS, Goal, OVERLAPS};
use crate::program::Expect;
use crate::tally::Tally;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stocktake_impl::{Design, Fault, VARIANTS};

fn config(faults: &[Fault], seed: u64, jobs: usize, executions: u64) -> Config {
    Config {
        engine: Engine::Lockstep,
        design: Design::default(),
        faults: faults.to_vec(),
        seed,
        jobs,
        limit: Limit::Executions(executions),
        keep_going: false,
        without: Without::default(),
    }
}

/// Everything but the time.
fn result(report: Report) -> (Tally, Option<Finding>) {
    assert!(report.findings.len() <= 1, "the first violation ends the hunt");
    (report.tally, report.findings.into_iter().next())
}

fn first(config: &Config) -> Finding {
    result(hunt(config, &())).1.expect("the fault is found")
}

#[test]
fn a_hunt_that_keeps_going_finds_one_of_each_signature() {
    let stops = config(&[Fault::S2], 5, 1, 3000);
    let first = first(&stops);
    assert_eq!(first.times, 1);
    let survey = |jobs| {
        let report = hunt(&Config { keep_going: true, jobs, ..stops.clone() }, &());
        (report.tally, report.findings)
    };
    let (tally, findings) = survey(1);
    assert_eq!(tally.executions, 3000, "it runs to the limit");
    assert_eq!((findings[0].index, &findings[0].minimized), (first.index, &first.minimized));
    let mut signatures: Vec<String> =
        findings.iter().map(|finding| finding.minimized.violation.signature()).collect();
    assert!(signatures.len() > 1, "S2 is seen by charges and by matches: {signatures:?}");
    assert!(findings.iter().map(|finding| finding.times).sum::<u64>() > findings.len() as u64);
    signatures.sort_unstable();
    signatures.dedup();
    assert_eq!(signatures.len(), findings.len());
    assert_eq!(survey(2), (tally, findings));
}

#[test]
fn the_result_is_the_same_for_any_number_of_jobs() {
    for fault in [Fault::S10, Fault::P1, Fault::W1] {
        let one = result(hunt(&config(&[fault], 5, 1, 20_000), &()));
        let finding = one.1.as_ref().expect("the fault is found");
        assert_eq!(one.0.executions, finding.index + 1);
        for jobs in [2, 3] {
            assert_eq!(result(hunt(&config(&[fault], 5, jobs, 20_000), &())), one, "{jobs} jobs");
        }
    }
}

#[test]
fn so_it_is_when_nothing_is_found() {
    let one = result(hunt(&config(&[], 5, 1, 3000), &()));
    assert_eq!(one.1, None, "the default design is correct");
    assert_eq!(one.0.executions, 3000);
    assert!(one.0.steps > 3000);
    for jobs in [2, 3] {
        assert_eq!(result(hunt(&config(&[], 5, jobs, 3000), &())), one, "{jobs} jobs");
    }
}

#[test]
fn seeds_give_different_hunts() {
    let tally = |seed| hunt(&config(&[], seed, 2, 500), &()).tally;
    assert_ne!(tally(1), tally(2));
    assert_eq!(tally(1), tally(1));
}

#[test]
fn a_hunt_for_some_time_runs_a_prefix_of_the_same_executions() {
    let limit = Limit::Time(Duration::from_millis(300));
    let timed = hunt(&Config { limit, ..config(&[], 9, 2, 0) }, &()).tally;
    assert!(timed.executions > 0);
    let counted = hunt(&config(&[], 9, 1, timed.executions), &()).tally;
    assert_eq!(timed, counted);
}

#[test]
fn what_is_found_says_on_what_it_fails() {
    let found = first(&config(&[Fault::B4], 5, 2, 20_000));
    let header = &found.minimized.program.header;
    assert_eq!(header.faults, [Fault::B4]);
    let Expect::Violation { invariant, signature } = &header.expect else {
        panic!("it expects the violation");
    };
    assert_eq!(*invariant, found.minimized.violation.invariant.name());
    assert_eq!(*signature, Some(found.minimized.violation.signature()));
    assert!(!found.minimized.violation.provenance.is_empty());
    assert!(found.minimized.program.steps.len() <= found.original.steps.len());
}

#[test]
fn the_design_of_the_hunt_is_that_of_its_programs() {
    for variant in VARIANTS.iter().filter(|variant| !variant.is_default()) {
        let config = Config { design: variant.design(), ..config(&[Fault::S10], 5, 2, 20_000) };
        let found = first(&config);
        assert_eq!(found.original.header.design, variant.design().consistent());
        assert_eq!(found.minimized.program.header.design, variant.design().consistent());
    }
}

#[test]
fn progress_is_told_how_many_are_done() {
    struct Last(AtomicU64);
    impl Progress for Last {
        fn executions(&self, done: u64) {
            assert!(done >= self.0.swap(done, Ordering::Relaxed), "never less than the last time");
        }
    }
    let last = Last(AtomicU64::new(0));
    hunt(&config(&[], 5, 2, 1000), &last);
    assert_eq!(last.0.into_inner(), 1000);
}

/// What only operations that overlap can reach is reached by programs that are drawn, with any seed.
#[test]
fn programs_with_lanes_reach_every_goal_of_overlap() {
    let config = Config { engine: Engine::Interleave, ..config(&[], 1, 2, 6000) };
    let (tally, found) = result(hunt(&config, &()));
    assert_eq!(found, None, "the default design is correct");
    for &goal in OVERLAPS {
        let goal = Goal::seen(goal);
        assert!(tally.goals[goal] > 0, "{} is not reached", GOALS[goal].name);
    }
}
