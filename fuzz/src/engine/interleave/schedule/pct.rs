//! Probabilistic concurrency testing: random priorities, and a bounded number of random points at which the lane
//! that runs loses its own. A bug of depth d is found with a probability that has a lower bound (Burckhardt,
//! Kothari, Musuvathi, Nagarakatte, 2010).

use super::Point;
use super::random::Random;

/// The points of an execution among which the changes are drawn. Programs of the hunt have about so many.
const LENGTH: usize = 96;
/// The most changes.
const MOST_CHANGES: usize = 8;

#[derive(Debug)]
pub(in super::super) struct Pct {
    /// By lane; the highest that can go on runs.
    priority: [u8; 9],
    /// Points at which the priority of the lane that runs sinks below all others.
    changes: [usize; MOST_CHANGES],
    depth: usize,
    point: usize,
    lowest: u8,
}

impl Pct {
    /// With `depth` changes of priority.
    pub(in super::super) fn new(seed: u64, depth: u8) -> Pct {
        let mut random = Random::new(seed);
        let mut priority: [u8; 9] = std::array::from_fn(|lane| 100 + lane as u8);
        for last in (1..8).rev() {
            priority.swap(last, random.below(last + 1));
        }
        let changes = std::array::from_fn(|_| random.below(LENGTH));
        let depth = usize::from(depth).min(MOST_CHANGES);
        // An interrupt comes at the first place, or as soon as the lane has fallen behind.
        priority[8] = if random.below(2) == 0 { 200 } else { 99 };
        Pct { priority, changes, depth, point: 0, lowest: 98 }
    }

    pub(super) fn choose(&mut self, point: &Point) -> usize {
        if let Some(current) = point.current
            && self.changes[..self.depth].contains(&self.point)
        {
            self.priority[current] = self.lowest;
            self.lowest -= 1;
        }
        self.point += 1;
        point.ready.iter().max_by_key(|&lane| self.priority[lane]).unwrap_or_else(|| point.steady())
    }
}
