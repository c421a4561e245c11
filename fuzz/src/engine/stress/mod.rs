//! The stress engine: the lanes of a program on threads of the operating system, with plain atomics.
//!
//! The other engines choose every order themselves and can repeat it. This one takes the orders that the hardware and
//! the operating system happen to give: it is **the one place where a run cannot be repeated**. What it adds is that
//! nothing stands between two threads: no scheduler, no recorder, no lock of the harness.
//!
//! A program's beginning runs in lockstep. Then each thread runs some CPUs: it owns them, asks its own copy of the
//! model what it may do, and writes down what was answered, and when. [`split`] deals out the steps so that no name
//! has two owners. When all have ended, the model takes in every answer, each as soon as its operation can have taken
//! effect or as late, so that nothing is used before it was made or after it is gone. The sums at the end do not
//! depend on the order in between. The machine is brought to rest, and everything is counted and compared.

mod env;
mod lane;
mod overlap;
mod split;
#[cfg(test)]
mod tests;

pub use overlap::Overlap;
pub use split::{Parts, split};

use super::apply::quiesce;
use super::interleave::{Blind, named_groups};
use super::lockstep::Lockstep;
use super::{Recording, oops};
use crate::check::{Broken, World};
use crate::program::{Action, Program};
use crate::tally::Tally;
use crate::trace::Labels;
use crate::violation::{Invariant, Violation};
use lane::{Lane, Made, Report, Start};
use stocktake_impl::Faults;
use stocktake_model::{CpuId, Grade, GroupId, Model, Op, Outcome, Ran, SlabOp, Step};

/// The engine's state, kept between executions.
#[derive(Debug, Default)]
pub struct Stress {
    core: Lockstep,
}

impl Stress {
    /// Run a program whose lanes were dealt out by [`split`], on as many threads as it has parts.
    ///
    /// # Errors
    /// The first violation: of the sequential beginning, noticed by the machine in a lane, or found at rest.
    pub fn run(
        &mut self,
        program: &Program,
        parts: Parts,
        tally: &mut Tally,
        overlap: &mut Overlap,
    ) -> Result<(), Box<Violation>> {
        tally.executions += 1;
        self.core.reset(program, false);
        let first = program.parallel.unwrap_or(program.steps.len());
        for (index, step) in program.steps[..first].iter().enumerate() {
            let result = self.core.step(index, step, tally, None);
            result.map_err(|broken| self.core.violation(program, index, *broken))?;
        }
        let reports = self.race(program, first, parts);
        overlap.add(&reports);
        let noticed = reports.iter().find_map(|report| report.oops);
        let followed = self.follow(reports, tally);
        if let Some((index, oops)) = noticed {
            oops::judge(&self.core, oops).map_err(|broken| self.core.violation(program, index, *broken))?;
        }
        let end = program.steps.len();
        self.settle(end, followed, tally).map_err(|broken| self.core.violation(program, end, *broken))
    }

    /// What a report needs of the execution that has just failed.
    pub fn recording(&mut self, program: &Program, violation: Box<Violation>) -> Recording {
        self.core.recording(&Labels::of(program), Vec::new(), Some(violation), None)
    }

    /// Let all threads run.
    fn race(&mut self, program: &Program, first: usize, parts: Parts) -> Vec<Report> {
        let faults = Faults::from_iter(program.header.faults.iter().copied());
        let cpus = std::mem::take(&mut self.core.cpus);
        let count = cpus.len();
        let mut owned: Vec<Vec<_>> = (0..parts.threads()).map(|_| Vec::new()).collect();
        for cpu in cpus {
            owned[parts.thread_of(CpuId(cpu.id() as u8), count)].push(cpu);
        }
        let start = Start::new(parts.threads());
        let core = &self.core;
        let machine = &*core.machine;
        let known = lane::Known::of(&core.books, &core.bindings);
        let lanes: Vec<Lane> = owned
            .into_iter()
            .enumerate()
            .map(|(thread, cpus)| Lane {
                steps: program
                    .steps
                    .iter()
                    .enumerate()
                    .skip(first)
                    .filter_map(|(index, step)| match step.action {
                        Action::Op(op) if parts.thread_of(op.cpu, count) == thread => Some((index, op)),
                        _ => None,
                    })
                    .collect(),
                cpus,
                model: core.model.clone(),
                bindings: core.bindings.clone(),
                known: known.clone(),
                faults,
                mode: core.model.config().mode,
            })
            .collect();
        let mut reports: Vec<Report> = std::thread::scope(|scope| {
            let start = &start;
            let running: Vec<_> =
                lanes.into_iter().map(|lane| scope.spawn(move || lane.run(machine, start))).collect();
            let ended = running.into_iter().map(|thread| thread.join());
            ended.map(|report| report.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        self.core.cpus = reports.iter_mut().flat_map(|report| report.cpus.drain(..)).collect();
        reports
    }

    /// Let model, books and names take in what the lanes did. Whether the model admitted all of it.
    fn follow(&mut self, reports: Vec<Report>, tally: &mut Tally) -> bool {
        let core = &mut self.core;
        let mut ended = Vec::new();
        let mut made = Vec::new();
        for (thread, report) in reports.iter().enumerate() {
            tally.skipped += report.skipped;
            ended.extend(report.ended.iter().map(|ended| (thread, ended)));
            made.extend(report.made.iter().copied());
        }
        made.sort_by_key(|(when, _)| *when);
        for (_, made) in &made {
            match *made {
                Made::Group { group, parent, memcg, objcg } => {
                    core.books.enter_group(group, parent, memcg, objcg);
                }
                Made::Cache { name, cache } => core.books.cache_made(name, cache),
            }
        }
        let handles = made.iter().filter_map(|(_, made)| match *made {
            Made::Group { group, memcg, .. } => Some((memcg, group)),
            Made::Cache { .. } => None,
        });
        let handles: Vec<_> = handles.collect();
        ended.sort_by_key(|(_, ended)| ended.takes_effect());
        let mut followed = true;
        for (thread, ended) in ended {
            let report = &reports[thread];
            let name = |group: GroupId| report.known.resolve(group, &handles);
            let outcome = match ended.outcome {
                Outcome::To(group) => Outcome::To(name(group)),
                Outcome::Ran(Ran::Offline(group)) => Outcome::Ran(Ran::Offline(name(group))),
                Outcome::Ran(Ran::Release(group)) => Outcome::Ran(Ran::Release(name(group))),
                Outcome::Ran(Ran::Create(group)) => Outcome::Ran(Ran::Create(name(group))),
                other => other,
            };
            tally.steps += 1;
            core.model.hold(named_groups(&ended.step));
            let changes = !matches!(outcome, Outcome::Refused(_));
            followed &= !changes || core.model.admits(&ended.step).is_ok();
            // Whom it concerns is settled in the middle of an operation: the model may be asked at another moment.
            followed &= !matches!(outcome, Outcome::To(_)) || accepts(&core.model, &ended.step, outcome);
            core.model.commit(&ended.step, outcome);
            core.bindings.adopt(&report.bindings, &ended.step, ended.step.cpu.index());
        }
        core.model.hold([]);
        followed
    }

    /// Bring the machine to rest, and compare everything, if the model could follow.
    fn settle(&mut self, end: usize, followed: bool, tally: &mut Tally) -> Result<(), Box<Broken>> {
        let core = &mut self.core;
        core.env.begin(end, None);
        core.end_halves();
        let at_rest = quiesce(&core.machine, &*core.env, &mut core.cpus);
        if let Some(oops) = core.env.oops_seen() {
            oops::judge(core, oops)?;
        }
        if !at_rest && core.checks.has(Invariant::I13) {
            return Err(oops::restless());
        }
        if !followed {
            tally.unordered += 1;
            return Ok(());
        }
        core.offline_all(None);
        // The running counts know nothing of what the threads did.
        let mut world =
            World { machine: &core.machine, model: &mut core.model, checks: core.checks, flight: None };
        core.books.catch_up(&mut world, &core.cpus)?;
        core.finish(end)
    }
}

/// Whether the model accepts an answer, whatever the stocks held at the time.
fn accepts(model: &Model, step: &Step, outcome: Outcome) -> bool {
    model.first(step) == outcome || model.grade(step, &Blind, outcome) != Grade::Violation
}

/// Whether an operation gives something back, or takes something away: it may have taken effect as late as it ended.
/// All others may have as early as they began.
fn gives_back(op: &Op) -> bool {
    !matches!(
        op,
        Op::Mkdir { .. }
            | Op::Rmdir { .. }
            | Op::SetMax { .. }
            | Op::SetSwapMax { .. }
            | Op::Charge { .. }
            | Op::ObjcgFrom { .. }
            | Op::ObjcgGet { .. }
            | Op::ObjCharge { .. }
            | Op::SwapOut { .. }
            | Op::Slab(SlabOp::Alloc { .. })
    )
}
