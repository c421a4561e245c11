//! What happened in which order, if somebody wants to know.

use super::board::Board;
use crate::engine::timeline::{Event, Happening};
use std::cell::{Cell, RefCell};

/// The events of one execution.
#[derive(Debug, Default)]
pub(super) struct Log {
    keeping: Cell<bool>,
    events: RefCell<Vec<Event>>,
}

impl Log {
    /// Start anew.
    pub(super) fn reset(&self, keeping: bool) {
        self.keeping.set(keeping);
        self.events.borrow_mut().clear();
    }

    /// A lane did something.
    #[inline]
    pub(super) fn tell(&self, board: &Board, lane: usize, step: usize, what: impl FnOnce() -> Happening) {
        if self.keeping.get() {
            let event =
                Event { lane, step, switch: board.switch.take(), what: what(), differences: Vec::new() };
            self.events.borrow_mut().push(event);
        }
    }

    /// What happens from now on is not told.
    pub(super) fn stop(&self) {
        self.keeping.set(false);
    }

    /// The events so far.
    pub(super) fn take(&self) -> Vec<Event> {
        self.events.take()
    }
}
