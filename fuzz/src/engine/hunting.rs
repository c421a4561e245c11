//! The environment of a hunt: plants faults, injects failures, and notes what the machine touches.

use super::timeline::Happening;
use crate::check;
use std::cell::{Cell, RefCell};
use stocktake_impl::{Access, Env, Failing, Fault, Faults, Label, Loop, Mark, Oops};
use stocktake_model::Failure;

/// Tries that one operation may make in its loops before it counts as stuck (rule I13). Sequentially no loop
/// needs a second try, so the bound only has to be generous.
const MOST_TRIES: u32 = 1000;

/// One change of a shared word, for provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) step: usize,
    pub(crate) label: Label,
    pub(crate) old: i64,
    pub(crate) new: i64,
}

impl Write {
    /// The change as an event of a timeline.
    pub(crate) fn happened(self) -> Happening {
        Happening::Access { label: self.label, access: Access::Update, old: self.old, new: self.new }
    }
}

/// The failure injected into one operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Injected(Cell<Option<Failure>>);

impl Injected {
    /// Injected into an operation that is about to begin.
    pub(crate) fn of(fail: Option<Failure>) -> Injected {
        Injected(Cell::new(fail))
    }

    /// Inject it.
    pub(crate) fn set(&self, fail: Option<Failure>) {
        self.0.set(fail);
    }

    /// Whether it strikes at this place. The place that it strikes at uses it up.
    #[inline]
    pub(crate) fn strikes(&self, place: Failing) -> bool {
        let Some(fail) = self.0.get() else { return false };
        let (left, strikes) = match (place, fail) {
            (Failing::Trylock, Failure::Trylock)
            | (Failing::Alloc, Failure::Alloc)
            | (Failing::Insert, Failure::Insert) => (None, true),
            (Failing::Alloc, _) => (Some(fail.after_allocation()), false),
            (Failing::Trylock | Failing::Insert, _) => return false,
        };
        self.0.set(left);
        strikes
    }
}

/// Faults, failures and observations of one execution.
#[derive(Debug)]
pub(crate) struct Hunting {
    faults: Faults,
    injected: Injected,
    tries: Cell<u32>,
    dirty: RefCell<Vec<Label>>,
    oopses: RefCell<Vec<Oops>>,
    marks: [Cell<u32>; Mark::COUNT],
    step: Cell<usize>,
    writes: Option<RefCell<Vec<Write>>>,
}

impl Hunting {
    pub(crate) fn new() -> Hunting {
        Hunting {
            faults: Faults::NONE,
            injected: Injected::default(),
            tries: Cell::new(0),
            dirty: RefCell::new(Vec::new()),
            oopses: RefCell::new(Vec::new()),
            marks: std::array::from_fn(|_| Cell::new(0)),
            step: Cell::new(0),
            writes: None,
        }
    }

    /// Start an execution; with `history`, every change of a word is kept.
    pub(crate) fn reset(&mut self, faults: Faults, history: bool) {
        self.faults = faults;
        self.injected.set(None);
        self.tries.set(0);
        self.dirty.get_mut().clear();
        self.oopses.get_mut().clear();
        self.writes = history.then(RefCell::default);
    }

    /// Start a step.
    pub(crate) fn begin(&self, step: usize, fail: Option<Failure>) {
        self.step.set(step);
        self.injected.set(fail);
        self.tries.set(0);
    }

    /// The words written since the last call, at least those that a law follows; some perhaps more than once.
    pub(crate) fn take_dirty(&self, into: &mut Vec<Label>) {
        into.clear();
        std::mem::swap(into, &mut self.dirty.borrow_mut());
    }

    /// The first defect that the machine noticed itself.
    #[inline]
    pub(crate) fn oops_seen(&self) -> Option<Oops> {
        self.oopses.borrow().first().copied()
    }

    /// Add up the marks reached since the last call.
    pub(crate) fn take_marks(&self, goals: &mut [u64], index: &[usize]) {
        for (mark, &goal) in self.marks.iter().zip(index) {
            goals[goal] += u64::from(mark.take());
        }
    }

    /// Every change of a word so far, if they are kept.
    pub(crate) fn history(&self) -> Vec<Write> {
        self.writes.as_ref().map_or_else(Vec::new, |writes| writes.borrow().clone())
    }

    /// A word was changed by a step that runs beside others.
    pub(crate) fn changed_in(&self, step: usize, label: Label, old: i64, new: i64) {
        if self.writes.is_some() {
            self.remember(Write { step, label, old, new });
        }
    }

    fn changed(&self, label: Label, old: i64, new: i64) {
        if self.writes.is_some() {
            self.remember(Write { step: self.step.get(), label, old, new });
        }
        let mut dirty = self.dirty.borrow_mut();
        if dirty.last() != Some(&label) {
            dirty.push(label);
        }
    }

    #[cold]
    fn remember(&self, write: Write) {
        if let Some(writes) = &self.writes {
            writes.borrow_mut().push(write);
        }
    }
}

impl Env for Hunting {
    const FAULTS: bool = true;
    const WATCHED: bool = true;

    // Where it is called the kind of access is known: loads and locks leave nothing of this behind.
    #[inline(always)]
    fn after(&self, label: Label, access: Access, old: i64, new: i64) {
        let writes = matches!(access, Access::Store | Access::Update);
        if writes && old != new && (check::is_followed(label.what) || self.writes.is_some()) {
            self.changed(label, old, new);
        }
    }

    #[inline]
    fn fault(&self, fault: Fault) -> bool {
        self.faults.has(fault)
    }

    #[inline]
    fn failing(&self, failing: Failing) -> bool {
        self.injected.strikes(failing)
    }

    #[inline]
    fn mark(&self, mark: Mark) {
        let cell = &self.marks[mark as usize];
        cell.set(cell.get() + 1);
    }

    #[cold]
    fn oops(&self, oops: Oops) {
        let mut oopses = self.oopses.borrow_mut();
        if oopses.is_empty() {
            oopses.push(oops);
        }
    }

    fn retry(&self, what: Loop, on: Label) -> bool {
        if what == Loop::Drains {
            // Nobody runs beside this step: the drains of other CPUs would never come.
            return false;
        }
        let tries = self.tries.get() + 1;
        self.tries.set(tries);
        if tries > MOST_TRIES {
            self.oops(Oops::Stuck(what, on));
            return false;
        }
        true
    }
}
