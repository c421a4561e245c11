//! The tiny profile: one or two groups, at most eight operations on one or two CPUs.
//!
//! Short programs are many, so that nearly all of them are tried, and what they find needs no minimising.
//!
//! ```text
//! profile  machine  limits  subject  step…        (steps as in the swarm profile)
//! ```

use super::input::Input;
use super::script::Script;
use super::swarm;
use super::weights::Weights;
use crate::program::Program;
use stocktake_model::{CpuId, GroupId, Limit, Mode};

/// Operations, beside the one or two that create the groups.
const OPERATIONS: usize = 8;

/// Read a program; `input` begins behind the profile byte.
pub(super) fn decode(mut input: Input<'_>, program: &mut Program) {
    const MODES: [Mode; 8] =
        [Mode::V2, Mode::V2, Mode::V2, Mode::V2, Mode::V2, Mode::V2, Mode::V1, Mode::V1Flat];
    let machine = input.byte();
    let limits = input.byte();
    let subject = input.byte();
    let two_groups = machine & 2 != 0;
    let header = &mut program.header;
    header.cpus = 1 + (machine & 1);
    header.mode = MODES[usize::from(machine >> 3 & 7)];
    header.ids = if machine & 0xc0 == 0 { 2 } else { 8 };
    header.slots = if machine & 0xc0 == 0x40 { 2 } else { 64 };
    let weights = Weights::of_subject(subject, header.mode);
    let cap = OPERATIONS + 1 + usize::from(two_groups);
    let mut picture = swarm::picture(header);
    let mut script = Script::new(input, &mut picture, weights, &mut program.steps, cap);
    let first = script.mkdir(CpuId(0), GroupId::ROOT, limit(limits), Limit::MAX);
    if two_groups {
        let parent = if machine & 4 != 0 { first } else { GroupId::ROOT };
        script.mkdir(CpuId(0), parent, limit(limits >> 4), Limit::MAX);
    }
    swarm::write(&mut script);
}

fn limit(choice: u8) -> Limit {
    match choice & 15 {
        0 => Limit::pages(0),
        1 => Limit::pages(1),
        2 => Limit::pages(2),
        3 => Limit::pages(3),
        4 => Limit::pages(63),
        5 => Limit::pages(64),
        6 => Limit::pages(65),
        _ => Limit::MAX,
    }
}
