//! How candidates are run: the one door between the search and whatever executes programs.

use crate::program::Program;
use crate::violation::Violation;

/// What came of running a candidate.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// The violation, if there was one.
    pub(super) violation: Option<Violation>,
    /// How often a lane was preempted.
    pub(super) preemptions: usize,
    /// Steps that were run.
    pub(super) cost: u64,
}

/// Runs candidates. The same candidate always has the same outcome.
///
/// A candidate with lanes that fails has afterwards the schedule by which it failed.
pub(super) trait Run {
    /// Run a candidate once. If it has lanes, its schedule is a guide: where that does not apply, no lane is preempted.
    fn guided(&mut self, candidate: &mut Program) -> Outcome;

    /// Run a candidate with lanes by all schedules of at most so many preemptions, until one fails with this
    /// signature or about `share` steps have been run.
    fn within(&mut self, candidate: &mut Program, signature: &str, most: usize, share: u64) -> Outcome;

    /// The same by random schedules.
    fn at_random(&mut self, candidate: &mut Program, signature: &str, share: u64) -> Outcome;
}

/// A way to run programs in which nobody chooses between lanes.
impl<F: FnMut(&Program) -> Option<Violation>> Run for F {
    fn guided(&mut self, candidate: &mut Program) -> Outcome {
        let violation = self(candidate);
        Outcome { cost: cost(candidate, violation.as_ref()), violation, preemptions: 0 }
    }

    fn within(&mut self, _: &mut Program, _: &str, _: usize, _: u64) -> Outcome {
        Outcome::default()
    }

    fn at_random(&mut self, _: &mut Program, _: &str, _: u64) -> Outcome {
        Outcome::default()
    }
}

/// Steps that a run took. The checks at the end count as one.
fn cost(program: &Program, found: Option<&Violation>) -> u64 {
    let steps = program.steps.len();
    found.map_or(steps, |violation| violation.step.min(steps)) as u64 + 1
}
