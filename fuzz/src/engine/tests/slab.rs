//! Tests of the harness on the designs of kmem_caches.

use super::{Lockstep, program};
use crate::goals::GOALS;
use crate::tally::Tally;
use crate::violation::Invariant;
use stocktake_impl::{Design, SlabDesign};

fn on(slab: SlabDesign, index: u64) -> crate::program::Program {
    let mut program = program(index, &[]);
    program.header.design = Design { slab, ..Design::default() };
    program
}

#[test]
fn the_running_count_of_slabs_agrees_with_a_recount() {
    let mut engine = Lockstep::doubting();
    for index in 0..1200 {
        if let Err(violation) = engine.run(&on(SlabDesign::Caches53, index), &mut Tally::default()) {
            panic!("execution {index}: {violation:?}");
        }
    }
}

/// Judged by what reparenting promises, pages that pin their group leave it dying; nothing else is wrong with them.
#[test]
fn the_old_design_leaves_dying_groups_and_breaks_no_other_law() {
    let mut engine = Lockstep::doubting();
    let mut dying = 0;
    for index in 0..1200 {
        if let Err(violation) = engine.run(&on(SlabDesign::PagePins, index), &mut Tally::default()) {
            assert_eq!(
                (violation.invariant, violation.aspect),
                (Invariant::I6, "dying"),
                "{index}: {violation:?}"
            );
            assert!(violation.because.contains("pages of slabs"), "{}", violation.because);
            dying += 1;
        }
    }
    assert!(dying > 5, "{dying}");
}

/// In v1, which is a mode of three, and where a group happens to have a limit there.
#[test]
fn slabs_meet_the_limit_of_kernel_memory_in_both_designs_that_charge_them() {
    let mut engine = Lockstep::new();
    for design in [SlabDesign::Caches53, SlabDesign::PagePins] {
        let mut tally = Tally::default();
        let hits = |tally: &Tally, name| {
            GOALS.iter().zip(tally.goals).find(|(goal, _)| goal.name == name).map(|(_, hits)| hits)
        };
        let found = (0..15_000).find(|&index| {
            let _ = engine.run(&on(design, index), &mut tally);
            hits(&tally, "slab-kmem-refused") > Some(0)
        });
        assert!(found.is_some() && hits(&tally, "slab-kmem-uncharged") > Some(0), "{design:?}");
    }
}

#[test]
fn every_goal_of_the_room_is_reached_in_its_design() {
    let mut engine = Lockstep::new();
    let mut tally = Tally::default();
    for design in [SlabDesign::Objcg, SlabDesign::Caches53, SlabDesign::PagePins] {
        for index in 0..3000 {
            let _ = engine.run(&on(design, index), &mut tally);
        }
    }
    let of_room = |name: &str| {
        let starts = |with: &[&str]| with.iter().any(|start| name.starts_with(start));
        starts(&["slab-", "cache-", "destroy-met"]) && !starts(&["slab-kmem"])
    };
    let missed: Vec<&str> = GOALS
        .iter()
        .zip(tally.goals)
        .filter(|(goal, hits)| of_room(goal.name) && *hits == 0)
        .map(|(goal, _)| goal.name)
        .collect();
    assert_eq!(missed, [""; 0]);
}
