//! One execution: the lanes begin and end operations until all of them are through.

use super::Interleave;
use super::board::{IRQ, Pace, SEATS};
use super::directory::Made;
use super::lane::{Job, Lane, Pin, Signal};
use super::openness::Openness;
use super::schedule;
use crate::check::Broken;
use crate::engine::apply::Bindings;
use crate::engine::lockstep::insisted;
use crate::engine::record::Recorder;
use crate::engine::timeline::{Happening, Switch};
use crate::engine::{asserts, oops};
use crate::goals::Goal;
use crate::program::{Action, Program};
use crate::tally::Tally;
use crate::trace::{Kind, Role, visit};
use crate::violation::Violation;
use std::rc::Rc;
use stocktake_impl::DrainDesign;
use stocktake_model::{CpuId, GroupId, GroupLife, MappedOp, Op, Outcome, ShmemOp, Step};

/// What one lane has to do.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// Its steps in the program.
    pub(super) steps: Vec<usize>,
    pub(super) next: usize,
    /// The step that it is in the middle of.
    pub(super) busy: Option<(usize, Step)>,
    pub(super) bindings: Bindings,
    /// Operations that had ended when it began.
    pub(super) began: usize,
    /// Whether it was interrupted in that: the books know of its CPU's stocks again when it has ended.
    pub(super) interrupted: bool,
    /// The version that it writes.
    pub(super) version: Option<u32>,
}

impl Interleave {
    /// One execution.
    pub(super) fn execute(
        &mut self,
        program: &Program,
        tally: &mut Tally,
        record: bool,
    ) -> Result<(), Box<Violation>> {
        tally.executions += 1;
        self.core.reset(program, record);
        self.shared.log.reset(record);
        self.recorder = record.then(|| Recorder::new(program));
        let result = self.execute_steps(program, tally);
        self.core.env.take_marks(&mut tally.goals, &crate::goals::BY_MARK);
        self.shared.board.reached().for_each(|goal| tally.goals[Goal::seen(goal)] += 1);
        tally.preemptions += self.shared.board.preemptions.get();
        result
    }

    fn execute_steps(&mut self, program: &Program, tally: &mut Tally) -> Result<(), Box<Violation>> {
        let first = program.parallel.unwrap_or(program.steps.len()).min(program.steps.len());
        for (index, step) in program.steps[..first].iter().enumerate() {
            self.core
                .step(index, step, tally, self.recorder.as_mut())
                .map_err(|broken| self.core.violation(program, index, *broken))?;
            if let Some(recorder) = &mut self.recorder {
                self.core.note_owners(recorder);
            }
        }
        self.gather(program, first);
        let result = self.run_lanes(program, tally);
        if result.is_err() {
            self.keep_moment();
        }
        self.disperse();
        result.map_err(|(index, broken)| self.core.violation(program, index, *broken))?;
        let end = program.steps.len();
        self.finish(end, tally).map_err(|(index, broken)| self.core.violation(program, index, *broken))
    }

    /// Prepare the lanes.
    fn gather(&mut self, program: &Program, first: usize) {
        let cpus = self.core.cpus.len();
        while self.lanes.len() < SEATS {
            self.lanes.push(Lane::new(self.lanes.len(), &self.shared));
        }
        let board = &self.shared.board;
        board.reset();
        self.shared.directory.borrow_mut().copy(&self.core.books);
        self.claims.clear();
        self.claims.files_alone = self.core.machine.config().design.drain == DrainDesign::Wait;
        self.outcomes.clear();
        self.order = Openness::Sequential;
        (self.overlaps, self.obscure, self.helping) = (false, false, false);
        if self.checked {
            self.base.clone_from(&self.core.model);
        }
        self.extra = 0;
        board.lent.borrow_mut().get_or_insert_with(|| self.spare.pop().expect("a spare CPU for each lane"));
        // Also those of CPUs that this program does not have: they would bring up CPUs for the program before.
        for member in &mut self.crew {
            member.steps.clear();
            member.next = 0;
            member.busy = None;
        }
        for member in &mut self.crew[..cpus] {
            member.bindings.clone_from(&self.core.bindings);
        }
        for (index, step) in program.steps.iter().enumerate().skip(first) {
            self.crew[step.cpu().index()].steps.push(index);
        }
        for cpu in 0..cpus {
            board.set_bound_work(cpu, self.core.machine.has_bound_work(cpu));
        }
        board.set_unbound_work(self.core.machine.has_unbound_work());
    }

    /// Which lanes can begin their next operation.
    fn refresh(&mut self, program: &Program) {
        let board = &self.shared.board;
        let mut idle = schedule::Lanes::default();
        let (mut halved, mut sleeping) = (schedule::Lanes::default(), schedule::Lanes::default());
        for lane in 0..self.core.cpus.len() {
            let member = &self.crew[lane];
            if member.busy.is_some() {
                continue;
            }
            let up = self.core.machine.cpu_online(lane);
            let next = member.steps.get(member.next);
            let parked = self.crew.iter().any(|other| {
                other.busy.is_some_and(|(_, step)| step.op == Op::CpuDown { target: CpuId(lane as u8) })
            });
            // A CPU in the middle of something of its own runs no work.
            let work = Step { cpu: CpuId(lane as u8), op: Op::Work, fail: None };
            if next.is_none() && up && !parked && self.core.model.admits(&work).is_ok() {
                idle.insert(lane);
            }
            let can_begin = next.is_some_and(|&index| match program.steps[index].action {
                // A CPU goes down between two operations of its own.
                Action::Op(step) => match step.op {
                    Op::CpuDown { target } => {
                        self.crew.get(target.index()).is_none_or(|other| other.busy.is_none())
                    }
                    _ => up || !self.comes_up(program, lane),
                },
                Action::Assert(..) => true,
            });
            board.set_ready(lane, can_begin && !parked);
            if up && !parked && !can_begin {
                if self.half_of(lane).is_some() {
                    halved.insert(lane);
                } else if next.is_some() && self.core.model.admits(&work).is_ok() {
                    sleeping.insert(lane);
                }
            }
        }
        board.set_idle(idle);
        board.set_helpers(halved, sleeping);
    }

    /// What ends the half of a mapping that a CPU is in the middle of.
    fn half_of(&self, lane: usize) -> Option<Step> {
        let ends = self.core.model.open_halves().iter().map(|half| half.end());
        ends.into_iter().find(|end| end.cpu.index() == lane)
    }

    /// Whether another lane is still to bring this CPU up.
    fn comes_up(&self, program: &Program, lane: usize) -> bool {
        let brings = |index: &usize| {
            matches!(program.steps[*index].action,
                Action::Op(step) if step.op == Op::CpuUp { target: CpuId(lane as u8) })
        };
        self.crew.iter().any(|member| {
            let busy =
                member.busy.is_some_and(|(_, step)| step.op == Op::CpuUp { target: CpuId(lane as u8) });
            busy || member.steps.get(member.next..).is_some_and(|rest| rest.iter().any(brings))
        })
    }

    /// Run the lanes until all of them have ended.
    fn run_lanes(&mut self, program: &Program, tally: &mut Tally) -> Result<(), (usize, Box<Broken>)> {
        self.refresh(program);
        let mut before: Option<usize> = None;
        loop {
            let mut ready = self.shared.board.ready();
            if ready.is_empty() {
                ready = self.shared.board.helpers();
                self.helping = !ready.is_empty();
            }
            if ready.is_empty() {
                ready = self.shared.board.ready_or_spinning();
            }
            if ready.is_empty() {
                return match self.crew.iter().any(|member| member.busy.is_some()) {
                    true => self.deadlocked(program),
                    false => Ok(()),
                };
            }
            let mut lane = self.shared.board.choose(None, ready);
            if let Some(before) = before.filter(|&before| before != lane)
                && self.shared.board.switch.get().is_none()
            {
                let ended = self.crew[before].next >= self.crew[before].steps.len();
                self.shared.board.switch.set(Some(if ended { Switch::Ended } else { Switch::Between }));
            }
            loop {
                if self.crew[lane].busy.is_none() && !self.begin(program, lane, tally)? {
                    before = Some(lane);
                    break;
                }
                let signal = self.lanes[lane].resume();
                lane = self.shared.board.speaker.get();
                if let Some(oops) = self.core.env.oops_seen()
                    && self.checked
                {
                    let index = self.crew[lane].busy.map_or(0, |(index, _)| index);
                    if signal == Signal::Ended
                        && let Some((_, step)) = self.crew[lane].busy
                    {
                        // It is not to run once more.
                        self.give_back(lane, &step);
                    }
                    oops::judge(&self.core, oops).map_err(|broken| (index, broken))?;
                }
                match signal {
                    Signal::Switch => {
                        lane = self.shared.board.next.get();
                        continue;
                    }
                    Signal::Interrupted => {
                        lane = self.interrupt(program, lane, tally)?;
                        continue;
                    }
                    Signal::Waits => before = None,
                    Signal::Ended => {
                        before = Some(lane);
                        let index = self.crew[lane].busy.map_or(0, |(index, _)| index);
                        let of = self.crew[lane].busy.map_or(lane, |(_, step)| step.cpu.index());
                        self.end(program, lane, tally).map_err(|broken| (index, broken))?;
                        if lane == IRQ {
                            lane = of;
                            continue;
                        }
                    }
                }
                break;
            }
        }
    }

    /// Begin a lane's next operation. `false` if there is nothing to run: it was skipped, or is an assertion.
    fn begin(
        &mut self,
        program: &Program,
        lane: usize,
        tally: &mut Tally,
    ) -> Result<bool, (usize, Box<Broken>)> {
        let helping = std::mem::take(&mut self.helping);
        let half = self.half_of(lane).filter(|_| helping && self.shared.board.is_halved(lane));
        let member = &mut self.crew[lane];
        let (index, step) = match member.steps.get(member.next) {
            Some(&index) if !helping => {
                member.next += 1;
                match program.steps[index].action {
                    Action::Op(step) => (index, step),
                    Action::Assert(cpu, assertion) => {
                        self.refresh(program);
                        return match asserts::check(&self.core, cpu, assertion) {
                            Ok(()) => Ok(false),
                            Err(broken) => Err((index, broken)),
                        };
                    }
                }
            }
            // A CPU that has nothing else to do runs queued work.
            _ => {
                self.extra += 1;
                tally.extra_work += 1;
                let work = Step { cpu: CpuId(lane as u8), op: Op::Work, fail: None };
                (program.steps.len() + self.extra - 1, half.unwrap_or(work))
            }
        };
        let excluded = matches!(
            step.op,
            Op::Quiesce
                | Op::Mapped(MappedOp::ForceEmpty { .. })
                | Op::Shmem(ShmemOp::Swapoff { .. } | ShmemOp::Lookup { .. })
        );
        if excluded || !self.may_begin(lane, &step) {
            self.skipped(program, lane, index, tally).map_err(|broken| (index, broken))?;
            return Ok(false);
        }
        self.shared.log.tell(&self.shared.board, lane, index, || Happening::Begin);
        let pins = self.pins(&step);
        let member = &mut self.crew[lane];
        member.busy = Some((index, step));
        member.began = self.outcomes.len();
        member.interrupted = false;
        // Versions are counted for all lanes together.
        member.bindings.versions.clone_from(&self.core.bindings.versions);
        member.version = match step.op {
            Op::Shmem(ShmemOp::Write { file }) => {
                let version = &mut self.core.bindings.versions[file.index()];
                *version += 1;
                Some(*version)
            }
            _ => None,
        };
        let bindings = std::mem::take(&mut member.bindings);
        let mut borrow = |cpu: usize| {
            std::mem::replace(&mut self.core.cpus[cpu], self.spare.pop().expect("a spare CPU for each"))
        };
        let dead = match step.op {
            Op::CpuDown { target } => Some(borrow(target.index())),
            _ => None,
        };
        let job = Job {
            machine: Rc::clone(&self.core.machine),
            hunting: Rc::clone(&self.core.env),
            cpu: borrow(lane),
            dead,
            bindings,
            mode: self.core.model.config().mode,
            step,
            index,
            fail: step.fail,
            pins,
            watched: self.checked,
            outcome: None,
            panic: None,
        };
        self.lanes[lane].give(Box::new(job));
        self.expect_interrupt(program, lane);
        self.shared.board.set_ready(lane, true);
        self.refresh(program);
        Ok(true)
    }

    /// Whether a lane knows what an operation names, and nobody is in its way: then it has claimed it.
    pub(super) fn may_begin(&mut self, lane: usize, step: &Step) -> bool {
        self.core.model.hold([]);
        let bindings = &self.crew[lane].bindings;
        let mut known = true;
        visit(&mut Action::Op(*step), |role, kind, n| known &= role == Role::New || bindings.has(kind, *n));
        let begins =
            known && self.core.model.admits(step).is_ok() && self.claims.take(lane, step, &self.core.model);
        if begins {
            self.crew[lane].bindings.aim(step, &self.core.model);
        }
        begins
    }

    /// The groups that an operation names, to be looked up.
    fn pins(&self, step: &Step) -> [Option<Pin>; 2] {
        let mut pins = [None; 2];
        let mut free = pins.iter_mut();
        visit(&mut Action::Op(*step), |role, kind, n| {
            let memcg = (role == Role::Use && kind == Kind::Group)
                .then(|| self.core.bindings.groups[usize::from(*n)])
                .flatten();
            if let Some(memcg) = memcg
                && let Some(pin) = free.next()
            {
                // One that has been removed is found through a folio of it.
                let online = self.core.model.life(GroupId(*n)) == Some(GroupLife::Online);
                *pin = Some(Pin { memcg, online });
            }
        });
        pins
    }

    pub(super) fn skipped(
        &mut self,
        program: &Program,
        lane: usize,
        index: usize,
        tally: &mut Tally,
    ) -> Result<(), Box<Broken>> {
        tally.skipped += 1;
        let cpu = program.steps.get(index).map_or(lane, |step| step.cpu().index());
        self.shared.log.tell(&self.shared.board, cpu, index, || Happening::Skip);
        self.keep_step(index, None);
        self.refresh(program);
        program.steps.get(index).map_or(Ok(()), |step| insisted(step, None))
    }

    /// Take back what the lane's operation worked on.
    fn end(&mut self, program: &Program, lane: usize, tally: &mut Tally) -> Result<(), Box<Broken>> {
        let Some((index, step)) = self.crew[lane].busy else { return Ok(()) };
        let outcome = self.give_back(lane, &step);
        self.shared.board.set_ready(lane, false);
        self.refresh(program);
        let Some(outcome) = outcome else {
            // It did not find a group when it looked it up.
            self.shared.board.lands(lane);
            return self.skipped(program, lane, index, tally);
        };
        self.shared.log.tell(&self.shared.board, step.cpu.index(), index, || Happening::End(outcome));
        if !self.checked {
            // The next operation of the lane is admitted for what this one has done.
            self.core.model.commit_admitted(&step, outcome);
            return Ok(());
        }
        self.keep_names(lane);
        let judged = self.judge(lane, index, &step, outcome, tally);
        self.shared.board.lands(lane);
        judged?;
        self.check_calm(lane, &step, outcome, tally)?;
        program.steps.get(index).map_or(Ok(()), |step| insisted(step, Some(outcome)))
    }

    fn give_back(&mut self, lane: usize, step: &Step) -> Option<Outcome> {
        self.crew[lane].busy = None;
        self.claims.release(lane);
        let job = self.lanes[lane].take()?;
        let Job { cpu, dead, bindings, outcome, panic, .. } = *job;
        if lane == IRQ {
            *self.shared.board.lent.borrow_mut() = Some(cpu);
            self.shared.board.set_ready(step.cpu.index(), true);
        } else {
            self.spare.push(std::mem::replace(&mut self.core.cpus[lane], cpu));
        }
        if let Some(dead) = dead {
            let id = dead.id();
            self.spare.push(std::mem::replace(&mut self.core.cpus[id], dead));
        }
        if let Some(payload) = panic {
            std::panic::resume_unwind(payload);
        }
        while let Some(made) = self.shared.directory.borrow_mut().take_made(lane) {
            match made {
                Made::Group { group, parent, memcg } => {
                    self.core.books.born(&self.core.machine, group, parent, memcg);
                }
                Made::Cache { name, cache } => self.core.books.cache_made(name, cache),
            }
        }
        self.core.bindings.adopt(&bindings, step, step.cpu.index());
        self.crew[lane].bindings = bindings;
        outcome
    }

    /// Bring every lane to the end of its operation, however.
    fn disperse(&mut self) {
        let board = &self.shared.board;
        board.pace.set(Pace::Ending);
        let mut patience = 64;
        while self.crew.iter().any(|member| member.busy.is_some()) {
            for lane in (0..self.core.cpus.len()).chain([IRQ]) {
                if let Some((_, step)) = self.crew[lane].busy
                    && !self.has_lent(lane)
                    && self.lanes[lane].resume() == Signal::Ended
                {
                    self.give_back(lane, &step);
                }
            }
            patience -= 1;
            if patience == 0 {
                self.shared.board.pace.set(Pace::Abandoning);
            }
        }
        self.shared.board.pace.set(Pace::Scheduled);
    }
}
