//! What is allowed besides the model's own answer, and what is not.

use super::*;
use crate::{Allowed, Grade, Reason};

const REMOTE: Grade = Grade::Divergent(Reason::RemoteStock);
const HIT: Grade = Grade::Divergent(Reason::StockHitOverMax);
const OFFLINING: Grade = Grade::Divergent(Reason::Offlining);

fn grade(model: &Model, op: Op, seen: &Seen, outcome: Outcome) -> Grade {
    model.allowed(&step(op), seen).grade(outcome)
}

fn usage(usage: &[u64]) -> Seen {
    Seen { usage: usage.to_vec(), ..Seen::default() }
}

#[test]
fn a_charge_may_fail_for_what_is_really_charged_at_some_level() {
    let mut model = model(Mode::V2);
    run_all(
        &mut model,
        &[mkdir_max(1, 0, Limit::pages(100)), mkdir_max(2, 1, Limit::pages(50)), charge(0, 2, 1)],
    );
    let op = charge(1, 2, 10);
    for (seen, expected) in [
        (usage(&[90, 90, 40]), Grade::Violation),
        (usage(&[90, 90, 41]), REMOTE),
        (usage(&[91, 91, 40]), REMOTE),
        (usage(&[1_000_000, 90, 40]), Grade::Violation),
    ] {
        assert_eq!(grade(&model, op, &seen, NOMEM), expected, "{seen:?}");
        assert_eq!(grade(&model, op, &seen, DONE), Grade::Exact);
    }
    let full = usage(&[1000, 1000, 1000]);
    assert_eq!(grade(&model, force(1, 2, 10), &full, NOMEM), Grade::Violation);
    assert_eq!(grade(&model, charge(1, 0, 10), &full, NOMEM), Grade::Violation);
    assert_eq!(grade(&model, op, &full, BUSY), Grade::Violation);
    let alloc = failing(op, Failure::Alloc);
    let stocked = Seen { local_pages: 64, ..full };
    assert_eq!(model.allowed(&alloc, &stocked), Allowed::only(NOMEM), "there is no folio to charge");
}

#[test]
fn an_object_asks_for_its_own_pages_whatever_the_model_needs() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(4)), objcg(0, 1), obj_charge(0, 0, 1), objcg(1, 0)]);
    // The model needs no further page for these 4095 bytes, a machine that asks its counter needs one.
    let op = obj_charge(1, 0, 4095);
    assert_eq!(grade(&model, op, &usage(&[4, 3]), NOMEM), Grade::Violation);
    assert_eq!(grade(&model, op, &usage(&[4, 4]), NOMEM), REMOTE);
    let op = obj_charge(1, 0, 4097);
    assert_eq!(grade(&model, op, &usage(&[2, 2]), NOMEM), Grade::Violation);
    assert_eq!(grade(&model, op, &usage(&[3, 3]), NOMEM), REMOTE);
    assert_eq!(grade(&model, obj_charge(1, 1, 4097), &usage(&[9, 9]), NOMEM), Grade::Violation);
    // The owner's levels count, not those of the birth group.
    run_all(&mut model, &[rmdir(1)]);
    model.offline_finished(g(1));
    assert_eq!(grade(&model, op, &usage(&[9, 9]), NOMEM), Grade::Violation);
}

#[test]
fn a_swap_in_is_a_charge_of_the_group_that_pays() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(4)), mkdir(2, 0), charge(0, 1, 3), swap_out(0, 0)]);
    let op = swap_in(1, 0, 2);
    assert_eq!(grade(&model, op, &usage(&[2, 2]), NOMEM), REMOTE);
    assert_eq!(grade(&model, op, &usage(&[1, 1, 9]), NOMEM), Grade::Violation);
    assert_eq!(grade(&model, op, &usage(&[2, 2]), to(2)), Grade::Violation);
    run_all(&mut model, &[set_max(1, Limit::pages(2))]);
    let stocked = Seen { local_pages: 3, ..Seen::default() };
    assert_eq!(grade(&model, op, &stocked, to(1)), HIT);
    assert_eq!(grade(&model, op, &stocked, to(2)), Grade::Violation);
    assert_eq!(grade(&model, op, &Seen { local_pages: 2, ..Seen::default() }, to(1)), Grade::Violation);
}

#[test]
fn v1_may_refuse_a_limit_for_what_is_really_charged() {
    for (mode, expected) in [(Mode::V1, REMOTE), (Mode::V1Flat, REMOTE), (Mode::V2, Grade::Violation)] {
        let mut model = model(mode);
        run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 3)]);
        let seen = usage(&[20, 20]);
        assert_eq!(grade(&model, set_max(1, Limit::pages(19)), &seen, BUSY), expected);
        assert_eq!(grade(&model, set_max(1, Limit::pages(20)), &seen, BUSY), Grade::Violation);
        assert_eq!(grade(&model, set_max(1, Limit::MAX), &seen, BUSY), Grade::Violation);
    }
    let mut v1 = model(Mode::V1);
    run_all(&mut v1, &[mkdir(1, 0), charge(0, 1, 3)]);
    let refused = v1.allowed(&step(set_max(1, Limit::pages(2))), &usage(&[20, 20]));
    assert_eq!(refused, Allowed::only(BUSY), "what does not fit the model is never done");
}

#[test]
fn a_stock_that_serves_all_of_a_charge_may_exceed_the_limit() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 5), set_max(1, Limit::pages(4)), objcg(0, 1)]);
    let seen = |local_pages, local_bytes| Seen { local_pages, local_bytes, ..Seen::default() };
    let op = charge(1, 1, 3);
    assert_eq!(grade(&model, op, &seen(3, 0), DONE), HIT);
    assert_eq!(grade(&model, op, &seen(2, 100_000), DONE), Grade::Violation, "bytes serve no folio");
    assert_eq!(grade(&model, op, &seen(3, 0), NOMEM), Grade::Exact);
    let object = obj_charge(0, 0, 4097);
    assert_eq!(grade(&model, object, &seen(0, 4097), DONE), HIT);
    assert_eq!(grade(&model, object, &seen(2, 0), DONE), HIT);
    assert_eq!(grade(&model, object, &seen(1, 4096), DONE), Grade::Violation);
    for op in [op, object] {
        let bypassed = model.allowed(&failing(op, Failure::Trylock), &seen(1000, 100_000));
        assert_eq!(bypassed, Allowed::only(NOMEM));
    }
}

#[test]
fn while_groups_are_offlining_their_objcgs_may_be_gone_already() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), mkdir(3, 2), charge(0, 3, 1)]);
    let (op, seen) = (objcg(0, 3), Seen::default());
    assert_eq!(model.allowed(&step(op), &seen), Allowed::only(to(3)), "nothing is offlining");
    run_all(&mut model, &[rmdir(3)]);
    let early = |outcomes: &[u16]| outcomes.iter().map(|&o| (to(o), Reason::Offlining)).collect::<Vec<_>>();
    assert_eq!(model.allowed(&step(op), &seen), Allowed { exact: vec![to(3)], divergent: early(&[2]) });
    run_all(&mut model, &[rmdir(2)]);
    assert_eq!(model.allowed(&step(op), &seen), Allowed { exact: vec![to(3)], divergent: early(&[2, 1]) });
    model.offline_finished(g(3));
    assert_eq!(model.allowed(&step(op), &seen), Allowed { exact: vec![to(2)], divergent: early(&[1]) });
    model.offline_finished(g(2));
    assert_eq!(model.allowed(&step(op), &seen), Allowed::only(to(1)));
}

#[test]
fn while_groups_are_offlining_their_ids_may_be_gone_already() {
    let mut model = model(Mode::V2);
    let limit = Limit::pages(2);
    run_all(
        &mut model,
        &[mkdir(1, 0), mkdir_swap_max(2, 1, limit), charge(0, 2, 2), charge(1, 2, 3), rmdir(2)],
    );
    let seen = Seen::default();
    assert_eq!(grade(&model, swap_out(0, 0), &seen, to(1)), OFFLINING);
    assert_eq!(grade(&model, swap_out(0, 0), &seen, to(0)), Grade::Violation);
    assert_eq!(grade(&model, swap_out(0, 0), &seen, NOMEM), Grade::Violation);
    // Above its own limit the group refuses, its parent would not.
    assert_eq!(grade(&model, swap_out(0, 1), &seen, NOMEM), Grade::Exact);
    assert_eq!(grade(&model, swap_out(0, 1), &seen, to(1)), OFFLINING);
    // A slot keeps the id beyond the second half.
    run_all(&mut model, &[swap_out(0, 0)]);
    assert_eq!(model.allowed(&step(swap_out(1, 1)), &seen), Allowed::only(NOMEM));
}

#[test]
fn every_work_item_that_may_be_due_is_exact() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), mkdir(3, 0), mkdir(4, 0), charge(0, 4, 1)]);
    let ran = |items: &[Ran]| items.iter().map(|&ran| Outcome::Ran(ran)).collect::<Vec<_>>();
    let due = |model: &Model| {
        let allowed = model.allowed(&step(Op::Work), &Seen::default());
        assert_eq!(allowed.exact[0], model.first(&step(Op::Work)));
        assert_eq!(allowed.divergent, []);
        let of_groups =
            (0..6).map(g).flat_map(|group| [Ran::Offline(group), Ran::Release(group), Ran::Create(group)]);
        for item in of_groups.chain([Ran::Nothing, Ran::Drain, Ran::Cache]).map(Outcome::Ran) {
            assert_eq!(model.grade(&step(Op::Work), &Seen::default(), item), allowed.grade(item), "{item:?}");
        }
        allowed.exact
    };
    assert_eq!(due(&model), ran(&[Ran::Nothing, Ran::Drain]));
    run_all(&mut model, &[rmdir(2), rmdir(1), rmdir(3), rmdir(4)]);
    // Group 1 waits for its child. Nothing is no longer an answer.
    let [two, three, four] = [2, 3, 4].map(|group| Ran::Offline(g(group)));
    assert_eq!(due(&model), ran(&[two, Ran::Drain, three, four]));
    for group in [4, 2] {
        model.commit(&step(Op::Work), Outcome::Ran(Ran::Offline(g(group))));
    }
    // Group 4 is held by its folio.
    assert_eq!(due(&model), ran(&[Ran::Offline(g(1)), Ran::Drain, three, Ran::Release(g(2))]));
    for group in [1, 3] {
        model.commit(&step(Op::Work), Outcome::Ran(Ran::Offline(g(group))));
    }
    run_all(&mut model, &[uncharge(0)]);
    assert_eq!(model.ended(g(2)), Ok(()));
    let releases = [1, 3, 4].map(|group| Ran::Release(g(group)));
    assert_eq!(due(&model), ran(&[&[Ran::Nothing, Ran::Drain], &releases[..]].concat()));
}

#[test]
fn everything_else_has_one_answer() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 2), objcg(0, 1), obj_charge(0, 0, 1)]);
    let (usage, memsw) = (vec![u64::MAX / 2; 4], vec![u64::MAX / 2; 4]);
    let generous = Seen { usage, memsw, kmem: Vec::new(), local_pages: 99, local_bytes: 99_999 };
    let steps = [
        mkdir(2, 1),
        rmdir(1),
        uncharge(0),
        objcg(1, 1),
        objcg_get(1, 0),
        objcg_put(0),
        obj_uncharge(0),
        swap_out(0, 0),
        Op::Drain,
        Op::DrainAll { group: g(1) },
        Op::Grace,
        Op::Quiesce,
    ];
    for op in steps {
        for fail in [None, Some(Failure::Alloc), Some(Failure::Trylock)] {
            let step = Step { cpu: CpuId(0), op, fail };
            assert_eq!(model.allowed(&step, &generous), Allowed::only(model.first(&step)), "{step:?}");
        }
    }
}
