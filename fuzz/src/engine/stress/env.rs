//! The environment of a thread: faults and failures, and nothing that another thread could wait for.

use crate::engine::hunting::Injected;
use std::cell::Cell;
use std::time::{Duration, Instant};
use stocktake_impl::{Env, Failing, Fault, Faults, Label, Loop, Oops};
use stocktake_model::Failure;

/// How long one operation may try in its loops (rule I13). Generous: the thread that is waited for may not be running.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tries after which the core is offered to somebody else.
const SPINS: u32 = 64;

/// One thread's environment. Its hooks note nothing but defects; that it is watched makes stale handles show.
pub(super) struct Threaded {
    faults: Faults,
    injected: Injected,
    tries: Cell<u32>,
    waiting_since: Cell<Option<Instant>>,
    oops: Cell<Option<Oops>>,
}

impl Threaded {
    pub(super) fn new(faults: Faults) -> Threaded {
        Threaded {
            faults,
            injected: Injected::default(),
            tries: Cell::new(0),
            waiting_since: Cell::new(None),
            oops: Cell::new(None),
        }
    }

    /// Begin an operation.
    pub(super) fn begin(&self, fail: Option<Failure>) {
        self.injected.set(fail);
        self.tries.set(0);
        self.waiting_since.set(None);
    }

    /// The first defect that the machine noticed itself.
    pub(super) fn oops_seen(&self) -> Option<Oops> {
        self.oops.get()
    }
}

impl Env for Threaded {
    const FAULTS: bool = true;
    const WATCHED: bool = true;

    #[inline]
    fn fault(&self, fault: Fault) -> bool {
        self.faults.has(fault)
    }

    #[inline]
    fn failing(&self, failing: Failing) -> bool {
        self.injected.strikes(failing)
    }

    #[cold]
    fn oops(&self, oops: Oops) {
        if self.oops.get().is_none() {
            self.oops.set(Some(oops));
        }
    }

    fn retry(&self, what: Loop, on: Label) -> bool {
        let tries = self.tries.get() + 1;
        self.tries.set(tries);
        if !tries.is_multiple_of(SPINS) {
            std::hint::spin_loop();
            return true;
        }
        std::thread::yield_now();
        let since = self.waiting_since.get().unwrap_or_else(Instant::now);
        self.waiting_since.set(Some(since));
        if since.elapsed() > PATIENCE {
            self.oops(Oops::Stuck(what, on));
            return false;
        }
        true
    }
}
