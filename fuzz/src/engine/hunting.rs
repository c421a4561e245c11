//! The environment of a hunt: plants faults, injects failures, and notes what the machine touches.

use stocktake_impl::{Access, Env, Failing, Fault, Faults, Label, Loop, Mark, Oops};
use std::cell::{Cell, RefCell};

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

/// Faults, failures and observations of one execution.
#[derive(Debug)]
pub(crate) struct Hunting {
    faults: Faults,
    failing: Cell<Option<Failing>>,
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
            failing: Cell::new(None),
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
        self.failing.set(None);
        self.tries.set(0);
        self.dirty.get_mut().clear();
        self.oopses.get_mut().clear();
        self.writes = history.then(RefCell::default);
    }

    /// Start a step.
    pub(crate) fn begin(&self, step: usize, failing: Option<Failing>) {
        self.step.set(step);
        self.failing.set(failing);
        self.tries.set(0);
    }

    /// The words written since the last call, some perhaps more than once.
    pub(crate) fn take_dirty(&self, into: &mut Vec<Label>) {
        into.clear();
        into.append(&mut self.dirty.borrow_mut());
    }

    /// The first defect that the machine noticed itself.
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
}

impl Env for Hunting {
    const FAULTS: bool = true;
    const WATCHED: bool = true;

    #[inline]
    fn after(&self, label: Label, access: Access, old: i64, new: i64) {
        if old == new || !matches!(access, Access::Store | Access::Update) {
            return;
        }
        let mut dirty = self.dirty.borrow_mut();
        if dirty.last() != Some(&label) {
            dirty.push(label);
        }
        if let Some(writes) = &self.writes {
            writes.borrow_mut().push(Write { step: self.step.get(), label, old, new });
        }
    }

    #[inline]
    fn fault(&self, fault: Fault) -> bool {
        self.faults.has(fault)
    }

    #[inline]
    fn failing(&self, failing: Failing) -> bool {
        if self.failing.get() == Some(failing) {
            self.failing.set(None);
            return true;
        }
        false
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
        let tries = self.tries.get() + 1;
        self.tries.set(tries);
        if tries > MOST_TRIES {
            self.oops(Oops::Stuck(what, on));
            return false;
        }
        true
    }
}
