//! The generated profiles: what they are made of, and that it is worth running.

use super::{Dice, assert_well_formed, operations};
use crate::decode::scenario::SCENES;
use crate::decode::tags::Kind;
use crate::decode::{MAX_STEPS, Profile, decode, decode_into, decode_noting, random_bytes};
use crate::program::Program;
use arbitrary::{Arbitrary, Unstructured};
use stocktake_model::{Config, Errno, Failure, Mode, Model, Op, Outcome};

const INPUTS: u64 = 20_000;

#[test]
fn any_bytes_are_a_well_formed_program() {
    let mut dice = Dice(3);
    for round in 0..20_000 {
        let len = dice.below(if round % 16 == 0 { 5000 } else { 300 }) as usize;
        let bytes = dice.bytes(len);
        let program = decode(&bytes);
        assert_well_formed(&program, &format!("round {round}"));
        if Profile::of_byte(bytes.first().copied().unwrap_or(0)) != Profile::Direct {
            assert!(program.steps.len() <= MAX_STEPS);
        }
    }
    for byte in 0..=255 {
        assert_well_formed(&decode(&[byte]), "one byte");
        for profile in 0..4 {
            let mut bytes = [byte; 400];
            bytes[0] = profile;
            assert_well_formed(&decode(&bytes), "the same byte again and again");
        }
    }
    assert!(decode(&[]).steps.is_empty());
}

#[test]
fn random_input_reaches_every_operation_failure_and_scene() {
    let mut kinds = [0u32; 256];
    let mut failures = [0u32; 5];
    let mut scenes = [0u32; 64];
    let (mut modes, mut cpus) = ([0u32; 3], [0u32; 9]);
    let (mut program, mut bytes) = (Program::default(), Vec::new());
    for index in 0..INPUTS {
        random_bytes(1, index, &mut bytes);
        let written = decode_noting(&bytes, &mut program);
        for (number, count) in scenes.iter_mut().enumerate() {
            *count += (written >> number & 1) as u32;
        }
        if bytes[0] == Profile::Direct.byte() {
            continue;
        }
        modes[match program.header.mode {
            Mode::V2 => 0,
            Mode::V1 => 1,
            Mode::V1Flat => 2,
        }] += 1;
        cpus[usize::from(program.header.cpus)] += 1;
        for step in operations(&program) {
            kinds[usize::from(Kind::of(&step.op).tag())] += 1;
            match step.fail {
                Some(Failure::Alloc) => failures[0] += 1,
                Some(Failure::Trylock) => failures[1] += 1,
                Some(Failure::Insert) => failures[2] += 1,
                Some(Failure::Alloc2) => failures[3] += 1,
                Some(Failure::Alloc3) => failures[4] += 1,
                None => {}
            }
        }
    }
    for kind in Kind::ALL {
        assert!(kinds[usize::from(kind.tag())] > 1000, "{kind:?}: {}", kinds[usize::from(kind.tag())]);
    }
    for scene in SCENES {
        assert!(scenes[usize::from(scene.number)] > 500, "{}", scene.name);
    }
    assert!(failures.into_iter().all(|count| count > 500), "{failures:?}");
    assert!(modes[0] > 5 * modes[1] && modes[1] > 500 && modes[2] > 500, "{modes:?}");
    assert!(cpus[2] > cpus[1] && cpus[1] > 500 && cpus[3] > 500 && cpus[4] > 500, "{cpus:?}");
}

#[test]
fn programs_have_the_length_of_their_profile() {
    let mut bytes = Vec::new();
    let (mut programs, mut steps) = ([0u64; 4], [0u64; 4]);
    for index in 0..INPUTS {
        random_bytes(2, index, &mut bytes);
        let program = decode(&bytes);
        let profile = usize::from(bytes[0]);
        programs[profile] += 1;
        steps[profile] += program.steps.len() as u64;
        if bytes[0] == Profile::Tiny.byte() {
            assert!((16..=64).contains(&bytes.len()));
            assert!(program.steps.len() <= 10 && program.header.cpus <= 2);
        } else {
            assert!((32..=1024).contains(&bytes.len()));
        }
    }
    for profile in [Profile::Direct, Profile::Swarm, Profile::Scenario] {
        let profile = usize::from(profile.byte());
        assert!(steps[profile] > 15 * programs[profile], "{steps:?} steps in {programs:?} programs");
    }
    for (programs, percent) in programs.into_iter().zip([10, 45, 15, 30]) {
        assert!(programs.abs_diff(INPUTS * percent / 100) < INPUTS / 50, "{programs} of {percent} %");
    }
}

#[test]
fn input_depends_on_seed_and_index_alone() {
    let (mut one, mut two) = (Vec::new(), vec![7; 3000]);
    for index in [0, 1, 77, u64::MAX] {
        for seed in [0, 1, u64::MAX] {
            random_bytes(seed, index, &mut one);
            random_bytes(seed, index, &mut two);
            assert_eq!(one, two);
            random_bytes(seed, index.wrapping_add(1), &mut two);
            assert_ne!(one, two);
            random_bytes(seed.wrapping_add(1), index, &mut two);
            assert_ne!(one, two);
        }
    }
    // Pinned: corpora and reports name executions by seed and index.
    random_bytes(1, 2, &mut one);
    assert_eq!((one.len(), &one[..8]), (104, &[1, 134, 65, 112, 186, 41, 97, 50][..]));
}

#[test]
fn reused_memory_makes_no_difference() {
    let mut reused = Program::default();
    let mut bytes = Vec::new();
    for index in 0..2000 {
        random_bytes(9, index, &mut bytes);
        reused.header.faults.push(stocktake_impl::Fault::ALL[0]);
        reused.header.schedule.push(1);
        reused.names.slots.push("s".into());
        reused.parallel = Some(1);
        decode_into(&bytes, &mut reused);
        assert_eq!(reused, decode(&bytes), "input {index}");
        let arbitrary = Program::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        assert_eq!(arbitrary, reused);
        assert_eq!(Program::arbitrary_take_rest(Unstructured::new(&bytes)).unwrap(), reused);
    }
}

/// The picture that operands and values are chosen by is rough, but good enough: what it makes can mostly be run,
/// and both sides of each limit are met.
#[test]
fn most_steps_can_be_run() {
    let (mut program, mut bytes) = (Program::default(), Vec::new());
    let (mut steps, mut skipped) = ([0u32; 4], [0u32; 4]);
    let mut refused = std::collections::BTreeMap::new();
    let (mut charges, mut to_removed) = (0, 0);
    for index in 0..4000 {
        random_bytes(4, index, &mut bytes);
        decode_into(&bytes, &mut program);
        let profile = usize::from(bytes[0]);
        let header = &program.header;
        let config = Config { mode: header.mode, cpus: header.cpus, ids: header.ids, slots: header.slots };
        let mut model = Model::new(config);
        for step in operations(&program) {
            steps[profile] += 1;
            if model.admits(&step).is_err() {
                skipped[profile] += 1;
                continue;
            }
            let outcome = model.first(&step);
            if let Outcome::Refused(errno) = outcome {
                *refused.entry((Kind::of(&step.op).tag(), errno)).or_insert(0) += 1;
            }
            if let Op::Charge { group, .. } = step.op {
                charges += 1;
                to_removed += u32::from(model.id_refs(group) == 0 || model.offlining().contains(&group));
            }
            model.commit(&step, outcome);
        }
    }
    for profile in [Profile::Swarm, Profile::Tiny, Profile::Scenario] {
        let profile = usize::from(profile.byte());
        // One in six: the stages of a fault on a file have to come in order, and are dealt out of it now and then.
        assert!(skipped[profile] * 6 < steps[profile], "skipped {skipped:?} of {steps:?}");
    }
    for (kind, errno) in [
        (Kind::Mkdir, Errno::NoSpace),
        (Kind::Mkdir, Errno::NoDev),
        (Kind::Rmdir, Errno::Busy),
        (Kind::SetMax, Errno::Busy),
        (Kind::Charge, Errno::NoMem),
        (Kind::ObjCharge, Errno::NoMem),
        (Kind::SwapOut, Errno::NoMem),
        (Kind::SwapOut, Errno::NoSpace),
        (Kind::SwapIn, Errno::NoMem),
    ] {
        let count = refused.get(&(kind.tag(), errno)).copied().unwrap_or(0);
        assert!(count > 50, "{kind:?} is refused with {errno:?} {count} times");
    }
    assert!(to_removed * 100 > charges, "{to_removed} of {charges} charges are to removed groups");
}
