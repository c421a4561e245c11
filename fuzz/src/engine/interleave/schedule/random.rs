//! Uniform random choice.

use super::Point;

/// A lane at random at each point.
#[derive(Debug)]
pub(in super::super) struct Random {
    state: u64,
    /// The bits for the next choice. Made while the one before is acted on: what a lane does next waits for them.
    ahead: u32,
}

impl Random {
    pub(in super::super) fn new(seed: u64) -> Random {
        // Seeds that are close together must not give sequences that are.
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut random = Random { state: (state ^ state >> 31) | 1, ahead: 0 };
        random.bits();
        random
    }

    /// The next 32 random bits (xorshift64*).
    #[inline]
    pub(super) fn bits(&mut self) -> u32 {
        let mut state = self.state;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.state = state;
        let product = state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        std::mem::replace(&mut self.ahead, (product >> 32) as u32)
    }

    /// A number below `n`.
    #[inline]
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.bits()) * n as u64) >> 32) as usize
    }

    #[inline]
    pub(super) fn choose(&mut self, point: &Point) -> usize {
        let n = self.below(point.ready.len());
        point.ready.below(n)
    }
}
