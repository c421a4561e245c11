//! Which group of the program a handle is, for operations that run while the books are closed.

use crate::check::Books;
use crate::engine::apply::Ledger;
use std::cell::RefCell;
use stocktake_impl::{CacheRef, Machine, MemcgRef, ObjcgRef};
use stocktake_model::{CacheId, GroupId};

/// Something that an operation made, for the books to learn when it ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    Group { group: GroupId, parent: GroupId, memcg: MemcgRef },
    Cache { name: CacheId, cache: CacheRef },
}

/// The groups by the numbers of the machine's slots.
#[derive(Debug, Default)]
pub(super) struct Directory {
    groups: Vec<GroupId>,
    births: Vec<GroupId>,
    made: Vec<(usize, Made)>,
}

impl Directory {
    /// As the books have it.
    pub(super) fn copy(&mut self, books: &Books) {
        books.copy_slots(&mut self.groups, &mut self.births);
        self.made.clear();
    }

    /// What a lane has made since it was asked last.
    pub(super) fn take_made(&mut self, lane: usize) -> Option<Made> {
        let index = self.made.iter().position(|(by, _)| *by == lane)?;
        Some(self.made.remove(index).1)
    }
}

/// The directory as one lane uses it.
pub(super) struct LaneLedger<'a> {
    pub(super) directory: &'a RefCell<Directory>,
    pub(super) lane: usize,
}

impl Ledger for LaneLedger<'_> {
    fn born(&mut self, machine: &Machine, group: GroupId, parent: GroupId, memcg: MemcgRef) {
        let mut directory = self.directory.borrow_mut();
        enter(&mut directory.groups, memcg.index(), group);
        if let Some(objcg) = machine.memcg(memcg).and_then(|view| view.objcg) {
            enter(&mut directory.births, objcg.index(), group);
        }
        directory.made.push((self.lane, Made::Group { group, parent, memcg }));
    }

    fn cache_made(&mut self, name: CacheId, cache: CacheRef) {
        self.directory.borrow_mut().made.push((self.lane, Made::Cache { name, cache }));
    }

    fn group_of(&self, memcg: MemcgRef) -> GroupId {
        self.directory.borrow().groups.get(memcg.index()).copied().unwrap_or(GroupId::ROOT)
    }

    fn birth_of(&self, objcg: ObjcgRef) -> GroupId {
        self.directory.borrow().births.get(objcg.index()).copied().unwrap_or(GroupId::ROOT)
    }
}

fn enter(table: &mut Vec<GroupId>, index: usize, group: GroupId) {
    if table.len() <= index {
        table.resize(index + 1, GroupId::ROOT);
    }
    table[index] = group;
}
