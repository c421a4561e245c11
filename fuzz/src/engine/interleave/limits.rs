//! What an operation has really seen of the limits: each add to a usage, and the limit that was read after it.
//!
//! A charge that fails must have seen a usage above a limit; one that succeeds must have seen, at every level that it
//! added to, that it stays within.

use stocktake_impl::{Access, Label, What};
use stocktake_model::{Errno, Limit, Op, Outcome, Pages, Step};

/// A refusal as it was seen: at this level the usage with the pages asked for was above the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The usage of the group that has the limit.
    pub(super) of: Label,
    /// Pages that were added.
    pub(super) pages: i64,
    /// The usage with them.
    pub(super) usage: i64,
    /// The limit that was read.
    pub(super) max: i64,
    /// Pages that other operations under way had added by then, and might take back.
    pub(super) others: i64,
}

/// The adds of one operation that are not judged yet, and the last refusal.
#[derive(Debug, Default)]
pub(super) struct LimitsSeen {
    /// The level that was added to last: its word, the pages, the usage afterwards, and what others had in flight.
    pending: Option<(Label, i64, i64, i64)>,
    /// Levels at which the operation went above a limit and has not gone back.
    above: Vec<Refused>,
    pub(super) last_refused: Option<Refused>,
    /// A v1 limit write that saw more usage than it wanted to allow.
    usage_read: Vec<(What, i64)>,
    /// Another drain was running.
    lost_drain: bool,
}

impl LimitsSeen {
    pub(super) fn clear(&mut self) {
        self.pending = None;
        self.above.clear();
        self.last_refused = None;
        self.usage_read.clear();
        self.lost_drain = false;
    }

    /// Whether an access to this word tells anything of limits.
    #[inline]
    pub(super) fn concerns(what: What) -> bool {
        is_usage(what) || is_limit(what) || what == What::DrainMutex
    }

    /// An access to a usage or a limit. `others` tells what other operations have in flight on the word.
    pub(super) fn see(
        &mut self,
        label: Label,
        access: Access,
        old: i64,
        new: i64,
        others: impl FnOnce() -> i64,
    ) {
        match (label.what, access) {
            (what, Access::Update) if is_usage(what) && new > old => {
                self.pending = Some((label, new - old, new, others()));
            }
            (what, Access::Update) if is_usage(what) => {
                self.above.retain(|refused| refused.of != label);
            }
            (what, Access::Load) if is_usage(what) => {
                self.usage_read.push((what, new));
            }
            (what, Access::Load) if is_limit(what) => {
                if let Some((of, pages, usage, others)) = self.pending.take()
                    && (of.index, limit_of(of.what)) == (label.index, what)
                    && usage > new
                {
                    let refused = Refused { of, pages, usage, max: new, others };
                    self.above.push(refused);
                    self.last_refused = Some(refused);
                }
            }
            (What::DrainMutex, Access::Trylock) => self.lost_drain |= old != 0,
            _ => {}
        }
    }

    /// Whether a refusal is due to what the operation has seen.
    pub(super) fn explains(&self, step: &Step, observed: Outcome) -> bool {
        match (step.op, observed) {
            (Op::DrainAll { .. }, Outcome::Refused(Errno::Busy)) => self.lost_drain,
            (Op::SetMax { max, .. }, Outcome::Refused(Errno::Busy)) => {
                self.read_above(What::MemoryUsage, max)
            }
            (Op::SetKmemMax { max, .. }, Outcome::Refused(Errno::Busy)) => {
                self.read_above(What::KmemUsage, max)
            }
            (Op::SetMemswMax { max, .. }, Outcome::Refused(Errno::Busy)) => {
                self.read_above(What::MemswUsage, max)
            }
            // A small page has taken the place of a huge one.
            (_, Outcome::Refused(Errno::NoMem) | Outcome::Small) => self.last_refused.is_some(),
            _ => false,
        }
    }

    fn read_above(&self, of: What, max: Limit) -> bool {
        let mut read = self.usage_read.iter().filter(|(what, _)| *what == of);
        read.any(|(_, usage)| !max.admits(Pages((*usage).max(0) as u64)))
    }

    /// A level at which the operation is above the limit that it has read, and stays there.
    pub(super) fn above(&self) -> Option<Refused> {
        self.above.first().copied()
    }
}

fn is_usage(what: What) -> bool {
    matches!(what, What::MemoryUsage | What::MemswUsage | What::KmemUsage | What::SwapUsage)
}

fn is_limit(what: What) -> bool {
    matches!(what, What::MemoryMax | What::MemswMax | What::KmemLimit | What::SwapMax)
}

fn limit_of(usage: What) -> What {
    match usage {
        What::MemswUsage => What::MemswMax,
        What::KmemUsage => What::KmemLimit,
        What::SwapUsage => What::SwapMax,
        _ => What::MemoryMax,
    }
}
