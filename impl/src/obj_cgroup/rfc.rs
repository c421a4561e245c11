//! As mailed: "mm: memcg: new obj_cgroup API", RFC of 27 January 2020, built from its hunks.
//!
//! What the hunks say, and is built as it stands:
//!
//! * the active objcg is on its own group's list from the start, and holds no css reference there;
//! * at offline the pointer to it is cleared; one reference to the group is taken, "paired with" the put in release;
//!   then its counter is killed, before the lock of the lists is taken; then, under the lock, each objcg of the list
//!   takes the parent, swaps its pointer and puts the group;
//! * release looks the group up twice: under RCU for the pages, under the lock for the reference;
//! * a charge finds the group under RCU and takes a reference without asking whether that can be had;
//! * pages go straight to the counters, found under RCU, without a reference;
//! * the byte stock puts its reference before it clears its pointer, and the flush test reads that pointer twice;
//! * an objcg that cannot be allocated makes `memcg_online_kmem` return a variable that was never set.
//!
//! What had to be supplied, since the hunks are cut or the mail has no such part:
//!
//! * the end of the reparenting: the list is spliced to the parent's, and the lock given back (the mail's text: the
//!   list is reparented);
//! * the rest of the offline path, and that stocks are drained before, which is the room `offline`;
//! * how a task finds the objcg of its group: the walk that was merged in 5.9;
//! * charging pages to root, which the kernel of that time did not do though it uncharged them: that is the room
//!   `kmem-root`, so that it does not hide what else is to be found;
//! * the variable that was never set is read as 0, which its caller takes for success: the worst of what it may be;
//! * the kmem counter of cgroup v1 is left out here; [`super::page_kmem`] has it.

use super::ObjcgRef;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::Pages;

impl Machine {
    /// The group of a new objcg puts it on its own list.
    pub(crate) fn host_itself<E: Env>(&self, e: &E, memcg: MemcgRef, objcg: ObjcgRef) {
        self.objcg_list_add(e, &mut self.objcg_lists.lock(e), memcg, objcg);
    }

    /// Two lookups of the group, each under its own rule.
    pub(super) fn release_as_mailed<E: Env>(&self, e: &E, cpu: &Cpu, objcg: ObjcgRef, pages: Pages) {
        self.uncharge_under_rcu(e, cpu, objcg, pages);
        let mut lists = self.objcg_lists.lock(e);
        self.objcg_list_del(e, &mut lists, objcg);
        self.css_put(e, self.objcg_memcg(e, objcg));
    }

    /// Uncharge whole pages from the group that an objcg belongs to now. Counters need no reference: the group is
    /// not freed within the section, and its parents are not before it.
    pub(super) fn uncharge_under_rcu<E: Env>(&self, e: &E, cpu: &Cpu, objcg: ObjcgRef, pages: Pages) {
        if pages.0 > 0 {
            let _section = self.rcu_read_lock(e, cpu.id);
            self.memcg_uncharge(e, self.objcg_memcg(e, objcg), pages);
        }
    }

    /// A reference to the group of an objcg, without asking whether it can be had.
    pub(super) fn get_memcg_plainly<E: Env>(&self, e: &E, cpu: &Cpu, objcg: ObjcgRef) -> MemcgRef {
        let _section = self.rcu_read_lock(e, cpu.id);
        let memcg = self.objcg_memcg(e, objcg);
        self.css_get(e, memcg);
        memcg
    }

    /// The active objcg goes the way of all others, and gets for that the reference that they have.
    pub(super) fn reparent_as_mailed<E: Env>(&self, e: &E, memcg: MemcgRef, parent: MemcgRef) {
        let active = self.memcgs.get(e, memcg).objcg.swap(e, 0);
        let Some(active) = Handle::from_word(active) else { return };
        self.css_get(e, memcg);
        self.objcg_kill(e, active);
        let mut lists = self.objcg_lists.lock(e);
        let all = std::mem::take(&mut lists[memcg.index()]);
        for objcg in all {
            e.mark(if objcg == active { Mark::ReparentedActive } else { Mark::ReparentedInherited });
            self.css_get(e, parent);
            self.objcgs.get(e, objcg).memcg.swap(e, parent.to_word());
            self.css_put(e, memcg);
            self.objcg_list_add(e, &mut lists, parent, objcg);
        }
    }
}
