//! cgroup v1: memory and swap are counted together, and a swap slot takes over the charge of the page.
//!
//! A page that is swapped out leaves the memory counter and stays in that of memory+swap, which is from then on the
//! slot's. A page that comes in is charged to both counters like any other, and only then the slot's charge goes
//! back: for a moment the page counts twice, and a group at its limit of memory+swap cannot swap in (the swap-in of
//! Linux to 5.7 commits after it has charged; `mem_cgroup_swapin_uncharge_swap` since 5.12).

use super::{FolioRef, SwapEntry};
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::page_counter::Which;

impl Machine {
    /// Record who pays for an entry and free the folio. The group that pays is returned: the first whose id is
    /// alive. If that is not the folio's own, the charge to memory+swap is transferred to it, whatever its limit.
    pub(super) fn memsw_swapout<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        folio: FolioRef,
        entry: SwapEntry,
    ) -> MemcgRef {
        let node = self.folios.get(e, folio);
        let owner = node.group(node.memcg.load(e));
        let memcg = self.id_get_online(e, owner);
        let pages = entry.pages();
        if pages.0 > 1 {
            self.id_get_many(e, memcg, pages.0 - 1);
        }
        self.record(e, entry, self.memcgs.get(e, memcg).id.load(e));
        e.mark(Mark::MemswTransferred);
        self.release_folio(e, cpu, folio, |owner, pages| {
            self.counter_uncharge(e, owner, Which::Memory, pages);
            if e.fault(Fault::V3) {
                self.counter_uncharge(e, owner, Which::Memsw, pages);
            }
            if memcg == owner {
                if !self.is_online(e, memcg) {
                    e.mark(Mark::SwapToRemovedOwner);
                }
                return;
            }
            e.mark(Mark::SwapToAncestor);
            e.mark(Mark::MemswToAncestor);
            if memcg != self.root && !e.fault(Fault::V7) {
                self.counter_charge(e, memcg, Which::Memsw, pages);
            }
            self.counter_uncharge(e, owner, Which::Memsw, pages);
        });
        memcg
    }

    /// The folio of an entry has been charged: the entry's own charge goes back, though the slot may live on.
    pub(super) fn memsw_swapin<E: Env>(&self, e: &E, entry: SwapEntry) {
        e.mark(Mark::MemswTakenBack);
        if e.fault(Fault::V4) {
            let id = self.slots[entry.first()].record.load(e);
            if let Some(memcg) = self.memcg_from_id(e, id).filter(|&memcg| memcg != self.root) {
                self.counter_uncharge(e, memcg, Which::Memsw, entry.pages());
            }
            return;
        }
        self.mem_cgroup_uncharge_swap(e, entry);
    }
}
