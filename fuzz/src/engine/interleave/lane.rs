//! Lanes: each is a coroutine that lives as long as the engine and is fed with one operation after the other.
//!
//! A job owns what it works on, the machine shared, its CPU alone, and hands it back when it has ended; so nothing
//! that a lane holds has to outlive an execution, and a lane never has to be thrown away.

use super::board::{Board, SEATS};
use super::directory::{Directory, LaneLedger};
use super::env::LaneEnv;
use super::timeline::Log;
use crate::engine::apply::{Applier, Bindings};
use crate::engine::hunting::{Hunting, Injected};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use stocktake_impl::{Cpu, Machine, MemcgRef};
use stocktake_model::{Failure, Mode, Op, Outcome, Step};

/// Bytes of a lane's stack. What is not touched costs nothing.
pub(super) const STACK: usize = 256 << 10;

/// What a lane says when it stops running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Another lane was chosen to run.
    Switch,
    /// It has to wait.
    Waits,
    /// It has lent its CPU to an interrupt.
    Interrupted,
    /// Its operation has ended.
    Ended,
}

/// The payload with which an operation is unwound that cannot go on.
pub(super) struct Abandoned;

/// A group that an operation names, and whether it must not have been removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pin {
    pub(super) memcg: MemcgRef,
    pub(super) online: bool,
}

/// One operation, and everything that it works on.
pub(super) struct Job {
    pub(super) machine: Rc<Machine>,
    pub(super) hunting: Rc<Hunting>,
    pub(super) cpu: Cpu,
    /// The CPU that the operation takes down.
    pub(super) dead: Option<Cpu>,
    pub(super) bindings: Bindings,
    pub(super) mode: Mode,
    /// The operation and its number.
    pub(super) step: Step,
    pub(super) index: usize,
    pub(super) fail: Option<Failure>,
    pub(super) pins: [Option<Pin>; 2],
    pub(super) watched: bool,
    /// What was answered; `None` if it was skipped or abandoned.
    pub(super) outcome: Option<Outcome>,
    /// What it was unwound with, if that was a defect of the harness or the machine.
    pub(super) panic: Option<Box<dyn Any + Send>>,
}

/// What lanes and their engine share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) board: Board,
    pub(super) log: Log,
    pub(super) directory: RefCell<Directory>,
    jobs: [Cell<Option<Box<Job>>>; SEATS],
    pub(super) routines: Routines,
}

pub(super) type Routine = Coroutine<(), Signal, (), DefaultStack>;

/// The coroutines. One that has been resumed, and has not yielded since, is borrowed.
///
/// A lane that is preempted resumes the next one itself, if that is in the middle of an operation: half as many changes
/// of stacks as over the engine. So the lanes that run are a chain from the engine to the one that runs now; a lane
/// that is borrowed stands in that chain, and is come back to by what its followers yield.
#[derive(Default)]
pub(super) struct Routines([RefCell<Option<Routine>>; SEATS]);

impl Routines {
    pub(super) fn put(&self, lane: usize, routine: Routine) {
        *self.0[lane].borrow_mut() = Some(routine);
    }

    /// It goes, with whatever its stack holds.
    pub(super) fn discard(&self, lane: usize) {
        drop(self.0[lane].take());
    }

    /// Let a lane run, and those that it switches to, until one of them says what is not for another lane. `None` if it
    /// stands in the chain already.
    #[inline]
    pub(super) fn resume(&self, lane: usize) -> Option<Signal> {
        let mut place = self.0[lane].try_borrow_mut().ok()?;
        Some(match place.as_mut()?.resume(()) {
            CoroutineResult::Yield(signal) => signal,
            // Only without a job.
            CoroutineResult::Return(()) => Signal::Ended,
        })
    }
}

/// One lane.
pub(super) struct Lane {
    number: usize,
    shared: Rc<Shared>,
}

impl Lane {
    pub(super) fn new(number: usize, shared: &Rc<Shared>) -> Lane {
        let stack = DefaultStack::new(STACK).expect("memory for the stack of a lane");
        let inside = Rc::clone(shared);
        let routine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Signal>, ()| {
            while let Some(mut job) = inside.jobs[number].take() {
                let run = catch_unwind(AssertUnwindSafe(|| run(&mut job, &inside, yielder, number)));
                if let Err(payload) = run
                    && !payload.is::<Abandoned>()
                {
                    job.panic = Some(payload);
                }
                inside.jobs[number].set(Some(job));
                inside.board.speaker.set(number);
                yielder.suspend(Signal::Ended);
            }
        });
        shared.routines.put(number, routine);
        Lane { number, shared: Rc::clone(shared) }
    }

    /// Give it an operation, with which it begins when it is resumed.
    pub(super) fn give(&mut self, job: Box<Job>) {
        self.shared.jobs[self.number].set(Some(job));
        self.shared.board.set_busy(self.number, true);
    }

    /// Let it run until it, or a lane that it has switched to, says something to the engine: see
    /// [`Board::speaker`](super::board::Board::speaker).
    #[inline]
    pub(super) fn resume(&mut self) -> Signal {
        self.shared.routines.resume(self.number).expect("no lane runs while the engine does")
    }

    /// What it gives back after its operation has ended.
    pub(super) fn take(&mut self) -> Option<Box<Job>> {
        self.shared.board.set_busy(self.number, false);
        self.shared.jobs[self.number].take()
    }
}

/// The coroutine holds what is shared, and has its place there.
impl Drop for Lane {
    fn drop(&mut self) {
        self.shared.routines.discard(self.number);
    }
}

fn run(job: &mut Job, shared: &Shared, yielder: &Yielder<(), Signal>, lane: usize) {
    let env = LaneEnv::<true> {
        board: &shared.board,
        routines: &shared.routines,
        yielder,
        hunting: &job.hunting,
        machine: &job.machine,
        log: &shared.log,
        lane,
        cpu: job.step.cpu.index(),
        step: job.index,
        watched: job.watched,
        injected: Injected::of(job.fail),
        tries: Cell::new(0),
        tries_alone: Cell::new(0),
    };
    // As a system call looks a group up: it holds it, or it does not find it.
    let pins = job.pins.iter().flatten();
    let found = pins
        .clone()
        .take_while(|pin| job.machine.memcg_look_up(&env, &job.cpu, pin.memcg, pin.online))
        .count();
    if found == pins.clone().count() {
        job.outcome = Some(match job.step.op {
            Op::CpuDown { .. } => {
                if let Some(dead) = &mut job.dead {
                    job.machine.cpu_down(&env, &mut job.cpu, dead);
                }
                Outcome::Done
            }
            _ => Applier {
                machine: &job.machine,
                cpus: std::slice::from_mut(&mut job.cpu),
                first_cpu: job.step.cpu.index(),
                bindings: &mut job.bindings,
                books: &mut LaneLedger { directory: &shared.directory, lane },
                mode: job.mode,
                env: &env,
            }
            .apply(&job.step),
        });
    }
    for pin in job.pins.iter().flatten().take(found) {
        job.machine.memcg_let_go(&env, pin.memcg);
    }
}
