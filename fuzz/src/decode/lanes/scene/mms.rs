//! What is pitted against what, of tasks and their mms.

use super::{A, B, limit, remove, third};
use crate::decode::script::Script;
use stocktake_model::{GroupId, Limit, Via};

/// A task takes its charges along, of which some have been swapped out, while these are freed, come in, or go out.
pub(super) fn entries_that_move(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let home = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let room = if how & 0xc0 == 0 { limit(s) } else { Limit::MAX };
    let away = s.mkdir(A, if how & 1 != 0 { home } else { GroupId::ROOT }, room, Limit::MAX);
    let task = s.task(A, home);
    let first = s.mm_charge(A, Via::Task(task), 1 + u64::from(how >> 1 & 1));
    let other = s.mm_charge(A, Via::Task(task), 1);
    let slot = s.swap_out(A, first);
    let last = if how & 4 != 0 { Some(s.swap_out(A, other)) } else { None };
    let third = third(s);
    let start = s.written();
    s.migrate_charges(A, task, away);
    if how & 8 != 0 {
        s.swap_in(B, slot, home);
    } else {
        s.swap_free(B, slot);
    }
    match (last, how >> 4 & 3) {
        (Some(last), 0) => drop(s.swap_in(third, last, away)),
        (Some(last), 1) => s.swap_free(B, last),
        (Some(last), _) => s.swap_free(third, last),
        (None, 0) => s.uncharge(third, other),
        (None, 1) => drop(s.swap_out(third, other)),
        (None, _) => drop(s.swap_out(B, other)),
    }
    start
}

/// A task takes its pages along, and perhaps back, while some of them are freed, one by one or as a list, or swapped out.
pub(super) fn pages_that_move(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let home = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let other = if how & 1 != 0 { GroupId::ROOT } else { s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX) };
    let (from, to) = if how & 2 != 0 { (home, other) } else { (other, home) };
    let task = s.task(A, from);
    let pages = [(); 3].map(|()| s.mm_charge(A, Via::Task(task), 1));
    let third = third(s);
    let start = s.written();
    s.migrate_charges(A, task, to);
    if how & 4 != 0 {
        s.migrate_charges(A, task, from);
    }
    match how >> 3 & 3 {
        0 => {
            s.free_list(B, &pages[1..]);
            s.uncharge(third, pages[0]);
        }
        1 => {
            s.free_list(B, &pages[..2]);
            s.swap_out(third, pages[2]);
        }
        _ => s.free_list(B, &pages),
    }
    if how & 0x20 != 0 {
        remove(s, third, home);
    }
    start
}

/// khugepaged holds on to an mm and charges it, while its tasks exit, and with them their group may go.
pub(super) fn exits_meet_khugepaged(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let room = if how & 0xe0 == 0 { limit(s) } else { Limit::MAX };
    let home = s.mkdir(A, GroupId::ROOT, room, Limit::MAX);
    let task = s.task(A, home);
    let other = (how & 1 != 0).then(|| s.vfork(A, task));
    let holder = s.mm_grab(A, Via::Task(task));
    let third = third(s);
    let start = s.written();
    s.exit(A, task);
    s.mm_charge(B, Via::User(holder), 1);
    match (other, how >> 1 & 3) {
        (Some(other), 0 | 1) => s.exit(third, other),
        (Some(other), _) => s.migrate(third, other, GroupId::ROOT),
        (None, 0) => s.rmdir(A, home),
        (None, 1) => s.grace(third),
        (None, _) => s.grace(A),
    }
    if how & 8 != 0 {
        s.mm_charge(B, Via::User(holder), 1);
    }
    if how & 0x10 != 0 {
        s.mm_put(B, holder);
    }
    start
}
