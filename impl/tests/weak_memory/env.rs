//! The environment of an exploration: it weakens one kind of access, and panics where the machine notices a defect.

use crate::explore::Planted;
use loom::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize as Plain, Ordering::SeqCst};
use stocktake_impl::{Access, Design, Env, Fault, Label, Loop, Mark, Oops, What};

/// The environment of one CPU.
#[derive(Clone)]
pub(crate) struct Weak {
    cpu: usize,
    shared: Arc<Shared>,
}

struct Shared {
    planted: Option<Planted>,
    told: Ordered,
    seen_cached: AtomicBool,
    below_usage: AtomicBool,
}

impl Weak {
    /// The environment of CPU 0.
    pub(crate) fn new(planted: Option<Planted>) -> Weak {
        let (seen_cached, below_usage) = (AtomicBool::new(false), AtomicBool::new(false));
        Weak { cpu: 0, shared: Arc::new(Shared { planted, told: Ordered::new(), seen_cached, below_usage }) }
    }

    /// The same for the other CPU.
    pub(crate) fn on_cpu_1(&self) -> Weak {
        Weak { cpu: 1, shared: Arc::clone(&self.shared) }
    }

    /// The design to run.
    pub(crate) fn design(&self) -> Design {
        match self.shared.planted {
            Some(Planted::Design(mapped)) => Design { mapped, ..Design::default() },
            _ => Design::default(),
        }
    }

    /// Whether CPU 1 has seen that CPU 0 caches something.
    pub(crate) fn seen_cached(&self) -> bool {
        self.shared.seen_cached.load(SeqCst)
    }

    /// Whether the writer of a limit has seen the usage above it.
    pub(crate) fn limit_was_below_usage(&self) -> bool {
        self.shared.below_usage.load(SeqCst)
    }
}

impl Env for Weak {
    const FAULTS: bool = true;
    const WATCHED: bool = true;

    fn weakened(&self, label: Label, access: Access) -> bool {
        matches!(self.shared.planted, Some(Planted::Weakened(w, a)) if (w, a) == (label.what, access))
    }

    fn fault(&self, fault: Fault) -> bool {
        matches!(self.shared.planted, Some(Planted::Fault(planted)) if planted == fault)
    }

    fn after(&self, label: Label, access: Access, old: i64, _new: i64) {
        match (label.what, access) {
            (What::PageTold, Access::Load) => self.shared.told.read(self.cpu),
            (What::PageTold, Access::Store | Access::Update) => self.shared.told.write(self.cpu),
            (What::CpuCached | What::CpuCachedObjcg, Access::Load) if self.cpu == 1 && old != 0 => {
                self.shared.seen_cached.store(true, SeqCst);
            }
            _ => {}
        }
    }

    fn mark(&self, mark: Mark) {
        if mark == Mark::LimitBelowUsage {
            self.shared.below_usage.store(true, SeqCst);
        }
    }

    fn oops(&self, oops: Oops) {
        panic!("the machine noticed: {oops:?}");
    }

    fn retry(&self, _what: Loop, _on: Label) -> bool {
        loom::thread::yield_now();
        true
    }
}

/// Notices accesses of two CPUs to the same thing, one of them a write, that nothing orders. In a kernel either could
/// then take effect first, whatever the order of the program.
///
/// Each CPU counts its accesses in a relaxed word. What is ordered after them cannot read an old count; and what is not,
/// can, so loom tries it.
struct Ordered {
    accesses: [Count; 2],
    writes: [Count; 2],
}

struct Count {
    /// As the other CPU may see it.
    seen: AtomicUsize,
    /// As it is: no memory that loom knows of.
    really: Plain,
}

impl Count {
    fn new() -> Count {
        Count { seen: AtomicUsize::new(0), really: Plain::new(0) }
    }

    fn increase(&self) {
        let count = self.really.fetch_add(1, SeqCst) + 1;
        self.seen.store(count, Ordering::Relaxed);
    }

    fn must_be_seen(&self) {
        // The real count first: loom may let the other CPU run before the load.
        let really = self.really.load(SeqCst);
        assert!(
            self.seen.load(Ordering::Relaxed) >= really,
            "nothing orders two accesses to what a page was told"
        );
    }
}

impl Ordered {
    fn new() -> Ordered {
        let counts = || [Count::new(), Count::new()];
        Ordered { accesses: counts(), writes: counts() }
    }

    fn read(&self, cpu: usize) {
        self.writes[1 - cpu].must_be_seen();
        self.accesses[cpu].increase();
    }

    fn write(&self, cpu: usize) {
        self.accesses[1 - cpu].must_be_seen();
        self.accesses[cpu].increase();
        self.writes[cpu].increase();
    }
}
