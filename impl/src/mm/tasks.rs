//! The life of tasks: they are started, forked, exec, migrate and exit, in all designs alike.
//!
//! A task holds its group by a css reference from its first to its last moment, and hinders the removal of the group
//! until the first half of its exit. What a design has to do besides is called from here.

use super::{EXITING, KTHREAD, Making, MmRef, Process, TaskList, TaskRef};
use crate::MmDesign;
use crate::fault::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::{Handle, word_of};
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark};
use crate::substrate::rcu::Callback;
use crate::substrate::units::Errno;

impl Machine {
    fn is_memcg_design<E: Env>(&self, e: &E) -> bool {
        matches!(self.mm_design(e), MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected)
    }

    fn new_task<E: Env>(
        &self,
        e: &E,
        leader: Option<TaskRef>,
        parent: Option<TaskRef>,
        flags: i64,
    ) -> Result<TaskRef, Errno> {
        let task = self.mm.tasks.allocate(e).ok_or(Errno::NoMem)?;
        let node = self.task(e, task);
        node.mm.init(0);
        node.memcg.init(0);
        node.flags.init(flags);
        node.leader.init(word_of(leader.or(Some(task))));
        node.parent.init(word_of(parent));
        Ok(task)
    }

    /// A task runs in a group from now on, in which another task keeps anybody from removing it.
    fn enter<E: Env>(&self, e: &E, task: TaskRef, memcg: MemcgRef) {
        self.css_get(e, memcg);
        self.memcgs.get(e, memcg).css.tasks.add(e, 1);
        self.task(e, task).memcg.store(e, memcg.to_word());
    }

    fn publish<E: Env>(&self, e: &E, task: TaskRef) {
        let leader = self.leader_of(e, task);
        let mut list = self.mm.tasklist.lock(e);
        if leader == task {
            *list.process(leader) = Some(Process { leader, threads: vec![task], running: 1 });
            // Kernel threads are children of kthreadd, which no search ever begins at.
            if !self.is_kthread(e, task) {
                let parent = Handle::from_word(self.task(e, task).parent.load(e));
                list.add_child(parent, task);
            }
        } else if let Some(process) = list.process(leader) {
            process.threads.push(task);
            process.running += 1;
        }
    }

    pub(super) fn leader_of<E: Env>(&self, e: &E, task: TaskRef) -> TaskRef {
        Handle::from_word(self.task(e, task).leader.load(e)).unwrap_or(task)
    }

    /// A task that is complete: into its group, the design's fork hook, and into the task list.
    fn start<E: Env>(&self, e: &E, cpu: usize, task: TaskRef, memcg: MemcgRef) {
        self.enter(e, task, memcg);
        if self.is_memcg_design(e) {
            self.mm_sync_memcg_from_task(e, cpu, task);
        }
        self.publish(e, task);
    }

    /// Start a process with an mm of its own in a group, as a child of init.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails, [`Errno::NoDev`] if the group has been removed.
    pub fn spawn<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef) -> Result<TaskRef, Errno> {
        let _tree = self.tree.lock(e);
        if !self.is_online(e, memcg) {
            return Err(Errno::NoDev);
        }
        let task = self.new_task(e, None, None, 0)?;
        let mm =
            self.mm_init(e, cpu.id, Making::Start(task, memcg)).inspect_err(|_| self.task_free(e, task))?;
        self.set_mm(e, task, Some(mm));
        self.start(e, cpu.id, task, memcg);
        e.mark(Mark::TaskStarted);
        Ok(task)
    }

    /// Start a kernel thread, in root and without an mm.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails.
    pub fn kthread<E: Env>(&self, e: &E, cpu: &mut Cpu) -> Result<TaskRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let task = self.new_task(e, None, None, KTHREAD)?;
        self.start(e, cpu.id, task, self.root);
        e.mark(Mark::KthreadStarted);
        Ok(task)
    }

    /// A kernel thread works on an mm from now on (`use_mm`), until it exits.
    pub fn use_mm<E: Env>(&self, e: &E, kthread: TaskRef, mm: MmRef) {
        self.mmget(e, mm);
        self.set_mm(e, kthread, Some(mm));
        e.mark(Mark::KthreadUsesMm);
    }

    /// First half of a fork: a child with an mm, in no group yet.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails.
    pub fn fork_begin<E: Env>(&self, e: &E, cpu: &mut Cpu, parent: TaskRef) -> Result<TaskRef, Errno> {
        let child = self.new_task(e, None, Some(parent), 0)?;
        let making = Making::Fork { current: parent, child };
        let mm = self.mm_init(e, cpu.id, making).inspect_err(|_| self.task_free(e, child))?;
        self.set_mm(e, child, Some(mm));
        Ok(child)
    }

    /// Second half of a fork: the child runs in its parent's group.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails: then there is no child.
    pub fn fork_end<E: Env>(&self, e: &E, cpu: &mut Cpu, child: TaskRef) -> Result<(), Errno> {
        if e.failing(Failing::Alloc) {
            e.mark(Mark::ForkFailed);
            if let Some(mm) = self.set_mm(e, child, None) {
                if self.repaired(e) {
                    self.mm_clear_owner(e, mm, child);
                }
                self.mmput(e, mm);
            }
            // Nobody can have found it.
            self.task_free(e, child);
            return Err(Errno::NoMem);
        }
        let _tree = self.tree.lock(e);
        let parent = Handle::from_word(self.task(e, child).parent.load(e));
        let memcg = parent.map_or(self.root, |parent| self.task_css(e, parent));
        self.start(e, cpu.id, child, memcg);
        e.mark(Mark::Forked);
        Ok(())
    }

    /// Start a thread in the process of a task, or a process that shares its mm (`vfork`).
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails.
    pub fn clone_vm<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        of: TaskRef,
        thread: bool,
    ) -> Result<TaskRef, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let _tree = self.tree.lock(e);
        let leader = thread.then(|| self.leader_of(e, of));
        let task = self.new_task(e, leader, Some(of), 0)?;
        if let Some(mm) = self.mm_of_task(e, of) {
            self.mmget(e, mm);
            self.set_mm(e, task, Some(mm));
        }
        self.start(e, cpu.id, task, self.task_css(e, of));
        e.mark(if thread { Mark::ThreadStarted } else { Mark::Vforked });
        Ok(task)
    }

    /// First half of an exec: a new mm, of which the caller is the user.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if an allocation fails.
    pub fn exec_make<E: Env>(&self, e: &E, cpu: &mut Cpu, task: TaskRef) -> Result<MmRef, Errno> {
        self.mm_init(e, cpu.id, Making::Exec(task))
    }

    /// Second half of an exec: the new mm, whose user the caller was, takes the place of the old one. Corrected, it excludes
    /// a migration of its process as an exit does, until the old mm charges a task that stays: the task's group would
    /// change, and the old mm follow it or not, while others use that mm.
    pub fn exec_commit<E: Env>(&self, e: &E, cpu: &mut Cpu, task: TaskRef, mm: MmRef) {
        let excludes = self.mm_design(e) == MmDesign::MemcgCorrected && !e.fault(Fault::N4);
        let _tree = excludes.then(|| self.tree.lock(e));
        let old = self.set_mm(e, task, Some(mm));
        if self.is_memcg_design(e) {
            self.exec_installed(e, cpu.id, task, old.is_some());
        } else {
            let flags = &self.task(e, task).flags;
            flags.swap(e, flags.load(e) & !KTHREAD);
        }
        if let Some(old) = old {
            self.leave(e, cpu.id, task, old);
        }
        e.mark(if old.is_some() { Mark::Execed } else { Mark::HelperExeced });
    }

    /// An exec fails after its mm was made.
    pub fn exec_abort<E: Env>(&self, e: &E, task: TaskRef, mm: MmRef) {
        self.mm_clear_owner(e, mm, task);
        self.mmput(e, mm);
        e.mark(Mark::ExecFailed);
    }

    /// A task has let go of its mm.
    fn leave<E: Env>(&self, e: &E, cpu: usize, task: TaskRef, mm: MmRef) {
        if self.is_memcg_design(e) {
            self.mm_leave(e, cpu, mm);
        } else {
            self.mm_update_next_owner(e, cpu, mm, task);
        }
        self.mmput(e, mm);
    }

    /// Move the process of a task to another group. Threads that exit are left behind.
    ///
    /// # Errors
    /// [`Errno::NoDev`] if the group has been removed.
    pub fn migrate<E: Env>(&self, e: &E, task: TaskRef, to: MemcgRef) -> Result<(), Errno> {
        let _tree = self.tree.lock(e);
        if !self.is_online(e, to) {
            return Err(Errno::NoDev);
        }
        let threads = self.threads_to_move(e, task);
        self.attach(e, &threads, to);
        Ok(())
    }

    /// The threads of a task's process that do not exit. The caller has the lock of the tree.
    pub(super) fn threads_to_move<E: Env>(&self, e: &E, task: TaskRef) -> Vec<TaskRef> {
        let leader = self.leader_of(e, task);
        let mut list = self.mm.tasklist.lock(e);
        let threads = list.process(leader).iter().flat_map(|process| process.threads.iter().copied());
        threads.filter(|&thread| self.task(e, thread).flags.load(e) & EXITING == 0).collect()
    }

    /// Threads run in another group from now on, which is online.
    pub(super) fn attach<E: Env>(&self, e: &E, threads: &[TaskRef], to: MemcgRef) {
        for &thread in threads {
            let from = self.task_css(e, thread);
            self.enter(e, thread, to);
            self.memcgs.get(e, from).css.tasks.sub(e, 1);
            self.css_put(e, from);
        }
        if self.is_memcg_design(e) {
            self.mem_cgroup_attach(e, threads, to);
        }
        e.mark(Mark::Migrated);
    }

    /// First half of an exit: the task counts no longer as one of its group. A migration of its process moves it before or
    /// leaves it behind, and is not met half way: the kernel's `cgroup_threadgroup_rwsem`, for which the lock of the tree
    /// stands here.
    pub fn exit_begin<E: Env>(&self, e: &E, task: TaskRef) {
        let _tree = (!e.fault(Fault::N3)).then(|| self.tree.lock(e));
        let node = self.task(e, task);
        node.flags.swap(e, node.flags.load(e) | EXITING);
        self.memcgs.get(e, self.task_css(e, task)).css.tasks.sub(e, 1);
    }

    /// Second half of an exit: the task lets go of its mm and its group, and is freed after a grace period.
    pub fn exit_end<E: Env>(&self, e: &E, cpu: &mut Cpu, task: TaskRef) {
        let kthread = self.is_kthread(e, task);
        match self.set_mm(e, task, None) {
            Some(mm) if kthread => self.mmput(e, mm),
            Some(mm) => self.leave(e, cpu.id, task, mm),
            None => {}
        }
        let memcg = self.task_css(e, task);
        if !self.is_online(e, memcg) {
            e.mark(Mark::ExitedOffline);
        }
        self.css_put(e, memcg);
        self.unlink(e, task);
        e.mark(Mark::Exited);
    }

    /// Take a task out of the task list. A leader stays until its process ends.
    fn unlink<E: Env>(&self, e: &E, task: TaskRef) {
        let leader = self.leader_of(e, task);
        let mut list = self.mm.tasklist.lock(e);
        let Some(process) = list.process(leader) else { return };
        process.running -= 1;
        let ended = process.running == 0;
        let runs = |other: &TaskRef| *other != task && self.task(e, *other).flags.load(e) & EXITING == 0;
        let heir = process.threads.iter().copied().find(runs);
        if task != leader {
            process.threads.retain(|&other| other != task);
            self.rcu.call(e, Callback::PutTask(task));
        } else if !ended {
            e.mark(Mark::LeaderExitedFirst);
        }
        self.hand_on_children(e, &mut list, task, heir);
        if ended {
            let parent = Handle::from_word(self.task(e, leader).parent.load(e));
            list.remove_child(parent, leader);
            *list.process(leader) = None;
            self.rcu.call(e, Callback::PutTask(leader));
        }
    }

    /// The children of a task that exits go to another thread of its process, or else to init.
    fn hand_on_children<E: Env>(&self, e: &E, list: &mut TaskList, from: TaskRef, to: Option<TaskRef>) {
        let orphans = std::mem::take(list.children(Some(from)));
        for &child in orphans.values() {
            self.task(e, child).parent.store(e, word_of(to));
        }
        list.children(to).extend(orphans);
    }
}
