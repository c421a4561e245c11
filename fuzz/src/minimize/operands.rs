//! The operands of a step that can be exchanged for simpler ones: groups, references to obj_cgroups, CPUs.

use crate::program::{Action, Assertion, Step};
use stocktake_model::{CpuId, GroupId, MappedOp, MmOp, ObjcgId, Op, Outcome, PageOp, Ran, ShmemOp, SlabOp};

/// The group that a step is about; for `mkdir` the parent.
pub(super) fn group(action: &mut Action) -> Option<&mut GroupId> {
    match action {
        Action::Op(step) => match &mut step.op {
            Op::Mkdir { parent: group, .. }
            | Op::Rmdir { group }
            | Op::SetMax { group, .. }
            | Op::SetSwapMax { group, .. }
            | Op::SetMemswMax { group, .. }
            | Op::Charge { group, .. }
            | Op::ObjcgFrom { group, .. }
            | Op::SwapIn { faulter: group, .. }
            | Op::DrainAll { group }
            | Op::Mm(MmOp::Task { group, .. } | MmOp::Migrate { group, .. } | MmOp::Match { group, .. }) => {
                Some(group)
            }
            Op::Slab(SlabOp::Alloc { group, .. }) => Some(group),
            Op::Mapped(MappedOp::ForceEmpty { group } | MappedOp::MovePage { to: group, .. }) => Some(group),
            Op::Page(PageOp::File { group, .. } | PageOp::Anon { group, .. }) => Some(group),
            Op::Shmem(
                ShmemOp::Fault { group, .. } | ShmemOp::Lookup { group, .. } | ShmemOp::Swapoff { group },
            ) => Some(group),
            _ => None,
        },
        Action::Assert(_, assertion) => match assertion {
            Assertion::Usage(group, _)
            | Assertion::Swap(group, _)
            | Assertion::Memsw(group, _)
            | Assertion::Failcnt(group, _)
            | Assertion::Watermark(group, _)
            | Assertion::State(group, _)
            | Assertion::Ids(group, _)
            | Assertion::Stock(group, _)
            | Assertion::Refs(group, _)
            | Assertion::CacheRefs(_, group, _)
            | Assertion::Mapped(group, _)
            | Assertion::Mark(group, _)
            | Assertion::Owner(_, group) => Some(group),
            Assertion::Bytes(..)
            | Assertion::Leftover(..)
            | Assertion::Visited(_)
            | Assertion::Stranded(_)
            | Assertion::Slots(_) => None,
        },
    }
}

/// The reference to an obj_cgroup that a step uses.
pub(super) fn objcg(action: &mut Action) -> Option<&mut ObjcgId> {
    match action {
        Action::Op(step) => match &mut step.op {
            Op::ObjcgGet { held, .. } | Op::ObjcgPut { held } => Some(held),
            Op::ObjCharge { objcg, .. } => Some(objcg),
            _ => None,
        },
        Action::Assert(_, assertion) => match assertion {
            Assertion::Bytes(objcg, _) | Assertion::Leftover(objcg, _) | Assertion::Owner(objcg, _) => {
                Some(objcg)
            }
            _ => None,
        },
    }
}

/// Let a step use group `new` wherever it uses `old`.
pub(super) fn exchange_group(step: &mut Step, old: GroupId, new: GroupId) {
    if let Some(group) = group(&mut step.action)
        && *group == old
    {
        *group = new;
    }
    if let Action::Op(step) = &mut step.action
        && let Op::Mapped(MappedOp::MoveStart { from, to } | MappedOp::MoveEnd { from, to }) = &mut step.op
    {
        for group in [from, to] {
            if *group == old {
                *group = new;
            }
        }
    }
    if let Some(
        Outcome::To(group) | Outcome::Ran(Ran::Offline(group) | Ran::Release(group) | Ran::Create(group)),
    ) = &mut step.outcome
        && *group == old
    {
        *group = new;
    }
}

/// Let a step use reference `new` wherever it uses `old`.
pub(super) fn exchange_objcg(step: &mut Step, old: ObjcgId, new: ObjcgId) {
    if let Some(objcg) = objcg(&mut step.action)
        && *objcg == old
    {
        *objcg = new;
    }
}

/// The CPU that a step takes down, brings up or isolates.
pub(super) fn target(action: &mut Action) -> Option<&mut CpuId> {
    let Action::Op(step) = action else { return None };
    match &mut step.op {
        Op::CpuDown { target }
        | Op::CpuUp { target }
        | Op::CpuIsolate { target }
        | Op::CpuUnisolate { target } => Some(target),
        _ => None,
    }
}

/// The CPU that runs a step.
pub(super) fn cpu(action: &mut Action) -> &mut CpuId {
    match action {
        Action::Op(step) => &mut step.cpu,
        Action::Assert(cpu, _) => cpu,
    }
}
