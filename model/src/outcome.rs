//! What an operation answers, and what it is allowed to answer.

use crate::{Bytes, GroupId, Pages};
use std::fmt;

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errno {
    /// `ENOMEM`: the charge does not fit, or an allocation failed.
    NoMem,
    /// `EBUSY`: the group has children or tasks, the limit is below the usage, or another drain is running.
    Busy,
    /// `ENOSPC`: no memcg id, or no swap slot, is left.
    NoSpace,
    /// `ENODEV`: the group has been removed.
    NoDev,
    /// `EEXIST`: the place of a page is another's by now; whoever asked looks again.
    Exist,
    /// `ENOENT`: what led to a page is gone. No specification allows it; a design answers it.
    NoEnt,
    /// `EINVAL`: a memory limit above that of memory+swap.
    Invalid,
}

/// A work item that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ran {
    /// Nothing was queued.
    Nothing,
    /// This CPU's stocks were drained because another CPU asked for it.
    Drain,
    /// The second half of a group's rmdir.
    Offline(GroupId),
    /// The first half of the end of a group whose last reference is gone.
    Release(GroupId),
    /// The creation of a kmem_cache for a group, asked for by an allocation of one of its tasks.
    Create(GroupId),
    /// A part of the end of a group's kmem_cache.
    Cache,
}

/// What an operation answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was done, and this is the group that it concerned: whose objcg was taken, who pays for a swap slot or
    /// for a page that was swapped in.
    To(GroupId),
    /// It was refused, and nothing was changed.
    Refused(Errno),
    /// Yes or no, to a question.
    Is(bool),
    /// It was done, and this is the version that the page contains.
    Read(u32),
    /// It was done with a small page in the place of a huge one.
    Small,
    /// It was done, and has left a page in the swap cache, and its slots, with nothing that leads to them.
    Stranded,
    /// Answer of [`Op::Work`](crate::Op::Work).
    Ran(Ran),
}

/// Why an outcome that is not the model's own is allowed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A charge fails, or a limit is refused, because of pages that are cached where this operation could not
    /// reach them: in stocks of other CPUs, or bound by byte stocks and leftovers.
    RemoteStock,
    /// A charge served wholly from this CPU's stock succeeds although a limit has been lowered below the usage,
    /// or was exceeded by force.
    StockHitOverMax,
    /// The second half of an rmdir has not run yet.
    Offlining,
    /// A charge fails that would have been served at each single moment: beside a large failing one, or as it had added
    /// before others freed, and read the limit when it had been lowered. Only where operations overlap.
    FalseLockOut,
    /// A hole punch leaves a page in the swap cache, as somebody has it locked or it is being written.
    Stranded,
}

impl Reason {
    /// All reasons, in the order in which reports list them.
    pub const ALL: [Reason; 5] = [
        Reason::RemoteStock,
        Reason::StockHitOverMax,
        Reason::Offlining,
        Reason::FalseLockOut,
        Reason::Stranded,
    ];

    /// The word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Reason::RemoteStock => "remote-stock",
            Reason::StockHitOverMax => "stock-hit-over-max",
            Reason::Offlining => "offlining",
            Reason::FalseLockOut => "false-lock-out",
            Reason::Stranded => "stranded",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The outcomes that the specification allows for one operation in one situation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Allowed {
    /// The model's own outcome first. More than one only where the specification leaves the choice open, as
    /// which of several queued work items runs.
    pub exact: Vec<Outcome>,
    /// Others that are legal now, each with its reason.
    pub divergent: Vec<(Outcome, Reason)>,
}

/// How an observed outcome agrees with the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// It is the model's own.
    Exact,
    /// It is legal for this reason.
    Divergent(Reason),
    /// It is outside the set of allowed outcomes.
    Violation,
}

impl Allowed {
    /// Only one outcome is allowed.
    pub fn only(first: Outcome) -> Allowed {
        Allowed { exact: vec![first], divergent: Vec::new() }
    }

    /// How `observed` agrees with this set.
    pub fn grade(&self, observed: Outcome) -> Grade {
        if self.exact.contains(&observed) {
            return Grade::Exact;
        }
        match self.divergent.iter().find(|(outcome, _)| *outcome == observed) {
            Some((_, reason)) => Grade::Divergent(*reason),
            None => Grade::Violation,
        }
    }
}

/// What was really cached around one operation, as somebody saw who looked at the machine under test.
///
/// The model asks only when its own outcome differs from the observed one. All answers are counts of what is
/// really there at that moment, never bounds of what might be.
pub trait Witness {
    /// Pages charged at the level of `group`'s counter, *after* the operation. Besides live charges they include
    /// pages in stocks, and pages that are bound by byte stocks and leftovers.
    fn usage(&self, group: GroupId) -> Pages;
    /// Pages and swap slots charged together at that level, *after* the operation. Asked in v1 only.
    fn memsw(&self, group: GroupId) -> Pages;
    /// Pages of kernel memory charged at that level, *after* the operation, slabs without objects included. Asked only
    /// where they have a counter of their own.
    fn kmem(&self, group: GroupId) -> Pages {
        let _ = group;
        Pages(0)
    }
    /// Pages of the charged group that were in the page stock of the CPU that ran the operation, *before* it.
    fn local_pages(&self) -> Pages;
    /// Bytes of the charged objcg that were in the byte stock of that CPU, *before* it.
    fn local_bytes(&self) -> Bytes;
    /// Whether the kmem_cache that an object was allocated from kept a slab without objects, *before* it.
    fn idle_slab(&self) -> bool {
        false
    }
}
