//! The answers that are allowed besides the model's own, each with its reason.
//!
//! A reason is computed from what a [`Witness`] really found cached around this one step, never from a bound of
//! what might be cached: a model that excuses everything finds nothing. `false-lock-out` is no reason here, as it
//! needs operations that overlap.

use super::pages::Folio;
use super::{Group, GroupLife, Model};
use crate::{
    Allowed, Bytes, Errno, Failure, Grade, GroupId, Limit, MmOp, Mode, Op, Outcome, Pages, Ran, Reason,
    SlabOp, SlabRule, Step, Witness,
};

impl Model {
    /// Every answer that the specification allows to a step that is admitted, the model's own first. Meant for the
    /// case that the observed answer is not [`Model::first`].
    pub fn allowed(&self, step: &Step, witness: &dyn Witness) -> Allowed {
        let mut allowed = Allowed::only(self.first(step));
        let from_page_stock =
            |asked: Pages| step.fail != Some(Failure::Trylock) && witness.local_pages() >= asked;
        match step.op {
            // Neither the allocation of the folio nor a forced charge looks at what is cached.
            Op::Charge { .. } | Op::SwapIn { .. } if step.fail == Some(Failure::Alloc) => {}
            Op::Charge { force: true, .. } => {}
            Op::Charge { group, pages, .. } => {
                let charge = PageCharge { group, asked: pages, from_stock: from_page_stock(pages) };
                self.allow_cached(&mut allowed, Outcome::Done, &charge, witness);
            }
            Op::SwapIn { slot, faulter, .. } => {
                if let Some(slot) = self.slots.get(slot.index()) {
                    let group = self.swap_in_payer(slot.recorded, faulter);
                    let charge =
                        PageCharge { group, asked: slot.pages, from_stock: from_page_stock(slot.pages) };
                    self.allow_cached(&mut allowed, Outcome::To(group), &charge, witness);
                }
            }
            Op::ObjCharge { force: true, .. } => {}
            Op::ObjCharge { objcg, bytes, .. } => {
                if let Some(birth) = self.bucket_of(objcg) {
                    let asked = bytes.pages_up();
                    let from_byte_stock =
                        step.fail != Some(Failure::Trylock) && witness.local_bytes() >= bytes;
                    let charge = PageCharge {
                        group: self.bucket_owner(birth),
                        asked,
                        from_stock: from_byte_stock || from_page_stock(asked),
                    };
                    let counted = self.counts_object_kmem();
                    self.allow_cached_kmem(&mut allowed, Outcome::Done, charge, counted, witness);
                }
            }
            Op::SetMax { group, max } => self.allow_busy_limit(&mut allowed, max, witness.usage(group)),
            Op::SetMemswMax { group, max } => self.allow_busy_limit(&mut allowed, max, witness.memsw(group)),
            Op::SetKmemMax { group, max } => self.allow_busy_limit(&mut allowed, max, witness.kmem(group)),
            Op::ObjcgFrom { group, .. } => {
                for birth in self.objcg_answers(group).skip(1) {
                    allow(&mut allowed, Outcome::To(birth), Reason::Offlining);
                }
            }
            Op::SwapOut { charge, .. } => {
                if let Some(&Folio { group, pages }) = self.folios.get(charge.index()) {
                    for payer in self.swap_payers(group).skip(1) {
                        allow(&mut allowed, self.swap_out_answer_for(payer, pages), Reason::Offlining);
                    }
                }
            }
            Op::Mm(op) => return self.mm_allowed(step, &op, witness),
            Op::Slab(SlabOp::Alloc { .. }) => self.allow_slab_alloc(&mut allowed, step, witness),
            Op::Mapped(op) => self.allow_moved(&mut allowed, step, &op, witness),
            Op::Page(op) => self.allow_page(&mut allowed, step, &op, witness),
            Op::Shmem(op) => self.shmem_allowed(&mut allowed, step, &op, witness),
            Op::Work => allowed.exact = self.work_answers(),
            _ => {}
        }
        allowed
    }

    /// Whether a charge may go to this group, or through the objcg born in it, as far as that does not depend on what fits.
    pub fn pays(&self, step: &Step, payer: GroupId) -> bool {
        match step.op {
            Op::SwapIn { slot, faulter, .. } => self
                .slots
                .get(slot.index())
                .is_some_and(|slot| self.swap_in_payer(slot.recorded, faulter) == payer),
            Op::Mm(MmOp::Charge { through, .. }) => self.payers(through).contains(&payer),
            Op::Mm(MmOp::Event { through, .. }) => self.event_answers(through).contains(&Outcome::To(payer)),
            Op::Mm(MmOp::Socket { task, .. }) => self.task_group(task) == Some(payer),
            Op::Slab(SlabOp::Alloc { cache, group, .. }) => match self.slab_rule() {
                SlabRule::Objects => self.objcg_answers(group).any(|birth| birth == payer),
                SlabRule::SlabsReparented | SlabRule::SlabsStay => {
                    self.slab_success(cache, group) == Outcome::To(payer)
                }
            },
            _ => true,
        }
    }

    /// A charge has looked for who pays, and not charged yet. Who looked an objcg up has a reference to it until
    /// [`Model::payer_let_go`].
    pub fn payer_found(&mut self, step: &Step, payer: GroupId) {
        match step.op {
            Op::Mm(MmOp::Charge { through, .. }) => self.mm_looked_up(through),
            Op::Slab(SlabOp::Alloc { .. }) if self.slab_rule() == SlabRule::Objects => self.get_bucket(payer),
            _ => {}
        }
    }

    /// A charge that has looked for who pays is over.
    pub fn payer_let_go(&mut self, step: &Step, payer: GroupId) {
        if matches!(step.op, Op::Slab(SlabOp::Alloc { .. })) && self.slab_rule() == SlabRule::Objects {
            self.put_bucket(payer);
        }
    }

    /// A charge asks for whole pages, `asked`, at the levels from `group` up. Cached pages can fail it where the
    /// model's would fit, and a stock that serves all of it asks no level.
    pub(super) fn allow_cached(
        &self,
        allowed: &mut Allowed,
        success: Outcome,
        charge: &PageCharge,
        witness: &dyn Witness,
    ) {
        if allowed.exact.contains(&success) {
            if self.refused_by_cached(charge.group, charge.asked, witness) {
                allow(allowed, Outcome::Refused(Errno::NoMem), Reason::RemoteStock);
            }
        } else if charge.from_stock {
            allow(allowed, success, Reason::StockHitOverMax);
        }
    }

    /// The same for kernel memory that may be `counted` apart. No stock helps with that counter; what is cached there
    /// are slabs without objects.
    pub(super) fn allow_cached_kmem(
        &self,
        allowed: &mut Allowed,
        success: Outcome,
        charge: PageCharge,
        counted: bool,
        witness: &dyn Witness,
    ) {
        let PageCharge { group, asked, from_stock } = charge;
        let from_stock = from_stock && (!counted || self.kmem_fits(group, asked));
        self.allow_cached(allowed, success, &PageCharge { group, asked, from_stock }, witness);
        let refuses = |(id, level): (GroupId, &Group)| !level.kmem_max.admits(witness.kmem(id) + asked);
        if counted && allowed.exact.contains(&success) && self.levels(group).any(refuses) {
            allow(allowed, Outcome::Refused(Errno::NoMem), Reason::RemoteStock);
        }
    }

    /// Whether some level has no room for so many pages more, what is cached counted in.
    pub(super) fn refused_by_cached(&self, group: GroupId, asked: Pages, witness: &dyn Witness) -> bool {
        let v1 = self.config.mode != Mode::V2;
        self.levels(group).any(|(id, level)| {
            !level.max.admits(witness.usage(id) + asked)
                || v1 && !level.memsw_max.admits(witness.memsw(id) + asked)
        })
    }

    /// A v1 limit is compared with the usage as the counter has it, cached pages included. A limit that is refused for
    /// being out of order is refused whatever is cached.
    fn allow_busy_limit(&self, allowed: &mut Allowed, max: Limit, usage: Pages) {
        let in_order = allowed.exact.contains(&Outcome::Done);
        if self.config.mode != Mode::V2 && in_order && !max.admits(usage) {
            allow(allowed, Outcome::Refused(Errno::Busy), Reason::RemoteStock);
        }
    }

    /// How an observed answer to a step that is admitted agrees with the specification: as [`Model::allowed`] has it.
    /// Whether one work item may be due is told without a list of all that may be.
    pub fn grade(&self, step: &Step, witness: &dyn Witness, observed: Outcome) -> Grade {
        match (step.op, observed) {
            (Op::Work, Outcome::Ran(item)) if self.may_be_due(item) => Grade::Exact,
            (Op::Work, _) => Grade::Violation,
            _ => self.allowed(step, witness).grade(observed),
        }
    }

    /// Whether a work item may be due. The model has no queues: a drain always may be, the end of a group once nobody
    /// holds it, and the second half of an rmdir once that of every child has run.
    fn may_be_due(&self, item: Ran) -> bool {
        if Outcome::Ran(item) == self.work_answer() {
            return true;
        }
        match item {
            Ran::Nothing => false,
            Ran::Drain => true,
            Ran::Offline(group) => {
                self.offlining.contains(&group)
                    && !self.offlining.iter().any(|&other| self.parent(other) == Some(group))
            }
            Ran::Release(group) => {
                self.life(group) == Some(GroupLife::Dying) && self.holders(group).is_empty()
            }
            Ran::Cache => self.caches.len() > 0,
            Ran::Create(group) => self.caches.len() > 0 && self.of(group, Group::has_scheduled_caches),
        }
    }

    /// The work items that may be due.
    fn work_answers(&self) -> Vec<Outcome> {
        let groups = || self.groups.iter().filter_map(|(index, _)| Some(GroupId(index.try_into().ok()?)));
        let others = std::iter::once(Ran::Drain)
            .chain(self.offlining.iter().skip(1).map(|&group| Ran::Offline(group)))
            .chain(groups().map(Ran::Release))
            .chain([Ran::Cache])
            .chain(groups().map(Ran::Create));
        let due = others.filter(|&item| self.may_be_due(item)).map(Outcome::Ran);
        std::iter::once(self.work_answer()).chain(due).collect()
    }

    /// As [`Model::allow_cached`], for a charge of pages to a group, perhaps on behalf of an object of some bytes.
    pub(super) fn allow_charge(
        &self,
        allowed: &mut Allowed,
        success: Outcome,
        step: &Step,
        (group, asked, bytes): (GroupId, Pages, Option<Bytes>),
        witness: &dyn Witness,
    ) {
        let from_stock = step.fail != Some(Failure::Trylock)
            && (witness.local_pages() >= asked || bytes.is_some_and(|bytes| witness.local_bytes() >= bytes));
        self.allow_cached(allowed, success, &PageCharge { group, asked, from_stock }, witness);
    }
}

/// What a charge asks of the counters, and whether stocks of its CPU could serve all of it without them.
pub(super) struct PageCharge {
    pub(super) group: GroupId,
    pub(super) asked: Pages,
    pub(super) from_stock: bool,
}

pub(super) fn allow(allowed: &mut Allowed, outcome: Outcome, reason: Reason) {
    if allowed.grade(outcome) == Grade::Violation {
        allowed.divergent.push((outcome, reason));
    }
}
