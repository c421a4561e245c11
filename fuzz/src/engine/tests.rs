//! Tests of the harness itself: a check that cannot fail is a defect, and so is a run that is not repeatable.

mod slab;

use super::lockstep::Lockstep;
use crate::check::Checks;
use crate::decode;
use crate::program::Program;
use crate::tally::Tally;
use crate::violation::{Invariant, Violation};
use stocktake_impl::{Design, Fault, VARIANTS};

fn program(index: u64, faults: &[Fault]) -> Program {
    let mut bytes = Vec::new();
    decode::random_bytes(7, index, &mut bytes);
    let mut program = decode::decode(&bytes);
    program.header.faults = faults.to_vec();
    program
}

fn first_violation(engine: &mut Lockstep, faults: &[Fault], most: u64) -> Option<Box<Violation>> {
    (0..most).find_map(|index| engine.run(&program(index, faults), &mut Tally::default()).err())
}

#[test]
fn the_running_count_agrees_with_a_recount_after_every_step() {
    let mut engine = Lockstep::doubting();
    for index in 0..1500 {
        let program = program(index, &[]);
        if let Err(violation) = engine.run(&program, &mut Tally::default()) {
            panic!("execution {index}: {violation:?}");
        }
    }
}

#[test]
fn every_fault_is_found_and_the_same_runs_without_it_are_clean() {
    let mut engine = Lockstep::new();
    for fault in Fault::sequential() {
        let found = first_violation(&mut engine, &[fault], 5000);
        assert!(found.is_some(), "{} is not found", fault.id());
    }
    assert_eq!(first_violation(&mut engine, &[], 5000), None);
}

#[test]
fn every_invariant_is_broken_by_a_fault_while_it_alone_is_checked() {
    let unbroken: Vec<Invariant> = Invariant::ALL
        .into_iter()
        .filter(|invariant| *invariant != Invariant::Assert)
        .filter(|invariant| {
            let mut engine = Lockstep::checking(Checks::only(*invariant));
            assert_eq!(first_violation(&mut engine, &[], 300), None);
            !Fault::sequential().any(|fault| first_violation(&mut engine, &[fault], 1500).is_some())
        })
        .collect();
    assert_eq!(unbroken, [], "no fault breaks these");
}

#[test]
fn every_design_but_the_known_ones_is_clean() {
    let mut engine = Lockstep::new();
    for variant in VARIANTS {
        let design: Design = variant.design();
        let broken = (0..2000).any(|index| {
            let mut program = program(index, &[]);
            program.header.design = design;
            engine.run(&program, &mut Tally::default()).is_err()
        });
        let known = matches!(
            (variant.room, variant.name),
            ("offline", "reparent-first")
                | ("mm", "memcg-as-mailed" | "owner")
                | ("mapped", "page-lock" | "marked" | "marked-online")
                | ("objcg", "rfc" | "page-kmem")
                | ("kmem-root", "skipped")
                | ("slab", "page-pins")
                | ("shmem", "as-mailed" | "enoent")
        );
        assert_eq!(broken, known, "{}={}", variant.room, variant.name);
    }
}

#[test]
fn a_run_is_the_same_again_whatever_ran_before() {
    let mut used = Lockstep::new();
    for index in 0..300 {
        let program = program(index, &[Fault::S10]);
        let (mut again, mut fresh) = (Tally::default(), Tally::default());
        let first = used.run(&program, &mut again);
        assert_eq!(first, Lockstep::new().run(&program, &mut fresh), "execution {index}");
        assert_eq!(again, fresh, "execution {index}");
        let recorded = used.record(&program).violation.map(|violation| violation.signature());
        assert_eq!(recorded, first.err().map(|violation| violation.signature()), "execution {index}");
    }
}
