//! What was really cached around one step: the model asks for it when it is surprised.

use super::lockstep::Lockstep;
use stocktake_impl::{Machine, MemcgView};
use stocktake_model::{
    Bytes, Failure, GroupId, MappedOp, MmOp, Op, Outcome, Pages, ShmemOp, SlabCharge, SlabOp, Step, Witness,
};

/// What was seen of one step.
pub(super) struct Seen<'a> {
    engine: &'a Lockstep,
    machine: &'a Machine,
    local_pages: u64,
    local_bytes: u64,
    asked: Pages,
    asked_bytes: Option<Bytes>,
    bypass: bool,
    idle_slab: bool,
}

impl<'a> Seen<'a> {
    /// Called after the machine has run the step, but before the books have looked at the CPU again: so they still
    /// tell what its stocks held before.
    pub(super) fn new(engine: &'a Lockstep, step: &Step, first: Outcome, observed: Outcome) -> Seen<'a> {
        let cpu = step.cpu.index();
        let (group, asked, object) = match step.op {
            Op::Charge { group, pages, .. } => (Some(group), pages, None),
            // Which group it is, is the question that a charge through an mm answers.
            Op::Mm(MmOp::Charge { pages, .. }) => match observed {
                Outcome::To(payer) => (Some(payer), pages, None),
                _ => (None, pages, None),
            },
            Op::Mm(MmOp::Socket { task, pages, .. }) => (engine.model.task_group(task), pages, None),
            Op::Mm(MmOp::MigrateCharges { task, group }) => {
                let asked = engine.model.charges_moved_by(task).map_or(Pages(0), |(_, pages)| pages);
                (Some(group), asked, None)
            }
            Op::SwapIn { slot, faulter, .. } => {
                let payer = match first {
                    Outcome::To(group) => group,
                    _ => engine.model.slot(slot).map_or(faulter, |(recorded, _)| {
                        let online = engine.model.life(recorded) == Some(stocktake_model::GroupLife::Online);
                        if online { recorded } else { faulter }
                    }),
                };
                (Some(payer), engine.model.slot(slot).map_or(Pages(0), |(_, pages)| pages), None)
            }
            Op::ObjCharge { objcg, bytes, .. } => {
                let birth = engine.model.bucket_of(objcg);
                (
                    birth.map(|birth| engine.model.bucket_owner(birth)),
                    bytes.pages_up(),
                    birth.map(|birth| (birth, bytes)),
                )
            }
            Op::Slab(SlabOp::Alloc { cache, group, .. }) => match engine.model.slab_charge(cache, group) {
                SlabCharge::Nothing => (None, Pages(0), None),
                SlabCharge::Slab(group, pages) => (Some(group), pages, None),
                SlabCharge::Object(birth, bytes) => {
                    (Some(engine.model.bucket_owner(birth)), bytes.pages_up(), Some((birth, bytes)))
                }
            },
            Op::Mapped(MappedOp::MovePage { charge, to }) => {
                (Some(to), engine.model.charge(charge).map_or(Pages(0), |(_, pages)| pages), None)
            }
            Op::Mapped(MappedOp::ForceEmpty { group }) => (engine.model.parent(group), Pages(0), None),
            Op::Page(ref op) => match engine.model.page_asks(op) {
                Some((group, asked)) => (Some(group), asked, None),
                None => (None, Pages(0), None),
            },
            Op::Shmem(_) => match engine.model.shmem_asks(step) {
                Some((group, asked)) => (Some(group), asked, None),
                None => (None, Pages(0), None),
            },
            _ => (None, Pages(0), None),
        };
        let swapoff = matches!(step.op, Op::Shmem(ShmemOp::Swapoff { .. }));
        Seen {
            engine,
            machine: &engine.machine,
            // Whom a swapoff charges is not known beforehand.
            local_pages: match group {
                None if swapoff => engine.books.all_local_pages(cpu),
                group => group.map_or(0, |group| engine.books.local_pages(cpu, group)),
            },
            local_bytes: object.map_or(0, |(birth, _)| engine.books.local_bytes(cpu, birth)),
            asked,
            asked_bytes: object.map(|(_, bytes)| bytes),
            // Before a page falls back to a small one, the drain for the huge one has met the lock.
            bypass: step.fail == Some(Failure::Trylock) && observed != Outcome::Small,
            idle_slab: engine.idle_slab(step),
        }
    }

    /// Whether the step, if it was a charge, could be served without touching a counter.
    pub(super) fn served_from_stock(&self) -> bool {
        let kept = self.asked_bytes.is_none() && (self.idle_slab || self.asked == Pages(0));
        kept || !self.bypass
            && (self.local_pages >= self.asked.0
                || self.asked_bytes.is_some_and(|bytes| self.local_bytes >= bytes.0))
    }

    /// What a counter of a group says, if the group lives.
    fn counted(&self, group: GroupId, counter: impl Fn(MemcgView) -> i64) -> Pages {
        let memcg = self.engine.books.group(group).memcg;
        let view = memcg.and_then(|memcg| self.machine.memcg(memcg));
        Pages(view.map_or(0, |view| counter(view).max(0) as u64))
    }
}

impl Lockstep {
    /// Whether the cache that a step allocates from kept a slab without objects when it was last looked at.
    fn idle_slab(&self, step: &Step) -> bool {
        let Op::Slab(SlabOp::Alloc { cache, group, .. }) = step.op else { return false };
        let Some(Some(root)) = self.bindings.caches.get(cache.index()) else { return false };
        let memcg = self.bindings.groups[group.index()].filter(|_| self.model.cache_is_active(cache, group));
        let own = memcg.and_then(|memcg| self.machine.cache_of_memcg(*root, memcg));
        self.books.slab.keeps_slab(own.unwrap_or(*root))
    }
}

impl Witness for Seen<'_> {
    fn usage(&self, group: GroupId) -> Pages {
        self.counted(group, |view| view.usage)
    }

    fn memsw(&self, group: GroupId) -> Pages {
        self.counted(group, |view| view.memsw_usage)
    }

    fn kmem(&self, group: GroupId) -> Pages {
        self.counted(group, |view| view.kmem_usage)
    }

    fn local_pages(&self) -> Pages {
        Pages(self.local_pages)
    }

    fn local_bytes(&self) -> Bytes {
        Bytes(self.local_bytes)
    }

    fn idle_slab(&self) -> bool {
        self.idle_slab
    }
}
