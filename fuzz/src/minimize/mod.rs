//! Minimising: the smallest program around that fails in the same way.
//!
//! Greedy and deterministic. Steps are deleted first, in chunks and then one by one and in pairs; what is left is
//! made simpler: fewer CPUs, no injected failures, groups nearer to root, rounder limits, smaller numbers. Each
//! change is kept only if the program becomes smaller (see `size.rs`) and still fails with the same signature, and
//! all of it is repeated until nothing helps any more; then a step may even grow, if another can go for it.
//! Deleting what creates a thing deletes its users too: every candidate goes through [`fix_up`] before it is run.
//!
//! A program with lanes is minimised together with its schedule: fewest steps first, then fewest preemptions, then
//! fewest lanes, groups and CPUs. For each candidate the schedule of the best program so far is a guide; where that
//! does not fail, schedules are searched, those with few preemptions first (see `schedules.rs`).
//!
//! How programs are run is not known here, and neither is where they come from.

mod amounts;
mod delete;
mod detour;
mod interleaved;
mod lanes;
mod operands;
mod run;
mod schedules;
mod search;
mod simplify;
mod size;
#[cfg(test)]
mod tests;

use crate::engine::runner::Runner;
use crate::program::{Drive, Expect, Program};
use crate::tally::Tally;
use crate::violation::Violation;
use interleaved::Interleaved;
use run::Run;
use search::Search;

#[cfg(doc)]
use crate::trace::fix_up;

/// What is left of a failing program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimized {
    /// The program: fixed up, and expecting its violation. At most as large as the original.
    pub program: Program,
    /// Its violation, with provenance where the engine knows it.
    pub violation: Violation,
    /// Switches between lanes in the middle of operations that its schedule has.
    pub preemptions: usize,
    /// Steps that were run to find it.
    pub steps_spent: u64,
    /// Whether the budget ended the search; more budget might give a smaller program.
    pub exhausted: bool,
}

/// Minimise a program that fails with `violation`, running at most about `budget_steps` steps.
///
/// The result has the same signature. A program that does not fail like that when it is run again is returned as
/// it is, with the given violation.
pub fn minimize(
    program: &Program,
    violation: &Violation,
    runner: &mut Runner,
    budget_steps: u64,
) -> Minimized {
    let mut scheduled = runner.scheduled(program);
    scheduled.header.drive = Drive::default();
    let mut minimized = match runner.interleave() {
        Some(engine) => minimize_with(&scheduled, violation, budget_steps, Interleaved::new(engine)),
        None => {
            let mut tally = Tally::default();
            minimize_with(program, violation, budget_steps, |candidate: &Program| {
                runner.run(candidate, &mut tally).err().map(|violation| *violation)
            })
        }
    };
    let recorded = runner.record(&minimized.program).violation;
    if let Some(recorded) = recorded.filter(|recorded| recorded.signature() == violation.signature()) {
        minimized.violation = recorded;
    }
    minimized
}

/// Minimise with any way to run a program, which returns its violation.
fn minimize_with(program: &Program, violation: &Violation, budget_steps: u64, run: impl Run) -> Minimized {
    let mut minimized = match Search::start(program, violation, budget_steps, run) {
        Some(mut search) => {
            search.run_to_fixpoint();
            search.finish()
        }
        None => Minimized {
            program: program.clone(),
            violation: violation.clone(),
            preemptions: 0,
            steps_spent: program.steps.len() as u64,
            exhausted: false,
        },
    };
    minimized.program.header.expect = Expect::Violation {
        invariant: violation.invariant.name().to_owned(),
        signature: Some(violation.signature()),
    };
    minimized
}
