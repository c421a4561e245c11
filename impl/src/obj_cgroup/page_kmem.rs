//! What the seed replaced: kernel memory is charged in whole pages, and each page holds its group.
//!
//! There is no objcg in this design. What the operations call a reference to one is here a css reference to the
//! group, and the object of that name is nothing but a way to name the group until it is freed. An object costs its
//! size rounded up to pages; each of these pages holds a css reference until it is freed, so that one live object
//! keeps a removed group from dying.
//!
//! On cgroup v1 the pages are charged to the `kmem` counter too, after `memory`; if it refuses, `memory` is given back,
//! unless the charge may not fail: then `kmem` goes above its limit. Slabs that are charged by the page
//! ([`crate::slab`]) are counted there in the same way.

use super::ObjcgRef;
use super::byte_stock::ChargeMode;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::page_counter::Which;
use crate::substrate::units::{Errno, Pages};
use crate::{Fault, ObjcgDesign, Wiring};

impl Machine {
    /// Whether pages of objects are charged to the `kmem` counter.
    fn counts_kmem(&self) -> bool {
        self.config.wiring != Wiring::V2 && self.config.design.objcg == ObjcgDesign::PageKmem
    }

    /// A reference to the group itself. The caller knows that it has not been freed.
    pub(super) fn memcg_as_objcg<E: Env>(&self, e: &E, memcg: MemcgRef) -> Option<ObjcgRef> {
        let objcg = self.memcgs.get(e, memcg).objcg_of(e)?;
        self.css_tryget(e, memcg).then_some(objcg)
    }

    /// Charge kernel pages to a group, perhaps without this CPU's stock; each of them holds the group.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if they do not fit and may fail. Nothing stays charged.
    pub(super) fn kmem_charge_pages<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        mode: ChargeMode,
    ) -> Result<(), Errno> {
        if mode.bypass {
            self.try_charge_past_stock(e, cpu, memcg, pages, mode.force)?;
        } else {
            self.try_charge(e, cpu, memcg, pages, mode.force)?;
        }
        if self.counts_kmem() && !e.fault(Fault::K5) {
            self.charge_kmem(e, memcg, pages, mode.force)?;
        } else if self.counts_kmem() {
            self.counter_charge(e, memcg, Which::Kmem, pages);
        }
        for _ in 0..pages.0 {
            self.css_get(e, memcg);
        }
        Ok(())
    }

    /// The second counter, of kernel pages that `memory` has been charged for.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if they do not fit and may fail. Then `memory` has been given back.
    pub(crate) fn charge_kmem<E: Env>(
        &self,
        e: &E,
        memcg: MemcgRef,
        pages: Pages,
        force: bool,
    ) -> Result<(), Errno> {
        if self.counter_try_charge(e, memcg, Which::Kmem, pages).is_ok() {
            return Ok(());
        }
        if force {
            e.mark(Mark::KmemForced);
            if !e.fault(Fault::K4) {
                self.counter_charge(e, memcg, Which::Kmem, pages);
            }
            return Ok(());
        }
        e.mark(Mark::KmemRefused);
        if !e.fault(Fault::K2) {
            self.memcg_uncharge(e, memcg, pages);
        }
        Err(Errno::NoMem)
    }

    /// Free kernel pages of a group.
    pub(super) fn kmem_uncharge_pages<E: Env>(&self, e: &E, memcg: MemcgRef, pages: Pages) {
        if self.counts_kmem() && !e.fault(Fault::K3) {
            self.counter_uncharge(e, memcg, Which::Kmem, pages);
        }
        self.memcg_uncharge(e, memcg, pages);
        if !self.is_online(e, memcg) {
            e.mark(Mark::KmemFreedByRemovedGroup);
        }
        for _ in 0..pages.0 {
            self.css_put(e, memcg);
        }
    }

    /// The group is about to be freed, and with it the name that it had here.
    pub(crate) fn free_memcg_as_objcg<E: Env>(&self, e: &E, memcg: MemcgRef) {
        if self.config.design.objcg == ObjcgDesign::PageKmem
            && let Some(objcg) = self.memcgs.get(e, memcg).objcg_of(e)
        {
            self.objcgs.free(e, objcg);
        }
    }
}
