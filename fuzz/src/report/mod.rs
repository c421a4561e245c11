//! Reports: everything that is shown of a replay, a hunt or a list, as text and as JSON.
//!
//! Reports render values and decide nothing: what is a failure is the business of [`crate::replay`] and
//! [`crate::hunt`]. There are no colours and no terminal codes, so that a report can be kept as it is.

pub mod html;
pub mod json;
pub(crate) mod picture;
pub(crate) mod table;
pub mod text;
pub(crate) mod words;

use crate::engine::Recording;
use crate::engine::runner::Engine;
use crate::hunt::Without;
use crate::program::Program;
use crate::replay::Summary;
use crate::tally::Tally;
use crate::violation::Violation;
use std::path::PathBuf;
use stocktake_impl::Fault;
pub use words::replay_command;

/// Stress runs, one for each design.
#[derive(Clone, Debug, Default)]
pub struct Stressed {
    /// What each of them did.
    pub runs: Vec<crate::hunt::StressReport>,
}

/// A violation that a hunt found, minimised.
#[derive(Clone, Debug)]
pub struct Found {
    /// The engine that found it.
    pub engine: Engine,
    /// The execution of the hunt in which it was found.
    pub execution: u64,
    /// How many executions violate it in the same way: 1, unless the hunt went on past it.
    pub times: u64,
    /// Steps of that execution's program.
    pub original_steps: usize,
    /// The minimised program, with its violation as the expectation.
    pub program: Program,
    /// What its execution looks like.
    pub recording: Recording,
    /// What it violates.
    pub violation: Violation,
    /// Where it was written, if it could be.
    pub path: Option<PathBuf>,
}

/// One hunt of a run.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// The engine.
    pub engine: Engine,
    /// The design hunted on, as traces name it.
    pub design: String,
    /// What was run.
    pub tally: Tally,
    /// How long it took.
    pub seconds: f64,
}

/// A whole run: regressions replayed, then hunts.
#[derive(Debug)]
pub struct Run {
    /// How long it took.
    pub seconds: f64,
    /// The seed of every hunt.
    pub seed: u64,
    /// Threads used.
    pub jobs: usize,
    /// Whether violations did not end the hunts.
    pub keep_going: bool,
    /// Operations that no program had.
    pub without: Without,
    /// The planted faults.
    pub faults: Vec<Fault>,
    /// The regressions.
    pub regressions: Summary,
    /// The hunts, in the order in which they ran.
    pub hunts: Vec<Hunted>,
    /// What they found.
    pub found: Vec<Found>,
}

impl Run {
    /// The engines used, in order, each with what it ran on all designs.
    pub fn engines(&self) -> Vec<(Engine, Tally)> {
        let mut engines: Vec<(Engine, Tally)> = Vec::new();
        for hunt in &self.hunts {
            match engines.iter_mut().find(|(engine, _)| *engine == hunt.engine) {
                Some((_, tally)) => tally.add(&hunt.tally),
                None => engines.push((hunt.engine, hunt.tally.clone())),
            }
        }
        engines
    }

    /// What all hunts ran.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.hunts.iter().for_each(|hunt| total.add(&hunt.tally));
        total
    }
}

/// One fault, hunted with several seeds.
#[derive(Clone, Debug)]
pub struct FaultHunt {
    /// The fault.
    pub fault: Fault,
    /// The engine that found it, or the last one that was tried.
    pub engine: Engine,
    /// Seeds tried.
    pub seeds: usize,
    /// Hunts that found it, in the order of their seeds.
    pub hits: Vec<FaultFound>,
}

/// One hunt that found its fault.
#[derive(Clone, Debug)]
pub struct FaultFound {
    /// Programs run, the failing one included.
    pub executions: u64,
    /// Steps run.
    pub operations: u64,
    /// Time until it was found and minimised.
    pub seconds: f64,
    /// What it violates.
    pub violation: Violation,
    /// Steps of the minimised program.
    pub steps_minimized: usize,
    /// Switches between lanes that the minimised program needs.
    pub preemptions: usize,
    /// Whether the minimised program violates nothing without the fault.
    pub clean_trace_passes: bool,
}

impl FaultHunt {
    /// Whether every seed found it, and every minimised program is clean without the fault.
    pub fn found(&self) -> bool {
        self.seeds > 0 && self.hits.len() == self.seeds && self.clean_trace_passes()
    }

    /// Whether there are minimised programs, and all of them are clean without the fault.
    pub fn clean_trace_passes(&self) -> bool {
        !self.hits.is_empty() && self.hits.iter().all(|hit| hit.clean_trace_passes)
    }

    /// The hit with the fewest steps, and of those with the fewest preemptions.
    pub fn shortest(&self) -> Option<&FaultFound> {
        self.hits.iter().min_by_key(|hit| (hit.steps_minimized, hit.preemptions))
    }

    /// The median over all seeds; `None` if half of them or more found nothing.
    pub fn median<T: PartialOrd + Copy>(&self, of: impl Fn(&FaultFound) -> T) -> Option<T> {
        let mut values: Vec<T> = self.hits.iter().map(of).collect();
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        // A seed that found nothing counts as longer than all that did.
        values.get(self.seeds / 2).copied()
    }

    /// The worst of all seeds; `None` if one of them found nothing.
    pub fn worst<T: PartialOrd + Copy>(&self, of: impl Fn(&FaultFound) -> T) -> Option<T> {
        if self.hits.len() < self.seeds {
            return None;
        }
        self.hits.iter().map(of).reduce(|a, b| if b > a { b } else { a })
    }
}

/// One design, with the regressions that show it to be flawed.
#[derive(Clone, Debug)]
pub struct DesignReport {
    /// `current`, or room and variant.
    pub name: String,
    /// The room that it varies.
    pub room: &'static str,
    /// What it is built from.
    pub source: &'static str,
    /// Old, new, as mailed or corrected.
    pub kind: &'static str,
    /// What distinguishes it.
    pub what: &'static str,
    /// Traces without faults that are expected to violate something on it.
    pub findings: Vec<PathBuf>,
}

/// How the steps of a recording agree with the model.
#[derive(Clone, Debug, Default)]
pub struct Grades {
    /// Outcomes that were the model's own.
    pub exact: usize,
    /// Other legal ones.
    pub divergent: usize,
    /// Steps that were not run.
    pub skipped: usize,
}

impl Grades {
    /// Count those of `recording`.
    pub fn of(recording: &Recording) -> Grades {
        use stocktake_model::Grade;
        let mut grades = Grades::default();
        for step in &recording.steps {
            match step.grade {
                Some(Grade::Exact) => grades.exact += 1,
                Some(Grade::Divergent(_)) => grades.divergent += 1,
                Some(Grade::Violation) => {}
                None if step.implementation.is_none() => grades.skipped += 1,
                None => {}
            }
        }
        grades
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::Invariant;

    fn hit(executions: u64, steps_minimized: usize, clean_trace_passes: bool) -> FaultFound {
        FaultFound {
            executions,
            operations: executions * 10,
            seconds: executions as f64 / 100.0,
            violation: Violation {
                invariant: Invariant::I1,
                aspect: "usage",
                step: 0,
                shape: "charge",
                object: "A".to_owned(),
                expected: "1".to_owned(),
                found: "2".to_owned(),
                because: String::new(),
                provenance: Vec::new(),
            },
            steps_minimized,
            preemptions: 0,
            clean_trace_passes,
        }
    }

    fn hunted(seeds: usize, hits: Vec<FaultFound>) -> FaultHunt {
        FaultHunt { fault: Fault::ALL[0], engine: Engine::Lockstep, seeds, hits }
    }

    #[test]
    fn medians_count_seeds_that_found_nothing_as_the_longest() {
        let all = hunted(3, vec![hit(30, 9, true), hit(10, 4, true), hit(20, 5, true)]);
        assert_eq!((all.median(|hit| hit.executions), all.worst(|hit| hit.executions)), (Some(20), Some(30)));
        assert_eq!(all.shortest().map(|hit| hit.steps_minimized), Some(4));
        assert!(all.found());
        let two_of_three = hunted(3, vec![hit(30, 9, true), hit(10, 4, true)]);
        assert_eq!(two_of_three.median(|hit| hit.executions), Some(30));
        assert_eq!(two_of_three.worst(|hit| hit.seconds), None);
        assert!(!two_of_three.found());
        let one_of_three = hunted(3, vec![hit(10, 4, true)]);
        assert_eq!(one_of_three.median(|hit| hit.executions), None);
        assert!(!hunted(0, Vec::new()).found());
    }

    #[test]
    fn a_fault_whose_trace_fails_without_it_is_not_found() {
        let hunt = hunted(2, vec![hit(1, 1, true), hit(1, 1, false)]);
        assert!(!hunt.clean_trace_passes() && !hunt.found());
        assert!(!hunted(2, Vec::new()).clean_trace_passes());
    }
}
