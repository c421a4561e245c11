//! What an operation on files does one thing after the other, where other operations come between.
//!
//! In a sequence of whole operations nothing of this shows. Each part is one that everybody else sees at once: a page is held and
//! locked before anything is done with it, and let go afterwards; whoever reads a page says so before it is charged, and
//! it is charged before it is in the swap cache; a hole is in the index before its slots are given back, and they are
//! given back before the swap cache is cleared.

use super::{Entry, Model, PageNo, ShmemCharge};
use crate::{CpuId, Errno, Failure, FileId, GroupId, Outcome, Pages, ShmemStage};

/// A page of shmem that an operation in the middle of something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShmemPage(PageNo);

/// What an index entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShmemIndex {
    /// A hole.
    Hole,
    /// Swapped out, to the slots of this number.
    Swap(u32),
    /// A page.
    Page(ShmemPage),
}

/// Pages.
impl Model {
    /// What the index of a file has.
    pub fn shmem_index(&self, file: FileId) -> ShmemIndex {
        match self.shmem.entry(file) {
            Entry::Hole => ShmemIndex::Hole,
            Entry::Swap(number) => ShmemIndex::Swap(number),
            Entry::Page(page) => ShmemIndex::Page(ShmemPage(page)),
        }
    }

    /// The page that the swap cache has for some slots.
    pub fn shmem_cached(&self, number: u32) -> Option<ShmemPage> {
        self.shmem.swap(number)?.cached.map(ShmemPage)
    }

    /// Numbers of all slots that are in use.
    pub fn shmem_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.shmem.swaps.iter().map(|(number, _)| *number)
    }

    /// Take a reference to a page.
    pub fn shmem_get(&mut self, page: ShmemPage) {
        self.hold_page(page.0);
    }

    /// Put a reference to a page.
    pub fn shmem_put(&mut self, page: ShmemPage) {
        self.put(page.0);
    }

    /// Take the lock of a page, if nobody has it.
    pub fn shmem_trylock(&mut self, page: ShmemPage) -> bool {
        self.shmem.page_mut(page.0).is_some_and(|page| !std::mem::replace(&mut page.locked, true))
    }

    /// Give the lock of a page back.
    pub fn shmem_unlock(&mut self, page: ShmemPage) {
        if let Some(page) = self.shmem.page_mut(page.0) {
            page.locked = false;
        }
    }

    /// Whether a hole punch waits for the lock of a page of the swap cache.
    pub fn shmem_punch_waits(&self) -> bool {
        self.shmem.rule.punch_waits
    }

    /// How large a page is.
    pub fn shmem_size(&self, page: ShmemPage) -> Pages {
        self.shmem.page(page.0).map_or(Pages(0), |page| page.pages)
    }
}

/// Faults.
impl Model {
    /// The fault that a CPU is in the middle of reads its page from now on, and others wait for it. `false` if there is
    /// nothing to read: the page is there, or being read, or nothing leads to the slots any more.
    pub fn shmem_read_begins(&mut self, cpu: CpuId) -> bool {
        let swap = self.fault_reads(cpu).and_then(|(number, _)| self.shmem.swap_mut(number));
        let Some(swap) = swap.filter(|swap| swap.referenced && swap.cached.is_none() && !swap.reading) else {
            return false;
        };
        swap.reading = true;
        true
    }

    /// Whom the page that a fault reads is charged to, if it is charged as it is read.
    pub fn shmem_read_payer(&self, cpu: CpuId) -> Option<GroupId> {
        let (number, faulter) = self.fault_reads(cpu)?;
        (self.shmem.rule.charge == ShmemCharge::AtSwapCache).then(|| self.shmem_payer(number, faulter))
    }

    /// The read has ended well, and with it the stage: the page is in the swap cache, charged to `payer`. Or it has
    /// failed.
    pub fn shmem_read_ends(&mut self, cpu: CpuId, payer: Result<Option<GroupId>, Errno>) {
        let Some((number, _)) = self.fault_reads(cpu) else { return };
        let answer = match payer {
            Ok(Some(payer)) => Outcome::To(payer),
            Ok(None) => Outcome::Done,
            Err(errno) => Outcome::Refused(errno),
        };
        self.staged(cpu, ShmemStage::Read, None, answer);
        if let Some(swap) = self.shmem.swap_mut(number) {
            swap.reading = false;
        }
        self.free_unused(number);
    }

    /// Whether a fault that reads finds its page in the swap cache, and whether anything leads to the slots.
    pub fn shmem_read_finds(&self, cpu: CpuId) -> (bool, bool) {
        let swap = self.fault_reads(cpu).and_then(|(number, _)| self.shmem.swap(number));
        (swap.is_some_and(|swap| swap.cached.is_some()), swap.is_some_and(|swap| swap.referenced))
    }

    /// A page that could not be inserted is taken out of the swap cache, where designs do that.
    pub fn shmem_uninserted(&mut self, cpu: CpuId) {
        let Some((Some(number), page)) = self.fault_holds(cpu) else { return };
        let has = self.shmem.swap(number).is_some_and(|swap| swap.cached.is_some() && swap.cached == page);
        if has && self.shmem.rule.charge != ShmemCharge::AtSwapCache {
            self.uncache(number);
        }
    }

    /// The fault of a CPU has inserted a page that came from swap: that leaves the swap cache. The slots are still to be
    /// given back. `None` if it did not come from swap.
    pub fn shmem_leaves_swap_cache(&mut self, cpu: CpuId) -> Option<u32> {
        let (number, page) = self.fault_inserted(cpu)?;
        self.uncache(number);
        if let Some(page) = self.shmem.page_mut(page) {
            page.fresh = false;
        }
        Some(number)
    }

    /// The fault of a CPU has got so far that others can lock its page.
    pub fn shmem_fault_unlocks(&mut self, cpu: CpuId) {
        if let Some(page) = self.fault_unlocked(cpu) {
            self.shmem_unlock(ShmemPage(page));
        }
    }
}

/// Holes, reclaim and writes.
impl Model {
    /// The index entry of a file is emptied. The first of the slots that it led to, which are still to be given back.
    pub fn shmem_hole(&mut self, file: FileId) -> Option<u32> {
        let entry = self.shmem.entry(file);
        if let Some(file) = self.shmem.files.get_mut(file.index()) {
            (file.entry, file.version) = (Entry::Hole, 0);
        }
        match entry {
            Entry::Hole => None,
            Entry::Swap(number) => Some(number),
            Entry::Page(page) => {
                self.put(page);
                None
            }
        }
    }

    /// Nothing leads to some slots any more. Whether the swap cache keeps them: it has a page for them, or will have.
    pub fn shmem_unreference(&mut self, number: u32) -> bool {
        self.unreference(number);
        self.shmem.swap(number).is_some_and(|swap| swap.cached.is_some() || swap.reading)
    }

    /// Whoever has a page of the swap cache locked takes it out, if nothing leads to its slots. `false` if it is being
    /// written, and stays.
    pub fn shmem_free_swap(&mut self, number: u32, page: ShmemPage) -> bool {
        let unused = self.shmem.swap(number).filter(|swap| swap.cached == Some(page.0));
        match unused.map(|swap| swap.referenced) {
            None => true,
            Some(referenced) => {
                let stays = self.shmem.page(page.0).is_some_and(|page| page.writeback);
                if !stays && !referenced {
                    self.uncache(number);
                }
                !stays
            }
        }
    }

    /// Whoever has a page of the swap cache locked writes it. Whether anything leads to its slots.
    pub fn shmem_write_out(&mut self, number: u32, page: ShmemPage) -> bool {
        let Some(found) = self.shmem.page_mut(page.0) else { return false };
        let written = found.dirty.then_some(found.version);
        (found.dirty, found.writeback) = (false, false);
        let Some(swap) = self.shmem.swap_mut(number) else { return false };
        if swap.referenced {
            swap.version = written.unwrap_or(swap.version);
        }
        swap.referenced
    }

    /// Whoever has a page of the swap cache locked, and a reference to it, takes it out. If anything led to its slots
    /// when it was written, it stays with whoever else has a reference.
    pub fn shmem_take_out(&mut self, number: u32, page: ShmemPage, referenced: bool) {
        let others = self.shmem.page(page.0).is_some_and(|page| page.holders > 2);
        if !(referenced && others) {
            self.take_over(number);
            self.uncache(number);
        }
    }

    /// The version that has just been written to a file: where writes overlap they are not numbered in their order.
    pub fn shmem_wrote(&mut self, file: FileId, version: u32) {
        let page = self.shmem.page_of(file);
        if let Some(file) = self.shmem.files.get_mut(file.index()) {
            file.version = version;
        }
        if let Some(page) = page.and_then(|page| self.shmem.page_mut(page)) {
            page.version = version;
        }
    }
}

/// Charges that are refused.
impl Model {
    /// A whole fault that was refused: where a page is charged after it was read, it stays in the swap cache.
    pub(super) fn fault_refused(&mut self, file: FileId, fail: Option<Failure>) {
        let Entry::Swap(number) = self.shmem.entry(file) else { return };
        let is_read =
            self.shmem.page_of(file).is_some() || !matches!(fail, Some(Failure::Alloc | Failure::Insert));
        if self.shmem.rule.charge == ShmemCharge::AtSwapCache || !is_read {
            return;
        }
        if let Some(page) = self.cached_page(number).and_then(|page| self.shmem.page_mut(page)) {
            page.writeback = false;
        }
        self.charge_refused(number);
    }

    /// The page of some slots could not be charged.
    pub(super) fn charge_refused(&mut self, number: u32) {
        if self.shmem.rule.charge == ShmemCharge::AtChargeOrDropped {
            self.uncache(number);
        }
    }
}
