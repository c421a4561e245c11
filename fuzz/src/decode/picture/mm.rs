//! The tasks of the picture, and the users of mms that are no tasks.

use super::{CAPACITY, GROUPS, Names, Picture};
use stocktake_model::GroupId;

/// How far a task probably is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::decode) enum Stage {
    #[default]
    Runs,
    /// Being forked.
    Embryo,
    /// In the middle of a fork or an exec.
    Busy,
    Exiting,
}

/// What is remembered of a task.
#[derive(Clone, Copy, Default)]
pub(in crate::decode) struct Task {
    pub(in crate::decode) group: u8,
    /// The first task of its process; of an embryo, its parent.
    pub(in crate::decode) leader: u8,
    pub(in crate::decode) stage: Stage,
    pub(in crate::decode) kthread: bool,
    pub(in crate::decode) has_mm: bool,
}

/// Tasks and users.
pub(in crate::decode) struct Tasks {
    pub(in crate::decode) tasks: Names,
    task: [Task; CAPACITY],
    pub(in crate::decode) users: Names,
    /// The task whose exec a user is, plus one.
    exec: [u8; CAPACITY],
    /// Tasks that run, by group.
    running: [u8; GROUPS],
}

impl Tasks {
    pub(super) fn new() -> Tasks {
        Tasks {
            tasks: Names::from(0),
            task: [Task { group: 0, leader: 0, stage: Stage::Runs, kthread: false, has_mm: false }; CAPACITY],
            users: Names::from(0),
            exec: [0; CAPACITY],
            running: [0; GROUPS],
        }
    }

    /// What is known of a task.
    pub(in crate::decode) fn task(&self, task: u8) -> &Task {
        &self.task[usize::from(task)]
    }

    /// A task was started; it is live only if that probably worked.
    pub(in crate::decode) fn start(&mut self, task: Task, refused: bool) -> u8 {
        let new = self.tasks.define(!refused);
        let own = task.leader == u8::MAX;
        self.task[usize::from(new)] = Task { leader: if own { new } else { task.leader }, ..task };
        if !refused && task.stage == Stage::Runs {
            self.count(task.group, 1);
        }
        new
    }

    fn count(&mut self, group: u8, change: i8) {
        let running = &mut self.running[usize::from(group)];
        *running = running.saturating_add_signed(change);
    }

    pub(in crate::decode) fn fork_end(&mut self, child: u8, refused: bool) {
        let Task { leader: parent, stage: Stage::Embryo, .. } = *self.task(child) else { return };
        self.task[usize::from(parent)].stage = Stage::Runs;
        if refused {
            self.tasks.consume(child);
            return;
        }
        let group = self.task(parent).group;
        let task = &mut self.task[usize::from(child)];
        (task.group, task.leader, task.stage) = (group, child, Stage::Runs);
        self.count(group, 1);
    }

    pub(in crate::decode) fn set_stage(&mut self, task: u8, stage: Stage) {
        self.task[usize::from(task)].stage = stage;
    }

    pub(in crate::decode) fn use_mm(&mut self, kthread: u8) {
        self.task[usize::from(kthread)].has_mm = true;
    }

    /// A user of an mm came to be; the exec of a task, perhaps.
    pub(in crate::decode) fn get(&mut self, exec: Option<u8>, refused: bool) -> u8 {
        let new = self.users.define(!refused);
        self.exec[usize::from(new)] = exec.map_or(0, |task| task + 1);
        if let Some(task) = exec.filter(|_| !refused) {
            self.set_stage(task, Stage::Busy);
        }
        new
    }

    /// Whether a user is an exec.
    pub(in crate::decode) fn is_exec(&self, user: u8) -> bool {
        self.exec[usize::from(user)] != 0
    }

    /// A user is gone; whether it was an exec that was committed.
    pub(in crate::decode) fn put(&mut self, user: u8, committed: bool) {
        if !self.users.consume(user) {
            return;
        }
        if let Some(task) = self.exec[usize::from(user)].checked_sub(1) {
            self.set_stage(task, Stage::Runs);
            if committed {
                let task = &mut self.task[usize::from(task)];
                (task.kthread, task.has_mm) = (false, true);
            }
        }
    }

    pub(in crate::decode) fn exit_begin(&mut self, task: u8) {
        if self.tasks.is_live(task) && self.task(task).stage == Stage::Runs {
            self.set_stage(task, Stage::Exiting);
            self.count(self.task(task).group, -1);
        }
    }

    pub(in crate::decode) fn exit_end(&mut self, task: u8) {
        if self.task(task).stage == Stage::Exiting {
            self.tasks.consume(task);
        }
    }

    pub(in crate::decode) fn migrate(&mut self, task: u8, to: u8) {
        let leader = self.task(task).leader;
        for at in 0..self.tasks.len() {
            let thread = self.tasks.live()[at];
            let Task { group, leader: of, stage, .. } = *self.task(thread);
            if of == leader && matches!(stage, Stage::Runs | Stage::Busy) {
                self.task[usize::from(thread)].group = to;
                self.count(group, -1);
                self.count(to, 1);
            }
        }
    }
}

impl Picture {
    /// Whether a task runs in the group.
    pub(in crate::decode) fn has_tasks(&self, group: GroupId) -> bool {
        self.mm.running[group.index() % GROUPS] > 0
    }

    /// A folio was charged through an mm.
    pub(in crate::decode) fn mm_charge(&mut self, group: u8, pages: u64, refused: bool) -> u8 {
        self.charge(GroupId(group.into()), pages, false, refused)
    }
}
