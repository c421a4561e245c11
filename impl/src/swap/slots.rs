//! Swap slots, and their records of who pays.

use super::FolioRef;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Label, Mark, What};
use crate::substrate::page_counter::Which;
use crate::substrate::units::{Errno, Pages};
use crate::substrate::word::Word;

/// The slots of one swapped-out folio, named by the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapEntry {
    first: u32,
    pages: u32,
}

impl SwapEntry {
    pub(crate) fn new(first: usize, pages: Pages) -> SwapEntry {
        SwapEntry { first: first as u32, pages: pages.0 as u32 }
    }

    /// Number of the first slot.
    pub fn first(self) -> usize {
        self.first as usize
    }

    /// Number of slots.
    pub fn pages(self) -> Pages {
        Pages(u64::from(self.pages))
    }
}

/// One slot.
#[derive(Debug)]
pub(crate) struct SwapSlot {
    /// 1 while the slot holds a page.
    pub(crate) used: Word,
    /// Id of the group that is charged for it.
    pub(crate) record: Word,
    /// The folio's next slot, from 1; 0 for none.
    next: Word,
    /// In the first slot of an entry: how many there are.
    pub(crate) pages: Word,
    /// In the first slot of an entry of shmem: how many index entries lead to it, and whether the swap cache has a
    /// page for it. See [`crate::shmem`].
    pub(crate) map: Word,
    /// The page that the swap cache has for it.
    pub(crate) cache: Word,
    /// The version written to it.
    pub(crate) content: Word,
    /// In the first slot of an entry: the mm in whose page table the entry is; 0 for none.
    pub(crate) mm: Word,
}

impl SwapSlot {
    pub(crate) fn empty(index: usize) -> SwapSlot {
        let word = |what| Word::new(Label::new(what, index));
        SwapSlot {
            used: word(What::SlotUsed),
            record: word(What::SlotRecord),
            next: word(What::SlotNext),
            pages: word(What::SlotPages),
            map: word(What::SlotMap),
            cache: word(What::SlotCache),
            content: word(What::SlotContent),
            mm: word(What::SlotMm),
        }
    }
}

/// Which slots are free.
#[derive(Debug, Default)]
pub(crate) struct SlotTable {
    returned: Vec<u32>,
    used: u32,
    limit: u32,
}

impl SlotTable {
    pub(crate) fn reset(&mut self, limit: usize) {
        self.returned.clear();
        self.used = 0;
        self.limit = limit as u32;
    }

    fn left(&self) -> usize {
        self.returned.len() + (self.limit - self.used) as usize
    }

    fn take(&mut self) -> Option<u32> {
        self.returned.pop().or_else(|| {
            (self.used < self.limit).then(|| {
                self.used += 1;
                self.used - 1
            })
        })
    }

    /// Slots in use.
    pub(crate) fn in_use(&self) -> usize {
        self.used as usize - self.returned.len()
    }

    /// Slots below this have been used since the last reset.
    pub(crate) fn high_water(&self) -> usize {
        self.used as usize
    }
}

impl Machine {
    /// Swap a folio out: its pages are freed, as many slots are charged to the group that is returned. In v1 they take
    /// over its charge to memory+swap, so that no limit can refuse them.
    ///
    /// # Errors
    /// [`Errno::NoSpace`] if not enough slots are left, [`Errno::NoMem`] if the swap limit of a group is met. The
    /// folio stays as it was.
    pub fn swap_out<E: Env>(
        &self,
        e: &E,
        cpu: &Cpu,
        folio: FolioRef,
    ) -> Result<(SwapEntry, MemcgRef), Errno> {
        let (entry, charged) = self.get_swap_page(e, folio)?;
        let memcg = self.replace_pte(e, folio, entry, || match charged {
            Some(memcg) => {
                self.mem_cgroup_uncharge(e, cpu, folio);
                memcg
            }
            None => self.memsw_swapout(e, cpu, folio, entry),
        });
        Ok((entry, memcg))
    }

    /// Take slots for a charged page. The group that has been charged for them; in v1 nobody is, until they take over
    /// the page's charge.
    ///
    /// # Errors
    /// As of [`Machine::swap_out`].
    pub(crate) fn get_swap_page<E: Env>(
        &self,
        e: &E,
        folio: FolioRef,
    ) -> Result<(SwapEntry, Option<MemcgRef>), Errno> {
        let node = self.folios.get(e, folio);
        let pages = Pages(node.pages.load(e) as u64);
        let owner = node.group(node.memcg.load(e));
        let entry = self.slots_take(e, pages).ok_or_else(|| {
            e.mark(Mark::SlotsExhausted);
            Errno::NoSpace
        })?;
        if self.do_memsw_account() {
            return Ok((entry, None));
        }
        let charged = self.swap_charge(e, owner, pages, entry);
        let memcg = charged.inspect_err(|_| self.slots_return(e, entry))?;
        Ok((entry, Some(memcg)))
    }

    fn swap_charge<E: Env>(
        &self,
        e: &E,
        owner: MemcgRef,
        pages: Pages,
        entry: SwapEntry,
    ) -> Result<MemcgRef, Errno> {
        if e.fault(Fault::B39) && self.memcgs.get(e, owner).id_refs.load(e) == 0 {
            self.counter_charge(e, owner, Which::Swap, pages);
            self.record(e, entry, 0);
            return Ok(owner);
        }
        let memcg = self.id_get_online(e, owner);
        let charged = memcg == self.root || self.counter_try_charge(e, memcg, Which::Swap, pages).is_ok();
        if !charged {
            e.mark(Mark::SwapLimitMet);
            self.id_put(e, memcg, 1);
            return Err(Errno::NoMem);
        }
        if memcg != owner {
            e.mark(Mark::SwapToAncestor);
        } else if !self.is_online(e, memcg) {
            e.mark(Mark::SwapToRemovedOwner);
        }
        if pages.0 > 1 {
            self.id_get_many(e, memcg, pages.0 - 1);
        }
        self.record(e, entry, self.memcgs.get(e, memcg).id.load(e));
        Ok(memcg)
    }

    fn record<E: Env>(&self, e: &E, entry: SwapEntry, id: i64) {
        for slot in self.slots_of(entry) {
            self.slots[slot].record.store(e, id);
        }
    }

    /// Swap in for a task of group `faulter`: a folio is charged to the recorded group if that is online, else to
    /// the faulter's, and the slots are freed. Returns the folio and the group charged. The caller knows that
    /// `faulter` is online.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if the folio does not fit. The slots stay as they were.
    pub fn swap_in<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        entry: SwapEntry,
        faulter: MemcgRef,
    ) -> Result<(FolioRef, MemcgRef), Errno> {
        let recorded = self.recorded_online(e, cpu, entry);
        let memcg = recorded.unwrap_or(faulter);
        let folio = self.mem_cgroup_charge(e, cpu, memcg, entry.pages(), false);
        e.mark(if recorded.is_some() { Mark::SwapInRecorded } else { Mark::SwapInRecordedGone });
        if let Ok(folio) = folio {
            self.clear_swap_pte(e, entry, Some(folio));
            if self.do_memsw_account() {
                self.memsw_swapin(e, entry);
            }
            if !(recorded.is_none() && e.fault(Fault::W1)) {
                self.swap_put(e, entry);
            }
        }
        if let Some(memcg) = recorded {
            self.css_put(e, memcg);
        }
        folio.map(|folio| (folio, memcg))
    }

    /// A counted reference to the group recorded for an entry, if it has not been removed.
    pub(crate) fn recorded_online<E: Env>(&self, e: &E, cpu: &Cpu, entry: SwapEntry) -> Option<MemcgRef> {
        let _section = self.rcu_read_lock(e, cpu.id);
        self.memcg_from_record(e, &self.slots[entry.first()].record)
    }

    /// Free the slots of an entry that nobody needs: it leaves the page table that it is in, the group recorded for each
    /// slot is uncharged, and its id given back.
    pub fn swap_free<E: Env>(&self, e: &E, entry: SwapEntry) {
        self.clear_swap_pte(e, entry, None);
        self.swap_put(e, entry);
    }

    /// Free slots to which nothing leads.
    pub(crate) fn swap_put<E: Env>(&self, e: &E, entry: SwapEntry) {
        self.mem_cgroup_uncharge_swap(e, entry);
        self.slots_return(e, entry);
    }

    /// Forget who pays for slots: each group recorded is uncharged, and its id given back. In v1 this is done when
    /// the page is charged again, and the slot has no record from then on.
    pub(super) fn mem_cgroup_uncharge_swap<E: Env>(&self, e: &E, entry: SwapEntry) {
        let which = if self.do_memsw_account() { Which::Memsw } else { Which::Swap };
        for slot in self.slots_of(entry) {
            let id = self.slots[slot].record.swap(e, 0);
            if id == 0 && (self.do_memsw_account() || e.fault(Fault::B41)) {
                continue;
            }
            if let Some(memcg) = self.memcg_from_id(e, id) {
                if memcg != self.root {
                    self.counter_uncharge(e, memcg, which, Pages(1));
                }
                self.id_put(e, memcg, 1);
            }
        }
    }

    fn slots_take<E: Env>(&self, e: &E, pages: Pages) -> Option<SwapEntry> {
        let mut table = self.slot_table.lock(e);
        if (table.left() as u64) < pages.0 || pages.0 == 0 {
            return None;
        }
        let mut next = 0;
        for _ in 0..pages.0 {
            let slot = table.take()?;
            let node = &self.slots[slot as usize];
            node.used.store(e, 1);
            node.next.init(next);
            next = i64::from(slot) + 1;
        }
        let entry = SwapEntry { first: next as u32 - 1, pages: pages.0 as u32 };
        self.slots[entry.first()].pages.init(pages.0 as i64);
        Some(entry)
    }

    fn slots_return<E: Env>(&self, e: &E, entry: SwapEntry) {
        let mut table = self.slot_table.lock(e);
        for slot in self.slots_of(entry) {
            self.slots[slot].used.store(e, 0);
            table.returned.push(slot as u32);
        }
    }

    /// The slots of an entry. A slot's link changes only while the slot is free.
    pub(crate) fn slots_of(&self, entry: SwapEntry) -> impl Iterator<Item = usize> + '_ {
        let mut at = entry.first();
        (0..entry.pages).map(move |_| {
            let slot = at;
            at = (self.slots[slot].next.peek() as usize).wrapping_sub(1);
            slot
        })
    }

    /// The page that the swap cache has for a slot, seen from outside the run.
    pub fn cached_folio(&self, slot: usize) -> Option<FolioRef> {
        Handle::from_word(self.slots.get(slot)?.cache.peek())
    }

    /// Ids of the groups recorded for an entry's slots, seen from outside the run.
    pub fn records(&self, entry: SwapEntry) -> impl Iterator<Item = i64> + '_ {
        self.slots_of(entry).map(|slot| self.slots[slot].record.peek())
    }
}
