//! The running count: what is cached where, and who points at whom.

use super::broken::{Broken, Law, Thing};
use super::followed::Owner;
use super::laws::{InFlight, World};
use super::mapped::StatBook;
use super::mm::MmBook;
use super::slab::{GroupSlabs, SlabBooks};
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl::{
    Cpu, Label, Machine, MemcgRef, ObjcgRef, ObjcgView, PAGE_SIZE, Pages, STOCK_SLOTS, StockSlot, What,
};
use stocktake_model::{GroupId, Model, ObjectRule};

/// What is known of a group beside the model's own account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupBook {
    /// The machine's group; `None` if its mkdir was refused.
    pub(crate) memcg: Option<MemcgRef>,
    /// Pages of the group, and of those below it, that are in page stocks.
    pub(crate) stocked: i64,
    /// Pages that objcgs of the group, and of those below it, bind.
    pub(crate) bound: i64,
    /// Slots of page stocks that cache this very group.
    pub(crate) stock_slots: i64,
    /// Reparented objcgs that point at it.
    pub(crate) objcgs: i64,
    /// Mms that point at it.
    pub(crate) mms: i64,
    /// Children that the machine has not freed.
    pub(crate) children: i64,
    /// Whether the machine has freed it.
    pub(crate) freed: bool,
    /// What kmem_caches have to do with it.
    pub(crate) slab: GroupSlabs,
    /// Its own objcg.
    pub(crate) bucket: BucketBook,
    group_is_dirty: bool,
    bucket_is_dirty: bool,
}

/// What is known of an objcg beside the model's own account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BucketBook {
    pub(crate) objcg: Option<ObjcgRef>,
    /// Bytes of it in byte stocks.
    pub(crate) stocked: i64,
    /// Byte stocks that cache it.
    pub(crate) stocks: i64,
    /// Pages that it binds: already added to `bound` from `owner` up.
    pub(crate) pages: i64,
    /// The group that it belongs to according to the model, when it was last looked at.
    pub(crate) owner: GroupId,
    /// The group that its pointer leads to while it is on a list, and so holds.
    pub(crate) holds: Option<GroupId>,
    /// Whether the machine has freed it.
    pub(crate) freed: bool,
}

/// What was in a CPU's stocks when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CpuBook {
    pages: [StockSlot; STOCK_SLOTS],
    bytes: Option<(ObjcgRef, u64)>,
}

/// The running count.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(super) groups: Vec<GroupBook>,
    /// The program's group by the number of the machine's arena slot.
    by_memcg: Vec<GroupId>,
    by_objcg: Vec<GroupId>,
    pub(crate) slab: SlabBooks,
    cpus: Vec<CpuBook>,
    pub(super) mms: MmBook,
    dirty_groups: Vec<GroupId>,
    dirty_buckets: Vec<GroupId>,
    /// A group may have been freed since the last check: the generation of one was written.
    ends: bool,
    pub(super) stats: StatBook,
}

impl Books {
    pub(crate) fn reset(&mut self, groups: usize, cpus: usize, machine: &Machine) {
        self.groups.clear();
        self.groups.resize(groups, GroupBook::default());
        self.by_memcg.clear();
        self.by_objcg.clear();
        self.mms.clear();
        self.slab.reset();
        self.cpus.clear();
        self.cpus.resize(cpus, CpuBook::default());
        self.dirty_groups.clear();
        self.dirty_buckets.clear();
        self.ends = false;
        self.stats.clear();
        self.groups[0].memcg = Some(machine.root());
        enter(&mut self.by_memcg, machine.root().index(), GroupId::ROOT);
    }

    /// A group has been made in the machine.
    pub(crate) fn born(&mut self, machine: &Machine, group: GroupId, parent: GroupId, memcg: MemcgRef) {
        let objcg = machine.memcg(memcg).and_then(|view| view.objcg);
        self.enter_group(group, parent, memcg, objcg);
    }

    /// A group was made, with this objcg.
    pub(crate) fn enter_group(
        &mut self,
        group: GroupId,
        parent: GroupId,
        memcg: MemcgRef,
        objcg: Option<ObjcgRef>,
    ) {
        // Who lived there before may not have been seen to end.
        if let Some(&before) = self.by_memcg.get(memcg.index())
            && before != group
        {
            self.ends = true;
            self.touch_group(before);
        }
        let book = &mut self.groups[group.index()];
        book.memcg = Some(memcg);
        book.bucket.objcg = objcg;
        book.bucket.owner = group;
        enter(&mut self.by_memcg, memcg.index(), group);
        if let Some(objcg) = objcg {
            enter(&mut self.by_objcg, objcg.index(), group);
        }
        self.groups[parent.index()].children += 1;
        self.touch_group(group);
        self.touch_group(parent);
    }

    /// Which group, and which objcg, lives or lived last in each slot of the machine's arenas.
    pub(crate) fn copy_slots(&self, groups: &mut Vec<GroupId>, births: &mut Vec<GroupId>) {
        groups.clone_from(&self.by_memcg);
        births.clone_from(&self.by_objcg);
    }

    /// The group of a handle, also of one whose slot is somebody else's by now. A handle that was never any group's
    /// gives the group that lived there last.
    pub(crate) fn group_of(&self, memcg: MemcgRef) -> GroupId {
        let last = self.group_at(memcg.index());
        if self.groups[last.index()].memcg == Some(memcg) {
            return last;
        }
        let theirs = self.groups.iter().position(|book| book.memcg == Some(memcg));
        theirs.map_or(last, |index| GroupId(index as u16))
    }

    /// The birth group of an objcg, also of one whose slot is another's by now.
    pub(crate) fn birth_of(&self, objcg: ObjcgRef) -> GroupId {
        let last = self.birth_at(objcg.index());
        if self.groups[last.index()].bucket.objcg == Some(objcg) {
            return last;
        }
        let theirs = self.groups.iter().position(|book| book.bucket.objcg == Some(objcg));
        theirs.map_or(last, |index| GroupId(index as u16))
    }

    /// The group that lives, or lived last, in a slot of the machine's arena.
    pub(crate) fn group_at(&self, index: usize) -> GroupId {
        self.by_memcg.get(index).copied().unwrap_or(GroupId::ROOT)
    }

    /// The birth group of the objcg that lives, or lived last, in a slot of the machine's arena.
    pub(crate) fn birth_at(&self, index: usize) -> GroupId {
        self.by_objcg.get(index).copied().unwrap_or(GroupId::ROOT)
    }

    pub(crate) fn group(&self, group: GroupId) -> &GroupBook {
        &self.groups[group.index()]
    }

    /// Pages of a group in the page stock of a CPU, when it was last looked at.
    pub(crate) fn local_pages(&self, cpu: usize, group: GroupId) -> u64 {
        let memcg = self.groups[group.index()].memcg;
        let cached = self.stocked_on(cpu).find(|(cached, _)| Some(*cached) == memcg);
        cached.map_or(0, |(_, pages)| pages.0)
    }

    /// Pages of all groups in the page stock of a CPU, when it was last looked at.
    pub(crate) fn all_local_pages(&self, cpu: usize) -> u64 {
        self.stocked_on(cpu).map(|(_, pages)| pages.0).sum()
    }

    fn stocked_on(&self, cpu: usize) -> impl Iterator<Item = (MemcgRef, Pages)> + '_ {
        self.cpus[cpu].pages.iter().filter_map(|slot| slot.cached())
    }

    /// Bytes of an objcg in the byte stock of a CPU, when it was last looked at.
    pub(crate) fn local_bytes(&self, cpu: usize, birth: GroupId) -> u64 {
        match self.cpus[cpu].bytes {
            Some((objcg, bytes)) if Some(objcg) == self.groups[birth.index()].bucket.objcg => bytes,
            _ => 0,
        }
    }

    /// The objcgs whose bytes are in the stocks of CPUs other than `cpu`, when they were last looked at.
    pub(crate) fn births_cached_elsewhere(&self, cpu: usize) -> impl Iterator<Item = GroupId> + '_ {
        let others = self.cpus.iter().enumerate().filter(move |(id, _)| *id != cpu);
        others.filter_map(|(_, book)| book.bytes.map(|(objcg, _)| self.birth_of(objcg)))
    }

    pub(crate) fn touch_group(&mut self, group: GroupId) {
        let book = &mut self.groups[group.index()];
        if !book.group_is_dirty {
            book.group_is_dirty = true;
            self.dirty_groups.push(group);
        }
    }

    pub(crate) fn touch_bucket(&mut self, birth: GroupId) {
        let book = &mut self.groups[birth.index()];
        if !book.bucket_is_dirty && book.bucket.objcg.is_some() {
            book.bucket_is_dirty = true;
            self.dirty_buckets.push(birth);
        }
    }

    pub(super) fn touch_all(&mut self) {
        for index in 0..self.groups.len() {
            if self.groups[index].memcg.is_some() {
                self.touch_group(GroupId(index as u16));
                self.touch_bucket(GroupId(index as u16));
            }
        }
    }

    /// The owners of words that were written are looked at again.
    pub(crate) fn touch_labels(&mut self, labels: &[Label]) {
        for label in labels {
            let index = label.index as usize;
            match Owner::of(label.what) {
                Owner::Nobody => {}
                Owner::Group => {
                    self.ends |= label.what == What::MemcgGeneration;
                    if let Some(&group) = self.by_memcg.get(index) {
                        self.touch_group(group);
                    }
                }
                Owner::Objcg => {
                    if let Some(&birth) = self.by_objcg.get(index) {
                        self.touch_bucket(birth);
                    }
                }
                Owner::Mm => self.mms.touch(index),
                Owner::Cache => self.slab.touch_cache(index),
                Owner::Slab => self.slab.touch_slab(index),
                Owner::Root => self.touch_group(GroupId::ROOT),
                Owner::Statistic => self.touch_stat_at(index),
            }
        }
    }

    /// Look at a CPU's stocks, and book what has changed. The stocks of a CPU that is down count for nothing:
    /// nobody will ever drain them.
    pub(crate) fn look_at_cpu(&mut self, machine: &Machine, model: &Model, cpu: &Cpu) -> Law {
        let id = cpu.id();
        let counts = machine.cpu_online(id);
        let seen = self.cpus[id].pages;
        let slots = if counts { *cpu.stock_slots() } else { Default::default() };
        for (slot, (before, now)) in seen.iter().zip(&slots).enumerate() {
            if before != now {
                self.cpus[id].pages[slot] = *now;
                if let Some((memcg, pages)) = before.cached() {
                    self.book_pages(model, memcg, -(pages.0 as i64), -1);
                }
                if let Some((memcg, pages)) = now.cached() {
                    if !machine.memcg_lives(memcg) {
                        return Err(stale_stock(id, "page stock", self.group_of(memcg)));
                    }
                    self.book_pages(model, memcg, pages.0 as i64, 1);
                }
            }
        }
        let now = cpu.cached_bytes().filter(|_| counts).map(|(objcg, bytes)| (objcg, bytes.0));
        let before = self.cpus[id].bytes;
        if before != now {
            self.cpus[id].bytes = now;
            if let Some((objcg, bytes)) = before {
                self.book_bytes(objcg, -(bytes as i64), -1);
            }
            if let Some((objcg, bytes)) = now {
                if !machine.objcg_lives(objcg) {
                    return Err(stale_stock(id, "byte stock", self.birth_of(objcg)));
                }
                self.book_bytes(objcg, bytes as i64, 1);
            }
        }
        Ok(())
    }

    fn book_pages(&mut self, model: &Model, memcg: MemcgRef, pages: i64, slots: i64) {
        let group = self.group_of(memcg);
        self.groups[group.index()].stock_slots += slots;
        let mut level = Some(group);
        while let Some(group) = level {
            self.groups[group.index()].stocked += pages;
            self.touch_group(group);
            level = model.counter_parent(group);
        }
    }

    fn book_bytes(&mut self, objcg: ObjcgRef, bytes: i64, stocks: i64) {
        let birth = self.birth_of(objcg);
        let bucket = &mut self.groups[birth.index()].bucket;
        bucket.stocked += bytes;
        bucket.stocks += stocks;
        self.touch_bucket(birth);
    }

    /// Bring the books of an objcg up to date: the pages that it binds, and where. Its words, if it lives.
    pub(super) fn book_bucket(&mut self, world: &World<'_>, birth: GroupId) -> Option<ObjcgView> {
        let book = &self.groups[birth.index()].bucket;
        let view = book.objcg.and_then(|objcg| world.objcg(objcg));
        let bytes = world.model.bucket_live_bytes(birth).0 as i64 + book.stocked;
        let pages = match view {
            // A released objcg has given its pages back, whatever its leftover still says.
            _ if world.model.object_rule() == ObjectRule::Pages => world.model.bucket_pages(birth).0 as i64,
            Some(view) if view.refs != 0 => (bytes + view.leftover).div_euclid(PAGE_SIZE as i64),
            _ => 0,
        };
        let owner = world.model.bucket_owner(birth);
        let holds = view.filter(|view| view.listed).map(|view| self.group_of(view.memcg));
        let (old_pages, old_owner, old_holds) = (book.pages, book.owner, book.holds);
        if (pages, owner) != (old_pages, old_owner) {
            self.bind(world.model, old_owner, -old_pages);
            self.bind(world.model, owner, pages);
        }
        if holds != old_holds {
            for (group, change) in [(old_holds, -1), (holds, 1)] {
                if let Some(group) = group {
                    self.groups[group.index()].objcgs += change;
                    self.touch_group(group);
                }
            }
        }
        let freed = view.is_none();
        let bucket = &mut self.groups[birth.index()].bucket;
        (bucket.pages, bucket.owner, bucket.holds, bucket.freed) = (pages, owner, holds, freed);
        view
    }

    fn bind(&mut self, model: &Model, owner: GroupId, pages: i64) {
        let mut level = Some(owner);
        while let Some(group) = level {
            self.groups[group.index()].bound += pages;
            self.touch_group(group);
            level = model.counter_parent(group);
        }
    }

    /// Whether an objcg is to be looked at that somebody is in the middle of changing.
    pub(crate) fn is_disturbed(&self, machine: &Machine, flight: &dyn InFlight) -> bool {
        let objcg = |birth: &GroupId| self.groups[birth.index()].bucket.objcg;
        self.dirty_buckets.iter().filter_map(objcg).any(|objcg| {
            let refs = machine.objcg(objcg).map_or(0, |view| view.refs);
            let settled = refs - flight.added(Label::new(What::ObjcgRefs, objcg.index()));
            flight.disturbs_objcg(objcg.index(), refs == 0 || settled == 0)
        })
    }

    /// Check everything that has been touched since the last call.
    pub(crate) fn check_touched(&mut self, world: &mut World<'_>) -> Law {
        self.book_mms(world.machine);
        while let Some(birth) = self.dirty_buckets.pop() {
            self.groups[birth.index()].bucket_is_dirty = false;
            let view = self.book_bucket(world, birth);
            world.check_bucket(birth, &self.groups[birth.index()].bucket, view)?;
        }
        self.check_slabs(world)?;
        let mut bereaved = Vec::new();
        if std::mem::take(&mut self.ends) {
            self.book_ends(world, &mut bereaved)?;
        } else {
            self.dirty_groups.sort_unstable();
        }
        let mut disturbed = Vec::new();
        while let Some(group) = self.dirty_groups.pop() {
            let book = &mut self.groups[group.index()];
            if let (Some(flight), Some(memcg)) = (world.flight, book.memcg)
                && (flight.disturbs_group(memcg.index()) || bereaved.contains(&group))
            {
                disturbed.push(group);
                continue;
            }
            book.group_is_dirty = false;
            if book.memcg.is_some() && !book.freed {
                world.check_group(group, book)?;
            }
        }
        if !disturbed.is_empty() {
            self.dirty_groups.append(&mut disturbed);
        }
        self.check_stats(world)
    }

    /// Book the groups that have been freed, children before parents: a child's number is the higher one. The parents
    /// of those whose end cannot be booked yet go to `bereaved`: their children are not known.
    pub(super) fn book_ends(&mut self, world: &mut World<'_>, bereaved: &mut Vec<GroupId>) -> Law {
        self.dirty_groups.sort_unstable();
        for index in (0..self.dirty_groups.len()).rev() {
            let group = self.dirty_groups[index];
            let book = &mut self.groups[group.index()];
            let lives = book.memcg.is_none_or(|memcg| world.machine.memcg_lives(memcg));
            if lives || book.freed {
                continue;
            }
            if let (Some(flight), Some(memcg)) = (world.flight, book.memcg)
                && (flight.disturbs_group(memcg.index()) || bereaved.contains(&group))
            {
                // Whoever let go of it has not ended, or its slot has been taken again by somebody who has not; or
                // that is so of one of its children.
                self.ends = true;
                bereaved.extend(world.model.parent(group));
                continue;
            }
            book.freed = true;
            world.check_end_of_group(group, book)?;
            if let Some(parent) = world.model.parent(group) {
                self.groups[parent.index()].children -= 1;
                self.touch_group(parent);
            }
        }
        Ok(())
    }

    /// Forget all counts and count again from the structures of the machine.
    pub(super) fn recount(&mut self, world: &World<'_>, cpus: &[Cpu]) -> Law {
        for book in &mut self.groups {
            (book.stocked, book.bound, book.stock_slots, book.objcgs, book.children) = (0, 0, 0, 0, 0);
            book.mms = 0;
            (book.bucket.stocked, book.bucket.stocks, book.bucket.pages, book.bucket.holds) = (0, 0, 0, None);
        }
        for (_, view) in world.machine.live_memcgs() {
            if let Some(parent) = view.parent {
                let parent = self.group_of(parent);
                self.groups[parent.index()].children += 1;
            }
        }
        self.recount_mms(world.machine);
        self.recount_slabs(world);
        self.cpus.fill(CpuBook::default());
        for cpu in cpus {
            self.look_at_cpu(world.machine, world.model, cpu)?;
        }
        self.touch_all();
        Ok(())
    }
}

fn stale_stock(cpu: usize, stock: &str, group: GroupId) -> Box<Broken> {
    Broken::new(
        Invariant::I12,
        "stale-stock",
        Thing::Cpu(cpu),
        format!("a {stock} that holds what it caches"),
        "what it caches has been freed",
        move |names: &Labels| format!("it caches {} or its objcg without a reference", names.group(group)),
    )
}

fn enter(table: &mut Vec<GroupId>, index: usize, group: GroupId) {
    if table.len() <= index {
        table.resize(index + 1, GroupId::ROOT);
    }
    table[index] = group;
}
