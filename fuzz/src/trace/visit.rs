//! The numbers in a step that name something: what it uses, and what it creates.

use super::shmem::{visit_page, visit_shmem};
use crate::program::{Action, Assertion};
use stocktake_model::{GroupId, MappedOp, Op, Outcome, Ran};

/// A kind of thing that programs name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Group,
    Objcg,
    Charge,
    Object,
    Slot,
    Task,
    User,
    Cache,
    SlabObject,
    File,
}

impl Kind {
    pub(crate) const ALL: [Kind; 10] = [
        Kind::Group,
        Kind::Objcg,
        Kind::Charge,
        Kind::Object,
        Kind::Slot,
        Kind::Task,
        Kind::User,
        Kind::Cache,
        Kind::SlabObject,
        Kind::File,
    ];

    /// The word used in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Group => "group",
            Kind::Objcg => "objcg reference",
            Kind::Charge => "charge",
            Kind::Object => "object",
            Kind::Slot => "swap slot",
            Kind::Task => "task",
            Kind::User => "mm user",
            Kind::Cache => "cache",
            Kind::SlabObject => "slab object",
            Kind::File => "file",
        }
    }

    /// The same with its article.
    pub(crate) fn one(self) -> String {
        let article = if matches!(self, Kind::Objcg | Kind::Object | Kind::User) { "an" } else { "a" };
        format!("{article} {}", self.name())
    }

    /// The name that number `n` has unless it is given another.
    pub(crate) fn generated(self, n: u16) -> String {
        let letter = match self {
            Kind::Group => 'g',
            Kind::Objcg => 'o',
            Kind::Charge => 'p',
            Kind::Object => 'c',
            Kind::Slot => 's',
            Kind::Task => 't',
            Kind::User => 'm',
            Kind::Cache => 'k',
            Kind::SlabObject => 'x',
            Kind::File => 'f',
        };
        format!("{letter}{n}")
    }
}

/// What a step does with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Uses what it names.
    Use,
    /// Names what it creates by it.
    New,
}

/// Show every number of `action` to `see`, the one that it creates last.
pub(crate) fn visit(action: &mut Action, mut see: impl FnMut(Role, Kind, &mut u16)) {
    use Kind::{Charge, Group, Objcg, Object, Slot};
    use Role::{New, Use};
    let op = match action {
        Action::Op(step) => &mut step.op,
        Action::Assert(_, assertion) => {
            visit_assertion(assertion, see);
            return;
        }
    };
    match op {
        Op::Mkdir { new, parent, .. } => {
            see(Use, Group, &mut parent.0);
            see(New, Group, &mut new.0);
        }
        Op::Rmdir { group }
        | Op::SetMax { group, .. }
        | Op::SetSwapMax { group, .. }
        | Op::SetMemswMax { group, .. }
        | Op::SetKmemMax { group, .. }
        | Op::DrainAll { group } => see(Use, Group, &mut group.0),
        Op::Charge { new, group, .. } => {
            see(Use, Group, &mut group.0);
            see(New, Charge, &mut new.0);
        }
        Op::Uncharge { charge } => see(Use, Charge, &mut charge.0),
        Op::ObjcgFrom { new, group } => {
            see(Use, Group, &mut group.0);
            see(New, Objcg, &mut new.0);
        }
        Op::ObjcgGet { new, held } => {
            see(Use, Objcg, &mut held.0);
            see(New, Objcg, &mut new.0);
        }
        Op::ObjcgPut { held } => see(Use, Objcg, &mut held.0),
        Op::ObjCharge { new, objcg, .. } => {
            see(Use, Objcg, &mut objcg.0);
            see(New, Object, &mut new.0);
        }
        Op::ObjUncharge { object } => see(Use, Object, &mut object.0),
        Op::SwapOut { new, charge } => {
            see(Use, Charge, &mut charge.0);
            see(New, Slot, &mut new.0);
        }
        Op::SwapIn { new, slot, faulter } => {
            see(Use, Slot, &mut slot.0);
            see(Use, Group, &mut faulter.0);
            see(New, Charge, &mut new.0);
        }
        Op::SwapFree { slot } => see(Use, Slot, &mut slot.0),
        Op::Mm(op) => super::mm::visit(op, see),
        Op::Slab(op) => super::slab::visit_slab(op, &mut see),
        Op::Mapped(op) => visit_mapped(op, see),
        Op::Page(op) => visit_page(op, &mut see),
        Op::Shmem(op) => visit_shmem(op, &mut see),
        Op::CpuDown { .. }
        | Op::CpuUp { .. }
        | Op::CpuIsolate { .. }
        | Op::CpuUnisolate { .. }
        | Op::Drain
        | Op::Work
        | Op::Grace
        | Op::Quiesce => {}
    }
}

/// Show every number of an assertion that names something to `see`; returns the number that it insists on.
pub(crate) fn visit_assertion(
    assertion: &mut Assertion,
    mut see: impl FnMut(Role, Kind, &mut u16),
) -> Option<u64> {
    use Kind::{Cache, Group, Objcg};
    use Role::Use;
    match assertion {
        Assertion::Usage(group, n)
        | Assertion::Swap(group, n)
        | Assertion::Memsw(group, n)
        | Assertion::Kmem(group, n)
        | Assertion::Event(group, _, n)
        | Assertion::Failcnt(group, n)
        | Assertion::Watermark(group, n)
        | Assertion::Ids(group, n)
        | Assertion::Stock(group, n)
        | Assertion::Refs(group, n)
        | Assertion::Mapped(group, n)
        | Assertion::Mark(group, n) => {
            see(Use, Group, &mut group.0);
            Some(*n)
        }
        Assertion::State(group, _) => {
            see(Use, Group, &mut group.0);
            None
        }
        Assertion::Bytes(objcg, n) | Assertion::Leftover(objcg, n) => {
            see(Use, Objcg, &mut objcg.0);
            Some(*n)
        }
        Assertion::Visited(n) | Assertion::Stranded(n) | Assertion::Slots(n) => Some(*n),
        Assertion::CacheRefs(cache, group, n) => {
            see(Use, Cache, &mut cache.0);
            see(Use, Group, &mut group.0);
            Some(*n)
        }
        Assertion::Owner(objcg, group) => {
            see(Use, Objcg, &mut objcg.0);
            see(Use, Group, &mut group.0);
            None
        }
    }
}

fn visit_mapped(op: &mut MappedOp, mut see: impl FnMut(Role, Kind, &mut u16)) {
    match op {
        MappedOp::Map { charge }
        | MappedOp::MapBegin { charge }
        | MappedOp::MapEnd { charge }
        | MappedOp::Unmap { charge }
        | MappedOp::UnmapBegin { charge }
        | MappedOp::UnmapEnd { charge } => see(Role::Use, Kind::Charge, &mut charge.0),
        MappedOp::MoveStart { from, to } | MappedOp::MoveEnd { from, to } => {
            see(Role::Use, Kind::Group, &mut from.0);
            see(Role::Use, Kind::Group, &mut to.0);
        }
        MappedOp::MovePage { charge, to } => {
            see(Role::Use, Kind::Charge, &mut charge.0);
            see(Role::Use, Kind::Group, &mut to.0);
        }
        MappedOp::ForceEmpty { group } => see(Role::Use, Kind::Group, &mut group.0),
    }
}

/// The group that an outcome names.
pub(crate) fn outcome_group(outcome: &mut Outcome) -> Option<&mut GroupId> {
    match outcome {
        Outcome::To(group) | Outcome::Ran(Ran::Offline(group) | Ran::Release(group) | Ran::Create(group)) => {
            Some(group)
        }
        Outcome::Done
        | Outcome::Is(_)
        | Outcome::Read(_)
        | Outcome::Small
        | Outcome::Stranded
        | Outcome::Refused(_)
        | Outcome::Ran(Ran::Nothing | Ran::Drain | Ran::Cache) => None,
    }
}
