//! The caches of groups: found, scheduled for creation, created, and handed on when a group is removed.

use super::{CacheRef, SlabCallback, SlabWork, Stage};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::css::State;
use crate::substrate::env::{Env, Failing, Mark};
use crate::substrate::rcu::Callback;
use crate::{Fault, SlabDesign};

impl Machine {
    /// The cache that a task of `memcg` allocates from: its group's own with a reference, or else the root cache,
    /// and the creation of the missing one is scheduled.
    pub(super) fn memcg_cache_get<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        root: CacheRef,
        memcg: MemcgRef,
    ) -> CacheRef {
        if memcg == self.root {
            return root;
        }
        let _section = self.rcu_read_lock(e, cpu.id);
        let Some(cache) = Handle::from_word(self.slab.slot(self.cache(e, root), memcg).load(e)) else {
            e.mark(Mark::CacheMissing);
            self.schedule_creation(e, root, memcg);
            return root;
        };
        let counted = self.config.design.slab == SlabDesign::Caches53;
        if counted && !self.cache(e, cache).refs.tryget(e, &self.cpus, cpu.id) {
            return root;
        }
        cache
    }

    /// Give the reference of [`Machine::memcg_cache_get`] back.
    pub(super) fn memcg_cache_put<E: Env>(&self, e: &E, cpu: &Cpu, cache: CacheRef) {
        if self.config.design.slab == SlabDesign::Caches53 && !self.is_root_cache(e, cache) {
            self.cache_put(e, cpu.id, cache, 1);
        }
    }

    /// The work item holds the group.
    fn schedule_creation<E: Env>(&self, e: &E, root: CacheRef, memcg: MemcgRef) {
        if !self.css_tryget_online(e, memcg) {
            return;
        }
        if e.failing(Failing::Alloc) {
            e.mark(Mark::CacheNotScheduled);
            if !e.fault(Fault::B36) {
                self.css_put(e, memcg);
            }
            return;
        }
        self.slab_queue(e, SlabWork::Create(root, memcg));
    }

    /// From a work item: create the cache of a group, unless there is one by now, or one of the two is going.
    pub(super) fn create_memcg_cache<E: Env>(&self, e: &E, root: CacheRef, memcg: MemcgRef) {
        {
            let mut lists = self.slab.lists.lock(e);
            let state = State::from_word(self.memcgs.get(e, memcg).css.state.load(e));
            let slot = self.slab.slot(self.cache(e, root), memcg);
            let wanted = matches!(state, State::Online | State::Offlining)
                && self.cache(e, root).dying.load(e) == 0
                && slot.load(e) == 0
                && !e.failing(Failing::Alloc);
            if let Some(cache) = wanted.then(|| self.slab.caches.allocate(e)).flatten() {
                let (from, node) = (self.cache(e, root), self.cache(e, cache));
                for (to, from) in [
                    (&node.pages, &from.pages),
                    (&node.size, &from.size),
                    (&node.per_slab, &from.per_slab),
                    (&node.row, &from.row),
                    (&node.rcu, &from.rcu),
                ] {
                    to.init(from.load(e));
                }
                if self.config.design.slab == SlabDesign::Caches53 {
                    self.css_get(e, memcg);
                }
                self.init_cache(e, cache, Some(root), Some(memcg));
                lists.of_root[self.row_of(e, root)].push(cache);
                lists.of_memcg[memcg.index()].push(cache);
                slot.store(e, cache.to_word());
            }
        }
        self.css_put(e, memcg);
    }

    /// The second half of removing a group: nothing more is allocated from its caches, and, where caches can be
    /// reparented, they go to its parent, with the references that they hold.
    pub(crate) fn offline_caches<E: Env>(&self, e: &E, memcg: MemcgRef) {
        let design = self.config.design.slab;
        if design == SlabDesign::Objcg {
            return;
        }
        let mut lists = self.slab.lists.lock(e);
        let Some(list) = lists.of_memcg.get_mut(memcg.index()) else { return };
        let caches = std::mem::take(list);
        if caches.is_empty() {
            return;
        }
        for cache in &caches {
            self.deactivate_cache(e, *cache, memcg);
        }
        if design == SlabDesign::PagePins {
            lists.of_memcg[memcg.index()] = caches;
            return;
        }
        let parent = self.memcgs.get(e, memcg).css.counter_parent().unwrap_or(self.root);
        for cache in &caches {
            e.mark(Mark::CacheReparented);
            self.cache(e, *cache).memcg.store(e, parent.to_word());
            if !e.fault(Fault::S18) {
                self.css_get(e, parent);
            }
            self.css_put(e, memcg);
        }
        lists.of_memcg[parent.index()].extend(caches);
    }

    /// Nothing is allocated from a cache any more. Those that the group inherited are deactivated already.
    fn deactivate_cache<E: Env>(&self, e: &E, cache: CacheRef, memcg: MemcgRef) {
        let node = self.cache(e, cache);
        let Some(root) = Handle::from_word(node.root.load(e)) else { return };
        let slot = self.slab.slot(self.cache(e, root), memcg);
        if Stage::from_word(node.stage.load(e)) != Stage::Active || !slot.replace(e, cache.to_word(), 0) {
            e.mark(Mark::CacheReparentedAgain);
            return;
        }
        node.stage.store(e, Stage::Deactivating as i64);
        // Whoever destroys the root cache ends this one, and has waited for callbacks already.
        if self.cache(e, root).dying.load(e) != 0 {
            return;
        }
        if self.config.design.slab == SlabDesign::PagePins {
            // Otherwise the group, and the cache with it, may be gone before the work item has run.
            self.css_get(e, memcg);
        }
        self.rcu.call(e, Callback::Slab(SlabCallback::Deactivated(cache)));
    }

    /// A group is about to be freed. Caches that hold no group go with theirs.
    pub(crate) fn free_caches_of<E: Env>(&self, e: &E, cpu: usize, memcg: MemcgRef) {
        if self.config.design.slab != SlabDesign::PagePins {
            return;
        }
        let caches = match self.slab.lists.lock(e).of_memcg.get_mut(memcg.index()) {
            Some(list) => std::mem::take(list),
            None => return,
        };
        for cache in caches {
            self.shutdown_cache(e, cpu, cache);
        }
    }
}
