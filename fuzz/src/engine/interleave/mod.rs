//! The interleaving engine: the operations of several lanes overlap, and whoever chooses decides who runs next.
//!
//! Lane k is CPU k, and a coroutine. What stands before `parallel` runs as in the lockstep engine; after it each
//! operation runs in its lane, in the order of the file. Every shared access of the machine is a point at which
//! another lane may go on. Words are sequentially consistent. A CPU whose lane has ended runs queued work, one item at
//! a time, if that is chosen. After all lanes have ended the machine is brought to rest, and everything is compared.
//!
//! *Names.* A lane uses names made before `parallel`, or by itself. A group that an operation names is looked up as a
//! system call does: the lane holds it until the operation has ended, or does not find it, and the operation is
//! skipped. `claims` says what becomes of names that two lanes want.
//!
//! *What is not admitted in a lane*: `quiesce`, `force.empty` and `swapoff`, which name no page that
//! they move, and the stages of a fault, which are points of the whole fault here.
//!
//! One idea a file: `lane` the coroutines; `env` their environment; `board` who can go on; `schedule` who does; `conflicts` what
//! matters to others;
//! `flight` what an operation under way has done; `limits` what it has seen of the limits; `verdict` the checks where an
//! operation ends; `interrupt` what interrupts operations; `openness`, `order` and `parts` in which order operations took effect, and `blame` what is wrong if there is none;
//! `running` one execution; `stuck` deadlocks; `search` many schedules of one program.

pub mod bare;
mod blame;
mod board;
mod claims;
mod conflicts;
mod directory;
mod env;
mod fingerprint;
mod flight;
mod interrupt;
mod lane;
mod limits;
mod openness;
mod order;
mod overlaps;
mod parts;
mod recorder;
mod running;
mod schedule;
mod search;
mod stuck;
#[cfg(test)]
mod tests;
mod timeline;
mod verdict;

pub(super) use claims::consumed;
pub(super) use parts::Blind;
pub(super) use verdict::named_groups;

use super::lockstep::Lockstep;
use super::record::Recorder;
use super::{Explored, Recording};
use crate::check::Checks;
use crate::program::{Drive, Program};
use crate::tally::Tally;
use crate::violation::Violation;
use board::{MOST_LANES, SEATS};
use claims::Claims;
use lane::{Lane, Shared};
use openness::Openness;
use parts::Ended;
use running::Member;
use schedule::{Exhaustive, Recorded, Strategy};
use std::rc::Rc;
use stocktake_impl as machine;
use stocktake_impl::{Cpu, Machine};
use stocktake_model::{Config, Mode, Model};

/// Executions after which the exploration of a program that has no schedule ends.
const MOST_EXPLORED: u64 = 20_000;
/// The most preemptions of an execution that explores.
const MOST_PREEMPTIONS: usize = 2;

/// The engine's state, kept between runs.
pub struct Interleave {
    core: Lockstep,
    shared: Rc<Shared>,
    lanes: Vec<Lane>,
    crew: [Member; SEATS],
    claims: Claims,
    /// CPUs that stand in for those that lanes are using.
    spare: Vec<Cpu>,
    /// Whether anything is checked.
    checked: bool,
    /// How far the order of the operations is open.
    order: Openness,
    /// Whether operations overlapped at all.
    overlaps: bool,
    /// Whether one of them is of the kind that the search of orders does not explain, see [`verdict`].
    obscure: bool,
    /// Whether the lane that begins next helps those who wait for drains, see [`board::Board::helpers`].
    helping: bool,
    /// The model before the lanes began.
    base: Model,
    /// Steps of queued work that the scheduler has run: they are numbered after those of the program.
    extra: usize,
    outcomes: Vec<Ended>,
    /// What is kept for a report, if one is wanted.
    recorder: Option<Recorder>,
}

/// What came of one execution besides a violation.
#[derive(Clone, Debug, Default)]
pub struct Execution {
    /// The choices that were taken, wherever there was one.
    pub schedule: Vec<u8>,
    /// How often a lane was preempted.
    pub preemptions: u64,
    /// Why the recorded schedule does not apply.
    pub stale: Option<String>,
}

impl Default for Interleave {
    fn default() -> Interleave {
        Interleave::new()
    }
}

impl Interleave {
    /// An engine with every check.
    pub fn new() -> Interleave {
        Interleave::checking(Checks::ALL)
    }

    /// An engine with some checks only, for the tests of the checks.
    pub(crate) fn checking(checks: Checks) -> Interleave {
        let config = machine::Config { cpus: MOST_LANES, ..machine::Config::default() };
        Interleave {
            core: Lockstep::checking(checks),
            shared: Rc::new(Shared::default()),
            lanes: Vec::new(),
            crew: Default::default(),
            claims: Claims::default(),
            spare: Machine::new(config).1,
            checked: true,
            order: Openness::Sequential,
            overlaps: false,
            obscure: false,
            helping: false,
            base: Model::new(Config { mode: Mode::V2, cpus: 2, ids: 0, slots: 0 }),
            extra: 0,
            outcomes: Vec::new(),
            recorder: None,
        }
    }

    /// Run a program: by its schedule, or else as its header wants it driven. A program without lanes runs in
    /// lockstep.
    ///
    /// # Errors
    /// The first violation, without provenance. Of a schedule that does not apply nothing is known.
    pub fn run(&mut self, program: &Program, tally: &mut Tally) -> Result<(), Box<Violation>> {
        if program.parallel.is_none() {
            return self.core.run(program, tally);
        }
        match self.explores(program) {
            true => self.explore(program, tally),
            false => {
                let result = self.execute_once(program, tally);
                if self.stale(result.is_err()).is_some() { Ok(()) } else { result }
            }
        }
    }

    /// Run a program with a schedule that is only a guide: where it does not apply no lane is preempted. What was
    /// chosen is the answer.
    ///
    /// # Errors
    /// The first violation, in the answer's second half.
    pub fn run_guided(
        &mut self,
        program: &Program,
        guide: &[u8],
        tally: &mut Tally,
    ) -> (Execution, Result<(), Box<Violation>>) {
        *self.shared.board.strategy() = Strategy::Recorded(Recorded::guide(guide));
        self.shared.board.keeping.set(true);
        let result = self.execute(program, tally, false);
        self.shared.board.keeping.set(false);
        (self.execution(result.is_err()), result)
    }

    /// Run a program as [`Interleave::run`] does, and tell what was chosen.
    pub fn run_scheduled(
        &mut self,
        program: &Program,
        tally: &mut Tally,
    ) -> (Execution, Result<(), Box<Violation>>) {
        self.shared.board.keeping.set(true);
        let result = if self.explores(program) {
            self.explore(program, tally)
        } else {
            self.execute_once(program, tally)
        };
        self.shared.board.keeping.set(false);
        (self.execution(result.is_err()), result)
    }

    /// Run a program again and keep everything that a report needs.
    pub fn record(&mut self, program: &Program) -> Recording {
        if program.parallel.is_none() {
            return self.core.record(program);
        }
        let mut program = program.clone();
        let mut explored = None;
        if program.header.schedule.is_empty() {
            let mut tally = Tally::default();
            let (execution, result) = self.run_scheduled(&program, &mut tally);
            explored = (result.is_ok() && self.explores(&program)).then_some(Explored {
                schedules: tally.executions,
                preemptions: MOST_PREEMPTIONS,
                all: tally.executions < MOST_EXPLORED,
            });
            program.header.schedule = execution.schedule;
        }
        self.start_recorded(&program);
        let result = self.execute(&program, &mut Tally::default(), true);
        let stale = self.stale(result.is_err());
        Recording { explored, ..self.recording(&program, result, stale) }
    }

    /// Whether a program leaves it to the engine which schedules are run.
    fn explores(&self, program: &Program) -> bool {
        program.header.schedule.is_empty() && program.header.drive == Drive::Explore
    }

    /// One execution, as the program wants it; and one without preemptions before, if it is driven by what conflicts.
    fn execute_once(&mut self, program: &Program, tally: &mut Tally) -> Result<(), Box<Violation>> {
        if program.header.schedule.is_empty() && matches!(program.header.drive, Drive::Partial(_)) {
            *self.shared.board.strategy() = Strategy::Steady;
            self.shared.board.touched.borrow_mut().clear();
            self.shared.board.learning.set(true);
            let result = self.execute(program, tally, false);
            self.shared.board.learning.set(false);
            result?;
            // Programs are counted.
            tally.executions -= 1;
        }
        self.start(program);
        self.execute(program, tally, false)
    }

    fn start(&mut self, program: &Program) {
        if program.header.schedule.is_empty() {
            self.shared.board.strategy().start(&program.header.drive);
        } else {
            self.start_recorded(program);
        }
    }

    fn start_recorded(&mut self, program: &Program) {
        *self.shared.board.strategy() = Strategy::Recorded(Recorded::strict(&program.header.schedule));
    }

    fn stale(&self, ended_early: bool) -> Option<String> {
        match &*self.shared.board.strategy() {
            Strategy::Recorded(recorded) => recorded.stale(ended_early),
            _ => None,
        }
    }

    fn execution(&self, ended_early: bool) -> Execution {
        Execution {
            schedule: self.shared.board.choices(),
            preemptions: self.shared.board.preemptions.get(),
            stale: self.stale(ended_early),
        }
    }

    /// Every schedule: first those without preemptions, then those with one, and so on. To come to those with more, the
    /// ones with fewer are run again; that counts for nothing.
    fn explore(&mut self, program: &Program, tally: &mut Tally) -> Result<(), Box<Violation>> {
        let mut run = 0;
        for bound in 0..=MOST_PREEMPTIONS {
            *self.shared.board.strategy() = Strategy::Exhaustive(Exhaustive::new(bound));
            loop {
                self.execute(program, tally, false)?;
                let (is_new, more) = match &mut *self.shared.board.strategy() {
                    Strategy::Exhaustive(exhaustive) => (exhaustive.is_at_bound(), exhaustive.advance()),
                    _ => (true, false),
                };
                if is_new {
                    run += 1;
                } else {
                    tally.executions -= 1;
                }
                if run >= MOST_EXPLORED {
                    return Ok(());
                }
                if !more {
                    break;
                }
            }
        }
        Ok(())
    }
}
