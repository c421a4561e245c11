//! The swap cache, and the counts of swap slots.

use crate::Fault;
use crate::ShmemDesign;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Loop, Mark};
use crate::substrate::page_counter::Which;
use crate::substrate::units::{Errno, Pages};
use crate::swap::{FolioRef, SwapEntry};

/// The slot has a page in the swap cache.
pub(crate) const HAS_CACHE: i64 = 1;
/// One index entry leads to the slot.
pub(crate) const COUNT: i64 = 2;

/// The page's content is not in its slot.
pub(super) const DIRTY: i64 = 1;
/// The page's content is on its way into its slot.
pub(super) const WRITEBACK: i64 = 2;

/// Where the page of a slot was found. It has a reference for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In the swap cache.
    Cached(FolioRef),
    /// It has just been read into it.
    Read(FolioRef),
}

impl Machine {
    /// Whether a page is the one that the swap cache has for a slot. Exact only under the page lock.
    pub(super) fn is_swap_cache_of<E: Env>(&self, e: &E, folio: FolioRef, slot: usize) -> bool {
        self.folios.get(e, folio).swap.load(e) == slot as i64 + 1
    }

    /// Put a page into the swap cache, for slots whose flag the caller has set. The swap cache takes a reference.
    pub(super) fn add_to_swap_cache<E: Env>(&self, e: &E, folio: FolioRef, slot: usize) {
        let node = self.folios.get(e, folio);
        node.page.refs.add(e, 1);
        node.swap.store(e, slot as i64 + 1);
        self.slots[slot].cache.store(e, folio.to_word());
    }

    /// Take a page out of the swap cache; the slots are free then if nothing leads to them. The caller has the page
    /// lock and a reference.
    pub(super) fn delete_from_swap_cache<E: Env>(&self, e: &E, cpu: &Cpu, folio: FolioRef) {
        let node = self.folios.get(e, folio);
        let Some(slot) = (node.swap.swap(e, 0) as usize).checked_sub(1) else { return };
        self.slots[slot].cache.store(e, 0);
        self.swap_map_sub(e, slot, HAS_CACHE);
        self.put_page(e, cpu, folio);
    }

    /// The same for a page that nobody can get a reference to. What is left is the caller's.
    pub(super) fn delete_frozen_from_swap_cache<E: Env>(&self, e: &E, folio: FolioRef) {
        let node = self.folios.get(e, folio);
        let Some(slot) = (node.swap.swap(e, 0) as usize).checked_sub(1) else { return };
        self.slots[slot].cache.store(e, 0);
        node.page.refs.store(e, 1);
        self.swap_map_sub(e, slot, HAS_CACHE);
    }

    /// One index entry less leads to the slots. What is left of their map.
    pub(super) fn swap_count_sub<E: Env>(&self, e: &E, slot: usize) -> i64 {
        self.swap_map_sub(e, slot, COUNT)
    }

    fn swap_map_sub<E: Env>(&self, e: &E, slot: usize, part: i64) -> i64 {
        let left = self.slots[slot].map.sub(e, part) - part;
        if left == 0 {
            self.swap_put(e, self.entry_at(e, slot));
        }
        left
    }

    /// The entry that begins at a slot in use.
    pub(super) fn entry_at<E: Env>(&self, e: &E, slot: usize) -> SwapEntry {
        SwapEntry::new(slot, Pages(self.slots[slot].pages.load(e) as u64))
    }

    /// The page that the swap cache has for a slot, with a reference for the caller.
    pub(super) fn lookup_swap_cache<E: Env>(&self, e: &E, cpu: &Cpu, slot: usize) -> Option<FolioRef> {
        loop {
            let folio: FolioRef = Handle::from_word(self.slots[slot].cache.load(e))?;
            if self.get_page_unless_zero(e, cpu, folio) {
                // It may have been freed and be another page by now.
                if self.slots[slot].cache.load(e) == folio.to_word() {
                    return Some(folio);
                }
                self.put_page(e, cpu, folio);
            }
            if !e.retry(Loop::SwapCache, self.slots[slot].cache.label()) {
                return None;
            }
        }
    }

    /// The page of a slot, from the swap cache or else read into it, with a reference for the caller.
    ///
    /// Where pages are charged as they come into the swap cache, the group recorded for the slot is charged if it is
    /// online, and else `faulter`, whom the caller knows to be.
    ///
    /// # Errors
    /// [`Errno::NoEnt`] if nothing leads to the slot any more, [`Errno::NoMem`] if the page cannot be allocated,
    /// charged or inserted.
    pub(super) fn read_swap_cache<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        slot: usize,
        faulter: MemcgRef,
    ) -> Result<Found, Errno> {
        loop {
            if let Some(folio) = self.lookup_swap_cache(e, cpu, slot) {
                e.mark(Mark::SwapCacheHit);
                return Ok(Found::Cached(folio));
            }
            let map = self.slots[slot].map.load(e);
            if map < COUNT {
                return Err(Errno::NoEnt);
            }
            // Somebody else is reading it.
            if map & HAS_CACHE == 0 {
                return self.read_page(e, cpu, slot, map, faulter);
            }
            if !e.retry(Loop::SwapCache, self.slots[slot].map.label()) {
                return Err(Errno::NoMem);
            }
        }
    }

    fn read_page<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        slot: usize,
        map: i64,
        faulter: MemcgRef,
    ) -> Result<Found, Errno> {
        if e.failing(Failing::Alloc) {
            return Err(Errno::NoMem);
        }
        let entry = self.entry_at(e, slot);
        let folio = self.page_alloc(e, entry.pages()).ok_or(Errno::NoMem)?;
        self.folios.get(e, folio).locked.init(1);
        // The flag keeps the slot, and with it its record, whatever becomes of the index entry.
        let flagged = self.slots[slot].map.replace(e, map, map | HAS_CACHE);
        if !flagged || self.entry_at(e, slot) != entry {
            self.put_page(e, cpu, folio);
            if flagged {
                self.swap_map_sub(e, slot, HAS_CACHE);
            }
            if !e.retry(Loop::SwapCache, self.slots[slot].map.label()) {
                return Err(Errno::NoMem);
            }
            return self.read_swap_cache(e, cpu, slot, faulter);
        }
        let charged = match self.charges_at_insert() {
            true => Ok(()),
            false => self.charge_swapin(e, cpu, folio, slot, faulter),
        };
        let inserted = charged.and_then(|()| match e.failing(Failing::Insert) {
            true => Err(Errno::NoMem).inspect_err(|_| e.mark(Mark::SwapCacheInsertFailed)),
            false => Ok(()),
        });
        if let Err(errno) = inserted {
            if e.fault(Fault::B72) {
                self.folios.get(e, folio).page.used.store(e, 0);
            }
            self.put_page(e, cpu, folio);
            self.swap_map_sub(e, slot, HAS_CACHE);
            return Err(errno);
        }
        self.add_to_swap_cache(e, folio, slot);
        self.folios.get(e, folio).content.store(e, self.slots[slot].content.load(e));
        if self.do_memsw_account() && !self.charges_at_insert() {
            self.memsw_swapin(e, entry);
        }
        self.unlock_page(e, folio);
        e.mark(Mark::SwapCacheRead);
        Ok(Found::Read(folio))
    }

    /// Whom a page that comes from swap is charged to: the group recorded for the slot if it is online, or else
    /// `faulter`. The answer has a reference if it is the recorded one.
    pub(super) fn swapin_payer<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        slot: usize,
        faulter: MemcgRef,
    ) -> (MemcgRef, bool) {
        let recorded = self.recorded_online(e, cpu, self.entry_at(e, slot));
        e.mark(if recorded.is_some() { Mark::SwapInRecorded } else { Mark::SwapInRecordedGone });
        (recorded.unwrap_or(faulter), recorded.is_some())
    }

    /// Charge a page that comes from swap, in one step.
    pub(super) fn charge_swapin<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        folio: FolioRef,
        slot: usize,
        faulter: MemcgRef,
    ) -> Result<(), Errno> {
        let (memcg, is_recorded) = self.swapin_payer(e, cpu, slot, faulter);
        let charged = self.charge_page(e, cpu, folio, memcg);
        if charged.is_ok() && e.fault(Fault::B41) {
            self.transfer_swap_charge(e, slot);
        }
        if is_recorded {
            self.css_put(e, memcg);
        }
        charged
    }

    /// What v1 does when a page has been charged for memory and swap together: the slot's own charge and record go.
    fn transfer_swap_charge<E: Env>(&self, e: &E, slot: usize) {
        let id = self.slots[slot].record.swap(e, 0);
        if let Some(memcg) = (id != 0).then(|| self.memcg_from_id(e, id)).flatten() {
            if memcg != self.root {
                self.counter_uncharge(e, memcg, Which::Swap, Pages(1));
            }
            self.id_put(e, memcg, 1);
        }
    }

    /// Whether a failed insertion takes the page out of the swap cache.
    pub(super) fn deletes_on_failed_insert(&self) -> bool {
        self.config.design.shmem != ShmemDesign::Final
    }

    /// Whether the swap cache has a page for a slot, seen from outside the run.
    pub fn slot_has_cache(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.map.peek() & HAS_CACHE != 0)
    }

    /// Every slot with a page in the swap cache and nothing that leads to it, seen from outside the run.
    pub fn stranded_slots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.config.slots).filter(|&slot| self.slots[slot].map.peek() == HAS_CACHE)
    }
}
