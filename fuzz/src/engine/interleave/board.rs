//! What the lanes share: who can go on, who waits for what, and what each has done in the operation that it is in.
//!
//! Everything here is used by one thread; a lane that is switched away from holds no borrow of it.

use super::conflicts::{Pending, Touched};
use super::flight::Flight;
use super::schedule::{Lanes, Outlook, Point, Strategy};
use crate::engine::timeline::Switch;
use crate::goals::{OVERLAPS, Seen};
use std::cell::{Cell, RefCell};
use stocktake_impl::{Access, Cpu, Label, Loop, What};

/// The most lanes: one for each CPU.
pub(super) const MOST_LANES: usize = 8;
/// The lane of the interrupt that has come, on whatever CPU; there is one at a time.
pub(super) const IRQ: usize = MOST_LANES;
/// All lanes, that of the interrupt too.
pub(super) const SEATS: usize = IRQ + 1;

/// What a lane waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wait {
    /// It does not wait.
    #[default]
    Nothing,
    /// A lock.
    Lock(Label),
    /// The end of the read section that this word tells of.
    Grace(Label),
    /// It is in a loop that has tried and failed: for what this says.
    Spin(Loop, Label, Until),
}

/// What lets a lane that is in a loop try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// That anybody writes anything.
    Written,
    /// After many tries: that nobody else can go on. Two that try for ever what a third has to do first would else wake
    /// each other, and a scheduler that is not fair never let that one go on.
    NobodyElse,
}

/// How the lanes are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pace {
    /// A strategy chooses at each point.
    #[default]
    Scheduled,
    /// The execution is over: every lane is brought to the end of its operation, in any order.
    Ending,
    /// A lane that has to wait gives up.
    Abandoning,
}

/// The state that lanes share.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Lanes that can go on with their programs.
    able: Cell<Lanes>,
    /// The same, and CPUs that have nothing to do but work.
    ready: Cell<Lanes>,
    /// Lanes in the middle of an operation.
    busy: Cell<Lanes>,
    /// The lane that has said something to the engine last.
    pub(super) speaker: Cell<usize>,
    pub(super) pace: Cell<Pace>,
    strategy: RefCell<Strategy>,
    /// The lane chosen last.
    pub(super) next: Cell<usize>,
    /// The access that each lane in the middle of an operation is about to make, where it is known.
    pending: [Cell<Option<Pending>>; SEATS],
    /// What lanes have touched in an execution that was run to see that.
    pub(super) touched: RefCell<Touched>,
    /// Whether this is that execution.
    pub(super) learning: Cell<bool>,
    waits: [Cell<Wait>; SEATS],
    waiting: Cell<Lanes>,
    /// Locks that lanes hold.
    held: RefCell<Vec<(Label, usize)>>,
    /// Every choice so far, if they are kept.
    choices: RefCell<Vec<u8>>,
    pub(super) keeping: Cell<bool>,
    pub(super) points: Cell<u64>,
    pub(super) preemptions: Cell<u64>,
    /// Why the lane that runs now was switched to, until something tells of it.
    pub(super) switch: Cell<Option<Switch>>,
    pub(super) flights: [RefCell<Flight>; SEATS],
    /// Whether an operation under way maps, unmaps, moves or frees a page.
    pub(super) maps: Cell<bool>,
    /// CPUs whose drain the operation of each lane has asked for, and that have not drained since.
    asked: [Cell<Lanes>; SEATS],
    /// Lanes that have ended, on CPUs that are up: work may be run there.
    idle: Cell<Lanes>,
    /// CPUs between two operations that have to end the half of a mapping before they do anything else.
    halved: Cell<Lanes>,
    /// CPUs whose next operation waits for somebody: they run work meanwhile.
    sleeping: Cell<Lanes>,
    /// CPUs with bound work.
    bound_work: Cell<Lanes>,
    unbound_work: Cell<bool>,
    /// The step that may interrupt the operation of each lane, if the one that comes next in the lane may.
    pub(super) interrupts: [Cell<Option<usize>>; MOST_LANES],
    /// Goals of overlap that the execution has reached, a bit for each.
    reached: Cell<u32>,
    /// Whether an interrupt is on, on any CPU.
    pub(super) interrupting: Cell<bool>,
    /// The CPU that an operation has lent to an interrupt; else one that stands in for it.
    pub(super) lent: RefCell<Option<Cpu>>,
}

impl Board {
    /// Start an execution.
    pub(super) fn reset(&self) {
        self.restart();
        self.pending.iter().for_each(|pending| pending.set(None));
        self.choices.borrow_mut().clear();
        self.switch.set(None);
        self.flights.iter().for_each(|flight| flight.borrow_mut().clear());
        self.asked.iter().for_each(|asked| asked.set(Lanes::default()));
        self.maps.set(false);
        self.set_helpers(Lanes::default(), Lanes::default());
        self.reached.set(0);
        self.interrupting.set(false);
        self.interrupts.iter().for_each(|interrupt| interrupt.set(None));
    }

    /// The same, if scheduling is all that is done.
    pub(super) fn restart(&self) {
        self.able.set(Lanes::default());
        self.busy.set(Lanes::default());
        self.pace.set(Pace::Scheduled);
        self.waits.iter().for_each(|wait| wait.set(Wait::Nothing));
        self.waiting.set(Lanes::default());
        self.held.borrow_mut().clear();
        self.points.set(0);
        self.preemptions.set(0);
        self.idle.set(Lanes::default());
        self.bound_work.set(Lanes::default());
        self.unbound_work.set(false);
        self.ready.set(Lanes::default());
    }

    /// A goal has been reached.
    pub(super) fn reach(&self, goal: Seen) {
        self.reached.set(self.reached.get() | 1 << goal as u32);
    }

    /// The goals of overlap that have been reached.
    pub(super) fn reached(&self) -> impl Iterator<Item = Seen> {
        let reached = self.reached.get();
        OVERLAPS.iter().copied().filter(move |&goal| reached & 1 << goal as u32 != 0)
    }

    /// Whether a lane has asked for the drain of a CPU that has not drained since.
    pub(super) fn has_asked(&self, lane: usize, cpu: usize) -> bool {
        self.asked[lane].get().has(cpu)
    }

    /// The step that interrupts the operation of a lane here, if one can and that is chosen. With a lock held
    /// interrupts are off, and one is not interrupted by another.
    pub(super) fn interrupted(&self, lane: usize) -> Option<usize> {
        let step = self.interrupts.get(lane)?.get()?;
        let one_is_on = self.interrupting.get();
        if one_is_on
            || self.pace.get() != Pace::Scheduled
            || self.held.borrow().iter().any(|held| held.1 == lane)
        {
            return None;
        }
        let mut either = Lanes::default();
        either.insert(lane);
        either.insert(IRQ);
        (self.choose(Some(lane), either) == IRQ).then(|| {
            self.preemptions.set(self.preemptions.get() + 1);
            self.interrupting.set(true);
            step
        })
    }

    /// The flush mark of a CPU was raised, or found raised, by a lane; or it was lowered, since the CPU has drained.
    pub(super) fn flush_mark(&self, lane: usize, cpu: usize, access: Access, now: i64) {
        let asks = access == Access::Update && now == 1;
        for (id, asked) in self.asked.iter().enumerate() {
            let mut cpus = asked.get();
            match () {
                () if now == 0 => cpus.remove(cpu),
                () if asks && id == lane => cpus.insert(cpu),
                () => {}
            }
            asked.set(cpus);
        }
    }

    /// The operation of a lane is over: the books know what it has done, and the drains that it has asked for are nobody's.
    pub(super) fn lands(&self, lane: usize) {
        self.pending[lane].set(None);
        self.flights[lane].borrow_mut().clear();
        self.asked[lane].set(Lanes::default());
    }

    /// CPUs that have not run the drain that the operation of a lane has asked them for.
    pub(super) fn awaited_drains(&self, lane: usize) -> Lanes {
        self.asked[lane].get()
    }

    /// Begin with another way to choose, or go on with the same.
    pub(super) fn strategy(&self) -> std::cell::RefMut<'_, Strategy> {
        self.strategy.borrow_mut()
    }

    /// The choices taken so far.
    pub(super) fn choices(&self) -> Vec<u8> {
        self.choices.borrow().clone()
    }

    /// Lanes that can go on, CPUs included that have nothing to do but work.
    #[inline]
    pub(super) fn ready(&self) -> Lanes {
        self.ready.get()
    }

    fn set_ready_again(&self) {
        let mut ready = self.able.get();
        let idle = self.idle.get();
        if !idle.is_empty() {
            idle.iter().filter(|&lane| self.bound_work.get().has(lane)).for_each(|lane| ready.insert(lane));
            if self.unbound_work.get() {
                ready.insert(idle.first());
            }
        }
        self.ready.set(ready);
    }

    pub(super) fn set_ready(&self, lane: usize, can_go_on: bool) {
        change(&self.able, lane, can_go_on);
        self.set_ready_again();
    }

    pub(super) fn set_idle(&self, idle: Lanes) {
        self.idle.set(idle);
        self.set_ready_again();
    }

    /// See [`Board::helpers`].
    pub(super) fn set_helpers(&self, halved: Lanes, sleeping: Lanes) {
        self.halved.set(halved);
        self.sleeping.set(sleeping);
    }

    /// CPUs that would drain, if nobody else can go on and somebody waits for drains: those in the middle of a mapping
    /// end it first, and those whose next operation waits for another lane sleep.
    pub(super) fn helpers(&self) -> Lanes {
        let waits = |lane: usize| matches!(self.waits_for(lane), Wait::Spin(Loop::Drains, ..));
        if self.waiting.get().iter().any(waits) { self.could_help() } else { Lanes::default() }
    }

    /// The same, of somebody who waits for drains.
    pub(super) fn could_help(&self) -> Lanes {
        let mut helpers = self.halved.get();
        self.sleeping
            .get()
            .iter()
            .filter(|&cpu| self.bound_work.get().has(cpu))
            .for_each(|cpu| helpers.insert(cpu));
        helpers
    }

    /// Whether the CPU of a lane ends the half of a mapping when it helps, or else runs work.
    pub(super) fn is_halved(&self, lane: usize) -> bool {
        self.halved.get().has(lane)
    }

    pub(super) fn set_bound_work(&self, cpu: usize, some: bool) {
        change(&self.bound_work, cpu, some);
        self.set_ready_again();
    }

    pub(super) fn set_unbound_work(&self, some: bool) {
        self.unbound_work.set(some);
        self.set_ready_again();
    }

    /// Whether a lane is in the middle of an operation.
    #[inline]
    pub(super) fn is_busy(&self, lane: usize) -> bool {
        self.busy.get().has(lane)
    }

    pub(super) fn set_busy(&self, lane: usize, busy: bool) {
        change(&self.busy, lane, busy);
    }

    /// Choose among lanes of which there is at least one.
    #[inline(always)]
    pub(super) fn choose(&self, current: Option<usize>, ready: Lanes) -> usize {
        if ready.leaves_no_choice() { ready.first() } else { self.choose_among(current, ready) }
    }

    /// Choose among at least two lanes.
    #[inline(always)]
    pub(super) fn choose_among(&self, current: Option<usize>, ready: Lanes) -> usize {
        self.points.set(self.points.get() + 1);
        let mut strategy = self.strategy.borrow_mut();
        let next = strategy.choose(&Point { current, ready });
        strategy.goes(next, || self.outlook(next));
        if self.keeping.get() {
            self.choices.borrow_mut().push(next as u8);
        }
        next
    }

    /// The lane is about to make an access.
    #[inline]
    pub(super) fn intends(&self, lane: usize, label: Label, access: Access) {
        self.pending[lane].set(Some(Pending { label, access }));
    }

    /// What the lane is about to do, as far as it matters to others.
    fn outlook(&self, lane: usize) -> Outlook {
        let Some(access) = self.pending[lane].get() else {
            return Outlook { shared: true, racing: Lanes::default() };
        };
        let mut racing = Lanes::default();
        for other in (0..SEATS).filter(|&other| other != lane) {
            if self.pending[other].get().is_some_and(|pending| access.conflicts_with(pending)) {
                racing.insert(other);
            }
        }
        Outlook { shared: self.touched.borrow().concerns_others(lane, access), racing }
    }

    /// The lane has to wait; it is switched away from.
    pub(super) fn wait(&self, lane: usize, wait: Wait) {
        self.pending[lane].set(None);
        self.waits[lane].set(wait);
        change(&self.waiting, lane, true);
        self.set_ready(lane, false);
    }

    pub(super) fn waits_for(&self, lane: usize) -> Wait {
        self.waits[lane].get()
    }

    #[inline]
    fn wake(&self, ends: impl Fn(Wait) -> bool) {
        for lane in self.waiting.get().iter() {
            let wait = &self.waits[lane];
            if ends(wait.get()) {
                wait.set(Wait::Nothing);
                change(&self.waiting, lane, false);
                self.set_ready(lane, true);
            }
        }
    }

    /// Lanes that can go on; if none can, whoever is in a loop tries again.
    pub(super) fn ready_or_spinning(&self) -> Lanes {
        if self.ready().is_empty() {
            self.wake(|wait| matches!(wait, Wait::Spin(..)));
        }
        self.ready()
    }

    /// Whether a lane that waits is in a loop.
    pub(super) fn others_spin(&self) -> bool {
        let spins = |lane: usize| matches!(self.waits_for(lane), Wait::Spin(..));
        self.waiting.get().iter().any(spins)
    }

    /// Whether anybody waits. Asked first, as it is seldom so.
    #[inline]
    fn somebody_waits(&self) -> bool {
        !self.waiting.get().is_empty()
    }

    /// A word was changed.
    #[inline(always)]
    pub(super) fn written(&self, label: Label) {
        if self.somebody_waits() {
            self.wake_by_write(label);
        }
    }

    #[inline(never)]
    fn wake_by_write(&self, label: Label) {
        self.wake(|wait| matches!(wait, Wait::Spin(_, _, Until::Written)) || wait == Wait::Grace(label));
    }

    #[inline]
    pub(super) fn locked(&self, label: Label, lane: usize) {
        self.held.borrow_mut().push((label, lane));
    }

    #[inline]
    pub(super) fn unlocked(&self, label: Label) {
        let mut held = self.held.borrow_mut();
        if let Some(index) = held.iter().position(|(held, _)| *held == label) {
            held.swap_remove(index);
        }
        drop(held);
        if self.somebody_waits() {
            self.wake(|wait| matches!(wait, Wait::Spin(_, _, Until::Written)) || wait == Wait::Lock(label));
        }
    }

    /// The lane that holds a lock.
    pub(super) fn holder(&self, label: Label) -> Option<usize> {
        self.held.borrow().iter().find(|(held, _)| *held == label).map(|(_, lane)| *lane)
    }

    /// The lane that has what another one waits for, if a lane has it.
    pub(super) fn awaited(&self, lane: usize) -> Option<usize> {
        match self.waits_for(lane) {
            Wait::Lock(label) => self.holder(label),
            Wait::Grace(label) => Some(label.index as usize),
            Wait::Spin(..) | Wait::Nothing => None,
        }
    }

    /// Whether an operation under way has written such a word of an owner, other than by adding.
    pub(super) fn replaces(&self, owner: usize, of: impl Fn(What) -> bool) -> bool {
        let written = |label: &Label| label.index as usize == owner && of(label.what);
        self.flights.iter().any(|flight| flight.borrow().replaced().iter().any(written))
    }

    /// Whether an operation under way has changed a word that is a sum, even if nothing of it is left.
    pub(super) fn adds(&self, label: Label) -> bool {
        self.flights.iter().any(|flight| flight.borrow().adds(label))
    }

    /// Whether any lane holds a lock of this kind.
    pub(super) fn holds(&self, what: What) -> bool {
        self.held.borrow().iter().any(|(label, _)| label.what == what)
    }

    /// What the other lanes are in the middle of has added to a word.
    pub(super) fn in_flight(&self, label: Label) -> i64 {
        self.flights.iter().map(|flight| flight.borrow().added(label)).sum()
    }
}

#[inline]
fn change(set: &Cell<Lanes>, lane: usize, insert: bool) {
    let mut lanes = set.get();
    match insert {
        true => lanes.insert(lane),
        false => lanes.remove(lane),
    }
    set.set(lanes);
}
