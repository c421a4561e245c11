//! Scenes of tasks and the mm that they share.

use super::{A, B, groups, remove, third};
use crate::decode::script::Script;
use stocktake_model::{GroupId, Limit, Via};

/// A task exits, execs or is moved, while the mm is charged and a group removed.
pub(super) fn exit_meets_charge(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let other = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let task = s.task(A, group);
    let child = s.chance(1).then(|| s.vfork(A, task));
    let user = s.mm_get(A, Via::Task(task));
    if s.chance(1) {
        s.migrate(A, task, other);
    }
    let third = third(s);
    let first = s.written();
    match s.byte() & 3 {
        0 => s.migrate(A, task, other),
        1 => {
            let exec = s.exec_make(A, task);
            s.exec_commit(A, exec);
        }
        _ => s.exit(A, task),
    }
    s.mm_charge(B, Via::User(user), 1);
    if s.chance(1) {
        s.mm_put(B, user);
    }
    if let Some(child) = child
        && s.chance(3)
    {
        s.exit(third, child);
    }
    let removed = if s.chance(1) { top } else { group };
    remove(s, third, removed);
    first
}

/// A process is migrated, and perhaps back, while a thread or a child that shares its mm exits, or it execs itself; and
/// whoever stays charges the mm.
pub(super) fn leaving_meets_migration(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let group = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let other = if how & 1 != 0 { GroupId::ROOT } else { s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX) };
    let (from, to) = if how & 2 != 0 { (group, other) } else { (other, group) };
    let task = s.task(A, from);
    let mate = if how & 4 != 0 { s.thread(A, task) } else { s.vfork(A, task) };
    let user = s.mm_get(A, if how & 8 != 0 { Via::Task(mate) } else { Via::Task(task) });
    if how & 0x10 != 0 {
        s.migrate(A, task, to);
    }
    let exec = (how & 0x20 != 0).then(|| s.exec_make(A, task));
    let third = third(s);
    let first = s.written();
    match exec {
        Some(exec) => s.exec_commit(A, exec),
        None if how & 0x40 != 0 => s.exit(A, mate),
        None => {
            s.exit_begin(A, mate);
            s.exit_end(A, mate);
        }
    }
    s.migrate(B, task, if how & 0x10 != 0 { from } else { to });
    match s.byte() & 7 {
        0..3 => drop(s.mm_charge(third, Via::User(user), 1)),
        3 => drop(s.mm_charge(third, Via::Task(mate), 1)),
        4 => s.migrate(B, task, if how & 0x10 != 0 { to } else { from }),
        5 => s.grace(third),
        6 => s.mm_put(third, user),
        _ => {}
    }
    if s.chance(1) {
        s.close();
    }
    first
}
