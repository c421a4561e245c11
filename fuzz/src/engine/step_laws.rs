//! Laws about a step as a whole, beside those about the objects that it touched.

use super::lockstep::Lockstep;
use crate::check::{Broken, Thing};
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_model::{
    CpuId, GroupId, GroupLife, MappedOp, MmOp, Mode, Op, Outcome, PageOp, Pages, Ran, ShmemOp, SlabOp, Step,
};

type Law = Result<(), Box<Broken>>;

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Memory,
    MemoryAndSwap,
    KernelMemory,
}

/// I10: a charge that took new pages from a counter, and was not forced, ended above its limit.
pub(super) fn above_limit(counted: Counted, group: GroupId, usage: i64, max: i64) -> Box<Broken> {
    let (aspect, of) = match counted {
        Counted::Memory => ("limit", ""),
        Counted::MemoryAndSwap => ("memsw-limit", " of memory and swap"),
        Counted::KernelMemory => ("kmem-limit", " of kernel memory"),
    };
    let because = "the charge took new pages from the counter and was not forced";
    Broken::new(Invariant::I10, aspect, Thing::Group(group), format!("at most {max}{of}"), usage, because)
}

impl Lockstep {
    /// `own_stock`: whether the step could be served from the stocks of its CPU without touching a counter.
    pub(super) fn check_step(&self, action: &Step, observed: Outcome, own_stock: bool) -> Law {
        self.check_limit(action, observed, own_stock)?;
        self.check_alone(action, observed)
    }

    /// Those that hold where no other operation was under way at the same time.
    pub(super) fn check_alone(&self, action: &Step, observed: Outcome) -> Law {
        self.check_drained(action, observed)?;
        self.check_ids(action)?;
        self.check_slot_count(action)
    }

    /// I7 for the table of ids: whoever was made has one, and whoever could not be made has none.
    fn check_ids(&self, action: &Step) -> Law {
        if !matches!(action.op, Op::Mkdir { .. }) {
            return Ok(());
        }
        let counts = (self.model.ids_in_use() as i64, self.machine.ids_in_use() as i64);
        if counts.0 == counts.1 || !self.checks().has(Invariant::I7) {
            return Ok(());
        }
        let because = String::from("ids of groups that stand, or that slots record, beside root's");
        Err(Broken::new(Invariant::I7, "ids", Thing::Ids, counts.0, counts.1, because))
    }

    /// I10: a charge that took new pages from a counter ends within the limit, at every level.
    fn check_limit(&self, action: &Step, observed: Outcome, own_stock: bool) -> Law {
        if own_stock || !self.checks().has(Invariant::I10) {
            return Ok(());
        }
        let charged = match (action.op, observed) {
            (Op::Charge { group, force: false, .. }, Outcome::Done) if group != GroupId::ROOT => group,
            (
                Op::SwapIn { .. }
                | Op::Mm(MmOp::Charge { .. } | MmOp::Socket { .. })
                | Op::Slab(SlabOp::Alloc { .. }),
                Outcome::To(group),
            ) if group != GroupId::ROOT => group,
            (Op::Mm(MmOp::MigrateCharges { task, group }), Outcome::Is(true)) if group != GroupId::ROOT => {
                match self.model.charges_moved_by(task) {
                    Some((_, pages)) if pages > Pages(0) => group,
                    _ => return Ok(()),
                }
            }
            (
                Op::Page(PageOp::File { group, .. } | PageOp::Anon { group, .. }),
                Outcome::Done | Outcome::Small,
            ) if group != GroupId::ROOT => group,
            (Op::Shmem(ShmemOp::Stage(_)), Outcome::To(group)) if group != GroupId::ROOT => group,
            (Op::Shmem(ShmemOp::Fault { file, .. }), Outcome::Read(_) | Outcome::Small) => {
                match self.model.shmem_owner(file) {
                    Some(group) if group != GroupId::ROOT => group,
                    _ => return Ok(()),
                }
            }
            (Op::Mapped(MappedOp::MovePage { to, .. }), Outcome::Done) if to != GroupId::ROOT => to,
            (Op::ObjCharge { objcg, force: false, .. }, Outcome::Done) => match self.model.bucket_of(objcg) {
                Some(birth) => self.model.bucket_owner(birth),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        let mut level = Some(charged);
        while let Some(group) = level {
            let view = self.books.group(group).memcg.and_then(|memcg| self.machine.memcg(memcg));
            if let Some(view) = view {
                // v2 charges memory+swap nothing, and gives it no limit. Kernel memory is charged by objects or slabs.
                let kernel = match action.op {
                    Op::ObjCharge { .. } => self.model.counts_object_kmem(),
                    Op::Slab(_) => self.model.counts_slab_kmem(),
                    _ => false,
                };
                let limits = [
                    (Counted::Memory, view.usage, view.max, true),
                    (Counted::MemoryAndSwap, view.memsw_usage, view.memsw_max, true),
                    (Counted::KernelMemory, view.kmem_usage, view.kmem_max, kernel),
                ];
                for (counted, usage, max, judged) in limits {
                    if judged && usage > max {
                        return Err(above_limit(counted, group, usage, max));
                    }
                }
            }
            level = self.model.counter_parent(group);
        }
        Ok(())
    }

    /// I14: once a drain of a subtree has been asked for, no CPU keeps stock of it unless its drain is queued.
    fn check_drained(&self, action: &Step, observed: Outcome) -> Law {
        if !self.checks().has(Invariant::I14) {
            return Ok(());
        }
        // A group that goes offline takes the bytes of its own objcgs along. Once it is offline they are its parent's:
        // what is charged through them later is no business of a drain of the dead group. Nor, without a hierarchy, of
        // a drain of an ancestor that is not root.
        let flat = self.model.config().mode == Mode::V1Flat;
        let handed_on = |group| flat || self.model.life(group) == Some(GroupLife::Dying);
        let (root, by_owner) = match (action.op, observed) {
            (Op::DrainAll { group }, Outcome::Done) => (group, handed_on(group)),
            // Another drainer may have been running: then nothing was asked for.
            (Op::Work, Outcome::Ran(Ran::Offline(group))) if action.fail.is_none() => (group, flat),
            (Op::Work, Outcome::Ran(Ran::Drain)) => return self.check_empty(action.cpu),
            (Op::Drain, Outcome::Done) => return self.check_empty(action.cpu),
            _ => return Ok(()),
        };
        let going_offline = matches!(action.op, Op::Work);
        let bytes_of = |birth| {
            let handed_on = by_owner && !(going_offline && birth == root);
            if handed_on { self.model.bucket_owner(birth) } else { birth }
        };
        for cpu in &self.cpus {
            let id = cpu.id();
            let excused = self.machine.drain_queued(id)
                || !self.machine.cpu_online(id)
                || (self.machine.cpu_isolated(id) && id != action.cpu.index());
            if excused {
                continue;
            }
            let groups = cpu.cached_pages().map(|(memcg, _)| self.books.group_of(memcg));
            let births = cpu.cached_bytes().map(|(objcg, _)| bytes_of(self.books.birth_of(objcg)));
            if let Some(kept) = groups.chain(births).find(|group| self.below(*group, root)) {
                return Err(Broken::new(
                    Invariant::I14,
                    "drained",
                    Thing::Cpu(id),
                    "no stock of the drained subtree, or a queued drain",
                    move |names: &Labels| format!("stock of {}, and no drain is queued", names.group(kept)),
                    String::from("a byte stock belongs to the subtree in which its objcg was born"),
                ));
            }
        }
        Ok(())
    }

    fn check_empty(&self, cpu: CpuId) -> Law {
        let stocks = &self.cpus[cpu.index()];
        if stocks.cached_bytes().is_none() && stocks.cached_pages().next().is_none() {
            return Ok(());
        }
        Err(Broken::new(
            Invariant::I14,
            "emptied",
            Thing::Cpu(cpu.index()),
            "empty stocks",
            "something is still cached",
            String::from("this CPU's drain has just run"),
        ))
    }

    fn below(&self, group: GroupId, root: GroupId) -> bool {
        let mut level = Some(group);
        while let Some(group) = level {
            if group == root {
                return true;
            }
            level = self.model.parent(group);
        }
        false
    }

    /// I8 step by step: as many slots are in use as the model says.
    fn check_slot_count(&self, action: &Step) -> Law {
        if !matches!(action.op, Op::SwapOut { .. } | Op::SwapIn { .. } | Op::SwapFree { .. } | Op::Shmem(_)) {
            return Ok(());
        }
        let counts = (self.model.slots_used() as i64, self.machine.slots_in_use() as i64);
        if counts.0 == counts.1 || !self.checks().has(Invariant::I8) {
            return Ok(());
        }
        Err(Broken::new(
            Invariant::I8,
            "slots",
            Thing::SwapSlots,
            counts.0,
            counts.1,
            String::from("slots that the program has swapped out and not freed"),
        ))
    }
}
