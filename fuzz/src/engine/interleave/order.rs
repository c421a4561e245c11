//! An order of the operations that explains what they answered and what they left behind.
//!
//! Operations that overlapped may have taken effect in any order; one that ended before another began came first. The
//! search goes through the orders in depth, and remembers which sets of operations have led to which model. An answer
//! is accepted if it is the model's own, or one that the specification leaves open; that of a charge also if the
//! operation itself saw why, see [`super::limits`].

use super::verdict::named_groups;
use super::{Ended, Interleave};
use crate::tally::Tally;
use stocktake_model::{Bytes, Grade, GroupId, GroupLife, Model, Outcome, Pages, Ran, Witness};

/// The most operations whose orders are searched.
const MOST_OPERATIONS: usize = 20;
/// The most models that are tried.
const MOST_MODELS: usize = 4000;

/// What is known of the stocks when a past operation is looked at again: nothing that excuses it.
pub(in crate::engine) struct Blind;

impl Witness for Blind {
    fn usage(&self, _group: GroupId) -> Pages {
        Pages(0)
    }

    fn memsw(&self, _group: GroupId) -> Pages {
        Pages(0)
    }

    fn local_pages(&self) -> Pages {
        Pages(0)
    }

    fn local_bytes(&self) -> Bytes {
        Bytes(0)
    }
}

/// One way to go on: the operations that have taken effect, a bit each, and the model after them.
struct Node {
    done: u32,
    model: Model,
}

impl Interleave {
    /// Look for another order than that of the ends. `Some` if there is one, or if there are too many to tell.
    pub(super) fn search_orders(&mut self, tally: &mut Tally) -> Option<()> {
        let count = self.outcomes.len();
        if count > MOST_OPERATIONS {
            tally.unordered += 1;
            return Some(());
        }
        let all = (1u32 << count) - 1;
        let mut seen: Vec<Node> = Vec::new();
        let mut stack = vec![Node { done: 0, model: self.base.clone() }];
        while let Some(node) = stack.pop() {
            if node.done == all {
                let mut at_rest = node.model.clone();
                at_rest.shmem_at_rest();
                if self.core.agrees_at_rest(&at_rest) {
                    return Some(());
                }
                continue;
            }
            if seen.iter().any(|other| other.done == node.done && other.model == node.model) {
                continue;
            }
            if seen.len() >= MOST_MODELS {
                tally.unordered += 1;
                return Some(());
            }
            // The operation that ended first is tried first: it is on top of the stack.
            for next in (0..count).rev().filter(|next| node.done >> next & 1 == 0) {
                let ended = &self.outcomes[next];
                let may_be_next = (0..count)
                    .filter(|other| node.done >> other & 1 == 0)
                    .all(|other| self.outcomes[other].ended >= ended.began);
                if may_be_next && let Some(model) = after(&node.model, ended) {
                    stack.push(Node { done: node.done | 1 << next, model });
                }
            }
            seen.push(node);
        }
        None
    }
}

/// The model after an operation, if it accepts the answer.
fn after(model: &Model, ended: &Ended) -> Option<Model> {
    let Ended { step, outcome, evident, .. } = ended;
    let mut model = model.clone();
    model.hold(named_groups(step));
    let queued = match outcome {
        Outcome::Ran(Ran::Nothing | Ran::Drain | Ran::Cache) => true,
        // Which of its children the machine has freed by then is not known here.
        Outcome::Ran(Ran::Release(group)) => model.life(*group) == Some(GroupLife::Dying),
        _ => false,
    };
    let accepted = *evident
        || queued
        || model.admits(step).is_ok()
            && (model.first(step) == *outcome
                || model.allowed(step, &Blind).grade(*outcome) != Grade::Violation);
    if !accepted {
        return None;
    }
    model.commit(step, *outcome);
    model.hold([]);
    Some(model)
}
