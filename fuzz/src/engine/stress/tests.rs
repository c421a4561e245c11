//! Threads: what is dealt out, that it is clean, and that it is not blind.

use super::{Overlap, Parts, Stress, split};
use crate::decode::{decode, random_bytes};
use crate::program::{Action, Program};
use crate::tally::Tally;
use crate::trace::{Kind, Reading, Role, read, visit};
use std::collections::BTreeMap;

fn made(index: u64) -> Program {
    let mut bytes = Vec::new();
    random_bytes(3, index, &mut bytes);
    decode(&bytes)
}

fn parts(program: &Program) -> Parts {
    Parts::new(2, usize::from(program.header.cpus))
}

#[test]
fn the_default_design_is_clean_on_threads() {
    let (mut engine, mut tally, mut overlap) = (Stress::default(), Tally::default(), Overlap::default());
    for index in 0..400 {
        let program = made(index);
        let Some(lanes) = split(&program, parts(&program)) else { continue };
        if let Err(violation) = engine.run(&lanes, parts(&program), &mut tally, &mut overlap) {
            panic!("program {index}: {violation:?}\n{}", crate::trace::write(&lanes));
        }
    }
    assert!(tally.executions > 100, "{tally:?}");
    // In some, all that one of the threads had was skipped.
    assert!(overlap.rounds > tally.executions / 2, "{overlap:?}: {} programs", tally.executions);
    assert!(
        tally.unordered < tally.executions / 10,
        "{} of {} not compared",
        tally.unordered,
        tally.executions
    );
}

/// The sums at the end are compared: if an answer is lost on its way to the model, that shows.
#[test]
fn what_is_not_told_to_the_model_is_missed() {
    let trace = "stocktake-trace 1\ncpus 2\n@0 mkdir A\n@0 o1 = objcg A\nparallel\n\
                 @0 p1 = charge A 3\n@1 p2 = charge A 70\n@1 c1 = obj.charge o1 5000\n@0 uncharge p1\n";
    let program = read(trace.as_bytes(), Reading::Strict).expect("a good trace");
    let (mut engine, mut tally, mut overlap) = (Stress::default(), Tally::default(), Overlap::default());
    engine.run(&program, parts(&program), &mut tally, &mut overlap).expect("nothing is wrong");
    engine.core.reset(&program, false);
    for step in &program.steps[..2] {
        assert!(engine.core.step(0, step, &mut tally, None).is_ok());
    }
    let reports = engine.race(&program, 2, parts(&program));
    let told = reports.into_iter().take(1).collect();
    assert!(engine.follow(told, &mut tally));
    assert!(
        engine.settle(program.steps.len(), true, &mut tally).is_err(),
        "what CPU 1 charged is not in the books"
    );
}

#[test]
fn a_name_that_is_used_up_belongs_to_one_thread() {
    for index in 0..300 {
        let program = made(index);
        let parts = parts(&program);
        let Some(lanes) = split(&program, parts) else { continue };
        let first = lanes.parallel.expect("lanes");
        let mut users: BTreeMap<(usize, u16), usize> = BTreeMap::new();
        for step in &lanes.steps[first..] {
            let Action::Op(op) = step.action else { panic!("an assertion in a lane") };
            let thread = parts.thread_of(op.cpu, usize::from(program.header.cpus));
            visit(&mut Action::Op(op), |role, kind, n| {
                let alone =
                    matches!(kind, Kind::Object | Kind::Slot | Kind::SlabObject | Kind::Task | Kind::User);
                if alone || role == Role::New {
                    let kind = Kind::ALL.iter().position(|other| *other == kind).expect("a kind");
                    assert_eq!(*users.entry((kind, *n)).or_insert(thread), thread, "program {index}");
                }
            });
        }
    }
}

#[test]
fn cpus_are_dealt_out_in_stretches() {
    let parts = Parts::new(3, 8);
    let threads: Vec<usize> = (0..8).map(|cpu| parts.thread_of(stocktake_model::CpuId(cpu), 8)).collect();
    assert_eq!(threads, [0, 0, 0, 1, 1, 1, 2, 2]);
    assert_eq!(Parts::new(8, 2).threads(), 2);
}
