//! Writing pages, and their way out to swap.

use super::entry::{FileRef, IndexView};
use super::swap_cache::{COUNT, DIRTY, HAS_CACHE, WRITEBACK};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark};
use crate::substrate::units::Errno;
use crate::swap::FolioRef;

impl Machine {
    pub(super) fn set_dirty<E: Env>(&self, e: &E, folio: FolioRef) {
        self.change_flags(e, folio, 0, DIRTY);
    }

    pub(super) fn change_flags<E: Env>(&self, e: &E, folio: FolioRef, clear: i64, set: i64) {
        let flags = &self.folios.get(e, folio).flags;
        loop {
            let now = flags.load(e);
            if flags.replace(e, now, now & !clear | set) {
                return;
            }
        }
    }

    /// The page that a file has: in its index, or in the swap cache for its swap entry. A reference goes with it.
    fn page_of_file<E: Env>(&self, e: &E, cpu: &Cpu, file: FileRef) -> Option<FolioRef> {
        match self.index_load(e, file) {
            IndexView::Empty => None,
            IndexView::Swap(slot) => self.lookup_swap_cache(e, cpu, slot),
            IndexView::Page(folio) => self.get_page_unless_zero(e, cpu, folio).then_some(folio),
        }
    }

    /// Write to a page through a mapping, or through a reference that a driver took before the page was swapped out.
    /// Whether there is a page to write to.
    pub fn shmem_write<E: Env>(&self, e: &E, cpu: &Cpu, file: FileRef, version: i64) -> bool {
        let Some(folio) = self.page_of_file(e, cpu, file) else { return false };
        if self.folios.get(e, folio).swap.load(e) != 0 {
            e.mark(Mark::SwapCacheRedirtied);
        }
        self.folios.get(e, folio).content.store(e, version);
        self.set_dirty(e, folio);
        self.put_page(e, cpu, folio);
        true
    }

    /// Swap a page of a file out: as many slots are charged as the page has pages, to the group that is returned; the
    /// page goes into the swap cache, where it stays charged, and its writeback begins. The first of its slots is
    /// returned too. In v1 nobody is charged for them while the page is.
    ///
    /// # Errors
    /// [`Errno::Busy`] if somebody has the page locked; [`Errno::NoSpace`] if not enough slots are left;
    /// [`Errno::NoMem`] if a swap limit is met or the swap cache cannot be extended. The page stays as it was.
    pub fn shmem_writepage<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        file: FileRef,
    ) -> Result<(usize, Option<MemcgRef>), Errno> {
        let IndexView::Page(folio) = self.index_load(e, file) else { return Err(Errno::Busy) };
        if !self.get_page_unless_zero(e, cpu, folio) {
            return Err(Errno::Busy);
        }
        if e.failing(Failing::Trylock) || !self.trylock_page(e, folio) {
            self.put_page(e, cpu, folio);
            return Err(Errno::Busy);
        }
        let result = if self.index_load(e, file) == IndexView::Page(folio) {
            self.add_to_swap(e, cpu, file, folio)
        } else {
            Err(Errno::Busy)
        };
        self.unlock_page(e, folio);
        self.put_page(e, cpu, folio);
        result
    }

    fn add_to_swap<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        file: FileRef,
        folio: FolioRef,
    ) -> Result<(usize, Option<MemcgRef>), Errno> {
        let node = self.folios.get(e, folio);
        let (entry, memcg) = self.get_swap_page(e, folio)?;
        if e.failing(Failing::Insert) {
            e.mark(Mark::SwapCacheInsertFailed);
            self.swap_put(e, entry);
            return Err(Errno::NoMem);
        }
        let slot = entry.first();
        // What is written after the page has become clean makes it dirty again, and is not lost.
        self.change_flags(e, folio, DIRTY, WRITEBACK);
        self.slots[slot].content.store(e, node.content.load(e));
        self.slots[slot].map.store(e, COUNT | HAS_CACHE);
        self.add_to_swap_cache(e, folio, slot);
        // The page lock keeps everybody else from changing an index entry that is a page.
        self.index_replace(e, file, IndexView::Page(folio), IndexView::Swap(slot));
        self.put_page(e, cpu, folio);
        e.mark(Mark::ShmemSwappedOut);
        Ok((slot, memcg))
    }

    /// The writeback of a file's page ends.
    pub fn shmem_written<E: Env>(&self, e: &E, cpu: &Cpu, file: FileRef) {
        if let Some(folio) = self.page_of_file(e, cpu, file) {
            self.end_writeback(e, folio);
            self.put_page(e, cpu, folio);
        }
    }

    /// The swap device frees its copy of a page that has just been read, as it expects that the page will be written
    /// again before its memory is: what zram does. The swap cache has the only copy from now on, and it is dirty.
    pub fn swap_slot_free_notify<E: Env>(&self, e: &E, cpu: &Cpu, file: FileRef) {
        let IndexView::Swap(slot) = self.index_load(e, file) else { return };
        if let Some(folio) = self.lookup_swap_cache(e, cpu, slot) {
            self.set_dirty(e, folio);
            self.slots[slot].content.store(e, 0);
            e.mark(Mark::SlotCopyFreed);
            self.put_page(e, cpu, folio);
        }
    }
}
