//! Folios and limits: what a charge asks, where it counts, and who may refuse.

use super::*;

#[test]
fn a_charge_counts_at_every_level_and_fits_up_to_the_limit() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(10)), mkdir_max(2, 1, Limit::pages(8)), mkdir(3, 1)]);
    assert_eq!(run(&mut model, charge(0, 2, 9)), NOMEM, "its own limit");
    assert_eq!(run(&mut model, charge(1, 2, 8)), DONE, "equality is within the limit");
    assert_eq!(run(&mut model, charge(2, 3, 3)), NOMEM, "the limit of a parent");
    assert_eq!(run(&mut model, charge(3, 3, 2)), DONE);
    assert_eq!([ROOT, g(1), g(2), g(3)].map(|g| model.usage(g).0), [10, 10, 8, 2]);
    assert_eq!([ROOT, g(1), g(2), g(3)].map(|g| model.own_folios(g)), [0, 0, 1, 1]);
    assert_eq!(model.charge(ChargeId(1)), Some((g(2), Pages(8))));
    assert_eq!(run(&mut model, uncharge(1)), DONE);
    assert_eq!([ROOT, g(1), g(2), g(3)].map(|g| model.usage(g).0), [2, 2, 0, 2]);
    assert_eq!(model.charge(ChargeId(1)), None);
}

#[test]
fn a_refused_charge_changes_nothing() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(2))]);
    let before = model.clone();
    assert_eq!(run(&mut model, charge(0, 1, 3)), NOMEM);
    assert_eq!(model, before);
}

#[test]
fn a_forced_charge_exceeds_the_limit_and_then_nothing_else_fits() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(2)), force(0, 1, 5)]);
    assert_eq!(model.usage(g(1)), Pages(5));
    assert_eq!(run(&mut model, charge(1, 1, 1)), NOMEM);
    run_all(&mut model, &[force(2, 1, 1), uncharge(0), charge(3, 1, 1)]);
    assert_eq!(model.usage(g(1)), Pages(2));
}

#[test]
fn a_folio_of_root_moves_no_counter() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 0, 1_000_000)]);
    assert_eq!((model.usage(ROOT), model.live_pages(ROOT), model.own_folios(ROOT)), (Pages(0), Pages(0), 1));
    run_all(&mut model, &[charge(1, 1, 3)]);
    assert_eq!(model.usage(ROOT), Pages(3), "that of a child does");
    run_all(&mut model, &[uncharge(0)]);
    assert_eq!((model.usage(ROOT), model.own_folios(ROOT)), (Pages(3), 0));
}

#[test]
fn failures_of_a_charge() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(4))]);
    for op in [charge(0, 1, 4), force(0, 1, 4), charge(0, 0, 4)] {
        assert_eq!(model.first(&failing(op, Failure::Alloc)), NOMEM, "{op:?}");
        assert_eq!(model.first(&failing(op, Failure::Trylock)), DONE, "{op:?}");
    }
    assert_eq!(model.first(&failing(charge(0, 1, 5), Failure::Trylock)), NOMEM);
}

#[test]
fn a_flat_tree_asks_no_limit_between_a_group_and_root() {
    for (mode, outcome) in [(Mode::V1, NOMEM), (Mode::V1Flat, DONE)] {
        let mut model = model(mode);
        run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(1)), mkdir(2, 1)]);
        assert_eq!(run(&mut model, charge(0, 2, 2)), outcome, "{mode:?}");
    }
}

#[test]
fn v1_refuses_a_limit_below_the_usage() {
    for (mode, outcome) in [(Mode::V1, BUSY), (Mode::V1Flat, BUSY), (Mode::V2, DONE)] {
        let mut model = model(mode);
        run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 4)]);
        skipped(&model, set_max(0, Limit::MAX), Skip::NoChange);
        assert_eq!(run(&mut model, set_max(1, Limit::pages(4))), DONE, "{mode:?}: equality");
        assert_eq!(run(&mut model, set_max(1, Limit::pages(3))), outcome, "{mode:?}");
        assert_eq!(model.limit(g(1)), Limit::pages(if outcome == DONE { 3 } else { 4 }));
        assert_eq!(run(&mut model, charge(1, 1, 1)), NOMEM, "{mode:?}");
        assert_eq!(run(&mut model, set_max(1, Limit::MAX)), DONE, "{mode:?}");
    }
}

#[test]
fn swap_limits_exist_in_v2_alone() {
    let op = Op::SetSwapMax { group: g(1), max: Limit::pages(2) };
    let mut v2 = model(Mode::V2);
    run_all(&mut v2, &[mkdir(1, 0), op]);
    assert_eq!((v2.swap_limit(g(1)), v2.limit(g(1))), (Limit::pages(2), Limit::MAX));
    skipped(&v2, Op::SetSwapMax { group: ROOT, max: Limit::MAX }, Skip::NoChange);
    for mode in [Mode::V1, Mode::V1Flat] {
        let mut v1 = model(mode);
        run_all(&mut v1, &[mkdir_swap_max(1, 0, Limit::pages(0)), charge(0, 1, 1)]);
        skipped(&v1, op, Skip::NotInMode);
        assert_eq!(run(&mut v1, swap_out(0, 0)), to(1), "that of mkdir is not looked at");
    }
}

#[test]
fn draining_is_done_unless_another_drain_runs() {
    let mut model = model(Mode::V2);
    let before = model.clone();
    let drain_all = Op::DrainAll { group: ROOT };
    run_all(&mut model, &[Op::Drain, drain_all, Op::Grace, Op::Quiesce]);
    assert_eq!(model.first(&failing(drain_all, Failure::Trylock)), BUSY);
    assert_eq!(model.first(&failing(Op::Drain, Failure::Trylock)), DONE);
    assert_eq!(model, before);
}
