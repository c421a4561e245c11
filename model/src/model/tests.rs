//! Tests of the model: hand-worked cases for each rule, and random programs whose running totals are compared with
//! a ledger that adds everything up anew.

mod allowed;
mod ledger;
mod limits;
mod mapped;
mod memsw;
mod mm;
mod obj_cgroup;
mod random;
mod shmem;
mod slab;
mod swap;
mod tree;

use super::{Config, Model, Skip};
use crate::{
    Bytes, ChargeId, CpuId, Errno, Failure, GroupId, Limit, Mode, ObjcgId, ObjectId, Op, Outcome, Pages, Ran,
    SlotId, Step, Witness,
};

const ROOT: GroupId = GroupId::ROOT;
const NOMEM: Outcome = Outcome::Refused(Errno::NoMem);
const BUSY: Outcome = Outcome::Refused(Errno::Busy);
const NOSPACE: Outcome = Outcome::Refused(Errno::NoSpace);
const NODEV: Outcome = Outcome::Refused(Errno::NoDev);
const INVALID: Outcome = Outcome::Refused(Errno::Invalid);
const DONE: Outcome = Outcome::Done;

fn g(number: u16) -> GroupId {
    GroupId(number)
}

fn to(number: u16) -> Outcome {
    Outcome::To(GroupId(number))
}

fn model(mode: Mode) -> Model {
    Model::new(Config { mode, cpus: 3, ids: 8, slots: 16 })
}

fn step(op: Op) -> Step {
    Step { cpu: CpuId(0), op, fail: None }
}

fn failing(op: Op, fail: Failure) -> Step {
    Step { cpu: CpuId(0), op, fail: Some(fail) }
}

/// Runs one step that has to be admitted, and gives the model's own answer, which is committed.
#[track_caller]
fn run(model: &mut Model, op: Op) -> Outcome {
    let step = step(op);
    assert_eq!(model.admits(&step), Ok(()), "{op:?}");
    let outcome = model.first(&step);
    model.commit(&step, outcome);
    outcome
}

/// Runs steps that all have to succeed.
#[track_caller]
fn run_all(model: &mut Model, ops: &[Op]) {
    for &op in ops {
        let outcome = run(model, op);
        assert!(matches!(outcome, Outcome::Done | Outcome::To(_)), "{op:?}: {outcome:?}");
    }
}

/// rmdir with both halves.
#[track_caller]
fn remove(model: &mut Model, group: u16) {
    assert_eq!(run(model, rmdir(group)), DONE);
    model.offline_finished(g(group));
}

#[track_caller]
fn skipped(model: &Model, op: Op, skip: Skip) {
    assert_eq!(model.admits(&step(op)), Err(skip), "{op:?}");
}

fn mkdir(new: u16, parent: u16) -> Op {
    mkdir_max(new, parent, Limit::MAX)
}

fn mkdir_max(new: u16, parent: u16, max: Limit) -> Op {
    Op::Mkdir { new: g(new), parent: g(parent), max, swap_max: Limit::MAX }
}

fn mkdir_swap_max(new: u16, parent: u16, swap_max: Limit) -> Op {
    Op::Mkdir { new: g(new), parent: g(parent), max: Limit::MAX, swap_max }
}

fn rmdir(group: u16) -> Op {
    Op::Rmdir { group: g(group) }
}

fn set_max(group: u16, max: Limit) -> Op {
    Op::SetMax { group: g(group), max }
}

fn set_memsw_max(group: u16, max: Limit) -> Op {
    Op::SetMemswMax { group: g(group), max }
}

fn charge(new: u16, group: u16, pages: u64) -> Op {
    Op::Charge { new: ChargeId(new), group: g(group), pages: Pages(pages), force: false }
}

fn force(new: u16, group: u16, pages: u64) -> Op {
    Op::Charge { new: ChargeId(new), group: g(group), pages: Pages(pages), force: true }
}

fn uncharge(charge: u16) -> Op {
    Op::Uncharge { charge: ChargeId(charge) }
}

fn objcg(new: u16, group: u16) -> Op {
    Op::ObjcgFrom { new: ObjcgId(new), group: g(group) }
}

fn objcg_get(new: u16, held: u16) -> Op {
    Op::ObjcgGet { new: ObjcgId(new), held: ObjcgId(held) }
}

fn objcg_put(held: u16) -> Op {
    Op::ObjcgPut { held: ObjcgId(held) }
}

fn obj_charge(new: u16, objcg: u16, bytes: u64) -> Op {
    Op::ObjCharge { new: ObjectId(new), objcg: ObjcgId(objcg), bytes: Bytes(bytes), force: false }
}

fn obj_uncharge(object: u16) -> Op {
    Op::ObjUncharge { object: ObjectId(object) }
}

fn swap_out(new: u16, charge: u16) -> Op {
    Op::SwapOut { new: SlotId(new), charge: ChargeId(charge) }
}

fn swap_in(new: u16, slot: u16, faulter: u16) -> Op {
    Op::SwapIn { new: ChargeId(new), slot: SlotId(slot), faulter: g(faulter) }
}

fn swap_free(slot: u16) -> Op {
    Op::SwapFree { slot: SlotId(slot) }
}

/// A machine on which the counters are so high and the local stocks so full.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// By group; 0 where nothing is said.
    usage: Vec<u64>,
    /// The same with swap.
    memsw: Vec<u64>,
    /// The same for kernel memory.
    kmem: Vec<u64>,
    local_pages: u64,
    local_bytes: u64,
}

impl Witness for Seen {
    fn usage(&self, group: GroupId) -> Pages {
        Pages(self.usage.get(group.index()).copied().unwrap_or_default())
    }

    fn memsw(&self, group: GroupId) -> Pages {
        Pages(self.memsw.get(group.index()).copied().unwrap_or_default())
    }

    fn kmem(&self, group: GroupId) -> Pages {
        Pages(self.kmem.get(group.index()).copied().unwrap_or_default())
    }

    fn local_pages(&self) -> Pages {
        Pages(self.local_pages)
    }

    fn local_bytes(&self) -> Bytes {
        Bytes(self.local_bytes)
    }
}

#[test]
fn cpus_go_down_and_up_once_each() {
    let mut model = model(Mode::V2);
    let down = Op::CpuDown { target: CpuId(1) };
    let up = Op::CpuUp { target: CpuId(1) };
    skipped(&model, up, Skip::NoChange);
    assert_eq!(run(&mut model, down), DONE);
    assert!(!model.cpu_up(CpuId(1)) && model.cpu_up(CpuId(0)) && model.cpu_up(CpuId(2)));
    skipped(&model, down, Skip::NoChange);
    let elsewhere = Step { cpu: CpuId(1), op: Op::Drain, fail: None };
    assert_eq!(model.admits(&elsewhere), Err(Skip::CpuDown));
    assert_eq!(run(&mut model, up), DONE);
    assert_eq!(model.admits(&elsewhere), Ok(()));
}

#[test]
fn no_cpu_takes_itself_down_and_none_is_made_up() {
    let model = model(Mode::V2);
    skipped(&model, Op::CpuDown { target: CpuId(0) }, Skip::NoChange);
    for op in [
        Op::CpuDown { target: CpuId(3) },
        Op::CpuUp { target: CpuId(3) },
        Op::CpuIsolate { target: CpuId(3) },
        Op::CpuUnisolate { target: CpuId(255) },
    ] {
        skipped(&model, op, Skip::CpuDown);
    }
    let nowhere = Step { cpu: CpuId(3), op: Op::Drain, fail: None };
    assert_eq!(model.admits(&nowhere), Err(Skip::CpuDown));
    assert!(!model.cpu_up(CpuId(3)));
}

#[test]
fn isolation_toggles() {
    let mut model = model(Mode::V2);
    let (isolate, unisolate) = (Op::CpuIsolate { target: CpuId(0) }, Op::CpuUnisolate { target: CpuId(0) });
    skipped(&model, unisolate, Skip::NoChange);
    assert_eq!(run(&mut model, isolate), DONE);
    assert!(model.cpu_isolated(CpuId(0)));
    skipped(&model, isolate, Skip::NoChange);
    assert_eq!(run(&mut model, unisolate), DONE);
    assert!(!model.cpu_isolated(CpuId(0)));
}

#[test]
fn reset_forgets_everything() {
    let mut used = model(Mode::V2);
    run_all(
        &mut used,
        &[
            mkdir(1, 0),
            mkdir(2, 1),
            charge(0, 2, 3),
            charge(1, 2, 2),
            swap_out(0, 1),
            objcg(0, 2),
            obj_charge(0, 0, 92),
            rmdir(2),
            Op::CpuDown { target: CpuId(1) },
        ],
    );
    let config = Config { mode: Mode::V1, cpus: 2, ids: 3, slots: 0 };
    assert_ne!(used, Model::new(config));
    used.reset(config);
    assert_eq!(used, Model::new(config));
    assert_eq!(used.config(), config);
}
