//! Slabs: their pages are charged when they are allocated and given back when they are freed.
//!
//! They are kernel memory: on cgroup v1 they are charged to the `kmem` counter too, and that of a removed group whose
//! caches were reparented keeps them, like its `memory`.

use super::{CacheRef, Slab, SlabCallback, SlabRef, Stage};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark, Oops};
use crate::substrate::page_counter::Which;
use crate::substrate::rcu::Callback;
use crate::substrate::units::{Errno, Pages};
use crate::{Fault, SlabDesign, Wiring};

impl Machine {
    pub(super) fn slab<E: Env>(&self, e: &E, slab: SlabRef) -> &Slab {
        self.slab.slabs.get(e, slab)
    }

    /// The cache that a slab belongs to. It never changes, and holds the slab's pages to be able to.
    pub(super) fn cache_of_slab<E: Env>(&self, e: &E, slab: SlabRef) -> CacheRef {
        Handle::from_word(self.slab(e, slab).cache.load(e)).expect("a slab is published with its cache")
    }

    /// Pages for a new slab, charged as the design wants it.
    pub(super) fn new_slab<E: Env>(&self, e: &E, cpu: &mut Cpu, cache: CacheRef) -> Result<SlabRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let slab = self.slab.slabs.allocate(e).ok_or(Errno::NoMem)?;
        let node = self.slab(e, slab);
        node.objects.init(0);
        node.number.init(0);
        node.memcg.init(0);
        if !self.is_root_cache(e, cache) {
            let charged = match self.config.design.slab {
                SlabDesign::PagePins => self.charge_pinning(e, cpu, cache, slab),
                SlabDesign::Caches53 | SlabDesign::Objcg => self.charge_through_cache(e, cpu, cache),
            };
            if let Err(errno) = charged {
                self.slab.slabs.free(e, slab);
                return Err(errno);
            }
        }
        self.slab(e, slab).cache.store(e, cache.to_word());
        Ok(slab)
    }

    /// Charge memory, and then the counter of kernel memory if there is one.
    fn charge_slab_pages<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
    ) -> Result<(), Errno> {
        self.try_charge(e, cpu, memcg, pages, false)?;
        if self.config.wiring == Wiring::V2 {
            return Ok(());
        }
        self.charge_kmem(e, memcg, pages, false).inspect_err(|_| e.mark(Mark::SlabKmemRefused))
    }

    fn uncharge_slab_pages<E: Env>(&self, e: &E, memcg: MemcgRef, pages: Pages) {
        if self.config.wiring != Wiring::V2 && !e.fault(Fault::K6) {
            e.mark(Mark::SlabKmemUncharged);
            self.counter_uncharge(e, memcg, Which::Kmem, pages);
        }
        self.memcg_uncharge(e, memcg, pages);
    }

    /// Charge a slab to the group of its cache; each page holds the group.
    fn charge_pinning<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        cache: CacheRef,
        slab: SlabRef,
    ) -> Result<(), Errno> {
        let node = self.cache(e, cache);
        let pages = Pages(node.pages.load(e) as u64);
        let Some(memcg) = Handle::from_word(node.memcg.load(e)) else { return Ok(()) };
        self.charge_slab_pages(e, cpu, memcg, pages)?;
        for _ in 0..pages.0 {
            self.css_get(e, memcg);
        }
        self.slab(e, slab).memcg.store(e, memcg.to_word());
        Ok(())
    }

    /// Charge a slab to the group of its cache, or to the first one above it that has not been removed. What holds
    /// the group is the cache, and its pages hold the cache.
    fn charge_through_cache<E: Env>(&self, e: &E, cpu: &mut Cpu, cache: CacheRef) -> Result<(), Errno> {
        let node = self.cache(e, cache);
        let pages = node.pages.load(e);
        let memcg = self.online_memcg_of_cache(e, cpu, cache);
        if memcg != self.root {
            let charged = self.charge_slab_pages(e, cpu, memcg, Pages(pages as u64));
            self.css_put(e, memcg);
            charged?;
        }
        let counted = if e.fault(Fault::S19) { 1 } else { pages };
        node.refs.get_many(e, &self.cpus, cpu.id, counted);
        Ok(())
    }

    /// A counted reference to the group that pays for a new slab of a cache.
    fn online_memcg_of_cache<E: Env>(&self, e: &E, cpu: &Cpu, cache: CacheRef) -> MemcgRef {
        let _section = self.rcu_read_lock(e, cpu.id);
        let mut memcg = Handle::from_word(self.cache(e, cache).memcg.load(e)).unwrap_or(self.root);
        while memcg != self.root && !self.css_tryget_online(e, memcg) {
            memcg = self.memcgs.get(e, memcg).css.counter_parent().unwrap_or(self.root);
        }
        memcg
    }

    /// A slab without objects goes: at once, or after a grace period.
    pub(super) fn discard_slab<E: Env>(&self, e: &E, cpu: usize, slab: SlabRef) {
        let cache = self.cache_of_slab(e, slab);
        if self.cache(e, cache).rcu.load(e) != 0 {
            e.mark(Mark::SlabFreedAfterGrace);
            self.rcu.call(e, Callback::Slab(SlabCallback::FreeSlab(slab)));
        } else {
            self.free_slab(e, cpu, slab);
        }
    }

    pub(super) fn free_slab<E: Env>(&self, e: &E, cpu: usize, slab: SlabRef) {
        let cache = self.cache_of_slab(e, slab);
        if !self.is_root_cache(e, cache) {
            match self.config.design.slab {
                SlabDesign::PagePins => self.uncharge_pinning(e, cache, slab),
                SlabDesign::Caches53 | SlabDesign::Objcg => self.uncharge_through_cache(e, cpu, cache),
            }
        }
        self.slab.slabs.free(e, slab);
    }

    fn uncharge_pinning<E: Env>(&self, e: &E, cache: CacheRef, slab: SlabRef) {
        let pages = Pages(self.cache(e, cache).pages.load(e) as u64);
        let Some(memcg) = Handle::from_word(self.slab(e, slab).memcg.swap(e, 0)) else { return };
        if Stage::from_word(self.cache(e, cache).stage.load(e)) != Stage::Active {
            e.mark(Mark::SlabFreedByRemovedGroup);
        }
        self.uncharge_slab_pages(e, memcg, pages);
        for _ in 0..pages.0 {
            self.css_put(e, memcg);
        }
    }

    /// Root's counters are left alone: a slab that was reparented to root stays counted there.
    fn uncharge_through_cache<E: Env>(&self, e: &E, cpu: usize, cache: CacheRef) {
        let node = self.cache(e, cache);
        let pages = node.pages.load(e);
        {
            let _section = self.rcu_read_lock(e, cpu);
            match Handle::from_word(node.memcg.load(e)) {
                None => e.oops(Oops::Null(node.memcg.label())),
                Some(memcg) if memcg == self.root => {
                    e.mark(Mark::SlabFreedAtRoot);
                    self.slab.unreturned.add(e, pages);
                }
                Some(memcg) => self.uncharge_slab_pages(e, memcg, Pages(pages as u64)),
            }
        }
        self.cache_put(e, cpu, cache, pages);
    }
}
