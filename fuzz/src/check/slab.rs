//! The books and the laws of kmem_caches: which groups they hold, and which slabs are charged without being in use.
//!
//! The model knows slabs that have objects. A slab without objects that a cache keeps, or that waits for a grace
//! period, is still charged: like a stock it is looked up in the machine and added to what the model expects.

use super::books::Books;
use super::broken::{Broken, Law, Thing};
use super::laws::{World, list};
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl::{CacheRef, Machine, SlabDesign, Stage};
use stocktake_model::{CacheId, GroupId, Model};

/// What kmem_caches have to do with a group, beside the model's own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupSlabs {
    /// Caches that hold it.
    pub(crate) caches: i64,
    /// Pages of slabs that hold it.
    pub(crate) pins: i64,
    /// Pages of slabs without objects that are charged at its level.
    pub(crate) idle: i64,
}

/// What is known of a cache.
#[derive(Clone, Debug, Default)]
struct CacheBook {
    cache: Option<CacheRef>,
    /// The program's name of its root cache.
    name: CacheId,
    /// The group that it was created for; root for a root cache.
    birth: GroupId,
    /// The group that it holds.
    holds: Option<GroupId>,
    /// The group that pays for its slabs, and the pages added to `idle` from there up.
    owner: Option<GroupId>,
    booked: i64,
    /// Pages of its slabs, and of those without objects.
    pages: i64,
    idle: i64,
    /// Whether it keeps a slab without objects for the next allocation.
    keeps: bool,
    is_dirty: bool,
}

/// What a report shows of a cache.
pub(crate) struct CacheRow {
    pub(crate) name: CacheId,
    pub(crate) birth: GroupId,
    /// Expected, and found.
    pub(crate) refs: Option<(i64, i64)>,
    pub(crate) idle: i64,
}

/// What is known of a slab.
#[derive(Clone, Debug, Default)]
struct SlabBook {
    /// Its cache's place, its pages, and whether it has no objects.
    of: Option<(usize, i64, bool)>,
    pins: Option<GroupId>,
    is_dirty: bool,
}

/// The running count.
#[derive(Debug, Default)]
pub(crate) struct SlabBooks {
    caches: Vec<CacheBook>,
    slabs: Vec<SlabBook>,
    dirty_caches: Vec<usize>,
    dirty_slabs: Vec<usize>,
}

impl SlabBooks {
    pub(super) fn reset(&mut self) {
        self.caches.clear();
        self.slabs.clear();
        self.dirty_caches.clear();
        self.dirty_slabs.clear();
    }

    /// The cache in a slot of the machine's arena is to be looked at again.
    pub(super) fn touch_cache(&mut self, index: usize) {
        if self.caches.len() <= index {
            self.caches.resize_with(index + 1, CacheBook::default);
        }
        if !std::mem::replace(&mut self.caches[index].is_dirty, true) {
            self.dirty_caches.push(index);
        }
    }

    /// The slab in a slot of the machine's arena is to be looked at again.
    pub(super) fn touch_slab(&mut self, index: usize) {
        if self.slabs.len() <= index {
            self.slabs.resize_with(index + 1, SlabBook::default);
        }
        if !std::mem::replace(&mut self.slabs[index].is_dirty, true) {
            self.dirty_slabs.push(index);
        }
    }

    /// The program's name of the cache in a slot of the machine's arena, and the group that it was created for.
    pub(crate) fn name_at(&self, index: usize) -> (CacheId, GroupId) {
        self.caches.get(index).map_or_else(Default::default, |book| (book.name, book.birth))
    }

    /// The cache that was created under a name for a group.
    pub(crate) fn find(&self, name: CacheId, birth: GroupId) -> Option<CacheRef> {
        let is_it = |book: &&CacheBook| book.name == name && book.birth == birth;
        self.caches.iter().filter(is_it).find_map(|book| book.cache)
    }

    /// The references of each cache that counts them, expected and found, and the pages of slabs that it keeps without
    /// objects.
    pub(crate) fn rows<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = CacheRow> + 'a {
        machine.live_caches().filter_map(|(cache, view)| {
            let book = self.caches.get(cache.index())?;
            let counted = machine.config().design.slab == SlabDesign::Caches53 && view.root.is_some();
            let refs = (counted && view.stage != Stage::ShutDown)
                .then_some((holders(book, view.stage).iter().map(|(_, n)| n).sum(), view.refs));
            Some(CacheRow { name: book.name, birth: book.birth, refs, idle: book.idle })
        })
    }

    /// Whether a cache kept a slab without objects when it was last looked at.
    pub(crate) fn keeps_slab(&self, cache: CacheRef) -> bool {
        self.caches.get(cache.index()).is_some_and(|book| book.keeps)
    }
}

impl Books {
    /// A root cache has been made in the machine.
    pub(crate) fn cache_made(&mut self, name: CacheId, cache: CacheRef) {
        self.slab.touch_cache(cache.index());
        let book = &mut self.slab.caches[cache.index()];
        (book.cache, book.name, book.birth) = (Some(cache), name, GroupId::ROOT);
    }

    /// Book what happened to caches and slabs, and check the caches.
    #[inline]
    pub(super) fn check_slabs(&mut self, world: &World<'_>) -> Law {
        while let Some(index) = self.slab.dirty_slabs.pop() {
            self.slab.slabs[index].is_dirty = false;
            self.book_slab(world, index)?;
        }
        while let Some(index) = self.slab.dirty_caches.pop() {
            self.slab.caches[index].is_dirty = false;
            self.book_cache(world, index);
            self.check_cache(world, index)?;
        }
        Ok(())
    }

    fn book_slab(&mut self, world: &World<'_>, index: usize) -> Law {
        let SlabBook { of, pins, .. } = std::mem::take(&mut self.slab.slabs[index]);
        self.count_slab(of, pins, -1);
        let Some((_, view)) = world.machine.slab_at(index) else { return Ok(()) };
        let Some(cache) = view.cache else { return Ok(()) };
        let Some(found) = world.machine.cache_view(cache) else {
            if !world.checks.has(Invariant::I12) {
                return Ok(());
            }
            let (name, birth) = self.slab.name_at(cache.index());
            return Err(Broken::new(
                Invariant::I12,
                "cache-freed-early",
                Thing::Cache(name, birth),
                "not freed while it has slabs",
                "freed",
                format!("a slab with {} objects is left", view.objects),
            ));
        };
        let of = Some((cache.index(), found.pages.0 as i64, view.objects == 0));
        let pins = view.memcg.map(|memcg| self.group_of(memcg));
        self.count_slab(of, pins, 1);
        let book = &mut self.slab.slabs[index];
        (book.of, book.pins) = (of, pins);
        Ok(())
    }

    fn count_slab(&mut self, of: Option<(usize, i64, bool)>, pins: Option<GroupId>, sign: i64) {
        let Some((cache, pages, is_idle)) = of else { return };
        self.slab.touch_cache(cache);
        let book = &mut self.slab.caches[cache];
        book.pages += sign * pages;
        book.idle += if is_idle { sign * pages } else { 0 };
        if let Some(group) = pins {
            self.groups[group.index()].slab.pins += sign * pages;
            self.touch_group(group);
        }
    }

    fn book_cache(&mut self, world: &World<'_>, index: usize) {
        let found = world.machine.cache_at(index);
        let design = world.machine.config().design.slab;
        let book = &self.slab.caches[index];
        let (mut holds, mut owner, mut booked) = (None, None, 0);
        let mut named = (None, book.name, book.birth, false);
        if let Some((cache, view)) = found {
            let memcg = view.memcg.map(|memcg| self.group_of(memcg));
            let (name, birth) = match view.root {
                _ if book.cache == Some(cache) => (book.name, book.birth),
                Some(root) => (self.slab.name_at(root.index()).0, memcg.unwrap_or_default()),
                None => (book.name, GroupId::ROOT),
            };
            named = (Some(cache), name, birth, world.machine.cache_is_idle(cache));
            if view.root.is_some() {
                holds = memcg.filter(|_| design == SlabDesign::Caches53 || view.stage == Stage::Deactivating);
                // Somebody pays for the slabs that are left even if the cache no longer knows who.
                owner = memcg.or(book.owner);
                booked = book.idle;
            }
        }
        let before = (book.holds, book.owner, book.booked);
        for (held, change) in [(before.0, -1), (holds, 1)] {
            if let Some(group) = held.filter(|_| before.0 != holds) {
                self.groups[group.index()].slab.caches += change;
                self.touch_group(group);
            }
        }
        if (before.1, before.2) != (owner, booked) {
            self.count_idle(world.model, before.1, -before.2);
            self.count_idle(world.model, owner, booked);
        }
        let book = &mut self.slab.caches[index];
        (book.holds, book.owner, book.booked) = (holds, owner, booked);
        (book.cache, book.name, book.birth, book.keeps) = named;
    }

    fn count_idle(&mut self, model: &Model, owner: Option<GroupId>, pages: i64) {
        let mut level = owner.filter(|_| pages != 0);
        while let Some(group) = level {
            self.groups[group.index()].slab.idle += pages;
            self.touch_group(group);
            level = model.counter_parent(group);
        }
    }

    /// I12 and I5 for a group's cache whose references are counted. It has to know who pays as long as it has slabs.
    /// What a cache that has been shut down still counts has no meaning: the base reference may have been put before,
    /// or never.
    fn check_cache(&self, world: &World<'_>, index: usize) -> Law {
        let book = &self.slab.caches[index];
        let Some((_, view)) = world.machine.cache_at(index) else { return Ok(()) };
        let counted = world.machine.config().design.slab == SlabDesign::Caches53 && view.root.is_some();
        let thing = Thing::Cache(book.name, book.birth);
        if counted && view.memcg.is_none() && book.pages > 0 && world.checks.has(Invariant::I12) {
            let (expected, found) = ("the group that pays for its slabs", "none");
            let pages = book.pages;
            let because = move |_: &Labels| format!("{pages} pages of slabs are still to be uncharged");
            return Err(Broken::new(Invariant::I12, "cache-owner", thing, expected, found, because));
        }
        if !counted || view.stage == Stage::ShutDown {
            return Ok(());
        }
        let holders = holders(book, view.stage);
        let expected = holders.iter().map(|(_, n)| n).sum();
        world.law(Invariant::I5, "cache-refs", thing, (expected, view.refs), || list(&holders))
    }

    /// Everything is at rest: a cache that nobody can allocate from, and that has no slab, must be gone (I6).
    pub(super) fn check_cache_leaks(&self, world: &World<'_>) -> Law {
        for (cache, view) in world.machine.live_caches() {
            let Some(book) = self.slab.caches.get(cache.index()) else { continue };
            let destroyed = !world.model.cache_exists(book.name);
            let pinned_by_group = world.machine.config().design.slab == SlabDesign::PagePins;
            let unused = view.root.is_some()
                && view.stage != Stage::Active
                && !pinned_by_group
                && (book.pages == 0 || book.idle > 0);
            if destroyed || unused {
                return Err(Broken::new(
                    Invariant::I6,
                    "cache-dying",
                    Thing::Cache(book.name, book.birth),
                    "freed: nothing can be allocated from it any more, and it has no objects",
                    format!("still there, {:?}", view.stage),
                    list(&[("references", view.refs), ("pages of slabs", book.pages)]),
                ));
            }
        }
        Ok(())
    }

    /// Forget all counts; everything is looked at again when it is next booked.
    pub(super) fn recount_slabs(&mut self, world: &World<'_>) {
        for book in &mut self.groups {
            book.slab = GroupSlabs::default();
        }
        for book in &mut self.slab.caches {
            (book.holds, book.booked, book.pages, book.idle) = (None, 0, 0, 0);
        }
        for book in &mut self.slab.slabs {
            (book.of, book.pins) = (None, None);
        }
        for (cache, _) in world.machine.live_caches() {
            self.slab.touch_cache(cache.index());
        }
        for (slab, _) in world.machine.live_slabs() {
            self.slab.touch_slab(slab.index());
        }
    }
}

/// Who holds a group's cache.
fn holders(book: &CacheBook, stage: Stage) -> [(&'static str, i64); 2] {
    [("base", i64::from(stage <= Stage::Killed)), ("pages of slabs", book.pages)]
}
