//! What may be asked about the state of the model, in constant time. A name that was never given has no pages, no
//! holders and no limits.

use super::{Config, Group, GroupLife, Model};
use crate::{Bytes, ChargeId, CpuId, GroupId, Limit, ObjcgId, ObjectId, Pages, SlotId};
use std::fmt;

/// Who still holds a group, as far as the specification knows. Stocks, which may hold it too, are not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holders {
    /// Folios bound to the group.
    pub folios: u64,
    /// Swap slots recorded to it: they hold its id.
    pub slots: u64,
    /// Living objcgs that were born elsewhere and reparented to it.
    pub objcgs: u64,
    /// Children in the tree that have not ended.
    pub children: u64,
    /// Tasks in it, those in the middle of their exit included.
    pub tasks: u64,
}

impl Holders {
    /// Whether nobody holds it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == Holders::default()
    }
}

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holders { folios, slots, objcgs, children, tasks } = self;
        write!(f, "folios {folios}, slots {slots}, objcgs {objcgs}, children {children}, tasks {tasks}")
    }
}

/// Groups.
impl Model {
    /// The machine that this is a model of.
    #[inline]
    pub fn config(&self) -> Config {
        self.config
    }

    /// One more than the highest group made. Numbers below it whose `mkdir` was refused or dropped name nothing.
    #[inline]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Where a group is in its life; `None` if it was never made.
    #[inline]
    pub fn life(&self, group: GroupId) -> Option<GroupLife> {
        self.groups.get(group.index()).map(|group| group.life)
    }

    /// The groups whose second half of rmdir has not run, the oldest rmdir first. After a quiesce there is none.
    #[inline]
    pub fn offlining(&self) -> &[GroupId] {
        &self.offlining
    }

    /// The parent in the tree; root has none.
    #[inline]
    pub fn parent(&self, group: GroupId) -> Option<GroupId> {
        self.of(group, |group| group.parent)
    }

    /// The next level of the counters: the parent, or always root with `use_hierarchy=0`. Root has none.
    #[inline]
    pub fn counter_parent(&self, group: GroupId) -> Option<GroupId> {
        self.of(group, |group| group.counter_parent)
    }

    /// The memory limit.
    #[inline]
    pub fn limit(&self, group: GroupId) -> Limit {
        self.of(group, |group| group.max)
    }

    /// The swap limit.
    #[inline]
    pub fn swap_limit(&self, group: GroupId) -> Limit {
        self.of(group, |group| group.swap_max)
    }

    /// The limit of memory and swap together; v1 only.
    pub fn memsw_limit(&self, group: GroupId) -> Limit {
        self.of(group, |group| group.memsw_max)
    }

    /// Pages of live folios charged at the group's level: its own, and those of every group below it by
    /// [`Model::counter_parent`]. Folios of root itself are not charged.
    #[inline]
    pub fn live_pages(&self, group: GroupId) -> Pages {
        self.of(group, |group| group.live_pages)
    }

    /// All pages charged at the group's level: those of folios, and for every objcg whose owner is the group or
    /// below it those that its live bytes fill, the last one perhaps only in part.
    #[inline]
    pub fn usage(&self, group: GroupId) -> Pages {
        self.of(group, Group::usage)
    }

    /// Swap slots charged at the group's level. Slots recorded to root itself are not charged.
    #[inline]
    pub fn swapped(&self, group: GroupId) -> Pages {
        self.of(group, |group| group.swapped)
    }

    /// Pages and swap slots charged together at the group's level; v1 only.
    pub fn memsw(&self, group: GroupId) -> Pages {
        self.of(group, Group::memsw)
    }

    /// Folios bound to this very group.
    #[inline]
    pub fn own_folios(&self, group: GroupId) -> u64 {
        self.of(group, |group| group.folios)
    }

    /// Who holds the group.
    #[inline]
    pub fn holders(&self, group: GroupId) -> Holders {
        self.of(group, Group::holders)
    }

    /// References to the group's id: one of its own until the second half of its rmdir ran, and one for each slot
    /// recorded to it. With none the id is free.
    #[inline]
    pub fn id_refs(&self, group: GroupId) -> u64 {
        self.of(group, Group::id_refs)
    }

    /// Ids with a reference, root's not counted.
    #[inline]
    pub fn ids_in_use(&self) -> u64 {
        self.ids_in_use
    }

    pub(super) fn of<T: Default>(&self, group: GroupId, ask: impl FnOnce(&Group) -> T) -> T {
        self.groups.get(group.index()).map(ask).unwrap_or_default()
    }
}

/// Folios, objects and slots.
impl Model {
    /// A live folio: the group that it is bound to, and its pages.
    #[inline]
    pub fn charge(&self, charge: ChargeId) -> Option<(GroupId, Pages)> {
        self.folios.get(charge.index()).map(|folio| (folio.group, folio.pages))
    }

    /// A reference that the program holds: the birth group of its objcg, or root for "no objcg".
    #[inline]
    pub fn objcg(&self, objcg: ObjcgId) -> Option<GroupId> {
        self.objcgs.get(objcg.index()).copied()
    }

    /// The birth group of the objcg behind a reference. `None` if that is root's "no objcg", or the reference is not
    /// held.
    #[inline]
    pub fn bucket_of(&self, objcg: ObjcgId) -> Option<GroupId> {
        self.objcg(objcg).filter(|&birth| birth != GroupId::ROOT)
    }

    /// A live object: the birth group of its objcg, root if it is not accounted, and its size.
    #[inline]
    pub fn object(&self, object: ObjectId) -> Option<(GroupId, Bytes)> {
        self.objects.get(object.index()).map(|object| (object.birth, object.bytes))
    }

    /// The birth group of the objcg that a live object is charged to. `None` if the object is not accounted, or not
    /// live.
    #[inline]
    pub fn bucket_of_object(&self, object: ObjectId) -> Option<GroupId> {
        self.object(object).map(|(birth, _)| birth).filter(|&birth| birth != GroupId::ROOT)
    }

    /// The group that pays for the objcg born in `birth`, which may have ended: root, if there is no such objcg.
    #[inline]
    pub fn bucket_owner(&self, birth: GroupId) -> GroupId {
        self.buckets.get(birth.index()).map_or(GroupId::ROOT, |bucket| bucket.owner)
    }

    /// Bytes of live objects charged to the objcg born in `birth`.
    #[inline]
    pub fn bucket_live_bytes(&self, birth: GroupId) -> Bytes {
        self.buckets.get(birth.index()).map_or(Bytes(0), |bucket| bucket.live)
    }

    /// References to the objcg born in `birth`: those of the program, one for each live object, and one until the
    /// second half of the group's rmdir ran.
    #[inline]
    pub fn bucket_refs(&self, birth: GroupId) -> u64 {
        self.buckets.get(birth.index()).map_or(0, |bucket| bucket.refs)
    }

    /// Whether the objcg born in `birth` has a reference.
    #[inline]
    pub fn bucket_alive(&self, birth: GroupId) -> bool {
        self.bucket_refs(birth) > 0
    }

    /// Live slots: the group recorded for them, and how many they are.
    #[inline]
    pub fn slot(&self, slot: SlotId) -> Option<(GroupId, Pages)> {
        self.slots.get(slot.index()).map(|slot| (slot.recorded, slot.pages))
    }

    /// Swap slots in use, those recorded to root included.
    #[inline]
    pub fn slots_used(&self) -> u64 {
        self.slots_used
    }

    /// Swap slots that are free.
    #[inline]
    pub fn slots_left(&self) -> u64 {
        u64::from(self.config.slots).saturating_sub(self.slots_used)
    }
}

/// CPUs.
impl Model {
    /// Whether there is such a CPU and it is up.
    #[inline]
    pub fn cpu_up(&self, cpu: CpuId) -> bool {
        self.cpu(cpu).is_ok_and(|cpu| cpu.up)
    }

    /// Whether there is such a CPU and it is isolated.
    #[inline]
    pub fn cpu_isolated(&self, cpu: CpuId) -> bool {
        self.cpu(cpu).is_ok_and(|cpu| cpu.isolated)
    }
}
