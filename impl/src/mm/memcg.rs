//! The memcg designs: an mm owns one css reference to the group that it charges.
//!
//! The pointer is exchanged, never locked. *As mailed* it is built from the hunks of the mail, in the order in which
//! they run; *corrected* it has what the harness proved necessary:
//! a reference that no mm consumes is given back; every exec looks again where its task is; a task that leaves an mm
//! whose tasks were in different groups leaves it to one that stays; a lookup that walked up does not overwrite what
//! a migration has written meanwhile.

use super::{EXITING, KTHREAD, Making, MmRef, TaskRef};
use crate::machine::Machine;
use crate::memcg::{Memcg, MemcgRef};
use crate::substrate::arena::{Handle, word_of};
use crate::substrate::env::{Env, Loop, Mark};
use crate::{Fault, MmDesign};

impl Machine {
    fn corrected<E: Env>(&self, e: &E) -> bool {
        self.mm_design(e) == MmDesign::MemcgCorrected
    }

    /// Let an mm charge another group. Consumes a reference to it, and puts the one to the group before.
    pub(super) fn mm_update_memcg<E: Env>(&self, e: &E, mm: MmRef, new: Option<MemcgRef>) {
        let old = self.mm(e, mm).memcg.swap(e, word_of(new));
        if let Some(old) = Handle::from_word(old) {
            self.css_put(e, old);
        }
    }

    /// A new mm charges the group of the task that makes it.
    pub(super) fn mm_init_memcg<E: Env>(&self, e: &E, cpu: usize, mm: MmRef, making: Making) {
        let memcg = match making {
            Making::Fork { current, .. } => {
                if e.fault(Fault::S3) {
                    // The struct was copied from the parent's.
                    if let Some(parent) = self.mm_of_task(e, current) {
                        self.mm(e, mm).memcg.init(self.mm(e, parent).memcg.load(e));
                    }
                }
                if e.fault(Fault::S2) { self.root } else { self.task_get_css(e, cpu, current) }
            }
            Making::Exec(current) => self.task_get_css(e, cpu, current),
            Making::Start(_, memcg) => {
                self.css_get(e, memcg);
                memcg
            }
        };
        self.mm_update_memcg(e, mm, Some(memcg));
    }

    /// A reference to the group of a task (`task_get_css`). The mail's kernel waits for a group that is online; since
    /// 18fa84a2db0e any reference will do.
    pub(super) fn task_get_css<E: Env>(&self, e: &E, cpu: usize, task: TaskRef) -> MemcgRef {
        let _section = self.rcu_read_lock(e, cpu);
        loop {
            let memcg = self.task_css(e, task);
            let got =
                if self.corrected(e) { self.css_tryget(e, memcg) } else { self.css_tryget_online(e, memcg) };
            if got {
                return memcg;
            }
            let refs = self.memcgs.get(e, memcg).css.refs.label();
            if !e.retry(Loop::TaskGetCss, refs) {
                return self.root;
            }
        }
    }

    /// Let the mm of a task charge a group to which the caller has a reference.
    fn task_update_memcg<E: Env>(&self, e: &E, task: TaskRef, new: MemcgRef) {
        let _locked = self.task(e, task).alloc_lock.lock(e);
        self.locked_update_memcg(e, task, new);
    }

    /// The same for a caller who holds the task's lock.
    fn locked_update_memcg<E: Env>(&self, e: &E, task: TaskRef, new: MemcgRef) {
        let node = self.task(e, task);
        let mm = Handle::from_word(node.mm.load(e));
        match mm {
            Some(mm) if node.flags.load(e) & KTHREAD == 0 => self.mm_update_memcg(e, mm, Some(new)),
            _ => {
                e.mark(Mark::NoMmToUpdate);
                if self.corrected(e) {
                    self.css_put(e, new);
                }
            }
        }
    }

    /// A task was forked, or has a new mm: let that charge the group in which the task is. A migration changes the task's
    /// group before it takes the task's lock to change what its mm charges: corrected, whoever has the lock either sees
    /// the new group, or is overwritten.
    pub(super) fn mm_sync_memcg_from_task<E: Env>(&self, e: &E, cpu: usize, task: TaskRef) {
        if self.corrected(e) {
            let _locked = self.task(e, task).alloc_lock.lock(e);
            let memcg = self.task_get_css(e, cpu, task);
            self.locked_update_memcg(e, task, memcg);
        } else {
            let memcg = self.task_get_css(e, cpu, task);
            self.task_update_memcg(e, task, memcg);
        }
    }

    /// The threads of a process have been moved.
    pub(super) fn mem_cgroup_attach<E: Env>(&self, e: &E, threads: &[TaskRef], to: MemcgRef) {
        for &task in threads {
            self.css_get(e, to);
            self.task_update_memcg(e, task, to);
        }
        if !self.corrected(e) {
            return;
        }
        let mm = threads
            .first()
            .filter(|&&task| !self.is_kthread(e, task))
            .and_then(|&task| self.mm_of_task(e, task));
        if let Some(mm) = mm {
            let node = self.mm(e, mm);
            if node.users.load(e) > threads.len() as i64 {
                e.mark(Mark::MmMixed);
                node.mixed.store(e, 1);
            }
        }
    }

    /// An exec has given its task a new mm; `had_mm` if the task had one before.
    pub(super) fn exec_installed<E: Env>(&self, e: &E, cpu: usize, task: TaskRef, had_mm: bool) {
        let node = self.task(e, task);
        if self.corrected(e) {
            node.flags.swap(e, node.flags.load(e) & !KTHREAD);
            let before = self.mm_of_task(e, task).map(|mm| self.mm(e, mm).memcg.load(e));
            if before.is_some_and(|before| before != self.task_css(e, task).to_word()) {
                e.mark(Mark::ExecAfterMigration);
            }
            self.mm_sync_memcg_from_task(e, cpu, task);
        } else {
            // The hunk sits behind the return of a task that had an mm, and before flush_old_exec clears PF_KTHREAD.
            if !had_mm {
                self.mm_sync_memcg_from_task(e, cpu, task);
            }
            node.flags.swap(e, node.flags.load(e) & !KTHREAD);
        }
    }

    /// A task has let go of an mm that goes on: if its tasks were in different groups, it charges one that stays.
    pub(super) fn mm_leave<E: Env>(&self, e: &E, cpu: usize, mm: MmRef) {
        let node = self.mm(e, mm);
        if !self.corrected(e) || node.mixed.load(e) == 0 || node.users.load(e) <= 1 {
            return;
        }
        let _section = self.rcu_read_lock(e, cpu);
        while let Some(heir) = self.heir_of(e, mm) {
            // Once the list is let go of the heir may exit, and put its css reference: not while it is locked.
            let task = self.task(e, heir);
            let locked = task.alloc_lock.lock(e);
            if self.mm_of_task(e, heir) == Some(mm) {
                e.mark(Mark::MmInherited);
                let memcg = self.task_get_css(e, cpu, heir);
                self.mm_update_memcg(e, mm, Some(memcg));
                return;
            }
            drop(locked);
            if !e.retry(Loop::NextOwner, task.mm.label()) {
                return;
            }
        }
    }

    /// A task that uses an mm, rather one that stays than one in the middle of its exit. The caller is in a read
    /// section, and looks again under the task's lock whether it still does.
    fn heir_of<E: Env>(&self, e: &E, mm: MmRef) -> Option<TaskRef> {
        let list = self.mm.tasklist.lock(e);
        let threads = list.processes.iter().flatten().flat_map(|process| &process.threads);
        let mut usable = None;
        for &task in threads {
            self.mm.visited.add(e, 1);
            if self.mm_of_task(e, task) != Some(mm) || self.is_kthread(e, task) {
                continue;
            }
            usable = Some(task);
            if self.task(e, task).flags.load(e) & EXITING == 0 {
                break;
            }
        }
        usable
    }

    /// A reference to the group that an mm charges. If that has been removed, its first online ancestor is charged
    /// from now on.
    pub(super) fn memcg_from_mm<E: Env>(&self, e: &E, cpu: usize, mm: MmRef) -> MemcgRef {
        let node = self.mm(e, mm);
        let _section = self.rcu_read_lock(e, cpu);
        let mut before: Option<MemcgRef> = None;
        loop {
            let Some(memcg) = Handle::<Memcg>::from_word(node.memcg.load(e)) else { return self.root };
            if self.css_tryget_online(e, memcg) {
                return memcg;
            }
            let again = before == Some(memcg) && !e.fault(Fault::B58);
            if again
                && self.css_tryget(e, memcg)
                && let Some(found) = self.walk_up(e, mm, memcg)
            {
                return found;
            }
            before = Some(memcg);
            if !e.retry(Loop::MemcgOfMm, node.memcg.label()) {
                return self.root;
            }
        }
    }

    /// The first online ancestor of `offline`, a reference to which is consumed. `None` if the mm charges another
    /// group by now.
    fn walk_up<E: Env>(&self, e: &E, mm: MmRef, offline: MemcgRef) -> Option<MemcgRef> {
        let mut level = offline;
        loop {
            level = self.memcgs.get(e, level).css.parent(e).unwrap_or(self.root);
            let got =
                if e.fault(Fault::S5) { self.css_tryget(e, level) } else { self.css_tryget_online(e, level) };
            if got || level == self.root {
                break;
            }
            e.mark(Mark::LookupPassedDying);
        }
        e.mark(Mark::LookupWalkedUp);
        // One reference for the mm, and one for the caller.
        if !e.fault(Fault::S4) {
            self.css_get(e, level);
        }
        let mut found = Some(level);
        if !self.corrected(e) {
            self.mm_update_memcg(e, mm, Some(level));
        } else if self.mm(e, mm).memcg.replace(e, offline.to_word(), level.to_word()) {
            self.css_put(e, offline);
        } else {
            self.css_put(e, level);
            self.css_put(e, level);
            found = None;
        }
        self.css_put(e, offline);
        found
    }
}
