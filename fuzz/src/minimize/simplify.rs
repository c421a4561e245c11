//! Making simpler what cannot be deleted.

use super::amounts::{EDGES, MOST, amounts, set_amount};
use super::operands::{cpu, group, set_group, target};
use super::run::Run;
use super::search::Search;
use crate::program::{Action, Header, Program, Step};
use stocktake_model::{CpuId, GroupId, Mode, Op, SlabOp};

/// Pairs of numbers are lowered together only in programs of at most so many steps.
const PAIRS_UP_TO: usize = 24;

impl<R: Run> Search<R> {
    /// All ways of making a program simpler.
    pub(super) fn simplify(&mut self) {
        self.simplify_lanes();
        self.simplify_situation();
        self.simplify_cpus();
        for index in 0..self.len() {
            self.drop_extras(index);
            self.simplify_places(index);
            self.move_up(index);
        }
        self.simplify_amounts();
    }

    /// Header lines back to their defaults, or to smaller values.
    fn simplify_situation(&mut self) {
        for mode in [Mode::V2, Mode::V1] {
            self.attempt_with(|program| set(&mut program.header.mode, mode));
        }
        let usual = Header::default();
        self.attempt_with(|program| set(&mut program.header.ids, usual.ids));
        for ids in 1..self.best.header.ids.min(8) {
            if self.best.header.ids != usual.ids {
                self.attempt_with(|program| set(&mut program.header.ids, ids));
            }
        }
        self.attempt_with(|program| set(&mut program.header.slots, usual.slots));
        for slots in 0..self.best.header.slots.min(8) {
            if self.best.header.slots != usual.slots {
                self.attempt_with(|program| set(&mut program.header.slots, slots));
            }
        }
    }

    /// Move all steps of one CPU to another, or exchange two CPUs; then drop CPUs that nothing happens on.
    fn simplify_cpus(&mut self) {
        for from in (1..self.best.header.cpus).rev() {
            for to in 0..from {
                let merge = |cpu: &mut CpuId| {
                    if cpu.0 == from {
                        cpu.0 = to;
                    }
                };
                let exchange = |cpu: &mut CpuId| {
                    if cpu.0 == from {
                        cpu.0 = to;
                    } else if cpu.0 == to {
                        cpu.0 = from;
                    }
                };
                let _ = self.attempt_cpus(merge) || self.attempt_cpus(exchange);
            }
        }
        let used = self.best.steps.iter_mut().map(|step| {
            let target = target(&mut step.action).map_or(0, |target| target.0);
            target.max(step.cpu().0) + 1
        });
        let used = used.max().unwrap_or(1);
        for cpus in used..self.best.header.cpus {
            if self.attempt_with(|program| set(&mut program.header.cpus, cpus)) {
                break;
            }
        }
    }

    /// Change every CPU that is mentioned.
    fn attempt_cpus(&mut self, map: impl Fn(&mut CpuId)) -> bool {
        self.attempt_with(|program| {
            for step in &mut program.steps {
                map(cpu(&mut step.action));
                if let Some(target) = target(&mut step.action) {
                    map(target);
                }
            }
            true
        })
    }

    /// No injected failure, no `force` or `rcu`, no insisted outcome.
    fn drop_extras(&mut self, index: usize) {
        self.attempt_step(index, |step| step.outcome.take().is_some());
        self.attempt_step(index, |step| match &mut step.action {
            Action::Op(op) => op.fail.take().is_some(),
            Action::Assert(..) => false,
        });
        self.attempt_step(index, |step| match &mut step.action {
            Action::Op(stocktake_model::Step {
                op: Op::Charge { force, .. } | Op::ObjCharge { force, .. },
                ..
            }) => std::mem::take(force),
            Action::Op(stocktake_model::Step { op: Op::Slab(SlabOp::CreateCache { rcu, .. }), .. }) => {
                std::mem::take(rcu)
            }
            _ => false,
        });
    }

    /// The step, or the CPU that it is about, on a lower CPU.
    fn simplify_places(&mut self, index: usize) {
        let Some(now) = self.best.steps.get(index).map(Step::cpu) else { return };
        (0..now.0).any(|lower| self.attempt_step(index, |step| set(cpu(&mut step.action), CpuId(lower))));
        let Some(now) = self.best.steps.get_mut(index).and_then(|step| target(&mut step.action).copied())
        else {
            return;
        };
        (0..now.0).any(|lower| {
            let change = |step: &mut Step| target(&mut step.action).is_some_and(|cpu| set(cpu, CpuId(lower)));
            self.attempt_step(index, change)
        });
    }

    /// The group of the step nearer to root.
    fn move_up(&mut self, index: usize) {
        let parents = parents(&self.best);
        let Some(now) = self.best.steps.get(index).and_then(|step| group(&step.action)) else { return };
        let up =
            std::iter::successors(Some(now), |group| parents.get(group.index()).copied().flatten()).skip(1);
        // Root first.
        let mut up: Vec<GroupId> = up.collect();
        up.reverse();
        up.into_iter().any(|ancestor| self.attempt_step(index, |step| set_group(&mut step.action, ancestor)));
    }

    /// Smaller numbers: each for itself, then two of them by the same amount, for what matters may be their
    /// difference.
    fn simplify_amounts(&mut self) {
        let all: Vec<(usize, usize)> =
            (0..self.len()).flat_map(|index| (0..MOST).map(move |which| (index, which))).collect();
        for (at, &one) in all.iter().enumerate() {
            self.no_limit(one);
            self.lower(one, None);
            if self.len() <= PAIRS_UP_TO {
                for &other in &all[at + 1..] {
                    self.lower(one, Some(other));
                }
            }
        }
    }

    /// No limit instead of one.
    fn no_limit(&mut self, (index, which): (usize, usize)) {
        self.attempt_step(index, |step| {
            let limited = amounts(&step.action)[which].is_some_and(|amount| amount.value.is_some());
            set_amount(&mut step.action, which, None);
            limited
        });
    }

    /// Lower one number, and a second one by the same amount.
    fn lower(&mut self, one: (usize, usize), other: Option<(usize, usize)>) {
        let Some(mut room) = self.room(one) else { return };
        if let Some(other) = other {
            let Some(others) = self.room(other) else { return };
            room = room.min(others);
        }
        let by = |amount: u64| {
            move |program: &mut Program| {
                let mut changed = lower(program, one, amount);
                if let Some(other) = other {
                    changed &= lower(program, other, amount);
                }
                changed
            }
        };
        if room == 0 || self.attempt_with(by(room)) {
            return;
        }
        if other.is_none() {
            // Bisection sees only one edge.
            let Some(value) = self.value(one) else { return };
            let edges = EDGES
                .iter()
                .filter(|&&edge| value.checked_sub(edge).is_some_and(|less| 0 < less && less < room));
            for &edge in edges {
                if self.attempt_with(by(value - edge)) {
                    room -= value - edge;
                    break;
                }
            }
        }
        let mut step = room / 2;
        while step > 0 {
            if step <= room && self.attempt_with(by(step)) {
                room -= step;
            } else {
                step /= 2;
            }
        }
    }

    fn value(&self, (index, which): (usize, usize)) -> Option<u64> {
        amounts(&self.best.steps.get(index)?.action)[which]?.value
    }

    /// By how much a number can be lowered.
    fn room(&self, (index, which): (usize, usize)) -> Option<u64> {
        let amount = amounts(&self.best.steps.get(index)?.action)[which]?;
        Some(amount.value?.saturating_sub(amount.least))
    }
}

/// Lower a number; whether there is one.
fn lower(program: &mut Program, (index, which): (usize, usize), by: u64) -> bool {
    let Some(step) = program.steps.get_mut(index) else { return false };
    let Some(value) = amounts(&step.action)[which].and_then(|amount| amount.value?.checked_sub(by)) else {
        return false;
    };
    set_amount(&mut step.action, which, Some(value));
    true
}

/// The parent of each group, by number.
fn parents(program: &Program) -> Vec<Option<GroupId>> {
    let mut parents = vec![None];
    for step in &program.steps {
        if let Action::Op(stocktake_model::Step { op: Op::Mkdir { parent, .. }, .. }) = step.action {
            parents.push(Some(parent));
        }
    }
    parents
}

/// Set a place to a value; whether that changed it.
fn set<T: PartialEq>(place: &mut T, value: T) -> bool {
    let changed = *place != value;
    *place = value;
    changed
}
