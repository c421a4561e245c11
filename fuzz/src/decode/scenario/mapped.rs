//! Scenes about mapped pages and moving charges. What moves is written in v1 only.

use crate::decode::script::Script;
use stocktake_model::{ChargeId, CpuId, GroupId, Limit, PageOp};

/// A folio of a new group, and the group.
fn folio(s: &mut Script<'_, '_>, at: CpuId, parent: GroupId, pages: u64) -> (GroupId, ChargeId) {
    let group = s.mkdir(at, parent, Limit::MAX, Limit::MAX);
    (group, s.charge(at, group, pages))
}

/// Mostly one page, sometimes a huge one (order 9): wherever a count of pages matters, 1 hides what is wrong.
fn size(s: &mut Script<'_, '_>) -> u64 {
    if s.byte() & 7 == 0 { PageOp::HUGE.0 } else { 1 }
}

/// Move a folio in one of the ways there are, to a sibling or to the parent.
fn move_away(s: &mut Script<'_, '_>, at: CpuId, how: u8, folio: ChargeId, from: GroupId, to: GroupId) {
    if !s.picture.mapped.movable {
        return;
    }
    if how & 1 == 0 {
        s.move_start(at, from, to);
        s.move_page(at, folio, to);
        s.move_end(at, from, to);
    } else {
        s.force_empty(at, from);
    }
}

/// A page is mapped again, or freed, or moved, or several of them, between the halves of its unmapping.
pub(super) fn between_halves_of_unmap(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let pages = if how & 1 != 0 { s.pages() } else { size(s) };
    let (group, page) = folio(s, a, site, pages);
    let other = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    s.map(a, page);
    s.unmap_begin(b, page);
    if how & 2 != 0 {
        s.map(a, page);
    }
    if how & 4 != 0 {
        move_away(s, a, how >> 5, page, group, other);
    } else if how & 10 == 0 {
        s.uncharge(a, page);
    }
    s.end_half(b);
    if how & 16 != 0 {
        move_away(s, b, how >> 6, page, group, other);
    }
    if how & 2 != 0 {
        s.unmap(b, page);
    }
    s.uncharge(a, page);
}

/// A page is moved, or unmapped elsewhere, between the halves of its mapping.
pub(super) fn between_halves_of_map(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let pages = size(s);
    let (group, page) = folio(s, a, site, pages);
    let other = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    if how & 1 != 0 {
        s.map(a, page);
        s.unmap_begin(a, page);
    }
    s.map_begin(b, page);
    if how & 2 != 0 {
        s.end_half(a);
    }
    move_away(s, a, how >> 3, page, group, other);
    if how & 4 != 0 {
        s.end_half(b);
        move_away(s, a, 0, page, other, group);
    }
    s.end_half(b);
    s.end_half(a);
}

/// A CPU comes up, or goes down, in the middle of a move; then pages are mapped there.
pub(super) fn cpu_changes_in_a_move(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let pages = size(s);
    let (group, page) = folio(s, a, site, pages);
    let other = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    if how & 1 != 0 {
        s.cpu_down(a, b);
    }
    if s.picture.mapped.movable {
        s.move_start(a, group, other);
    }
    if how & 1 == 0 {
        s.cpu_down(a, b);
    }
    if how & 2 != 0 {
        s.cpu_up(a, b);
        s.map(b, page);
    }
    if s.picture.mapped.movable {
        s.move_page(a, page, other);
        s.move_end(a, group, other);
    }
    s.cpu_up(a, b);
    s.map(b, page);
    s.unmap(a, page);
}

/// Two movers of one group, to two others or to its parent, begin and end in any order.
pub(super) fn nested_movers(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let pages = size(s);
    let (group, page) = folio(s, a, site, pages);
    let second = s.charge(b, group, 2);
    s.map(a, page);
    s.map(b, second);
    if !s.picture.mapped.movable {
        return;
    }
    let one = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let two = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    s.move_start(a, group, one);
    if how & 1 != 0 {
        s.force_empty(b, group);
    } else {
        s.move_start(b, group, two);
        s.move_page(b, second, two);
        s.move_end(b, group, two);
    }
    s.unmap(b, page);
    s.map(b, page);
    s.move_page(a, page, one);
    s.move_end(a, group, one);
    if how & 2 != 0 {
        s.remove(a, group, b);
    }
}

/// A group is emptied into a parent that has little room, and removed.
pub(super) fn emptied_into_full_parent(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let room = 3 + u64::from(how & 7);
    let parent = s.mkdir(a, site, Limit::pages(room), Limit::MAX);
    let group = s.mkdir(a, parent, Limit::MAX, Limit::MAX);
    let small = s.charge(a, group, 1);
    let large = s.charge(b, group, 2);
    s.map(a, small);
    s.map(b, large);
    if how & 0x48 != 0 {
        let rest = s.charge(a, parent, room.saturating_sub(4).max(1));
        s.map(a, rest);
    }
    if how & 0x90 == 0x90 {
        s.mkdir(b, group, Limit::MAX, Limit::MAX);
    }
    if s.picture.mapped.movable {
        s.force_empty(b, group);
        if how & 32 != 0 {
            s.unmap(a, large);
            s.uncharge(a, large);
            s.force_empty(a, group);
        }
    }
    s.remove(a, group, b);
}
