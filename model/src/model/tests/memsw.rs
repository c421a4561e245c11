//! cgroup v1: memory and swap are counted together.

use super::*;
use crate::{Grade, Reason};

fn memsw(model: &Model, groups: [u16; 2]) -> [(u64, u64); 2] {
    groups.map(|group| (model.usage(g(group)).0, model.memsw(g(group)).0))
}

#[test]
fn a_slot_takes_over_what_its_page_was_charged() {
    for mode in [Mode::V1, Mode::V1Flat] {
        let mut model = model(mode);
        run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 3), charge(1, 1, 2)]);
        assert_eq!(memsw(&model, [1, 0]), [(5, 5), (5, 5)]);
        assert_eq!(run(&mut model, swap_out(0, 0)), to(1));
        assert_eq!(memsw(&model, [1, 0]), [(2, 5), (2, 5)]);
        assert_eq!(run(&mut model, swap_in(2, 0, 0)), to(1));
        assert_eq!(memsw(&model, [1, 0]), [(5, 5), (5, 5)]);
        run_all(&mut model, &[swap_out(1, 2), swap_free(1)]);
        assert_eq!(memsw(&model, [1, 0]), [(2, 2), (2, 2)]);
    }
}

#[test]
fn both_limits_are_asked_for_memory_and_neither_for_swap() {
    let mut model = model(Mode::V1);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(4)), mkdir(2, 1)]);
    run_all(&mut model, &[set_memsw_max(1, Limit::pages(4)), charge(0, 2, 3)]);
    assert_eq!(run(&mut model, swap_out(0, 0)), to(2));
    assert_eq!(run(&mut model, charge(1, 2, 2)), NOMEM, "three slots and two pages");
    assert_eq!(run(&mut model, charge(1, 2, 1)), DONE, "equality is within the limit");
    assert_eq!(run(&mut model, swap_out(1, 1)), to(2), "a full group can still be swapped out");
    assert_eq!(run(&mut model, swap_in(2, 1, 0)), NOMEM, "until the page is charged, it and its slot count");
    run_all(&mut model, &[swap_free(0), swap_in(2, 1, 0)]);
    assert_eq!(memsw(&model, [2, 1]), [(1, 1), (1, 1)]);
    run_all(&mut model, &[force(3, 2, 9)]);
    assert_eq!(model.memsw(g(1)), Pages(10), "a forced charge goes above both");
}

#[test]
fn the_limit_of_memory_is_never_above_that_of_memory_and_swap() {
    let mut model = model(Mode::V1);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 3), charge(1, 1, 2), swap_out(0, 1)]);
    assert_eq!(run(&mut model, set_memsw_max(1, Limit::pages(9))), INVALID, "memory has no limit yet");
    run_all(&mut model, &[set_max(1, Limit::pages(4)), set_memsw_max(1, Limit::pages(6))]);
    assert_eq!(run(&mut model, set_max(1, Limit::pages(7))), INVALID);
    assert_eq!(run(&mut model, set_max(1, Limit::MAX)), INVALID);
    assert_eq!(run(&mut model, set_memsw_max(1, Limit::pages(3))), INVALID, "order comes before usage");
    assert_eq!(run(&mut model, set_memsw_max(1, Limit::pages(4))), BUSY, "three pages and two slots");
    assert_eq!(run(&mut model, set_memsw_max(1, Limit::pages(5))), DONE);
    assert_eq!(run(&mut model, set_max(1, Limit::pages(5))), DONE, "equality is in order");
    assert_eq!((model.limit(g(1)), model.memsw_limit(g(1))), (Limit::pages(5), Limit::pages(5)));
    skipped(&model, set_memsw_max(0, Limit::MAX), Skip::NoChange);
    skipped(&super::model(Mode::V2), set_memsw_max(1, Limit::MAX), Skip::NotInMode);
}

#[test]
fn a_removed_groups_charge_goes_to_an_ancestor_with_its_slot_whatever_the_limit() {
    for (mode, payer) in [(Mode::V1, 1), (Mode::V1Flat, 0)] {
        let mut model = model(mode);
        run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), charge(0, 2, 2), set_max(1, Limit::pages(2))]);
        run_all(&mut model, &[set_memsw_max(1, Limit::pages(2))]);
        remove(&mut model, 2);
        assert_eq!(run(&mut model, swap_out(0, 0)), to(payer), "{mode:?}");
        let counted = if payer == 0 { (0, 0) } else { (0, 2) };
        assert_eq!(memsw(&model, [2, payer]), [(0, 0), counted], "{mode:?}");
        assert_eq!(model.ended(g(2)), Ok(()));
        run_all(&mut model, &[swap_free(0)]);
        assert_eq!(memsw(&model, [payer, 0]), [(0, 0); 2]);
    }
}

#[test]
fn cached_pages_may_fill_memory_and_swap_too() {
    let mut model = model(Mode::V1);
    run_all(&mut model, &[mkdir(1, 0), set_max(1, Limit::pages(9)), set_memsw_max(1, Limit::pages(9))]);
    let remote = Grade::Divergent(Reason::RemoteStock);
    let full = Seen { memsw: vec![9, 9], ..Seen::default() };
    let grade = |op, seen: &Seen, outcome| model.allowed(&step(op), seen).grade(outcome);
    assert_eq!(grade(charge(0, 1, 1), &full, NOMEM), remote);
    assert_eq!(
        grade(charge(0, 1, 1), &Seen { memsw: vec![9, 8], ..Seen::default() }, NOMEM),
        Grade::Violation
    );
    assert_eq!(grade(set_memsw_max(1, Limit::pages(9)), &full, BUSY), Grade::Violation);
    let low = [set_max(1, Limit::pages(1)), set_memsw_max(1, Limit::pages(8))];
    let mut model = model.clone();
    run_all(&mut model, &low[..1]);
    assert_eq!(model.allowed(&step(low[1]), &full).grade(BUSY), remote);
    let out_of_order = set_max(1, Limit::pages(10));
    assert_eq!(model.allowed(&step(out_of_order), &full).grade(BUSY), Grade::Violation);
}
