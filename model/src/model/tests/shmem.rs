//! Pages charged and inserted, and files of shmem: what a fault finds, who pays, and what may be left behind.

use super::*;
use crate::{FileId, FreeList, Grade, PageOp, Reason, ShmemCharge, ShmemOp, ShmemRule, ShmemStage};

const F: FileId = FileId(0);
const EEXIST: Outcome = Outcome::Refused(Errno::Exist);

/// Nothing is cached anywhere, and usages are what a model says.
struct Nothing(Model);

impl Witness for Nothing {
    fn usage(&self, group: GroupId) -> Pages {
        self.0.usage(group)
    }
    fn memsw(&self, group: GroupId) -> Pages {
        self.0.memsw(group)
    }
    fn local_pages(&self) -> Pages {
        Pages(0)
    }
    fn local_bytes(&self) -> Bytes {
        Bytes(0)
    }
}

fn shmem(op: ShmemOp) -> Op {
    Op::Shmem(op)
}

fn fault(group: u16) -> Op {
    shmem(ShmemOp::Fault { file: F, group: g(group), huge: false })
}

fn lookup(group: u16) -> Op {
    shmem(ShmemOp::Lookup { file: F, group: g(group), huge: false })
}

fn stage(stage: ShmemStage) -> Op {
    shmem(ShmemOp::Stage(stage))
}

fn on(cpu: u8, op: Op) -> Step {
    Step { cpu: CpuId(cpu), ..step(op) }
}

/// Runs a step on another CPU than the first, with an answer that is the model's own or another.
fn observe(model: &mut Model, step: Step, outcome: Outcome) {
    assert_eq!(model.admits(&step), Ok(()), "{step:?}");
    model.commit(&step, outcome);
}

/// Group 1 with room for a page, and its file, written to once and swapped out to slot 7, the page not in memory.
fn swapped() -> Model {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(1)), shmem(ShmemOp::File { new: F })]);
    assert_eq!(run(&mut model, fault(1)), Outcome::Read(0));
    run_all(&mut model, &[shmem(ShmemOp::Write { file: F }), shmem(ShmemOp::Out { file: F })]);
    model.swapped_to(F, 7);
    run_all(&mut model, &[shmem(ShmemOp::Reclaim)]);
    assert_eq!((model.usage(g(1)), model.swapped(g(1)), model.slots_used()), (Pages(0), Pages(1), 1));
    model
}

#[test]
fn a_fault_finds_what_was_last_written_and_the_recorded_group_pays() {
    let mut model = swapped();
    assert_eq!(run(&mut model, fault(0)), Outcome::Read(1));
    assert_eq!((model.usage(g(1)), model.swapped(g(1)), model.slots_used()), (Pages(1), Pages(0), 0));
    run_all(&mut model, &[shmem(ShmemOp::Write { file: F })]);
    assert_eq!(run(&mut model, fault(0)), Outcome::Read(2));
    run_all(&mut model, &[shmem(ShmemOp::Punch { file: F })]);
    assert_eq!(run(&mut model, fault(0)), Outcome::Read(0), "a hole contains nothing");
    run_all(&mut model, &[shmem(ShmemOp::Write { file: F })]);
    assert_eq!(model.shmem_version(F), 3, "no version comes twice");
}

#[test]
fn a_page_that_does_not_fit_stays_swapped_out() {
    let mut model = swapped();
    run_all(&mut model, &[charge(0, 1, 1)]);
    assert_eq!(run(&mut model, fault(0)), NOMEM);
    assert_eq!((model.usage(g(1)), model.swapped(g(1))), (Pages(1), Pages(1)));
}

#[test]
fn a_punch_may_strand_only_a_page_that_is_locked_or_being_written() {
    let punch = shmem(ShmemOp::Punch { file: F });
    let mut model = swapped();
    let grade =
        |model: &Model| model.allowed(&on(1, punch), &Nothing(model.clone())).grade(Outcome::Stranded);
    assert_eq!(grade(&model), Grade::Violation);
    run_all(&mut model, &[lookup(1), stage(ShmemStage::Read)]);
    assert_eq!(grade(&model), Grade::Violation, "it is in the swap cache, but nobody has locked it");
    run_all(&mut model, &[stage(ShmemStage::Lock)]);
    assert_eq!(grade(&model), Grade::Divergent(Reason::Stranded));
    observe(&mut model, on(1, punch), Outcome::Stranded);
    assert_eq!(model.stranded().collect::<Vec<_>>(), [7]);
    assert_eq!(run(&mut model, stage(ShmemStage::Confirm)), EEXIST);
    assert_eq!(run(&mut model, stage(ShmemStage::Finish)), EEXIST);
    assert_eq!((model.usage(g(1)), model.swapped(g(1))), (Pages(1), Pages(1)), "page and slot are paid for");
    run_all(&mut model, &[shmem(ShmemOp::Reclaim)]);
    assert_eq!((model.usage(g(1)), model.swapped(g(1)), model.slots_used()), (Pages(0), Pages(0), 0));
}

#[test]
fn a_punch_that_waits_is_skipped_while_the_page_is_locked() {
    let mut model = swapped();
    model.shmem_by(ShmemRule { charge: ShmemCharge::AtCharge, punch_waits: true });
    run_all(&mut model, &[lookup(1), stage(ShmemStage::Read), stage(ShmemStage::Lock)]);
    let punch = on(1, shmem(ShmemOp::Punch { file: F }));
    assert_eq!(model.admits(&punch), Err(Skip::Waits));
    model.shmem_by(ShmemRule { charge: ShmemCharge::AtCharge, punch_waits: false });
    assert_eq!(model.admits(&punch), Ok(()));
}

/// Where a page is charged after it was read, one that cannot be charged stays in the swap cache, or is taken out of it.
#[test]
fn a_refused_charge_leaves_the_page_where_the_rule_says() {
    for (charge, left) in [
        (ShmemCharge::AtSwapCache, false),
        (ShmemCharge::AtCharge, true),
        (ShmemCharge::AtChargeUntilInserted, true),
        (ShmemCharge::AtChargeOrDropped, false),
    ] {
        let mut model = swapped();
        model.shmem_by(ShmemRule { charge, punch_waits: false });
        observe(&mut model, on(0, fault(1)), Outcome::Refused(Errno::NoMem));
        let number = model.shmem_hole(F).expect("slots that the index led to");
        assert_eq!(model.shmem_unreference(number), left, "{charge:?}");
    }
}

#[test]
fn when_a_page_is_charged_is_the_rules() {
    for (charge, at_read, after_failure) in [
        (ShmemCharge::AtSwapCache, 1, 1),
        (ShmemCharge::AtCharge, 0, 1),
        (ShmemCharge::AtChargeUntilInserted, 0, 0),
    ] {
        let mut model = swapped();
        model.shmem_by(ShmemRule { charge, punch_waits: false });
        run_all(&mut model, &[lookup(1), stage(ShmemStage::Read)]);
        assert_eq!(model.usage(g(1)), Pages(at_read), "{charge:?}");
        run_all(
            &mut model,
            &[stage(ShmemStage::Lock), stage(ShmemStage::Confirm), stage(ShmemStage::Charge)],
        );
        assert_eq!(model.usage(g(1)), Pages(1), "{charge:?}");
        observe(&mut model, on(1, shmem(ShmemOp::Punch { file: F })), Outcome::Stranded);
        assert_eq!(run(&mut model, stage(ShmemStage::Insert)), EEXIST);
        assert_eq!(model.usage(g(1)), Pages(after_failure), "{charge:?}");
    }
}

#[test]
fn a_cpu_in_the_middle_of_a_fault_runs_only_its_stages() {
    let mut model = swapped();
    run_all(&mut model, &[lookup(1)]);
    skipped(&model, fault(1), Skip::InOperation);
    skipped(&model, stage(ShmemStage::Lock), Skip::Absent);
    assert_eq!(model.admits(&on(1, rmdir(1))), Err(Skip::InOperation), "its task is in the group");
    assert_eq!(model.admits(&on(1, fault(1))), Ok(()));
}

#[test]
fn huge_pages_become_small_ones_and_hugetlb_costs_nothing() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(512))]);
    let anon = |new, huge| Op::Page(PageOp::Anon { new: ChargeId(new), group: g(1), huge });
    run_all(&mut model, &[anon(0, true), Op::Page(PageOp::Hugetlb { new: ChargeId(1) })]);
    assert_eq!(model.usage(g(1)), Pages(512));
    assert_eq!(run(&mut model, anon(2, true)), NOMEM);
    run_all(&mut model, &[set_max(1, Limit::pages(513))]);
    assert_eq!(run(&mut model, anon(3, true)), Outcome::Small);
    let list = FreeList::new([ChargeId(0), ChargeId(3), ChargeId(0)]).expect("two pages");
    assert_eq!(list.iter().count(), 2, "a page is freed once");
    run_all(&mut model, &[Op::Page(PageOp::FreeList { list })]);
    assert_eq!((model.usage(g(1)), model.own_folios(g(1))), (Pages(0), 0));
}

#[test]
fn a_page_that_cannot_be_inserted_leaves_nothing() {
    let mut model = model(Mode::V2);
    run_all(&mut model, &[mkdir(1, 0)]);
    for (op, answer) in [
        (PageOp::File { new: ChargeId(0), group: g(1) }, NOMEM),
        (PageOp::Anon { new: ChargeId(0), group: g(1), huge: true }, EEXIST),
    ] {
        let step = Step { fail: Some(Failure::Insert), ..step(Op::Page(op)) };
        assert_eq!(model.first(&step), answer);
        model.commit(&step, answer);
        assert_eq!((model.usage(g(1)), model.own_folios(g(1))), (Pages(0), 0));
    }
}
