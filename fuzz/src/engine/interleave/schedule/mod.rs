//! Who runs next: one strategy a file.
//!
//! A strategy is asked only where more than one lane can go on. It sees which, and which of them has run until now;
//! it knows nothing of programs, machines or checks. All of them are deterministic.

mod bytes;
mod exhaustive;
mod partial;
mod pct;
mod random;
mod recorded;
mod round_robin;

pub(super) use bytes::Bytes;
pub(super) use exhaustive::Exhaustive;
pub(super) use partial::Partial;
pub(super) use pct::Pct;
pub(super) use random::Uniform;
pub(super) use recorded::Recorded;
pub(super) use round_robin::RoundRobin;

use crate::program::Drive;

/// A set of lanes, that of an interrupt among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lanes(u16);

impl Lanes {
    #[inline(always)]
    pub(super) fn has(self, lane: usize) -> bool {
        self.0 >> lane & 1 != 0
    }

    #[inline(always)]
    pub(super) fn insert(&mut self, lane: usize) {
        self.0 |= 1 << lane;
    }

    #[inline(always)]
    pub(super) fn remove(&mut self, lane: usize) {
        self.0 &= !(1 << lane);
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        usize::from(ROWS[self.row()].len)
    }

    /// Whether exactly one lane is in it, or none.
    #[inline(always)]
    pub(super) fn leaves_no_choice(self) -> bool {
        self.0 & self.0.wrapping_sub(1) == 0
    }

    #[inline(always)]
    fn row(self) -> usize {
        usize::from(self.0) % ROWS.len()
    }

    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether no lane beside this one is in it.
    #[inline(always)]
    pub(super) fn none_but(self, lane: usize) -> bool {
        self.0 & !(1 << lane) == 0
    }

    /// The lane of the lowest number, or lane 0 if there is none.
    #[inline(always)]
    pub(super) fn first(self) -> usize {
        if self.0 == 0 { 0 } else { self.0.trailing_zeros() as usize }
    }

    /// The lane with so many others below it; counted again from the lowest if there are not so many.
    #[inline(always)]
    pub(super) fn nth(self, n: usize) -> usize {
        let len = self.len();
        self.below(if n < len { n } else { n % len.max(1) })
    }

    /// The lane with so many others below it, of which there are so many.
    #[inline(always)]
    pub(super) fn below(self, n: usize) -> usize {
        usize::from(ROWS[self.row()].lanes[n % MOST])
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..9).filter(move |&lane| self.has(lane))
    }
}

/// The most lanes in a set: an interrupt has the CPU of another lane.
const MOST: usize = 8;

/// What is asked of a set at each point. Looked up, as computers count bits in a dozen instructions unless they are
/// told which model they are, and a loop that ends at random costs more than everything else at a point.
#[derive(Clone, Copy)]
struct Row {
    /// In ascending order.
    lanes: [u8; MOST],
    len: u8,
}

/// Of each set.
static ROWS: [Row; 512] = {
    let mut rows = [Row { lanes: [0; MOST], len: 0 }; 512];
    let mut set = 0;
    while set < 512 {
        let (mut lane, mut n) = (0, 0);
        while lane < 9 {
            if set >> lane & 1 != 0 && n < MOST {
                rows[set].lanes[n] = lane as u8;
                n += 1;
            }
            lane += 1;
        }
        rows[set].len = n as u8;
        set += 1;
    }
    rows
};

/// A point at which more than one lane can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// The lane that ran until now, if it is in the middle of an operation and can go on: another one in its place
    /// is a preemption.
    pub(super) current: Option<usize>,
    /// Those that can go on.
    pub(super) ready: Lanes,
}

impl Point {
    /// The lane that a scheduler without a will of its own takes.
    #[inline]
    pub(super) fn steady(&self) -> usize {
        self.current.unwrap_or_else(|| self.ready.first())
    }
}

/// What a lane is about to do, as far as others are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Whether others touch that too, as far as is known from an execution before.
    pub(super) shared: bool,
    /// Lanes that are about to make an access which conflicts with it.
    pub(super) racing: Lanes,
}

/// How lanes are chosen in one execution.
#[derive(Debug, Default)]
pub(super) enum Strategy {
    /// No lane is ever preempted; the lowest goes first.
    #[default]
    Steady,
    Bytes(Bytes),
    Random(Uniform),
    Pct(Pct),
    Partial(Partial),
    RoundRobin(RoundRobin),
    Recorded(Recorded),
    Exhaustive(Exhaustive),
}

impl Strategy {
    /// The lane that runs next.
    #[inline]
    pub(super) fn choose(&mut self, point: &Point) -> usize {
        match self {
            Strategy::Random(random) => random.choose(point),
            _ => self.choose_otherwise(point),
        }
    }

    #[inline(never)]
    fn choose_otherwise(&mut self, point: &Point) -> usize {
        match self {
            Strategy::Steady => point.steady(),
            Strategy::Random(random) => random.choose(point),
            Strategy::Bytes(bytes) => bytes.choose(point),
            Strategy::Pct(pct) => pct.choose(point),
            Strategy::Partial(partial) => partial.choose(point),
            Strategy::RoundRobin(round_robin) => round_robin.choose(point),
            Strategy::Recorded(recorded) => recorded.choose(point),
            Strategy::Exhaustive(exhaustive) => exhaustive.choose(point),
        }
    }

    /// A lane has been chosen and goes on. What that means for others is asked only if the strategy heeds it.
    #[inline]
    pub(super) fn goes(&mut self, lane: usize, outlook: impl FnOnce() -> Outlook) {
        match self {
            Strategy::Partial(partial) => partial.goes(lane, outlook()),
            Strategy::Exhaustive(exhaustive) if exhaustive.heeds_outlook() => exhaustive.goes(outlook()),
            _ => {}
        }
    }

    /// Begin an execution as a program wants it. A program that leaves it open is explored: that takes many
    /// executions, and is begun elsewhere.
    pub(super) fn start(&mut self, drive: &Drive) {
        match drive {
            Drive::Explore => *self = Strategy::Steady,
            Drive::Random(seed) => *self = Strategy::Random(Uniform::new(*seed)),
            Drive::Guided(lanes) => *self = Strategy::Recorded(Recorded::guide(lanes)),
            Drive::Pct { seed, depth } => *self = Strategy::Pct(Pct::new(*seed, *depth)),
            Drive::Partial(seed) => *self = Strategy::Partial(Partial::new(*seed)),
            Drive::RoundRobin(quantum) => *self = Strategy::RoundRobin(RoundRobin::new(*quantum)),
            Drive::Bytes(bytes) => match self {
                Strategy::Bytes(strategy) => strategy.restart(bytes),
                _ => *self = Strategy::Bytes(Bytes::new(bytes)),
            },
        }
    }
}
