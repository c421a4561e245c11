//! What stands for a model in a search, where thousands of a few kilobytes each would have to be kept: 128 bits of all
//! that it hashes. That two of one search have the same is not to be expected.

use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::xxh3_128;

/// Takes fingerprints; keeps only its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Fingerprint(Bytes);

impl Fingerprint {
    pub(super) fn of(&mut self, what: &impl Hash) -> u128 {
        self.0.0.clear();
        what.hash(&mut self.0);
        xxh3_128(&self.0.0)
    }
}

/// Everything that something hashes.
#[derive(Debug, Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        xxh3_128(&self.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_the_same_and_each_part_counts() {
        let mut fingerprint = Fingerprint::default();
        let first = fingerprint.of(&(1_u8, vec![2_u32, 3]));
        let others = [
            fingerprint.of(&(1_u8, vec![2_u32])),
            fingerprint.of(&(0_u8, vec![2_u32, 3])),
            fingerprint.of(&(1_u8, vec![3_u32, 2])),
        ];
        assert_eq!(first, fingerprint.of(&(1_u8, vec![2_u32, 3])));
        assert!(others.iter().all(|other| *other != first), "{others:?}");
    }
}
