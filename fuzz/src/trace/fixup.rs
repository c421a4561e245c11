//! Fix-up: making any subsequence of a program's steps a program again.

use super::scope::names_from;
use super::slab::slab_in_range;
use super::spelling::{BYTES, COUNT, LIMIT, PAGES};
use super::visit::{Kind, Role, outcome_group, visit, visit_assertion};
use super::write::possible_outcome;
use crate::program::{Action, Names, Program, Step};
use stocktake_model::{CpuId, GroupId, Limit, MmOp, Op};

/// Drop the steps whose operands no earlier step creates, and number what is left without gaps. Returns how many
/// steps were dropped.
///
/// A dropped step's creation is missing for later steps in turn. After `parallel`, "earlier" means earlier in the
/// same lane, or before `parallel`. Steps that no text can say are dropped too: on CPUs that do not exist, with
/// numbers out of range, or creating what exists. What cannot be an interrupt is none. Names that were given stay with what they name. An insisted
/// outcome that names a missing group is dropped without its step.
///
/// Afterwards the program's text is read back strictly as the same program, see [`super::canonical`].
pub fn fix_up(program: &mut Program) -> usize {
    let before = program.steps.len();
    let given = std::mem::take(&mut program.names);
    let mut numbers = Numbers::new(given);
    let cpus = program.header.cpus;
    let parallel = program.parallel.map(|index| index.min(before));
    let mut dropped_before_parallel = 0;
    let mut index = 0;
    program.steps.retain_mut(|step| {
        let is_parallel = parallel.is_some_and(|first| index >= first);
        index += 1;
        let keep = in_range(step, cpus) && numbers.renumber(step, is_parallel);
        step.irq = is_parallel && step.interrupt().is_some();
        dropped_before_parallel += usize::from(!keep && !is_parallel);
        keep
    });
    program.parallel = parallel.map(|index| index - dropped_before_parallel);
    program.names = names_from(numbers.kept);
    before - program.steps.len()
}

/// What a number became.
#[derive(Clone, Copy)]
struct Number {
    now: u16,
    /// The lane that creates it, if that is after `parallel`.
    lane: Option<CpuId>,
}

/// The old numbers created so far, and their new ones.
struct Numbers {
    created: [Vec<Option<Number>>; Kind::ALL.len()],
    given: [Vec<String>; Kind::ALL.len()],
    /// The given names by new number.
    kept: [Vec<String>; Kind::ALL.len()],
}

impl Numbers {
    fn new(given: Names) -> Numbers {
        let mut created: [Vec<Option<Number>>; Kind::ALL.len()] = Default::default();
        created[Kind::Group as usize].push(Some(Number { now: GroupId::ROOT.0, lane: None }));
        let mut kept: [Vec<String>; Kind::ALL.len()] = Default::default();
        kept[Kind::Group as usize].push(String::new());
        let Names { groups, objcgs, charges, objects, slots, tasks, users, caches, slab_objects, files } =
            given;
        let given = [groups, objcgs, charges, objects, slots, tasks, users, caches, slab_objects, files];
        Numbers { created, given, kept }
    }

    fn find(&self, kind: Kind, old: u16) -> Option<Number> {
        self.created[kind as usize].get(usize::from(old)).copied().flatten()
    }

    /// Give the step's numbers their new values, unless one of them is missing.
    fn renumber(&mut self, step: &mut Step, is_parallel: bool) -> bool {
        let cpu = step.cpu();
        let mut good = true;
        visit(&mut { step.action }, |role, kind, n| {
            let found = self.find(kind, *n);
            good &= match role {
                Role::Use => found.is_some_and(|number| number.lane.is_none_or(|lane| lane == cpu)),
                Role::New => found.is_none() && self.kept[kind as usize].len() < usize::from(u16::MAX),
            };
        });
        if !good {
            return false;
        }
        // Before the step's own creation, which its text does not know yet.
        step.outcome = possible_outcome(step).and_then(|mut outcome| {
            if let Some(group) = outcome_group(&mut outcome) {
                *group = GroupId(self.find(Kind::Group, group.0)?.now);
            }
            Some(outcome)
        });
        visit(&mut step.action, |role, kind, n| match role {
            Role::Use => *n = self.find(kind, *n).map_or(*n, |number| number.now),
            Role::New => *n = self.create(kind, *n, is_parallel.then_some(cpu)),
        });
        true
    }

    fn create(&mut self, kind: Kind, old: u16, lane: Option<CpuId>) -> u16 {
        let kept = &mut self.kept[kind as usize];
        let now = kept.len() as u16;
        let name = self.given[kind as usize].get_mut(usize::from(old));
        kept.push(name.map(std::mem::take).unwrap_or_default());
        let created = &mut self.created[kind as usize];
        created.resize(created.len().max(usize::from(old) + 1), None);
        created[usize::from(old)] = Some(Number { now, lane });
        now
    }
}

/// Whether all numbers of a step can be written and read again on a machine with so many CPUs.
fn in_range(step: &Step, cpus: u8) -> bool {
    let limit = |limit: Limit| limit.0.is_none_or(|pages| LIMIT.has(pages.0));
    step.cpu().0 < cpus
        && match step.action {
            Action::Op(step) => match step.op {
                Op::Mkdir { max, swap_max, .. } => limit(max) && limit(swap_max),
                Op::SetMax { max, .. }
                | Op::SetSwapMax { max, .. }
                | Op::SetMemswMax { max, .. }
                | Op::SetKmemMax { max, .. } => limit(max),
                Op::Charge { pages, .. }
                | Op::Mm(MmOp::Charge { pages, .. } | MmOp::Socket { pages, .. }) => PAGES.has(pages.0),
                Op::ObjCharge { bytes, .. } => BYTES.has(bytes.0),
                Op::Slab(op) => slab_in_range(&op),
                Op::CpuDown { target }
                | Op::CpuUp { target }
                | Op::CpuIsolate { target }
                | Op::CpuUnisolate { target } => target.0 < cpus,
                _ => true,
            },
            Action::Assert(_, mut assertion) => {
                visit_assertion(&mut assertion, |_, _, _| {}).is_none_or(|number| COUNT.has(number))
            }
        }
}
