//! Sizes, counts and limits at which something changes: edges of pages and of batches, and what is used now.

use stocktake_model::{Limit, PAGE_SIZE, PageOp};

/// Pages that a charge asks the counters for when the stock misses, and the most that a stock keeps.
pub(super) const BATCH: u64 = 64;

/// A size in bytes; `previous` is the size of the last object.
pub(super) fn bytes(choice: u8, previous: u64) -> u64 {
    let high = u64::from(choice >> 4);
    match choice & 15 {
        0 | 1 => 92,
        2 => 1,
        3 => PAGE_SIZE - 1,
        4 => PAGE_SIZE,
        5 => PAGE_SIZE + 1,
        6 => 2 * PAGE_SIZE - 1,
        7 => 2 * PAGE_SIZE,
        8 => 3 * PAGE_SIZE + 1,
        // What the last object left of its last page.
        9 | 10 => PAGE_SIZE - previous % PAGE_SIZE,
        11 => PAGE_SIZE - 92,
        12 => PAGE_SIZE / 2,
        13 => 8 * (1 + high),
        14 => 2 * high + 1,
        _ => 1 + 271 * high,
    }
}

/// A number of pages.
pub(super) fn pages(choice: u8) -> u64 {
    match choice & 15 {
        0..=3 => 1,
        4 | 5 => 2,
        6 | 7 => 3,
        8 => BATCH - 1,
        9 => BATCH,
        10 => BATCH + 1,
        11 => 2 * BATCH - 1,
        12 => 2 * BATCH,
        13 if choice >= 0xd0 => PageOp::HUGE.0,
        13 => BATCH / 2,
        _ => 1 + u64::from(choice >> 4),
    }
}

/// A memory limit for a group that uses `usage` pages.
pub(super) fn limit(choice: u8, usage: u64) -> Limit {
    Limit::pages(match choice & 15 {
        0 => usage.saturating_sub(1),
        1 => usage,
        2 => usage + 1,
        3 => usage + 2,
        4 => usage + BATCH - 1,
        5 => usage + BATCH,
        6 => usage + BATCH + 1,
        7 => usage + 2 * BATCH,
        8 => 100,
        9 if choice & 0x30 == 0 => 0,
        9 => 1,
        10 => usage + u64::from(choice >> 4),
        _ => return Limit::MAX,
    })
}

/// A memory limit for a new group: mostly none, and seldom one below which nothing can happen.
pub(super) fn first_limit(choice: u8) -> Limit {
    Limit::pages(match choice & 31 {
        0 => u64::from(choice >> 7),
        1 => 2,
        2 => 3,
        3 => BATCH - 1,
        4 => BATCH,
        5 => BATCH + 1,
        6 => 2 * BATCH - 1,
        7 => 2 * BATCH,
        8 | 9 => 100,
        10 => 2 * BATCH + 1,
        11 => 5 + u64::from(choice >> 5),
        _ => return Limit::MAX,
    })
}

/// A swap limit.
pub(super) fn swap_limit(choice: u8) -> Limit {
    match choice & 7 {
        0 => Limit::pages(0),
        1 => Limit::pages(1),
        2 => Limit::pages(2),
        3 => Limit::pages(1 + u64::from(choice >> 3)),
        _ => Limit::MAX,
    }
}
