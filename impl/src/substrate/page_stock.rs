//! The per-CPU page stock: pages that are charged already, for the next charge on this CPU to take without
//! touching a counter. Each cached group costs one css reference.

use super::arena::{Handle, word_of};
use super::cpu::{Cpu, STOCK_SLOTS};
use super::env::{Env, Failing, Loop, Mark, Oops};
use super::page_counter::Which;
use super::units::{Errno, Pages};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::{DrainDesign, Fault, ObjcgDesign, StockDesign};

/// Pages charged at a time, and the most that a slot may hold.
pub const BATCH: u64 = 64;

/// The owned part of a page stock.
#[derive(Debug, Default)]
pub(crate) struct PageStock {
    slots: [StockSlot; STOCK_SLOTS],
    /// The next victim.
    drain_index: usize,
}

/// A slot of a page stock.
#[derive(Clone, Copy, Debug, Default)]
pub struct StockSlot {
    memcg: Option<MemcgRef>,
    pages: u64,
}

impl StockSlot {
    /// What is cached in it.
    #[inline]
    pub fn cached(self) -> Option<(MemcgRef, Pages)> {
        self.memcg.map(|memcg| (memcg, Pages(self.pages)))
    }
}

/// Two numbers each, as in a stock hit.
impl PartialEq for StockSlot {
    #[inline]
    fn eq(&self, other: &StockSlot) -> bool {
        word_of(self.memcg) == word_of(other.memcg) && self.pages == other.pages
    }
}

impl Eq for StockSlot {}

impl PageStock {
    #[inline]
    fn slot_of(&self, memcg: MemcgRef) -> Option<usize> {
        self.slots.iter().position(|slot| memcg.is_in(slot.memcg))
    }

    #[inline]
    pub(crate) fn slots(&self) -> &[StockSlot; STOCK_SLOTS] {
        &self.slots
    }

    /// What is cached, slot by slot.
    pub(crate) fn cached(&self) -> impl Iterator<Item = (MemcgRef, Pages)> + '_ {
        self.slots.iter().filter_map(|slot| slot.cached())
    }
}

impl Machine {
    fn stock_slots(&self) -> usize {
        match self.config.design.stock {
            StockDesign::SevenSlots => STOCK_SLOTS,
            StockDesign::SingleSlot => 1,
        }
    }

    /// Take `pages` from this CPU's stock if it has as many of the group; no counter moves.
    #[inline]
    pub(crate) fn consume_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef, pages: Pages) -> bool {
        if pages.0 > BATCH {
            e.mark(Mark::StockTooLarge);
            return false;
        }
        if E::FAULTS && e.failing(Failing::Trylock) {
            e.mark(Mark::StockBypassed);
            return false;
        }
        let Some(index) = cpu.pages.slot_of(memcg) else { return false };
        let slot = &mut cpu.pages.slots[index];
        if slot.pages < pages.0 {
            return false;
        }
        slot.pages -= pages.0;
        e.mark(if slot.pages == 0 { Mark::StockHitLastPage } else { Mark::StockHit });
        true
    }

    /// Put charged pages into this CPU's stock. The caller has a reference to the group.
    pub(crate) fn refill_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef, pages: Pages) {
        if pages.0 > BATCH {
            e.mark(Mark::StockTooLarge);
            return self.memcg_uncharge(e, memcg, pages);
        }
        if E::FAULTS && e.failing(Failing::Trylock) {
            e.mark(Mark::StockBypassed);
            return self.memcg_uncharge(e, memcg, pages);
        }
        if let Some(index) = cpu.pages.slot_of(memcg) {
            e.mark(Mark::StockRefillSameSlot);
            let slot = &mut cpu.pages.slots[index];
            slot.pages += pages.0;
            if slot.pages > BATCH {
                e.mark(Mark::StockOverflowDrained);
                self.drain_slot(e, cpu, index);
            }
            return;
        }
        let usable = self.stock_slots();
        let empty = cpu.pages.slots[..usable].iter().position(|slot| slot.memcg.is_none());
        let index = empty.unwrap_or_else(|| {
            let victim = cpu.pages.drain_index % usable;
            cpu.pages.drain_index = (victim + 1) % usable;
            e.mark(Mark::StockVictimEvicted);
            self.drain_slot(e, cpu, victim);
            victim
        });
        self.css_get(e, memcg);
        cpu.pages.slots[index] = StockSlot { memcg: Some(memcg), pages: pages.0 };
        self.cpus[cpu.id].cached[index].store(e, memcg.to_word());
    }

    /// Give a slot's pages back to the counters, and its reference to the group.
    fn drain_slot<E: Env>(&self, e: &E, cpu: &mut Cpu, index: usize) {
        let Some(memcg) = cpu.pages.slots[index].memcg else { return };
        let slot = std::mem::take(&mut cpu.pages.slots[index]);
        if slot.pages != 0 {
            if e.fault(Fault::V2) {
                self.counter_uncharge(e, memcg, Which::Memory, Pages(slot.pages));
            } else {
                self.memcg_uncharge(e, memcg, Pages(slot.pages));
            }
        }
        // The pointer goes before the reference: whoever reads it remotely under RCU may still follow it.
        self.cpus[cpu.id].cached[index].store(e, 0);
        if slot.pages == 0 && e.fault(Fault::P1) {
            return;
        }
        self.css_put(e, memcg);
    }

    /// Empty the page stock of `cpu`.
    pub(crate) fn drain_page_stock<E: Env>(&self, e: &E, cpu: &mut Cpu) {
        for index in 0..STOCK_SLOTS {
            self.drain_slot(e, cpu, index);
        }
    }

    /// Empty both stocks of this CPU: bytes first, since whole pages of theirs go into the page stock.
    pub fn drain_local<E: Env>(&self, e: &E, cpu: &mut Cpu) {
        self.drain_byte_stock(e, cpu);
        self.drain_page_stock(e, cpu);
        self.cpus[cpu.id].flushing.store(e, 0);
    }

    /// Ask every CPU that caches something of the subtree below `root` to drain its stocks. This CPU drains at
    /// once; the others by a work item that the caller does not wait for. Isolated CPUs are left alone.
    ///
    /// # Errors
    /// [`Errno::Busy`] if another drain is running: then nothing is drained.
    pub fn drain_all_stock<E: Env>(&self, e: &E, cpu: &mut Cpu, root: MemcgRef) -> bool {
        if E::FAULTS && e.failing(Failing::Trylock) {
            e.mark(Mark::DrainLostRace);
            return false;
        }
        let Some(_drainer) = self.drain_mutex.trylock(e) else {
            e.mark(Mark::DrainLostRace);
            return false;
        };
        for id in 0..self.cpus.len() {
            if self.cpus[id].online.load(e) == 0 {
                continue;
            }
            if e.fault(Fault::B1) && id != cpu.id {
                self.drain_by_mark(e, id, root);
                continue;
            }
            if !self.flush_required(e, cpu.id, id, root) {
                continue;
            }
            if id == cpu.id {
                self.drain_local(e, cpu);
            } else {
                self.queue_drain(e, id);
            }
        }
        true
    }

    fn queue_drain<E: Env>(&self, e: &E, id: usize) {
        let shared = &self.cpus[id];
        let isolated = shared.isolated.load(e) != 0;
        if isolated {
            e.mark(Mark::DrainSkippedIsolated);
            if !e.fault(Fault::B8) {
                return;
            }
        }
        if shared.flushing.swap(e, 1) != 0 {
            e.mark(Mark::DrainAlreadyQueued);
            return;
        }
        if !isolated {
            e.mark(Mark::DrainQueued);
            shared.queue.lock(e).push_back(super::work::Work::Drain);
        }
    }

    /// Whether CPU `id` caches something of the subtree below `root`, seen from CPU `here`.
    fn flush_required<E: Env>(&self, e: &E, here: usize, id: usize, root: MemcgRef) -> bool {
        let shared = &self.cpus[id];
        let section = self.rcu_read_lock(e, here);
        let mut objcg = Handle::from_word(shared.cached_objcg.load(e));
        if objcg.is_some() && self.reads_cached_objcg_twice(e) {
            // As if the compiler had loaded it once for the test and once for the use.
            objcg = Handle::from_word(shared.cached_objcg.load(e));
            if objcg.is_none() {
                e.oops(Oops::Null(shared.cached_objcg.label()));
            }
        }
        if objcg.is_some_and(|objcg| self.is_descendant(e, self.objcg_memcg(e, objcg), root)) {
            return true;
        }
        if e.fault(Fault::B3) {
            drop(section);
            return self.caches_pages_unprotected(e, id, root, true);
        }
        shared.cached[..self.stock_slots()].iter().any(|word| {
            Handle::from_word(word.load(e)).is_some_and(|memcg| self.is_descendant(e, memcg, root))
        })
    }

    /// Faults B1 and B3: what a CPU caches of the subtree, looked for outside a read section. The kernel's code reads
    /// `nr_pages` after the pointer; counts are nobody else's here, so the state of the CPU is read in its place.
    #[cold]
    fn caches_pages_unprotected<E: Env>(&self, e: &E, id: usize, root: MemcgRef, reference: bool) -> bool {
        let shared = &self.cpus[id];
        shared.cached[..self.stock_slots()].iter().any(|word| {
            let Some(memcg) = Handle::from_word(word.load(e)) else { return false };
            if shared.online.load(e) == 0 || reference && !self.css_tryget(e, memcg) {
                return false;
            }
            let found = self.is_descendant(e, memcg, root);
            if reference {
                self.css_put(e, memcg);
            }
            found
        })
    }

    /// Fault B1: the flush mark is believed to keep the other CPU from draining.
    #[cold]
    fn drain_by_mark<E: Env>(&self, e: &E, id: usize, root: MemcgRef) {
        let shared = &self.cpus[id];
        if shared.flushing.swap(e, 1) != 0 {
            return;
        }
        if self.caches_pages_unprotected(e, id, root, false) {
            shared.queue.lock(e).push_back(super::work::Work::Drain);
        } else {
            shared.flushing.store(e, 0);
        }
    }

    /// Wait until no other CPU has a drain queued that was asked for before. Who waits lends its CPU to what is
    /// queued there.
    fn wait_for_drains<E: Env>(&self, e: &E, cpu: &mut Cpu) {
        let here = cpu.id;
        for (_, shared) in self.cpus.iter().enumerate().filter(|(id, _)| *id != here) {
            let asked =
                || shared.online.load(e) != 0 && shared.isolated.load(e) == 0 && shared.flushing.load(e) != 0;
            while asked() {
                if self.cpus[here].queue.lock(e).pop_front().is_some() {
                    self.drain_local(e, cpu);
                }
                if !e.retry(Loop::Drains, shared.flushing.label()) {
                    return;
                }
            }
        }
    }

    /// Until 6.4 (3b8abb323953) nothing kept the pointer from being read twice.
    fn reads_cached_objcg_twice<E: Env>(&self, e: &E) -> bool {
        matches!(self.config.design.objcg, ObjcgDesign::Rfc | ObjcgDesign::Merged59) || e.fault(Fault::B21)
    }

    /// Charge pages to a group: from this CPU's stock, or else from the counters with a batch for the stock.
    /// Root is charged like any other group. The caller has a reference to the group.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if it does not fit, also not without the batch and after draining what can be drained
    /// at once. With `force` it is charged above the limit instead.
    pub(crate) fn try_charge<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        force: bool,
    ) -> Result<(), Errno> {
        if self.consume_stock(e, cpu, memcg, pages) {
            return Ok(());
        }
        self.try_charge_slow(e, cpu, memcg, pages, Pages(pages.0.max(BATCH)), force)
    }

    /// The same without the stock, whose lock could not be had: exactly these pages.
    ///
    /// # Errors
    /// As [`Machine::try_charge`].
    pub(crate) fn try_charge_past_stock<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        force: bool,
    ) -> Result<(), Errno> {
        self.try_charge_slow(e, cpu, memcg, pages, pages, force)
    }

    #[cold]
    fn try_charge_slow<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        mut batch: Pages,
        force: bool,
    ) -> Result<(), Errno> {
        let mut drained = false;
        let full = loop {
            match self.memcg_try_charge(e, memcg, batch) {
                Ok(()) => break None,
                Err(_) if batch > pages => {
                    e.mark(Mark::BatchRetriedExactly);
                    batch = pages;
                }
                Err(level) if !drained => {
                    drained = true;
                    self.drain_all_stock(e, cpu, level);
                    if self.config.design.drain == DrainDesign::Wait && !e.fault(Fault::B10) {
                        self.wait_for_drains(e, cpu);
                    }
                }
                Err(level) => break Some(level),
            }
        };
        match full {
            None if drained => e.mark(Mark::RetriedAfterDrain),
            None => {}
            Some(_) if force => self.memcg_charge(e, memcg, pages),
            Some(_) => return Err(Errno::NoMem),
        }
        if e.fault(Fault::P2) && full.is_none() {
            batch = Pages(pages.0.max(BATCH));
        }
        // The counters have been charged with interrupts on; the stock is filled with interrupts off.
        e.interrupt(self, cpu);
        if batch > pages {
            self.refill_stock(e, cpu, memcg, Pages(batch.0 - pages.0));
        }
        Ok(())
    }
}
