//! Tasks and mms: who may pay, and what is bound to what.

use super::*;
use crate::{MmEvent, MmOp, MmUserId, TaskId, Via};

const T1: TaskId = TaskId(1);
const T2: TaskId = TaskId(2);
const OF_T1: Via = Via::Task(T1);
const OF_T2: Via = Via::Task(T2);

fn mm(op: MmOp) -> Op {
    Op::Mm(op)
}

/// Root has children 1 and 2, 1 has child 3; task 1 runs in 3.
fn with_a_task() -> Model {
    let mut model = model(Mode::V2);
    let start = mm(MmOp::Task { new: T1, group: g(3) });
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 0), mkdir(3, 1), start]);
    model
}

fn migrate(task: TaskId, group: u16) -> Op {
    mm(MmOp::Migrate { task, group: g(group) })
}

fn mm_charge(new: u16, through: Via, pages: u64) -> Op {
    mm(MmOp::Charge { new: ChargeId(new), through, pages: Pages(pages) })
}

/// Every group that may pay for a charge of one page.
#[track_caller]
fn payers(model: &Model, through: Via) -> Vec<Outcome> {
    let step = step(mm_charge(99, through, 1));
    assert_eq!(model.admits(&step), Ok(()));
    let mut exact = model.allowed(&step, &Seen::default()).exact;
    exact.sort();
    exact
}

#[test]
fn the_group_of_the_one_task_pays() {
    let mut model = with_a_task();
    assert_eq!(run(&mut model, mm_charge(0, OF_T1, 3)), to(3));
    assert_eq!(model.usage(g(1)), Pages(3));
    assert_eq!(payers(&model, OF_T1), [to(3)]);
    run_all(&mut model, &[migrate(T1, 2)]);
    assert_eq!((payers(&model, OF_T1), model.mm_bound(OF_T1)), (vec![to(2)], Some(g(2))));
    assert_eq!(model.usage(g(1)), Pages(3));
}

#[test]
fn a_charge_that_fits_nowhere_is_refused() {
    let mut model = with_a_task();
    run_all(&mut model, &[set_max(1, Limit::pages(2))]);
    assert_eq!(run(&mut model, mm_charge(0, OF_T1, 3)), NOMEM);
    assert_eq!(model.first(&failing(mm_charge(0, OF_T1, 1), Failure::Alloc)), NOMEM);
}

#[test]
fn sharers_bind_an_mm_to_what_holds_them_all() {
    let mut model = with_a_task();
    run_all(&mut model, &[mm(MmOp::Vfork { new: T2, parent: T1 })]);
    assert_eq!(model.mm_bound(OF_T1), Some(g(3)));
    run_all(&mut model, &[migrate(T2, 1)]);
    assert_eq!((model.mm_bound(OF_T1), payers(&model, OF_T1)), (Some(g(1)), vec![to(1), to(3)]));
    run_all(&mut model, &[migrate(T2, 2)]);
    assert_eq!((model.mm_bound(OF_T1), payers(&model, OF_T1)), (Some(ROOT), vec![to(1), to(2), to(3)]));
    // Whoever is left is alone in its own group again.
    run_all(&mut model, &[mm(MmOp::Exit { task: T2 })]);
    assert_eq!((model.mm_bound(OF_T1), payers(&model, OF_T1)), (Some(g(3)), vec![to(3)]));
}

#[test]
fn the_maker_of_an_mm_pays_for_it() {
    let mut model = with_a_task();
    run_all(&mut model, &[mm(MmOp::ForkBegin { new: T2, parent: T1 })]);
    assert_eq!(payers(&model, OF_T2), [to(3)]);
    assert!(model.mm_is_being_made(OF_T2));
    // It is busy, and can only be moved.
    skipped(&model, mm(MmOp::Exit { task: T1 }), Skip::Absent);
    skipped(&model, mm(MmOp::Fork { new: TaskId(9), parent: T1 }), Skip::Absent);
    run_all(&mut model, &[migrate(T1, 2)]);
    assert_eq!(payers(&model, OF_T2), [to(2), to(3)]);
    run_all(&mut model, &[mm(MmOp::ForkEnd { child: T2 })]);
    assert_eq!(payers(&model, OF_T2), [to(2)]);
    assert_eq!(model.task_group(T2), Some(g(2)));
}

#[test]
fn a_fork_that_fails_leaves_no_child() {
    let mut model = with_a_task();
    run_all(&mut model, &[mm(MmOp::ForkBegin { new: T2, parent: T1 })]);
    let end = failing(mm(MmOp::ForkEnd { child: T2 }), Failure::Alloc);
    assert_eq!(model.first(&end), NOMEM);
    model.commit(&end, NOMEM);
    skipped(&model, mm_charge(0, OF_T2, 1), Skip::Absent);
    assert_eq!(model.tasks_in(g(3)), 1);
    assert_eq!(model.admits(&step(mm(MmOp::Exit { task: T1 }))), Ok(()));
}

#[test]
fn an_exec_changes_the_mm_of_its_task() {
    let mut model = with_a_task();
    let (exec, old) = (MmUserId(0), MmUserId(1));
    run_all(&mut model, &[mm(MmOp::Get { new: old, of: OF_T1 }), mm(MmOp::ExecMake { new: exec, task: T1 })]);
    run_all(&mut model, &[migrate(T1, 2)]);
    assert_eq!(payers(&model, Via::User(exec)), [to(2), to(3)]);
    run_all(&mut model, &[mm(MmOp::ExecCommit { exec })]);
    assert_eq!(payers(&model, OF_T1), [to(2)]);
    // The old mm has no task any more: nothing binds it.
    assert_eq!(model.mm_bound(Via::User(old)), None);
    assert_eq!(payers(&model, Via::User(old)), [to(0), to(2)]);
    skipped(&model, mm(MmOp::Put { user: exec }), Skip::Absent);
}

#[test]
fn threads_hinder_an_exec_until_they_are_gone() {
    let mut model = with_a_task();
    run_all(&mut model, &[mm(MmOp::Thread { new: T2, of: T1 }), mm(MmOp::ExitBegin { task: T2 })]);
    let exec = mm(MmOp::ExecMake { new: MmUserId(0), task: T1 });
    skipped(&model, exec, Skip::Absent);
    run_all(&mut model, &[mm(MmOp::ExitEnd { task: T2 }), exec]);
}

#[test]
fn tasks_hinder_a_removal_until_they_begin_to_exit() {
    let mut model = with_a_task();
    assert_eq!(run(&mut model, rmdir(3)), BUSY);
    run_all(&mut model, &[mm(MmOp::ExitBegin { task: T1 })]);
    remove(&mut model, 3);
    // It still holds the group, and charges an ancestor that is online, or the group itself.
    assert_eq!(model.holders(g(3)).tasks, 1);
    assert!(model.ended(g(3)).is_err());
    assert_eq!((payers(&model, OF_T1), model.mm_bound(OF_T1)), (vec![to(1), to(3)], Some(g(1))));
    run_all(&mut model, &[mm(MmOp::ExitEnd { task: T1 })]);
    assert_eq!(model.ended(g(3)), Ok(()));
    assert_eq!(model.tasks_in(g(3)), 0);
}

#[test]
fn what_outlives_all_tasks_charges_what_is_left_or_root() {
    let mut model = with_a_task();
    let user = MmUserId(0);
    run_all(&mut model, &[mm(MmOp::Get { new: user, of: OF_T1 }), mm(MmOp::Exit { task: T1 })]);
    assert_eq!(payers(&model, Via::User(user)), [to(0), to(3)]);
    remove(&mut model, 3);
    remove(&mut model, 1);
    assert_eq!(payers(&model, Via::User(user)), [to(0)]);
    run_all(&mut model, &[mm(MmOp::Put { user })]);
    skipped(&model, mm_charge(0, Via::User(user), 1), Skip::Absent);
}

#[test]
fn a_question_is_answered_for_the_group_that_pays() {
    let mut model = with_a_task();
    let ask = |group| mm(MmOp::Match { through: OF_T1, group: g(group) });
    for (group, answer) in [(0, true), (1, true), (3, true), (2, false)] {
        assert_eq!(run(&mut model, ask(group)), Outcome::Is(answer));
    }
    run_all(&mut model, &[mm(MmOp::Vfork { new: T2, parent: T1 }), migrate(T2, 2)]);
    let allowed = model.allowed(&step(ask(2)), &Seen::default());
    assert_eq!(allowed.exact, [Outcome::Is(false), Outcome::Is(true)]);
}

#[test]
fn kernel_threads_bind_nothing() {
    let mut model = with_a_task();
    let use_mm = mm(MmOp::Use { kthread: T2, of: T1 });
    run_all(&mut model, &[mm(MmOp::Kthread { new: T2 }), use_mm, migrate(T2, 2)]);
    skipped(&model, use_mm, Skip::Absent);
    assert_eq!((payers(&model, OF_T2), model.mm_bound(OF_T2)), (vec![to(3)], Some(g(3))));
    run_all(&mut model, &[mm(MmOp::Exit { task: T1 })]);
    assert_eq!(model.mm_bound(OF_T2), None);
}

#[test]
fn an_event_may_be_counted_where_a_charge_has_made_the_mm_point() {
    let mut model = with_a_task();
    let answers = |model: &Model| {
        let event = mm(MmOp::Event { through: Via::User(MmUserId(0)), event: MmEvent::Fault });
        let mut exact = model.allowed(&step(event), &Seen::default()).exact;
        exact.sort();
        exact
    };
    let held = Via::User(MmUserId(0));
    run_all(&mut model, &[mm(MmOp::Get { new: MmUserId(0), of: OF_T1 }), mm(MmOp::Exit { task: T1 })]);
    remove(&mut model, 3);
    let mut nobody_looked = model.clone();
    remove(&mut nobody_looked, 1);
    assert_eq!(answers(&nobody_looked), [Outcome::Done, to(0), to(3)]);
    assert_eq!(run(&mut model, mm_charge(0, held, 1)), to(1));
    remove(&mut model, 1);
    assert_eq!(answers(&model), [Outcome::Done, to(0), to(1), to(3)]);
}
