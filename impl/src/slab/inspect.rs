//! Looking at caches and slabs from outside the run: nothing here is an access of any CPU.

use super::{CacheRef, KmemCache, Slab, SlabRef, SlabWork, Stage};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::CpuShared;
use crate::substrate::units::Pages;
use crate::substrate::work::Work;

/// What a cache's words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheView {
    /// The root cache that this is a group's part of.
    pub root: Option<CacheRef>,
    /// The group that pays for its slabs.
    pub memcg: Option<MemcgRef>,
    /// References; not kept for root caches.
    pub refs: i64,
    /// How far it has come.
    pub stage: Stage,
    /// Pages of one of its slabs.
    pub pages: Pages,
}

/// What a slab's words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabView {
    /// Its cache.
    pub cache: Option<CacheRef>,
    /// The group that each of its pages holds, where pages do.
    pub memcg: Option<MemcgRef>,
    /// Objects in it.
    pub objects: i64,
}

fn view_of(node: &KmemCache, cpus: &[CpuShared]) -> CacheView {
    CacheView {
        root: Handle::from_word(node.root.peek()),
        memcg: Handle::from_word(node.memcg.peek()),
        refs: node.refs.total(cpus),
        stage: Stage::from_word(node.stage.peek()),
        pages: Pages(node.pages.peek() as u64),
    }
}

fn slab_view(node: &Slab) -> SlabView {
    SlabView {
        cache: Handle::from_word(node.cache.peek()),
        memcg: Handle::from_word(node.memcg.peek()),
        objects: node.objects.peek(),
    }
}

impl Machine {
    /// A cache's words; `None` once it has been freed.
    pub fn cache_view(&self, cache: CacheRef) -> Option<CacheView> {
        self.slab.caches.peek(cache).map(|node| view_of(node, &self.cpus))
    }

    /// The cache that lives in slot number `index` of the arena.
    pub fn cache_at(&self, index: usize) -> Option<(CacheRef, CacheView)> {
        self.slab.caches.at(index).map(|(cache, node)| (cache, view_of(node, &self.cpus)))
    }

    /// The slab that lives in slot number `index` of the arena.
    pub fn slab_at(&self, index: usize) -> Option<(SlabRef, SlabView)> {
        self.slab.slabs.at(index).map(|(slab, node)| (slab, slab_view(node)))
    }

    /// Every cache that has not been freed.
    pub fn live_caches(&self) -> impl Iterator<Item = (CacheRef, CacheView)> {
        self.slab.caches.live().map(|(cache, node)| (cache, view_of(node, &self.cpus)))
    }

    /// Every slab that has not been freed.
    pub fn live_slabs(&self) -> impl Iterator<Item = (SlabRef, SlabView)> {
        self.slab.slabs.live().map(|(slab, node)| (slab, slab_view(node)))
    }

    /// The cache of a group in a root cache, as its tasks find it.
    pub fn cache_of_memcg(&self, root: CacheRef, memcg: MemcgRef) -> Option<CacheRef> {
        Handle::from_word(self.slab.slot(self.slab.caches.peek(root)?, memcg).peek())
    }

    /// Whether a cache keeps a slab without objects.
    pub fn cache_is_idle(&self, cache: CacheRef) -> bool {
        self.slab.caches.peek(cache).is_some_and(|node| node.slabs.peek().idle.is_some())
    }

    /// Whether the creation of a group's cache is scheduled.
    pub fn has_creations(&self) -> bool {
        self.unbound.peek().iter().any(|work| matches!(work, Work::Slab(SlabWork::Create(..))))
    }

    /// Scheduled creations of caches of a group. `None` while a lane has the queue locked, or has taken an item about
    /// caches from it that has not ended: that may be another one.
    pub fn creations_of(&self, memcg: MemcgRef) -> Option<usize> {
        if self.config.caches == 0 {
            return Some(0);
        }
        if self.slab.running.peek() != 0 {
            return None;
        }
        let queue = self.unbound.glance()?;
        let of = |work: &Work| matches!(work, Work::Slab(SlabWork::Create(_, group)) if *group == memcg);
        Some(queue.iter().filter(|work| of(work)).count())
    }

    /// Pages that root's counter still counts although the caches that freed them had been reparented to root.
    pub fn unreturned_slab_pages(&self) -> i64 {
        self.slab.unreturned.peek()
    }
}
