//! The life of a cache: created, deactivated, killed, shut down, released.

use super::{CacheRef, KmemCache, SlabCallback, SlabWork, Stage};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::{Handle, word_of};
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Loop, Mark};
use crate::substrate::rcu::Callback;
use crate::substrate::units::{Errno, PAGE_SIZE};
use crate::substrate::work::Work;
use crate::{Fault, SlabDesign};

impl Machine {
    pub(super) fn cache<E: Env>(&self, e: &E, cache: CacheRef) -> &KmemCache {
        self.slab.caches.get(e, cache)
    }

    /// The row of a root cache, or of that which a group's cache is a part of.
    pub(super) fn row_of<E: Env>(&self, e: &E, cache: CacheRef) -> usize {
        self.cache(e, cache).row.load(e) as usize
    }

    pub(super) fn slab_queue<E: Env>(&self, e: &E, work: SlabWork) {
        self.unbound.lock(e).push_back(Work::Slab(work));
    }

    /// Create a root cache of objects of `size` bytes in slabs of `2^order` pages, or of more if none fits; with
    /// `rcu`, slabs are freed only after a grace period.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails.
    pub fn kmem_cache_create<E: Env>(
        &self,
        e: &E,
        size: u64,
        order: u8,
        rcu: bool,
    ) -> Result<CacheRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let mut lists = self.slab.lists.lock(e);
        lists.used = true;
        let row = lists.free_rows.pop().ok_or(Errno::NoMem)?;
        let Some(cache) = self.slab.caches.allocate(e) else {
            lists.free_rows.push(row);
            return Err(Errno::NoMem);
        };
        let pages = (1u64 << order).max(size.div_ceil(PAGE_SIZE).next_power_of_two());
        let node = self.cache(e, cache);
        node.pages.init(pages as i64);
        node.size.init(size as i64);
        node.per_slab.init((pages * PAGE_SIZE / size) as i64);
        node.rcu.init(i64::from(rcu));
        node.row.init(row as i64);
        self.init_cache(e, cache, None, None);
        Ok(cache)
    }

    pub(super) fn init_cache<E: Env>(
        &self,
        e: &E,
        cache: CacheRef,
        root: Option<CacheRef>,
        memcg: Option<MemcgRef>,
    ) {
        let node = self.cache(e, cache);
        node.root.init(word_of(root));
        node.refs.init(&self.cpus);
        node.stage.init(Stage::Active as i64);
        node.dying.init(0);
        let mut list = node.slabs.lock(e);
        list.open.clear();
        (list.idle, list.taken, list.in_use) = (None, 0, 0);
        drop(list);
        node.memcg.store(e, word_of(memcg));
    }

    /// Destroy a root cache and those that groups have of it. It waits for what is under way with these: a grace
    /// period, all work on caches, and another grace period if one of them has been killed meanwhile.
    ///
    /// # Errors
    /// [`Errno::Busy`] while it has objects.
    pub fn kmem_cache_destroy<E: Env>(&self, e: &E, cpu: &mut Cpu, root: CacheRef) -> Result<(), Errno> {
        let row = self.row_of(e, root);
        let children: Vec<CacheRef> = self.slab.lists.lock(e).of_root[row].clone();
        if children.iter().chain([&root]).any(|cache| self.cache_in_use(e, *cache)) {
            return Err(Errno::Busy);
        }
        if self.config.design.slab != SlabDesign::Objcg {
            self.flush_caches(e, cpu, root);
            let children = std::mem::take(&mut self.slab.lists.lock(e).of_root[row]);
            for child in children {
                e.mark(Mark::CacheDestroyedWithRoot);
                self.shutdown_cache(e, cpu.id, child);
            }
        }
        self.shutdown_cache(e, cpu.id, root);
        Ok(())
    }

    /// No new work on the caches of `root` is begun, and what was begun is waited for.
    fn flush_caches<E: Env>(&self, e: &E, cpu: &mut Cpu, root: CacheRef) {
        {
            // No cache is being deactivated meanwhile.
            let _lists = self.slab.lists.lock(e);
            self.cache(e, root).dying.store(e, 1);
        }
        self.rcu_barrier(e, cpu);
        loop {
            let mut queue = self.unbound.lock(e);
            let found = queue.iter().position(|work| matches!(work, Work::Slab(_)));
            let work = found.and_then(|at| queue.remove(at));
            if work.is_some() {
                self.slab.running.add(e, 1);
            }
            drop(queue);
            let Some(Work::Slab(work)) = work else { break };
            self.slab_work(e, cpu, work);
        }
        // A flush waits for items that another CPU has begun, too.
        let running = &self.slab.running;
        while running.load(e) != 0 && e.retry(Loop::Barrier, running.label()) {}
        let children: Vec<CacheRef> = self.slab.lists.lock(e).of_root[self.row_of(e, root)].clone();
        let killed =
            |cache: &CacheRef| Stage::from_word(self.cache(e, *cache).stage.load(e)) == Stage::Killed;
        if children.iter().any(killed) && self.config.design.slab == SlabDesign::Caches53 {
            e.mark(Mark::DestroyMetKill);
            if !e.fault(Fault::B35) {
                self.rcu_barrier(e, cpu);
            }
        }
    }

    /// From a work item, after a grace period: whoever still allocated from a deactivated cache is done.
    pub(super) fn kill_cache<E: Env>(&self, e: &E, cpu: usize, cache: CacheRef) {
        self.shrink_cache(e, cpu, cache);
        let node = self.cache(e, cache);
        node.stage.store(e, Stage::Killed as i64);
        if self.config.design.slab == SlabDesign::PagePins {
            if let Some(memcg) = Handle::from_word(node.memcg.load(e)) {
                self.css_put(e, memcg);
            }
        } else {
            node.refs.kill(e);
            self.rcu.call(e, Callback::Slab(SlabCallback::Confirm(cache)));
        }
    }

    /// After another grace period every CPU counts in one place, and the base reference can go.
    pub(super) fn confirm_kill<E: Env>(&self, e: &E, cpu: usize, cache: CacheRef) {
        let node = self.cache(e, cache);
        node.refs.switch(e, &self.cpus);
        node.stage.store(e, Stage::Confirmed as i64);
        self.cache_put(e, cpu, cache, 1);
    }

    /// Give references to a group's cache back; without any it is shut down, unless its root cache is being
    /// destroyed and does that itself.
    pub(super) fn cache_put<E: Env>(&self, e: &E, cpu: usize, cache: CacheRef, n: i64) {
        let node = self.cache(e, cache);
        if node.refs.put_many(e, &self.cpus, cpu, n) {
            let root = Handle::from_word(node.root.load(e));
            if root.is_none_or(|root| self.cache(e, root).dying.load(e) == 0) {
                self.slab_queue(e, SlabWork::ShutDown(cache));
            }
        }
    }

    /// Take a cache off all lists. What it keeps goes, and then itself: after the slabs that wait for a grace period.
    pub(super) fn shutdown_cache<E: Env>(&self, e: &E, cpu: usize, cache: CacheRef) {
        let node = self.cache(e, cache);
        node.stage.store(e, Stage::ShutDown as i64);
        self.shrink_cache(e, cpu, cache);
        self.unlink_cache(e, cache);
        if e.fault(Fault::B34) {
            self.forget_memcg(e, cache);
        }
        if node.rcu.load(e) != 0 {
            self.slab_queue(e, SlabWork::Release(cache));
        } else {
            self.release_cache(e, cache);
        }
    }

    fn unlink_cache<E: Env>(&self, e: &E, cache: CacheRef) {
        let node = self.cache(e, cache);
        let mut lists = self.slab.lists.lock(e);
        if let Some(root) = Handle::<KmemCache>::from_word(node.root.load(e)) {
            lists.of_root[self.row_of(e, root)].retain(|other| *other != cache);
            if let Some(memcg) = Handle::<crate::memcg::Memcg>::from_word(node.memcg.load(e)) {
                lists.of_memcg[memcg.index()].retain(|other| *other != cache);
                let slot = self.slab.slot(self.cache(e, root), memcg);
                slot.replace(e, cache.to_word(), 0);
            }
        }
    }

    /// The end of a cache, with which its reference to its group goes.
    pub(super) fn release_cache<E: Env>(&self, e: &E, cache: CacheRef) {
        self.forget_memcg(e, cache);
        if self.is_root_cache(e, cache) {
            self.slab.lists.lock(e).free_rows.push(self.row_of(e, cache));
        }
        self.slab.caches.free(e, cache);
        e.mark(Mark::CacheReleased);
    }

    fn forget_memcg<E: Env>(&self, e: &E, cache: CacheRef) {
        let memcg = Handle::from_word(self.cache(e, cache).memcg.swap(e, 0));
        if let (Some(memcg), SlabDesign::Caches53) = (memcg, self.config.design.slab) {
            self.css_put(e, memcg);
        }
    }
}
