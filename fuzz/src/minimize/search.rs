//! The search's state, and the one place where a candidate is accepted.

use super::Minimized;
use super::run::{Outcome, Run};
use super::schedules::look_for;
use super::size::Size;
use crate::program::{Program, Step};
use crate::trace::{self, fix_up};
use crate::violation::Violation;
use std::collections::BTreeSet;

/// The part of the budget that is left which one candidate may use up in search of a schedule.
const SHARE: u64 = 1024;
/// What it may use at least.
const LEAST_SHARE: u64 = 2000;

/// A search for a smaller program.
pub(super) struct Search<R> {
    run: R,
    signature: String,
    /// The smallest so far.
    pub(super) best: Program,
    size: Size,
    violation: Violation,
    spent: u64,
    budget: u64,
    exhausted: bool,
    /// Programs with lanes for which no schedule was found: with less left to spend none would be.
    vain: BTreeSet<String>,
}

impl<R: Run> Search<R> {
    /// Begin with a program that fails with `violation`; `None` if it does not when it is fixed up.
    pub(super) fn start(
        program: &Program,
        violation: &Violation,
        budget: u64,
        mut run: R,
    ) -> Option<Search<R>> {
        let signature = violation.signature();
        let mut best = program.clone();
        fix_up(&mut best);
        let Outcome { violation, preemptions, cost: spent } =
            look_for(&mut run, &mut best, &signature, budget / 4);
        let violation = violation.filter(|found| found.signature() == signature)?;
        let size = Size::of(&best).with_preemptions(preemptions);
        Some(Search {
            run,
            signature,
            best,
            size,
            violation,
            spent,
            budget,
            exhausted: false,
            vain: BTreeSet::new(),
        })
    }

    /// Repeat all passes until none of them helps.
    pub(super) fn run_to_fixpoint(&mut self) {
        loop {
            let before = self.size;
            // Of a schedule with few preemptions more is left when operations go.
            self.join_stretches();
            self.delete();
            self.simplify();
            if self.size == before {
                self.detour();
            }
            if self.size == before || self.exhausted {
                return;
            }
        }
    }

    /// What has been found.
    pub(super) fn finish(self) -> Minimized {
        Minimized {
            program: self.best,
            violation: self.violation,
            preemptions: self.size.preemptions(),
            steps_spent: self.spent,
            exhausted: self.exhausted,
        }
    }

    /// Keep the candidate if it is smaller and fails in the same way.
    pub(super) fn attempt(&mut self, mut candidate: Program) -> bool {
        let share = (self.budget.saturating_sub(self.spent) / SHARE).max(LEAST_SHARE);
        let look = |run: &mut R, candidate: &mut Program, signature: &str| {
            look_for(run, candidate, signature, share)
        };
        if candidate.parallel.is_none() {
            return self.attempt_by(candidate, look);
        }
        fix_up(&mut candidate);
        let mut unscheduled = candidate.clone();
        unscheduled.header.schedule.clear();
        let text = trace::write(&unscheduled);
        if self.vain.contains(&text) {
            return false;
        }
        let kept = self.attempt_by(candidate, look);
        if !kept {
            self.vain.insert(text);
        }
        kept
    }

    /// Keep another schedule of the best program if one with at most so many preemptions fails in the same way.
    pub(super) fn attempt_within(&mut self, most: usize) -> bool {
        // Few are tried, and what they find is worth much.
        let share = self.budget.saturating_sub(self.spent) / 4;
        self.attempt_by(self.best.clone(), |run, candidate, signature| {
            run.within(candidate, signature, most, share)
        })
    }

    /// Keep the best program with a change of its schedule if that fails in the same way.
    pub(super) fn attempt_guided(&mut self, change: impl FnOnce(&mut Program) -> bool) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate) && self.attempt_by(candidate, |run, candidate, _| run.guided(candidate))
    }

    fn attempt_by(
        &mut self,
        mut candidate: Program,
        run: impl FnOnce(&mut R, &mut Program, &str) -> Outcome,
    ) -> bool {
        fix_up(&mut candidate);
        // Whatever schedule it fails by, it is at least so large.
        let size = Size::of(&candidate);
        if size >= self.size {
            return false;
        }
        if self.spent >= self.budget {
            self.exhausted = true;
            return false;
        }
        let found = run(&mut self.run, &mut candidate, &self.signature);
        self.spent += found.cost;
        let size = size.with_preemptions(found.preemptions);
        match found.violation {
            Some(violation) if violation.signature() == self.signature && size < self.size => {
                self.best = candidate;
                self.size = size;
                self.violation = violation;
                true
            }
            _ => false,
        }
    }

    /// Try the best program with one change; nothing is run if `change` says that there is nothing to change.
    pub(super) fn attempt_with(&mut self, change: impl FnOnce(&mut Program) -> bool) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate) && self.attempt(candidate)
    }

    /// Try the best program with a change of one step, if there is such a step.
    pub(super) fn attempt_step(&mut self, index: usize, change: impl FnOnce(&mut Step) -> bool) -> bool {
        self.attempt_with(|program| program.steps.get_mut(index).is_some_and(change))
    }

    /// Steps of the best program.
    pub(super) fn len(&self) -> usize {
        self.best.steps.len()
    }

    /// Preemptions of the best program.
    pub(super) fn preemptions(&self) -> usize {
        self.size.preemptions()
    }

    /// The step after which the best program fails; its length, if only the checks at the end fail.
    pub(super) fn failing_step(&self) -> usize {
        self.violation.step
    }
}
