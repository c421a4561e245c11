//! A ledger of live things only. It keeps no total: each is added up anew, from its definition, when asked for.

use super::super::{GroupLife, Holders};
use super::*;
use crate::{CacheId, SlabObjectId, SlabOp};
use std::collections::BTreeMap;

struct Entry {
    life: GroupLife,
    parent: Option<GroupId>,
    max: Limit,
    swap_max: Limit,
    memsw_max: Limit,
}

impl Entry {
    fn new(parent: Option<GroupId>, max: Limit, swap_max: Limit) -> Entry {
        Entry { life: GroupLife::Online, parent, max, swap_max, memsw_max: Limit::MAX }
    }
}

/// What was done, and nothing that follows from it.
pub(super) struct Ledger {
    config: Config,
    groups: BTreeMap<GroupId, Entry>,
    folios: BTreeMap<ChargeId, (GroupId, u64)>,
    references: BTreeMap<ObjcgId, GroupId>,
    objects: BTreeMap<ObjectId, (GroupId, u64)>,
    owners: BTreeMap<GroupId, GroupId>,
    slots: BTreeMap<SlotId, (GroupId, u64)>,
    /// The size of the objects of each cache.
    caches: BTreeMap<CacheId, u64>,
    /// Objects of caches: the cache, and whose objcg is charged how many bytes; root's is none.
    slab_objects: BTreeMap<SlabObjectId, (CacheId, GroupId, u64)>,
    up: Vec<bool>,
    isolated: Vec<bool>,
}

impl Ledger {
    pub(super) fn new(config: Config) -> Ledger {
        let root = Entry::new(None, Limit::MAX, Limit::MAX);
        Ledger {
            config,
            groups: BTreeMap::from([(ROOT, root)]),
            folios: BTreeMap::new(),
            references: BTreeMap::new(),
            objects: BTreeMap::new(),
            owners: BTreeMap::new(),
            slots: BTreeMap::new(),
            caches: BTreeMap::new(),
            slab_objects: BTreeMap::new(),
            up: vec![true; usize::from(config.cpus)],
            isolated: vec![false; usize::from(config.cpus)],
        }
    }

    pub(super) fn lives(&self) -> Vec<(GroupId, GroupLife)> {
        self.groups.iter().map(|(&group, entry)| (group, entry.life)).collect()
    }

    fn life(&self, group: GroupId) -> Option<GroupLife> {
        self.groups.get(&group).map(|entry| entry.life)
    }

    fn standing(&self, group: GroupId) -> bool {
        matches!(self.life(group), Some(GroupLife::Online | GroupLife::Offlining))
    }

    fn counter_parent(&self, group: GroupId) -> Option<GroupId> {
        let parent = self.groups.get(&group)?.parent?;
        Some(if self.config.mode == Mode::V1Flat { ROOT } else { parent })
    }

    fn path(&self, group: GroupId) -> Vec<GroupId> {
        let mut path = vec![group];
        while let Some(parent) = path.last().and_then(|&last| self.counter_parent(last)) {
            path.push(parent);
        }
        path
    }

    fn is_at(&self, level: GroupId, group: GroupId) -> bool {
        self.path(group).contains(&level)
    }

    fn live_pages(&self, level: GroupId) -> u64 {
        let charged = self.folios.values().filter(|(group, _)| *group != ROOT && self.is_at(level, *group));
        charged.map(|(_, pages)| pages).sum()
    }

    fn live_bytes(&self, birth: GroupId) -> u64 {
        let objects = self.objects.values().filter(|(of, _)| *of == birth).map(|(_, bytes)| bytes);
        let of_caches = self.slab_objects.values().filter(|(_, of, _)| *of == birth).map(|(.., bytes)| bytes);
        objects.chain(of_caches).sum()
    }

    fn usage(&self, level: GroupId) -> u64 {
        let owned = self.owners.iter().filter(|(_, owner)| self.is_at(level, **owner));
        self.live_pages(level) + owned.map(|(&birth, _)| self.live_bytes(birth).div_ceil(4096)).sum::<u64>()
    }

    fn swapped(&self, level: GroupId) -> u64 {
        let charged = self.slots.values().filter(|(group, _)| *group != ROOT && self.is_at(level, *group));
        charged.map(|(_, slots)| slots).sum()
    }

    fn memsw(&self, level: GroupId) -> u64 {
        self.usage(level) + self.swapped(level)
    }

    fn own_slots(&self, group: GroupId) -> u64 {
        self.slots.values().filter(|(of, _)| *of == group).map(|(_, slots)| slots).sum()
    }

    fn id_refs(&self, group: GroupId) -> u64 {
        self.own_slots(group) + u64::from(self.standing(group))
    }

    fn bucket_refs(&self, birth: GroupId) -> u64 {
        if birth == ROOT {
            return 0;
        }
        let references = self.references.values().filter(|of| **of == birth).count();
        let objects = self.objects.values().filter(|(of, _)| *of == birth).count();
        let of_caches = self.slab_objects.values().filter(|(_, of, _)| *of == birth).count();
        (references + objects + of_caches) as u64 + u64::from(self.standing(birth))
    }

    fn objects_of(&self, cache: CacheId) -> usize {
        self.slab_objects.values().filter(|(of, ..)| *of == cache).count()
    }

    /// Whose objcg pays for what is allocated by a task of `group`.
    fn standing_above(&self, group: GroupId) -> GroupId {
        self.path(group).into_iter().find(|&level| self.standing(level)).unwrap_or(ROOT)
    }

    fn holders(&self, group: GroupId) -> Holders {
        let inherited = |(birth, owner): &(&GroupId, &GroupId)| {
            **owner == group && **birth != group && self.bucket_refs(**birth) > 0
        };
        let child = |entry: &&Entry| entry.parent == Some(group) && entry.life != GroupLife::Ended;
        Holders {
            folios: self.folios.values().filter(|(of, _)| *of == group).count() as u64,
            slots: self.own_slots(group),
            objcgs: self.owners.iter().filter(inherited).count() as u64,
            children: self.groups.values().filter(child).count() as u64,
            // No program here has tasks.
            tasks: 0,
        }
    }

    fn fits(&self, group: GroupId, pages: u64) -> bool {
        self.path(group).iter().all(|level| {
            let entry = &self.groups[level];
            let v1 = self.config.mode != Mode::V2;
            entry.max.0.is_none_or(|max| self.usage(*level) + pages <= max.0)
                && (!v1 || entry.memsw_max.0.is_none_or(|max| self.memsw(*level) + pages <= max.0))
        })
    }

    /// The answer to operations that charge or create, straight from the definitions. `None` for the others.
    pub(super) fn answer(&self, step: &Step) -> Option<Outcome> {
        let or_nomem = |fits: bool, success: Outcome| Some(if fits { success } else { NOMEM });
        match step.op {
            Op::Mkdir { parent, .. } => {
                let ids =
                    self.groups.keys().filter(|&&group| group != ROOT && self.id_refs(group) > 0).count();
                Some(if self.life(parent) != Some(GroupLife::Online) {
                    NODEV
                } else if step.fail == Some(Failure::Alloc) {
                    NOMEM
                } else if ids >= usize::from(self.config.ids) {
                    NOSPACE
                } else {
                    DONE
                })
            }
            Op::Rmdir { group } => {
                let online = |entry: &&Entry| entry.parent == Some(group) && entry.life == GroupLife::Online;
                Some(match self.groups[&group].life {
                    GroupLife::Online if self.groups.values().any(|entry| online(&entry)) => BUSY,
                    GroupLife::Online => DONE,
                    _ => NODEV,
                })
            }
            Op::SetMax { group, max } if self.config.mode != Mode::V2 => {
                Some(write_v1(max, max, self.groups[&group].memsw_max, self.usage(group)))
            }
            Op::SetMemswMax { group, max } => {
                Some(write_v1(max, self.groups[&group].max, max, self.memsw(group)))
            }
            Op::Charge { .. } | Op::SwapIn { .. } if step.fail == Some(Failure::Alloc) => Some(NOMEM),
            Op::Charge { group, pages, force, .. } => or_nomem(force || self.fits(group, pages.0), DONE),
            Op::ObjcgFrom { group, .. } => {
                self.path(group).into_iter().find(|&level| self.standing(level)).map(Outcome::To)
            }
            Op::ObjCharge { objcg, bytes, .. } => {
                let birth = self.references[&objcg];
                let live = self.live_bytes(birth);
                let needed = (live + bytes.0).div_ceil(4096) - live.div_ceil(4096);
                let owner = self.owners.get(&birth);
                or_nomem(needed == 0 || owner.is_none_or(|&owner| self.fits(owner, needed)), DONE)
            }
            Op::Slab(SlabOp::DestroyCache { cache }) => {
                Some(if self.objects_of(cache) > 0 { BUSY } else { DONE })
            }
            // Whether another slab is needed, which may fail, is not written down here.
            Op::Slab(SlabOp::Alloc { cache, group, .. }) if step.fail != Some(Failure::Alloc) => {
                let birth = self.standing_above(group);
                let live = self.live_bytes(birth);
                let needed = (live + self.caches[&cache] + 8).div_ceil(4096) - live.div_ceil(4096);
                let owner = self.owners.get(&birth);
                or_nomem(
                    needed == 0 || owner.is_none_or(|&owner| self.fits(owner, needed)),
                    Outcome::To(birth),
                )
            }
            Op::SwapOut { charge, .. } => {
                let (group, pages) = self.folios[&charge];
                let used: u64 = self.slots.values().map(|(_, slots)| slots).sum();
                let payer = self.path(group).into_iter().find(|&level| self.id_refs(level) > 0)?;
                let v1 = self.config.mode != Mode::V2;
                let fits = v1
                    || self.path(payer).iter().all(|level| {
                        let max = self.groups[level].swap_max.0;
                        max.is_none_or(|max| self.swapped(*level) + pages <= max.0)
                    });
                if used + pages > u64::from(self.config.slots) {
                    return Some(NOSPACE);
                }
                or_nomem(fits, Outcome::To(payer))
            }
            Op::SwapIn { slot, faulter, .. } => {
                let (recorded, pages) = self.slots[&slot];
                let online = self.life(recorded) == Some(GroupLife::Online);
                let payer = if online { recorded } else { faulter };
                or_nomem(self.fits(payer, pages), Outcome::To(payer))
            }
            _ => None,
        }
    }

    /// Writes down what an admitted step did.
    pub(super) fn enter(&mut self, step: &Step, outcome: Outcome) {
        match (step.op, outcome) {
            (Op::Mkdir { new, parent, max, swap_max }, Outcome::Done) => {
                self.groups.insert(new, Entry::new(Some(parent), max, swap_max));
                self.owners.insert(new, new);
            }
            (Op::Rmdir { group }, Outcome::Done) if self.groups[&group].life == GroupLife::Online => {
                self.set_life(group, GroupLife::Offlining);
            }
            (Op::SetMax { group, max }, Outcome::Done) => {
                self.groups.entry(group).and_modify(|entry| entry.max = max);
            }
            (Op::SetSwapMax { group, max }, Outcome::Done) => {
                self.groups.entry(group).and_modify(|entry| entry.swap_max = max);
            }
            (Op::SetMemswMax { group, max }, Outcome::Done) => {
                self.groups.entry(group).and_modify(|entry| entry.memsw_max = max);
            }
            (Op::Charge { new, group, pages, .. }, Outcome::Done) => {
                self.folios.insert(new, (group, pages.0));
            }
            (Op::Uncharge { charge }, Outcome::Done) => drop(self.folios.remove(&charge)),
            (Op::ObjcgFrom { new, .. }, Outcome::To(birth)) if self.groups.contains_key(&birth) => {
                self.references.insert(new, birth);
            }
            (Op::ObjcgGet { new, held }, Outcome::Done) => {
                self.references.insert(new, self.references[&held]);
            }
            (Op::ObjcgPut { held }, Outcome::Done) => drop(self.references.remove(&held)),
            (Op::ObjCharge { new, objcg, bytes, .. }, Outcome::Done) => {
                self.objects.insert(new, (self.references[&objcg], bytes.0));
            }
            (Op::ObjUncharge { object }, Outcome::Done) => drop(self.objects.remove(&object)),
            (Op::SwapOut { new, charge }, Outcome::To(group)) if self.groups.contains_key(&group) => {
                let (_, pages) = self.folios.remove(&charge).expect("admitted");
                self.slots.insert(new, (group, pages));
            }
            (Op::SwapIn { new, slot, .. }, Outcome::To(group)) if self.groups.contains_key(&group) => {
                let (_, pages) = self.slots.remove(&slot).expect("admitted");
                self.folios.insert(new, (group, pages));
            }
            (Op::SwapFree { slot }, Outcome::Done) => drop(self.slots.remove(&slot)),
            (Op::Slab(SlabOp::CreateCache { new, size, .. }), Outcome::Done) => {
                self.caches.insert(new, size.0);
            }
            (Op::Slab(SlabOp::DestroyCache { cache }), Outcome::Done) => drop(self.caches.remove(&cache)),
            (Op::Slab(SlabOp::Alloc { new, cache, .. }), Outcome::To(payer)) => {
                let alive = payer != ROOT && self.bucket_refs(payer) > 0;
                let birth = if alive { payer } else { self.standing_above(payer) };
                self.slab_objects.insert(new, (cache, birth, self.caches[&cache] + 8));
            }
            (Op::Slab(SlabOp::Free { object }), Outcome::Done) => drop(self.slab_objects.remove(&object)),
            (Op::CpuDown { target }, Outcome::Done) => self.up[target.index()] = false,
            (Op::CpuUp { target }, Outcome::Done) => self.up[target.index()] = true,
            (Op::CpuIsolate { target }, Outcome::Done) => self.isolated[target.index()] = true,
            (Op::CpuUnisolate { target }, Outcome::Done) => self.isolated[target.index()] = false,
            (Op::Work, Outcome::Ran(Ran::Offline(group))) => self.offlined(group),
            _ => {}
        }
    }

    pub(super) fn offlined(&mut self, group: GroupId) {
        if self.life(group) != Some(GroupLife::Offlining) {
            return;
        }
        self.set_life(group, GroupLife::Dying);
        let parent = self.counter_parent(group).expect("root is never removed");
        for owner in self.owners.values_mut().filter(|owner| **owner == group) {
            *owner = parent;
        }
    }

    /// Whether nobody is left who holds the group; it has ended then.
    pub(super) fn end(&mut self, group: GroupId) -> Result<(), Holders> {
        let holders = self.holders(group);
        if self.life(group) != Some(GroupLife::Dying) || holders != Holders::default() {
            return Err(holders);
        }
        self.set_life(group, GroupLife::Ended);
        Ok(())
    }

    fn set_life(&mut self, group: GroupId, life: GroupLife) {
        self.groups.entry(group).and_modify(|entry| entry.life = life);
    }

    /// Every total and every answer of the model, against its definition.
    pub(super) fn check(&self, model: &Model) {
        assert_eq!(model.groups(), self.groups.keys().last().map_or(0, |last| last.index() + 1));
        for number in 0..model.groups() as u16 + 2 {
            let group = g(number);
            assert_eq!(model.life(group), self.life(group), "{group:?}");
            let Some(entry) = self.groups.get(&group) else {
                assert_eq!((model.usage(group), model.holders(group)), (Pages(0), Holders::default()));
                continue;
            };
            assert_eq!(model.parent(group), entry.parent, "{group:?}");
            assert_eq!(model.counter_parent(group), self.counter_parent(group), "{group:?}");
            assert_eq!(
                (model.limit(group), model.swap_limit(group), model.memsw_limit(group)),
                (entry.max, entry.swap_max, entry.memsw_max),
                "{group:?}"
            );
            assert_eq!(model.live_pages(group), Pages(self.live_pages(group)), "{group:?}");
            assert_eq!(model.usage(group), Pages(self.usage(group)), "{group:?}");
            assert_eq!(model.swapped(group), Pages(self.swapped(group)), "{group:?}");
            assert_eq!(model.memsw(group), Pages(self.memsw(group)), "{group:?}");
            assert_eq!(model.holders(group), self.holders(group), "{group:?}");
            assert_eq!(model.own_folios(group), self.holders(group).folios, "{group:?}");
            assert_eq!(model.id_refs(group), self.id_refs(group), "{group:?}");
            assert_eq!(model.bucket_refs(group), self.bucket_refs(group), "{group:?}");
            assert_eq!(model.bucket_alive(group), self.bucket_refs(group) > 0, "{group:?}");
            let owner = self.owners.get(&group).copied().unwrap_or(ROOT);
            assert_eq!(model.bucket_owner(group), owner, "{group:?}");
            let live = if group == ROOT { 0 } else { self.live_bytes(group) };
            assert_eq!(model.bucket_live_bytes(group), Bytes(live), "{group:?}");
        }
        let ids = self.groups.keys().filter(|&&group| group != ROOT && self.id_refs(group) > 0).count();
        assert_eq!(model.ids_in_use(), ids as u64);
        assert_eq!(model.slots_used(), self.slots.values().map(|(_, slots)| slots).sum::<u64>());
        let offlining = self.groups.values().filter(|entry| entry.life == GroupLife::Offlining).count();
        assert_eq!(model.offlining().len(), offlining);
        for cpu in 0..=self.config.cpus {
            let at = |flags: &[bool]| flags.get(usize::from(cpu)).copied().unwrap_or(false);
            assert_eq!(model.cpu_up(CpuId(cpu)), at(&self.up));
            assert_eq!(model.cpu_isolated(CpuId(cpu)), at(&self.isolated));
        }
        self.check_names(model);
    }

    fn check_names(&self, model: &Model) {
        let names = [
            self.folios.keys().last().map(|last| last.0),
            self.references.keys().last().map(|last| last.0),
            self.objects.keys().last().map(|last| last.0),
            self.slots.keys().last().map(|last| last.0),
            self.caches.keys().last().map(|last| last.0),
            self.slab_objects.keys().last().map(|last| last.0),
        ];
        let accounted = |birth: GroupId| Some(birth).filter(|&birth| birth != ROOT);
        for name in 0..names.into_iter().flatten().max().unwrap_or(0) + 2 {
            let pages = |(group, pages): &(GroupId, u64)| (*group, Pages(*pages));
            assert_eq!(model.charge(ChargeId(name)), self.folios.get(&ChargeId(name)).map(pages));
            assert_eq!(model.slot(SlotId(name)), self.slots.get(&SlotId(name)).map(pages));
            let cache = CacheId(name);
            assert_eq!(model.cache_exists(cache), self.caches.contains_key(&cache));
            let objects = if self.caches.contains_key(&cache) { self.objects_of(cache) } else { 0 };
            assert_eq!(model.cache_objects(cache), objects as u64);
            let object = self.slab_objects.get(&SlabObjectId(name));
            let owner = |birth| self.owners.get(birth).copied().unwrap_or(ROOT);
            let found = object.map(|(cache, birth, _)| (*cache, owner(birth)));
            assert_eq!(model.slab_object(SlabObjectId(name)), found);
            let birth = self.references.get(&ObjcgId(name)).copied();
            assert_eq!(model.objcg(ObjcgId(name)), birth);
            assert_eq!(model.bucket_of(ObjcgId(name)), birth.and_then(accounted));
            let object = self.objects.get(&ObjectId(name)).map(|&(birth, bytes)| (birth, Bytes(bytes)));
            assert_eq!(model.object(ObjectId(name)), object);
            assert_eq!(
                model.bucket_of_object(ObjectId(name)),
                object.and_then(|(birth, _)| accounted(birth))
            );
        }
    }
}

/// Whether a limit of `max` is taken, with which the two limits would be these.
fn write_v1(max: Limit, memory: Limit, memsw: Limit, used: u64) -> Outcome {
    let pages = |limit: Limit| limit.0.map_or(u64::MAX, |pages| pages.0);
    match () {
        () if pages(memory) > pages(memsw) => INVALID,
        () if used > pages(max) => BUSY,
        () => DONE,
    }
}
