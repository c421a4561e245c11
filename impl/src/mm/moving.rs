//! cgroup v1: a task that migrates takes the charges of its mm along (`memory.move_charge_at_immigrate`).
//!
//! Only the leader of a process does so, and only if its mm is charged where it comes from. *owner*: if it owns the mm.
//! The memcg designs: if the mm points to the group that the leader leaves, which has to be asked before `attach` lets
//! the pointer follow. What moves is charged to the new group all at once, before the task is moved, so that a refusal
//! leaves everything as it was; then each page changes its group, and the old one is uncharged.
//!
//! Swap entries move as pages do, though only memory+swap pays for them: the record of each slot changes from the id of
//! the old group to that of the new one, which gets a reference with it. What the new group has been charged too much,
//! memory, goes back in the end, with the old group's part.

use super::page_table::SwapPte;
use super::{MmRef, TaskRef};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::page_counter::Which;
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;
use crate::{Fault, MmDesign};

/// What moves with a task.
struct MoveCharge {
    mm: MmRef,
    from: MemcgRef,
    /// A reference to each, and its size.
    pages: Vec<(FolioRef, Pages)>,
    swapped: Vec<SwapPte>,
}

impl MoveCharge {
    fn total(&self) -> Pages {
        let pages = self.pages.iter().map(|(_, pages)| pages.0);
        Pages(pages.sum::<u64>() + self.slots())
    }

    fn slots(&self) -> u64 {
        self.swapped.iter().map(|pte| pte.entry.pages().0).sum()
    }
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
        let Some(mm) = self.get_task_mm(e, leader) else { return Ok(None) };
        let node = self.mm(e, mm);
        let is_charged_there = match self.mm_design(e) {
            MmDesign::Owner | MmDesign::OwnerRepaired => leader.is_in(Handle::from_word(node.owner.load(e))),
            MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected => {
                from.is_in(Handle::from_word(node.memcg.load(e)))
            }
        };
        if !is_charged_there {
            self.mmput(e, mm);
            return Ok(None);
        }
        self.start_move(e, from);
        let moving = self.move_targets(e, mm, from);
        if let Err(errno) = self.precharge(e, cpu, moving.total(), to) {
            e.mark(Mark::PrechargeRefused);
            self.clear_mc(e, moving);
            return Err(errno);
        }
        Ok(Some(moving))
    }

    /// A user of the mm of a task, which may be in the middle of an exec.
    fn get_task_mm<E: Env>(&self, e: &E, task: TaskRef) -> Option<MmRef> {
        let _locked = self.task(e, task).alloc_lock.lock(e);
        self.mm_of_task(e, task).inspect(|&mm| self.mmget(e, mm))
    }

    /// Charge everything that moves to the new group. Root is not charged.
    fn precharge<E: Env>(&self, e: &E, cpu: &mut Cpu, total: Pages, to: MemcgRef) -> Result<(), Errno> {
        if to == self.root || total.0 == 0 { Ok(()) } else { self.try_charge(e, cpu, to, total, false) }
    }

    fn move_charges<E: Env>(&self, e: &E, cpu: &mut Cpu, moving: MoveCharge, to: MemcgRef) {
        for &page in &moving.pages {
            self.move_charged(e, cpu, page, moving.from, to);
        }
        if !moving.swapped.is_empty() {
            self.move_swapped(e, &moving, to);
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

    /// What an mm has that is charged to a group: its pages, with a reference to each, and its swap entries. A page that
    /// is about to be freed is left alone.
    fn move_targets<E: Env>(&self, e: &E, mm: MmRef, from: MemcgRef) -> MoveCharge {
        let mut moving = MoveCharge { mm, from, pages: Vec::new(), swapped: Vec::new() };
        let mut tables = self.mm.page_tables.lock(e);
        let Some(table) = tables.of(mm) else { return moving };
        for &folio in table.pages.values() {
            let node = self.folios.get(e, folio);
            if self.charged_to(e, node) == Some(from) && node.page.refs.inc_not_zero(e) {
                moving.pages.push((folio, Pages(node.pages.load(e) as u64)));
            }
        }
        let id = self.memcgs.get(e, from).id.load(e);
        let is_charged = |pte: &SwapPte| self.slots[pte.entry.first()].record.load(e) == id;
        moving.swapped.extend(table.swapped.values().copied().filter(is_charged));
        moving
    }

    /// The swap entries that move and that nobody has freed meanwhile are the new group's from now on, which has been
    /// charged for all of them as for pages.
    fn move_swapped<E: Env>(&self, e: &E, moving: &MoveCharge, to: MemcgRef) {
        let from = moving.from;
        let asked = moving.slots();
        let moved = self.move_swap_account(e, moving, to);
        if to != self.root && asked > moved {
            self.memcg_uncharge(e, to, Pages(asked - moved));
        }
        if moved == 0 {
            return;
        }
        e.mark(Mark::SwapMovedAlong);
        if from != self.root {
            self.counter_uncharge(e, from, Which::Memsw, Pages(moved));
        }
        self.id_put(e, from, moved);
        if to != self.root {
            self.counter_uncharge(e, to, Which::Memory, Pages(moved));
        }
        if e.fault(Fault::B44) {
            self.id_get_many(e, to, moved);
        }
    }

    /// Change the records of swap entries (`mem_cgroup_move_swap_account`), under the page table lock: whoever frees one
    /// takes it out of the page table first. How many slots were moved. The reference to the new id comes with each
    /// record, since the slot may be freed as soon as the lock is given back.
    fn move_swap_account<E: Env>(&self, e: &E, moving: &MoveCharge, to: MemcgRef) -> u64 {
        let id = |memcg: MemcgRef| self.memcgs.get(e, memcg).id.load(e);
        let (old, new) = (id(moving.from), id(to));
        let mut moved = 0;
        let mut tables = self.mm.page_tables.lock(e);
        let Some(table) = tables.of(moving.mm) else { return 0 };
        for pte in &moving.swapped {
            if table.swapped.get(&pte.entry.first()) != Some(pte) {
                continue;
            }
            for slot in self.slots_of(pte.entry) {
                if self.slots[slot].record.replace(e, old, new) {
                    moved += 1;
                    if !e.fault(Fault::B44) {
                        self.id_get_many(e, to, 1);
                    }
                }
            }
        }
        moved
    }
}
