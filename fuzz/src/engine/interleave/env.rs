//! The environment of a lane: every shared access is a point at which another lane may run.

use super::board::{Board, Pace, Until, Wait};
use super::conflicts::Pending;
use super::lane::{Abandoned, Routines, Signal};
use super::limits::LimitsSeen;
use super::schedule::Lanes;
use super::timeline::Log;
use crate::check;
use crate::engine::hunting::{Hunting, Injected};
use crate::engine::timeline::{Happening, Switch};
use crate::goals::Seen;
use corosensei::Yielder;
use std::cell::Cell;
use stocktake_impl::{Access, Cpu, Env, Failing, Fault, Label, Loop, Machine, Mark, Oops, Place, What};

/// Tries that one operation may make in its loops (rule I13).
const MOST_TRIES: u32 = 1000;
/// Tries after which a loop lets everybody else go on first.
const MOST_TRIES_UNFAIR: u32 = 100;
/// Tries of a loop while nobody else can do anything.
const MOST_TRIES_ALONE: u32 = 20;

/// One lane's environment, for one operation. Unless it is `CHECKED` it schedules and does nothing else: no fault is planted,
/// no failure injected, nothing noted.
pub(super) struct LaneEnv<'a, const CHECKED: bool> {
    pub(super) board: &'a Board,
    pub(super) routines: &'a Routines,
    pub(super) yielder: &'a Yielder<(), Signal>,
    pub(super) hunting: &'a Hunting,
    pub(super) machine: &'a Machine,
    pub(super) log: &'a Log,
    pub(super) lane: usize,
    /// The CPU that it runs on: that of another lane if it is an interrupt.
    pub(super) cpu: usize,
    pub(super) step: usize,
    /// Whether what the operation does is noted for checks.
    pub(super) watched: bool,
    pub(super) injected: Injected,
    pub(super) tries: Cell<u32>,
    pub(super) tries_alone: Cell<u32>,
}

impl<const CHECKED: bool> LaneEnv<'_, CHECKED> {
    /// A point at which another lane could go on: there is at least one beside this.
    #[inline(never)]
    fn point(&self, others_and_this: Lanes, label: Label, access: Access) {
        let board = self.board;
        if CHECKED && board.pace.get() != Pace::Scheduled {
            return;
        }
        if CHECKED {
            board.intends(self.lane, label, access);
        }
        let next = board.choose_among(Some(self.lane), others_and_this);
        if next != self.lane {
            if CHECKED {
                board.preemptions.set(board.preemptions.get() + 1);
            }
            board.next.set(next);
            self.switch(Switch::Preempted);
        }
    }

    /// The lane that was chosen runs, until this one is chosen again. Whatever the engine has to see goes there.
    #[inline]
    fn switch(&self, why: Switch) {
        let board = self.board;
        if CHECKED {
            board.switch.set(Some(why));
            board.speaker.set(self.lane);
        }
        let mut said = Signal::Switch;
        while said == Signal::Switch && !(CHECKED && self.hunting.oops_seen().is_some()) {
            let next = board.next.get();
            if next == self.lane {
                return;
            }
            if !board.is_busy(next) {
                break;
            }
            match self.routines.resume(next) {
                Some(signal) => said = signal,
                None => break,
            }
        }
        self.yielder.suspend(said);
    }

    /// Other lanes run until this one is chosen again.
    fn leave(&self, why: Switch) {
        self.board.switch.set(Some(why));
        self.board.speaker.set(self.lane);
        self.yielder.suspend(Signal::Waits);
    }

    /// An access of an operation that is checked.
    #[inline(never)]
    fn watch(&self, label: Label, access: Access, old: i64, new: i64) {
        if LimitsSeen::concerns(label.what) {
            self.see_limit(label, access, old, new);
        }
        if label.what == What::CpuFlushing {
            self.board.flush_mark(self.lane, label.index as usize, access, new);
        }
        if self.board.learning.get() {
            self.board.touched.borrow_mut().note(self.lane, Pending { label, access });
        }
        self.log.tell(self.board, self.cpu, self.step, || Happening::Access { label, access, old, new });
        if !gets_page(label, access, old, new) {
            self.see_owner(label);
        }
        if old != new && matches!(access, Access::Store | Access::Update) {
            self.note(label, old, new);
        }
    }

    /// A word that a check looks at was changed.
    fn note(&self, label: Label, old: i64, new: i64) {
        if check::is_followed(label.what) {
            self.board.flights[self.lane].borrow_mut().note(label, old, new);
            if old % 2 != 0 {
                self.freed(label);
            }
        }
        self.hunting.changed_in(self.step, label, old, new);
    }

    /// The slot of an arena was given back: what others have in flight on its words is moot.
    fn freed(&self, generation: Label) {
        let words: &[What] = match generation.what {
            What::MemcgGeneration => {
                use What::{CssRefs, IdRefs, KmemUsage, MemoryUsage, MemswUsage, SwapUsage};
                &[MemoryUsage, SwapUsage, MemswUsage, KmemUsage, CssRefs, IdRefs]
            }
            What::ObjcgGeneration => &[What::ObjcgRefs, What::ObjcgLeftover],
            What::CacheGeneration => &[What::CacheRefs],
            _ => return,
        };
        for (lane, flight) in self.board.flights.iter().enumerate() {
            if lane != self.lane {
                flight.borrow_mut().forget(generation, words);
            }
        }
    }

    #[cold]
    fn see_limit(&self, label: Label, access: Access, old: i64, new: i64) {
        if label.what == What::MemoryMax && old != new {
            let usage = Label { what: What::MemoryUsage, ..label };
            if self.board.flights.iter().any(|flight| flight.borrow().added(usage) > 0) {
                self.board.reach(Seen::LimitMetCharge);
            }
        }
        let mut flight = self.board.flights[self.lane].borrow_mut();
        flight.limits.see(label, access, old, new, || {
            let others = self.board.flights.iter().enumerate().filter(|(lane, _)| *lane != self.lane);
            others.map(|(_, flight)| flight.borrow().added(label)).sum()
        });
    }

    /// The object that a word is part of may have been freed since it was looked up, at the point before this access.
    #[inline]
    fn see_owner(&self, label: Label) {
        if let Place::Object(generation) | Place::ObjectOnCpu(generation, _) = label.place()
            && generation.what != label.what
            && !self.machine.lives_at(generation)
        {
            self.oops(Oops::Stale(generation));
        }
    }

    /// Work was queued, or taken from a queue.
    #[cold]
    fn queue_changed(&self, label: Label) {
        if label.what == What::UnboundQueue {
            self.board.set_unbound_work(self.machine.has_unbound_work());
        } else {
            let cpu = label.index as usize;
            self.board.set_bound_work(cpu, self.machine.has_bound_work(cpu));
        }
    }

    /// There is nothing to go on with.
    fn abandon(&self) -> ! {
        std::panic::resume_unwind(Box::new(Abandoned))
    }

    /// The CPU is the interrupt's until that has ended.
    #[cold]
    fn lend(&self, step: usize, cpu: &mut Cpu) {
        let exchange = |cpu: &mut Cpu| {
            if let Some(lent) = &mut *self.board.lent.borrow_mut() {
                std::mem::swap(cpu, lent);
            }
        };
        self.log.tell(self.board, self.cpu, self.step, || Happening::Interrupt(step));
        exchange(cpu);
        self.board.speaker.set(self.lane);
        self.yielder.suspend(Signal::Interrupted);
        exchange(cpu);
        self.board.interrupting.set(false);
    }

    fn wait(&self, wait: Wait) {
        if CHECKED && self.watched {
            let on = match wait {
                Wait::Lock(label) | Wait::Grace(label) | Wait::Spin(_, label, _) => label,
                Wait::Nothing => return,
            };
            match wait {
                Wait::Lock(_) => self.board.reach(Seen::LockWaitedFor),
                Wait::Grace(_) => self.board.reach(Seen::GraceWaitedForSection),
                Wait::Spin(..) | Wait::Nothing => {}
            }
            self.board.wait(self.lane, wait);
            let holder = self.board.awaited(self.lane);
            self.log.tell(self.board, self.cpu, self.step, || Happening::Wait { on, holder });
        } else {
            self.board.wait(self.lane, wait);
        }
        self.leave(Switch::Waited);
    }
}

impl<const CHECKED: bool> Env for LaneEnv<'_, CHECKED> {
    const FAULTS: bool = CHECKED;
    const WATCHED: bool = true;

    #[inline]
    fn before(&self, label: Label, access: Access) {
        let ready = self.board.ready();
        if !ready.none_but(self.lane) {
            self.point(ready, label, access);
        }
    }

    /// Small enough to become part of each access, where it is known what is done.
    #[inline(always)]
    fn after(&self, label: Label, access: Access, old: i64, new: i64) {
        if CHECKED && self.watched {
            self.watch(label, access, old, new);
        }
        match access {
            Access::Load => {}
            Access::Store | Access::Update => {
                if old != new {
                    self.board.written(label);
                }
            }
            Access::Lock => self.board.locked(label, self.lane),
            Access::Trylock => {
                if old == 0 {
                    self.board.locked(label, self.lane);
                } else {
                    self.board.reach(Seen::TrylockLost);
                }
            }
            Access::Unlock => {
                self.board.unlocked(label);
                if matches!(label.what, What::CpuQueue | What::UnboundQueue) {
                    self.queue_changed(label);
                }
            }
        }
    }

    #[inline]
    fn fault(&self, fault: Fault) -> bool {
        CHECKED && self.hunting.fault(fault)
    }

    #[inline]
    fn failing(&self, failing: Failing) -> bool {
        CHECKED && self.injected.strikes(failing)
    }

    #[inline]
    fn mark(&self, mark: Mark) {
        if CHECKED {
            self.hunting.mark(mark);
        }
    }

    #[cold]
    fn oops(&self, oops: Oops) {
        self.hunting.oops(oops);
    }

    #[inline]
    fn interrupt(&self, _machine: &Machine, cpu: &mut Cpu) {
        if CHECKED && let Some(step) = self.board.interrupted(self.lane) {
            self.lend(step, cpu);
        }
    }

    fn retry(&self, what: Loop, on: Label) -> bool {
        let wait = match what {
            Loop::Lock => Wait::Lock(on),
            Loop::Grace => Wait::Grace(on),
            _ if self.tries.get() >= MOST_TRIES_UNFAIR => Wait::Spin(what, on, Until::NobodyElse),
            _ => Wait::Spin(what, on, Until::Written),
        };
        match (self.board.pace.get(), what) {
            (Pace::Abandoning, _) => self.abandon(),
            (Pace::Ending, Loop::Lock) => {
                self.leave(Switch::Waited);
                return true;
            }
            (Pace::Ending, _) => return false,
            _ => {}
        }
        if matches!(wait, Wait::Spin(..)) {
            self.tries.set(self.tries.get() + 1);
            // Others that try again and again may be what this one waits for: then it is the turn of all of them.
            let helped = what == Loop::Drains && !self.board.could_help().is_empty();
            let alone = self.board.ready().none_but(self.lane) && !self.board.others_spin() && !helped;
            if alone {
                self.tries_alone.set(self.tries_alone.get() + 1);
            }
            if self.tries.get() > MOST_TRIES || self.tries_alone.get() > MOST_TRIES_ALONE {
                self.oops(Oops::Stuck(what, on));
                return false;
            }
            if alone {
                return true;
            }
        }
        self.wait(wait);
        true
    }
}

/// Whether an access may be that of somebody who takes a reference to a page that he has found without one. It may have been
/// freed by then, and be another one: its count of references is there as long as the machine is.
fn gets_page(label: Label, access: Access, old: i64, new: i64) -> bool {
    label.what == What::PageRefs && (access == Access::Load || access == Access::Update && new >= old)
}
