//! Bytes to programs, and back.
//!
//! Any bytes are a program: [`decode`] never fails, and a small change of the bytes is a small change of the
//! program, so that a coverage-guided fuzzer has something to hold on to. The first byte chooses a [`Profile`]:
//!
//! * *direct*: everything is taken literally, and [`encode()`] is the way back;
//! * *swarm*: each execution has its own weights for classes of operations;
//! * *tiny*: a few operations in one or two groups;
//! * *scenario*: whole scenes in which accounting is known to go wrong, with parameters, and other operations
//!   between and inside them.
//!
//! Only the direct profile is meant for files that are kept. What the bytes of the others mean may change when an
//! operation or a scene is added; tags, scene numbers and profile bytes that exist never change.
//!
//! Nothing here knows what is checked. A decoded program is sequential, has the default design and no fault, and
//! insists on nothing.

mod choose;
mod direct;
mod encode;
mod entropy;
mod input;
mod lanes;
mod mapped;
mod mm;
mod number;
mod picture;
mod scenario;
mod script;
mod shmem;
mod slab;
mod swarm;
mod tags;
#[cfg(test)]
mod tests;
mod tiny;
mod values;
mod weights;

pub use direct::MAX_DIRECT_STEPS;
pub use encode::{Unencodable, encode};
pub use entropy::{random_bytes, random_lane_bytes};
pub use lanes::{decode_lanes_into, encode_lanes};

use crate::program::{Drive, Expect, Header, Program};
use arbitrary::{Arbitrary, Unstructured};
use input::Input;
use script::Script;

/// The most steps of a program that is not of the direct profile.
pub const MAX_STEPS: usize = 256;

/// How bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Tags and operands are taken literally.
    Direct,
    /// Operations are chosen through weights that belong to the execution.
    Swarm,
    /// A few operations.
    Tiny,
    /// Scenes, mixed with operations chosen as in [`Profile::Swarm`].
    Scenario,
}

impl Profile {
    /// The first byte of an input of this profile.
    pub fn byte(self) -> u8 {
        match self {
            Profile::Direct => 0,
            Profile::Swarm => 1,
            Profile::Tiny => 2,
            Profile::Scenario => 3,
        }
    }

    /// The profile of an input that begins with `byte`.
    pub fn of_byte(byte: u8) -> Profile {
        match byte & 7 {
            0 => Profile::Direct,
            2 => Profile::Tiny,
            3 => Profile::Scenario,
            // 4 to 7 are reserved.
            _ => Profile::Swarm,
        }
    }
}

/// The program that `bytes` stand for.
pub fn decode(bytes: &[u8]) -> Program {
    let mut program = Program::default();
    decode_into(bytes, &mut program);
    program
}

/// As [`decode`], into the memory of a program that is no longer needed.
pub fn decode_into(bytes: &[u8], program: &mut Program) {
    decode_noting(bytes, program);
}

/// As [`decode_into`]; answers which scenes were written, a bit for each number.
fn decode_noting(bytes: &[u8], program: &mut Program) -> u64 {
    clear(program);
    let mut input = Input::new(bytes);
    match Profile::of_byte(input.byte()) {
        Profile::Direct => direct::decode(&mut input, program, false),
        Profile::Tiny => tiny::decode(input, program),
        profile => {
            let weights = swarm::read_header(profile, &mut input, &mut program.header);
            let mut picture = swarm::picture(&program.header);
            let mut script = Script::new(input, &mut picture, weights, &mut program.steps, MAX_STEPS);
            if profile == Profile::Scenario {
                scenario::write(&mut script);
            } else {
                swarm::write(&mut script);
            }
            return script.scenes;
        }
    }
    0
}

/// Make `program` equal to the default, but keep its memory.
fn clear(program: &mut Program) {
    let Program { header, steps, parallel, names } = program;
    let Header { cpus, mode, ids, slots, design, faults, expect, schedule, drive } = header;
    let fresh = Header::default();
    (*cpus, *mode, *ids, *slots, *design) = (fresh.cpus, fresh.mode, fresh.ids, fresh.slots, fresh.design);
    faults.clear();
    *expect = Expect::Ok;
    schedule.clear();
    *drive = Drive::Explore;
    steps.clear();
    *parallel = None;
    for names in [
        &mut names.groups,
        &mut names.objcgs,
        &mut names.charges,
        &mut names.objects,
        &mut names.slots,
        &mut names.tasks,
        &mut names.users,
        &mut names.caches,
        &mut names.slab_objects,
        &mut names.files,
    ] {
        names.clear();
    }
}

/// All of the input is the program: what a `Vec` of operations does, stopping at each with probability 1/2,
/// would leave one operation on average.
impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Program> {
        Ok(decode(u.bytes(u.len())?))
    }
}
