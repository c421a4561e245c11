//! Seed 001: the obj_cgroup, which charges objects by the byte and outlives its group.
//!
//! An objcg is a counted pointer to a memcg. Objects hold objcgs; when a group is removed, its objcgs are handed
//! to its parent by swapping that pointer, so a live object does not pin a dead group. Pages are charged whole;
//! what an object does not need of its last page waits in a per-CPU byte stock, or, once that stock is drained,
//! in the objcg's `leftover` (the kernel's `nr_charged_bytes`). At every moment
//!
//! `pages charged through it × 4096 = live bytes + bytes in stocks + leftover`.
//!
//! References to an objcg are counted on each CPU by itself until its group is removed (`percpu_ref`). Removal kills
//! the counter; a grace period later the last reference can be seen, and then the objcg is released.
//!
//! Four designs, see [`ObjcgDesign`](crate::ObjcgDesign), each with its door:
//!
//! * [`page_kmem`], before: no objcg. An object is charged in whole pages to the group, and each page holds it.
//! * [`rfc`], as mailed in January 2020.
//! * [`v5_9`], as merged.
//! * [`v5_10`], the default: as merged, with the references to groups that are found under RCU taken by tryget.
//!
//! What they share is here: [`byte_stock`], and in [`lifetime`] birth, references and the walk to an ancestor's objcg.

mod byte_stock;
mod lifetime;
mod page_kmem;
mod rfc;
mod v5_10;
mod v5_9;

pub(crate) use byte_stock::ByteStock;

use crate::memcg::{Memcg, MemcgRef};
use crate::substrate::arena::{Handle, Item};
use crate::substrate::env::{Env, Label, What};
use crate::substrate::percpu_ref::{Owners, PercpuRef};
use crate::substrate::word::Word;

/// A reference to an objcg.
pub type ObjcgRef = Handle<Objcg>;

/// An obj_cgroup.
#[derive(Debug)]
pub struct Objcg {
    pub(crate) refs: PercpuRef,
    /// The group that it charges. RCU.
    pub(crate) memcg: Word,
    /// Bytes of charged pages that neither an object nor a stock has.
    pub(crate) leftover: Word,
    /// Its place in its group's list of objcgs, from 1; 0 while it is on none.
    pub(crate) place: Word,
}

impl Item for Objcg {
    const GENERATION: What = What::ObjcgGeneration;

    fn empty(index: usize) -> Objcg {
        let label = |what| Label::new(what, index);
        let word = |what| Word::new(label(what));
        Objcg {
            refs: PercpuRef::empty(Owners::Objcgs, label(What::ObjcgRefs), label(What::ObjcgRefMode)),
            memcg: word(What::ObjcgMemcg),
            leftover: word(What::ObjcgLeftover),
            place: word(What::ObjcgPlace),
        }
    }
}

/// The objcgs that are on the list of each group, by the group's slot.
pub(crate) type ObjcgLists = Box<[Vec<ObjcgRef>]>;

/// The memcg in an objcg's pointer. It is never empty: an objcg always has a group, if only root.
fn memcg_in(word: i64) -> Handle<Memcg> {
    Handle::from_word(word).expect("an objcg is initialised with a group before it is published")
}

impl crate::Machine {
    /// Put an objcg on a group's list. The caller holds the lock of the lists.
    fn objcg_list_add<E: Env>(&self, e: &E, lists: &mut ObjcgLists, memcg: MemcgRef, objcg: ObjcgRef) {
        let list = &mut lists[memcg.index()];
        list.push(objcg);
        self.objcgs.get(e, objcg).place.store(e, list.len() as i64);
    }

    /// Take an objcg off the list that it is on, which is that of the group that it points to now. Whether it was on
    /// one. The caller holds the lock of the lists.
    fn objcg_list_del<E: Env>(&self, e: &E, lists: &mut ObjcgLists, objcg: ObjcgRef) -> bool {
        let node = self.objcgs.get(e, objcg);
        let place = node.place.load(e);
        if place == 0 {
            return false;
        }
        let list = &mut lists[memcg_in(node.memcg.load(e)).index()];
        let place = place as usize - 1;
        if list.get(place) == Some(&objcg) {
            list.swap_remove(place);
            if let Some(moved) = list.get(place) {
                self.objcgs.get(e, *moved).place.store(e, place as i64 + 1);
            }
        }
        node.place.store(e, 0);
        true
    }
}
