//! A CPU: the part that only its runner touches, and the part that others may look at.
//!
//! Whoever runs on a CPU holds its [`Cpu`] as `&mut`: a hit in a stock is plain loads and stores. What a remote
//! CPU needs to see is published in `CpuShared`; it never reads a count, and never changes a stock. It asks
//! for a drain by queueing work, as the kernel does.

use super::env::{Label, What};
use super::page_stock::PageStock;
use super::percpu_ref::AllLocalCounts;
use super::word::{Lock, Word};
use super::work::Work;
use crate::obj_cgroup::ByteStock;
use std::collections::VecDeque;

/// Most groups that a page stock can cache.
pub const STOCK_SLOTS: usize = 7;

/// The owned part of a CPU.
#[derive(Debug)]
pub struct Cpu {
    pub(crate) id: usize,
    pub(crate) pages: PageStock,
    pub(crate) bytes: ByteStock,
}

impl Cpu {
    pub(crate) fn new(id: usize) -> Cpu {
        Cpu { id, pages: PageStock::default(), bytes: ByteStock::default() }
    }

    /// Number of the CPU.
    pub fn id(&self) -> usize {
        self.id
    }
}

/// What others may see of a CPU.
#[derive(Debug)]
pub(crate) struct CpuShared {
    /// The groups in the page stock.
    pub(crate) cached: [Word; STOCK_SLOTS],
    /// The objcg in the byte stock.
    pub(crate) cached_objcg: Word,
    /// A drain of this CPU is queued or under way.
    pub(crate) flushing: Word,
    pub(crate) online: Word,
    /// No work may be queued here from elsewhere.
    pub(crate) isolated: Word,
    /// Odd inside a read section.
    pub(crate) section: Word,
    /// This CPU's numbers of the counters that count on each CPU by itself. Only it changes them; they are added up
    /// when nobody does any more.
    pub(crate) counts: AllLocalCounts,
    /// Work bound to this CPU.
    pub(crate) queue: Lock<VecDeque<Work>>,
}

impl CpuShared {
    pub(crate) fn new(id: usize) -> CpuShared {
        let word = |what| Word::new(Label::new(what, id));
        CpuShared {
            cached: std::array::from_fn(|slot| {
                Word::new(Label::new(What::CpuCached, id * STOCK_SLOTS + slot))
            }),
            cached_objcg: word(What::CpuCachedObjcg),
            flushing: word(What::CpuFlushing),
            online: word(What::CpuOnline),
            isolated: word(What::CpuIsolated),
            section: word(What::CpuSection),
            counts: AllLocalCounts::default(),
            queue: Lock::new(Label::new(What::CpuQueue, id), VecDeque::new()),
        }
    }

    /// As at the start, with room for so many counters of references of each kind.
    pub(crate) fn reset(&mut self, counters: [usize; 2]) {
        for (counts, counters) in self.counts.iter_mut().zip(counters) {
            counts.fit(counters);
        }
        for word in &self.cached {
            word.init(0);
        }
        for word in [&self.cached_objcg, &self.flushing, &self.isolated, &self.section] {
            word.init(0);
        }
        self.online.init(1);
        self.queue.get_mut().clear();
    }
}
