//! Tasks, mms and their users: which group may be charged through an mm.
//!
//! The rule (I11): for every group D, if all tasks that use an mm are inside D, a charge through the mm lands inside
//! D. A task uses its mm until the second half of its exit; the mm of a fork or an exec that is not finished is used
//! by the task that makes it. Kernel threads and users that are no tasks bind nothing: an mm that only they use may
//! charge root, or whatever is left of the groups in which its tasks were.
//!
//! Inside that bound the specification leaves open which of the tasks' groups pays, so that designs can be compared:
//! the group of any task, or one in which a task that shares the mm was while it was shared.

mod holders;
mod migration;
mod pages;
mod readers;

use super::names::Names;
use super::{GroupLife, Model, PageCharge, Skip};
use crate::{
    Allowed, Errno, Failure, GroupId, MmEvent, MmOp, MmUserId, Mode, Outcome, Pages, Step, TaskId, Via,
    Witness,
};
pub use pages::MmPage;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// Being forked.
    Embryo,
    Live,
    /// In the middle of its exit.
    Exiting,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Task {
    group: GroupId,
    mm: Option<usize>,
    kthread: bool,
    stage: Stage,
    /// The first task of its process.
    leader: TaskId,
    /// In the middle of a fork or an exec.
    busy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct User {
    mm: usize,
    /// The task whose exec this is.
    exec: Option<TaskId>,
    /// It only holds on to the mm, and does not use it.
    grab: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Mm {
    /// Tasks that use it, kernel threads left out, the oldest first.
    tasks: Vec<TaskId>,
    /// The task whose fork or exec makes it.
    maker: Option<TaskId>,
    /// Groups in which its tasks were, the newest last; before them, what charges have found in the place of removed
    /// ones.
    homes: Vec<GroupId>,
    /// What was charged through it, and what became of that; also what has been freed meanwhile.
    pages: Vec<MmPage>,
}

/// All tasks and mms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Mms {
    tasks: Names<Task>,
    users: Names<User>,
    mms: Vec<Mm>,
    /// The threads of each process, those in the middle of their exit included, by its first task.
    threads: Names<Vec<TaskId>>,
    /// Events that each group has counted, by its number and that of the event.
    events: Vec<[u64; MmEvent::ALL.len()]>,
    /// The mm that each folio, and each swap entry, belongs to, by its number.
    mm_of_page: Vec<Option<usize>>,
    mm_of_slot: Vec<Option<usize>>,
    /// The migration that is under way.
    migration: Option<migration::Migration>,
    /// Mms that operations under way are users of until they end.
    borrowed: Vec<usize>,
}

impl Mms {
    pub(super) fn clear(&mut self) {
        self.tasks.clear();
        self.users.clear();
        self.mms.clear();
        self.threads.clear();
        self.events.clear();
        self.mm_of_page.clear();
        self.mm_of_slot.clear();
        self.migration = None;
        self.borrowed.clear();
    }

    fn new_mm(&mut self, maker: Option<TaskId>, home: GroupId) -> usize {
        self.mms.push(Mm { tasks: Vec::new(), maker, homes: vec![home], pages: Vec::new() });
        self.mms.len() - 1
    }
}

fn add(groups: &mut Vec<GroupId>, group: GroupId) {
    if !groups.contains(&group) {
        groups.push(group);
    }
}

/// Whether an operation can be run.
impl Model {
    pub(super) fn admits_mm(&self, op: &MmOp) -> Result<(), Skip> {
        let mms = &self.mms;
        match *op {
            MmOp::Task { new, group } => {
                mms.tasks.fresh(new.index())?;
                self.admits_online(group)
            }
            MmOp::Kthread { new } => mms.tasks.fresh(new.index()),
            MmOp::Use { kthread, of } => {
                let worker = self.idle(kthread)?;
                let used = mms.tasks.live(of.index())?;
                let fits =
                    worker.kthread && worker.mm.is_none() && !used.kthread && used.stage == Stage::Live;
                if fits && used.mm.is_some() { Ok(()) } else { Err(Skip::Absent) }
            }
            MmOp::Fork { new, parent } | MmOp::ForkBegin { new, parent } | MmOp::Vfork { new, parent } => {
                mms.tasks.fresh(new.index())?;
                self.idle_process(parent)
            }
            MmOp::Thread { new, of } => {
                mms.tasks.fresh(new.index())?;
                self.idle_process(of)
            }
            MmOp::ForkEnd { child } => match mms.tasks.live(child.index())?.stage {
                Stage::Embryo => Ok(()),
                Stage::Live | Stage::Exiting => Err(Skip::NoChange),
            },
            MmOp::ExecMake { new, task } => {
                mms.users.fresh(new.index())?;
                let found = self.idle(task)?;
                // A helper that the kernel starts has no mm before its exec. Any other thread ends its exit first
                // (`de_thread`).
                let helper = found.kthread && found.mm.is_none();
                let alone = mms.threads.live(found.leader.index())?.len() == 1 && found.leader == task;
                if helper || (!found.kthread && alone) { Ok(()) } else { Err(Skip::Absent) }
            }
            MmOp::ExecCommit { exec } => mms.users.live(exec.index())?.exec.map(drop).ok_or(Skip::NoChange),
            MmOp::Exit { task } | MmOp::ExitBegin { task } => self.idle(task).map(drop),
            MmOp::ExitEnd { task } => match mms.tasks.live(task.index())?.stage {
                Stage::Exiting => Ok(()),
                Stage::Embryo | Stage::Live => Err(Skip::NoChange),
            },
            MmOp::Migrate { task, group } => {
                let found = mms.tasks.live(task.index())?;
                self.admits_online(group)?;
                match found.stage {
                    Stage::Live if found.group != group => Ok(()),
                    Stage::Live => Err(Skip::NoChange),
                    Stage::Embryo | Stage::Exiting => Err(Skip::Absent),
                }
            }
            MmOp::MigrateCharges { .. } if self.config.mode == Mode::V2 => Err(Skip::NotInMode),
            MmOp::MigrateCharges { task, group } => self.admits_mm(&MmOp::Migrate { task, group }),
            MmOp::Event { through, .. } => self.mm_used_by(through),
            MmOp::Socket { new, task, .. } => {
                self.folios.fresh(new.index())?;
                self.idle(task).map(drop)
            }
            MmOp::Get { new, of } | MmOp::Grab { new, of } => {
                mms.users.fresh(new.index())?;
                self.mm_of(of).map(drop)
            }
            MmOp::Put { user } => mms.users.live(user.index()).map(drop),
            MmOp::Charge { new, through, .. } => {
                self.folios.fresh(new.index())?;
                self.mm_of(through).map(drop)
            }
            MmOp::Match { through, group } => {
                self.admits_online(group)?;
                self.mm_used_by(through)
            }
        }
    }

    /// A task that can do something of its own accord.
    fn idle(&self, task: TaskId) -> Result<&Task, Skip> {
        let found = self.mms.tasks.live(task.index())?;
        if found.stage == Stage::Live && !found.busy { Ok(found) } else { Err(Skip::Absent) }
    }

    /// The same of a task that runs in user space.
    fn idle_process(&self, task: TaskId) -> Result<(), Skip> {
        if self.idle(task)?.kthread { Err(Skip::Absent) } else { Ok(()) }
    }

    fn mm_of(&self, via: Via) -> Result<usize, Skip> {
        match via {
            Via::Task(task) => self.mms.tasks.live(task.index())?.mm.ok_or(Skip::Absent),
            Via::User(user) => self.mms.users.live(user.index()).map(|user| user.mm),
        }
    }
}

/// What it answers.
impl Model {
    pub(super) fn mm_answer(&self, op: &MmOp, fail: Option<Failure>) -> Outcome {
        match *op {
            // Only where operations overlap: who names a removed group is not admitted otherwise.
            MmOp::Task { group, .. } | MmOp::Migrate { group, .. } | MmOp::MigrateCharges { group, .. }
                if self.life(group) != Some(GroupLife::Online) =>
            {
                Outcome::Refused(Errno::NoDev)
            }
            MmOp::Charge { through, .. } if fail != Some(Failure::Alloc) && self.mm_has_ended(through) => {
                Outcome::Refused(Errno::NoEnt)
            }
            MmOp::Get { of, .. } if self.mm_has_ended(of) => Outcome::Refused(Errno::NoEnt),
            MmOp::Charge { through, pages, .. } => match self.payers(through).first() {
                Some(&payer) if fail != Some(Failure::Alloc) && self.fits(payer, pages) => Outcome::To(payer),
                _ => Outcome::Refused(Errno::NoMem),
            },
            MmOp::Match { through, group } => {
                Outcome::Is(self.payers(through).first().is_some_and(|&payer| self.is_below(payer, group)))
            }
            MmOp::MigrateCharges { task, group } => self.migrate_charges_answers(task, group)[0],
            MmOp::Event { through, .. } => self.event_answers(through)[0],
            MmOp::Socket { task, pages, .. } => match self.task_group(task) {
                Some(group) if fail != Some(Failure::Alloc) && self.fits(group, pages) => Outcome::To(group),
                _ => Outcome::Refused(Errno::NoMem),
            },
            // An mm first, then the rest of the task.
            MmOp::Fork { .. } if fail == Some(Failure::Alloc2) => Outcome::Refused(Errno::NoMem),
            // Whatever makes a task or an mm allocates it first.
            MmOp::Task { .. }
            | MmOp::Kthread { .. }
            | MmOp::Fork { .. }
            | MmOp::ForkBegin { .. }
            | MmOp::ForkEnd { .. }
            | MmOp::Thread { .. }
            | MmOp::Vfork { .. }
            | MmOp::ExecMake { .. }
                if fail == Some(Failure::Alloc) =>
            {
                Outcome::Refused(Errno::NoMem)
            }
            _ => Outcome::Done,
        }
    }

    /// Every answer that is allowed to a charge or a question, as in [`Model::allowed`].
    pub(super) fn mm_allowed(&self, step: &Step, op: &MmOp, witness: &dyn Witness) -> Allowed {
        let mut allowed = Allowed::only(self.mm_answer(op, step.fail));
        match *op {
            MmOp::Charge { through, .. } if self.mm_has_ended(through) => {}
            MmOp::Charge { through, pages, .. } if step.fail != Some(Failure::Alloc) => {
                let from_stock = step.fail != Some(Failure::Trylock) && witness.local_pages() >= pages;
                for group in self.payers(through) {
                    let success = Outcome::To(group);
                    let own = if self.fits(group, pages) { success } else { Outcome::Refused(Errno::NoMem) };
                    if !allowed.exact.contains(&own) {
                        allowed.exact.push(own);
                    }
                    let charge = PageCharge { group, asked: pages, from_stock };
                    self.allow_cached(&mut allowed, success, &charge, witness);
                }
            }
            MmOp::Match { through, group } => {
                // An mm without an owner matches nothing, though root pays for it.
                if self.mm_bound(through).is_none() && !allowed.exact.contains(&Outcome::Is(false)) {
                    allowed.exact.push(Outcome::Is(false));
                }
                for payer in self.payers(through) {
                    let own = Outcome::Is(self.is_below(payer, group));
                    if !allowed.exact.contains(&own) {
                        allowed.exact.push(own);
                    }
                }
            }
            MmOp::MigrateCharges { .. } | MmOp::Event { .. } | MmOp::Socket { .. } => {
                self.allow_reader(&mut allowed, step, op, witness);
            }
            _ => {}
        }
        allowed
    }

    /// The groups that may pay for a charge through an mm, the model's own first.
    pub(super) fn payers(&self, via: Via) -> Vec<GroupId> {
        let Some(mm) = self.mm_of(via).ok().and_then(|mm| self.mms.mms.get(mm)) else { return Vec::new() };
        let mut payers = Vec::new();
        let mut exiting = Vec::new();
        for task in mm.tasks.iter().filter_map(|task| self.mms.tasks.get(task.index())) {
            add(if task.stage == Stage::Live { &mut payers } else { &mut exiting }, task.group);
        }
        if let Some(maker) = mm.maker.and_then(|maker| self.mms.tasks.get(maker.index())) {
            add(&mut payers, maker.group);
        }
        for group in exiting {
            add(&mut payers, self.first_online(group));
            add(&mut payers, group);
        }
        let bound = self.mm_bound(via);
        for &home in mm.homes.iter().rev() {
            let home = self.first_online(home);
            if bound.is_none_or(|bound| self.is_below(home, bound)) {
                add(&mut payers, home);
            }
        }
        if bound.is_none() {
            add(&mut payers, GroupId::ROOT);
        }
        payers
    }

    /// I11: the smallest subtree that holds every task that uses an mm, from its root's first online ancestor on.
    /// `None` if no task uses it: then nothing binds it.
    pub fn mm_bound(&self, via: Via) -> Option<GroupId> {
        let mm = self.mms.mms.get(self.mm_of(via).ok()?)?;
        let group = |task: &TaskId| self.mms.tasks.get(task.index()).map(|task| task.group);
        let mut groups = mm.tasks.iter().chain(&mm.maker).filter_map(group);
        let mut bound = groups.next()?;
        for group in groups {
            while !self.is_below(group, bound) {
                bound = self.parent(bound)?;
            }
        }
        // What was charged while the maker was elsewhere is no escape: nothing runs in the new mm yet. Nor is what is
        // charged while the tasks have moved and the mm has not followed.
        let moving =
            self.mms.migration.as_ref().is_some_and(|under_way| under_way.has_moved_one_of(&mm.tasks));
        while (mm.maker.is_some() || moving)
            && !mm.homes.iter().all(|&home| self.is_below(self.first_online(home), bound))
        {
            bound = self.parent(bound)?;
        }
        Some(self.first_online(bound))
    }

    fn first_online(&self, group: GroupId) -> GroupId {
        let mut level = Some(group);
        while let Some(group) = level {
            if self.groups.get(group.index()).is_some_and(|group| group.is_online()) {
                return group;
            }
            level = self.parent(group);
        }
        GroupId::ROOT
    }

    /// Whether a group is `root` or below it in the tree.
    pub fn is_below(&self, group: GroupId, root: GroupId) -> bool {
        std::iter::successors(Some(group), |&group| self.parent(group)).any(|group| group == root)
    }
}

/// What it changes.
impl Model {
    pub(super) fn commit_mm(&mut self, op: &MmOp, observed: Outcome) {
        match (*op, observed) {
            (MmOp::Task { new, group }, Outcome::Done) => {
                let mm = self.mms.new_mm(None, group);
                self.start(new, new, group, Some(mm), false);
            }
            (MmOp::Kthread { new }, Outcome::Done) => self.start(new, new, GroupId::ROOT, None, true),
            (MmOp::Use { kthread, of }, Outcome::Done) => {
                let mm = self.mms.tasks.get(of.index()).and_then(|task| task.mm);
                if let Some(worker) = self.mms.tasks.get_mut(kthread.index()) {
                    worker.mm = mm;
                }
            }
            (MmOp::Fork { new, parent }, Outcome::Done) => {
                self.fork_begin(new, parent);
                self.fork_end(new);
            }
            (MmOp::ForkBegin { new, parent }, Outcome::Done) => self.fork_begin(new, parent),
            (MmOp::ForkEnd { child }, Outcome::Done) => self.fork_end(child),
            (MmOp::ForkEnd { child }, Outcome::Refused(_)) => self.fork_failed(child),
            (MmOp::Thread { new, of }, Outcome::Done) => {
                if let Some(task) = self.mms.tasks.get(of.index()).cloned() {
                    self.start(new, task.leader, task.group, task.mm, false);
                }
            }
            (MmOp::Vfork { new, parent }, Outcome::Done) => {
                if let Some(task) = self.mms.tasks.get(parent.index()).cloned() {
                    self.start(new, new, task.group, task.mm, false);
                }
            }
            (MmOp::ExecMake { new, task }, Outcome::Done) => self.exec_make(new, task),
            (MmOp::ExecCommit { exec }, Outcome::Done) => self.exec_commit(exec),
            (MmOp::Exit { task }, Outcome::Done) => {
                self.exit_begin(task);
                self.exit_end(task);
            }
            (MmOp::ExitBegin { task }, Outcome::Done) => self.exit_begin(task),
            (MmOp::ExitEnd { task }, Outcome::Done) => self.exit_end(task),
            (MmOp::Migrate { task, group }, Outcome::Done) => self.migrate(task, group, false),
            (MmOp::Get { new, of }, Outcome::Done) => {
                if let Ok(mm) = self.mm_of(of) {
                    self.mms.users.make(new.index(), User { mm, exec: None, grab: false });
                }
            }
            (MmOp::Grab { new, of }, Outcome::Done) => {
                if let Ok(mm) = self.mm_of(of) {
                    self.mms.users.make(new.index(), User { mm, exec: None, grab: true });
                }
            }
            (MmOp::Put { user }, Outcome::Done) => self.put_user(user),
            (MmOp::MigrateCharges { task, group }, Outcome::Is(moved)) => {
                self.migrate(task, group, moved);
            }
            (MmOp::Event { event, .. }, Outcome::To(group)) => self.count_event(group, event),
            (MmOp::Socket { new, pages, .. }, Outcome::To(group)) => {
                self.bind(new, super::pages::Folio { group, pages });
            }
            (MmOp::Charge { new, through, pages }, Outcome::To(group)) => {
                self.mm_looked_up(through);
                self.bind(new, super::pages::Folio { group, pages: Pages(pages.0) });
                if let Ok(mm) = self.mm_of(through) {
                    self.mms.belongs(MmPage::Page(new), mm);
                }
            }
            (MmOp::Charge { through, .. }, Outcome::Refused(_)) => self.mm_looked_up(through),
            _ => {}
        }
    }

    /// A charge has looked for the group that an mm charges: in the place of one that has been removed the mm may
    /// point to its first online ancestor, and still does when that is removed too.
    pub(super) fn mm_looked_up(&mut self, via: Via) {
        let Ok(mm) = self.mm_of(via) else { return };
        let Some(homes) = self.mms.mms.get(mm).map(|mm| &mm.homes) else { return };
        let mut found = Vec::new();
        for online in homes.iter().map(|&home| self.first_online(home)) {
            if !homes.contains(&online) {
                add(&mut found, online);
            }
        }
        self.mms.mms[mm].homes.splice(..0, found);
    }

    /// A task runs from now on.
    fn start(&mut self, new: TaskId, leader: TaskId, group: GroupId, mm: Option<usize>, kthread: bool) {
        let task = Task { group, mm, kthread, stage: Stage::Live, leader, busy: false };
        self.mms.tasks.make(new.index(), task);
        if new == leader {
            self.mms.threads.make(new.index(), Vec::new());
        }
        if let Some(threads) = self.mms.threads.get_mut(leader.index()) {
            threads.push(new);
        }
        if let Some(mm) = mm.and_then(|mm| self.mms.mms.get_mut(mm)).filter(|_| !kthread) {
            mm.tasks.push(new);
            add(&mut mm.homes, group);
        }
        self.count_task(group, 1, 1);
    }

    /// Tasks that hold a group, and those of them that hinder its removal.
    fn count_task(&mut self, group: GroupId, tasks: i64, populated: i64) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.tasks = group.tasks.saturating_add_signed(tasks);
            group.populated = group.populated.saturating_add_signed(populated);
        }
    }

    fn fork_begin(&mut self, new: TaskId, parent: TaskId) {
        let Some(maker) = self.mms.tasks.get_mut(parent.index()) else { return };
        maker.busy = true;
        let group = maker.group;
        let mm = Some(self.mms.new_mm(Some(parent), group));
        let child = Task { group, mm, kthread: false, stage: Stage::Embryo, leader: new, busy: false };
        self.mms.tasks.make(new.index(), child);
    }

    fn fork_end(&mut self, child: TaskId) {
        let Some((mm, maker)) = self.maker_of(child) else { return };
        let Some(parent) = self.mms.tasks.get_mut(maker.index()) else { return };
        parent.busy = false;
        let group = parent.group;
        self.mms.mms[mm].maker = None;
        self.mms.mms[mm].homes.clear();
        self.start(child, child, group, Some(mm), false);
    }

    fn fork_failed(&mut self, child: TaskId) {
        let Some((mm, maker)) = self.maker_of(child) else { return };
        self.mms.tasks.take(child.index());
        self.give_up(mm, maker);
    }

    fn maker_of(&self, child: TaskId) -> Option<(usize, TaskId)> {
        let mm = self.mms.tasks.get(child.index())?.mm?;
        Some((mm, self.mms.mms.get(mm)?.maker?))
    }

    /// A fork or an exec failed: its mm has no maker any more.
    fn give_up(&mut self, mm: usize, maker: TaskId) {
        if let Some(task) = self.mms.tasks.get_mut(maker.index()) {
            task.busy = false;
            add(&mut self.mms.mms[mm].homes, task.group);
        }
        self.mms.mms[mm].maker = None;
    }

    fn exec_make(&mut self, new: MmUserId, task: TaskId) {
        let Some(found) = self.mms.tasks.get_mut(task.index()) else { return };
        found.busy = true;
        let group = found.group;
        let mm = self.mms.new_mm(Some(task), group);
        self.mms.users.make(new.index(), User { mm, exec: Some(task), grab: false });
    }

    fn exec_commit(&mut self, exec: MmUserId) {
        let Some(User { mm, exec: Some(task), .. }) = self.mms.users.take(exec.index()) else { return };
        let Some(found) = self.mms.tasks.get_mut(task.index()) else { return };
        let old = found.mm.replace(mm);
        (found.busy, found.kthread) = (false, false);
        let group = found.group;
        self.leave_mm(task, old);
        let new = &mut self.mms.mms[mm];
        new.maker = None;
        new.tasks.push(task);
        new.homes.clear();
        new.homes.push(group);
    }

    fn leave_mm(&mut self, task: TaskId, mm: Option<usize>) {
        if let Some(mm) = mm.and_then(|mm| self.mms.mms.get_mut(mm)) {
            mm.tasks.retain(|&other| other != task);
        }
    }

    fn exit_begin(&mut self, task: TaskId) {
        let Some(found) = self.mms.tasks.get_mut(task.index()) else { return };
        found.stage = Stage::Exiting;
        let group = found.group;
        self.count_task(group, 0, -1);
    }

    fn exit_end(&mut self, task: TaskId) {
        let Some(found) = self.mms.tasks.take(task.index()) else { return };
        if let Some(threads) = self.mms.threads.get_mut(found.leader.index()) {
            threads.retain(|&other| other != task);
        }
        self.leave_mm(task, found.mm);
        self.count_task(found.group, -1, 0);
    }

    fn put_user(&mut self, user: MmUserId) {
        if let Some(User { mm, exec: Some(task), .. }) = self.mms.users.take(user.index()) {
            self.give_up(mm, task);
        }
    }
}

/// What may be asked.
impl Model {
    /// Tasks that hold a group: those that run in it, and those in the middle of their exit.
    #[inline]
    pub fn tasks_in(&self, group: GroupId) -> u64 {
        self.groups.get(group.index()).map_or(0, |group| group.tasks)
    }

    /// Whether an mm belongs to a fork or an exec that is not finished.
    pub fn mm_is_being_made(&self, via: Via) -> bool {
        self.mm_of(via).is_ok_and(|mm| self.mms.mms.get(mm).is_some_and(|mm| mm.maker.is_some()))
    }

    /// The groups of the tasks that use an mm.
    pub fn mm_task_groups(&self, via: Via) -> impl Iterator<Item = GroupId> {
        let mm = self.mm_of(via).ok().and_then(|mm| self.mms.mms.get(mm));
        let tasks = mm.into_iter().flat_map(|mm| mm.tasks.iter().chain(&mm.maker));
        tasks.filter_map(|task| self.mms.tasks.get(task.index()).map(|task| task.group))
    }

    /// The task whose exec a user of an mm is.
    pub fn exec_of(&self, user: MmUserId) -> Option<TaskId> {
        self.mms.users.get(user.index()).and_then(|user| user.exec)
    }

    /// The group in which a task runs.
    pub fn task_group(&self, task: TaskId) -> Option<GroupId> {
        self.mms.tasks.get(task.index()).filter(|task| task.stage != Stage::Embryo).map(|task| task.group)
    }
}
