//! Seed 004, first half: how a page comes to be charged, and what becomes of the charge if the page cannot be used.
//!
//! The *old* protocol has three calls. A try charges the counters, but nobody may see the page as charged yet; when
//! the page has been inserted the charge is committed, which binds the page to its group; when it could not be
//! inserted the charge is cancelled. Exactly one of commit and cancel must follow each try that succeeded. The
//! protocol dates back to when pages were uncharged as they left the page cache, so that a page could not be bound
//! before it was in it.
//!
//! In the *new* protocol a single call charges and binds. Pages are uncharged when they are physically freed, so
//! whoever fails to insert a page only has to put it. The mail converts page cache and shmem; anonymous pages follow
//! in the final series.
//!
//! Pages of hugetlb are not charged. A huge page that does not fit below a limit is given up for a small one, which
//! is counted.
//!
//! [`protocol`] has the calls; [`pages`] the places that use them, but for shmem, which is a room of its own;
//! [`batch`] how many pages are uncharged at once.

mod batch;
mod pages;
mod protocol;

pub use pages::Faulted;

use crate::substrate::units::Pages;

/// Pages of a huge page.
pub const HUGE_PAGE: Pages = Pages(512);
