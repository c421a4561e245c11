//! Seed 003: kmem_caches, and who pays for their slabs when a group is removed.
//!
//! A kmem_cache hands out objects of one size from slabs of `2^order` pages. Three designs, see
//! [`SlabDesign`](crate::SlabDesign):
//!
//! * `page-pins` (to 5.2): each group has caches of its own. Each page of their slabs is charged to the group and
//!   holds a css reference; the caches go with the group. One object that lives on keeps the group dying.
//! * `5.3` (the seed's): a slab finds its group through its cache, and the cache holds the one css reference. It is
//!   counted: a base reference until it has been killed, and one for each page. Removing a group deactivates its
//!   caches and hands them to the parent; an empty one is released through a grace period and a work item.
//! * `objcg` (from 5.9): no caches of groups. Slabs are shared and charged to nobody, each object is charged through
//!   the room of seed 001 with its size and that of a pointer.
//!
//! While a group's cache has not been created, which a work item does, its tasks use the root cache, and are not
//! charged. A cache that was reparented to root gives its slabs back without touching root's counters, on which they
//! were counted when they were charged: that residue is kept in `unreturned`, so that root's counters stay exact.
//!
//! An active cache keeps one slab without objects; a deactivated one keeps none.

mod inspect;
mod life;
mod memcg_caches;
mod objects;
mod pages;

pub use inspect::{CacheView, SlabView};
pub use objects::SlabObject;

use crate::machine::{Config, Machine};
use crate::memcg::MemcgRef;
use crate::substrate::arena::{Arena, Handle, Item};
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Label, What};
use crate::substrate::percpu_ref::{Owners, PercpuRef};
use crate::substrate::word::{Lock, Word};

/// A reference to a kmem_cache.
pub type CacheRef = Handle<KmemCache>;
/// A reference to a slab.
pub type SlabRef = Handle<Slab>;

/// Bytes of the pointer to its objcg that each object is charged for.
const OBJCG_POINTER: u64 = 8;

/// A kmem_cache: a root cache, or that of one group.
#[derive(Debug)]
pub struct KmemCache {
    /// The root cache that this is a group's part of; empty for a root cache.
    root: Word,
    /// The group that pays for its slabs; empty for a root cache. RCU.
    memcg: Word,
    /// One until it has been killed, and one for each page of its slabs. Not kept for root caches.
    /// `memcg_params.refcnt`.
    refs: PercpuRef,
    stage: Word,
    /// A root cache that is being destroyed.
    dying: Word,
    /// Pages of one slab.
    pages: Word,
    /// Size of an object, and how many of them a slab holds.
    size: Word,
    per_slab: Word,
    /// A root cache's row in the tables by root cache.
    row: Word,
    /// Whether a slab is freed only after a grace period.
    rcu: Word,
    slabs: Lock<SlabList>,
}

/// How far a group's cache has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i64)]
pub enum Stage {
    /// Objects are allocated from it.
    Active = 0,
    /// Nothing is allocated any more; a grace period and a work item remain before it is killed.
    Deactivating = 1,
    /// Killed; a grace period remains before its base reference goes.
    Killed = 2,
    /// Without base reference.
    Confirmed = 3,
    /// Off all lists, about to be freed.
    ShutDown = 4,
}

impl Stage {
    fn from_word(word: i64) -> Stage {
        match word {
            0 => Stage::Active,
            1 => Stage::Deactivating,
            2 => Stage::Killed,
            3 => Stage::Confirmed,
            _ => Stage::ShutDown,
        }
    }
}

/// The slabs of a cache from which an object can be taken at once. Full ones are on no list.
#[derive(Debug, Default)]
struct SlabList {
    /// Slabs with objects and a free place, with the number under which each was taken into use, ascending.
    open: Vec<(i64, SlabRef)>,
    /// A slab without objects.
    idle: Option<SlabRef>,
    /// Slabs taken into use so far, and slabs in use now.
    taken: i64,
    in_use: u64,
}

impl Item for KmemCache {
    const GENERATION: What = What::CacheGeneration;

    fn empty(index: usize) -> KmemCache {
        let word = |what| Word::new(Label::new(what, index));
        KmemCache {
            root: word(What::CacheRoot),
            memcg: word(What::CacheMemcg),
            refs: PercpuRef::empty(
                Owners::Caches,
                Label::new(What::CacheRefs, index),
                Label::new(What::CacheRefMode, index),
            ),
            stage: word(What::CacheStage),
            dying: word(What::CacheDying),
            pages: word(What::CacheShape),
            size: word(What::CacheShape),
            per_slab: word(What::CacheShape),
            row: word(What::CacheShape),
            rcu: word(What::CacheShape),
            slabs: Lock::new(Label::new(What::CacheSlabs, index), SlabList::default()),
        }
    }
}

/// A slab: `2^order` pages and the objects in them.
#[derive(Debug)]
pub struct Slab {
    cache: Word,
    /// The group that its pages were charged to (`page->mem_cgroup`), where that is not found through the cache.
    memcg: Word,
    objects: Word,
    /// The number under which it was taken into use.
    number: Word,
}

impl Item for Slab {
    const GENERATION: What = What::SlabGeneration;

    fn empty(index: usize) -> Slab {
        let word = |what| Word::new(Label::new(what, index));
        Slab {
            cache: word(What::SlabCache),
            memcg: word(What::SlabMemcg),
            objects: word(What::SlabObjects),
            number: word(What::SlabNumber),
        }
    }
}

/// What waits for a grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlabCallback {
    /// Nobody allocates from a deactivated cache any more.
    Deactivated(CacheRef),
    /// Everybody knows that a cache was killed.
    Confirm(CacheRef),
    FreeSlab(SlabRef),
}

/// What runs from a work item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlabWork {
    /// Create the cache of a group.
    Create(CacheRef, MemcgRef),
    /// Kill a deactivated cache.
    Kill(CacheRef),
    /// Take a cache without references off all lists.
    ShutDown(CacheRef),
    /// Wait for the slabs of a cache that are freed after a grace period, and free it.
    Release(CacheRef),
}

/// The state of the room.
#[derive(Debug)]
pub(crate) struct SlabRoom {
    caches: Arena<KmemCache>,
    slabs: Arena<Slab>,
    /// The cache of each group in each root cache: `memcg_caches` of the root caches, a row for each.
    slots: Box<[Word]>,
    /// Groups in a row.
    width: usize,
    /// The slab mutex.
    lists: Lock<Lists>,
    /// Pages that caches which had been reparented to root have freed: still counted by root's counters.
    unreturned: Word,
    /// Work items about caches that have been taken from the queue and have not ended.
    pub(crate) running: Word,
}

/// Who belongs to whom.
#[derive(Debug, Default)]
struct Lists {
    /// The caches of each group, by the group's place in its arena.
    of_memcg: Vec<Vec<CacheRef>>,
    /// The caches of groups that each root cache has, by its row.
    of_root: Vec<Vec<CacheRef>>,
    /// Rows that no root cache has.
    free_rows: Vec<usize>,
    used: bool,
}

/// Places of the table, one for each group and root cache, that there are without being asked for.
const ROOMY: usize = 4096;

impl SlabRoom {
    /// Whether a cache or a slab lives in a slot, seen from outside the run.
    pub(crate) fn lives_at(&self, slot: Label) -> bool {
        let index = slot.index as usize;
        if slot.what == What::SlabGeneration {
            self.slabs.at(index).is_some()
        } else {
            self.caches.at(index).is_some()
        }
    }

    pub(crate) fn new() -> SlabRoom {
        SlabRoom {
            caches: Arena::new(0),
            slabs: Arena::new(0),
            slots: Box::default(),
            width: 0,
            lists: Lock::new(Label::new(What::SlabMutex, 0), Lists::default()),
            unreturned: Word::new(Label::new(What::SlabUnreturned, 0)),
            running: Word::new(Label::new(What::UnboundQueue, 1)),
        }
    }

    /// Forget everything, at a cost that does not depend on what was not used.
    pub(crate) fn reset(&mut self, config: &Config) {
        let lists = self.lists.get_mut();
        if std::mem::take(&mut lists.used) {
            lists.of_memcg.iter_mut().chain(&mut lists.of_root).for_each(Vec::clear);
            lists.free_rows.clear();
            lists.free_rows.extend(0..lists.of_root.len());
            self.slots.iter().for_each(|slot| slot.init(0));
            self.caches.reset();
            self.slabs.reset();
            self.unreturned.init(0);
            self.running.init(0);
        }
        if config.caches == 0 {
            return;
        }
        let least = (config.caches.next_power_of_two(), config.memcgs.next_power_of_two());
        let have = (lists.of_root.len(), self.width);
        let fits = config.caches <= have.0 && config.memcgs <= have.1;
        if !fits || have.0 * have.1 > ROOMY && least.0 * least.1 <= ROOMY {
            // Room for what any program before has had is kept, unless that is a large table which hardly any has.
            let both = (least.0.max(have.0), least.1.max(have.1));
            let (rows, width) = if both.0 * both.1 <= ROOMY { both } else { least };
            self.width = width;
            self.slots =
                (0..rows * self.width).map(|slot| Word::new(Label::new(What::CacheSlot, slot))).collect();
            lists.of_memcg.resize(self.width, Vec::new());
            lists.of_root.resize(rows, Vec::new());
            lists.free_rows.clear();
            lists.free_rows.extend(0..rows);
        }
        let caches = config.caches + config.memcg_caches;
        if caches > self.caches.capacity() {
            self.caches = Arena::new(caches.next_power_of_two());
        }
        if config.slab_objects > self.slabs.capacity() {
            self.slabs = Arena::new(config.slab_objects.next_power_of_two());
        }
    }

    /// Caches that there is room for.
    pub(crate) fn caches(&self) -> usize {
        self.caches.capacity()
    }

    fn slot(&self, root: &KmemCache, memcg: MemcgRef) -> &Word {
        &self.slots[root.row.peek() as usize * self.width + memcg.index()]
    }
}

impl Machine {
    pub(crate) fn slab_callback<E: Env>(&self, e: &E, cpu: &Cpu, callback: SlabCallback) {
        match callback {
            SlabCallback::Deactivated(cache) => self.slab_queue(e, SlabWork::Kill(cache)),
            SlabCallback::Confirm(cache) => self.confirm_kill(e, cpu.id, cache),
            SlabCallback::FreeSlab(slab) => self.free_slab(e, cpu.id, slab),
        }
    }

    /// Run an item that was counted as running when it was taken from the queue.
    pub(crate) fn slab_work<E: Env>(&self, e: &E, cpu: &mut Cpu, work: SlabWork) {
        match work {
            SlabWork::Create(root, memcg) => self.create_memcg_cache(e, root, memcg),
            SlabWork::Kill(cache) => self.kill_cache(e, cpu.id, cache),
            SlabWork::ShutDown(cache) => self.shutdown_cache(e, cpu.id, cache),
            SlabWork::Release(cache) => {
                self.rcu_barrier(e, cpu);
                self.release_cache(e, cache);
            }
        }
        self.slab.running.sub(e, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_table_is_not_kept_for_programs_that_need_none() {
        let mut room = SlabRoom::new();
        let config = |caches, memcgs| Config { caches, memcgs, ..Config::default() };
        let mut table_after = |caches, memcgs| {
            room.reset(&config(caches, memcgs));
            room.slots.len()
        };
        assert_eq!(table_after(2545, 11), 4096 * 16, "as many rows as caches, as wide as there are groups");
        assert_eq!(table_after(3, 407), 4 * 512, "not the product of the largest of both");
        assert_eq!(table_after(1, 2), 4 * 512, "what is not large is kept");
        assert_eq!(table_after(8, 2), 8 * 512);
        assert_eq!(table_after(16, 2), 16 * 2);
    }

    #[test]
    fn there_is_room_for_the_caches_that_can_be_and_not_for_one_in_each_place_of_the_table() {
        let mut room = SlabRoom::new();
        room.reset(&Config { caches: 600, memcgs: 600, memcg_caches: 20, ..Config::default() });
        assert_eq!(room.caches(), 1024);
    }
}
