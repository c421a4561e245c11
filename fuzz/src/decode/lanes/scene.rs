//! What is pitted against what.

mod mms;
mod tasks;

use crate::decode::script::Script;
use stocktake_model::{CpuId, Failure, GroupId, Limit, PAGE_SIZE};

/// What happens before the lanes, and in them: the answer is the number of the first step of a lane.
type Scene = fn(&mut Script<'_, '_>) -> usize;

/// Whether the scene moves charges, which only v1 does.
pub(super) fn needs_v1(number: u8) -> bool {
    matches!(usize::from(number) % SCENES.len(), 4 | 9 | 16 | 19)
}

/// Whether operations are interrupted in the scene.
pub(super) fn has_interrupts(number: u8) -> bool {
    usize::from(number) % SCENES.len() == 13
}

/// Whether the scene is nothing with two CPUs.
pub(super) fn needs_three_cpus(number: u8) -> bool {
    usize::from(number) % SCENES.len() == 14
}

/// All scenes.
const SCENES: &[Scene] = &[
    objects_meet_removal,
    drains_meet_stocks,
    charges_meet_removal,
    objects_of_reparented_groups,
    moves_meet_mappings,
    slabs_meet_removal,
    tasks::exit_meets_charge,
    limits_meet_charges,
    swap_meets_removal,
    mapped_on_two_cpus,
    children_meet_removal,
    mixed,
    faults_meet_punch,
    updates_meet_interrupts,
    stocks_of_removed_groups,
    objects_of_a_leaving_group,
    mms::entries_that_move,
    tasks::leaving_meets_migration,
    mms::exits_meet_khugepaged,
    mms::pages_that_move,
];

const A: CpuId = CpuId(0);
const B: CpuId = CpuId(1);

/// Write the scene of a number.
pub(super) fn write(s: &mut Script<'_, '_>, number: u8) -> usize {
    SCENES[usize::from(number) % SCENES.len()](s)
}

/// The last CPU: with two of them the second.
fn third(s: &Script<'_, '_>) -> CpuId {
    CpuId(s.picture.cpu_count().min(3) - 1)
}

/// A limit near what scenes charge.
fn limit(s: &mut Script<'_, '_>) -> Limit {
    match s.byte() & 15 {
        n @ 0..4 => Limit::pages(u64::from(n) + 1),
        n @ 4..7 => Limit::pages(u64::from(n) + 59),
        7 => Limit::pages(128),
        _ => Limit::MAX,
    }
}

/// A group, and perhaps one below it; the deepest is the answer.
fn groups(s: &mut Script<'_, '_>) -> (GroupId, GroupId) {
    let max = limit(s);
    let top = s.mkdir(A, GroupId::ROOT, max, Limit::MAX);
    if s.chance(1) {
        return (top, top);
    }
    let max = limit(s);
    (top, s.mkdir(A, top, max, Limit::MAX))
}

/// Remove a group and let the rest of it happen in the same lane.
fn remove(s: &mut Script<'_, '_>, at: CpuId, group: GroupId) {
    s.rmdir(at, group);
    let how = s.byte();
    if how & 7 != 0 {
        s.work(at);
    }
    if how & 0x30 != 0 {
        s.work(at);
    }
    if how & 0xc0 != 0 {
        s.grace(at);
    }
}

fn objects_meet_removal(s: &mut Script<'_, '_>) -> usize {
    let (_, group) = groups(s);
    let objcg = s.objcg(A, group);
    let bytes = s.bytes();
    let live = s.chance(3).then(|| s.obj_charge(B, objcg, bytes));
    if s.chance(1) {
        s.drain(B);
    }
    let third = third(s);
    let first = s.written();
    let bytes = s.bytes();
    if s.chance(0xfc) {
        s.obj_charge(A, objcg, bytes);
    }
    remove(s, B, group);
    if let Some(live) = live
        && s.chance(3)
    {
        s.obj_uncharge(third, live);
    }
    if s.chance(1) {
        s.objcg_put(third, objcg);
    }
    first
}

fn drains_meet_stocks(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let other = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let folio = s.charge(B, group, 1);
    let objcg = s.objcg(A, group);
    let bytes = s.bytes();
    let object = s.chance(1).then(|| s.obj_charge(B, objcg, bytes));
    if s.chance(1) {
        s.uncharge(B, folio);
    }
    if s.chance(3) {
        s.rmdir(A, group);
        if s.chance(3) {
            s.work(A);
        }
    }
    let third = third(s);
    let first = s.written();
    let drained = if s.chance(1) { top } else { other };
    s.drain_all(A, drained);
    if s.chance(1) {
        s.drain_all(third, other);
    }
    match s.byte() & 7 {
        0 | 1 => s.drain(B),
        2 => s.work(B),
        3 if third != B => s.cpu_down(third, B),
        3 | 4 => drop(s.charge(B, other, 1)),
        _ => match object {
            Some(object) => s.obj_uncharge(B, object),
            None => s.drain(B),
        },
    }
    s.objcg_put(third, objcg);
    s.work(third);
    s.grace(third);
    first
}

fn charges_meet_removal(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let pages = s.pages();
    let held = s.chance(1).then(|| s.charge(A, group, pages));
    let third = third(s);
    let first = s.written();
    let pages = s.pages();
    let folio = s.charge(A, group, pages);
    if s.chance(1) {
        s.uncharge(A, folio);
    }
    remove(s, B, group);
    if let Some(held) = held {
        s.uncharge(third, held);
    }
    if s.chance(1) {
        s.drain_all(third, top);
    }
    first
}

fn objects_of_reparented_groups(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let objcg = s.objcg(A, group);
    let bytes = s.bytes();
    let object = s.obj_charge(A, objcg, bytes);
    let bytes = s.bytes();
    let other = s.obj_charge(B, objcg, bytes);
    s.rmdir(A, group);
    if s.chance(1) {
        s.work(A);
    }
    let third = third(s);
    let first = s.written();
    s.obj_uncharge(A, object);
    if s.chance(1) {
        s.objcg_put(A, objcg);
    }
    s.work(B);
    s.obj_uncharge(third, other);
    if top != group && s.chance(3) {
        remove(s, B, top);
    } else {
        s.work(B);
        s.grace(B);
    }
    first
}

fn moves_meet_mappings(s: &mut Script<'_, '_>) -> usize {
    let from = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let max = limit(s);
    let to = s.mkdir(A, GroupId::ROOT, max, Limit::MAX);
    let pages = if s.chance(1) { 1 } else { 2 };
    let folio = s.charge(A, from, pages);
    if s.chance(1) {
        s.map(A, folio);
    }
    let third = third(s);
    let how = s.byte();
    let comes_up = how & 0x70 == 0x70;
    if comes_up {
        s.cpu_down(A, B);
    }
    let first = s.written();
    s.move_start(A, from, to);
    if comes_up {
        s.cpu_up(A, B);
    }
    s.move_page(A, folio, to);
    s.move_end(A, from, to);
    if how & 1 != 0 {
        s.map(B, folio);
    }
    if how & 2 != 0 {
        s.unmap(B, folio);
    }
    if how & 4 != 0 {
        s.map(third, folio);
    }
    if how & 8 != 0 {
        s.unmap(third, folio);
    }
    first
}

fn slabs_meet_removal(s: &mut Script<'_, '_>) -> usize {
    let (_, group) = groups(s);
    let cache = s.random_cache(A);
    let object = s.slab_alloc(A, cache, group);
    s.work(A);
    let second = s.slab_alloc(A, cache, group);
    if s.chance(1) {
        s.slab_free(A, second);
    }
    let third = third(s);
    let first = s.written();
    if s.chance(3) {
        s.slab_alloc(A, cache, group);
    }
    if s.chance(1) {
        s.slab_free(A, object);
    }
    remove(s, B, group);
    match s.byte() & 3 {
        0 => s.cache_destroy(third, cache),
        1 => s.slab_free(third, object),
        2 => s.slab_free(third, second),
        _ => s.grace(third),
    }
    first
}

fn limits_meet_charges(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let pages = s.pages();
    let held = s.charge(A, group, pages);
    let third = third(s);
    let first = s.written();
    let max = limit(s);
    s.set_max(A, top, max);
    let pages = s.pages();
    s.charge(B, group, pages);
    if s.chance(1) {
        s.uncharge(third, held);
    } else {
        let pages = s.pages();
        s.charge(third, group, pages);
    }
    if s.chance(1) {
        let max = limit(s);
        s.set_max(third, group, max);
    }
    first
}

fn swap_meets_removal(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let folio = s.charge(A, group, 1);
    let other = s.charge(A, group, 1);
    let slot = s.swap_out(A, other);
    let third = third(s);
    let first = s.written();
    s.swap_out(A, folio);
    remove(s, B, group);
    if s.chance(1) {
        s.swap_free(third, slot);
    } else {
        s.swap_in(third, slot, top);
    }
    first
}

fn mapped_on_two_cpus(s: &mut Script<'_, '_>) -> usize {
    let group = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let folio = s.charge(A, group, 1);
    s.map(A, folio);
    let third = third(s);
    let first = s.written();
    s.unmap(A, folio);
    s.map(B, folio);
    if s.chance(1) {
        s.unmap(B, folio);
    }
    if s.chance(1) {
        s.map(third, folio);
    }
    if s.chance(1) {
        s.uncharge(third, folio);
    }
    first
}

fn children_meet_removal(s: &mut Script<'_, '_>) -> usize {
    let (top, group) = groups(s);
    let third = third(s);
    let first = s.written();
    let new = s.mkdir(A, group, Limit::MAX, Limit::MAX);
    let objcg = s.objcg(A, new);
    let bytes = s.bytes();
    s.obj_charge(A, objcg, bytes);
    remove(s, B, group);
    if s.chance(1) {
        s.rmdir(third, top);
    }
    s.work(third);
    s.grace(third);
    first
}

/// A fault on a page that is on its way to swap or there, a hole punch, and somebody who faults too, reclaims, swaps
/// out or makes room.
fn faults_meet_punch(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let tight = how & 1 != 0;
    let max = if tight { Limit::pages(1) } else { Limit::MAX };
    let group = s.mkdir(A, GroupId::ROOT, max, Limit::MAX);
    let file = s.shmem_file(A);
    s.shmem_fault(A, file, group, false);
    s.shmem_write(A, file);
    // How far the page has come: it stays, is being written, is written, or is in its slot alone.
    let far = (how >> 1 & 7).min(3);
    if far > 0 {
        s.shmem_out(A, file);
    }
    if far > 1 {
        s.shmem_written(A, file);
    }
    if far > 2 {
        s.swap_reclaim(A);
    }
    let page = if tight && how & 0x10 != 0 { Some(s.charge(A, group, 1)) } else { None };
    let third = third(s);
    let first = s.written();
    s.shmem_fault(A, file, group, false);
    if how & 0x20 != 0 {
        s.shmem_fault(B, file, GroupId::ROOT, false);
    }
    if !s.chance(3) {
        s.fail = Some(Failure::Trylock);
    }
    s.shmem_punch(B, file);
    match how >> 6 {
        0 => s.shmem_fault(third, file, group, false),
        1 => s.swap_reclaim(third),
        2 => s.shmem_out(third, file),
        _ => {}
    }
    if let Some(page) = page
        && s.chance(1)
    {
        s.uncharge(third, page);
    }
    first
}

/// The statistic of mapped pages, objects and stocks of a group, changed in interrupts on the CPU that is in the middle
/// of changing them.
fn updates_meet_interrupts(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let (_, group) = groups(s);
    let folio = s.charge(A, group, 1 + u64::from(how & 1));
    let other = s.charge(A, group, 1);
    let objcg = s.objcg(A, group);
    let bytes = s.bytes();
    let object = s.obj_charge(A, objcg, bytes);
    if how & 2 != 0 {
        s.map(A, other);
    }
    if how & 4 != 0 {
        s.drain(A);
    }
    let first = s.written();
    for turn in 0..2 {
        if how >> (3 + turn) & 1 == 0 {
            s.map(A, folio);
        } else {
            let bytes = s.bytes();
            s.obj_charge(A, objcg, bytes);
        }
        match (how >> (5 + turn) & 1, how & 2) {
            (1, _) if turn == 0 => s.obj_uncharge(A, object),
            (1, _) => s.uncharge(A, other),
            (_, 0) => s.map(A, other),
            _ => s.unmap(A, other),
        }
    }
    match s.byte() & 3 {
        0 => s.unmap(B, folio),
        1 => drop(s.charge(B, group, 1)),
        2 => s.drain_all(B, group),
        _ => {}
    }
    first
}

/// What is left of a removed group is in the stocks of one CPU, and holds it alone. That CPU empties them while another
/// one looks, again and again, what it caches, and grace periods elapse on a third.
fn stocks_of_removed_groups(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    let group = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let other = s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX);
    let other = s.objcg(A, other);
    if how & 3 != 3 {
        let folio = s.charge(B, group, 1);
        s.uncharge(B, folio);
    }
    if how & 6 != 0 {
        let objcg = s.objcg(A, group);
        let bytes = s.bytes();
        let object = s.obj_charge(B, objcg, bytes);
        s.obj_uncharge(B, object);
        s.objcg_put(A, objcg);
    }
    s.rmdir(A, group);
    s.work(A);
    if how & 0x1c != 0 {
        s.grace(A);
    }
    let third = third(s);
    let first = s.written();
    for _ in 0..=how >> 5 & 3 {
        s.drain_all(A, GroupId::ROOT);
    }
    let how = s.byte();
    match how & 3 {
        0 => s.work(B),
        1 => drop(s.obj_charge(B, other, 1)),
        _ => s.drain(B),
    }
    // The release of the group.
    s.work(B);
    for _ in 0..=how >> 2 & 3 {
        s.grace(third);
    }
    if how & 0x30 != 0 {
        s.close();
    }
    first
}

/// A group that is removed, but has not gone offline: that happens beside whoever still names it, allocates from it,
/// or empties a stock with bytes of it.
fn objects_of_a_leaving_group(s: &mut Script<'_, '_>) -> usize {
    let how = s.byte();
    // With room for the object alone nothing is left for the page stock, which would keep the group.
    let bytes = s.bytes();
    let tight = how & 3 != 0;
    let max = if tight { Limit::pages(bytes.div_ceil(PAGE_SIZE).max(1)) } else { Limit::MAX };
    let top = if how & 4 != 0 { s.mkdir(A, GroupId::ROOT, Limit::MAX, Limit::MAX) } else { GroupId::ROOT };
    let group = s.mkdir(A, top, max, Limit::MAX);
    let objcg = s.objcg(A, group);
    let object = s.obj_charge(B, objcg, bytes);
    if how & 8 != 0 {
        s.obj_uncharge(B, object);
    }
    s.rmdir(A, group);
    let third = third(s);
    let first = s.written();
    s.work(A);
    match how >> 4 & 3 {
        0 => s.drain(B),
        1 => drop(s.objcg(B, group)),
        2 => drop(s.obj_charge(B, objcg, bytes)),
        _ => s.obj_uncharge(B, object),
    }
    match how >> 6 {
        0 => s.objcg_put(third, objcg),
        1 => drop(s.objcg(third, group)),
        2 => s.drain_all(third, top),
        _ => s.grace(third),
    }
    if s.chance(1) {
        s.close();
    }
    first
}

/// Whatever comes.
fn mixed(s: &mut Script<'_, '_>) -> usize {
    groups(s);
    for _ in 0..s.byte() & 7 {
        s.random_step();
    }
    s.written()
}
