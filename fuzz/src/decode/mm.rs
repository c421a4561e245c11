//! Operations of tasks and mms: written one by one, and chosen by the next bytes of the input.

use super::picture::mm::{Stage, Task};
use super::script::Script;
use super::tags::Kind;
use stocktake_model::{ChargeId, CpuId, GroupId, MmEvent, MmOp, MmUserId, Op, Pages, TaskId, Via};

/// A task of a process of its own.
const OWN: u8 = u8::MAX;

/// Writing one operation.
impl Script<'_, '_> {
    fn push_mm(&mut self, at: CpuId, op: MmOp) {
        self.push(at, Op::Mm(op));
    }

    fn started(&mut self, task: Task) -> TaskId {
        let refused = self.will_fail();
        TaskId(self.picture.mm.start(task, refused).into())
    }

    pub(super) fn task(&mut self, at: CpuId, group: GroupId) -> TaskId {
        if self.is_full() {
            return TaskId(0);
        }
        let new = self.started(Task { group: group.0 as u8, leader: OWN, has_mm: true, ..Task::default() });
        self.push_mm(at, MmOp::Task { new, group });
        new
    }

    pub(super) fn kthread(&mut self, at: CpuId) -> TaskId {
        if self.is_full() {
            return TaskId(0);
        }
        let new = self.started(Task { leader: OWN, kthread: true, ..Task::default() });
        self.push_mm(at, MmOp::Kthread { new });
        new
    }

    pub(super) fn use_mm(&mut self, at: CpuId, kthread: TaskId, of: TaskId) {
        self.picture.mm.use_mm(kthread.0 as u8);
        self.push_mm(at, MmOp::Use { kthread, of });
    }

    pub(super) fn fork(&mut self, at: CpuId, parent: TaskId) -> TaskId {
        if self.is_full() {
            return TaskId(0);
        }
        let like = *self.picture.mm.task(parent.0 as u8);
        let new = self.started(Task { leader: OWN, stage: Stage::Runs, ..like });
        self.push_mm(at, MmOp::Fork { new, parent });
        new
    }

    pub(super) fn fork_begin(&mut self, at: CpuId, parent: TaskId) -> TaskId {
        if self.is_full() {
            return TaskId(0);
        }
        let like = *self.picture.mm.task(parent.0 as u8);
        if !self.will_fail() {
            self.picture.mm.set_stage(parent.0 as u8, Stage::Busy);
        }
        let new = self.started(Task { leader: parent.0 as u8, stage: Stage::Embryo, ..like });
        self.push_mm(at, MmOp::ForkBegin { new, parent });
        new
    }

    pub(super) fn fork_end(&mut self, at: CpuId, child: TaskId) {
        let refused = self.will_fail();
        self.picture.mm.fork_end(child.0 as u8, refused);
        self.push_mm(at, MmOp::ForkEnd { child });
    }

    pub(super) fn thread(&mut self, at: CpuId, of: TaskId) -> TaskId {
        if self.is_full() {
            return TaskId(0);
        }
        let like = *self.picture.mm.task(of.0 as u8);
        let new = self.started(Task { stage: Stage::Runs, ..like });
        self.push_mm(at, MmOp::Thread { new, of });
        new
    }

    pub(super) fn vfork(&mut self, at: CpuId, parent: TaskId) -> TaskId {
        if self.is_full() {
            return TaskId(0);
        }
        let like = *self.picture.mm.task(parent.0 as u8);
        let new = self.started(Task { leader: OWN, stage: Stage::Runs, ..like });
        self.push_mm(at, MmOp::Vfork { new, parent });
        new
    }

    pub(super) fn exec_make(&mut self, at: CpuId, task: TaskId) -> MmUserId {
        if self.is_full() {
            return MmUserId(0);
        }
        let refused = self.will_fail();
        let new = MmUserId(self.picture.mm.get(Some(task.0 as u8), refused).into());
        self.push_mm(at, MmOp::ExecMake { new, task });
        new
    }

    pub(super) fn exec_commit(&mut self, at: CpuId, exec: MmUserId) {
        self.picture.mm.put(exec.0 as u8, true);
        self.push_mm(at, MmOp::ExecCommit { exec });
    }

    pub(super) fn exit(&mut self, at: CpuId, task: TaskId) {
        self.picture.mm.exit_begin(task.0 as u8);
        self.picture.mm.exit_end(task.0 as u8);
        self.push_mm(at, MmOp::Exit { task });
    }

    pub(super) fn exit_begin(&mut self, at: CpuId, task: TaskId) {
        self.picture.mm.exit_begin(task.0 as u8);
        self.push_mm(at, MmOp::ExitBegin { task });
    }

    pub(super) fn exit_end(&mut self, at: CpuId, task: TaskId) {
        self.picture.mm.exit_end(task.0 as u8);
        self.push_mm(at, MmOp::ExitEnd { task });
    }

    pub(super) fn migrate(&mut self, at: CpuId, task: TaskId, group: GroupId) {
        self.picture.mm.migrate(task.0 as u8, group.0 as u8);
        self.push_mm(at, MmOp::Migrate { task, group });
    }

    pub(super) fn migrate_charges(&mut self, at: CpuId, task: TaskId, group: GroupId) {
        self.picture.mm.migrate(task.0 as u8, group.0 as u8);
        self.push_mm(at, MmOp::MigrateCharges { task, group });
    }

    pub(super) fn mm_event(&mut self, at: CpuId, through: Via, event: MmEvent) {
        self.push_mm(at, MmOp::Event { through, event });
    }

    pub(super) fn socket(&mut self, at: CpuId, task: TaskId, pages: u64) -> ChargeId {
        if self.is_full() {
            return ChargeId(0);
        }
        let (pages, refused) = (pages.max(1), self.will_fail());
        let group = self.picture.mm.task(task.0 as u8).group;
        let new = ChargeId(self.picture.mm_charge(group, pages, refused).into());
        self.push_mm(at, MmOp::Socket { new, task, pages: Pages(pages) });
        new
    }

    pub(super) fn mm_get(&mut self, at: CpuId, of: Via) -> MmUserId {
        self.mm_held(at, |new| MmOp::Get { new, of })
    }

    pub(super) fn mm_grab(&mut self, at: CpuId, of: Via) -> MmUserId {
        self.mm_held(at, |new| MmOp::Grab { new, of })
    }

    fn mm_held(&mut self, at: CpuId, op: impl FnOnce(MmUserId) -> MmOp) -> MmUserId {
        if self.is_full() {
            return MmUserId(0);
        }
        let new = MmUserId(self.picture.mm.get(None, false).into());
        self.push_mm(at, op(new));
        new
    }

    pub(super) fn mm_put(&mut self, at: CpuId, user: MmUserId) {
        self.picture.mm.put(user.0 as u8, false);
        self.push_mm(at, MmOp::Put { user });
    }

    pub(super) fn mm_charge(&mut self, at: CpuId, through: Via, pages: u64) -> ChargeId {
        if self.is_full() {
            return ChargeId(0);
        }
        let group = match through {
            Via::Task(task) => self.picture.mm.task(task.0 as u8).group,
            Via::User(_) => 0,
        };
        let pages = pages.max(1);
        let refused = self.will_fail();
        let new = ChargeId(self.picture.mm_charge(group, pages, refused).into());
        self.push_mm(at, MmOp::Charge { new, through, pages: Pages(pages) });
        new
    }

    pub(super) fn mm_match(&mut self, at: CpuId, through: Via, group: GroupId) {
        self.push_mm(at, MmOp::Match { through, group });
    }
}

/// Choosing what an operation is about.
impl Script<'_, '_> {
    /// A task of which something holds: the one that the next byte chooses, or else the newest. Seldom any that is
    /// there, or one that is gone.
    fn some_task_that(&mut self, fits: impl Fn(&Task) -> bool) -> Option<TaskId> {
        let choice = self.byte();
        let tasks = &self.picture.mm;
        let chosen = tasks.tasks.choose(choice);
        let fits = |task: &u8| choice >= 0xf8 || fits(tasks.task(*task));
        let task = match choice {
            0xfd.. => tasks.tasks.consumed(choice).or(chosen),
            _ => chosen.filter(fits).or_else(|| tasks.tasks.live().iter().rev().copied().find(fits)),
        };
        task.map(|task| TaskId(task.into()))
    }

    /// A task that can do something of its own accord. One is started where there is none.
    fn some_process(&mut self) -> TaskId {
        match self.some_task_that(|task| task.stage == Stage::Runs && !task.kthread) {
            Some(task) => task,
            None => self.first(|script| {
                let group = script.some_limited_group();
                script.task(script.cpu, group)
            }),
        }
    }

    fn some_kthread(&mut self) -> TaskId {
        match self.some_task_that(|task| task.stage == Stage::Runs && task.kthread && !task.has_mm) {
            Some(task) => task,
            None => self.first(|script| script.kthread(script.cpu)),
        }
    }

    fn some_via(&mut self) -> Via {
        let choice = self.byte();
        let users = &self.picture.mm.users;
        match users.choose(choice >> 2) {
            Some(user) if choice & 3 == 0 => Via::User(MmUserId(user.into())),
            _ => match self.some_task_that(|task| task.has_mm) {
                Some(task) => Via::Task(task),
                None => Via::Task(self.some_process()),
            },
        }
    }

    fn some_user_that_is(&mut self, exec: bool) -> Option<MmUserId> {
        let choice = self.byte();
        let mm = &self.picture.mm;
        let fits = |user: &u8| mm.is_exec(*user) == exec;
        let user =
            mm.users.choose(choice).filter(fits).or_else(|| mm.users.live().iter().copied().find(fits));
        user.map(|user| MmUserId(user.into()))
    }

    /// Write the operation of tasks and mms that `kind` is, after those that it needs.
    pub(super) fn random_mm_operation(&mut self, kind: Kind) {
        let at = self.cpu;
        match kind {
            Kind::MmTask => {
                let group = self.some_limited_group();
                self.task(at, group);
            }
            Kind::MmKthread => {
                self.kthread(at);
            }
            Kind::MmUse => {
                let of = self.some_process();
                let kthread = self.some_kthread();
                self.use_mm(at, kthread, of);
            }
            Kind::MmFork | Kind::MmForkBegin | Kind::MmThread | Kind::MmVfork => {
                let of = self.some_process();
                match kind {
                    Kind::MmFork => self.fork(at, of),
                    Kind::MmForkBegin => self.fork_begin(at, of),
                    Kind::MmThread => self.thread(at, of),
                    _ => self.vfork(at, of),
                };
            }
            Kind::MmForkEnd => {
                let child = match self.some_task_that(|task| task.stage == Stage::Embryo) {
                    Some(child) => child,
                    None => self.first(|script| {
                        let parent = script.some_process();
                        script.fork_begin(at, parent)
                    }),
                };
                self.fork_end(at, child);
            }
            Kind::MmExecMake => {
                let helper = self.byte() & 7 == 0;
                let task = if helper { self.some_kthread() } else { self.some_process() };
                self.exec_make(at, task);
            }
            Kind::MmExecCommit => {
                let exec = match self.some_user_that_is(true) {
                    Some(exec) => exec,
                    None => self.first(|script| {
                        let task = script.some_process();
                        script.exec_make(at, task)
                    }),
                };
                self.exec_commit(at, exec);
            }
            Kind::MmExit | Kind::MmExitBegin => {
                let task = match self.some_task_that(|task| task.stage == Stage::Runs) {
                    Some(task) => task,
                    None => self.some_process(),
                };
                if kind == Kind::MmExit { self.exit(at, task) } else { self.exit_begin(at, task) }
            }
            Kind::MmExitEnd => {
                let task = match self.some_task_that(|task| task.stage == Stage::Exiting) {
                    Some(task) => task,
                    None => self.first(|script| {
                        let task = script.some_process();
                        script.exit_begin(at, task);
                        task
                    }),
                };
                self.exit_end(at, task);
            }
            Kind::MmMigrate | Kind::MmMigrateCharges => {
                let runs = |task: &Task| matches!(task.stage, Stage::Runs | Stage::Busy);
                let task = match self.some_task_that(runs) {
                    Some(task) => task,
                    None => self.some_process(),
                };
                let group = self.some_group();
                match kind {
                    Kind::MmMigrate => self.migrate(at, task, group),
                    _ => self.migrate_charges(at, task, group),
                }
            }
            Kind::MmEvent => {
                let through = self.some_via();
                let event = MmEvent::ALL[usize::from(self.byte()) % MmEvent::ALL.len()];
                self.mm_event(at, through, event);
            }
            Kind::MmSocket => {
                let task = self.some_process();
                let pages = self.pages();
                self.socket(at, task, pages);
            }
            Kind::MmGet => {
                let of = self.some_via();
                self.mm_get(at, of);
            }
            Kind::MmGrab => {
                let of = self.some_via();
                self.mm_grab(at, of);
            }
            Kind::MmPut => {
                let exec = self.byte() & 7 == 0;
                let user = match self.some_user_that_is(exec) {
                    Some(user) => user,
                    None => self.first(|script| {
                        let of = script.some_via();
                        script.mm_get(at, of)
                    }),
                };
                self.mm_put(at, user);
            }
            Kind::MmCharge => {
                let through = self.some_via();
                let pages = self.pages();
                self.mm_charge(at, through, pages);
            }
            _ => {
                let through = self.some_via();
                let group = self.some_group();
                self.mm_match(at, through, group);
            }
        }
    }
}
