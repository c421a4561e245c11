//! What is wrong where no order of the operations explains what they answered and left behind.
//!
//! The order of the ends is refuted by some answer, but that need not be the one that is wrong: it may have been the first
//! to notice. So each answer is set aside in turn, and an order is looked for that explains all others. The one without
//! which there is such an order is to blame; of several the one that leaves the least to be explained at rest, and of
//! those the first. If no answer is enough alone, the one is named at which the longest explained prefix of an order ends.
//!
//! Orders that explain every answer, and none of them what is left behind, say more than any answer: what differs at rest
//! is named then, by the order that leaves the fewest invariants broken.

use super::Interleave;
use super::order::{Deepest, Orders, Walked};
use super::parts::{Blind, Ended};
use super::verdict::named_groups;
use crate::check::{Broken, Thing, delegation};
use crate::engine::lockstep::Lockstep;
use crate::engine::oops;
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_model::{Grade, Model, Outcome};

/// Orders without one answer that are looked at for what they leave behind.
const MOST_ASIDE: usize = 8;

/// The answer of one operation is wrong.
struct Suspect {
    /// Which of the operations.
    operation: usize,
    /// The model before it, in an order that explains all others.
    before: Model,
    /// The model that this order leads to.
    rested: Model,
    /// Invariants that are broken at rest nevertheless.
    broken: usize,
}

impl Interleave {
    /// What is wrong, as no order explains every answer: the step, and the law that it breaks. `first` is what is wrong in
    /// the order of the ends.
    pub(super) fn blame(
        &mut self,
        (step, first): (usize, Box<Broken>),
        deepest: Box<Deepest>,
    ) -> (usize, Box<Broken>) {
        let count = self.outcomes.len();
        let (operation, before, because) = match self.suspect() {
            Some(Suspect { operation, before, rested, .. }) => {
                // What is shown beside it is what this order leads to.
                let _ = self.core.agrees_at_rest(&rested);
                (
                    operation,
                    before,
                    format!(
                        "an order of the operations explains all answers but this one: {} others",
                        count - 1
                    ),
                )
            }
            None => {
                let mut orders = Orders::new(&self.base, &self.outcomes);
                let Some(operation) = orders.stuck(&deepest) else { return (step, first) };
                let explained = deepest.explained();
                let because =
                    format!("no order of the operations explains more than {explained} of {count} answers");
                (operation, deepest.model, because)
            }
        };
        let ended = self.outcomes[operation];
        let broken = if ended.index == step { first } else { refusal(&mut self.core, before, &ended) };
        (ended.index, broken.also(because))
    }

    /// The answer without which there is an order of the others.
    fn suspect(&mut self) -> Option<Suspect> {
        let mut orders = Orders::new(&self.base, &self.outcomes);
        let core = &mut self.core;
        let mut best: Option<Suspect> = None;
        let mut tried = 0;
        for operation in 0..self.outcomes.len() {
            let mut looked_at = 0;
            let walked = orders.walk(Some(operation), &mut tried, |rested, before| {
                let Some(before) = before else { return false };
                let broken = core.count_broken_at_rest(&rested);
                if best.as_ref().is_none_or(|best| broken < best.broken) {
                    best = Some(Suspect { operation, before: before.clone(), rested, broken });
                }
                looked_at += 1;
                broken == 0 || looked_at >= MOST_ASIDE
            });
            if matches!(walked, Walked::TooMany) {
                break;
            }
        }
        best
    }

    /// What differs at rest, if one of these models is what should be there. `first` is what does by the first of them.
    pub(super) fn least_broken(&mut self, first: Box<Broken>, models: &[Model]) -> Box<Broken> {
        let core = &mut self.core;
        let best = models.iter().min_by_key(|model| core.count_broken_at_rest(model));
        best.and_then(|model| self.core.agrees_at_rest(model).err()).unwrap_or(first)
    }
}

/// What is wrong with an answer where the model is this.
fn refusal(core: &mut Lockstep, mut model: Model, ended: &Ended) -> Box<Broken> {
    let (step, observed) = (&ended.step, ended.outcome);
    model.hold(named_groups(step));
    if let Err(broken) = delegation(&model, core.checks(), step, observed) {
        return broken;
    }
    let allowed = model.allowed(step, &Blind);
    match (model.first(step), observed) {
        (Outcome::Read(expected), Outcome::Read(found)) if expected != found => {
            core.content(step, expected, found)
        }
        _ if allowed.grade(observed) == Grade::Violation => oops::outcome(observed, allowed),
        _ => Broken::new(
            Invariant::I16,
            "outcome",
            Thing::Step,
            "an answer that goes with those of the others",
            move |names: &Labels| names.outcome(observed),
            "it would be legal by itself",
        ),
    }
}
