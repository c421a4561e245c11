//! Groups: the tree, the life of each group, and its id.
//!
//! Two relations lead upwards. The *tree* parent is where a group was made; the *counter* parent is where its
//! charges are counted next, and where its objcgs go when it is removed. They differ only in
//! [`Mode::V1Flat`], where root is the counter parent of all.

use super::Model;
use super::slab::GroupSlabs;
use super::{Holders, Skip};
use crate::{Errno, Failure, GroupId, Limit, Mode, Outcome, Pages, Ran};

/// The life of a group, in the order in which it is lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupLife {
    /// From mkdir to rmdir.
    Online,
    /// rmdir ran, the second half of offlining did not yet.
    Offlining,
    /// Offlined, and there until the last holder lets go.
    Dying,
    /// The machine under test has freed it.
    Ended,
}

/// What is known of one group. "At its level" means: of its own and of every group whose charges walk through it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) life: GroupLife,
    /// `None` for root alone.
    pub(super) parent: Option<GroupId>,
    /// `None` for root alone.
    pub(super) counter_parent: Option<GroupId>,
    pub(super) max: Limit,
    pub(super) swap_max: Limit,
    /// Limit of memory and swap together.
    pub(super) memsw_max: Limit,
    /// Limit of kernel memory, where that has a counter of its own.
    pub(super) kmem_max: Limit,
    /// Children that are online.
    pub(super) online_children: u64,
    /// Children that have not ended.
    pub(super) children: u64,
    /// Tasks that hold this very group.
    pub(super) tasks: u64,
    /// Those of them that are not exiting: they hinder its removal.
    pub(super) populated: u64,
    /// Folios bound to this very group.
    pub(super) folios: u64,
    /// Swap slots recorded to this very group: each holds a reference to its id.
    pub(super) slots: u64,
    /// Living objcgs of other births that this group owns.
    pub(super) inherited: u64,
    /// Head of the list of all objcgs that it owns, linked through [`Bucket::next`](super::Bucket::next).
    pub(super) first_bucket: Option<GroupId>,
    /// Pages of folios, at its level.
    pub(super) live_pages: Pages,
    /// Pages that objects need, each objcg rounded up by itself, at its level.
    pub(super) object_pages: Pages,
    /// Swap slots charged, at its level.
    pub(super) swapped: Pages,
    pub(super) slabs: GroupSlabs,
}

impl Group {
    fn new(parent: Option<GroupId>, counter_parent: Option<GroupId>, max: Limit, swap_max: Limit) -> Group {
        Group {
            life: GroupLife::Online,
            parent,
            counter_parent,
            max,
            swap_max,
            memsw_max: Limit::MAX,
            kmem_max: Limit::MAX,
            online_children: 0,
            children: 0,
            tasks: 0,
            populated: 0,
            folios: 0,
            slots: 0,
            inherited: 0,
            first_bucket: None,
            live_pages: Pages(0),
            object_pages: Pages(0),
            swapped: Pages(0),
            slabs: GroupSlabs::default(),
        }
    }

    /// Root is online for ever and has no limit.
    pub(super) fn root() -> Group {
        Group::new(None, None, Limit::MAX, Limit::MAX)
    }

    pub(super) fn is_online(&self) -> bool {
        self.life == GroupLife::Online
    }

    /// Whether the second half of offlining has not run: until then it keeps its active objcg and its id.
    pub(super) fn is_standing(&self) -> bool {
        matches!(self.life, GroupLife::Online | GroupLife::Offlining)
    }

    /// References to its id: one of its own while it stands, one for each slot recorded to it.
    pub(super) fn id_refs(&self) -> u64 {
        u64::from(self.is_standing()) + self.slots
    }

    pub(super) fn usage(&self) -> Pages {
        self.live_pages + self.object_pages + self.slabs.pages
    }

    /// Pages and swap slots together.
    pub(super) fn memsw(&self) -> Pages {
        self.usage() + self.swapped
    }

    pub(super) fn holders(&self) -> Holders {
        Holders {
            folios: self.folios,
            slots: self.slots,
            objcgs: self.inherited,
            children: self.children,
            tasks: self.tasks,
        }
    }
}

impl Model {
    /// `from` and all groups through which its charges walk, upwards to root.
    pub(super) fn levels(&self, from: GroupId) -> impl Iterator<Item = (GroupId, &Group)> {
        let find = |group: GroupId| Some((group, self.groups.get(group.index())?));
        std::iter::successors(find(from), move |(_, group)| find(group.counter_parent?))
    }

    /// Changes `from` and each level above it.
    pub(super) fn at_each_level(&mut self, from: GroupId, mut change: impl FnMut(&mut Group)) {
        let mut next = Some(from);
        while let Some(group) = next.and_then(|group| self.groups.get_mut(group.index())) {
            change(group);
            next = group.counter_parent;
        }
    }

    /// From `from` upwards, the groups that have something `now`, up to the first that will keep it when every
    /// pending second half of an rmdir has run. The first of them is today's answer to "who has it?"; each of the
    /// others is the answer once the second halves of those before it have run.
    pub(super) fn standing_in(
        &self,
        from: GroupId,
        now: fn(&Group) -> bool,
        keeps: fn(&Group) -> bool,
    ) -> impl Iterator<Item = GroupId> {
        let mut settled = false;
        self.levels(from).filter(move |(_, group)| now(group)).map_while(move |(id, group)| {
            let answer = if settled { None } else { Some(id) };
            settled = keeps(group);
            answer
        })
    }

    pub(super) fn admits_mkdir(&self, new: GroupId, parent: GroupId) -> Result<(), Skip> {
        self.groups.fresh(new.index())?;
        self.groups.live(parent.index()).map(|_| ())
    }

    pub(super) fn mkdir_answer(&self, parent: GroupId, fail: Option<Failure>) -> Outcome {
        if self.life(parent) != Some(GroupLife::Online) {
            Outcome::Refused(Errno::NoDev)
        } else if fail == Some(Failure::Alloc) {
            Outcome::Refused(Errno::NoMem)
        } else if self.ids_in_use >= u64::from(self.config.ids) {
            Outcome::Refused(Errno::NoSpace)
        } else if fail.and_then(Failure::allocation).is_some() {
            // The group's objcg, or the numbers of the CPUs in its reference counter.
            Outcome::Refused(Errno::NoMem)
        } else {
            Outcome::Done
        }
    }

    pub(super) fn mkdir(&mut self, new: GroupId, parent: GroupId, max: Limit, swap_max: Limit) {
        let Some(above) = self.groups.get_mut(parent.index()) else { return };
        above.children += 1;
        above.online_children += 1;
        let counter_parent = if self.config.mode == Mode::V1Flat { GroupId::ROOT } else { parent };
        self.groups.make(new.index(), Group::new(Some(parent), Some(counter_parent), max, swap_max));
        self.ids_in_use += 1;
        self.make_bucket(new);
    }

    pub(super) fn admits_rmdir(&self, group: GroupId) -> Result<(), Skip> {
        self.groups.live(group.index())?;
        self.admits_below_root(group)?;
        self.admits_out_of_moves(group)?;
        self.admits_out_of_faults(group)
    }

    /// A group is removed once: whoever comes second finds that under the lock of the tree. Only online children and
    /// tasks that run in it hinder; children that are removed already do not, nor do tasks in the middle of their exit.
    pub(super) fn rmdir_answer(&self, group: GroupId) -> Outcome {
        match self.groups.get(group.index()) {
            Some(found) if !found.is_online() => Outcome::Refused(Errno::NoDev),
            Some(found) if found.online_children == 0 && found.populated == 0 => Outcome::Done,
            _ => Outcome::Refused(Errno::Busy),
        }
    }

    pub(super) fn rmdir(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(id.index()).filter(|group| group.is_online()) else { return };
        group.life = GroupLife::Offlining;
        let parent = group.parent;
        self.offlining.push(id);
        if let Some(parent) = parent.and_then(|parent| self.groups.get_mut(parent.index())) {
            parent.online_children -= 1;
        }
    }

    /// The second half of an rmdir ran: the objcgs that the group owns go to its counter parent, and its own
    /// reference to its id goes. Does nothing for a group that is not offlining.
    pub fn offline_finished(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(id.index()) else { return };
        if group.life != GroupLife::Offlining {
            return;
        }
        group.life = GroupLife::Dying;
        if group.id_refs() == 0 {
            self.ids_in_use -= 1;
        }
        self.offlining.retain(|&other| other != id);
        self.put_bucket(id);
        self.reparent_buckets(id);
        self.offline_slabs(id);
    }

    /// The machine under test freed a group.
    ///
    /// # Errors
    ///
    /// Those who still hold the group, and will use it after it was freed. All counts are 0 if nobody does and the
    /// mistake is another: [`Model::life`] is not [`GroupLife::Dying`]. In either case nothing is changed.
    pub fn ended(&mut self, id: GroupId) -> Result<(), Holders> {
        let Some(group) = self.groups.get_mut(id.index()) else { return Err(Holders::default()) };
        let holders = group.holders();
        if group.life != GroupLife::Dying || !holders.is_empty() {
            return Err(holders);
        }
        group.life = GroupLife::Ended;
        let parent = group.parent;
        if let Some(parent) = parent.and_then(|parent| self.groups.get_mut(parent.index())) {
            parent.children -= 1;
        }
        Ok(())
    }

    /// The work item that is due, as far as the model knows: it has no stocks and so no drains to run. Second
    /// halves run in the order of their rmdirs, so that no group is offlined before its children.
    pub(super) fn work_answer(&self) -> Outcome {
        Outcome::Ran(self.offlining.first().map_or(Ran::Nothing, |&group| Ran::Offline(group)))
    }

    /// The caller of the steps to come holds these groups: it found them by name while they were online, and uses
    /// them although they may have been removed meanwhile. Only where operations overlap.
    pub fn hold(&mut self, groups: impl IntoIterator<Item = GroupId>) {
        self.held.clear();
        self.held.extend(groups);
    }

    pub(super) fn admits_online(&self, group: GroupId) -> Result<(), Skip> {
        let online = self.groups.live(group.index())?.is_online();
        if online || self.held.contains(&group) { Ok(()) } else { Err(Skip::Removed) }
    }

    pub(super) fn admits_below_root(&self, group: GroupId) -> Result<(), Skip> {
        if group == GroupId::ROOT { Err(Skip::NoChange) } else { Ok(()) }
    }

    /// A removed group can be named only through a folio that is bound to it (remote charging to the memcg of a
    /// page).
    pub(super) fn admits_named(&self, group: GroupId) -> Result<(), Skip> {
        let found = self.groups.live(group.index())?;
        if found.is_online() || found.folios > 0 || self.held.contains(&group) {
            Ok(())
        } else {
            Err(Skip::Removed)
        }
    }
}
