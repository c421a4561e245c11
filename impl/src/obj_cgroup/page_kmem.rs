//! What the seed replaced: kernel memory is charged in whole pages, and each page holds its group.
//!
//! There is no objcg in this design. What the operations call a reference to one is here a css reference to the
//! group, and the object of that name is nothing but a way to name the group until it is freed. An object costs its
//! size rounded up to pages; each of these pages holds a css reference until it is freed, so that one live object
//! keeps a removed group from dying.
//!
//! On cgroup v1 the pages are charged to the `kmem` counter too, after `memory`; if it refuses, `memory` is given back.

use super::ObjcgRef;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::page_counter::Which;
use crate::substrate::units::{Errno, Pages};
use crate::{ObjcgDesign, Wiring};

impl Machine {
    /// Whether kernel pages have a counter of their own.
    pub(super) fn counts_kmem(&self) -> bool {
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
    /// [`Errno::NoMem`] if they do not fit. Nothing stays charged.
    pub(super) fn kmem_charge_pages<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        memcg: MemcgRef,
        pages: Pages,
        past_stock: bool,
    ) -> Result<(), Errno> {
        if past_stock {
            self.try_charge_past_stock(e, cpu, memcg, pages)?;
        } else {
            self.try_charge(e, cpu, memcg, pages, false)?;
        }
        if self.counts_kmem() && self.counter_try_charge(e, memcg, Which::Kmem, pages).is_err() {
            e.mark(Mark::KmemRefused);
            self.memcg_uncharge(e, memcg, pages);
            return Err(Errno::NoMem);
        }
        for _ in 0..pages.0 {
            self.css_get(e, memcg);
        }
        Ok(())
    }

    /// Free kernel pages of a group.
    pub(super) fn kmem_uncharge_pages<E: Env>(&self, e: &E, memcg: MemcgRef, pages: Pages) {
        if self.counts_kmem() {
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
