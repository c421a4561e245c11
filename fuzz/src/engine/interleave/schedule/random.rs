//! Uniform random choice.

use super::{Lanes, Point};

/// A lane at random at each point.
///
/// The next choice is made while the one before is acted on, for the same lanes: what the computer does next waits for it,
/// and which lanes can go on seldom changes from one point to the next.
#[derive(Debug)]
pub(in super::super) struct Uniform {
    random: Random,
    bits: u32,
    ready: Lanes,
    lane: usize,
}

impl Uniform {
    pub(in super::super) fn new(seed: u64) -> Uniform {
        let mut random = Random::new(seed);
        let bits = random.bits();
        Uniform { random, bits, ready: Lanes::default(), lane: 0 }
    }

    #[inline]
    pub(super) fn choose(&mut self, point: &Point) -> usize {
        let lane = if self.ready == point.ready { self.lane } else { one_of(point.ready, self.bits) };
        self.bits = self.random.bits();
        self.ready = point.ready;
        self.lane = one_of(self.ready, self.bits);
        lane
    }
}

#[inline]
fn one_of(ready: Lanes, bits: u32) -> usize {
    ready.below(scaled(bits, ready.len()))
}

/// A number below `n`.
#[inline]
fn scaled(bits: u32, n: usize) -> usize {
    ((u64::from(bits) * n as u64) >> 32) as usize
}

/// Random numbers.
#[derive(Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        // Seeds that are close together must not give sequences that are.
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Random { state: (state ^ state >> 31) | 1 }
    }

    /// The next 32 random bits (xorshift64*).
    #[inline]
    pub(super) fn bits(&mut self) -> u32 {
        let mut state = self.state;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.state = state;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// A number below `n`.
    #[inline]
    pub(super) fn below(&mut self, n: usize) -> usize {
        scaled(self.bits(), n)
    }
}
