//! The life of an objcg: made with its group, found by those who allocate, held, and released by its last reference.

use super::{ObjcgRef, memcg_in};
use crate::machine::Machine;
use crate::memcg::{Memcg, MemcgRef};
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark, Oops};
use crate::substrate::rcu::Callback;
use crate::substrate::units::{Bytes, PAGE_SIZE, Pages};
use crate::{Fault, ObjcgDesign};

impl Machine {
    /// An objcg for a group that is being made. Its one reference is the base reference, put when the group is
    /// removed.
    pub(crate) fn objcg_alloc<E: Env>(&self, e: &E, memcg: MemcgRef) -> Option<ObjcgRef> {
        if e.failing(Failing::Alloc) {
            return None;
        }
        // The numbers of the CPUs are an allocation of their own.
        if e.failing(Failing::Alloc) {
            return None;
        }
        let objcg = self.objcgs.allocate(e)?;
        let node = self.objcgs.get(e, objcg);
        node.refs.init(&self.cpus);
        node.memcg.init(memcg.to_word());
        node.leftover.init(0);
        node.place.init(0);
        Some(objcg)
    }

    /// The group that an objcg belongs to now. The caller is in a read section, or has another reason to know
    /// that the group stays.
    pub(crate) fn objcg_memcg<E: Env>(&self, e: &E, objcg: ObjcgRef) -> MemcgRef {
        memcg_in(self.objcgs.get(e, objcg).memcg.load(e))
    }

    /// A reference to the objcg that new objects of a group are charged through: its own, or, once it has been
    /// reparented, that of the nearest ancestor that still has one. `None` for root, whose objects are not
    /// charged.
    ///
    /// As merged in 5.9, and so supplied for the mail, which has no such function, the walk that ends at root hands
    /// out what it found last, though it got no reference to it (2f7659a31473).
    pub fn objcg_of_memcg<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef) -> Option<ObjcgRef> {
        let design = self.config.design.objcg;
        if design == ObjcgDesign::PageKmem {
            return self.memcg_as_objcg(e, memcg);
        }
        let keeps_last = matches!(design, ObjcgDesign::Rfc | ObjcgDesign::Merged59) || e.fault(Fault::B15);
        let _section = self.rcu_read_lock(e, cpu.id);
        let (mut level, mut found) = (memcg, None);
        while level != self.root {
            let node: &Memcg = self.memcgs.get(e, level);
            found = node.objcg_of(e);
            if let Some(objcg) = found {
                if self.objcgs.get(e, objcg).refs.tryget_live(e, &self.cpus, cpu.id) {
                    if level != memcg {
                        e.mark(Mark::ObjcgWalkUp);
                    }
                    return found;
                }
                e.mark(Mark::ObjcgWalkUpKilled);
            }
            level = node.css.counter_parent().unwrap_or(self.root);
        }
        found.filter(|_| keeps_last)
    }

    /// Take one more reference. Only for somebody who has one.
    pub fn objcg_get<E: Env>(&self, e: &E, cpu: &Cpu, objcg: ObjcgRef) {
        if self.config.design.objcg == ObjcgDesign::PageKmem {
            return self.css_get(e, self.objcg_memcg(e, objcg));
        }
        self.objcgs.get(e, objcg).refs.get(e, &self.cpus, cpu.id);
    }

    /// Give a reference back; the last one releases the objcg.
    pub fn objcg_put<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        if self.config.design.objcg == ObjcgDesign::PageKmem {
            return self.css_put(e, self.objcg_memcg(e, objcg));
        }
        if self.objcgs.get(e, objcg).refs.put(e, &self.cpus, cpu.id) {
            self.objcg_release(e, cpu, objcg);
        }
    }

    /// No group hands out this objcg any more. Its base reference is put after a grace period.
    pub(super) fn objcg_kill<E: Env>(&self, e: &E, objcg: ObjcgRef) {
        self.objcgs.get(e, objcg).refs.kill(e);
        self.rcu.call(e, Callback::SwitchObjcg(objcg));
    }

    /// The grace period after the kill is over: references are counted in one place.
    pub(crate) fn objcg_switched<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        e.mark(Mark::ObjcgSwitched);
        if self.objcgs.get(e, objcg).refs.switch(e, &self.cpus) > 1 {
            e.mark(Mark::ObjcgSwitchedInUse);
        }
        self.objcg_put(e, cpu, objcg);
    }

    /// The end of an objcg: whole pages may be left over, when its last bytes came back in parts through the
    /// stocks of several CPUs.
    fn objcg_release<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        let node = self.objcgs.get(e, objcg);
        let leftover = node.leftover.load(e);
        if leftover % PAGE_SIZE as i64 != 0 {
            e.oops(Oops::FractionAtRelease(node.leftover.label(), leftover));
        }
        let mut pages = Bytes(leftover.max(0) as u64).whole_pages();
        if pages.0 > 0 {
            e.mark(Mark::ObjcgReleasedWithPages);
            if e.fault(Fault::S9) {
                pages = Pages(0);
            }
        }
        match self.config.design.objcg {
            ObjcgDesign::Rfc => self.release_as_mailed(e, cpu, objcg, pages),
            ObjcgDesign::Merged59 => self.release_5_9(e, objcg, pages),
            ObjcgDesign::Corrected510 | ObjcgDesign::PageKmem => self.release_5_10(e, cpu, objcg, pages),
        }
        self.rcu.call(e, Callback::FreeObjcg(objcg));
    }

    /// Hand the objcgs of a group that is going offline to its parent: its own active one, and those that it
    /// inherited from its children.
    pub(crate) fn reparent_objcgs<E: Env>(&self, e: &E, memcg: MemcgRef) {
        let parent = self.memcgs.get(e, memcg).css.counter_parent().unwrap_or(self.root);
        match self.config.design.objcg {
            ObjcgDesign::PageKmem => {}
            ObjcgDesign::Rfc => self.reparent_as_mailed(e, memcg, parent),
            ObjcgDesign::Merged59 | ObjcgDesign::Corrected510 => self.reparent_5_9(e, memcg, parent),
        }
    }
}
