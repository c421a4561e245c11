//! A migration, and what it does one thing after the other.
//!
//! The threads of a process change their group one by one. Then their mm follows: until then it may charge where it did.
//! Charges that move along are found first, and change their group last, page by page. In a sequence of whole operations
//! nothing of this shows. One migration is under way at a time: whoever moves tasks has the lock of the tree.

use super::{MmPage, Mms, Stage, add};
use crate::model::Model;
use crate::{GroupId, TaskId};

/// A migration under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Migration {
    to: GroupId,
    leader: TaskId,
    /// Threads that move: those that do not exit.
    threads: Vec<TaskId>,
    /// How many of them have moved.
    moved: usize,
    /// Whether their mm charges the new group.
    followed: bool,
    /// The group and the mm whose charges move along, whatever mm the leader has by now.
    source: Option<(GroupId, usize)>,
    /// Charges that move along and have not moved yet; `None` if charges stay where they are.
    pages: Option<Vec<MmPage>>,
    /// The mm that it uses until it is over.
    user: Option<usize>,
}

impl Migration {
    /// Whether one of these tasks has moved, and its mm has not followed yet.
    pub(super) fn has_moved_one_of(&self, tasks: &[TaskId]) -> bool {
        !self.followed && self.threads[..self.moved].iter().any(|thread| tasks.contains(thread))
    }
}

impl Model {
    /// The process of a task is moved from the beginning to the end.
    pub(super) fn migrate(&mut self, task: TaskId, to: GroupId, with_charges: bool) {
        if self.migration_begins(task, to, with_charges) {
            while self.migration_goes_on(0) {}
        }
    }

    /// A migration begins: which threads move is settled, and which pages, if the charges go along. `false` if another
    /// one is under way, or there is nobody to move.
    pub fn migration_begins(&mut self, task: TaskId, to: GroupId, with_charges: bool) -> bool {
        if self.mms.migration.is_some() {
            return false;
        }
        let Some(leader) = self.mms.tasks.get(task.index()).map(|task| task.leader) else { return false };
        let Some(threads) = self.mms.threads.get(leader.index()) else { return false };
        let runs = |thread: &TaskId| {
            self.mms.tasks.get(thread.index()).is_some_and(|thread| thread.stage == Stage::Live)
        };
        let threads = threads.iter().copied().filter(runs).collect();
        let pages = with_charges.then(|| self.moving(task));
        let source = self.source(task);
        self.mms.migration =
            Some(Migration { source, to, leader, threads, moved: 0, followed: false, pages, user: None });
        true
    }

    /// The migration that is under way looks for charges to move: from its beginning to its end, or until it is refused, it
    /// is a user of the leader's mm (`get_task_mm`). Whoever holds on to that finds a user, even if an exec leaves it.
    pub fn migration_uses_mm(&mut self) {
        let Mms { migration: Some(migration), tasks, .. } = &mut self.mms else { return };
        migration.user = tasks.get(migration.leader.index()).and_then(|leader| leader.mm);
    }

    /// Whether the migration that is under way is a user of this mm.
    pub(super) fn migration_is_user_of(&self, mm: usize) -> bool {
        self.mms.migration.as_ref().is_some_and(|migration| migration.user == Some(mm))
    }

    /// The migration that is under way is refused: nothing has moved.
    pub fn migration_gives_up(&mut self) {
        self.mms.migration = None;
    }

    /// What the migration that is under way may find besides: what has come to the mm since it began.
    pub fn migration_may_find(&self) -> Vec<MmPage> {
        let Some(Migration { source: Some((from, mm)), moved: 0, pages: Some(found), .. }) =
            &self.mms.migration
        else {
            return Vec::new();
        };
        self.charged_to(*from, *mm).into_iter().filter(|page| !found.contains(page)).collect()
    }

    /// The migration that is under way finds this page too.
    pub fn migration_finds(&mut self, page: MmPage) {
        if let Some(Migration { pages: Some(pages), .. }) = &mut self.mms.migration {
            pages.push(page);
        }
    }

    /// How many pages the migration that is under way moves, one by one in any order, once its tasks have moved.
    pub fn migration_pages(&self) -> usize {
        match &self.mms.migration {
            Some(Migration { followed: true, pages: Some(pages), .. }) => pages.len(),
            _ => 0,
        }
    }

    /// The next part of the migration that is under way; of its pages the one of this number among those that are left.
    /// `false` if it is over with that.
    pub fn migration_goes_on(&mut self, page: usize) -> bool {
        let Some(mut migration) = self.mms.migration.take() else { return false };
        let to = migration.to;
        if let Some(&thread) = migration.threads.get(migration.moved) {
            migration.moved += 1;
            self.thread_moves(thread, to);
        } else if !migration.followed {
            migration.followed = true;
            self.mm_follows(&migration);
        } else if let Some(pages) = migration.pages.as_mut().filter(|pages| page < pages.len()) {
            let page = pages.remove(page);
            // Another mover may have taken it elsewhere.
            let payer = self.mm_page(page).map(|(payer, _)| payer);
            match page {
                _ if payer != migration.source.map(|(from, _)| from) => {}
                MmPage::Page(charge) => self.folio_moved(charge, to),
                MmPage::Swapped(slot) => self.slot_moved(slot, to),
            }
        } else {
            migration.user = None;
        }
        let over = migration.moved == migration.threads.len()
            && migration.followed
            && migration.pages.as_ref().is_none_or(Vec::is_empty)
            && migration.user.is_none();
        if !over {
            self.mms.migration = Some(migration);
        }
        !over
    }

    fn thread_moves(&mut self, thread: TaskId, to: GroupId) {
        let Some(moved) = self.mms.tasks.get_mut(thread.index()) else { return };
        let from = std::mem::replace(&mut moved.group, to);
        self.count_task(from, -1, -1);
        self.count_task(to, 1, 1);
    }

    /// The mm of the threads that have moved charges where they are now.
    fn mm_follows(&mut self, migration: &Migration) {
        for thread in &migration.threads {
            let task = self.mms.tasks.get(thread.index()).filter(|task| !task.kthread);
            let Some(mm) = task.and_then(|task| task.mm).and_then(|mm| self.mms.mms.get_mut(mm)) else {
                continue;
            };
            let of_this_process = |task: &TaskId| {
                self.mms.tasks.get(task.index()).is_some_and(|task| task.leader == migration.leader)
            };
            if mm.tasks.iter().all(of_this_process) {
                // Threads that exit stay where they are, and may be the last that use the mm.
                let using = mm.tasks.iter().filter_map(|task| self.mms.tasks.get(task.index()));
                mm.homes = using.filter(|task| task.stage == Stage::Exiting).map(|task| task.group).collect();
            }
            add(&mut mm.homes, migration.to);
        }
    }
}
