//! What only programs with lanes have: a schedule, and steps that need not be in a lane.

use super::operands::cpu;
use super::run::Run;
use super::search::Search;
use crate::program::{Header, Program};
use std::ops::Range;
use stocktake_model::CpuId;

/// Single choices of a schedule are tried only if it has at most so many.
const CHOICES_UP_TO: usize = 400;
/// All schedules with fewer preemptions are run up to this number: there are too many with more.
const PREEMPTIONS_UP_TO: usize = 4;
/// Steps change their lanes only in programs of at most so many steps.
const DETOURS_UP_TO: usize = 12;

impl<R: Run> Search<R> {
    /// All ways of making lanes simpler.
    pub(super) fn simplify_lanes(&mut self) {
        if self.best.parallel.is_none() {
            return;
        }
        self.attempt_with(|program| {
            program.header.schedule.clear();
            program.parallel.take().is_some()
        });
        self.leave_lanes();
        self.merge_lanes();
        self.no_interrupts();
        self.join_stretches();
        self.fewer_preemptions();
        self.fewer_choices();
    }

    /// A step of a lane before the lanes begin.
    fn leave_lanes(&mut self) {
        let mut index = self.best.parallel.unwrap_or(usize::MAX);
        while self.best.parallel.is_some() && index < self.len() {
            let moved = self.attempt_with(|program| move_before_lanes(program, index));
            // What has moved makes room for what stood before it.
            index = if moved { self.best.parallel.unwrap_or(usize::MAX) } else { index + 1 };
        }
    }

    /// What may be an interrupt as an operation like any other.
    fn no_interrupts(&mut self) {
        for index in self.best.parallel.unwrap_or(usize::MAX)..self.len() {
            self.attempt_with(|program| {
                program.steps.get_mut(index).is_some_and(|step| std::mem::take(&mut step.irq))
            });
        }
    }

    /// The steps of one lane at the end, or at the beginning, of another.
    fn merge_lanes(&mut self) {
        for from in (0..self.best.header.cpus).rev() {
            for to in (0..self.best.header.cpus).filter(|to| *to != from) {
                let change = |program: &mut Program| {
                    let Some(first) = program.parallel else { return false };
                    let mut changed = false;
                    for step in program.steps.iter_mut().skip(first) {
                        let cpu = cpu(&mut step.action);
                        if cpu.0 == from {
                            *cpu = CpuId(to);
                            changed = true;
                        }
                    }
                    changed
                };
                if self.attempt_with(change) {
                    break;
                }
            }
        }
    }

    /// A step in another lane, if another step can go for it: first in a lane of its own.
    pub(super) fn detour_lanes(&mut self) {
        let Some(first) = self.best.parallel else { return };
        if self.len() > DETOURS_UP_TO {
            return;
        }
        let cpus = (self.best.header.cpus + 1).min(Header::MAX_CPUS);
        for index in first..self.len() {
            for to in (0..cpus).rev() {
                for less in (first..self.len()).rev().filter(|less| *less != index) {
                    let changed = self.attempt_with(|program| {
                        program.header.cpus = program.header.cpus.max(to + 1);
                        let cpu = cpu(&mut program.steps[index].action);
                        let elsewhere = cpu.0 != to;
                        *cpu = CpuId(to);
                        program.steps.remove(less);
                        elsewhere
                    });
                    if changed {
                        return;
                    }
                }
            }
        }
    }

    /// Stretches of one lane joined: what it does later at once, or what it has done before not until then (Jalbert and
    /// Sen, A trace simplification technique for effective debugging of concurrent programs, 2010).
    pub(super) fn join_stretches(&mut self) {
        let mut number = 0;
        while self.preemptions() > 0 {
            let stretches = stretches(&self.best.header.schedule);
            let Some(stretch) = stretches.get(number).cloned() else { return };
            let lane = self.best.header.schedule[stretch.start];
            let again =
                stretches[number + 1..].iter().find(|later| self.best.header.schedule[later.start] == lane);
            let joined = again.cloned().is_some_and(|again| {
                let earlier = |program: &mut Program| {
                    program.header.schedule[stretch.end..again.end].rotate_right(again.len());
                    true
                };
                let later = |program: &mut Program| {
                    program.header.schedule[stretch.start..again.start].rotate_left(stretch.len());
                    true
                };
                self.attempt_guided(earlier) || self.attempt_guided(later)
            });
            // What has been joined may be joined with what comes next; and before it others have become neighbours.
            number = if joined { 0 } else { number + 1 };
        }
    }

    /// Every schedule with no preemption, then with one, up to one less than there are, as far as that can be hoped for.
    fn fewer_preemptions(&mut self) {
        for most in 0..self.preemptions().min(PREEMPTIONS_UP_TO) {
            if self.attempt_within(most) {
                return;
            }
        }
    }

    /// Without one of the schedule's choices, or with the lane going on that ran before it.
    fn fewer_choices(&mut self) {
        let mut index = self.best.header.schedule.len();
        if index > CHOICES_UP_TO {
            return;
        }
        while index > 0 && self.preemptions() > 0 {
            index -= 1;
            let goes_on = |program: &mut Program| {
                let schedule = &mut program.header.schedule;
                let Some(before) = index.checked_sub(1).and_then(|before| schedule.get(before).copied())
                else {
                    return false;
                };
                schedule.get_mut(index).is_some_and(|lane| std::mem::replace(lane, before) != before)
            };
            let gone = |program: &mut Program| {
                let there = index < program.header.schedule.len();
                there.then(|| program.header.schedule.remove(index)).is_some()
            };
            let _ = self.attempt_guided(goes_on) || self.attempt_guided(gone);
            index = index.min(self.best.header.schedule.len());
        }
    }
}

/// The stretches of a schedule in which one lane is chosen again and again.
fn stretches(schedule: &[u8]) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for stretch in schedule.chunk_by(|one, next| one == next) {
        let start = stretches.last().map_or(0, |last| last.end);
        stretches.push(start..start + stretch.len());
    }
    stretches
}

/// Move a step of a lane to the end of what runs before the lanes.
fn move_before_lanes(program: &mut Program, index: usize) -> bool {
    let Some(first) = program.parallel else { return false };
    if index < first || index >= program.steps.len() {
        return false;
    }
    program.steps[first..=index].rotate_right(1);
    program.parallel = Some(first + 1);
    true
}
