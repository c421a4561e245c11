//! The operands of a step that can be exchanged for simpler ones: groups, references to obj_cgroups, CPUs.

use crate::program::{Action, Step};
use crate::trace::{Kind, Role, outcome_group, visit};
use stocktake_model::{CpuId, GroupId, ObjcgId, Op};

/// The group that a step is about, its first; for `mkdir` the parent.
pub(super) fn group(action: &Action) -> Option<GroupId> {
    first(action, Kind::Group).map(GroupId)
}

/// Let a step be about another group; whether that changed it.
pub(super) fn set_group(action: &mut Action, group: GroupId) -> bool {
    set_first(action, Kind::Group, group.0)
}

/// Let a step use another reference to an obj_cgroup; whether that changed it.
pub(super) fn set_objcg(action: &mut Action, objcg: ObjcgId) -> bool {
    set_first(action, Kind::Objcg, objcg.0)
}

fn first(action: &Action, wanted: Kind) -> Option<u16> {
    let mut found = None;
    visit(&mut { *action }, |role, kind, number| {
        if role == Role::Use && kind == wanted && found.is_none() {
            found = Some(*number);
        }
    });
    found
}

fn set_first(action: &mut Action, wanted: Kind, value: u16) -> bool {
    let mut before = None;
    visit(action, |role, kind, number| {
        if role == Role::Use && kind == wanted && before.is_none() {
            before = Some(std::mem::replace(number, value));
        }
    });
    before.is_some_and(|before| before != value)
}

/// Let a step use group `new` wherever it uses `old`.
pub(super) fn exchange_group(step: &mut Step, old: GroupId, new: GroupId) {
    exchange(&mut step.action, Kind::Group, old.0, new.0);
    if let Some(group) = step.outcome.as_mut().and_then(outcome_group)
        && *group == old
    {
        *group = new;
    }
}

/// Let a step use reference `new` wherever it uses `old`.
pub(super) fn exchange_objcg(step: &mut Step, old: ObjcgId, new: ObjcgId) {
    exchange(&mut step.action, Kind::Objcg, old.0, new.0);
}

fn exchange(action: &mut Action, wanted: Kind, old: u16, new: u16) {
    visit(action, |role, kind, number| {
        if role == Role::Use && kind == wanted && *number == old {
            *number = new;
        }
    });
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
