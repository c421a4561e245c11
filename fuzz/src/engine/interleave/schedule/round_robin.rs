//! One lane after the other, each for a fixed number of points.

use super::Point;

#[derive(Debug)]
pub(in super::super) struct RoundRobin {
    quantum: u8,
    left: u8,
    last: usize,
}

impl RoundRobin {
    pub(in super::super) fn new(quantum: u8) -> RoundRobin {
        RoundRobin { quantum: quantum.max(1), left: quantum.max(1), last: 0 }
    }

    pub(super) fn choose(&mut self, point: &Point) -> usize {
        if let Some(current) = point.current
            && self.left > 0
        {
            self.left -= 1;
            self.last = current;
            return current;
        }
        self.left = self.quantum - 1;
        let after = (1..=9).map(|step| (self.last + step) % 9);
        self.last = after.into_iter().find(|&lane| point.ready.has(lane)).unwrap_or_else(|| point.steady());
        self.last
    }
}
