//! The stages of a fault: of one that finds a swap entry, and of one that finds a hole.

use super::entry::{FileRef, IndexView, Locking};
use super::swap_cache::{DIRTY, Found, WRITEBACK};
use crate::charge::HUGE_PAGE;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Loop, Mark};
use crate::substrate::units::{Errno, Pages};
use crate::swap::FolioRef;
use crate::{Fault, Label, ShmemDesign, What};

/// The stages that follow a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShmemStage {
    /// Find the page in the swap cache, or read it into it.
    Read,
    /// Lock it.
    Lock,
    /// Confirm that page and index entry belong together, and wait for writeback.
    Confirm,
    /// Charge it; where there was a hole, allocate it first.
    Charge,
    /// Put it into the index.
    Insert,
    /// End the fault, well or not.
    Finish,
}

/// A fault under way. Whoever has it is in the middle of it, and may have a reference to a page, its lock, and a charge
/// that is not committed.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub struct ShmemFault {
    file: FileRef,
    faulter: MemcgRef,
    /// The first slot of the swap entry that was found; `None` for a hole.
    slot: Option<usize>,
    huge: bool,
    folio: Option<FolioRef>,
    locked: bool,
    tried: Option<MemcgRef>,
    error: Option<Errno>,
    next: ShmemStage,
}

/// What a lookup found.
#[derive(Clone, Copy, Debug)]
pub enum Lookup {
    /// A page, with this content. The fault is over.
    Page(i64),
    /// Something else: the fault goes on.
    Open(ShmemFault),
}

/// What the charge stage did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// The page is, or was already, charged to this group.
    To(MemcgRef),
    /// A small page is charged instead of a huge one.
    Small,
}

impl ShmemFault {
    /// The stage that comes next.
    pub fn next(&self) -> ShmemStage {
        self.next
    }

    /// The group of the task that faults.
    pub fn faulter(&self) -> MemcgRef {
        self.faulter
    }

    /// The page, once there is one.
    pub fn folio(&self) -> Option<FolioRef> {
        self.folio
    }

    fn fail(&mut self, errno: Errno) -> Errno {
        self.error = Some(errno);
        self.next = ShmemStage::Finish;
        errno
    }

    /// The page of a stage that has one.
    fn page(&self) -> FolioRef {
        self.folio.expect("stages after the read have a page")
    }
}

impl Machine {
    /// First stage: what the index has. The caller knows that `faulter` is online, and keeps it so.
    ///
    /// # Errors
    /// [`Errno::NoMem`] only where a lock is never given back, which the environment has been told of.
    pub fn shmem_lookup<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        file: FileRef,
        faulter: MemcgRef,
        huge: bool,
    ) -> Result<Lookup, Errno> {
        let slot = loop {
            match self.index_load(e, file) {
                IndexView::Empty => break None,
                IndexView::Swap(slot) => break Some(slot),
                IndexView::Page(folio) => {
                    let found = self.find_lock_page(e, cpu, file, folio);
                    match found {
                        Locking::Locked | Locking::Changed => {
                            let content = self.folios.get(e, folio).content.load(e);
                            self.unlock_page(e, folio);
                            self.put_page(e, cpu, folio);
                            if found == Locking::Locked {
                                return Ok(Lookup::Page(content));
                            }
                        }
                        Locking::Gone => {}
                        Locking::Stuck => return Err(Errno::NoMem),
                    }
                }
            }
            if !e.retry(Loop::ShmemFault, Label::new(What::ShmemEntry, file.0)) {
                return Err(Errno::NoMem);
            }
        };
        let next = if slot.is_some() { ShmemStage::Read } else { ShmemStage::Charge };
        let (folio, locked, tried, error) = (None, false, None, None);
        Ok(Lookup::Open(ShmemFault { file, faulter, slot, huge, folio, locked, tried, error, next }))
    }

    /// Find or read the page of the swap entry. The group that has been charged for it, if it has been.
    ///
    /// # Errors
    /// [`Errno::Exist`] if the slot has been freed since the lookup, [`Errno::NoMem`] if the page cannot be had.
    pub fn shmem_read<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        fault: &mut ShmemFault,
    ) -> Result<Option<MemcgRef>, Errno> {
        let slot = fault.slot.expect("only a swap entry is read");
        match self.read_swap_cache(e, cpu, slot, fault.faulter) {
            Ok(found) => {
                let (Found::Cached(folio) | Found::Read(folio)) = found;
                fault.folio = Some(folio);
                fault.next = ShmemStage::Lock;
                let is_new = matches!(found, Found::Read(_));
                Ok(if is_new { self.page_memcg(e, folio) } else { None })
            }
            Err(Errno::NoEnt) => {
                e.mark(Mark::SlotGoneBeforeRead);
                Err(fault.fail(Errno::Exist))
            }
            Err(_) => Err(fault.fail(Errno::NoMem)),
        }
    }

    /// Wait for the page lock.
    ///
    /// # Errors
    /// [`Errno::NoMem`] only where it is never given back.
    pub fn shmem_lock<E: Env>(&self, e: &E, fault: &mut ShmemFault) -> Result<(), Errno> {
        if !self.lock_page(e, fault.page()) {
            return Err(fault.fail(Errno::NoMem));
        }
        fault.locked = true;
        fault.next = ShmemStage::Confirm;
        Ok(())
    }

    /// Confirm, under the page lock, that the page is still the swap cache's for the slot and the index entry still
    /// leads there; then wait for writeback.
    ///
    /// # Errors
    /// [`Errno::Exist`] if not.
    pub fn shmem_confirm<E: Env>(&self, e: &E, fault: &mut ShmemFault) -> Result<(), Errno> {
        let slot = fault.slot.expect("only a swap entry is confirmed");
        let folio = fault.page();
        let confirmed = self.is_swap_cache_of(e, folio, slot) && self.shmem_confirm_swap(e, fault.file, slot);
        if !confirmed {
            e.mark(Mark::SwapNotConfirmed);
            return Err(fault.fail(Errno::Exist));
        }
        if self.end_writeback(e, folio) {
            e.mark(Mark::WaitedForWriteback);
        }
        fault.next = ShmemStage::Charge;
        Ok(())
    }

    fn shmem_confirm_swap<E: Env>(&self, e: &E, file: FileRef, slot: usize) -> bool {
        self.index_load(e, file) == IndexView::Swap(slot)
    }

    /// The writeback of a page ends. Whether there was one.
    pub(super) fn end_writeback<E: Env>(&self, e: &E, folio: FolioRef) -> bool {
        let flags = &self.folios.get(e, folio).flags;
        loop {
            let now = flags.load(e);
            if now & WRITEBACK == 0 {
                return false;
            }
            if flags.replace(e, now, now & !WRITEBACK) {
                return true;
            }
        }
    }

    /// Charge the page; where there was a hole, allocate it first, huge if that is asked for and fits.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if it cannot be had, or does not fit.
    pub fn shmem_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        fault: &mut ShmemFault,
    ) -> Result<Charged, Errno> {
        let charged = match fault.slot {
            None => self.charge_new_page(e, cpu, fault),
            Some(slot) => self.charge_swap_page(e, cpu, fault, slot),
        };
        match charged {
            Ok(charged) => {
                fault.next = ShmemStage::Insert;
                Ok(charged)
            }
            Err(errno) => Err(fault.fail(errno)),
        }
    }

    fn charge_new_page<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        fault: &mut ShmemFault,
    ) -> Result<Charged, Errno> {
        if fault.huge {
            if self.new_page(e, cpu, fault, HUGE_PAGE).is_ok() {
                return Ok(Charged::To(fault.faulter));
            }
            e.mark(Mark::HugeFallback);
            fault.huge = false;
            self.new_page(e, cpu, fault, Pages(1))?;
            return Ok(Charged::Small);
        }
        self.new_page(e, cpu, fault, Pages(1))?;
        Ok(Charged::To(fault.faulter))
    }

    /// A new page, locked, charged or with a try that succeeded.
    fn new_page<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        fault: &mut ShmemFault,
        pages: Pages,
    ) -> Result<(), Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let folio = self.page_alloc(e, pages).ok_or(Errno::NoMem)?;
        let node = self.folios.get(e, folio);
        node.locked.init(1);
        node.flags.init(DIRTY);
        let charged = if self.config.design.shmem == ShmemDesign::Linux54 {
            self.mem_cgroup_try_charge(e, cpu, fault.faulter, pages)
                .map(|()| fault.tried = Some(fault.faulter))
        } else {
            self.charge_page(e, cpu, folio, fault.faulter)
        };
        if let Err(errno) = charged {
            self.put_page(e, cpu, folio);
            return Err(errno);
        }
        fault.folio = Some(folio);
        fault.locked = true;
        Ok(())
    }

    fn charge_swap_page<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        fault: &mut ShmemFault,
        slot: usize,
    ) -> Result<Charged, Errno> {
        let folio = fault.page();
        // It is charged already: it is on its way out still, or another fault has got so far and no further.
        if let Some(memcg) = self.page_memcg(e, folio) {
            return Ok(Charged::To(memcg));
        }
        let pages = Pages(self.folios.get(e, folio).pages.load(e) as u64);
        let design = self.config.design.shmem;
        let (memcg, is_recorded) = self.swapin_payer(e, cpu, slot, fault.faulter);
        let charged = if design == ShmemDesign::Linux54 {
            self.mem_cgroup_try_charge(e, cpu, memcg, pages).map(|()| fault.tried = Some(memcg))
        } else {
            self.charge_page(e, cpu, folio, memcg)
        };
        if is_recorded {
            self.css_put(e, memcg);
        }
        if charged.is_err() {
            e.mark(Mark::SwapInChargeFailed);
            // One way out for all errors of inserting, of which charging has become one.
            if design == ShmemDesign::AsMailed || e.fault(Fault::S22) {
                self.delete_from_swap_cache(e, cpu, folio);
            }
        }
        if charged.is_ok() && self.do_memsw_account() && design != ShmemDesign::Linux54 {
            self.memsw_swapin(e, self.entry_at(e, slot));
        }
        charged.map(|()| Charged::To(memcg))
    }

    /// Put the page into the index, in the place of what the lookup found.
    ///
    /// # Errors
    /// [`Errno::Exist`] if the index entry is another by now; [`Errno::NoMem`] if the index cannot be extended: after a
    /// huge page a small one is charged next.
    pub fn shmem_insert<E: Env>(&self, e: &E, cpu: &Cpu, fault: &mut ShmemFault) -> Result<(), Errno> {
        let folio = fault.page();
        let (old, no_memory) = match fault.slot {
            Some(slot) => (IndexView::Swap(slot), false),
            None => (IndexView::Empty, e.failing(Failing::Insert)),
        };
        // The index takes a reference, before others can find the page there.
        self.folios.get(e, folio).page.refs.add(e, 1);
        if !no_memory && self.index_replace(e, fault.file, old, IndexView::Page(folio)) {
            if let Some(memcg) = fault.tried.take() {
                self.mem_cgroup_commit_charge(e, folio, memcg);
                if let Some(slot) = fault.slot.filter(|_| self.do_memsw_account()) {
                    self.memsw_swapin(e, self.entry_at(e, slot));
                }
            }
            fault.next = ShmemStage::Finish;
            return Ok(());
        }
        self.folios.get(e, folio).page.refs.sub(e, 1);
        let errno = if no_memory { Errno::NoMem } else { Errno::Exist };
        e.mark(if no_memory { Mark::InsertFailed } else { Mark::InsertRaced });
        if let Some(memcg) = fault.tried.take() {
            let pages = Pages(self.folios.get(e, folio).pages.load(e) as u64);
            self.mem_cgroup_cancel_charge(e, memcg, pages);
        }
        if fault.slot.is_some() {
            if self.deletes_on_failed_insert() {
                self.delete_from_swap_cache(e, cpu, folio);
            }
        } else if no_memory && std::mem::take(&mut fault.huge) {
            e.mark(Mark::HugeFallback);
            self.put_uninserted(e, cpu, folio);
            (fault.folio, fault.locked, fault.next) = (None, false, ShmemStage::Charge);
            return Err(errno);
        }
        let is_gone = fault.slot.is_some() && self.config.design.shmem == ShmemDesign::Enoent;
        fault.fail(if is_gone { Errno::NoEnt } else { errno });
        Err(errno)
    }

    /// Last stage: what the page contains.
    ///
    /// # Errors
    /// [`Errno::Exist`] if the index entry has changed: the caller looks again. [`Errno::NoMem`] if the page could not be
    /// had or charged. [`Errno::NoEnt`], in the design of that name, if the index entry is gone.
    pub fn shmem_finish<E: Env>(&self, e: &E, cpu: &Cpu, mut fault: ShmemFault) -> Result<i64, Errno> {
        let Some(folio) = fault.folio else {
            return Err(self.shmem_error(e, cpu, &mut fault));
        };
        let result = match fault.error {
            Some(_) => Err(self.shmem_error(e, cpu, &mut fault)),
            None => {
                if let Some(slot) = fault.slot {
                    self.delete_from_swap_cache(e, cpu, folio);
                    self.set_dirty(e, folio);
                    if self.swap_count_sub(e, slot) != 0 {
                        e.mark(Mark::ReadAgain);
                    }
                }
                Ok(self.folios.get(e, folio).content.load(e))
            }
        };
        if fault.locked {
            self.unlock_page(e, folio);
        }
        if fault.slot.is_none() && result.is_err() {
            self.put_uninserted(e, cpu, folio);
        } else {
            self.put_page(e, cpu, folio);
        }
        result
    }

    /// What a failed fault answers: whatever has failed, it does not matter if the index entry has changed.
    fn shmem_error<E: Env>(&self, e: &E, cpu: &Cpu, fault: &mut ShmemFault) -> Errno {
        let errno = fault.error.unwrap_or(Errno::NoMem);
        let Some(slot) = fault.slot.filter(|_| errno != Errno::Exist) else { return errno };
        if self.shmem_confirm_swap(e, fault.file, slot) {
            return errno;
        }
        e.mark(Mark::FailedFaultRaced);
        if self.config.design.shmem != ShmemDesign::Enoent {
            return Errno::Exist;
        }
        if let Some(folio) = fault.folio.filter(|_| fault.locked) {
            self.delete_from_swap_cache(e, cpu, folio);
        }
        Errno::NoEnt
    }
}
