//! Who else asks whom an mm charges: migration with its charges, and events that are counted. Sockets do not ask.

use super::{MmPage, Stage, add};
use crate::model::Model;
use crate::model::allowed::PageCharge;
use crate::{Allowed, Errno, Failure, GroupId, MmEvent, MmOp, Outcome, Pages, Step, TaskId, Via, Witness};

/// Migration with charges.
impl Model {
    /// A task that leaves its group takes along what was charged through its mm to that group. It does so for certain
    /// if it is the leader of its process, and nobody else has ever shared the mm across groups; only a leader with an
    /// mm may do so at all. In between designs differ: one asks who owns the mm, another where it points.
    pub(super) fn migrate_charges_answers(&self, task: TaskId, to: GroupId) -> Vec<Outcome> {
        let left = Outcome::Is(false);
        let Some(leader) = self.leader_with_mm(task) else { return vec![left] };
        let moved = if self.fits(to, self.charges_to_move(task)) {
            Outcome::Is(true)
        } else {
            Outcome::Refused(Errno::NoMem)
        };
        if self.is_alone_in_its_mm(leader) { vec![moved] } else { vec![left, moved] }
    }

    /// Whether a task that migrates may take charges along, or leave them behind, whatever room there is.
    pub fn migration_may_answer(&self, task: TaskId, moved: bool) -> bool {
        match self.leader_with_mm(task) {
            None => !moved,
            Some(leader) => moved || !self.is_alone_in_its_mm(leader),
        }
    }

    /// The leader of a task's process, if it lives and has an mm of its own.
    fn leader_with_mm(&self, task: TaskId) -> Option<TaskId> {
        let leader = self.mms.tasks.get(task.index())?.leader;
        let found = self.mms.tasks.get(leader.index())?;
        (found.stage == Stage::Live && !found.kthread && found.mm.is_some()).then_some(leader)
    }

    /// Whether only threads of its process use the mm of a leader, and the mm has never charged another group since.
    fn is_alone_in_its_mm(&self, leader: TaskId) -> bool {
        let task = |task: &TaskId| self.mms.tasks.get(task.index());
        let Some((group, mm)) = task(&leader).and_then(|found| Some((found.group, found.mm?))) else {
            return false;
        };
        let mm = &self.mms.mms[mm];
        mm.homes == [group]
            && mm.tasks.iter().all(|user| task(user).is_some_and(|user| user.leader == leader))
    }

    /// Pages and slots of the mm of a task's leader that the group pays for in which it is. Each is charged to the new
    /// group as a page, a slot too, until all have been moved.
    fn charges_to_move(&self, task: TaskId) -> Pages {
        self.moving(task).iter().filter_map(|page| self.mm_page(*page)).map(|(_, pages)| pages).sum()
    }

    /// Who pays for a page or a swap entry, if it has not been freed, and its size.
    pub(super) fn mm_page(&self, page: MmPage) -> Option<(GroupId, Pages)> {
        match page {
            MmPage::Page(charge) => self.charge(charge),
            MmPage::Swapped(slot) => self.slot(slot),
        }
    }

    /// The charges that move with a task.
    pub(super) fn moving(&self, task: TaskId) -> Vec<MmPage> {
        self.source(task).map_or_else(Vec::new, |(from, mm)| self.charged_to(from, mm))
    }

    /// Where a task would take charges away from: its group, and the mm whose charges they are.
    pub(super) fn source(&self, task: TaskId) -> Option<(GroupId, usize)> {
        let leader = self.mms.tasks.get(self.leader_with_mm(task)?.index())?;
        Some((leader.group, leader.mm?))
    }

    /// What an mm has that a group pays for.
    pub(super) fn charged_to(&self, group: GroupId, mm: usize) -> Vec<MmPage> {
        let is_there = |page: &MmPage| self.mm_page(*page).is_some_and(|(payer, _)| payer == group);
        self.mms.mms[mm].pages.iter().copied().filter(is_there).collect()
    }

    /// What moves with a task: where from, and how much of it. Nothing if the task has no charges to move.
    pub fn charges_moved_by(&self, task: TaskId) -> Option<(GroupId, Pages)> {
        let group = self.mms.tasks.get(self.leader_with_mm(task)?.index())?.group;
        Some((group, self.charges_to_move(task)))
    }
}

/// Events.
impl Model {
    /// Where an event of an mm may be counted: wherever the mm may charge, and in a group of its tasks that has been
    /// removed and that no charge has looked at since. Without any task that binds it, perhaps nowhere.
    pub(in crate::model) fn event_answers(&self, via: Via) -> Vec<Outcome> {
        let mut groups = self.payers(via);
        let bound = self.mm_bound(via);
        let homes = self.mm_of(via).ok().and_then(|mm| self.mms.mms.get(mm)).map_or(&[][..], |mm| &mm.homes);
        for &home in homes {
            if bound.is_none_or(|bound| self.is_below(home, bound)) {
                add(&mut groups, home);
            }
        }
        let nowhere = bound.is_none().then_some(Outcome::Done);
        groups.into_iter().map(Outcome::To).chain(nowhere).collect()
    }

    pub(super) fn count_event(&mut self, group: GroupId, event: MmEvent) {
        let events = &mut self.mms.events;
        if events.len() <= group.index() {
            events.resize(group.index() + 1, [0; MmEvent::ALL.len()]);
        }
        events[group.index()][event as usize] += 1;
    }

    /// Events of mms that a group has counted.
    pub fn mm_events(&self, group: GroupId, event: MmEvent) -> u64 {
        self.mms.events.get(group.index()).map_or(0, |events| events[event as usize])
    }

    /// Whether any has been counted.
    pub fn mm_events_used(&self) -> bool {
        !self.mms.events.is_empty()
    }
}

/// What is allowed besides.
impl Model {
    pub(super) fn allow_reader(&self, allowed: &mut Allowed, step: &Step, op: &MmOp, witness: &dyn Witness) {
        let from_stock = |asked| step.fail != Some(Failure::Trylock) && witness.local_pages() >= asked;
        match *op {
            MmOp::MigrateCharges { task, group } => {
                let answers = self.migrate_charges_answers(task, group);
                let moves = answers.iter().any(|answer| *answer != Outcome::Is(false));
                allowed.exact = answers;
                let asked = self.charges_to_move(task);
                if moves && group != GroupId::ROOT && asked > Pages(0) {
                    let charge = PageCharge { group, asked, from_stock: from_stock(asked) };
                    self.allow_cached(allowed, Outcome::Is(true), &charge, witness);
                }
            }
            MmOp::Event { through, .. } => allowed.exact = self.event_answers(through),
            MmOp::Socket { task, pages, .. } if step.fail != Some(Failure::Alloc) => {
                if let Some(group) = self.task_group(task).filter(|&group| group != GroupId::ROOT) {
                    let charge = PageCharge { group, asked: pages, from_stock: from_stock(pages) };
                    self.allow_cached(allowed, Outcome::To(group), &charge, witness);
                }
            }
            _ => {}
        }
    }
}
