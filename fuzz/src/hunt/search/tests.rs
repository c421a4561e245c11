use super::{CHUNK, Found, Until, Worker, search};
use crate::tally::Tally;
use crate::violation::{Invariant, Violation};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Fails in some executions; each thread is slow in others.
struct Synthetic<'a> {
    failing: &'a [u64],
    slow: bool,
}

impl Worker for Synthetic<'_> {
    fn execute(&mut self, index: u64, tally: &mut Tally) -> Result<(), Box<Violation>> {
        if self.slow && index.is_multiple_of(97) {
            std::thread::sleep(Duration::from_millis(1));
        }
        tally.executions += 1;
        tally.steps += index % 13;
        if self.failing.contains(&index) { Err(Box::new(violation(index))) } else { Ok(()) }
    }
}

/// Even executions fail in another way than odd ones.
fn violation(index: u64) -> Violation {
    Violation {
        invariant: Invariant::I1,
        aspect: if index.is_multiple_of(2) { "usage" } else { "memsw" },
        step: 0,
        shape: "charge",
        object: String::new(),
        expected: String::new(),
        found: String::new(),
        because: String::new(),
        provenance: Vec::new(),
    }
}

fn failing_index(found: &Found) -> Option<u64> {
    found.failing.first().map(|failing| failing.index)
}

fn run(jobs: usize, executions: u64, failing: &[u64], slow: bool) -> Found {
    let until = Until { executions: Some(executions), ..Until::default() };
    search(jobs, until, || Synthetic { failing, slow }, &|_| ())
}

fn steps(executions: u64) -> u64 {
    (0..executions).map(|index| index % 13).sum()
}

#[test]
fn every_execution_up_to_the_limit_is_counted_once() {
    for executions in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 10 * CHUNK + 7] {
        for jobs in [1, 2, 3, 8] {
            let found = run(jobs, executions, &[], false);
            assert_eq!(found.failing, []);
            assert_eq!(found.tally.executions, executions, "{jobs} jobs");
            assert_eq!(found.tally.steps, steps(executions), "{jobs} jobs");
        }
    }
}

#[test]
fn the_lowest_failing_execution_ends_the_search_for_any_number_of_threads() {
    let cases: [&[u64]; 5] = [
        &[0],
        &[CHUNK - 1, CHUNK],
        &[5 * CHUNK + 3, 9 * CHUNK, 5 * CHUNK + 200],
        &[3 * CHUNK],
        &[19 * CHUNK + 99],
    ];
    for failing in cases {
        let lowest = failing.iter().min().copied().unwrap_or(0);
        for jobs in [1, 2, 3, 5] {
            for slow in [false, true] {
                let found = run(jobs, 20 * CHUNK, failing, slow);
                assert_eq!(failing_index(&found), Some(lowest), "{jobs} jobs");
                assert_eq!(found.tally.executions, lowest + 1, "{jobs} jobs");
                assert_eq!(found.tally.steps, steps(lowest + 1), "{jobs} jobs");
            }
        }
    }
}

#[test]
fn a_search_past_failures_runs_everything_and_counts_each_signature() {
    let failing = [3 * CHUNK + 8, 7, 5 * CHUNK + 1, 3 * CHUNK + 10, 19 * CHUNK + 200, 11];
    for jobs in [1, 2, 3, 5] {
        for slow in [false, true] {
            let until = Until { executions: Some(20 * CHUNK), past_failures: true, ..Until::default() };
            let found = search(jobs, until, || Synthetic { failing: &failing, slow }, &|_| ());
            let counts: Vec<(u64, &str, u64)> =
                found.failing.iter().map(|f| (f.index, f.violation.aspect, f.times)).collect();
            assert_eq!(counts, [(7, "memsw", 3), (3 * CHUNK + 8, "usage", 3)], "{jobs} jobs");
            assert_eq!(found.tally.executions, 20 * CHUNK, "{jobs} jobs");
            assert_eq!(found.tally.steps, steps(20 * CHUNK), "{jobs} jobs");
        }
    }
}

#[test]
fn what_ran_until_the_deadline_is_a_prefix_of_whole_chunks() {
    let deadline = Some(Instant::now() + Duration::from_millis(300));
    let until = Until { deadline, ..Until::default() };
    let found = search(3, until, || Synthetic { failing: &[], slow: true }, &|_| ());
    assert!(found.tally.executions > 0);
    assert!(found.tally.executions.is_multiple_of(CHUNK));
    assert_eq!(found.tally.steps, steps(found.tally.executions));
}

#[test]
fn nothing_is_begun_after_the_deadline() {
    let until = Until { deadline: Some(Instant::now()), ..Until::default() };
    let found = search(2, until, || Synthetic { failing: &[0], slow: false }, &|_| ());
    assert_eq!((found.tally.executions, found.failing.len()), (0, 0));
}

#[test]
fn progress_ascends_and_ends_at_the_total() {
    let seen = Mutex::new(Vec::new());
    let until = Until { executions: Some(20 * CHUNK), ..Until::default() };
    let worker = || Synthetic { failing: &[], slow: true };
    search(3, until, worker, &|done| seen.lock().expect("no test thread panics").push(done));
    let seen = seen.into_inner().expect("no test thread panics");
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&(20 * CHUNK)));
}

#[test]
fn a_panic_ends_the_search_and_is_not_swallowed() {
    struct Panics;
    impl Worker for Panics {
        fn execute(&mut self, index: u64, _tally: &mut Tally) -> Result<(), Box<Violation>> {
            assert_ne!(index, 3 * CHUNK, "planted");
            Ok(())
        }
    }
    let result = std::panic::catch_unwind(|| search(2, Until::default(), || Panics, &|_| ()));
    assert!(result.is_err(), "without the guard this search would never end");
}
