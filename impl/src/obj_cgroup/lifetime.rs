//! The life of an objcg: made with its group, handed to the parent when the group is removed, released by its
//! last reference.

use super::{Objcg, ObjcgRef, memcg_in};
use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Failing, Mark, Oops};
use crate::substrate::rcu::Callback;
use crate::substrate::units::{Bytes, PAGE_SIZE};

impl Machine {
    /// An objcg for a group that is being made. Its one reference is the base reference, put when the group is
    /// removed.
    pub(crate) fn objcg_alloc<E: Env>(&self, e: &E, memcg: MemcgRef) -> Option<ObjcgRef> {
        if e.failing(Failing::Alloc) {
            return None;
        }
        let objcg = self.objcgs.allocate(e)?;
        let node = self.objcgs.get(e, objcg);
        node.refs.init(1);
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
    pub fn objcg_of_memcg<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef) -> Option<ObjcgRef> {
        let _section = self.rcu_read_lock(e, cpu.id);
        let mut level = memcg;
        while level != self.root {
            let node: &crate::memcg::Memcg = self.memcgs.get(e, level);
            if let Some(objcg) = node.objcg_of(e)
                && self.objcgs.get(e, objcg).refs.inc_not_zero(e)
            {
                if level != memcg {
                    e.mark(Mark::ObjcgWalkUp);
                }
                return Some(objcg);
            }
            level = node.css.counter_parent().unwrap_or(self.root);
        }
        None
    }

    /// Take one more reference. Only for somebody who has one.
    pub fn objcg_get<E: Env>(&self, e: &E, objcg: ObjcgRef) {
        let refs = &self.objcgs.get(e, objcg).refs;
        if refs.add(e, 1) <= 0 {
            e.oops(Oops::Resurrected(refs.label()));
        }
    }

    /// Give a reference back; the last one releases the objcg.
    pub fn objcg_put<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        let refs = &self.objcgs.get(e, objcg).refs;
        match refs.sub(e, 1) {
            1 => self.objcg_release(e, cpu, objcg),
            old if old <= 0 => e.oops(Oops::RefUnderflow(refs.label())),
            _ => {}
        }
    }

    /// The end of an objcg: whole pages may be left over, when its last bytes came back in parts through the
    /// stocks of several CPUs.
    fn objcg_release<E: Env>(&self, e: &E, cpu: &mut Cpu, objcg: ObjcgRef) {
        let node = self.objcgs.get(e, objcg);
        let leftover = node.leftover.load(e);
        if leftover % PAGE_SIZE as i64 != 0 {
            e.oops(Oops::FractionAtRelease(node.leftover.label(), leftover));
        }
        let pages = Bytes(leftover.max(0) as u64).whole_pages();
        if pages.0 > 0 {
            e.mark(Mark::ObjcgReleasedWithPages);
            if !e.fault(Fault::S9) {
                self.uncharge_pages_of(e, cpu, objcg, pages);
            }
        }
        self.objcg_unlink(e, objcg);
        self.rcu.call(e, Callback::FreeObjcg(objcg));
    }

    /// Take a reparented objcg off its group's list, and put the reference that it held for being there.
    fn objcg_unlink<E: Env>(&self, e: &E, objcg: ObjcgRef) {
        let mut lists = self.objcg_lists.lock(e);
        let node: &Objcg = self.objcgs.get(e, objcg);
        let place = node.place.load(e);
        if place == 0 {
            return;
        }
        let memcg = memcg_in(node.memcg.load(e));
        let list = &mut lists[memcg.index()];
        let place = place as usize - 1;
        if list.get(place) == Some(&objcg) {
            list.swap_remove(place);
            if let Some(moved) = list.get(place) {
                self.objcgs.get(e, *moved).place.store(e, place as i64 + 1);
            }
        }
        node.place.store(e, 0);
        self.css_put(e, memcg);
    }

    /// Hand the objcgs of a group that is going offline to its parent: its own active one, and those that it
    /// inherited from its children.
    pub(crate) fn reparent_objcgs<E: Env>(&self, e: &E, cpu: &mut Cpu, memcg: MemcgRef) {
        let node = self.memcgs.get(e, memcg);
        let parent = node.css.counter_parent().unwrap_or(self.root);
        let Some(active) = Handle::<Objcg>::from_word(node.objcg.swap(e, 0)) else { return };
        {
            let mut lists = self.objcg_lists.lock(e);
            let inherited = std::mem::take(&mut lists[memcg.index()]);
            e.mark(Mark::ReparentedActive);
            if !e.fault(Fault::S7) {
                self.css_get(e, parent);
            }
            self.adopt(e, &mut lists[parent.index()], active, parent, true);
            for objcg in &inherited {
                e.mark(Mark::ReparentedInherited);
                self.css_get(e, parent);
                self.adopt(e, &mut lists[parent.index()], *objcg, parent, !e.fault(Fault::S11));
                self.css_put(e, memcg);
            }
        }
        self.objcg_put(e, cpu, active);
    }

    fn adopt<E: Env>(&self, e: &E, list: &mut Vec<ObjcgRef>, objcg: ObjcgRef, parent: MemcgRef, point: bool) {
        let node = self.objcgs.get(e, objcg);
        if point {
            node.memcg.store(e, parent.to_word());
        }
        list.push(objcg);
        node.place.store(e, list.len() as i64);
    }
}
