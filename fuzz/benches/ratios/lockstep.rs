//! What it costs that programs come from bytes: decoding and running them, against running programs that have been
//! decoded before. Model, machine and all checks are the same on both sides.

use crate::report::{Goal, Row};
use crate::sampling::{Effort, Ratio, take_turns, time_per_unit};
use stocktake::decode;
use stocktake::engine::lockstep::Lockstep;
use stocktake::program::Program;
use stocktake::tally::Tally;

/// Programs, drawn as a hunt draws them.
const PROGRAMS: usize = 320;
/// Programs in a sample, which then lasts some 200 microseconds.
const CHUNK: usize = 4;
const SEED: u64 = 1;

pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let inputs: Vec<Vec<u8>> = (0..PROGRAMS).map(input).collect();
    let programs: Vec<Program> = inputs.iter().map(|bytes| decode::decode(bytes)).collect();
    let chunks = PROGRAMS / CHUNK;
    let mut from_bytes = Runner::new();
    let mut bare = Runner::new();
    let mut program = Program::default();
    let times = take_turns(
        effort.rounds(chunks * 20),
        [
            &mut |round| {
                let chunk = &inputs[round % chunks * CHUNK..][..CHUNK];
                time_per_unit(1, || {
                    for bytes in chunk {
                        decode::decode_into(bytes, &mut program);
                        from_bytes.run(&program);
                    }
                })
            },
            &mut |round| {
                let chunk = &programs[round % chunks * CHUNK..][..CHUNK];
                time_per_unit(1, || chunk.iter().for_each(|program| bare.run(program)))
            },
        ],
    );
    vec![Row {
        name: "lockstep-from-bytes",
        what: "programs decoded from bytes and run in lockstep, all checks on / the same already decoded",
        ratio: Ratio::over(times.iter().map(|[bytes, bare]| bytes / bare)),
        goal: Goal::AtMost(1.5),
    }]
}

/// Input number `index`.
pub(crate) fn input(index: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    decode::random_bytes(SEED, index as u64, &mut bytes);
    bytes
}

/// A lockstep engine that is measured.
pub(crate) struct Runner {
    lockstep: Lockstep,
    tally: Tally,
}

impl Runner {
    pub(crate) fn new() -> Runner {
        Runner { lockstep: Lockstep::new(), tally: Tally::default() }
    }

    /// Run a program.
    ///
    /// # Panics
    /// If it finds a violation: what is measured must be a clean run.
    pub(crate) fn run(&mut self, program: &Program) {
        if let Err(violation) = self.lockstep.run(program, &mut self.tally) {
            panic!("nothing can be measured: the default design breaks a law: {violation:?}");
        }
    }

    /// Steps run so far.
    pub(crate) fn steps(&self) -> u64 {
        self.tally.steps
    }
}
