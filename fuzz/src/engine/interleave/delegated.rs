//! Charges through an mm beside operations that decide where they may land (I11).
//!
//! A charge is right if it landed where it might have landed at some moment since it began.

use super::Interleave;
use crate::check::Delegation;
use stocktake_model::{MmOp, Op, Outcome, Step};

impl Interleave {
    /// An operation begins: note what it overlaps with, as far as it matters for what is charged through an mm.
    pub(super) fn watch_delegation(&mut self, lane: usize, step: &Step) {
        let overlaps = self.deciding(lane);
        if decides(&step.op) {
            self.crew.iter_mut().for_each(|member| member.overlaps += 1);
        }
        let member = &mut self.crew[lane];
        member.overlaps = overlaps;
        member.delegated.clear();
        self.follow_delegation();
    }

    /// Operations of other lanes that are under way and decide about what is charged through mms.
    fn deciding(&self, lane: usize) -> usize {
        let others = self.crew.iter().enumerate().filter(|(other, _)| *other != lane);
        others.filter_map(|(_, member)| member.busy).filter(|(_, step)| decides(&step.op)).count()
    }

    /// Whether a charge through an mm was right at some moment since it began. One that ends while an operation that
    /// decides about it is under way may come before or after that; and of two such operations it is not known which
    /// came first.
    pub(super) fn excuses(&self, lane: usize, observed: Outcome) -> bool {
        let Outcome::To(payer) = observed else { return false };
        let member = &self.crew[lane];
        let model = &self.core.model;
        member.overlaps > 1
            || self.deciding(lane) > 0
            || member.delegated.iter().any(|delegation| delegation.admits(model, payer))
    }

    /// Note where charges through mms that are under way might land now.
    pub(super) fn follow_delegation(&mut self) {
        let model = &self.core.model;
        for member in &mut self.crew {
            if let Some((_, step)) = member.busy
                && let Op::Mm(MmOp::Charge { through, .. }) = step.op
            {
                member.delegated.push(Delegation::of(model, through));
            }
        }
    }
}

/// Whether an operation changes which tasks use an mm, or where they are, or removes a group.
fn decides(op: &Op) -> bool {
    match op {
        Op::Mm(op) => {
            !matches!(op, MmOp::Charge { .. } | MmOp::Match { .. } | MmOp::Event { .. } | MmOp::Socket { .. })
        }
        Op::Rmdir { .. } => true,
        _ => false,
    }
}
