//! How the direct profile writes numbers: one byte for the common ones, an escape for all others.

use super::input::Input;

// What a trace file may contain: a finding has to be written as one. Sums of a whole program stay far below `u64`.
/// The most pages of a folio.
pub(super) const MOST_PAGES: u64 = 1 << 20;
/// The most bytes of an object.
pub(super) const MOST_BYTES: u64 = 1 << 30;
/// The largest limit, in pages.
pub(super) const MOST_LIMIT: u64 = 1 << 40;

/// Below this, a byte is its own value.
const LITERAL: u8 = 0xc0;
/// From [`LITERAL`] on: numbers around the edges of pages and batches. Part of the format: append only.
const COMMON: [u64; 20] = [
    4096, 4095, 4097, 4004, 8191, 8192, 8193, 12288, 12289, 3000, 2048, 1000, 255, 256, 257, 512, 1024, 4088,
    200, 65536,
];
/// Escapes: a number of 2, 4 or 8 bytes follows, the lowest byte first.
const TWO: u8 = 0xfc;
const FOUR: u8 = 0xfd;
const EIGHT: u8 = 0xfe;
/// In a limit: no limit.
const UNLIMITED: u8 = 0xff;

/// Read a number; a larger one than `most` becomes `most`.
pub(super) fn read(input: &mut Input<'_>, most: u64) -> u64 {
    let first = input.byte();
    finish(first, input).min(most)
}

/// Read a limit: a number of pages, or none.
pub(super) fn read_limit(input: &mut Input<'_>) -> Option<u64> {
    match input.byte() {
        UNLIMITED => None,
        first => Some(finish(first, input).min(MOST_LIMIT)),
    }
}

fn finish(first: u8, input: &mut Input<'_>) -> u64 {
    match first {
        TWO => input.little_endian::<2>(),
        FOUR => input.little_endian::<4>(),
        EIGHT => input.little_endian::<8>(),
        0..LITERAL => u64::from(first),
        _ => COMMON[usize::from(first - LITERAL) % COMMON.len()],
    }
}

/// Write a number.
pub(super) fn write(number: u64, out: &mut Vec<u8>) {
    if number < u64::from(LITERAL) {
        out.push(number as u8);
    } else if let Some(at) = COMMON.iter().position(|common| *common == number) {
        out.push(LITERAL + at as u8);
    } else if let Ok(short) = u16::try_from(number) {
        out.push(TWO);
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(long) = u32::try_from(number) {
        out.push(FOUR);
        out.extend_from_slice(&long.to_le_bytes());
    } else {
        out.push(EIGHT);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// Write a limit.
pub(super) fn write_limit(limit: Option<u64>, out: &mut Vec<u8>) {
    match limit {
        Some(number) => write(number, out),
        None => out.push(UNLIMITED),
    }
}
