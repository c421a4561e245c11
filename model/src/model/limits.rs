//! What fits below the limits, and the writes that change them.

use super::obj_cgroup::ObjectRule;
use super::tree::Group;
use super::{Model, Skip};
use crate::{Errno, GroupId, Limit, Mode, Outcome, Pages, SlabRule};

impl Model {
    /// Whether `pages` more fit at every level from `group` up. Root has no limit. A charge that needs no further
    /// page asks no counter.
    pub(super) fn fits(&self, group: GroupId, pages: Pages) -> bool {
        pages == Pages(0) || self.levels(group).all(|(_, level)| self.level_fits(level, pages))
    }

    /// In v1 the pages have to fit twice: into memory, and into memory and swap together.
    fn level_fits(&self, level: &Group, pages: Pages) -> bool {
        level.max.admits(level.usage() + pages)
            && (self.config.mode == Mode::V2 || level.memsw_max.admits(level.memsw() + pages))
    }

    /// The same for swap. In v1 a slot takes over what the page was charged, so nothing has to fit.
    pub(super) fn swap_fits(&self, group: GroupId, slots: Pages) -> bool {
        self.config.mode != Mode::V2
            || self.levels(group).all(|(_, level)| level.swap_max.admits(level.swapped + slots))
    }

    pub(super) fn admits_set_max(&self, group: GroupId) -> Result<(), Skip> {
        self.admits_online(group)?;
        self.admits_below_root(group)
    }

    /// v1 refuses a limit above that of memory+swap or below the usage, v2 takes any.
    pub(super) fn set_max_answer(&self, id: GroupId, max: Limit) -> Outcome {
        let Some(group) = self.groups.get(id.index()) else { return Outcome::Refused(Errno::NoDev) };
        match self.config.mode {
            Mode::V2 => Outcome::Done,
            Mode::V1 | Mode::V1Flat if !at_most(max, group.memsw_max) => Outcome::Refused(Errno::Invalid),
            Mode::V1 | Mode::V1Flat if !max.admits(group.usage()) => Outcome::Refused(Errno::Busy),
            Mode::V1 | Mode::V1Flat => Outcome::Done,
        }
    }

    pub(super) fn admits_set_memsw_max(&self, group: GroupId) -> Result<(), Skip> {
        if self.config.mode == Mode::V2 { Err(Skip::NotInMode) } else { self.admits_set_max(group) }
    }

    /// The same, the other way round.
    pub(super) fn set_memsw_max_answer(&self, id: GroupId, max: Limit) -> Outcome {
        match self.groups.get(id.index()) {
            None => Outcome::Refused(Errno::NoDev),
            Some(group) if !at_most(group.max, max) => Outcome::Refused(Errno::Invalid),
            Some(group) if !max.admits(group.memsw()) => Outcome::Refused(Errno::Busy),
            Some(_) => Outcome::Done,
        }
    }

    pub(super) fn set_memsw_max(&mut self, group: GroupId, max: Limit) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.memsw_max = max;
        }
    }

    /// Whether kernel memory has a counter of its own: in v1, where objects or slabs are charged by the page.
    #[inline]
    pub fn counts_kmem(&self) -> bool {
        self.counts_object_kmem() || self.counts_slab_kmem()
    }

    /// Whether objects are charged to that counter.
    #[inline]
    pub fn counts_object_kmem(&self) -> bool {
        self.config.mode != Mode::V2 && self.object_rule() == ObjectRule::Pages
    }

    /// Whether slabs are.
    #[inline]
    pub fn counts_slab_kmem(&self) -> bool {
        self.config.mode != Mode::V2 && self.slab_rule() != SlabRule::Objects
    }

    /// Pages that the kmem counter of a group has: those of the objects and slabs at its level, if they are charged to it.
    #[inline]
    pub fn kmem(&self, group: GroupId) -> Pages {
        self.groups.get(group.index()).map_or(Pages(0), |group| self.kmem_of(group))
    }

    #[inline]
    fn kmem_of(&self, level: &Group) -> Pages {
        let counted = |counts, pages| if counts { pages } else { Pages(0) };
        counted(self.counts_object_kmem(), level.object_pages)
            + counted(self.counts_slab_kmem(), level.slabs.pages)
    }

    /// Whether so many kernel pages more fit at every level. They have that counter.
    pub(super) fn kmem_fits(&self, group: GroupId, pages: Pages) -> bool {
        self.levels(group).all(|(_, level)| level.kmem_max.admits(self.kmem_of(level) + pages))
    }

    pub(super) fn admits_set_kmem_max(&self, group: GroupId) -> Result<(), Skip> {
        if self.counts_kmem() { self.admits_set_max(group) } else { Err(Skip::NotInMode) }
    }

    pub(super) fn set_kmem_max_answer(&self, group: GroupId, max: Limit) -> Outcome {
        if max.admits(self.kmem(group)) { Outcome::Done } else { Outcome::Refused(Errno::Busy) }
    }

    pub(super) fn set_kmem_max(&mut self, group: GroupId, max: Limit) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.kmem_max = max;
        }
    }

    pub(super) fn set_max(&mut self, group: GroupId, max: Limit) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.max = max;
        }
    }

    pub(super) fn set_swap_max(&mut self, group: GroupId, max: Limit) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.swap_max = max;
        }
    }
}

/// Whether the first limit is not above the second.
fn at_most(limit: Limit, other: Limit) -> bool {
    match (limit.0, other.0) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(pages), Some(other)) => pages <= other,
    }
}
