//! An order of the operations that explains what they answered and what they left behind.
//!
//! Operations that overlapped may have taken effect in any order; one that ended before another began came first. What
//! an operation does one thing after the other is a sequence of [`parts`](super::parts), between which others may come.
//! The search goes through the orders in depth, and remembers which progress of all operations has led to which model.
//! An answer is accepted if it is the model's own, or one that the specification leaves open; a refusal also if the
//! operation itself saw why, see [`super::limits`].
//!
//! An order that explains every answer, and not what is left behind, says more than the first answer that the order of
//! the ends does not explain: what differs at rest is named then.

use super::Interleave;
use super::parts::{At, Context, Ended, next_parts};
use crate::check::Broken;
use crate::tally::Tally;
use std::collections::BTreeMap;
use stocktake_model::{Errno, Model, Op, Outcome, ShmemOp};

/// The most models that are tried.
const MOST_MODELS: usize = 20_000;

/// One way to go on: how far each operation is, and the model there.
struct Node {
    progress: Vec<At>,
    model: Model,
}

/// What came of a search.
pub(super) enum Explained {
    /// There is an order.
    Yes,
    /// There is none that explains what they answered.
    No,
    /// There are some that do; this law is broken at rest by the first of them, and one by each of the others.
    NotAtRest(Box<Broken>),
    /// There are too many to tell.
    Unknown,
}

impl Interleave {
    /// Look for another order than that of the ends.
    pub(super) fn search_orders(&mut self, tally: &mut Tally) -> Explained {
        tally.reordered += 1;
        let count = self.outcomes.len();
        let mut tried = 0;
        let mut seen: BTreeMap<Vec<At>, Vec<Model>> = BTreeMap::new();
        let mut stack = vec![Node { progress: vec![At::Before; count], model: self.base.clone() }];
        let mut successors = Vec::new();
        let mut context = Context {
            slots: self.slots_of_files(),
            references_count: false,
            slots_ran_out: self
                .outcomes
                .iter()
                .any(|ended| ended.outcome == Outcome::Refused(Errno::NoSpace)),
        };
        let mut at_rest = None;
        while let Some(Node { progress, model }) = stack.pop() {
            let known = seen.entry(progress.clone()).or_default();
            if known.contains(&model) {
                continue;
            }
            if tried >= MOST_MODELS {
                tally.unordered += 1;
                return Explained::Unknown;
            }
            tried += 1;
            if progress.iter().all(|at| *at == At::Ended) {
                let mut rested = model.clone();
                rested.shmem_at_rest();
                known.push(model);
                match self.core.agrees_at_rest(&rested) {
                    Ok(()) => return Explained::Yes,
                    Err(broken) => at_rest = at_rest.or(Some(broken)),
                }
                continue;
            }
            let reclaims =
                |(ended, at): (&Ended, &At)| *at != At::Ended && ended.step.op == Op::Shmem(ShmemOp::Reclaim);
            context.references_count = self.outcomes.iter().zip(&progress).any(reclaims);
            // The operation that ended first is tried first: it is on top of the stack.
            for next in (0..count).rev().filter(|&next| self.may_go_on(&progress, next)) {
                next_parts(&model, &self.outcomes[next], progress[next], &context, &mut successors);
                for (at, model) in successors.drain(..).rev() {
                    let mut progress = progress.clone();
                    progress[next] = at;
                    stack.push(Node { progress, model });
                }
            }
            known.push(model);
        }
        at_rest.map_or(Explained::No, Explained::NotAtRest)
    }

    /// Slots that files were swapped out to before the lanes began, or are in them.
    fn slots_of_files(&self) -> Vec<u32> {
        let out = |ended: &Ended| match ended.step.op {
            Op::Shmem(ShmemOp::Out { .. }) => ended.slot,
            _ => None,
        };
        let mut slots: Vec<u32> =
            self.base.shmem_slots().chain(self.outcomes.iter().filter_map(out)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Whether an operation can do its next part: all that ended before it began are over.
    fn may_go_on(&self, progress: &[At], next: usize) -> bool {
        progress[next] != At::Ended
            && (progress[next] != At::Before
                || progress[..self.outcomes[next].began].iter().all(|at| *at == At::Ended))
    }
}
