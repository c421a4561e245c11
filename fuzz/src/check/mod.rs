//! Invariants. After each step only what the step touched is checked, at a cost that does not grow with the number
//! of groups; at the end everything is recounted from the structures and checked.
//!
//! `Books` is the running count of what is cached where and of who points at whom, kept by looking at the machine
//! from outside: at the stocks of the CPU that ran, and at the words that were written. The laws that compare the
//! books with the machine's own counters and counts are in `laws`.

mod books;
mod broken;
mod followed;
mod full;
mod laws;
mod mapped;
mod mm;
mod slab;

pub(crate) use books::Books;
pub(crate) use broken::{Broken, Thing};
pub(crate) use followed::{Owner, is_followed};
pub(crate) use laws::{InFlight, World};
pub(crate) use mm::delegation;
pub(crate) use slab::CacheRow;

use crate::violation::Invariant;

/// Which invariants are checked. All of them, but for the tests of the checks themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks(u32);

impl Checks {
    /// Every invariant.
    pub const ALL: Checks = Checks(u32::MAX);

    /// Only this one: what it finds, it finds by itself.
    pub fn only(invariant: Invariant) -> Checks {
        Checks(1 << invariant as u8)
    }

    /// All of these but that one.
    pub(crate) fn without(self, invariant: Invariant) -> Checks {
        Checks(self.0 & !(1 << invariant as u8))
    }

    /// Whether the invariant is checked.
    pub fn has(self, invariant: Invariant) -> bool {
        self.0 & (1 << invariant as u8) != 0
    }
}
