//! Operations of tasks and mms, taken literally.

use super::{Walk, create, number, operand};
use crate::decode::input::Input;
use crate::decode::number::MOST_PAGES;
use crate::decode::tags::Kind;
use stocktake_model::{ChargeId, GroupId, MmEvent, MmOp, MmUserId, Pages, TaskId, Via};

fn task(walk: &Walk, input: &mut Input<'_>) -> TaskId {
    TaskId(operand(&walk.tasks, input))
}

fn user(walk: &Walk, input: &mut Input<'_>) -> MmUserId {
    MmUserId(operand(&walk.users, input))
}

/// A byte says which it is: odd for a user that is no task.
fn via(walk: &Walk, input: &mut Input<'_>) -> Via {
    if input.byte() & 1 == 0 { Via::Task(task(walk, input)) } else { Via::User(user(walk, input)) }
}

fn group(walk: &Walk, input: &mut Input<'_>) -> GroupId {
    GroupId(operand(&walk.groups, input))
}

/// The operation, or `None` where it would create something and all names have been given.
pub(super) fn op(
    walk: &mut Walk,
    kind: Kind,
    name: Option<(u8, u16)>,
    input: &mut Input<'_>,
) -> Option<MmOp> {
    let new_task = |walk: &mut Walk| create(&mut walk.tasks, name).map(TaskId);
    Some(match kind {
        Kind::MmTask => {
            let group = group(walk, input);
            MmOp::Task { new: new_task(walk)?, group }
        }
        Kind::MmKthread => MmOp::Kthread { new: new_task(walk)? },
        Kind::MmUse => MmOp::Use { kthread: task(walk, input), of: task(walk, input) },
        Kind::MmFork => {
            let parent = task(walk, input);
            MmOp::Fork { new: new_task(walk)?, parent }
        }
        Kind::MmForkBegin => {
            let parent = task(walk, input);
            MmOp::ForkBegin { new: new_task(walk)?, parent }
        }
        Kind::MmForkEnd => MmOp::ForkEnd { child: task(walk, input) },
        Kind::MmThread => {
            let of = task(walk, input);
            MmOp::Thread { new: new_task(walk)?, of }
        }
        Kind::MmVfork => {
            let parent = task(walk, input);
            MmOp::Vfork { new: new_task(walk)?, parent }
        }
        Kind::MmExecMake => {
            let task = task(walk, input);
            MmOp::ExecMake { new: MmUserId(create(&mut walk.users, name)?), task }
        }
        Kind::MmExecCommit => MmOp::ExecCommit { exec: user(walk, input) },
        Kind::MmExit => MmOp::Exit { task: task(walk, input) },
        Kind::MmExitBegin => MmOp::ExitBegin { task: task(walk, input) },
        Kind::MmExitEnd => MmOp::ExitEnd { task: task(walk, input) },
        Kind::MmMigrate => MmOp::Migrate { task: task(walk, input), group: group(walk, input) },
        Kind::MmMigrateCharges => MmOp::MigrateCharges { task: task(walk, input), group: group(walk, input) },
        Kind::MmEvent => {
            MmOp::Event { through: via(walk, input), event: MmEvent::ALL[usize::from(input.byte()) % 3] }
        }
        Kind::MmSocket => {
            let task = task(walk, input);
            let pages = Pages(number::read(input, MOST_PAGES).max(1));
            MmOp::Socket { new: ChargeId(create(&mut walk.charges, name)?), task, pages }
        }
        Kind::MmGet => {
            let of = via(walk, input);
            MmOp::Get { new: MmUserId(create(&mut walk.users, name)?), of }
        }
        Kind::MmGrab => {
            let of = via(walk, input);
            MmOp::Grab { new: MmUserId(create(&mut walk.users, name)?), of }
        }
        Kind::MmPut => MmOp::Put { user: user(walk, input) },
        Kind::MmCharge => {
            let through = via(walk, input);
            let pages = Pages(number::read(input, MOST_PAGES).max(1));
            MmOp::Charge { new: ChargeId(create(&mut walk.charges, name)?), through, pages }
        }
        _ => MmOp::Match { through: via(walk, input), group: group(walk, input) },
    })
}
