//! Holes, and those who look for pages that a hole has left behind.

use super::entry::{FileRef, IndexView, Locking};
use super::swap_cache::{COUNT, DIRTY, HAS_CACHE, WRITEBACK};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Label, Loop, Mark, What};
use crate::substrate::units::Errno;
use crate::swap::FolioRef;
use crate::{Fault, ShmemDesign};

/// What a hole has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punched {
    /// Nothing.
    Freed,
    /// A page in the swap cache, and its slots, with nothing that leads to them.
    Stranded,
}

impl Machine {
    /// Punch a hole: the index entry is emptied, and what it led to is freed. A page in the index is waited for; one in
    /// the swap cache is not, unless the design says so.
    pub fn shmem_punch<E: Env>(&self, e: &E, cpu: &Cpu, file: FileRef) -> Punched {
        loop {
            let entry = self.index_load(e, file);
            match entry {
                IndexView::Empty => return Punched::Freed,
                IndexView::Swap(slot) => {
                    if self.index_replace(e, file, entry, IndexView::Empty) {
                        return self.free_swap_and_cache(e, cpu, slot);
                    }
                }
                IndexView::Page(folio) => match self.find_lock_page(e, cpu, file, folio) {
                    Locking::Locked => {
                        self.index_replace(e, file, entry, IndexView::Empty);
                        self.put_page(e, cpu, folio);
                        self.unlock_page(e, folio);
                        self.put_page(e, cpu, folio);
                        return Punched::Freed;
                    }
                    Locking::Changed => {
                        self.unlock_page(e, folio);
                        self.put_page(e, cpu, folio);
                    }
                    Locking::Gone => {}
                    Locking::Stuck => return Punched::Freed,
                },
            }
            if !e.retry(Loop::ShmemFault, Label::new(What::ShmemEntry, file.0)) {
                return Punched::Freed;
            }
        }
    }

    /// One index entry less leads to a slot; if it was the last one, and the swap cache has a page, clear that too. As
    /// this may be called with other locks held, the page lock is only tried.
    fn free_swap_and_cache<E: Env>(&self, e: &E, cpu: &Cpu, slot: usize) -> Punched {
        let left = self.swap_count_sub(e, slot);
        if left != HAS_CACHE {
            return Punched::Freed;
        }
        let Some(folio) = self.lookup_swap_cache(e, cpu, slot) else {
            // Somebody has set the flag and not inserted the page yet: there is nothing that could be locked.
            e.mark(Mark::StrandedByRead);
            return Punched::Stranded;
        };
        let waits = self.config.design.shmem == ShmemDesign::PunchLocks;
        let locked = !e.failing(Failing::Trylock)
            && (self.trylock_page(e, folio) || waits && self.lock_page(e, folio));
        if !locked {
            e.mark(Mark::StrandedByLock);
            self.put_page(e, cpu, folio);
            return Punched::Stranded;
        }
        let punched =
            if self.try_to_free_swap(e, cpu, folio, slot) { Punched::Freed } else { Punched::Stranded };
        self.unlock_page(e, folio);
        self.put_page(e, cpu, folio);
        punched
    }

    /// Take a page that nothing leads to out of the swap cache, unless it is under writeback. The caller has its lock.
    /// Whether it is out.
    fn try_to_free_swap<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef, slot: usize) -> bool {
        if !self.is_swap_cache_of(e, folio, slot) {
            return true;
        }
        if self.folios.get(e, folio).flags.load(e) & WRITEBACK != 0 {
            e.mark(Mark::StrandedByWriteback);
            return false;
        }
        if self.slots[slot].map.load(e) >= COUNT {
            return true;
        }
        self.delete_from_swap_cache(e, cpu, folio);
        true
    }

    /// Reclaim the swap cache: each page that is not locked is waited for until it is written, written if it is dirty,
    /// and taken out, unless somebody has a reference to it. One that nothing leads to is taken out whoever has, and its
    /// slots are freed. The answer is the number of slots that were looked at, from the first.
    pub fn reclaim_swap_cache<E: Env>(&self, e: &E, cpu: &Cpu) -> usize {
        self.shrink_swap_cache(e, cpu, e.failing(Failing::Trylock))
    }

    fn shrink_swap_cache<E: Env>(&self, e: &E, cpu: &Cpu, all_are_locked: bool) -> usize {
        let used = self.slot_table.lock(e).high_water();
        for slot in 0..used {
            let Some(folio) = self.lookup_swap_cache(e, cpu, slot) else { continue };
            if !all_are_locked && self.trylock_page(e, folio) {
                if self.is_swap_cache_of(e, folio, slot) {
                    self.reclaim_page(e, cpu, folio, slot);
                }
                self.unlock_page(e, folio);
            }
            self.put_page(e, cpu, folio);
        }
        used
    }

    fn reclaim_page<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef, slot: usize) {
        self.end_writeback(e, folio);
        if self.slots[slot].map.load(e) < COUNT {
            let uncharged = self.page_memcg(e, folio).is_none();
            if e.fault(Fault::S23) || uncharged && e.fault(Fault::S24) {
                return;
            }
            e.mark(if uncharged { Mark::StaleUnchargedReclaimed } else { Mark::StaleReclaimed });
            self.change_flags(e, folio, DIRTY, 0);
            self.delete_from_swap_cache(e, cpu, folio);
            return;
        }
        let node = self.folios.get(e, folio);
        if node.flags.load(e) & DIRTY != 0 {
            self.change_flags(e, folio, DIRTY, 0);
            self.slots[slot].content.store(e, node.content.load(e));
        }
        // Whoever has a reference may write to the page, so with one of others it stays. With none left nobody gets one.
        if !node.page.refs.replace(e, 2, 0) {
            e.mark(Mark::ReclaimFoundReference);
            return;
        }
        // What was written before the references were gone is not in the slot.
        if node.flags.load(e) & DIRTY != 0 {
            node.page.refs.store(e, 2);
            return;
        }
        if self.do_memsw_account() {
            self.memsw_swapout_cached(e, cpu, folio, self.entry_at(e, slot));
        }
        e.mark(Mark::SwapCacheReclaimed);
        self.delete_frozen_from_swap_cache(e, folio);
    }

    /// Take the swap device out of use, as far as shmem is concerned: each swap entry is swapped in, by a task of a group
    /// that the caller knows to be online; then stale pages are reclaimed.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if a page cannot be had or charged: those of the files before it have been swapped in.
    pub fn shmem_unuse<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        files: usize,
        faulter: MemcgRef,
    ) -> Result<(), Errno> {
        for file in (0..files).map(FileRef) {
            if matches!(self.index_load(e, file), IndexView::Swap(_)) {
                self.shmem_fault(e, cpu, file, faulter, false)?;
            }
        }
        self.shrink_swap_cache(e, cpu, false);
        e.mark(Mark::SwappedOff);
        Ok(())
    }
}
