//! Ways out of a dead end: one step is changed, moved or replaced, perhaps to something less simple, so that
//! another step can be deleted.

use super::amounts::{EDGES, MOST, amounts, set_amount};
use super::operands::{cpu, group, set_group, set_objcg};
use super::run::Run;
use super::search::Search;
use crate::program::{Action, Population, Step};
use stocktake_model::{ChargeId, CpuId, GroupId, MappedOp, ObjcgId, Op, Pages};

/// Detours are tried only in programs of at most so many steps.
const DETOURS_UP_TO: usize = 64;
/// Every detour is tried with every step deleted only in programs of at most so many steps.
const DELETIONS_UP_TO: usize = 18;
/// What can stand in for any operation.
const BROAD: [Op; 5] = [Op::Drain, Op::Work, Op::Grace, Op::Quiesce, Op::DrainAll { group: GroupId::ROOT }];

impl<R: Run> Search<R> {
    /// Try all detours up to the first that helps.
    pub(super) fn detour(&mut self) {
        if self.best.parallel.is_some() {
            return self.detour_lanes();
        }
        if self.len() > DETOURS_UP_TO {
            return;
        }
        let population = self.best.population();
        for index in (0..self.len()).rev() {
            let step = self.best.steps[index];
            for other in alternatives(&step, population, self.best.header.cpus) {
                let mut steps = self.best.steps.clone();
                steps[index] = other;
                if self.attempt_steps(&steps) || self.attempt_with_one_less(&steps, index) {
                    return;
                }
            }
            for to in (0..self.len()).filter(|to| *to != index) {
                let mut steps = self.best.steps.clone();
                let moved = steps.remove(index);
                steps.insert(to, moved);
                if self.attempt_with_one_less(&steps, to) {
                    return;
                }
            }
        }
    }

    /// Try these steps; users of what a changed step no longer creates are deleted.
    fn attempt_steps(&mut self, steps: &[Step]) -> bool {
        self.attempt_with(|program| {
            program.steps.clear();
            program.steps.extend_from_slice(steps);
            true
        })
    }

    /// Try these steps without any one of them but that at `kept`.
    fn attempt_with_one_less(&mut self, steps: &[Step], kept: usize) -> bool {
        if steps.len() > DELETIONS_UP_TO {
            return false;
        }
        (0..steps.len()).rev().filter(|less| *less != kept).any(|less| {
            self.attempt_with(|program| {
                program.steps.clear();
                program.steps.extend_from_slice(&steps[..less]);
                program.steps.extend_from_slice(&steps[less + 1..]);
                true
            })
        })
    }
}

/// The step with another number, another operand, on another CPU, or another step in its place.
fn alternatives(step: &Step, population: Population, cpus: u8) -> Vec<Step> {
    let mut all = Vec::new();
    let mut with = |change: &mut dyn FnMut(&mut Step) -> bool| {
        let mut other = *step;
        if change(&mut other) && other != *step {
            all.push(other);
        }
    };
    for (which, amount) in amounts(&step.action).into_iter().enumerate().take(MOST) {
        let Some(amount) = amount else { continue };
        for value in [amount.least, 1].into_iter().chain(EDGES) {
            with(&mut |step| {
                set_amount(&mut step.action, which, Some(value));
                true
            });
        }
    }
    for number in 0..population.groups.names as u16 {
        with(&mut |step| set_group(&mut step.action, GroupId(number)));
    }
    for number in 0..population.objcgs.names as u16 {
        with(&mut |step| set_objcg(&mut step.action, ObjcgId(number)));
    }
    for number in 0..cpus {
        with(&mut |step| {
            *cpu(&mut step.action) = CpuId(number);
            true
        });
    }
    let Action::Op(action) = step.action else { return all };
    let charge = group(&step.action).map(|group| Op::Charge {
        new: ChargeId(population.charges.names as u16),
        group,
        pages: Pages(1),
        force: false,
    });
    let replaced = |op| Step { action: Action::Op(stocktake_model::Step { op, ..action }), ..*step };
    // A mapping whose halves need not be apart is one operation.
    let whole = match action.op {
        Op::Mapped(MappedOp::MapBegin { charge }) => Some(Op::Mapped(MappedOp::Map { charge })),
        Op::Mapped(MappedOp::UnmapBegin { charge }) => Some(Op::Mapped(MappedOp::Unmap { charge })),
        _ => None,
    };
    all.extend(BROAD.into_iter().chain(charge).chain(whole).filter(|op| *op != action.op).map(replaced));
    all
}
