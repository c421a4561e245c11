//! kmem_caches: which objects share a slab, and who pays for the slab or for the object.
//!
//! Three rules, see [`SlabRule`]. Where slabs are charged, each group has a *pool* of slabs in each cache, and root
//! has one whose slabs nobody is charged for. An object goes to the slab of its pool that was taken into use last
//! among those with a free place; only if there is none, another slab is taken into use. A slab without objects
//! does not exist here: one that an allocator keeps for later is a thing that it caches, like a stock.

use super::allowed::PageCharge;
use super::tree::Group;
use super::{Model, Skip};
use crate::{
    Allowed, Bytes, CacheId, Errno, Failure, GroupId, Outcome, PAGE_SIZE, Pages, Reason, SlabObjectId,
    SlabOp, Step, Witness,
};
use std::collections::BTreeMap;

/// Who pays for what is allocated from a kmem_cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SlabRule {
    /// Each object is charged through the group's objcg, with its own size and that of a pointer. Slabs are shared
    /// and charged to nobody.
    #[default]
    Objects,
    /// Each group has slabs of its own, which are charged to it. What it owns when it is removed goes to its parent.
    SlabsReparented,
    /// As before, but a slab stays with the group that it was charged to.
    SlabsStay,
}

/// What one allocation has to charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlabCharge {
    /// Nothing: it is not accounted, or there is room in a slab that is charged already.
    Nothing,
    /// An object of so many bytes, through the objcg born in this group.
    Object(GroupId, Bytes),
    /// A slab of so many pages, to this group.
    Slab(GroupId, Pages),
}

/// What a group has to do with slabs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct GroupSlabs {
    /// Pages of slabs in use, at its level.
    pub(super) pages: Pages,
    /// Creations of its caches that are scheduled.
    scheduled: u64,
    /// The pools that it owns.
    owned: Vec<(CacheId, GroupId)>,
}

impl Group {
    pub(super) fn has_scheduled_caches(&self) -> bool {
        self.slabs.scheduled > 0
    }
}

/// A kmem_cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cache {
    size: Bytes,
    pages: Pages,
    /// By birth group; root's has the slabs that nobody is charged for.
    pools: BTreeMap<GroupId, Pool>,
    objects: u64,
}

impl Cache {
    fn per_slab(&self) -> u64 {
        self.pages.0 * PAGE_SIZE / self.size.0
    }

    /// What an object costs where objects are charged: itself, and the pointer to its objcg.
    fn charged_size(&self) -> Bytes {
        self.size + Bytes(8)
    }
}

/// The slabs of one cache that were charged to one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Pool {
    owner: GroupId,
    /// Whether the group still allocates from it.
    active: bool,
    /// Objects in each slab, in the order in which the slabs were taken into use.
    slabs: Vec<u64>,
    /// The slabs in use that have a free place, ascending.
    open: Vec<usize>,
}

/// A live object: where it lies, and the birth group of the objcg that it is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SlabObject {
    cache: CacheId,
    pool: GroupId,
    slab: usize,
    charged: Option<(GroupId, Bytes)>,
}

/// What the model keeps beside the tables of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Slabs {
    rule: SlabRule,
    /// Creations that are scheduled, the oldest first.
    scheduled: Vec<(CacheId, GroupId)>,
}

impl Slabs {
    pub(super) fn clear(&mut self) {
        self.rule = SlabRule::default();
        self.scheduled.clear();
    }
}

/// Admission and answers.
impl Model {
    pub(super) fn admits_slab(&self, op: &SlabOp) -> Result<(), Skip> {
        match *op {
            SlabOp::CreateCache { new, .. } => self.caches.fresh(new.index()),
            SlabOp::DestroyCache { cache } => self.caches.live(cache.index()).map(drop),
            SlabOp::Alloc { new, cache, group } => {
                self.slab_objects.fresh(new.index())?;
                self.caches.live(cache.index())?;
                self.admits_online(group)
            }
            SlabOp::Free { object } => self.slab_objects.live(object.index()).map(drop),
        }
    }

    pub(super) fn slab_answer(&self, op: &SlabOp, fail: Option<Failure>) -> Outcome {
        match *op {
            SlabOp::CreateCache { .. } if fail == Some(Failure::Alloc) => Outcome::Refused(Errno::NoMem),
            SlabOp::DestroyCache { cache } if self.cache_objects(cache) > 0 => Outcome::Refused(Errno::Busy),
            SlabOp::Alloc { cache, group, .. } => {
                if self.slab_is_refused(cache, group, fail) || !self.slab_charge_fits(cache, group) {
                    Outcome::Refused(Errno::NoMem)
                } else {
                    self.slab_success(cache, group)
                }
            }
            SlabOp::CreateCache { .. } | SlabOp::DestroyCache { .. } | SlabOp::Free { .. } => Outcome::Done,
        }
    }

    /// The group that an allocation is accounted to: root where it is not.
    pub(super) fn slab_success(&self, cache: CacheId, group: GroupId) -> Outcome {
        Outcome::To(match self.slabs.rule {
            SlabRule::Objects => self.objcg_answers(group).next().unwrap_or(GroupId::ROOT),
            SlabRule::SlabsReparented | SlabRule::SlabsStay => self.pool_used(cache, group),
        })
    }

    /// The pool that a task of `group` allocates from: root's while the group's cache has not been created.
    fn pool_used(&self, cache: CacheId, group: GroupId) -> GroupId {
        let charges_slabs = self.slabs.rule != SlabRule::Objects;
        let active = self.pool(cache, group).is_some_and(|pool| pool.active);
        if charges_slabs && active { group } else { GroupId::ROOT }
    }

    fn pool(&self, cache: CacheId, birth: GroupId) -> Option<&Pool> {
        self.caches.get(cache.index())?.pools.get(&birth)
    }

    /// Whether an allocation needs a slab that is not in use.
    fn needs_slab(&self, cache: CacheId, group: GroupId) -> bool {
        self.pool(cache, self.pool_used(cache, group)).is_none_or(|pool| pool.open.is_empty())
    }

    /// Whether this allocation asks for the creation of the group's cache.
    fn schedules(&self, cache: CacheId, group: GroupId) -> bool {
        self.slabs.rule != SlabRule::Objects
            && group != GroupId::ROOT
            && self.pool_used(cache, group) != group
    }

    /// Whether the injected failure hits the pages of the slab. The creation of a cache, if it has to be scheduled,
    /// allocates before that.
    fn slab_is_refused(&self, cache: CacheId, group: GroupId, fail: Option<Failure>) -> bool {
        let pages = 1 + u8::from(self.schedules(cache, group));
        fail.and_then(Failure::allocation) == Some(pages) && self.needs_slab(cache, group)
    }

    /// What an allocation by a task of `group` has to charge.
    #[inline]
    pub fn slab_charge(&self, cache: CacheId, group: GroupId) -> SlabCharge {
        let Some(found) = self.caches.get(cache.index()) else { return SlabCharge::Nothing };
        if self.slabs.rule == SlabRule::Objects {
            return self.object_charge(cache, self.objcg_answers(group).next().unwrap_or(GroupId::ROOT));
        }
        match self.pool_used(cache, group) {
            GroupId::ROOT => SlabCharge::Nothing,
            pool if self.needs_slab(cache, group) => SlabCharge::Slab(pool, found.pages),
            _ => SlabCharge::Nothing,
        }
    }

    /// What an object costs that is charged through the objcg born in `birth`; root has none.
    fn object_charge(&self, cache: CacheId, birth: GroupId) -> SlabCharge {
        match self.caches.get(cache.index()) {
            Some(found) if birth != GroupId::ROOT => SlabCharge::Object(birth, found.charged_size()),
            _ => SlabCharge::Nothing,
        }
    }

    fn slab_charge_fits(&self, cache: CacheId, group: GroupId) -> bool {
        match self.slab_charge(cache, group) {
            SlabCharge::Nothing => true,
            SlabCharge::Object(birth, bytes) => {
                self.fits(self.bucket_owner(birth), self.pages_needed(birth, bytes))
            }
            SlabCharge::Slab(group, pages) => {
                self.fits(group, pages) && (!self.counts_slab_kmem() || self.kmem_fits(group, pages))
            }
        }
    }

    /// The legal answers to an allocation besides the model's own. A slab that the allocator keeps without objects
    /// needs neither pages nor, where slabs are charged, a charge.
    pub(super) fn allow_slab_alloc(&self, allowed: &mut Allowed, step: &Step, witness: &dyn Witness) {
        let crate::Op::Slab(SlabOp::Alloc { cache, group, .. }) = step.op else { return };
        let success = self.slab_success(cache, group);
        let kept = witness.idle_slab();
        if self.slab_is_refused(cache, group, step.fail) {
            if !kept {
                return;
            }
            if self.slab_charge_fits(cache, group) {
                allowed.exact = vec![success];
            }
        }
        match self.slab_charge(cache, group) {
            SlabCharge::Nothing => {}
            SlabCharge::Slab(..) if kept => super::allowed::allow(allowed, success, Reason::StockHitOverMax),
            SlabCharge::Slab(group, pages) => {
                let from_stock = step.fail != Some(Failure::Trylock) && witness.local_pages() >= pages;
                let charge = PageCharge { group, asked: pages, from_stock };
                self.allow_cached_kmem(allowed, success, charge, self.counts_slab_kmem(), witness);
            }
            SlabCharge::Object(birth, bytes) => {
                let charge = (self.bucket_owner(birth), bytes.pages_up(), Some(bytes));
                self.allow_charge(allowed, success, step, charge, witness);
            }
        }
    }
}

/// Effects.
impl Model {
    /// How slabs are charged from now on; for a model on which nothing has happened.
    pub fn charge_slabs_by(&mut self, rule: SlabRule) {
        self.slabs.rule = rule;
    }

    pub(super) fn commit_slab(&mut self, op: &SlabOp, fail: Option<Failure>, observed: Outcome) {
        match (*op, observed) {
            (SlabOp::CreateCache { new, size, order, .. }, Outcome::Done) => {
                let mut pages = Pages(1 << order);
                while pages.0 * PAGE_SIZE < size.0 {
                    pages = Pages(pages.0 * 2);
                }
                self.caches.make(new.index(), Cache { size, pages, pools: BTreeMap::new(), objects: 0 });
            }
            (SlabOp::DestroyCache { cache }, Outcome::Done) => {
                // It waits until no work on caches is queued, and no other cache is created for this one.
                self.caches.take(cache.index());
                self.create_all_caches(fail);
            }
            (SlabOp::Alloc { new, cache, group }, Outcome::To(_) | Outcome::Refused(Errno::NoMem)) => {
                let scheduled = self.schedules(cache, group) && fail != Some(Failure::Alloc);
                if let Outcome::To(payer) = observed {
                    let charge = match self.slabs.rule {
                        // The objcg that was looked up; of one that nobody holds, whoever stands for it.
                        SlabRule::Objects if self.bucket_alive(payer) => self.object_charge(cache, payer),
                        SlabRule::Objects => self.slab_charge(cache, payer),
                        SlabRule::SlabsReparented | SlabRule::SlabsStay => self.slab_charge(cache, group),
                    };
                    self.alloc_slab_object(new, cache, group, charge);
                }
                if scheduled {
                    self.slabs.scheduled.push((cache, group));
                    self.change_group(group, |group| group.slabs.scheduled += 1);
                }
            }
            (SlabOp::Free { object }, Outcome::Done) => self.free_slab_object(object),
            _ => {}
        }
    }

    fn alloc_slab_object(&mut self, new: SlabObjectId, cache: CacheId, group: GroupId, charge: SlabCharge) {
        let birth = self.pool_used(cache, group);
        let Some(found) = self.caches.get_mut(cache.index()) else { return };
        let per_slab = found.per_slab();
        found.objects += 1;
        let pool = found.pools.entry(birth).or_default();
        let slab = pool.open.last().copied().unwrap_or_else(|| {
            pool.slabs.push(0);
            pool.open.push(pool.slabs.len() - 1);
            pool.slabs.len() - 1
        });
        pool.slabs[slab] += 1;
        if pool.slabs[slab] == per_slab {
            pool.open.pop();
        }
        let charged = match charge {
            SlabCharge::Object(birth, bytes) => Some((birth, bytes)),
            _ => None,
        };
        self.slab_objects.make(new.index(), SlabObject { cache, pool: birth, slab, charged });
        match charge {
            SlabCharge::Nothing => {}
            SlabCharge::Object(birth, bytes) => self.charge_bucket(birth, bytes),
            SlabCharge::Slab(group, pages) => self.at_each_level(group, |level| level.slabs.pages += pages),
        }
    }

    fn free_slab_object(&mut self, object: SlabObjectId) {
        let Some(SlabObject { cache, pool: birth, slab, charged }) = self.slab_objects.take(object.index())
        else {
            return;
        };
        if let Some((birth, bytes)) = charged {
            self.uncharge_bucket(birth, bytes);
        }
        let Some(found) = self.caches.get_mut(cache.index()) else { return };
        found.objects -= 1;
        let pages = found.pages;
        let Some(pool) = found.pools.get_mut(&birth) else { return };
        pool.slabs[slab] -= 1;
        let place = pool.open.binary_search(&slab);
        match (place, pool.slabs[slab]) {
            (Ok(place), 0) => drop(pool.open.remove(place)),
            (Err(place), 1..) => pool.open.insert(place, slab),
            _ => {}
        }
        if pool.slabs[slab] == 0 && birth != GroupId::ROOT {
            let owner = pool.owner;
            self.at_each_level(owner, |level| level.slabs.pages -= pages);
        }
    }

    /// A scheduled creation ran: the group has a cache of its own, if it and the cache are still there. The injected
    /// failure that is left: the first creation that allocates uses it up.
    pub(super) fn create_cache(&mut self, group: GroupId, fail: Option<Failure>) -> Option<Failure> {
        let found = self.slabs.scheduled.iter().position(|(_, other)| *other == group);
        let Some((cache, group)) = found.map(|at| self.slabs.scheduled.remove(at)) else { return fail };
        self.change_group(group, |group| group.slabs.scheduled -= 1);
        let stands = self.groups.get(group.index()).is_some_and(Group::is_standing);
        let Some(found) = self.caches.get_mut(cache.index()) else { return fail };
        if !stands || found.pools.contains_key(&group) {
            return fail;
        }
        if fail == Some(Failure::Alloc) {
            return None;
        }
        let fail = fail.map(Failure::after_allocation);
        found.pools.insert(group, Pool { owner: group, active: true, ..Pool::default() });
        self.change_group(group, |owner| owner.slabs.owned.push((cache, group)));
        fail
    }

    /// Every scheduled creation ran, within an operation into which this failure was injected.
    pub fn create_all_caches(&mut self, mut fail: Option<Failure>) {
        while let Some(&(_, group)) = self.slabs.scheduled.first() {
            fail = self.create_cache(group, fail);
        }
    }

    /// The second half of an rmdir ran: nothing more is allocated from the pools of the group, and, where that is the
    /// rule, its counter parent owns the slabs. Their pages are counted at every level above already.
    pub(super) fn offline_slabs(&mut self, from: GroupId) {
        let Some(group) = self.groups.get_mut(from.index()) else { return };
        let Some(to) = group.counter_parent else { return };
        let reparent = self.slabs.rule == SlabRule::SlabsReparented;
        let pools = std::mem::take(&mut group.slabs.owned);
        let mut pages = Pages(0);
        for &(cache, birth) in &pools {
            let Some(found) = self.caches.get_mut(cache.index()) else { continue };
            let slab_pages = found.pages;
            let Some(pool) = found.pools.get_mut(&birth) else { continue };
            pool.active = false;
            if reparent {
                pool.owner = to;
                let used = pool.slabs.iter().filter(|objects| **objects > 0).count() as u64;
                pages += Pages(used * slab_pages.0);
            }
        }
        if reparent {
            self.change_group(from, |group| group.slabs.pages -= pages);
            self.change_group(to, |group| group.slabs.owned.extend(pools));
        }
    }

    fn change_group(&mut self, group: GroupId, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            change(group);
        }
    }
}

/// Questions.
impl Model {
    /// How slabs are charged.
    #[inline]
    pub fn slab_rule(&self) -> SlabRule {
        self.slabs.rule
    }

    /// Pages of slabs in use, at the level of a group.
    #[inline]
    pub fn slab_pages(&self, group: GroupId) -> Pages {
        self.groups.get(group.index()).map_or(Pages(0), |group| group.slabs.pages)
    }

    /// Creations of caches of a group that are scheduled: each holds the group.
    #[inline]
    pub fn scheduled_caches(&self, group: GroupId) -> u64 {
        self.groups.get(group.index()).map_or(0, |group| group.slabs.scheduled)
    }

    /// Whether a cache has been made and not destroyed.
    pub fn cache_exists(&self, cache: CacheId) -> bool {
        self.caches.get(cache.index()).is_some()
    }

    /// Live objects of a cache, those of its groups included.
    pub fn cache_objects(&self, cache: CacheId) -> u64 {
        self.caches.get(cache.index()).map_or(0, |cache| cache.objects)
    }

    /// Whether the group born as `group` has a cache of its own in `cache` from which it may allocate.
    pub fn cache_is_active(&self, cache: CacheId, group: GroupId) -> bool {
        self.pool(cache, group).is_some_and(|pool| pool.active)
    }

    /// A live object: its cache, and the group that pays for it or its slab now; root if nobody does.
    pub fn slab_object(&self, object: SlabObjectId) -> Option<(CacheId, GroupId)> {
        let object = self.slab_objects.get(object.index())?;
        let owner = match object.charged {
            Some((birth, _)) => self.bucket_owner(birth),
            None => self.pool(object.cache, object.pool).map_or(GroupId::ROOT, |pool| pool.owner),
        };
        Some((object.cache, owner))
    }

    /// The birth group of the objcg that a live object is charged through, where objects are charged.
    pub fn slab_object_bucket(&self, object: SlabObjectId) -> Option<GroupId> {
        self.slab_objects.get(object.index())?.charged.map(|(birth, _)| birth)
    }
}
