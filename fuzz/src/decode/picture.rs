//! A rough picture of what exists at a point of the program being made.
//!
//! It decides only which names and values are worth using. It knows no stocks, and guesses which operations are
//! refused; where it is wrong the program is still runnable. It is not the model, and nothing is checked with it.

mod mapped;
pub(super) mod mm;
mod names;

pub(super) use mapped::{Half, Mapped};
pub(super) use names::{CAPACITY, Names};

use super::shmem::Files;
use super::slab::Caches;
use stocktake_model::{CpuId, GroupId, Limit, Mode};

/// The most groups of one generated program, root included.
pub(super) const GROUPS: usize = 64;
const NO_LIMIT: u32 = u32::MAX;
const PAGE: u32 = stocktake_model::PAGE_SIZE as u32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Online,
    /// Removed; the second half of its offlining has probably not run.
    Offlining,
    Offline,
}

/// What is remembered of a group.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// Its parent in the tree.
    pub(super) parent: u8,
    /// Levels below root.
    pub(super) depth: u8,
    /// Children that are online.
    pub(super) children: u8,
    stage: Stage,
    /// Folios charged to it.
    pub(super) folios: u16,
    /// Slots recorded for it.
    recorded: u16,
    pages: u32,
    bytes: u32,
    max: u32,
    swapped: u16,
    swap_max: u32,
    memsw_max: u32,
}

impl Group {
    /// Zeros, which are quickly written.
    const BLANK: Group = Group {
        parent: 0,
        depth: 0,
        children: 0,
        stage: Stage::Online,
        folios: 0,
        recorded: 0,
        pages: 0,
        bytes: 0,
        max: 0,
        swapped: 0,
        swap_max: 0,
        memsw_max: 0,
    };

    fn has_id(&self) -> bool {
        self.stage != Stage::Offline || self.recorded > 0
    }
}

/// Something charged: the group it was charged to, and how much.
#[derive(Clone, Copy, Default)]
pub(super) struct Charged {
    pub(super) group: u8,
    pub(super) amount: u16,
}

/// The picture.
pub(super) struct Picture {
    pub(super) cpus: u8,
    /// Bit per CPU that is up.
    up: u8,
    /// Bit per CPU that is isolated.
    isolated: u8,
    flat: bool,
    /// Whether memory and swap are counted together.
    v1: bool,
    ids_left: i32,
    slots_left: i32,
    pub(super) groups: Names,
    group: [Group; GROUPS],
    offlining: [u8; GROUPS],
    offlining_from: u8,
    offlining_to: u8,
    pub(super) objcgs: Names,
    objcg: [u8; CAPACITY],
    pub(super) folios: Names,
    folio: [Charged; CAPACITY],
    pub(super) objects: Names,
    object: [Charged; CAPACITY],
    pub(super) slots: Names,
    slot: [Charged; CAPACITY],
    pub(super) mm: mm::Tasks,
    pub(super) slab: Caches,
    pub(super) mapped: Mapped,
    pub(super) files: Files,
}

impl Picture {
    /// Nothing but root and the CPUs.
    pub(super) fn new(cpus: u8, mode: Mode, ids: u16, slots: u16) -> Picture {
        let mut picture = Picture {
            cpus,
            up: ((1u16 << cpus) - 1) as u8,
            isolated: 0,
            flat: mode == Mode::V1Flat,
            v1: mode != Mode::V2,
            ids_left: i32::from(ids),
            slots_left: i32::from(slots),
            groups: Names::from(1),
            group: [Group::BLANK; GROUPS],
            offlining: [0; GROUPS],
            offlining_from: 0,
            offlining_to: 0,
            objcgs: Names::from(0),
            objcg: [0; CAPACITY],
            folios: Names::from(0),
            folio: [Charged::default(); CAPACITY],
            objects: Names::from(0),
            object: [Charged::default(); CAPACITY],
            slots: Names::from(0),
            slot: [Charged::default(); CAPACITY],
            mm: mm::Tasks::new(),
            slab: Caches::new(),
            mapped: Mapped::new(mode != Mode::V2),
            files: Files::new(),
        };
        picture.group[0].max = NO_LIMIT;
        picture.group[0].swap_max = NO_LIMIT;
        picture.group[0].memsw_max = NO_LIMIT;
        picture
    }

    // CPUs

    /// How many there are.
    pub(super) fn cpu_count(&self) -> u8 {
        self.cpus
    }

    /// One of the CPUs that are up, and not in the middle of something if that can be had.
    #[inline]
    pub(super) fn cpu(&self, choice: u8) -> CpuId {
        let idle = self.up & !self.mapped.busy() & !self.files.busy();
        nth(if idle != 0 { idle } else { self.up }, choice)
    }

    /// `cpu` if it is up, else another.
    pub(super) fn runner(&self, cpu: CpuId) -> CpuId {
        if self.up & 1 << cpu.0 != 0 { cpu } else { self.cpu(cpu.0) }
    }

    /// A CPU other than `cpu` that is up, if there is one.
    pub(super) fn other_cpu(&self, cpu: CpuId, choice: u8) -> Option<CpuId> {
        let others = self.up & !(1 << cpu.0);
        (others != 0).then(|| nth(others, choice))
    }

    /// A CPU that is down, if there is one.
    pub(super) fn down_cpu(&self, choice: u8) -> Option<CpuId> {
        let down = !self.up & ((1u16 << self.cpus) - 1) as u8;
        (down != 0).then(|| nth(down, choice))
    }

    pub(super) fn cpu_down(&mut self, cpu: CpuId) {
        self.up &= !(1 << cpu.0);
    }

    pub(super) fn cpu_up(&mut self, cpu: CpuId) {
        self.up |= 1 << cpu.0;
    }

    /// A CPU that is isolated, if there is one.
    pub(super) fn isolated_cpu(&self, choice: u8) -> Option<CpuId> {
        (self.isolated != 0).then(|| nth(self.isolated, choice))
    }

    pub(super) fn isolate(&mut self, cpu: CpuId) {
        self.isolated |= 1 << cpu.0;
    }

    pub(super) fn unisolate(&mut self, cpu: CpuId) {
        self.isolated &= !(1 << cpu.0);
    }

    // Groups

    /// What is known of a group.
    pub(super) fn group(&self, group: GroupId) -> &Group {
        &self.group[group.index() % GROUPS]
    }

    /// Whether one more group has a number.
    pub(super) fn has_room_for_group(&self) -> bool {
        self.groups.next() < GROUPS
    }

    /// A group was created below `parent`; it is live only if that probably worked.
    pub(super) fn mkdir(&mut self, parent: GroupId, max: Limit, swap_max: Limit, refused: bool) -> GroupId {
        let above = *self.group(parent);
        let worked = !refused && self.ids_left > 0 && above.stage == Stage::Online;
        let new = self.groups.define(worked);
        self.group[usize::from(new)] = Group {
            parent: parent.0 as u8,
            depth: above.depth + 1,
            stage: if worked { Stage::Online } else { Stage::Offline },
            max: ceiling(max),
            swap_max: ceiling(swap_max),
            memsw_max: NO_LIMIT,
            ..Group::BLANK
        };
        if worked {
            self.ids_left -= 1;
            self.group[parent.index()].children += 1;
        }
        GroupId(u16::from(new))
    }

    pub(super) fn rmdir(&mut self, group: GroupId) {
        if self.has_tasks(group) {
            return;
        }
        let removed = &mut self.group[group.index()];
        if group == GroupId::ROOT || removed.stage != Stage::Online || removed.children > 0 {
            return;
        }
        removed.stage = Stage::Offlining;
        let parent = usize::from(removed.parent);
        self.group[parent].children -= 1;
        self.groups.consume(group.0 as u8);
        self.offlining[usize::from(self.offlining_to) % GROUPS] = group.0 as u8;
        self.offlining_to += 1;
    }

    pub(super) fn set_max(&mut self, group: GroupId, max: Limit) {
        self.group[group.index()].max = ceiling(max);
    }

    pub(super) fn set_swap_max(&mut self, group: GroupId, max: Limit) {
        self.group[group.index()].swap_max = ceiling(max);
    }

    pub(super) fn set_memsw_max(&mut self, group: GroupId, max: Limit) {
        self.group[group.index()].memsw_max = ceiling(max);
    }

    /// Pages and swap slots that are probably charged together at the level of `group`.
    pub(super) fn memsw(&self, group: GroupId) -> u64 {
        self.usage(group) + u64::from(self.group(group).swapped)
    }

    /// A work item ran: perhaps the second half of the oldest rmdir.
    pub(super) fn work(&mut self) {
        if self.offlining_from < self.offlining_to {
            let group = self.offlining[usize::from(self.offlining_from) % GROUPS];
            self.offlining_from += 1;
            self.group[usize::from(group)].stage = Stage::Offline;
            self.drop_id(group);
        }
    }

    pub(super) fn quiesce(&mut self) {
        while self.offlining_from < self.offlining_to {
            self.work();
        }
    }

    fn drop_id(&mut self, group: u8) {
        if group != 0 && !self.group[usize::from(group)].has_id() {
            self.ids_left += 1;
        }
    }

    /// A removed group that still has a folio, if any of the last few removed has.
    pub(super) fn held_removed_group(&self, choice: u8) -> Option<GroupId> {
        (0..8)
            .filter_map(|step: u8| self.groups.consumed(choice.wrapping_add(step)))
            .find(|group| self.group[usize::from(*group)].folios > 0)
            .map(|group| GroupId(group.into()))
    }

    /// Pages that are probably charged at the level of `group`.
    pub(super) fn usage(&self, group: GroupId) -> u64 {
        let group = self.group(group);
        u64::from(group.pages + group.bytes.div_ceil(PAGE))
    }

    /// Pages that probably fit into `group`, by its own limit.
    pub(super) fn room(&self, group: GroupId) -> u64 {
        u64::from(self.group(group).max).saturating_sub(self.usage(group))
    }

    // Counters

    fn up_from(&self, group: u8) -> Option<u8> {
        match group {
            0 => None,
            _ if self.flat => Some(0),
            _ => Some(self.group[usize::from(group)].parent),
        }
    }

    fn on_path(&mut self, group: u8, mut change: impl FnMut(&mut Group)) {
        let mut at = Some(group);
        while let Some(level) = at {
            change(&mut self.group[usize::from(level)]);
            at = self.up_from(level);
        }
    }

    fn fits(&self, group: u8, holds: impl Fn(&Group) -> bool) -> bool {
        let mut at = Some(group);
        while let Some(level) = at {
            if !holds(&self.group[usize::from(level)]) {
                return false;
            }
            at = self.up_from(level);
        }
        true
    }

    /// A folio was charged; it is live only if that probably worked.
    pub(super) fn charge(&mut self, group: GroupId, pages: u64, force: bool, refused: bool) -> u8 {
        let charged = Charged { group: group.0 as u8, amount: pages.min(u64::from(u16::MAX)) as u16 };
        let more = u32::from(charged.amount);
        let worked = !refused
            && (force
                || self.fits(charged.group, |level| {
                    let pages = level.pages + level.bytes.div_ceil(PAGE) + more;
                    pages <= level.max && (!self.v1 || pages + u32::from(level.swapped) <= level.memsw_max)
                }));
        let new = self.folios.define(worked);
        self.folio[usize::from(new)] = charged;
        if worked {
            self.on_path(charged.group, |level| level.pages += more);
            self.group[usize::from(charged.group)].folios += 1;
        }
        new
    }

    /// A folio was freed. Answers what it was, if it was live.
    pub(super) fn uncharge(&mut self, folio: u8) -> Option<Charged> {
        if !self.folios.consume(folio) {
            return None;
        }
        let charged = self.folio[usize::from(folio)];
        self.on_path(charged.group, |level| level.pages -= u32::from(charged.amount));
        self.group[usize::from(charged.group)].folios -= 1;
        Some(charged)
    }

    /// A reference to the objcg of `group` was taken.
    pub(super) fn objcg_from(&mut self, group: GroupId) -> u8 {
        let new = self.objcgs.define(true);
        self.objcg[usize::from(new)] = group.0 as u8;
        new
    }

    /// One more reference was taken through `held`.
    pub(super) fn objcg_get(&mut self, held: u8) -> u8 {
        let new = self.objcgs.define(self.objcgs.is_live(held));
        self.objcg[usize::from(new)] = self.objcg[usize::from(held)];
        new
    }

    /// A reference to an objcg was given back.
    pub(super) fn objcg_put(&mut self, held: u8) {
        self.objcgs.consume(held);
    }

    /// An object was charged; it is live only if that probably worked.
    pub(super) fn obj_charge(&mut self, objcg: u8, bytes: u64, refused: bool) -> u8 {
        let group = self.objcg[usize::from(objcg)];
        let charged = Charged { group, amount: bytes.min(u64::from(u16::MAX)) as u16 };
        let more = u32::from(charged.amount);
        let worked = !refused
            && self.objcgs.is_live(objcg)
            && self.fits(group, |level| level.pages + (level.bytes + more).div_ceil(PAGE) <= level.max);
        let new = self.objects.define(worked);
        self.object[usize::from(new)] = charged;
        if worked {
            self.on_path(group, |level| level.bytes += more);
        }
        new
    }

    /// An object was freed.
    pub(super) fn obj_uncharge(&mut self, object: u8) {
        if self.objects.consume(object) {
            let charged = self.object[usize::from(object)];
            self.on_path(charged.group, |level| level.bytes -= u32::from(charged.amount));
        }
    }

    /// A folio was swapped out; the slots are live only if that probably worked.
    pub(super) fn swap_out(&mut self, folio: u8) -> u8 {
        let Charged { group: mut owner, amount } = self.folio[usize::from(folio)];
        while owner != 0 && !self.group[usize::from(owner)].has_id() {
            owner = self.up_from(owner).unwrap_or(0);
        }
        let worked = self.folios.is_live(folio)
            && self.slots_left >= i32::from(amount)
            && (self.v1
                || self.fits(owner, |level| u32::from(level.swapped) + u32::from(amount) <= level.swap_max));
        let new = self.slots.define(worked);
        self.slot[usize::from(new)] = Charged { group: owner, amount };
        if worked {
            self.uncharge(folio);
            self.slots_left -= i32::from(amount);
            self.group[usize::from(owner)].recorded += amount;
            self.on_path(owner, |level| level.swapped += amount);
        }
        new
    }

    /// Slots were freed.
    pub(super) fn swap_free(&mut self, slot: u8) {
        if self.slots.consume(slot) {
            let Charged { group, amount } = self.slot[usize::from(slot)];
            self.slots_left += i32::from(amount);
            self.group[usize::from(group)].recorded -= amount;
            self.on_path(group, |level| level.swapped -= amount);
            self.drop_id(group);
        }
    }

    /// A folio was swapped in; if that probably worked it is live, and the slots are free.
    pub(super) fn swap_in(&mut self, slot: u8, faulter: GroupId, refused: bool) -> u8 {
        let Charged { group, amount } = self.slot[usize::from(slot)];
        let payer = match self.group[usize::from(group)].stage {
            Stage::Online => GroupId(group.into()),
            _ => faulter,
        };
        let refused = refused || !self.slots.is_live(slot);
        let new = self.charge(payer, amount.max(1).into(), false, refused);
        if self.folios.is_live(new) {
            self.swap_free(slot);
        }
        new
    }
}

fn ceiling(limit: Limit) -> u32 {
    limit.0.map_or(NO_LIMIT, |pages| u32::try_from(pages.0).unwrap_or(NO_LIMIT))
}

/// The CPU of one of the bits of `mask`, which is not empty.
#[inline]
fn nth(mut mask: u8, choice: u8) -> CpuId {
    for _ in 0..u32::from(choice) % mask.count_ones() {
        mask &= mask - 1;
    }
    CpuId(mask.trailing_zeros() as u8)
}
