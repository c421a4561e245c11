//! Random input for one execution, a function of the seed and the execution's number alone.

use super::Profile;

/// Fill `out` with the input of execution `index` under `seed`.
pub fn random_bytes(seed: u64, index: u64, out: &mut Vec<u8>) {
    let mut random = Xoshiro::new(seed, index);
    let choice = random.next();
    let profile = match choice % 100 {
        0..15 => Profile::Tiny,
        15..60 => Profile::Swarm,
        60..90 => Profile::Scenario,
        _ => Profile::Direct,
    };
    let spread = (choice >> 32) as usize;
    let length = match profile {
        Profile::Tiny => 16 + spread % 49,
        // A scenario makes several steps from each byte.
        Profile::Scenario => 32 + spread % 225,
        Profile::Swarm | Profile::Direct if (choice >> 24).is_multiple_of(16) => 512 + spread % 513,
        Profile::Swarm | Profile::Direct => 64 + spread % 449,
    };
    out.clear();
    out.reserve(length.next_multiple_of(8));
    while out.len() < length {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
    out.truncate(length);
    out[0] = profile.byte();
}

/// As [`random_bytes`], for a program with lanes.
pub fn random_lane_bytes(seed: u64, index: u64, out: &mut Vec<u8>) {
    let mut random = Xoshiro::new(seed, index);
    let length = 48 + (random.next() >> 32) as usize % 49;
    out.clear();
    while out.len() < length {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
    out.truncate(length);
    // A random program taken literally hardly ever makes sense.
    out[0] &= 0x7f;
}

/// xoshiro256++ (Blackman and Vigna): a few instructions a word, and no visible pattern in any bit.
struct Xoshiro([u64; 4]);

impl Xoshiro {
    fn new(seed: u64, index: u64) -> Xoshiro {
        let mut at = splitmix(&mut seed.clone()) ^ index;
        Xoshiro(std::array::from_fn(|_| splitmix(&mut at)))
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }
}

/// splitmix64 (Steele, Lea and Flood): advances `state` and answers a well mixed word.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
