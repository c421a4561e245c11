//! Seed 001: the obj_cgroup, which charges objects by the byte and outlives its group.
//!
//! An objcg is a counted pointer to a memcg. Objects hold objcgs; when a group is removed, its objcgs are handed
//! to its parent by swapping that pointer, so a live object does not pin a dead group. Pages are charged whole;
//! what an object does not need of its last page waits in a per-CPU byte stock, or, once that stock is drained,
//! in the objcg's `leftover` (the kernel's `nr_charged_bytes`). At every moment
//!
//! `pages charged through it × 4096 = live bytes + bytes in stocks + leftover`.
//!
//! The reference rules are those of Linux 5.10: the active objcg of an online group is on no list and holds no
//! css reference; once reparented, an objcg is on its new group's list and holds one reference to it.

mod byte_stock;
mod lifetime;

pub(crate) use byte_stock::ByteStock;

use crate::memcg::Memcg;
use crate::substrate::arena::{Handle, Item};
use crate::substrate::env::{Label, What};
use crate::substrate::word::Word;

/// A reference to an objcg.
pub type ObjcgRef = Handle<Objcg>;

/// An obj_cgroup.
#[derive(Debug)]
pub struct Objcg {
    pub(crate) refs: Word,
    /// The group that it charges. RCU.
    pub(crate) memcg: Word,
    /// Bytes of charged pages that neither an object nor a stock has.
    pub(crate) leftover: Word,
    /// Its place in its group's list of reparented objcgs, from 1; 0 while it is on none.
    pub(crate) place: Word,
}

impl Item for Objcg {
    const GENERATION: What = What::ObjcgGeneration;

    fn empty(index: usize) -> Objcg {
        let word = |what| Word::new(Label::new(what, index));
        Objcg {
            refs: word(What::ObjcgRefs),
            memcg: word(What::ObjcgMemcg),
            leftover: word(What::ObjcgLeftover),
            place: word(What::ObjcgPlace),
        }
    }
}

/// The reparented objcgs of each group, by the group's slot.
pub(crate) type ObjcgLists = Box<[Vec<ObjcgRef>]>;

/// The memcg in an objcg's pointer. It is never empty: an objcg always has a group, if only root.
fn memcg_in(word: i64) -> Handle<Memcg> {
    Handle::from_word(word).expect("an objcg is initialised with a group before it is published")
}
