//! Applying the operations of tasks and mms.

use super::{Applier, BOUND, done, refused};
use stocktake_impl as machine;
use stocktake_impl::{Cpu, Env, Machine, MmRef, Stat, TaskRef};
use stocktake_model::{Errno, MmEvent, MmOp, Outcome, Pages, TaskId, Via};

/// A user of an mm that is no task, and the task whose exec it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MmUser {
    pub(crate) mm: MmRef,
    pub(crate) exec: Option<TaskRef>,
    /// It only holds on to the mm.
    pub(crate) grab: bool,
}

/// What the names of tasks and users of mms stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct MmBindings {
    pub(crate) tasks: Vec<Option<TaskRef>>,
    pub(crate) users: Vec<Option<MmUser>>,
}

impl MmBindings {
    fn task(&self, task: TaskId) -> TaskRef {
        self.tasks[task.index()].expect(BOUND)
    }

    fn mm(&self, m: &Machine, via: Via) -> Option<MmRef> {
        match via {
            Via::Task(task) => m.task_mm(self.task(task)),
            Via::User(user) => self.users[user.index()].map(|user| user.mm),
        }
    }

    fn is_grab(&self, via: Via) -> bool {
        matches!(via, Via::User(user) if self.users[user.index()].is_some_and(|user| user.grab))
    }
}

impl<E: Env> Applier<'_, E> {
    /// Run one operation of tasks and mms on CPU number `at`.
    pub(super) fn apply_mm(&mut self, op: &MmOp, at: usize) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let b = &mut self.bindings.mm;
        let cpu = &mut self.cpus[at - self.first_cpu];
        match *op {
            MmOp::Task { new, group } => {
                let memcg = self.bindings.groups[group.index()].expect(BOUND);
                keep(&mut b.tasks, new, m.spawn(e, cpu, memcg))
            }
            MmOp::Kthread { new } => keep(&mut b.tasks, new, m.kthread(e, cpu)),
            MmOp::Use { kthread, of } => match m.task_mm(b.task(of)) {
                Some(mm) => {
                    m.use_mm(e, b.task(kthread), mm);
                    Outcome::Done
                }
                None => Outcome::Refused(Errno::NoDev),
            },
            MmOp::Fork { new, parent } => {
                let forked = fork(m, e, cpu, b.task(parent));
                keep(&mut b.tasks, new, forked)
            }
            MmOp::ForkBegin { new, parent } => {
                let child = m.fork_begin(e, cpu, b.task(parent));
                keep(&mut b.tasks, new, child)
            }
            MmOp::ForkEnd { child } => {
                let outcome = done(m.fork_end(e, cpu, b.task(child))).0;
                if outcome != Outcome::Done {
                    b.tasks[child.index()] = None;
                }
                outcome
            }
            MmOp::Thread { new, of } => {
                let thread = m.clone_vm(e, cpu, b.task(of), true);
                keep(&mut b.tasks, new, thread)
            }
            MmOp::Vfork { new, parent } => {
                let child = m.clone_vm(e, cpu, b.task(parent), false);
                keep(&mut b.tasks, new, child)
            }
            MmOp::ExecMake { new, task } => {
                let task = b.task(task);
                let (outcome, mm) = done(m.exec_make(e, cpu, task));
                b.users[new.index()] = mm.map(|mm| MmUser { mm, exec: Some(task), grab: false });
                outcome
            }
            MmOp::ExecCommit { exec } => {
                if let Some(MmUser { mm, exec: Some(task), .. }) = b.users[exec.index()].take() {
                    m.exec_commit(e, cpu, task, mm);
                }
                Outcome::Done
            }
            MmOp::Exit { task } => {
                let task = b.tasks[task.index()].take().expect(BOUND);
                m.exit_begin(e, task);
                m.exit_end(e, cpu, task);
                Outcome::Done
            }
            MmOp::ExitBegin { task } => {
                m.exit_begin(e, b.task(task));
                Outcome::Done
            }
            MmOp::ExitEnd { task } => {
                m.exit_end(e, cpu, b.tasks[task.index()].take().expect(BOUND));
                Outcome::Done
            }
            MmOp::Migrate { task, group } => {
                done(m.migrate(e, b.task(task), self.bindings.groups[group.index()].expect(BOUND))).0
            }
            MmOp::MigrateCharges { task, group } => {
                let memcg = self.bindings.groups[group.index()].expect(BOUND);
                match m.migrate_charges(e, cpu, b.task(task), memcg) {
                    Ok(moved) => Outcome::Is(moved),
                    Err(errno) => refused(errno),
                }
            }
            MmOp::Event { through, event } => {
                let counted = m.count_memcg_event_mm(e, cpu, b.mm(m, through).expect(BOUND), stat(event));
                counted.map_or(Outcome::Done, |memcg| Outcome::To(self.books.group_of(memcg)))
            }
            MmOp::Socket { new, task, pages: Pages(pages) } => {
                match m.socket_charge(e, cpu, b.task(task), machine::Pages(pages)) {
                    Ok((folio, memcg)) => {
                        self.bindings.charges[new.index()] = Some(folio);
                        Outcome::To(self.books.group_of(memcg))
                    }
                    Err(errno) => refused(errno),
                }
            }
            MmOp::Get { new, of } => {
                let mm = b.mm(m, of).expect(BOUND);
                let (outcome, got) = if b.is_grab(of) {
                    done(m.mmget_not_zero(e, mm))
                } else {
                    m.mmget(e, mm);
                    done(Ok(()))
                };
                b.users[new.index()] = got.map(|()| MmUser { mm, exec: None, grab: false });
                outcome
            }
            MmOp::Grab { new, of } => {
                let mm = b.mm(m, of).expect(BOUND);
                m.mmgrab(e, mm);
                b.users[new.index()] = Some(MmUser { mm, exec: None, grab: true });
                Outcome::Done
            }
            MmOp::Put { user } => {
                match b.users[user.index()].take().expect(BOUND) {
                    MmUser { mm, exec: Some(task), .. } => m.exec_abort(e, task, mm),
                    MmUser { mm, grab: true, .. } => m.mmdrop(e, mm),
                    MmUser { mm, .. } => m.mmput(e, mm),
                }
                Outcome::Done
            }
            MmOp::Charge { new, through, pages: Pages(pages) } => {
                let mm = b.mm(m, through).expect(BOUND);
                let charged = match b.is_grab(through) {
                    true => m.collapse_charge(e, cpu, mm, machine::Pages(pages)),
                    false => m.mm_charge(e, cpu, mm, machine::Pages(pages)),
                };
                match charged {
                    Ok((folio, memcg)) => {
                        self.bindings.charges[new.index()] = Some(folio);
                        Outcome::To(self.books.group_of(memcg))
                    }
                    Err(errno) => refused(errno),
                }
            }
            MmOp::Match { through, group } => {
                let memcg = self.bindings.groups[group.index()].expect(BOUND);
                Outcome::Is(m.mm_match_cgroup(e, cpu, b.mm(m, through).expect(BOUND), memcg))
            }
        }
    }
}

/// The statistic in which an event is counted.
pub(crate) fn stat(event: MmEvent) -> Stat {
    match event {
        MmEvent::Fault => Stat::PgFault,
        MmEvent::MajorFault => Stat::PgMajFault,
        MmEvent::OomKill => Stat::OomKill,
    }
}

fn fork<E: Env>(m: &Machine, e: &E, cpu: &mut Cpu, parent: TaskRef) -> Result<TaskRef, machine::Errno> {
    let child = m.fork_begin(e, cpu, parent)?;
    m.fork_end(e, cpu, child)?;
    Ok(child)
}

fn keep(tasks: &mut [Option<TaskRef>], new: TaskId, made: Result<TaskRef, machine::Errno>) -> Outcome {
    let (outcome, task) = done(made);
    tasks[new.index()] = task;
    outcome
}
