//! Hierarchical page counters: one per group for memory, one for swap (v2) and one for memory+swap (v1).
//!
//! Charging is speculative: each level is added to first and looked at afterwards, and taken back on failure.
//! Somebody else may see the too-high value meanwhile and fail although the true sum would fit.

use super::env::{Env, Label, Loop, Mark, Oops, What};
use super::units::{Errno, Pages};
use super::word::Word;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::{Memcg, MemcgRef};

/// One node of a counter tree. Its parent is the group's.
#[derive(Debug)]
pub(crate) struct PageCounter {
    /// Pages charged here, by the group itself and by all below it.
    pub(crate) usage: Word,
    pub(crate) max: Word,
    /// Charges that failed at this level.
    pub(crate) failcnt: Word,
    /// The most pages ever charged. Updated without synchronisation, as it is only informative.
    pub(crate) watermark: Word,
}

/// What the words of a node are called.
pub(crate) struct NodeLabels {
    pub(crate) usage: What,
    pub(crate) max: What,
    pub(crate) failcnt: What,
    pub(crate) watermark: What,
}

/// Which of a group's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Memory,
    Swap,
    /// Memory and swap together.
    Memsw,
    /// Kernel memory, on cgroup v1, where it is charged by the page.
    Kmem,
}

impl PageCounter {
    pub(crate) fn empty(labels: NodeLabels, index: usize) -> PageCounter {
        let word = |what| Word::new(Label::new(what, index));
        PageCounter {
            usage: word(labels.usage),
            max: word(labels.max),
            failcnt: word(labels.failcnt),
            watermark: word(labels.watermark),
        }
    }

    pub(crate) fn init(&self, max: u64) {
        self.usage.init(0);
        self.max.init(max as i64);
        self.failcnt.init(0);
        self.watermark.init(0);
    }

    #[inline(always)]
    fn raise_watermark<E: Env>(&self, e: &E, usage: i64) {
        if usage > self.watermark.load(e) {
            self.watermark.store(e, usage);
        }
    }

    /// Add to the usage, returning it as it was before.
    #[inline(always)]
    fn add<E: Env>(&self, e: &E, n: i64) -> i64 {
        if e.fault(Fault::N1) {
            let old = self.usage.load(e);
            self.usage.store(e, old + n);
            return old;
        }
        self.usage.add(e, n)
    }

    #[inline(always)]
    fn cancel<E: Env>(&self, e: &E, n: i64) {
        if self.add(e, -n) < n {
            e.oops(Oops::Underflow(self.usage.label()));
        }
    }

    /// Write a v2 limit: it holds from now on, whatever the usage.
    pub(crate) fn set_max_v2<E: Env>(&self, e: &E, max: u64) {
        self.max.swap(e, max as i64);
        self.max.mb_after(e);
    }

    /// Write a v1 limit. It is refused while the usage is above it; and it is taken back when a charger slipped
    /// in who may not have seen it. Both sides use full barriers: the charger sees the new limit, or this sees
    /// the charge.
    pub(crate) fn set_max_v1<E: Env>(&self, e: &E, max: u64) -> Result<(), Errno> {
        let max = max as i64;
        loop {
            let usage = self.usage.load(e);
            if usage > max {
                return Err(Errno::Busy);
            }
            let old = self.max.swap(e, max);
            self.max.mb_after(e);
            if self.usage.load(e) <= usage || max >= old {
                return Ok(());
            }
            self.max.store(e, old);
            if !e.retry(Loop::SetMax, self.max.label()) {
                return Err(Errno::Busy);
            }
        }
    }
}

impl Machine {
    #[inline(always)]
    fn counter<E: Env>(&self, e: &E, memcg: MemcgRef, which: Which) -> (&Memcg, &PageCounter) {
        let node = self.memcgs.get(e, memcg);
        match which {
            Which::Memory => (node, &node.memory),
            Which::Swap => (node, &node.swap),
            Which::Memsw => (node, &node.memsw),
            Which::Kmem => (node, &node.kmem),
        }
    }

    /// Charge `pages` from `memcg` up to root unless a level would go above its limit; reaching it is allowed.
    ///
    /// # Errors
    /// The group at whose level it did not fit. Nothing stays charged.
    pub(crate) fn counter_try_charge<E: Env>(
        &self,
        e: &E,
        memcg: MemcgRef,
        which: Which,
        pages: Pages,
    ) -> Result<(), MemcgRef> {
        let n = pages.0 as i64;
        let mut level = memcg;
        loop {
            let (node, counter) = self.counter(e, level, which);
            let usage = counter.add(e, n) + n;
            counter.usage.mb_after(e);
            let max = counter.max.load(e);
            if usage > max {
                counter.cancel(e, n);
                counter.failcnt.add(e, 1);
                if level != memcg {
                    e.mark(Mark::RolledBackBelowAncestor);
                }
                self.counter_cancel_below(e, memcg, level, which, n);
                return Err(level);
            }
            if usage == max {
                e.mark(Mark::LimitMetExactly);
            }
            counter.raise_watermark(e, usage);
            match node.css.counter_parent() {
                Some(parent) => level = parent,
                None => return Ok(()),
            }
        }
    }

    fn counter_cancel_below<E: Env>(&self, e: &E, memcg: MemcgRef, end: MemcgRef, which: Which, n: i64) {
        let mut level = memcg;
        while level != end {
            let (node, counter) = self.counter(e, level, which);
            counter.cancel(e, n);
            match node.css.counter_parent() {
                Some(parent) => level = parent,
                None => return,
            }
        }
    }

    /// Charge whatever the limits say.
    pub(crate) fn counter_charge<E: Env>(&self, e: &E, memcg: MemcgRef, which: Which, pages: Pages) {
        let n = pages.0 as i64;
        let mut level = Some(memcg);
        while let Some(memcg) = level {
            let (node, counter) = self.counter(e, memcg, which);
            let usage = counter.add(e, n) + n;
            if usage > counter.max.peek() {
                e.mark(Mark::ForcedOverLimit);
            }
            counter.raise_watermark(e, usage);
            level = node.css.counter_parent();
        }
    }

    /// Give pages back at every level.
    pub(crate) fn counter_uncharge<E: Env>(&self, e: &E, memcg: MemcgRef, which: Which, pages: Pages) {
        let n = pages.0 as i64;
        let mut level = Some(memcg);
        while let Some(memcg) = level {
            let (node, counter) = self.counter(e, memcg, which);
            counter.cancel(e, n);
            level = node.css.counter_parent();
        }
    }
}
