//! The bytes of the input choose: one byte is a stretch of one lane.

use super::Point;

/// Bits of a byte that say which lane; the others say for how many points it keeps the CPUs.
const LANE_BITS: u32 = 3;

/// Each byte is a lane, counted among those that can go on, and the length of its stretch. Behind the last byte no
/// lane is preempted any more.
#[derive(Debug, Default)]
pub(in super::super) struct Bytes {
    bytes: Vec<u8>,
    next: usize,
    /// Points that the present stretch still lasts.
    left: u8,
}

impl Bytes {
    pub(in super::super) fn new(bytes: &[u8]) -> Bytes {
        Bytes { bytes: bytes.to_vec(), next: 0, left: 0 }
    }

    /// The same with other bytes, in the same memory.
    pub(super) fn restart(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        (self.next, self.left) = (0, 0);
    }

    pub(super) fn choose(&mut self, point: &Point) -> usize {
        if let Some(current) = point.current
            && self.left > 0
        {
            self.left -= 1;
            return current;
        }
        let Some(&byte) = self.bytes.get(self.next) else { return point.steady() };
        self.next += 1;
        self.left = byte >> LANE_BITS;
        point.ready.nth(usize::from(byte & ((1 << LANE_BITS) - 1)))
    }
}
