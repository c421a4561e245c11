//! As merged in Linux 5.9.
//!
//! What the review changed: the active objcg is on no list and holds no css reference; at offline it is put on the
//! parent's list and takes a reference to the parent; release does everything under one lock, with one lookup.
//!
//! What it left as mailed: a charge takes a reference to the group that it found under RCU without asking whether it
//! can be had (eefbfa7fd678 of 5.10), pages go to the counters under RCU, and the order in which the byte stock is
//! emptied. That charging root did nothing in that kernel is the room `kmem-root`.

use super::ObjcgRef;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::Pages;

impl Machine {
    /// One lookup, one lock.
    pub(super) fn release_5_9<E: Env>(&self, e: &E, objcg: ObjcgRef, pages: Pages) {
        let mut lists = self.objcg_lists.lock(e);
        let memcg = self.objcg_memcg(e, objcg);
        if pages.0 > 0 {
            self.memcg_uncharge(e, memcg, pages);
        }
        if self.objcg_list_del(e, &mut lists, objcg) {
            self.css_put(e, memcg);
        }
    }

    /// The active objcg joins the parent's list, and then those that the group had inherited.
    pub(super) fn reparent_5_9<E: Env>(&self, e: &E, memcg: MemcgRef, parent: MemcgRef) {
        let pointer = &self.memcgs.get(e, memcg).objcg;
        let active = if e.fault(Fault::O5) { pointer.load(e) } else { pointer.swap(e, 0) };
        let Some(active) = Handle::from_word(active) else { return };
        {
            let mut lists = self.objcg_lists.lock(e);
            let inherited = std::mem::take(&mut lists[memcg.index()]);
            e.mark(Mark::ReparentedActive);
            self.objcgs.get(e, active).memcg.store(e, parent.to_word());
            if !e.fault(Fault::S7) {
                self.css_get(e, parent);
            }
            self.objcg_list_add(e, &mut lists, parent, active);
            for objcg in inherited {
                e.mark(Mark::ReparentedInherited);
                self.css_get(e, parent);
                if !e.fault(Fault::S11) {
                    self.objcgs.get(e, objcg).memcg.store(e, parent.to_word());
                }
                self.css_put(e, memcg);
                self.objcg_list_add(e, &mut lists, parent, objcg);
            }
        }
        self.objcg_kill(e, active);
    }
}
