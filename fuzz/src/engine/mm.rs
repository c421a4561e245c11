//! What the engine knows of the operations on tasks and mms, beside applying them.

use super::lockstep::Lockstep;
use crate::goals::{Goal, Seen};
use crate::tally::Tally;
use stocktake_model::{GroupId, MmOp, Outcome};

impl Lockstep {
    /// Goals that involve what the model knows of an mm.
    pub(super) fn count_mm(&self, tally: &mut Tally, op: &MmOp) {
        let &MmOp::Charge { through, .. } = op else { return };
        if self.model.mm_bound(through).is_none() {
            tally.goals[Goal::seen(Seen::UnboundMmCharged)] += 1;
        } else if self.model.mm_is_being_made(through) {
            tally.goals[Goal::seen(Seen::EmbryoCharged)] += 1;
        }
    }

    /// The group that pays, or whose tasks change without its reference count, if the machine forgets that.
    pub(super) fn group_of_mm_op(&self, op: &MmOp, observed: Outcome) -> Option<GroupId> {
        match (*op, observed) {
            (_, Outcome::To(payer)) => Some(payer),
            (MmOp::Task { group, .. } | MmOp::Migrate { group, .. }, _) => Some(group),
            (MmOp::Exit { task } | MmOp::ExitEnd { task }, _) => self.model.task_group(task),
            _ => None,
        }
    }
}
