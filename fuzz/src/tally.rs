//! What has been run: counts that every engine keeps and every report shows.

use crate::goals;
use stocktake_model::Reason;

/// Counts over some executions. Adding up is commutative, so the order of workers does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Programs run.
    pub executions: u64,
    /// Steps run, skipped ones not counted.
    pub steps: u64,
    /// Steps whose operands did not exist, or that made no sense in the situation.
    pub skipped: u64,
    /// Steps whose outcome was the model's own.
    pub exact: u64,
    /// Steps whose outcome was another legal one, by reason in the order of [`Reason::ALL`].
    pub divergent: [u64; Reason::ALL.len()],
    /// How often a lane was preempted in the middle of an operation.
    pub preemptions: u64,
    /// Items of queued work that the scheduler ran beside the operations of a program.
    pub extra_work: u64,
    /// Checks where an operation ended that were put off, as another one was in the middle of a change.
    pub deferred: u64,
    /// Executions in which the order that operations ended in does not explain them: another one was looked for.
    pub reordered: u64,
    /// Those of them in which it was neither found nor ruled out, as there are too many.
    pub unordered: u64,
    /// Those of them in which there is none, and operations on caches of groups overlapped, all of whose parts the search
    /// does not know: nothing is concluded.
    pub excused: u64,
    /// How often each goal was reached, in the order of [`goals::GOALS`].
    pub goals: [u64; goals::COUNT],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            executions: 0,
            steps: 0,
            skipped: 0,
            exact: 0,
            divergent: [0; Reason::ALL.len()],
            preemptions: 0,
            extra_work: 0,
            deferred: 0,
            reordered: 0,
            unordered: 0,
            excused: 0,
            goals: [0; goals::COUNT],
        }
    }
}

impl Tally {
    /// Add another tally to this one.
    pub fn add(&mut self, other: &Tally) {
        self.executions += other.executions;
        self.steps += other.steps;
        self.skipped += other.skipped;
        self.exact += other.exact;
        self.preemptions += other.preemptions;
        self.extra_work += other.extra_work;
        self.deferred += other.deferred;
        self.reordered += other.reordered;
        self.unordered += other.unordered;
        self.excused += other.excused;
        for (sum, n) in self.divergent.iter_mut().zip(other.divergent) {
            *sum += n;
        }
        for (sum, n) in self.goals.iter_mut().zip(other.goals) {
            *sum += n;
        }
    }

    /// Steps that diverged for one reason.
    pub fn divergent_for(&self, reason: Reason) -> u64 {
        Reason::ALL.iter().position(|r| *r == reason).map_or(0, |index| self.divergent[index])
    }
}
