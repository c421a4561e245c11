//! Mms: which group each points at, and the law about what is charged through them.

use super::broken::{Broken, Law, Thing};
use super::{Books, Checks};
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl::Machine;
use stocktake_model::{GroupId, MmOp, Model, Op, Outcome, Step, Via};

/// Where the pointer of each mm led when it was last looked at, by the number of its slot in the machine's arena.
#[derive(Debug, Default)]
pub(super) struct MmBook {
    points: Vec<Option<GroupId>>,
    dirty: Vec<usize>,
}

impl MmBook {
    pub(super) fn clear(&mut self) {
        self.points.clear();
        self.dirty.clear();
    }

    /// The mm is to be looked at again.
    pub(super) fn touch(&mut self, index: usize) {
        self.dirty.push(index);
    }
}

impl Books {
    /// Book the pointers of mms that have changed.
    #[inline]
    pub(super) fn book_mms(&mut self, machine: &Machine) {
        while let Some(index) = self.mms.dirty.pop() {
            let memcg = machine.mm_at(index).and_then(|mm| machine.mm_view(mm)).and_then(|view| view.memcg);
            let now = memcg.map(|memcg| self.group_of(memcg));
            if self.mms.points.len() <= index {
                self.mms.points.resize(index + 1, None);
            }
            let before = std::mem::replace(&mut self.mms.points[index], now);
            self.count_pointer(before, -1);
            self.count_pointer(now, 1);
        }
    }

    /// Forget the pointers of all mms, which are counted as none already, and count them again.
    pub(super) fn recount_mms(&mut self, machine: &Machine) {
        self.mms.clear();
        for (mm, _) in machine.live_mms() {
            self.mms.touch(mm.index());
        }
        self.book_mms(machine);
    }

    fn count_pointer(&mut self, group: Option<GroupId>, change: i64) {
        if let Some(group) = group {
            self.groups[group.index()].mms += change;
            self.touch_group(group);
        }
    }
}

/// I11: a charge through an mm lands inside every group that holds all tasks that use the mm. Asked before the model
/// has taken the charge in.
#[inline]
pub(crate) fn delegation(model: &Model, checks: Checks, action: &Step, observed: Outcome) -> Law {
    let (Op::Mm(MmOp::Charge { through, .. }), Outcome::To(payer)) = (action.op, observed) else {
        return Ok(());
    };
    let Some(bound) = model.mm_bound(through).filter(|_| checks.has(Invariant::I11)) else { return Ok(()) };
    if Delegation::of(model, through).admits(model, payer) {
        return Ok(());
    }
    Err(Broken::new(
        Invariant::I11,
        "delegation",
        Thing::Group(payer),
        move |names: &Labels| format!("a charge of {} or below it", names.group(bound)),
        "charged through the mm",
        "all tasks that use the mm are inside the expected group",
    ))
}

/// Where a charge through an mm may land, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delegation {
    /// The smallest subtree with all tasks that use the mm; `None` if nothing binds it.
    bound: Option<GroupId>,
    groups: Vec<GroupId>,
}

impl Delegation {
    /// According to what is known now.
    pub(crate) fn of(model: &Model, through: Via) -> Delegation {
        Delegation { bound: model.mm_bound(through), groups: model.mm_task_groups(through).collect() }
    }

    /// A task in the middle of its exit may be in a group that has been removed, and charge that all the same.
    pub(crate) fn admits(&self, model: &Model, payer: GroupId) -> bool {
        self.bound.is_none_or(|bound| model.is_below(payer, bound)) || self.groups.contains(&payer)
    }
}
