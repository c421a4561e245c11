//! Who asks which group an mm charges: charges, events that are counted, and reclaim that looks only at some groups' mms.
//! Sockets do not ask: they are their task's.

use super::{MmRef, Task};
use crate::file_mapped::Stat;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;
use crate::{Fault, MmDesign};

impl Machine {
    /// A reference to the group that an mm charges.
    fn get_mem_cgroup_from_mm<E: Env>(&self, e: &E, cpu: usize, mm: MmRef) -> MemcgRef {
        match self.mm_design(e) {
            MmDesign::Owner | MmDesign::OwnerRepaired => self.memcg_from_owner(e, cpu, mm),
            MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected => self.memcg_from_mm(e, cpu, mm),
        }
    }

    /// Charge a new folio through an mm. The caller has a user of the mm.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the folio cannot be allocated or does not fit.
    pub fn mm_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        mm: MmRef,
        pages: Pages,
    ) -> Result<(FolioRef, MemcgRef), Errno> {
        let (folio, memcg) = self.charge_for_mm(e, cpu, mm, pages)?;
        self.set_pte(e, mm, folio);
        Ok((folio, memcg))
    }

    /// The same for a caller that only holds on to the mm: khugepaged, which charges a page before it looks whether anybody
    /// uses the mm still.
    ///
    /// # Errors
    /// As of [`Machine::mm_charge`], and [`Errno::NoEnt`] if nobody uses the mm: the page is free again.
    pub fn collapse_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        mm: MmRef,
        pages: Pages,
    ) -> Result<(FolioRef, MemcgRef), Errno> {
        let (folio, memcg) = self.charge_for_mm(e, cpu, mm, pages)?;
        // The page tables stay while this holds.
        if !self.mm(e, mm).users.inc_not_zero(e) {
            e.mark(Mark::ChargedAfterExit);
            self.mem_cgroup_uncharge(e, cpu, folio);
            return Err(Errno::NoEnt);
        }
        self.set_pte(e, mm, folio);
        self.mmput(e, mm);
        Ok((folio, memcg))
    }

    fn charge_for_mm<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        mm: MmRef,
        pages: Pages,
    ) -> Result<(FolioRef, MemcgRef), Errno> {
        let memcg = self.get_mem_cgroup_from_mm(e, cpu.id, mm);
        e.mark(Mark::MmCharged);
        let charged = self.mem_cgroup_charge(e, cpu, memcg, pages, false);
        self.css_put(e, memcg);
        Ok((charged?, memcg))
    }

    /// Where the pointer of an mm leads, whether or not that group is online. The caller is in a read section.
    fn memcg_of_mm<E: Env>(&self, e: &E, mm: MmRef) -> Option<MemcgRef> {
        match self.mm_design(e) {
            MmDesign::Owner | MmDesign::OwnerRepaired => self.memcg_of_owner(e, mm),
            MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected => {
                Handle::from_word(self.mm(e, mm).memcg.load(e))
            }
        }
    }

    /// Count an event of an mm in the group that it charges (`count_memcg_event_mm`), which is the answer. Nobody looks
    /// for an ancestor if that has been removed; without a group nothing is counted.
    pub fn count_memcg_event_mm<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        mm: MmRef,
        event: Stat,
    ) -> Option<MemcgRef> {
        let _section = self.rcu_read_lock(e, cpu.id);
        let memcg = self.memcg_of_mm(e, mm)?;
        if e.fault(Fault::M3) && !self.is_online(e, memcg) {
            return None;
        }
        self.stat_add(e, memcg, cpu.id, event, if e.fault(Fault::M4) { 2 } else { 1 });
        e.mark(Mark::MmEventCounted);
        Some(memcg)
    }

    /// A task opens a socket, and is charged for its buffers (`mem_cgroup_sk_alloc`): its own group, whatever its mm
    /// charges. They stay there when the task migrates. The caller is the task.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the buffers cannot be allocated or do not fit.
    pub fn socket_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        task: Handle<Task>,
        pages: Pages,
    ) -> Result<(FolioRef, MemcgRef), Errno> {
        let payer = match self.mm_of_task(e, task) {
            Some(mm) if e.fault(Fault::M5) => self.get_mem_cgroup_from_mm(e, cpu.id, mm),
            _ if e.fault(Fault::N6) => {
                let memcg = self.task_css(e, task);
                self.css_get(e, memcg);
                memcg
            }
            // The group cannot be removed while the task runs in it, but somebody else may migrate the task.
            _ => self.task_get_css(e, cpu.id, task),
        };
        e.mark(Mark::SocketCharged);
        let charged = self.mem_cgroup_charge(e, cpu, payer, pages, false);
        self.css_put(e, payer);
        Ok((charged?, payer))
    }

    /// Whether the group that an mm charges is `root` or below it.
    pub fn mm_match_cgroup<E: Env>(&self, e: &E, cpu: &mut Cpu, mm: MmRef, root: MemcgRef) -> bool {
        let _section = self.rcu_read_lock(e, cpu.id);
        let memcg = self.memcg_of_mm(e, mm);
        e.mark(Mark::MmMatched);
        memcg.is_some_and(|memcg| self.is_descendant(e, memcg, root))
    }

    /// Whether a task is in the middle of a fork: it is in no group yet.
    pub fn is_embryo(&self, task: Handle<Task>) -> bool {
        self.task_view(task).is_some_and(|view| view.memcg.is_none())
    }
}
