//! The owner designs: an mm points to a task without holding it, and charges the group of that task.
//!
//! A task that exits or execs hands the mm on to another task that uses it: to a child, a sibling, or whoever is found
//! among all processes. *owner* is what the mail replaced. *owner-repaired* has the repairs that came later: a lookup
//! is content with a group that is offline (00d484f354d8), a fork or an exec that fails clears the pointer
//! (c3f3ce049f7d does so for the fork), and what a fork copies is charged to the parent's group.

use super::{KTHREAD, MmRef, TaskRef};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::{Handle, word_of};
use crate::substrate::env::{Env, Loop};
use crate::{Fault, MmDesign};

impl Machine {
    pub(super) fn repaired<E: Env>(&self, e: &E) -> bool {
        self.mm_design(e) == MmDesign::OwnerRepaired
    }

    /// The group of a task that owns an mm.
    fn css_of_owner<E: Env>(&self, e: &E, owner: TaskRef) -> MemcgRef {
        let node = self.task(e, owner);
        let parent = Handle::from_word(node.parent.load(e));
        match parent {
            Some(parent) if self.repaired(e) && node.memcg.load(e) == 0 => self.task_css(e, parent),
            _ => self.task_css(e, owner),
        }
    }

    /// The group that an mm charges; `None` if it has no owner.
    pub(super) fn memcg_of_owner<E: Env>(&self, e: &E, mm: MmRef) -> Option<MemcgRef> {
        Handle::from_word(self.mm(e, mm).owner.load(e)).map(|owner| self.css_of_owner(e, owner))
    }

    /// A reference to the group that an mm charges.
    pub(super) fn memcg_from_owner<E: Env>(&self, e: &E, cpu: usize, mm: MmRef) -> MemcgRef {
        let _section = self.rcu_read_lock(e, cpu);
        loop {
            let memcg = self.memcg_of_owner(e, mm).unwrap_or(self.root);
            let got =
                if self.repaired(e) { self.css_tryget(e, memcg) } else { self.css_tryget_online(e, memcg) };
            if got {
                return memcg;
            }
            if !e.retry(Loop::MemcgOfMm, self.mm(e, mm).owner.label()) {
                return self.root;
            }
        }
    }

    /// A task has let go of an mm: if it was the owner, look for another one.
    pub(super) fn mm_update_next_owner<E: Env>(&self, e: &E, cpu: usize, mm: MmRef, leaving: TaskRef) {
        let node = self.mm(e, mm);
        loop {
            // Who is found may exit once the list is let go of. The section keeps it, as get_task_struct does.
            let section = self.rcu_read_lock(e, cpu);
            if Handle::from_word(node.owner.load(e)) != Some(leaving) {
                return;
            }
            if node.users.load(e) <= 1 {
                // Somebody may hold on to the mm, and charge it.
                if !e.fault(Fault::B56) {
                    node.owner.store(e, 0);
                }
                return;
            }
            let Some(next) = self.next_owner(e, mm, leaving) else {
                if !e.fault(Fault::B55) {
                    node.owner.store(e, 0);
                }
                return;
            };
            let task = self.task(e, next);
            let locked = task.alloc_lock.lock(e);
            if Handle::from_word(task.mm.load(e)) == Some(mm) {
                node.owner.store(e, next.to_word());
                return;
            }
            drop(locked);
            drop(section);
            if !e.retry(Loop::NextOwner, node.owner.label()) {
                return;
            }
        }
    }

    /// A fork or an exec has failed: its task is no owner. Others may still use the mm.
    pub(super) fn mm_clear_owner<E: Env>(&self, e: &E, mm: MmRef, task: TaskRef) {
        if self.repaired(e) {
            self.mm(e, mm).owner.replace(e, word_of(Some(task)), 0);
        }
    }

    /// A task that uses an mm: among the children of `leaving`, its siblings, and then everywhere.
    fn next_owner<E: Env>(&self, e: &E, mm: MmRef, leaving: TaskRef) -> Option<TaskRef> {
        let list = self.mm.tasklist.lock(e);
        let visited = &self.mm.visited;
        let uses = |task: TaskRef| {
            visited.add(e, 1);
            self.mm_of_task(e, task) == Some(mm)
        };
        let leader = Handle::from_word(self.task(e, leaving).leader.load(e)).unwrap_or(leaving);
        let children = list.children.get(leaving.index());
        let siblings = match Handle::<super::Task>::from_word(self.task(e, leader).parent.load(e)) {
            Some(parent) => list.children.get(parent.index()),
            None => Some(&list.of_init),
        };
        let near = children.into_iter().chain(siblings).flat_map(|leaders| leaders.values());
        if let Some(found) = near.copied().find(|&task| uses(task)) {
            return Some(found);
        }
        for process in list.processes.iter().flatten() {
            if self.task(e, process.leader).flags.load(e) & KTHREAD != 0 {
                visited.add(e, 1);
                continue;
            }
            for &task in &process.threads {
                if uses(task) {
                    return Some(task);
                }
                if e.fault(Fault::S1) || self.mm_of_task(e, task).is_some() {
                    break;
                }
            }
        }
        None
    }
}
