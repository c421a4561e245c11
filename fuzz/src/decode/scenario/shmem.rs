//! Scenes about pages that are charged and inserted, and about files of shmem: the race of swapping in and punching a
//! hole, at every stage and with every way for the fault to go wrong.

use crate::decode::script::Script;
use stocktake_model::{CpuId, Failure, FileId, GroupId, Limit, ShmemStage};

/// A file with a page that was written to and swapped out, in a new group with so much room; and the group. The page
/// may still be under writeback, or in the swap cache, or only in its slot.
fn swapped_file(s: &mut Script<'_, '_>, at: CpuId, how: u8, room: Limit) -> (FileId, GroupId) {
    let site = s.site();
    let group = s.mkdir(at, site, room, Limit::MAX);
    let file = s.shmem_file(at);
    s.shmem_fault(at, file, group, false);
    s.shmem_write(at, file);
    s.shmem_out(at, file);
    if how & 3 != 0 {
        s.shmem_written(at, file);
    }
    if how & 2 != 0 {
        s.swap_reclaim(at);
    }
    if how & 0xc == 0xc {
        s.shmem_write(at, file);
    }
    (file, group)
}

fn stage(choice: u8) -> ShmemStage {
    ShmemStage::ALL[usize::from(choice) % ShmemStage::ALL.len()]
}

/// A hole is punched between two stages of a fault, which may be at its limit; then somebody looks.
pub(super) fn punched_between_stages(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let tight = how & 0x10 != 0;
    let (file, group) = swapped_file(s, a, how, if tight { Limit::pages(1) } else { Limit::MAX });
    if tight {
        let charge = s.charge(b, group, 1);
        if how & 0x20 != 0 {
            s.uncharge(b, charge);
        }
    }
    s.shmem_lookup(a, file, group, false);
    let when = s.byte();
    s.shmem_stages(a, stage(when));
    if when & 0x40 != 0 {
        s.fail = Some(Failure::Trylock);
    }
    s.shmem_punch(b, file);
    s.fail = None;
    if how & 0x40 != 0 {
        s.shmem_fault(b, file, group, false);
    }
    s.end_fault(a);
    match s.byte() & 7 {
        0..=3 => s.swap_reclaim(b),
        4 | 5 => s.shmem_fault(b, file, group, false),
        6 => s.swapoff(b, group),
        _ => {}
    }
    if how & 0x80 != 0 {
        s.remove(a, group, b);
    }
}

/// A page that comes from swap does not fit; the device may have freed its copy. Then there is room, and it is looked at.
pub(super) fn swapped_in_at_limit(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let (file, group) = swapped_file(s, a, 2, Limit::pages(1));
    if how & 1 != 0 {
        // Read, so that it is in the swap cache, whoever is charged for that.
        s.shmem_lookup(b, file, group, false);
        s.shmem_stages(b, if how & 2 != 0 { ShmemStage::Read } else { ShmemStage::Confirm });
        if how & 4 != 0 {
            s.swap_notify(a, file);
        }
    }
    let charge = s.charge(a, group, 1);
    if how & 8 != 0 {
        s.set_max(a, group, Limit::pages(0));
    }
    if how & 1 != 0 {
        s.end_fault(b);
    } else {
        s.shmem_fault(b, file, group, false);
    }
    s.uncharge(a, charge);
    s.set_max(a, group, Limit::pages(1));
    s.shmem_fault(if how & 0x10 != 0 { a } else { b }, file, group, false);
    if how & 0x20 != 0 {
        s.shmem_write(a, file);
        s.shmem_out(a, file);
        s.shmem_fault(b, file, group, false);
    }
}

/// Two faults on the same swap entry, or on the same hole, overlap.
pub(super) fn two_faults(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let (file, group) = swapped_file(s, a, how, Limit::MAX);
    if how & 0x10 != 0 {
        s.shmem_punch(a, file);
    }
    let other = s.new_group(a);
    let (first, second) = (s.byte(), s.byte());
    let huge = how & 0xe0 == 0xe0;
    s.shmem_lookup(a, file, group, huge);
    s.shmem_stages(a, stage(first));
    s.shmem_lookup(b, file, other, false);
    s.shmem_stages(b, stage(second));
    if how & 0x20 != 0 {
        s.end_fault(a);
        s.end_fault(b);
    } else {
        s.end_fault(b);
        s.end_fault(a);
    }
    s.shmem_fault(a, file, group, false);
}

/// Slots are freed and taken by a file of another group while a fault is on its way to them.
pub(super) fn slot_taken_by_another(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let (file, group) = swapped_file(s, a, how | 2, Limit::MAX);
    let other = s.new_group(b);
    let another = s.shmem_file(b);
    s.shmem_fault(b, another, other, false);
    s.shmem_write(b, another);
    s.shmem_lookup(a, file, group, false);
    if how & 0x10 != 0 {
        s.shmem_stages(a, ShmemStage::Read);
    }
    s.shmem_punch(b, file);
    s.shmem_out(b, another);
    if how & 0x20 != 0 {
        s.shmem_written(b, another);
        s.swap_reclaim(b);
    }
    if how & 0x40 != 0 {
        s.shmem_fault(b, file, group, false);
        s.shmem_write(b, file);
        s.shmem_out(b, file);
    }
    s.end_fault(a);
    s.shmem_fault(a, another, group, false);
    if how & 0x80 != 0 {
        s.remove(a, other, b);
    }
}

/// The group that a file's slots are recorded to is removed, before or after it is swapped out; ids may be scarce.
pub(super) fn recorded_group_removed(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let site = s.site();
    let group = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let file = s.shmem_file(a);
    s.shmem_fault(a, file, group, how & 0xf == 0);
    s.shmem_write(b, file);
    if how & 0x10 != 0 {
        s.shmem_out(a, file);
    }
    s.rmdir(b, group);
    if how & 0x20 != 0 {
        s.work(a);
    }
    s.shmem_out(a, file);
    if how & 0x40 != 0 {
        s.swap_reclaim(b);
    }
    s.mkdir(b, site, Limit::MAX, Limit::MAX);
    let faulter = s.new_group(a);
    if how & 0x80 != 0 {
        s.shmem_fault(b, file, faulter, false);
    } else {
        s.swapoff(b, faulter);
    }
    s.settle(a, b);
}

/// Pages whose insertion fails, or does not: page cache, anonymous memory, shmem; huge ones at a limit.
pub(super) fn insertion_fails(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let site = s.site();
    let room = if how & 1 != 0 { Limit::pages(512 + u64::from(how >> 6)) } else { Limit::MAX };
    let group = s.mkdir(a, site, room, Limit::MAX);
    let mut pages = Vec::new();
    for round in 0..3u8 {
        let what = s.byte();
        s.fail = match what >> 4 & 7 {
            0..=2 => Some(Failure::Insert),
            3 => Some(Failure::Alloc),
            _ => None,
        };
        let huge = what & 8 != 0;
        match what & 3 {
            0 => pages.push(s.page_file(a, group)),
            1 => pages.push(s.page_anon(if round & 1 != 0 { b } else { a }, group, huge)),
            2 => {
                let fail = s.fail.take();
                let file = s.shmem_file(a);
                s.fail = fail;
                s.shmem_fault(b, file, group, huge);
            }
            _ => pages.push(s.page_hugetlb(b)),
        }
        s.fail = None;
    }
    let other = s.new_group(b);
    pages.push(s.page_file(b, other));
    s.free_list(b, &pages);
    if how & 2 != 0 {
        s.remove(a, group, b);
    }
}

/// A page that a fault has brought into the swap cache leaves it again before the fault has ended, or after it has
/// failed to be charged.
pub(super) fn swapped_out_again(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let how = s.byte();
    let tight = how & 0x10 != 0;
    let (file, group) = swapped_file(s, a, how | 2, if tight { Limit::pages(1) } else { Limit::MAX });
    if tight {
        s.charge(b, group, 1);
    }
    s.shmem_lookup(a, file, group, false);
    let last = [ShmemStage::Read, ShmemStage::Read, ShmemStage::Charge, ShmemStage::Finish];
    s.shmem_stages(a, last[usize::from(how >> 5 & 3)]);
    if how & 0x80 != 0 {
        s.rmdir(b, group);
        s.work(b);
    }
    s.swap_reclaim(b);
    s.end_fault(a);
    match s.byte() & 3 {
        0 => s.shmem_fault(b, file, group, false),
        1 => s.shmem_punch(b, file),
        2 => s.force_empty(b, group),
        _ => {}
    }
}
