//! Goals that only the outside can see: situations that involve what the model knows.

use super::lockstep::Lockstep;
use crate::goals::{Goal, Seen};
use crate::tally::Tally;
use stocktake_model::{GroupId, GroupLife, Op, Outcome, Ran, Step};

impl Lockstep {
    /// Goals that only the outside can see, before the model has taken the step in.
    pub(super) fn count_seen(&self, tally: &mut Tally, action: &Step, observed: Outcome) {
        self.count_mapped(tally, action, observed);
        match (action.op, observed) {
            (Op::Mm(op), _) => self.count_mm(tally, &op, observed),
            (Op::Rmdir { group }, Outcome::Refused(_)) if self.model.tasks_in(group) > 0 => {
                tally.goals[Goal::seen(Seen::RemovalHinderedByTask)] += 1;
            }
            (Op::Charge { group, .. }, Outcome::Done) if !self.model_online(group) => {
                tally.goals[Goal::seen(Seen::ChargedWhileRemoved)] += 1;
            }
            (Op::Work, Outcome::Ran(Ran::Offline(group))) => {
                let cpu = action.cpu.index();
                if self
                    .books
                    .births_cached_elsewhere(cpu)
                    .any(|birth| self.model.bucket_owner(birth) == group)
                {
                    tally.goals[Goal::seen(Seen::DrainMetOffline)] += 1;
                }
            }
            _ => {}
        }
    }

    /// An object is about to be freed on another CPU than it was charged on.
    pub(super) fn count_migration(&self, action: &Step, tally: &mut Tally) {
        if let Op::ObjUncharge { object } = action.op {
            let charged_on = self.bindings.objects[object.index()].map(|object| object.cpu);
            let elsewhere = charged_on.is_some_and(|cpu| cpu != action.cpu);
            tally.goals[Goal::seen(Seen::FreedOnOtherCpu)] += u64::from(elsewhere);
        }
    }

    fn model_online(&self, group: GroupId) -> bool {
        self.model.life(group) == Some(GroupLife::Online)
    }

    pub(super) fn count_pins(&self, group: GroupId, tally: &mut Tally) {
        let holders = self.model.holders(group);
        let pins = [
            (Seen::OfflinePinnedByFolio, holders.folios > 0),
            (Seen::OfflinePinnedById, holders.slots > 0),
            (Seen::OfflinePinnedByStock, holders.is_empty() && self.books.group(group).stock_slots > 0),
            (Seen::ObjectsOutliveGroup, self.model.bucket_live_bytes(group).0 > 0),
        ];
        for (seen, reached) in pins {
            tally.goals[Goal::seen(seen)] += u64::from(reached);
        }
    }
}
