//! cgroup v1: a task that migrates takes the charges of its mm along (`memory.move_charge_at_immigrate`).
//!
//! Only the leader of a process does so, and only if its mm is charged where it comes from. *owner*: if it owns the mm.
//! The memcg designs: if the mm points to the group that the leader leaves, which has to be asked before `attach` lets
//! the pointer follow. The pages are charged to the new group all at once, before the task is moved, so that a refusal
//! leaves everything as it was; then each changes its group, and the old one is uncharged.

use super::{MmRef, TaskRef};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;
use crate::{Fault, MmDesign};

/// What moves with a task.
struct MoveCharge {
    mm: MmRef,
    from: MemcgRef,
    /// A reference to each, and its size.
    pages: Vec<(FolioRef, Pages)>,
}

impl Machine {
    /// Move the process of a task to another group, with the charges of its mm if they are its to move. Whether they
    /// were; v1 only.
    ///
    /// # Errors
    /// [`Errno::NoDev`] if the group has been removed, [`Errno::NoMem`] if the charges do not fit there: then nothing
    /// was moved.
    pub fn migrate_charges<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        task: TaskRef,
        to: MemcgRef,
    ) -> Result<bool, Errno> {
        let _tree = self.tree.lock(e);
        if !self.is_online(e, to) {
            return Err(Errno::NoDev);
        }
        let threads = self.threads_to_move(e, task);
        let from = threads.first().map_or(self.root, |&thread| self.task_css(e, thread));
        if e.fault(Fault::M1) {
            // The question comes too late: the pointer has followed the task.
            self.attach(e, &threads, to);
        }
        let moving = self.can_attach(e, cpu, &threads, from, to)?;
        if !e.fault(Fault::M1) {
            self.attach(e, &threads, to);
        }
        let Some(moving) = moving else {
            e.mark(Mark::ChargesLeftBehind);
            return Ok(false);
        };
        self.move_charges(e, cpu, moving, to);
        e.mark(Mark::ChargesMovedAlong);
        Ok(true)
    }

    /// Whether charges move, and their charge to the new group (`mem_cgroup_can_attach`).
    fn can_attach<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        threads: &[TaskRef],
        from: MemcgRef,
        to: MemcgRef,
    ) -> Result<Option<MoveCharge>, Errno> {
        let leader = threads.iter().copied().find(|&thread| self.leader_of(e, thread) == thread);
        let Some(leader) = leader.filter(|&leader| !self.is_kthread(e, leader)) else { return Ok(None) };
        let Some(mm) = self.mm_of_task(e, leader) else { return Ok(None) };
        let node = self.mm(e, mm);
        let is_charged_there = match self.mm_design(e) {
            MmDesign::Owner | MmDesign::OwnerRepaired => leader.is_in(Handle::from_word(node.owner.load(e))),
            MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected => {
                from.is_in(Handle::from_word(node.memcg.load(e)))
            }
        };
        if !is_charged_there {
            return Ok(None);
        }
        self.mmget(e, mm);
        self.start_move(e, from);
        let pages = self.pages_of_mm(e, mm, from);
        let moving = MoveCharge { mm, from, pages };
        if let Err(errno) = self.precharge(e, cpu, &moving.pages, to) {
            e.mark(Mark::PrechargeRefused);
            self.clear_mc(e, moving);
            return Err(errno);
        }
        Ok(Some(moving))
    }

    /// Charge everything that moves to the new group. Root is not charged.
    fn precharge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        pages: &[(FolioRef, Pages)],
        to: MemcgRef,
    ) -> Result<(), Errno> {
        let total = Pages(pages.iter().map(|(_, pages)| pages.0).sum());
        if to == self.root || total.0 == 0 { Ok(()) } else { self.try_charge(e, cpu, to, total, false) }
    }

    fn move_charges<E: Env>(&self, e: &E, cpu: &mut Cpu, moving: MoveCharge, to: MemcgRef) {
        for &page in &moving.pages {
            self.move_charged(e, cpu, page, moving.from, to);
        }
        self.clear_mc(e, moving);
    }

    fn clear_mc<E: Env>(&self, e: &E, moving: MoveCharge) {
        self.end_move(e, moving.from);
        for (folio, _) in moving.pages {
            self.page_put(e, folio);
        }
        self.mmput(e, moving.mm);
    }

    /// The pages of an mm that are charged to a group, with a reference to each. They are found without a lock; one
    /// that is about to be freed is left alone.
    fn pages_of_mm<E: Env>(&self, e: &E, mm: MmRef, from: MemcgRef) -> Vec<(FolioRef, Pages)> {
        let mapped = self.folios.live().filter(|(_, node)| node.page.mm.peek() == mm.to_word());
        mapped
            .filter(|(_, node)| self.charged_to(e, node) == Some(from) && node.page.refs.inc_not_zero(e))
            .map(|(folio, node)| (folio, Pages(node.pages.load(e) as u64)))
            .collect()
    }
}
