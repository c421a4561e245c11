//! The search's state, and the one place where a candidate is accepted.

use super::Minimized;
use super::size::Size;
use crate::program::{Program, Step};
use crate::trace::fix_up;
use crate::violation::Violation;

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
}

impl<R: FnMut(&Program) -> Option<Violation>> Search<R> {
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
        let violation = run(&best).filter(|found| found.signature() == signature)?;
        let spent = cost(&best, Some(&violation));
        let size = Size::of(&best);
        Some(Search { run, signature, best, size, violation, spent, budget, exhausted: false })
    }

    /// Repeat all passes until none of them helps.
    pub(super) fn run_to_fixpoint(&mut self) {
        loop {
            let before = self.size;
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
            steps_spent: self.spent,
            exhausted: self.exhausted,
        }
    }

    /// Keep the candidate if it is smaller and fails in the same way.
    pub(super) fn attempt(&mut self, mut candidate: Program) -> bool {
        fix_up(&mut candidate);
        let size = Size::of(&candidate);
        if size >= self.size {
            return false;
        }
        if self.spent >= self.budget {
            self.exhausted = true;
            return false;
        }
        let found = (self.run)(&candidate);
        self.spent += cost(&candidate, found.as_ref());
        match found {
            Some(violation) if violation.signature() == self.signature => {
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

    /// The step after which the best program fails; its length, if only the checks at the end fail.
    pub(super) fn failing_step(&self) -> usize {
        self.violation.step
    }
}

/// Steps that a run took. The checks at the end count as one.
fn cost(program: &Program, found: Option<&Violation>) -> u64 {
    let steps = program.steps.len();
    found.map_or(steps, |violation| violation.step.min(steps)) as u64 + 1
}
