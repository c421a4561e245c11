//! cgroup v1: memory and swap are counted together, and a swap slot takes over the charge of the page.
//!
//! A page that is swapped out leaves the memory counter and stays in that of memory+swap, which is from then on the
//! slot's: for a page of shmem that is when it leaves the swap cache, and so its memory. A page that comes in is charged
//! to both counters like any other, and only then the slot's charge goes back: for a moment the page counts twice, and a
//! group at its limit of memory+swap cannot swap in (the swap-in of Linux to 5.7 commits after it has charged;
//! `mem_cgroup_swapin_uncharge_swap` since 5.12).

use super::{FolioRef, SwapEntry};
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark, Oops};
use crate::substrate::page_counter::Which;
use crate::substrate::units::Pages;

impl Machine {
    /// Free the folio and record who pays for its entry. The group that pays is returned: the first whose id is alive. If
    /// that is not the folio's own, the charge to memory+swap is transferred to it, whatever its limit. Once the folio is
    /// uncharged, under its lock, nobody moves it to another group.
    pub(super) fn memsw_swapout<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        folio: FolioRef,
        entry: SwapEntry,
    ) -> MemcgRef {
        let memcg = self.memsw_uncharge(e, cpu, folio, entry);
        self.page_put(e, folio);
        memcg
    }

    fn memsw_uncharge<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef, entry: SwapEntry) -> MemcgRef {
        let owner = self.uncharge_page(e, cpu.id, self.folios.get(e, folio));
        let memcg = self.record_swapout(e, owner, entry);
        if owner != self.root {
            self.memsw_transfer(e, owner, memcg, entry.pages());
        }
        self.css_put(e, owner);
        memcg
    }

    /// A page of shmem leaves the swap cache while an index entry leads to its slots: they take over its charge, and
    /// it is charged no more. The caller has the page lock. A page that was read and never charged has nothing to hand
    /// over: its slots are recorded as they were.
    pub(crate) fn memsw_swapout_cached<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef, entry: SwapEntry) {
        if self.page_memcg(e, folio).is_none() {
            e.mark(Mark::SwappedOutUncharged);
            if e.fault(Fault::B71) {
                let id = self.slots[entry.first()].record.load(e);
                if let Some(memcg) = self.memcg_from_id(e, id) {
                    self.id_get_many(e, memcg, entry.pages().0);
                    self.swap_cgroup_record(e, entry, id);
                }
            }
            return;
        }
        e.mark(Mark::SwapCacheTransferred);
        self.memsw_uncharge(e, cpu, folio, entry);
    }

    /// Record the first group, from `owner` upwards, whose id is alive.
    fn record_swapout<E: Env>(&self, e: &E, owner: MemcgRef, entry: SwapEntry) -> MemcgRef {
        let memcg = self.id_get_online(e, owner);
        let pages = entry.pages();
        if pages.0 > 1 {
            self.id_get_many(e, memcg, pages.0 - 1);
        }
        self.swap_cgroup_record(e, entry, self.memcgs.get(e, memcg).id.load(e));
        e.mark(Mark::MemswTransferred);
        memcg
    }

    /// Record an id for slots that are recorded to nobody.
    fn swap_cgroup_record<E: Env>(&self, e: &E, entry: SwapEntry, id: i64) {
        for slot in self.slots_of(entry) {
            let record = &self.slots[slot].record;
            if record.swap(e, id) != 0 {
                e.oops(Oops::RecordedTwice(record.label()));
            }
        }
    }

    /// Slots recorded to `memcg` take over what a page has charged `owner`.
    fn memsw_transfer<E: Env>(&self, e: &E, owner: MemcgRef, memcg: MemcgRef, pages: Pages) {
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
    }

    /// The folio of an entry has been charged: the entry's own charge goes back, though the slot may live on.
    pub(crate) fn memsw_swapin<E: Env>(&self, e: &E, entry: SwapEntry) {
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
