//! Programs with lanes taken literally: what a trace with lanes becomes as an input of the fuzzer, and the way back.
//!
//! ```text
//! 0x80  length of the schedule  stretch…  operations before the lanes  then as in the direct profile, behind its first byte
//! stretch: a lane (4 bits), and one less than the points for which it runs (4 bits)
//! ```
//! The schedule is a guide: where it does not apply, as it was changed or the program was, no lane is preempted.

use crate::decode::encode::{self, Unencodable};
use crate::decode::input::Input;
use crate::decode::{direct, number};
use crate::program::{Action, Drive, Program};
use crate::trace::fix_up;

/// Bits of a stretch that say which lane.
const LANE_BITS: u32 = 4;
/// The most points of a stretch.
const MOST_POINTS: usize = 16;

/// The program that such bytes stand for.
pub(super) fn decode(bytes: &[u8], program: &mut Program) {
    let mut input = Input::new(&bytes[1..]);
    let length = number::read(&mut input, bytes.len() as u64);
    let mut schedule = Vec::new();
    for _ in 0..length {
        let stretch = input.byte();
        let points = usize::from(stretch >> LANE_BITS) + 1;
        schedule.extend(std::iter::repeat_n(stretch & ((1 << LANE_BITS) - 1), points));
    }
    let first = number::read(&mut input, bytes.len() as u64) as usize;
    direct::decode(&mut input, program, true);
    program.header.drive = Drive::Guided(schedule);
    program.parallel = Some(first);
    fix_up(program);
}

/// The bytes that decode into a program with lanes and its schedule. What [`encode`](super::super::encode()) drops is
/// dropped here, too. A program without lanes has them from its end on.
///
/// # Errors
/// [`Unencodable`] where it has numbers that the format has no place for.
pub fn encode_lanes(program: &Program) -> Result<Vec<u8>, Unencodable> {
    let mut stretches = Vec::new();
    for same in program.header.schedule.chunk_by(|a, b| a == b) {
        for part in same.chunks(MOST_POINTS) {
            stretches.push(part[0] | (part.len() as u8 - 1) << LANE_BITS);
        }
    }
    let first = program.parallel.unwrap_or(program.steps.len()).min(program.steps.len());
    let before = program.steps[..first].iter().filter(|step| matches!(step.action, Action::Op(_))).count();
    let mut out = vec![super::LITERAL];
    number::write(stretches.len() as u64, &mut out);
    out.extend(stretches);
    number::write(before as u64, &mut out);
    encode::literal(program, out)
}
