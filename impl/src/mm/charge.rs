//! Who asks which group an mm charges: charges, and reclaim that looks only at some groups' mms.

use super::{MmRef, Task};
use crate::MmDesign;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;

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
        let memcg = self.get_mem_cgroup_from_mm(e, cpu.id, mm);
        e.mark(Mark::MmCharged);
        let charged = self.mem_cgroup_charge(e, cpu, memcg, pages, false);
        self.css_put(e, memcg);
        Ok((charged?, memcg))
    }

    /// Whether the group that an mm charges is `root` or below it.
    pub fn mm_match_cgroup<E: Env>(&self, e: &E, cpu: &mut Cpu, mm: MmRef, root: MemcgRef) -> bool {
        let _section = self.rcu_read_lock(e, cpu.id);
        let memcg = match self.mm_design(e) {
            MmDesign::Owner | MmDesign::OwnerRepaired => self.memcg_of_owner(e, mm),
            MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected => {
                Handle::from_word(self.mm(e, mm).memcg.load(e))
            }
        };
        e.mark(Mark::MmMatched);
        memcg.is_some_and(|memcg| self.is_descendant(e, memcg, root))
    }

    /// Whether a task is in the middle of a fork: it is in no group yet.
    pub fn is_embryo(&self, task: Handle<Task>) -> bool {
        self.task_view(task).is_some_and(|view| view.memcg.is_none())
    }
}
