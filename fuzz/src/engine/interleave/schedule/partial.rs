//! Partial order sampling: each access that is about to be made has a random priority, and the highest is made. What
//! races with it, the other lanes' next accesses to the same word, has its priority drawn anew, so that either order of
//! two accesses that conflict is as likely, whatever stands around them (Yuan, Yang, Gu: Partial Order Aware
//! Concurrency Sampling, 2018).
//!
//! A lane whose access has drawn a low priority stays in front of it while others run on. Only accesses to what other
//! lanes touch too are drawn for; the lane keeps its priority through all others. Which those are is known from an
//! execution of the same program without preemptions, so this takes two executions for each.

use super::random::Random;
use super::{Outlook, Point};

/// One access in so many is put off.
const PUT_OFF: u32 = 8;

#[derive(Debug)]
pub(in super::super) struct Partial {
    random: Random,
    /// Of what each lane does next; 0 if it has not been drawn.
    priority: [u32; 9],
}

impl Partial {
    pub(in super::super) fn new(seed: u64) -> Partial {
        Partial { random: Random::new(seed), priority: [0; 9] }
    }

    pub(super) fn choose(&mut self, point: &Point) -> usize {
        for lane in point.ready.iter() {
            if self.priority[lane] == 0 {
                self.priority[lane] = self.draw();
            }
        }
        point.ready.iter().max_by_key(|&lane| self.priority[lane]).unwrap_or_else(|| point.steady())
    }

    /// One access in so many is put off for long: until every other lane has come to one that is, waits or has ended, or
    /// something races with it.
    fn draw(&mut self) -> u32 {
        let bits = self.random.bits();
        let shift = if bits.is_multiple_of(PUT_OFF) { 16 } else { 0 };
        bits >> shift | 1
    }

    /// The lane does what it was about to do.
    pub(super) fn goes(&mut self, lane: usize, outlook: Outlook) {
        if outlook.shared {
            self.priority[lane] = 0;
        }
        outlook.racing.iter().for_each(|lane| self.priority[lane] = 0);
    }
}
