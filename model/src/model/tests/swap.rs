//! Swap: who is recorded, who is charged, and what a recorded slot keeps.

use super::*;

#[test]
fn swap_out_moves_a_folio_from_memory_to_swap_at_every_level() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), charge(0, 2, 3)]);
    assert_eq!(run(&mut model, swap_out(0, 0)), to(2));
    assert_eq!([g(2), g(1), ROOT].map(|g| (model.usage(g).0, model.swapped(g).0)), [(0, 3); 3]);
    assert_eq!((model.id_refs(g(2)), model.id_refs(g(1))), (4, 1));
    assert_eq!((model.slot(SlotId(0)), model.charge(ChargeId(0))), (Some((g(2), Pages(3))), None));
    assert_eq!((model.slots_used(), model.slots_left()), (3, 13));
    skipped(&model, uncharge(0), Skip::Absent);
    assert_eq!(run(&mut model, swap_free(0)), DONE);
    assert_eq!([g(2), g(1), ROOT].map(|g| model.swapped(g).0), [0; 3]);
    assert_eq!((model.id_refs(g(2)), model.slots_left(), model.slot(SlotId(0))), (1, 16, None));
    skipped(&model, swap_free(0), Skip::Absent);
}

#[test]
fn swap_out_is_refused_without_slots_and_above_a_swap_limit() {
    let mut model = model(Mode::V2);
    let limit = Limit::pages(4);
    run_all(&mut model, &[mkdir_swap_max(1, 0, limit), mkdir(2, 1), charge(0, 2, 4), charge(1, 2, 1)]);
    run_all(&mut model, &[charge(2, 2, 17), charge(3, 0, 17), charge(4, 0, 16), swap_out(0, 0)]);
    assert_eq!(run(&mut model, swap_out(1, 1)), NOMEM, "the limit of a parent; equality was within it");
    assert_eq!(run(&mut model, swap_out(1, 2)), NOSPACE, "slots are asked for before limits");
    assert_eq!(run(&mut model, swap_out(1, 4)), NOSPACE, "root needs slots too");
    assert_eq!(model.usage(g(1)), Pages(18), "a refused folio stays");
    run_all(&mut model, &[swap_free(0), swap_out(1, 4)]);
    assert_eq!(model.slots_left(), 0);
}

#[test]
fn slots_of_root_are_charged_to_nobody() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[charge(0, 0, 5)]);
    let refs = model.id_refs(ROOT);
    assert_eq!(run(&mut model, swap_out(0, 0)), to(0));
    assert_eq!((model.swapped(ROOT), model.slots_used(), model.ids_in_use()), (Pages(0), 5, 0));
    assert_eq!((model.id_refs(ROOT) - refs, model.own_folios(ROOT), model.holders(ROOT).slots), (5, 0, 5));
    assert_eq!(run(&mut model, swap_in(1, 0, 0)), to(0));
    assert_eq!((model.own_folios(ROOT), model.usage(ROOT), model.slots_used()), (1, Pages(0), 0));
}

#[test]
fn a_removed_group_pays_for_new_slots_as_long_as_it_has_old_ones() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1)]);
    for folio in 0..4 {
        run_all(&mut model, &[charge(folio, 2, 1)]);
    }
    run_all(&mut model, &[rmdir(2)]);
    assert_eq!(run(&mut model, swap_out(0, 0)), to(2), "the second half has not run");
    model.offline_finished(g(2));
    assert_eq!(model.ids_in_use(), 2, "its slots keep the id");
    assert_eq!(run(&mut model, swap_out(1, 1)), to(2), "not the nearest online group");
    run_all(&mut model, &[swap_free(0), swap_free(1)]);
    assert_eq!((model.id_refs(g(2)), model.ids_in_use()), (0, 1));
    assert_eq!(run(&mut model, swap_out(2, 2)), to(1));
    remove(&mut model, 1);
    run_all(&mut model, &[swap_free(2)]);
    assert_eq!(run(&mut model, swap_out(3, 3)), to(0));
    assert_eq!([g(2), g(1), ROOT].map(|g| model.swapped(g).0), [0; 3]);
    assert_eq!((model.ended(g(2)), model.ended(g(1))), (Ok(()), Ok(())));
}

#[test]
fn swap_in_charges_the_group_recorded_or_else_the_one_that_faults() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 0), charge(0, 1, 2), charge(1, 1, 3), charge(2, 1, 4)]);
    run_all(&mut model, &[swap_out(0, 0), swap_out(1, 1), swap_out(2, 2)]);
    assert_eq!(run(&mut model, swap_in(3, 0, 2)), to(1));
    assert_eq!(model.charge(ChargeId(3)), Some((g(1), Pages(2))));
    run_all(&mut model, &[rmdir(1)]);
    assert_eq!(run(&mut model, swap_in(4, 1, 2)), to(2), "removed is not online");
    model.offline_finished(g(1));
    skipped(&model, swap_in(5, 2, 1), Skip::Removed);
    skipped(&model, swap_in(5, 2, 7), Skip::Absent);
    assert_eq!(run(&mut model, swap_in(5, 2, 0)), to(0));
    assert_eq!([g(1), g(2), ROOT].map(|g| model.usage(g).0), [2, 3, 5]);
    assert_eq!((model.slots_used(), model.id_refs(g(1)), model.ids_in_use()), (0, 0, 1));
}

#[test]
fn a_refused_swap_in_leaves_the_slots() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 3), swap_out(0, 0), set_max(1, Limit::pages(2))]);
    let before = model.clone();
    assert_eq!(run(&mut model, swap_in(1, 0, 0)), NOMEM);
    assert_eq!(model, before);
    run_all(&mut model, &[set_max(1, Limit::pages(3)), swap_in(1, 0, 0)]);
    assert_eq!((model.usage(g(1)), model.swapped(g(1))), (Pages(3), Pages(0)));
}

#[test]
fn an_id_that_is_recorded_after_it_was_free_is_in_use_again() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), charge(0, 2, 2), charge(1, 1, 1)]);
    remove(&mut model, 2);
    assert_eq!(model.ids_in_use(), 1);
    model.commit(&step(swap_out(0, 0)), to(2));
    assert_eq!((model.ids_in_use(), model.id_refs(g(2)), model.swapped(g(1))), (2, 2, Pages(2)));
    model.commit(&step(swap_out(1, 1)), to(7));
    assert_eq!(model.charge(ChargeId(1)), Some((g(1), Pages(1))), "there is no such group");
    run_all(&mut model, &[swap_free(0)]);
    assert_eq!((model.ids_in_use(), model.id_refs(g(2)), model.swapped(g(1))), (1, 0, Pages(0)));
}
