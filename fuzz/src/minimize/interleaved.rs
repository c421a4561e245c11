//! Candidates on the interleaving engine.

use super::run::{Outcome, Run};
use crate::engine::interleave::{Execution, Interleave};
use crate::program::Program;
use crate::tally::Tally;
use crate::violation::Violation;

/// Runs candidates with and without lanes.
pub(super) struct Interleaved<'a> {
    engine: &'a mut Interleave,
    tally: Tally,
}

impl Interleaved<'_> {
    pub(super) fn new(engine: &mut Interleave) -> Interleaved<'_> {
        Interleaved { engine, tally: Tally::default() }
    }

    /// Steps run so far.
    fn spent(&self) -> u64 {
        self.tally.steps + self.tally.skipped + self.tally.executions
    }

    fn outcome(
        &self,
        candidate: &mut Program,
        before: u64,
        found: Option<(Execution, Box<Violation>)>,
    ) -> Outcome {
        let cost = self.spent() - before;
        let Some((execution, violation)) = found else { return Outcome { cost, ..Outcome::default() } };
        candidate.header.schedule = execution.schedule;
        Outcome { violation: Some(*violation), preemptions: execution.preemptions as usize, cost }
    }
}

impl Run for Interleaved<'_> {
    fn guided(&mut self, candidate: &mut Program) -> Outcome {
        let before = self.spent();
        let (execution, result) = match candidate.parallel {
            Some(_) => {
                let guide = std::mem::take(&mut candidate.header.schedule);
                self.engine.run_guided(candidate, &guide, &mut self.tally)
            }
            None => (Execution::default(), self.engine.run(candidate, &mut self.tally)),
        };
        self.outcome(candidate, before, result.err().map(|violation| (execution, violation)))
    }

    fn within(&mut self, candidate: &mut Program, signature: &str, most: usize, share: u64) -> Outcome {
        let before = self.spent();
        let wanted = |violation: &Violation| violation.signature() == signature;
        let found = self.engine.search_within(candidate, most, share, &mut self.tally, wanted);
        self.outcome(candidate, before, found)
    }

    fn at_random(&mut self, candidate: &mut Program, signature: &str, share: u64) -> Outcome {
        let before = self.spent();
        let wanted = |violation: &Violation| violation.signature() == signature;
        let found = self.engine.search_at_random(candidate, share, &mut self.tally, wanted);
        self.outcome(candidate, before, found)
    }
}
