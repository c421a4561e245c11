//! What an operation on files does one thing after the other, where other operations come between.
//!
//! In a sequence of whole operations nothing of this shows. Each part is one that everybody else sees at once: the page of
//! a fault is in the swap cache before it is charged; a hole is in the index before its slots are given back, and they
//! are given back before the swap cache is cleared; the swap cache is reclaimed page by page.

use super::{Entry, Model, ShmemCharge};
use crate::{CpuId, Errno, Failure, FileId, GroupId, Outcome, ShmemStage};

/// What is left of a punch once nothing leads to the slots any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PunchLeft {
    /// Nothing.
    Nothing,
    /// The swap cache has a page for them, which can be taken out.
    Cached,
    /// It has one that is locked, or being written.
    Held,
}

/// Reads.
impl Model {
    /// The fault that a CPU is in the middle of reads its page: it is in the swap cache from now on, locked and not
    /// charged. Who is to pay; `None` if it is there already, or is charged later, and so nothing has changed.
    pub fn shmem_read_begins(&mut self, cpu: CpuId) -> Option<GroupId> {
        let (number, faulter) = self.fault_reads(cpu)?;
        let swap = self.shmem.swap(number)?;
        if swap.cached.is_some() || self.shmem.rule.charge != ShmemCharge::AtSwapCache {
            return None;
        }
        let payer = self.shmem_payer(number, faulter);
        let page = self.cached_page(number)?;
        self.shmem.page_mut(page)?.locked = true;
        Some(payer)
    }

    /// The read has ended: the page is charged, or could not be and is gone.
    pub fn shmem_read_ends(&mut self, cpu: CpuId, payer: Option<GroupId>) {
        let Some((number, _)) = self.fault_reads(cpu) else { return };
        let page = self.shmem.swap(number).and_then(|swap| swap.cached);
        if let Some(page) = page.and_then(|page| self.shmem.page_mut(page)) {
            page.locked = false;
        }
        let answer = match payer {
            Some(payer) => Outcome::To(payer),
            None => {
                self.uncache(number);
                Outcome::Refused(Errno::NoMem)
            }
        };
        self.staged(cpu, ShmemStage::Read, None, answer);
    }
}

/// Holes, reclaim and writes.
impl Model {
    /// The index entry of a file is emptied. The first of the slots that it led to, which are still to be given back.
    pub fn shmem_hole(&mut self, file: FileId) -> Option<u32> {
        let Entry::Swap(number) = self.shmem.entry(file) else { return None };
        self.shmem.set_entry(file, Entry::Hole);
        if let Some(file) = self.shmem.files.get_mut(file.index()) {
            file.version = 0;
        }
        Some(number)
    }

    /// Nothing leads to some slots any more.
    pub fn shmem_unreference(&mut self, number: u32) -> PunchLeft {
        self.unreference(number);
        self.punch_left(number)
    }

    /// What the swap cache has for slots that nothing leads to.
    pub fn punch_left(&self, number: u32) -> PunchLeft {
        let page = self.shmem.swap(number).filter(|swap| !swap.referenced).and_then(|swap| swap.cached);
        match page.and_then(|page| self.shmem.page(page)) {
            None => PunchLeft::Nothing,
            Some(page) if page.locked || page.writeback => PunchLeft::Held,
            Some(_) => PunchLeft::Cached,
        }
    }

    /// A page that can be reclaimed is taken out of the swap cache.
    pub fn shmem_reclaim(&mut self, number: u32) {
        self.reclaim_cached(number);
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
