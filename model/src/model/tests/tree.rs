//! Groups: made, removed, named after that, ended; and their ids.

use super::super::{GroupLife, Holders};
use super::*;

#[test]
fn mkdir_is_refused_below_a_removed_group_without_memory_and_without_ids() {
    let mut model = Model::new(Config { mode: Mode::V2, cpus: 1, ids: 2, slots: 0 });
    skipped(&model, mkdir(1, 7), Skip::Absent);
    assert_eq!(model.first(&failing(mkdir(1, 0), Failure::Alloc)), NOMEM);
    assert_eq!(model.first(&failing(mkdir(1, 0), Failure::Trylock)), DONE);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1)]);
    assert_eq!(model.ids_in_use(), 2);
    assert_eq!(run(&mut model, mkdir(3, 0)), NOSPACE);
    assert_eq!(run(&mut model, rmdir(2)), DONE);
    assert_eq!(run(&mut model, mkdir(3, 2)), NODEV);
    // The removed group's id is free only when the second half has run.
    assert_eq!(run(&mut model, mkdir(3, 0)), NOSPACE);
    model.offline_finished(g(2));
    assert_eq!(model.ids_in_use(), 1);
    assert_eq!(run(&mut model, mkdir(3, 2)), NODEV);
    assert_eq!(run(&mut model, mkdir(3, 0)), DONE);
}

#[test]
fn a_name_is_given_once_and_a_refused_one_names_nothing() {
    let mut model = model(Mode::V2);
    skipped(&model, mkdir(0, 0), Skip::Absent);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(1)), charge(0, 1, 1), objcg(0, 1)]);
    skipped(&model, mkdir(1, 0), Skip::Absent);
    skipped(&model, charge(0, 1, 1), Skip::Absent);
    skipped(&model, objcg(0, 1), Skip::Absent);
    assert_eq!(run(&mut model, charge(1, 1, 1)), NOMEM);
    skipped(&model, uncharge(1), Skip::Absent);
    assert_eq!(run(&mut model, uncharge(0)), DONE);
    skipped(&model, uncharge(0), Skip::Absent);
    skipped(&model, charge(0, 1, 1), Skip::Absent);
    for op in
        [charge(9, 9, 1), objcg(9, 9), objcg_get(9, 9), objcg_put(9), obj_charge(9, 9, 1), obj_uncharge(9)]
    {
        skipped(&model, op, Skip::Absent);
    }
    for op in [swap_out(9, 9), swap_in(9, 9, 0), swap_free(9), rmdir(9), set_max(9, Limit::MAX)] {
        skipped(&model, op, Skip::Absent);
    }
}

#[test]
fn only_an_online_child_hinders_rmdir() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1)]);
    skipped(&model, rmdir(0), Skip::NoChange);
    assert_eq!(run(&mut model, rmdir(1)), BUSY);
    assert_eq!(model.life(g(1)), Some(GroupLife::Online));
    assert_eq!(run(&mut model, rmdir(2)), DONE);
    assert_eq!(model.life(g(2)), Some(GroupLife::Offlining));
    assert_eq!(run(&mut model, rmdir(2)), NODEV, "a group is removed once");
    assert_eq!(run(&mut model, rmdir(1)), DONE);
    assert_eq!(model.offlining(), [g(2), g(1)]);
    model.offline_finished(g(2));
    assert_eq!(model.life(g(2)), Some(GroupLife::Dying));
    assert_eq!(model.offlining(), [g(1)]);
}

#[test]
fn in_a_flat_v1_tree_every_counter_parent_is_root_but_the_tree_still_hinders() {
    let mut model = model(Mode::V1Flat);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1)]);
    assert_eq!((model.parent(g(2)), model.counter_parent(g(2))), (Some(g(1)), Some(ROOT)));
    assert_eq!((model.parent(ROOT), model.counter_parent(ROOT)), (None, None));
    assert_eq!(run(&mut model, rmdir(1)), BUSY);
    run_all(&mut model, &[charge(0, 2, 3)]);
    assert_eq!(model.usage(g(2)), Pages(3));
    assert_eq!(model.usage(g(1)), Pages(0));
    assert_eq!(model.usage(ROOT), Pages(3));
}

#[test]
fn a_removed_group_is_named_only_through_its_own_folio() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), charge(0, 2, 1), rmdir(2)]);
    let drain_all = Op::DrainAll { group: g(2) };
    for half in 0..2 {
        for op in [charge(1, 2, 1), objcg(0, 2), drain_all] {
            assert_eq!(model.admits(&step(op)), Ok(()), "half {half}: {op:?}");
        }
        for op in [set_max(2, Limit::MAX), Op::SetSwapMax { group: g(2), max: Limit::MAX }] {
            skipped(&model, op, Skip::Removed);
        }
        model.offline_finished(g(2));
    }
    run_all(&mut model, &[charge(1, 2, 4), uncharge(0)]);
    assert_eq!(model.usage(g(1)), Pages(4));
    run_all(&mut model, &[drain_all, uncharge(1)]);
    for op in [charge(2, 2, 1), objcg(0, 2), drain_all] {
        skipped(&model, op, Skip::Removed);
    }
}

#[test]
fn offlining_finishes_once() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), objcg(0, 1)]);
    model.offline_finished(g(1));
    assert_eq!(model.life(g(1)), Some(GroupLife::Online), "no rmdir ran");
    run_all(&mut model, &[rmdir(1)]);
    model.commit(&step(Op::Work), Outcome::Ran(Ran::Offline(g(1))));
    let once = model.clone();
    model.offline_finished(g(1));
    model.commit(&step(Op::Work), Outcome::Ran(Ran::Offline(g(1))));
    assert_eq!(model, once);
    assert_eq!((model.bucket_refs(g(1)), model.id_refs(g(1))), (1, 0));
}

#[test]
fn a_group_ends_when_dying_and_held_by_nobody() {
    let mut model = model(Mode::V2);
    let nobody = Holders::default();
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), mkdir(3, 2)]);
    run_all(&mut model, &[charge(0, 2, 2), charge(1, 2, 3), swap_out(0, 1), objcg(0, 3)]);
    assert_eq!(model.ended(g(9)), Err(nobody));
    assert_eq!(model.ended(ROOT), Err(Holders { children: 1, ..nobody }));
    remove(&mut model, 3);
    assert_eq!(model.holders(g(2)), Holders { folios: 1, slots: 3, objcgs: 1, children: 1, tasks: 0 });
    run_all(&mut model, &[rmdir(2)]);
    assert_eq!(model.ended(g(3)), Ok(()));
    assert_eq!(model.life(g(3)), Some(GroupLife::Ended));
    assert_eq!(model.ended(g(3)), Err(nobody), "not twice");
    run_all(&mut model, &[swap_free(0)]);
    run_all(&mut model, &[uncharge(0)]);
    assert_eq!(model.ended(g(2)), Err(Holders { objcgs: 1, ..nobody }), "offlining, and it owns an objcg");
    model.offline_finished(g(2));
    assert_eq!(model.holders(g(1)), Holders { objcgs: 1, children: 1, ..nobody });
    let dying = model.clone();
    assert_eq!(model.ended(g(1)), Err(Holders { objcgs: 1, children: 1, ..nobody }), "online");
    assert_eq!(model, dying, "a refusal changes nothing");
    assert_eq!(model.ended(g(2)), Ok(()));
    assert_eq!(model.holders(g(1)), Holders { objcgs: 1, ..nobody });
    run_all(&mut model, &[objcg_put(0)]);
    assert!(model.holders(g(1)).is_empty());
}

#[test]
fn each_holder_alone_keeps_a_dying_group() {
    let nobody = Holders::default();
    let cases: [(&[Op], Holders); 4] = [
        (&[charge(0, 1, 5)], Holders { folios: 1, ..nobody }),
        (&[charge(0, 1, 5), swap_out(0, 0)], Holders { slots: 5, ..nobody }),
        (&[mkdir(2, 1), rmdir(2)], Holders { children: 1, ..nobody }),
        (&[], nobody),
    ];
    for (ops, holders) in cases {
        let mut model = model(Mode::V2);
        run_all(&mut model, &[mkdir(1, 0)]);
        run_all(&mut model, ops);
        model.offline_finished(g(2));
        remove(&mut model, 1);
        assert_eq!(model.holders(g(1)), holders);
        assert_eq!(model.ended(g(1)), if holders == nobody { Ok(()) } else { Err(holders) });
    }
}

#[test]
fn a_parent_offlined_before_its_child_is_held_by_the_objcg_it_inherits() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), objcg(0, 2), obj_charge(0, 0, 1), rmdir(2), rmdir(1)]);
    model.offline_finished(g(1));
    model.offline_finished(g(2));
    assert_eq!(model.bucket_owner(g(2)), g(1));
    assert_eq!((model.usage(g(2)), model.usage(g(1)), model.usage(ROOT)), (Pages(0), Pages(1), Pages(1)));
    assert_eq!(model.ended(g(2)), Ok(()));
    assert_eq!(model.ended(g(1)), Err(Holders { objcgs: 1, ..Holders::default() }));
}
