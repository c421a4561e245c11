//! Seed 004, second half: pages of shmem, which are found in a file's index or in swap, and the race between
//! swapping one in and punching a hole into the file.
//!
//! An index entry is empty, a page, or a swap entry. A swap slot has a *count*, of the index entries that lead to it,
//! and a flag for *has a page in the swap cache*; it is free when both are zero. The flag and the count change in one
//! word, so that only one of those who let go frees the slot, and with it its record and its swap charge.
//!
//! Swapping in has stages, each of which can be run by itself so that others come between them: `lookup` the index
//! entry; `read` the page, unless the swap cache has it; `lock` it; `confirm` that page and index entry still belong
//! together, and wait for writeback; `charge` the page; `insert` it in the place of the swap entry; `finish`, which
//! takes it out of the swap cache and drops the slot, or ends what has failed. The page lock is held from `lock` to
//! `finish`. A hole punch does not need it to empty the index entry, and only *tries* it to clear the swap cache: if it
//! fails to get it, the page stays there with no index entry, and its slot with a count of zero. That is called
//! *stranded*, and lasts until somebody looks for such pages ([`Machine::reclaim_swap_cache`]). The question of the
//! mail is who does, in which case.
//!
//! The designs differ in when a page that comes from swap is charged, in what becomes of the swap cache when a stage
//! fails, and in what hole punches wait for; see [`crate::ShmemDesign`].
//!
//! A file is an index of one entry, for a page or for a huge page: what is held against the designs needs no more. What
//! a page contains is a number, the version last written. Not here: resizing files, swap devices that fail, and
//! read-ahead, which would only bring pages into the swap cache earlier.
//!
//! One idea a file: [`entry`] the index; [`swap_cache`] the swap cache and the counts; [`swapin`] the stages;
//! [`fault`] all of them in one; [`writeback`] the way out; [`punch`] holes, reclaim and swapoff.

mod entry;
mod fault;
mod punch;
mod swap_cache;
mod swapin;
mod writeback;

pub(crate) use entry::ShmemRoom;
pub use entry::{FileRef, IndexView};
pub use fault::ShmemRead;
pub use punch::Punched;
pub use swapin::{Charged, Lookup, ShmemFault, ShmemStage};

use crate::ShmemDesign;
use crate::machine::Machine;

impl Machine {
    /// Whether a page is charged only when it is inserted into the index, and not when it is read into the swap cache.
    pub(crate) fn charges_at_insert(&self) -> bool {
        self.config.design.shmem != ShmemDesign::Final
    }
}
