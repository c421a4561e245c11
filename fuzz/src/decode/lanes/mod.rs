//! Programs with lanes: a short beginning, then two to four lanes with a few operations each, and how their lanes are
//! chosen.
//!
//! ```text
//! machine  subject  scene  drive  seed (4 bytes)      then what the scene takes, and then single steps;
//! with a drive of bytes, those of the schedule are the last half of the input
//! ```
//! A scene makes what it needs before the lanes begin, and then pits operations against each other that have met badly
//! in the kernel's history. With bit 7 of `machine` everything is taken literally instead (`literal`). With bit 6 of `machine`, whatever the kernel does in interrupts too may be one.
//! Other operations are written to the lanes besides. No scene says what should come out.

mod literal;
mod scene;

pub use literal::encode_lanes;

use super::input::Input;
use super::script::Script;
use super::swarm;
use super::weights::Weights;
use crate::program::{Drive, Program};
use crate::trace::fix_up;
use stocktake_model::Mode;

/// The bit of the first byte by which everything is taken literally, see [`literal`].
pub(super) const LITERAL: u8 = 0x80;
/// The most steps of a program.
const MOST_STEPS: usize = 28;

/// The program with lanes that `bytes` stand for.
pub fn decode_lanes_into(bytes: &[u8], program: &mut Program) {
    super::clear(program);
    if bytes.first().is_some_and(|first| first & LITERAL != 0) {
        return literal::decode(bytes, program);
    }
    let (bytes, schedule) = bytes.split_at(bytes.len() - bytes.len() / 2);
    let mut input = Input::new(bytes);
    let machine = input.byte();
    let subject = input.byte();
    let scene = input.byte();
    let drive = input.byte();
    let seed = input.little_endian::<4>();
    let header = &mut program.header;
    header.cpus = [2, 2, 2, 3, 3, 3, 3, 4][usize::from(machine & 7)];
    if scene::needs_three_cpus(scene) {
        header.cpus = header.cpus.max(3);
    }
    header.mode = match machine >> 3 & 7 {
        0..6 => Mode::V2,
        6 => Mode::V1,
        _ => Mode::V1Flat,
    };
    if scene::needs_v1(scene) && header.mode == Mode::V2 {
        header.mode = Mode::V1;
    }
    header.drive = match drive & 15 {
        0..2 => Drive::Random(seed),
        2..9 => Drive::Partial(seed),
        9..12 => Drive::Pct { seed, depth: 1 + (drive >> 4) % 4 },
        12..15 => Drive::Bytes(schedule.to_vec()),
        _ => Drive::RoundRobin(1 + (drive >> 4)),
    };
    let weights = Weights::of_subject(subject, header.mode);
    let mut picture = swarm::picture(header);
    let mut script = Script::new(input, &mut picture, weights, &mut program.steps, MOST_STEPS);
    let first = scene::write(&mut script, scene);
    while !script.is_over() {
        script.random_step();
    }
    program.parallel = Some(first);
    if machine & 0x40 != 0 || scene::has_interrupts(scene) {
        program.steps.iter_mut().skip(first).for_each(|step| step.irq = true);
    }
    fix_up(program);
}
