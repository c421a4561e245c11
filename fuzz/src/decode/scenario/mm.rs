//! Scenes about tasks: which group does an mm charge when its tasks fork, exec, migrate and exit?

use crate::decode::script::Script;
use stocktake_model::{Failure, GroupId, Limit, MmEvent, Via};

/// The mm of a fork is charged, and held by others, before the fork ends or fails; its parent may migrate meanwhile.
pub(super) fn charged_while_forking(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let how = s.byte();
    let parent = s.task(a, home);
    let child = s.fork_begin(a, parent);
    let held = (how & 1 != 0).then(|| s.mm_get(b, Via::Task(child)));
    if how & 2 != 0 {
        let away = s.new_group(a);
        s.migrate(b, parent, away);
    }
    let pages = s.pages();
    let early = s.mm_charge(a, Via::Task(child), pages);
    let fails = how & 12 == 0;
    if fails {
        s.fail = Some(Failure::Alloc);
    }
    s.fork_end(a, child);
    if how & 16 != 0 {
        s.grace(b);
    }
    if let Some(user) = held {
        s.mm_charge(b, Via::User(user), pages);
        s.mm_put(b, user);
    }
    if !fails {
        s.mm_charge(b, Via::Task(child), pages);
        s.exit(b, child);
    }
    s.exit(a, parent);
    s.uncharge(b, early);
    s.remove(a, home, b);
}

/// A task migrates between the two halves of its exec, which may fail; others may hold the new mm.
pub(super) fn exec_meets_migration(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let away = s.new_group(a);
    let how = s.byte();
    let task = if how & 0x70 == 0 { s.kthread(a) } else { s.task(a, home) };
    if how & 0x70 == 0 {
        s.migrate(a, task, home);
    }
    let exec = s.exec_make(a, task);
    let held = (how & 1 != 0).then(|| s.mm_get(b, Via::User(exec)));
    if how & 2 != 0 {
        s.migrate(b, task, away);
    }
    let pages = s.pages();
    if how & 4 != 0 {
        s.mm_charge(b, Via::User(exec), pages);
    }
    if how & 8 != 0 {
        s.exec_commit(a, exec);
        s.mm_charge(a, Via::Task(task), pages);
        s.mm_match(b, Via::Task(task), away);
    } else {
        s.mm_put(a, exec);
    }
    s.exit(a, task);
    if how & 0x80 != 0 {
        s.grace(b);
    }
    if let Some(user) = held {
        s.mm_charge(b, Via::User(user), pages);
        s.mm_put(b, user);
    }
    s.remove(a, away, b);
}

/// Two processes share an mm; one is moved to another group and leaves the mm there.
pub(super) fn sharer_moved_away(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let how = s.byte();
    let away = if how & 1 != 0 { s.mkdir(a, home, Limit::MAX, Limit::MAX) } else { s.new_group(a) };
    let parent = s.task(a, home);
    let child = s.vfork(a, parent);
    let (moved, stays) = if how & 2 != 0 { (child, parent) } else { (parent, child) };
    s.migrate(b, moved, away);
    let pages = s.pages();
    if how & 4 != 0 {
        s.mm_charge(a, Via::Task(stays), pages);
    }
    if how & 8 != 0 {
        let exec = s.exec_make(b, moved);
        s.exec_commit(b, exec);
        s.mm_charge(b, Via::Task(moved), pages);
    } else {
        s.exit(b, moved);
    }
    if how & 16 != 0 {
        s.remove(a, away, b);
    }
    s.mm_charge(a, Via::Task(stays), pages);
    s.mm_match(a, Via::Task(stays), home);
    s.exit(a, stays);
    s.settle(a, b);
}

/// The leader of a process exits before its threads, while other processes exist.
pub(super) fn leader_exits_first(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let how = s.byte();
    let leader = s.task(a, home);
    let bystanders: Vec<_> = (0..how & 3).map(|_| s.task(b, home)).collect();
    let thread = s.thread(a, leader);
    if how & 4 != 0 {
        s.thread(b, thread);
    }
    s.exit(a, leader);
    let pages = s.pages();
    s.mm_charge(b, Via::Task(thread), pages);
    if how & 8 != 0 {
        let away = s.new_group(a);
        s.migrate(a, thread, away);
        s.mm_charge(a, Via::Task(thread), pages);
    }
    s.exit(b, thread);
    for task in bystanders {
        s.exit(b, task);
    }
    s.settle(a, b);
}

/// Users that are no tasks hold an mm after its tasks have gone, and after their group has.
pub(super) fn users_outlive_tasks(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let home = if how & 1 != 0 { s.mkdir(a, parent, Limit::MAX, Limit::MAX) } else { parent };
    let task = s.task(a, home);
    let user = s.mm_get(b, Via::Task(task));
    let pages = s.pages();
    if how & 2 != 0 {
        s.mm_charge(a, Via::Task(task), pages);
    }
    s.exit(a, task);
    if how & 4 != 0 {
        s.grace(b);
    }
    if how & 8 != 0 {
        s.mm_charge(b, Via::User(user), pages);
    }
    s.rmdir(a, home);
    if how & 0x10 != 0 && home != parent {
        s.rmdir(a, parent);
    }
    if how & 0x20 != 0 {
        s.work(a);
    }
    s.mm_charge(b, Via::User(user), pages);
    if how & 0x40 != 0 {
        s.mm_match(b, Via::User(user), site);
    }
    s.mm_put(b, user);
    s.settle(a, b);
}

/// A task is in the middle of its exit when its group is removed, and is charged.
pub(super) fn exiting_in_removed_group(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let outer = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let inner = if how & 1 != 0 { s.mkdir(a, outer, Limit::MAX, Limit::MAX) } else { outer };
    let task = s.task(a, inner);
    let sharer = (how & 2 != 0).then(|| s.vfork(a, task));
    if let Some(sharer) = sharer {
        let away = s.new_group(b);
        s.migrate(b, sharer, away);
    }
    s.exit_begin(a, task);
    s.rmdir(b, inner);
    if how & 4 != 0 && inner != outer {
        s.rmdir(b, outer);
    }
    if how & 8 != 0 {
        s.work(b);
    }
    let pages = s.pages();
    s.mm_charge(a, Via::Task(task), pages);
    if how & 16 != 0 {
        s.mm_charge(b, Via::Task(task), pages);
    }
    s.exit_end(a, task);
    if let Some(sharer) = sharer {
        s.mm_charge(b, Via::Task(sharer), pages);
        s.exit(b, sharer);
    }
    s.settle(a, b);
}

/// Kernel threads: moved into a group, working on the mm of a task, becoming a process.
pub(super) fn kernel_threads(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let away = s.new_group(a);
    let how = s.byte();
    let kthread = s.kthread(a);
    if how & 1 != 0 {
        s.migrate(b, kthread, away);
    }
    let pages = s.pages();
    if how & 2 != 0 {
        let task = s.task(a, home);
        let thread = s.thread(a, task);
        s.use_mm(b, kthread, task);
        if how & 4 != 0 {
            s.migrate(a, kthread, home);
        }
        s.exit(a, task);
        s.mm_charge(b, Via::Task(kthread), pages);
        s.exit(a, thread);
        s.mm_charge(b, Via::Task(kthread), pages);
    } else {
        let exec = s.exec_make(b, kthread);
        if how & 4 != 0 {
            s.migrate(a, kthread, home);
        }
        s.exec_commit(b, exec);
        s.mm_charge(b, Via::Task(kthread), pages);
    }
    s.exit(b, kthread);
    s.remove(a, home, b);
    s.remove(b, away, a);
}

/// A process and its children, in a tree of groups, while groups are removed around them.
pub(super) fn family(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let away = s.mkdir(b, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let how = s.byte();
    let parent = s.task(a, home);
    let child = s.fork(a, parent);
    let grandchild = if how & 1 != 0 { s.vfork(b, child) } else { s.fork(b, child) };
    let pages = s.pages();
    if how & 2 != 0 {
        s.exit(a, child);
    }
    if how & 4 != 0 {
        s.migrate(b, grandchild, away);
    }
    s.mm_charge(b, Via::Task(grandchild), pages);
    s.rmdir(a, home);
    s.exit(a, parent);
    if how & 2 == 0 {
        s.mm_charge(a, Via::Task(child), pages);
        s.exit(a, child);
    }
    s.mm_charge(b, Via::Task(grandchild), pages);
    s.exit(b, grandchild);
    s.remove(a, home, b);
}

/// A process is moved with its charges, alone or with others that share its mm, perhaps into a group that they do not
/// fit into. In v2 no charge moves, and the operation is skipped.
pub(super) fn charges_moved_along(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let (how, amounts) = (s.byte(), s.byte());
    let home = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let room = if how & 3 == 0 { Limit::pages(u64::from(amounts & 3)) } else { Limit::MAX };
    let away = s.mkdir(b, if how & 4 != 0 { home } else { site }, room, Limit::MAX);
    let task = s.task(a, home);
    let thread = (how & 8 != 0).then(|| s.thread(b, task));
    let sharer = (how & 0x30 == 0x10).then(|| s.vfork(b, task));
    let small = s.mm_charge(a, Via::Task(task), 1 + u64::from(amounts >> 2 & 3));
    let other = s.mm_charge(b, Via::Task(task), if amounts & 0x80 != 0 { 512 } else { 1 });
    if amounts & 0x10 != 0 {
        s.map(b, other);
    }
    if amounts & 0x20 != 0 {
        s.unmap_begin(b, other);
    }
    let out = (how & 0x40 != 0).then(|| s.swap_out(b, other));
    if let Some(thread) = thread
        && amounts & 0x40 != 0
    {
        s.exit(a, task);
        s.migrate_charges(a, thread, away);
    }
    s.migrate_charges(a, task, away);
    if amounts & 0x20 != 0 {
        s.end_half(b);
    }
    if let Some(sharer) = sharer {
        s.migrate_charges(b, sharer, away);
    }
    s.uncharge(b, small);
    if let Some(slot) = out {
        s.swap_in(b, slot, home);
    }
    s.mm_charge(a, Via::Task(task), 1);
    if how & 0x80 == 0 {
        s.migrate_charges(b, task, home);
    }
    s.exit(a, task);
    s.remove(a, away, b);
    s.settle(a, b);
}

/// Events and sockets of tasks that share an mm across groups, one of which is removed.
pub(super) fn events_and_sockets(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let home = s.new_group(a);
    let away = s.new_group(b);
    let how = s.byte();
    let event = MmEvent::ALL[usize::from(how >> 6) % MmEvent::ALL.len()];
    let parent = s.task(a, home);
    let child = s.vfork(a, parent);
    s.migrate(b, child, away);
    s.mm_event(a, Via::Task(parent), event);
    let pages = s.pages();
    let mine = s.socket(a, parent, pages);
    let theirs = s.socket(b, child, 1);
    let held = (how & 1 != 0).then(|| s.mm_get(b, Via::Task(child)));
    if how & 2 != 0 {
        s.exit_begin(b, child);
        s.rmdir(a, away);
        s.mm_event(b, Via::Task(child), event);
        s.exit_end(b, child);
    } else {
        s.exit(b, child);
    }
    if how & 4 != 0 {
        s.exit(a, parent);
        s.rmdir(a, home);
    }
    if let Some(user) = held {
        s.mm_event(a, Via::User(user), event);
        s.mm_put(a, user);
    }
    s.uncharge(b, mine);
    s.uncharge(a, theirs);
    s.settle(a, b);
}
