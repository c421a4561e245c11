//! Seed 002: the file_mapped statistic, counted per group and CPU, against charges that move between groups.
//!
//! A page is counted where it is charged while at least one page table has it. Whoever maps or unmaps it changes
//! the mapcount first and tells the statistic afterwards, without a lock over both; so the page's group may change
//! in between, and so may the mapcount. A mover has to take the page out of one group's statistic and put it into
//! another's, and needs to know what of it has been counted.
//!
//! The designs differ in two things. *When is the page lock taken?* Always (`page-lock`); or only under a per-CPU
//! mark that a mover raises before it waits for a grace period (all others). *What does the mover believe?* A flag
//! on the page, set with +1 and cleared with −1 (`page-lock`, `marked`); a count of what has been told of this page
//! (`marked-count`, the default); or the mapcount itself, if both halves of a mapping lie in one section
//! (`section-first`).
//!
//! *When is the page's group believed?* An updater reads it, then the mark. In between a mover that has waited for its
//! grace period may move the page and lower the mark again: the updater sees no mark and the wrong group. As mailed
//! (`marked`) it goes on; all others read the group once more after the mark, and take the page lock if it is another.
//! A move that begins later waits for the updater's section, so one more look is enough.
//!
//! One idea a file: [`page`] what a page has beside its charge; [`stat`] the counters; [`update`] mapping and
//! unmapping; [`moving`] movers. Three ingredients matter only where operations overlap inside: the grace period after
//! raising the mark (S13), reading the owner again under the lock (S14), and after the mark. No whole operation that
//! runs after another can tell whether they are there; `tests/weak_memory` can.

mod moving;
mod page;
mod stat;
mod update;

pub(crate) use page::PageState;
pub(crate) use stat::Stats;
pub use stat::{STAT_CPUS, Stat};
pub use update::MappedHalf;
