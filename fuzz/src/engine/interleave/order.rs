//! An order of the operations that explains what they answered and what they left behind.
//!
//! Operations that overlapped may have taken effect in any order; one that ended before another began came first. What
//! an operation does one thing after the other is a sequence of [`parts`](super::parts), between which others may come.
//! The search goes through the orders in depth, and remembers which progress of all operations has led to which model.
//! An answer is accepted if it is the model's own, or one that the specification leaves open; a refusal also if the
//! operation itself saw why, see [`super::limits`].
//!
//! What is said if there is no such order is the matter of [`super::blame`].

use super::Interleave;
use super::fingerprint::Fingerprint;
use super::parts::{At, Context, Ended, next_parts};
use super::verdict::named_groups;
use crate::check::Broken;
use crate::tally::Tally;
use std::collections::BTreeSet;
use std::rc::Rc;
use stocktake_model::{Errno, MmOp, Model, Op, Outcome, ShmemOp};

/// The most models that are tried.
pub(super) const MOST_MODELS: usize = 20_000;
/// The most that are kept of those that explain every answer, and not what is left behind.
const MOST_KEPT: usize = 64;

/// One way to go on: how far each operation is, and the model there.
struct Node {
    progress: Vec<At>,
    model: Model,
    /// The model before the operation whose answer is set aside.
    aside: Option<Rc<Model>>,
}

/// The furthest that an order leads which explains each answer up to there.
pub(super) struct Deepest {
    /// How far each operation is.
    pub(super) progress: Vec<At>,
    /// The model there.
    pub(super) model: Model,
}

impl Deepest {
    /// Operations that are over.
    pub(super) fn explained(&self) -> usize {
        count_ended(&self.progress)
    }
}

/// What came of a search.
pub(super) enum Explained {
    /// There is an order.
    Yes,
    /// There is none that explains what they answered.
    No(Box<Deepest>),
    /// There are some that do; this law is broken at rest by the first of them, and one by each of the others, of which
    /// these are some.
    NotAtRest(Box<Broken>, Vec<Model>),
    /// There are too many to tell.
    Unknown,
}

/// What came of going through orders.
pub(super) enum Walked {
    /// Somebody was content.
    Content,
    /// All have been tried.
    All(Box<Deepest>),
    /// There are too many.
    TooMany,
}

/// The orders of the operations of an execution.
pub(super) struct Orders<'a> {
    base: &'a Model,
    outcomes: &'a [Ended],
    context: Context,
}

impl<'a> Orders<'a> {
    pub(super) fn new(base: &'a Model, outcomes: &'a [Ended]) -> Orders<'a> {
        let context = Context {
            slots: slots_of_files(base, outcomes),
            references_count: false,
            slots_ran_out: outcomes.iter().any(|ended| ended.outcome == Outcome::Refused(Errno::NoSpace)),
            charges_move: outcomes
                .iter()
                .any(|ended| matches!(ended.step.op, Op::Mm(MmOp::MigrateCharges { .. }))),
        };
        Orders { base, outcomes, context }
    }

    /// Go through the orders that explain each answer, but that of the operation at `aside`, until `content` with what
    /// one of them leads to: the model at rest, and the one before the operation whose answer does not count. `tried`
    /// counts models, of which there may be at most so many.
    pub(super) fn walk(
        &mut self,
        aside: Option<usize>,
        tried: &mut usize,
        mut content: impl FnMut(Model, Option<&Model>) -> bool,
    ) -> Walked {
        let count = self.outcomes.len();
        let start = vec![At::Before; count];
        let mut deepest = Deepest { progress: start.clone(), model: self.base.clone() };
        let (mut seen, mut fingerprint) = (BTreeSet::new(), Fingerprint::default());
        let mut stack = vec![Node { progress: start, model: self.base.clone(), aside: None }];
        let mut successors = Vec::new();
        while let Some(Node { progress, model, aside: before }) = stack.pop() {
            if !seen.insert(fingerprint.of(&(&progress, &model))) {
                continue;
            }
            if *tried >= MOST_MODELS {
                return Walked::TooMany;
            }
            *tried += 1;
            let ended = count_ended(&progress);
            if ended == count {
                let mut rested = model;
                rested.shmem_at_rest();
                if content(rested, before.as_deref()) {
                    return Walked::Content;
                }
                continue;
            }
            if ended > deepest.explained() {
                deepest = Deepest { progress: progress.clone(), model: model.clone() };
            }
            self.context.references_count = self.reclaims(&progress);
            // The operation that ended first is tried first: it is on top of the stack.
            for next in (0..count).rev().filter(|&next| self.may_go_on(&progress, next)) {
                let before = if aside == Some(next) {
                    successors.push((At::Ended, set_aside(&model, &self.outcomes[next])));
                    Some(Rc::new(model.clone()))
                } else {
                    next_parts(&model, &self.outcomes[next], progress[next], &self.context, &mut successors);
                    before.clone()
                };
                for (at, model) in successors.drain(..).rev() {
                    let mut progress = progress.clone();
                    progress[next] = at;
                    stack.push(Node { progress, model, aside: before.clone() });
                }
            }
        }
        Walked::All(Box::new(deepest))
    }

    /// The operation that is in the way of going on from there: the first to have ended of those that cannot go on, or
    /// of all.
    pub(super) fn stuck(&mut self, deepest: &Deepest) -> Option<usize> {
        let Deepest { progress, model } = deepest;
        self.context.references_count = self.reclaims(progress);
        let going_on = || (0..progress.len()).filter(|&next| self.may_go_on(progress, next));
        let is_stuck = |&next: &usize| {
            let mut successors = Vec::new();
            next_parts(model, &self.outcomes[next], progress[next], &self.context, &mut successors);
            successors.is_empty()
        };
        going_on().find(is_stuck).or_else(|| going_on().next())
    }

    /// Whether one that is not over asks whether pages have references.
    fn reclaims(&self, progress: &[At]) -> bool {
        let reclaims =
            |(ended, at): (&Ended, &At)| *at != At::Ended && ended.step.op == Op::Shmem(ShmemOp::Reclaim);
        self.outcomes.iter().zip(progress).any(reclaims)
    }

    /// Whether an operation can do its next part: all that ended before it began are over.
    fn may_go_on(&self, progress: &[At], next: usize) -> bool {
        progress[next] != At::Ended
            && (progress[next] != At::Before
                || progress[..self.outcomes[next].began].iter().all(|at| *at == At::Ended))
    }
}

impl Interleave {
    /// Look for another order than that of the ends.
    pub(super) fn search_orders(&mut self, tally: &mut Tally) -> Explained {
        tally.reordered += 1;
        let (mut kept, mut first) = (Vec::new(), None);
        let core = &mut self.core;
        let agrees = |rested: Model, _: Option<&Model>| {
            let Err(broken) = core.agrees_at_rest(&rested) else { return true };
            first.get_or_insert(broken);
            if kept.len() < MOST_KEPT {
                kept.push(rested);
            }
            false
        };
        match Orders::new(&self.base, &self.outcomes).walk(None, &mut 0, agrees) {
            Walked::Content => Explained::Yes,
            Walked::TooMany => {
                tally.unordered += 1;
                Explained::Unknown
            }
            Walked::All(deepest) => match first {
                Some(broken) => Explained::NotAtRest(broken, kept),
                None => Explained::No(deepest),
            },
        }
    }
}

/// Slots that files were swapped out to before the lanes began, or are in them.
fn slots_of_files(base: &Model, outcomes: &[Ended]) -> Vec<u32> {
    let out = |ended: &Ended| match ended.step.op {
        Op::Shmem(ShmemOp::Out { .. }) => ended.slot,
        _ => None,
    };
    let mut slots: Vec<u32> = base.shmem_slots().chain(outcomes.iter().filter_map(out)).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// An operation has taken effect, whatever the model thinks of its answer.
fn set_aside(model: &Model, ended: &Ended) -> Model {
    let mut model = model.clone();
    model.hold(named_groups(&ended.step));
    model.commit(&ended.step, ended.outcome);
    model.hold([]);
    model
}

fn count_ended(progress: &[At]) -> usize {
    progress.iter().filter(|at| **at == At::Ended).count()
}
