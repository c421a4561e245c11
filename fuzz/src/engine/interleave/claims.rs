//! Names that several lanes use: who may, while an operation of another lane is under way with the same.
//!
//! A name is consumed once. Which of two lanes consumes it is settled when its operation begins: the other one finds
//! it gone, and is skipped, as it is if the operation under way only uses it. A task does one thing at a time, and its
//! mm stays while another lane asks about it; whoever moves charges keeps both groups from being removed.
//!
//! What is done with the pages of files overlaps as it comes: faults, punches, swapping out and reclaim, whose
//! [`parts`](super::parts) the search of orders knows. The rest of that room does not, and is alone with it, as
//! [`Claim::SwapCache`] has it: who writes to a page, and who ends its writeback or frees its copy, as a write is no operation of the
//! kernel that takes time, but a store to memory by whoever has mapped the page before; and the stages of a fault that was
//! begun before the lanes, each of which is an operation of its own that others cannot wait for. Where charges wait for drains
//! (`drain=wait`) nothing of it overlaps: who waits for a page sleeps, and the CPU would drain, which no lane does in the
//! middle of an operation.

use crate::program::Action;
use crate::trace::{Kind, Role, visit};
use stocktake_model::{
    CpuId, GroupId, MappedOp, MmOp, Model, Op, PageOp, ShmemOp, SlabOp, Step, TaskId, Via,
};

/// Something that operations under way may be in each other's way about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// What a name stands for.
    Name(Kind, u16),
    /// What a task is doing.
    Acts(u16),
    /// The mm that a task has.
    MmOf(TaskId),
    /// The removal of a group.
    Removal(GroupId),
    /// A move of charges away from a group.
    Move(GroupId),
    /// A page that is being moved.
    Moving(u16),
    /// Files and the swap cache.
    SwapCache,
    /// Whether a CPU is up, and isolated.
    Cpu(CpuId),
}

/// The claims of all operations under way.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Whether no two operations on files overlap.
    pub(super) files_alone: bool,
    held: Vec<(usize, Claim, bool)>,
    /// Folios that are being unmapped.
    unmapping: Vec<(usize, u16)>,
    wanted: Vec<(Claim, bool)>,
}

impl Claims {
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.unmapping.clear();
    }

    /// An operation begins, unless another one is in its way. Whether it may.
    pub(super) fn take(&mut self, lane: usize, step: &Step, model: &Model) -> bool {
        self.wanted.clear();
        want(step, model, self.files_alone, &mut self.wanted);
        let clash = |(claim, alone): &(Claim, bool)| {
            // Of those who remove a group all but one find it gone.
            let clash = |other_alone: bool| match claim {
                Claim::Removal(_) => *alone != other_alone,
                _ => *alone || other_alone,
            };
            self.held.iter().any(|(_, held, other_alone)| held == claim && clash(*other_alone))
        };
        if self.wanted.iter().any(clash) {
            return false;
        }
        if let Op::Mapped(MappedOp::Unmap { charge } | MappedOp::UnmapBegin { charge }) = step.op {
            let others = self.unmapping.iter().filter(|(_, other)| *other == charge.0).count() as u64;
            if model.mappings(charge) <= others {
                return false;
            }
            self.unmapping.push((lane, charge.0));
        }
        self.held.extend(self.wanted.iter().map(|&(claim, alone)| (lane, claim, alone)));
        true
    }

    /// An operation has ended.
    pub(super) fn release(&mut self, lane: usize) {
        self.held.retain(|(by, ..)| *by != lane);
        self.unmapping.retain(|(by, _)| *by != lane);
    }
}

/// What an operation claims, and whether it has to be the only one.
fn want(step: &Step, model: &Model, files_alone: bool, wanted: &mut Vec<(Claim, bool)>) {
    let consumes = consumed(&step.op);
    visit(&mut Action::Op(*step), |role, kind, n| {
        if role == Role::Use && kind != Kind::Group {
            wanted.push((Claim::Name(kind, *n), consumes == Some(kind)));
        }
    });
    match step.op {
        Op::Rmdir { group } => wanted.push((Claim::Removal(group), true)),
        // A cache is destroyed after whoever frees its objects is through.
        Op::Slab(SlabOp::Free { object }) => {
            wanted.extend(
                model.slab_object(object).map(|(cache, _)| (Claim::Name(Kind::Cache, cache.0), false)),
            );
        }
        Op::Shmem(op) => wanted.push((Claim::SwapCache, files_alone || !shares_swap_cache(&op, model))),
        Op::CpuDown { target }
        | Op::CpuUp { target }
        | Op::CpuIsolate { target }
        | Op::CpuUnisolate { target } => {
            wanted.push((Claim::Cpu(target), true));
        }
        Op::Mapped(MappedOp::MoveStart { from, to }) => {
            wanted.extend([(Claim::Removal(from), false), (Claim::Removal(to), false)]);
        }
        Op::Mapped(MappedOp::MovePage { charge, .. }) => {
            wanted.push((Claim::Moving(charge.0), true));
            if let Some((from, _)) = model.charge(charge) {
                wanted.push((Claim::Move(from), false));
            }
        }
        Op::Mapped(MappedOp::MoveEnd { from, .. }) => wanted.push((Claim::Move(from), true)),
        Op::Mm(op) => {
            if let Some(task) = actor(&op) {
                wanted.push((Claim::Acts(task), true));
            }
            match op {
                MmOp::MigrateCharges { task, group } => {
                    let groups = model.task_group(task).into_iter().chain([group]);
                    wanted.extend(groups.map(|group| (Claim::Removal(group), false)));
                }
                MmOp::ExecCommit { exec } => {
                    wanted.extend(model.exec_of(exec).map(|task| (Claim::MmOf(task), true)));
                }
                // Whoever asks about the mm of another task has found it where it stays meanwhile: in a vma, or under
                // a lock.
                MmOp::Match { through: Via::Task(task), .. }
                | MmOp::Get { of: Via::Task(task), .. }
                | MmOp::Grab { of: Via::Task(task), .. }
                | MmOp::Charge { through: Via::Task(task), .. }
                | MmOp::Event { through: Via::Task(task), .. }
                | MmOp::Use { of: task, .. } => wanted.push((Claim::MmOf(task), false)),
                _ => {}
            }
        }
        _ => {}
    }
}

/// Whether an operation on files may overlap another one.
fn shares_swap_cache(op: &ShmemOp, model: &Model) -> bool {
    let whole =
        matches!(op, ShmemOp::Fault { .. } | ShmemOp::Punch { .. } | ShmemOp::Out { .. } | ShmemOp::Reclaim);
    whole && model.open_faults().next().is_none()
}

/// The kind of name that an operation consumes.
pub(in crate::engine) fn consumed(op: &Op) -> Option<Kind> {
    Some(match op {
        Op::Uncharge { .. } | Op::SwapOut { .. } | Op::Page(PageOp::FreeList { .. }) => Kind::Charge,
        Op::SwapIn { .. } | Op::SwapFree { .. } => Kind::Slot,
        Op::ObjcgPut { .. } => Kind::Objcg,
        Op::ObjUncharge { .. } => Kind::Object,
        Op::Slab(SlabOp::Free { .. }) => Kind::SlabObject,
        Op::Slab(SlabOp::DestroyCache { .. }) => Kind::Cache,
        Op::Mm(MmOp::Put { .. } | MmOp::ExecCommit { .. }) => Kind::User,
        Op::Mm(MmOp::Exit { .. } | MmOp::ExitBegin { .. } | MmOp::ExitEnd { .. } | MmOp::ForkEnd { .. }) => {
            Kind::Task
        }
        _ => return None,
    })
}

/// The task that does something itself.
fn actor(op: &MmOp) -> Option<u16> {
    match *op {
        MmOp::Fork { parent: task, .. }
        | MmOp::ForkBegin { parent: task, .. }
        | MmOp::Vfork { parent: task, .. }
        | MmOp::Thread { of: task, .. }
        | MmOp::ExecMake { task, .. }
        | MmOp::Use { kthread: task, .. }
        | MmOp::Socket { task, .. }
        | MmOp::Charge { through: Via::Task(task), .. }
        | MmOp::Match { through: Via::Task(task), .. } => Some(task.0),
        _ => None,
    }
}
