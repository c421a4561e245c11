//! Mapped pages and moving charges: what is counted where, what may be refused, and what cannot be asked.

use super::*;
use crate::{FileMapped, MappedOp};

fn map(charge: u16) -> Op {
    Op::Mapped(MappedOp::Map { charge: ChargeId(charge) })
}

fn unmap(charge: u16) -> Op {
    Op::Mapped(MappedOp::Unmap { charge: ChargeId(charge) })
}

fn map_begin(charge: u16) -> Op {
    Op::Mapped(MappedOp::MapBegin { charge: ChargeId(charge) })
}

fn map_end(charge: u16) -> Op {
    Op::Mapped(MappedOp::MapEnd { charge: ChargeId(charge) })
}

fn unmap_begin(charge: u16) -> Op {
    Op::Mapped(MappedOp::UnmapBegin { charge: ChargeId(charge) })
}

fn unmap_end(charge: u16) -> Op {
    Op::Mapped(MappedOp::UnmapEnd { charge: ChargeId(charge) })
}

fn move_start(from: u16, to: u16) -> Op {
    Op::Mapped(MappedOp::MoveStart { from: g(from), to: g(to) })
}

fn move_page(charge: u16, to: u16) -> Op {
    Op::Mapped(MappedOp::MovePage { charge: ChargeId(charge), to: g(to) })
}

fn move_end(from: u16, to: u16) -> Op {
    Op::Mapped(MappedOp::MoveEnd { from: g(from), to: g(to) })
}

fn force_empty(group: u16) -> Op {
    Op::Mapped(MappedOp::ForceEmpty { group: g(group) })
}

fn counted(model: &Model, group: u16) -> (u64, u64) {
    let FileMapped { pages, huge } = model.file_mapped(g(group));
    (pages.0, huge)
}

#[test]
fn a_folio_counts_once_however_often_it_is_mapped() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 1), charge(1, 1, 4), map(0), map(0), map(1)]);
    assert_eq!(counted(&model, 1), (5, 1), "a large folio counts with its pages, and as one large folio");
    run_all(&mut model, &[unmap(0)]);
    assert_eq!(counted(&model, 1), (5, 1));
    run_all(&mut model, &[unmap(0), unmap(1)]);
    assert_eq!(counted(&model, 1), (0, 0));
    skipped(&model, unmap(1), Skip::Mapping);
    skipped(&model, map(2), Skip::Absent);
}

#[test]
fn a_mapped_folio_is_not_freed() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 1), map(0)]);
    skipped(&model, uncharge(0), Skip::Mapping);
    skipped(&model, swap_out(0, 0), Skip::Mapping);
    run_all(&mut model, &[unmap(0), uncharge(0)]);
    skipped(&model, map(0), Skip::Absent);
}

#[test]
fn a_cpu_in_the_middle_of_a_mapping_only_ends_it() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 1), map_begin(0)]);
    assert_eq!(model.open_halves().len(), 1);
    assert_eq!(model.open_halves()[0].end(), step(map_end(0)));
    for op in [map(0), unmap_end(0), map_end(1), Op::Drain] {
        skipped(&model, op, Skip::InOperation);
    }
    let elsewhere = |op| Step { cpu: CpuId(1), op, fail: None };
    assert_eq!(model.admits(&elsewhere(Op::CpuDown { target: CpuId(0) })), Err(Skip::InOperation));
    assert_eq!(model.admits(&elsewhere(unmap(0))), Err(Skip::Mapping), "the only mapping is not complete");
    assert_eq!(model.admits(&elsewhere(map(0))), Ok(()));
    assert_eq!(model.admits(&elsewhere(map_end(0))), Err(Skip::Absent));
    run_all(&mut model, &[map_end(0), unmap(0)]);
    assert_eq!(counted(&model, 1), (0, 0));
}

#[test]
fn a_folio_may_be_freed_in_the_middle_of_its_last_unmapping() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), charge(0, 1, 1), map(0), unmap_begin(0)]);
    let free = Step { cpu: CpuId(1), op: uncharge(0), fail: None };
    assert_eq!(model.admits(&free), Ok(()));
    model.commit(&free, DONE);
    assert_eq!((counted(&model, 1), model.usage(g(1))), ((0, 0), Pages(0)));
    run_all(&mut model, &[unmap_end(0)]);
    assert!(model.open_halves().is_empty());
}

#[test]
fn a_charge_moves_with_its_statistic() {
    let mut model = model(Mode::V1);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 0), charge(0, 1, 3), map(0)]);
    skipped(&model, move_page(0, 2), Skip::Absent);
    run_all(&mut model, &[move_start(1, 2)]);
    assert_eq!((model.moves_from(g(1)), model.moves_from(g(2))), (1, 0));
    run_all(&mut model, &[move_page(0, 2)]);
    assert_eq!([1, 2].map(|n| model.usage(g(n)).0), [0, 3]);
    assert_eq!([1, 2].map(|n| model.own_folios(g(n))), [0, 1]);
    assert_eq!((counted(&model, 1), counted(&model, 2)), ((0, 0), (3, 1)));
    skipped(&model, move_page(0, 2), Skip::Absent);
    skipped(&model, rmdir(1), Skip::InOperation);
    run_all(&mut model, &[move_end(1, 2), rmdir(1), unmap(0), uncharge(0)]);
    assert_eq!(counted(&model, 2), (0, 0));
}

#[test]
fn both_groups_are_charged_while_a_page_is_on_its_way() {
    let mut model = model(Mode::V1);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(5)), mkdir(2, 1), mkdir(3, 1), charge(0, 2, 3)]);
    run_all(&mut model, &[move_start(2, 3)]);
    assert_eq!(run(&mut model, move_page(0, 3)), NOMEM, "the parent has room for two, not for three more");
    assert_eq!(model.charge(ChargeId(0)), Some((g(2), Pages(3))));
    run_all(&mut model, &[set_max(1, Limit::pages(6)), move_page(0, 3)]);
    assert_eq!([1, 2, 3].map(|n| model.usage(g(n)).0), [3, 0, 3]);
}

#[test]
fn what_is_cached_may_fail_a_move_or_serve_it() {
    let mut model = model(Mode::V1);
    run_all(&mut model, &[mkdir(1, 0), mkdir_max(2, 0, Limit::pages(3)), charge(0, 1, 3), move_start(1, 2)]);
    let step = step(move_page(0, 2));
    let stocked = Seen { usage: vec![0, 3, 1], ..Seen::default() };
    assert_eq!(model.allowed(&step, &stocked).divergent, [(NOMEM, crate::Reason::RemoteStock)]);
    assert_eq!(model.allowed(&step, &Seen::default()).divergent, []);
    run_all(&mut model, &[set_max(2, Limit::pages(2))]);
    let local = Seen { local_pages: 3, ..Seen::default() };
    assert_eq!(model.allowed(&step, &local).divergent, [(DONE, crate::Reason::StockHitOverMax)]);
}

#[test]
fn a_group_is_emptied_page_by_page() {
    let mut model = model(Mode::V1);
    run_all(
        &mut model,
        &[mkdir_max(1, 0, Limit::pages(6)), mkdir(2, 1), charge(0, 2, 2), charge(1, 2, 2), map(1)],
    );
    let before = model.clone();
    run_all(&mut model, &[mkdir(3, 2)]);
    assert_eq!(run(&mut model, force_empty(2)), BUSY);
    model = before;
    run_all(&mut model, &[charge(2, 1, 1)]);
    assert_eq!(run(&mut model, force_empty(2)), NOMEM, "there is room for one page more");
    model.folio_moved(ChargeId(0), g(1));
    assert_eq!(model.own_folios(g(2)), 1, "as was seen");
    run_all(&mut model, &[uncharge(2), force_empty(2)]);
    assert_eq!((model.usage(g(1)).0, model.own_folios(g(1)), model.own_folios(g(2))), (4, 2, 0));
    assert_eq!((counted(&model, 1), counted(&model, 2)), ((2, 1), (0, 0)));
    skipped(&model, force_empty(0), Skip::NoChange);
}

#[test]
fn without_a_hierarchy_the_parent_needs_room_for_all() {
    let mut model = model(Mode::V1Flat);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(3)), mkdir(2, 1), charge(0, 2, 2), charge(1, 2, 2)]);
    assert_eq!(run(&mut model, force_empty(2)), NOMEM);
    run_all(&mut model, &[set_max(1, Limit::pages(4)), force_empty(2)]);
    assert_eq!((model.usage(g(1)), model.usage(g(2)), model.usage(ROOT)), (Pages(4), Pages(0), Pages(4)));
}

#[test]
fn nothing_moves_in_v2() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 0), charge(0, 1, 1)]);
    for op in [move_start(1, 2), move_page(0, 2), move_end(1, 2), force_empty(1)] {
        skipped(&model, op, Skip::NotInMode);
    }
}

/// Random steps; after each, every statistic is counted again from the folios.
#[test]
fn a_statistic_is_the_sum_over_the_folios() {
    let (mut seed, mut moved) = (7u64, 0);
    let mut dice = |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    for _ in 0..200 {
        let mut model = model(Mode::V1);
        run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), mkdir(3, 0)]);
        let mut made = 0;
        for _ in 0..80 {
            let (folio, group, other) = (dice(8) as u16, dice(4) as u16, dice(4) as u16);
            let op = match dice(14) {
                0 | 1 => {
                    made += 1;
                    charge(made - 1, group, 1 + dice(3))
                }
                2..=4 => map(folio),
                5 | 6 => unmap(folio),
                7 => uncharge(folio),
                8 => move_start(group, other),
                9 | 10 => move_page(folio, other),
                11 => move_end(group, other),
                12 => force_empty(group),
                _ => {
                    [map_begin(folio), unmap_begin(folio), map_end(folio), unmap_end(folio)][dice(4) as usize]
                }
            };
            let step = Step { cpu: CpuId(dice(3) as u8), op, fail: None };
            if model.admits(&step).is_err() {
                continue;
            }
            let answer = model.first(&step);
            model.commit(&step, answer);
            moved += u32::from(answer == DONE && matches!(op, Op::Mapped(MappedOp::MovePage { .. })));
            for number in 0..4 {
                let mapped = (0..made).map(ChargeId).filter(|&charge| model.mapped.mapcount(charge) > 0);
                let own =
                    mapped.filter_map(|charge| model.charge(charge)).filter(|(owner, _)| *owner == g(number));
                let sizes: Vec<u64> = own.map(|(_, pages)| pages.0).collect();
                let huge = sizes.iter().filter(|pages| **pages > 1).count() as u64;
                assert_eq!(
                    counted(&model, number),
                    (sizes.iter().sum(), huge),
                    "group {number} after {step:?}"
                );
            }
        }
    }
    assert!(moved > 100, "{moved}");
}
