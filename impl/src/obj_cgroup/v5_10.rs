//! The default: as merged, corrected by what came later.
//!
//! A group that was found through an objcg, and so under RCU, may be without references already: whoever needs one
//! tries, and reads the pointer again if it cannot be had (eefbfa7fd678 of 5.10, 9f38f03ae8d5 of 5.13). Uncharged
//! pages go to the page stock, which needs such a reference. Reparenting is that of 5.9.

use super::ObjcgRef;
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Label, Loop, What};
use crate::substrate::units::Pages;

impl Machine {
    /// The pages first, then, under the lock, the reference to the group.
    pub(super) fn release_5_10<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef, pages: Pages) {
        self.uncharge_pages_of(e, cpu, objcg, pages);
        let early = e.fault(Fault::S8).then(|| self.objcg_memcg(e, objcg));
        let mut lists = self.objcg_lists.lock(e);
        let memcg = early.unwrap_or_else(|| self.objcg_memcg(e, objcg));
        if self.objcg_list_del(e, &mut lists, objcg) {
            self.css_put(e, memcg);
        }
    }

    /// A counted reference to the group of an objcg. The pointer may be swapped, and the group behind it lose its
    /// last reference, at any moment: so read it again until a reference is had.
    pub(super) fn get_memcg_by_tryget<E: Env>(&self, e: &E, cpu: &Cpu, objcg: ObjcgRef) -> Option<MemcgRef> {
        let _section = self.rcu_read_lock(e, cpu.id);
        loop {
            let memcg = self.objcg_memcg(e, objcg);
            let got =
                if e.fault(Fault::O1) { self.css_tryget_online(e, memcg) } else { self.css_tryget(e, memcg) };
            if got {
                return Some(memcg);
            }
            if !e.retry(Loop::MemcgOfObjcg, Label::new(What::ObjcgMemcg, objcg.index())) {
                return None;
            }
        }
    }
}
