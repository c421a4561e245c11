//! Pages that are charged as they are put where they belong: the vocabulary of seed 004, first half.

use crate::{ChargeId, GroupId};

/// An operation that charges a page and inserts it, or one that frees several pages. `fail=insert`: the page has been
/// charged, and cannot be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageOp {
    /// Read a page of a file into the page cache, by a task of a group.
    File {
        /// The page.
        new: ChargeId,
        /// The group of the task.
        group: GroupId,
    },
    /// Fault in an anonymous page, by a task of a group.
    Anon {
        /// The page.
        new: ChargeId,
        /// The group of the task.
        group: GroupId,
        /// Try a huge page first.
        huge: bool,
    },
    /// Take a huge page of hugetlb, which nobody is charged for.
    Hugetlb {
        /// The page.
        new: ChargeId,
    },
    /// Free pages in one batch.
    FreeList {
        /// The pages.
        list: FreeList,
    },
}

/// Up to [`FreeList::MOST`] pages, in order; none of them twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FreeList([Option<ChargeId>; FreeList::MOST]);

impl FreeList {
    /// The most pages of a list.
    pub const MOST: usize = 4;

    /// A list of these pages; those beyond [`FreeList::MOST`], and those that are in it already, are left out. `None` if
    /// there are none.
    pub fn new(pages: impl IntoIterator<Item = ChargeId>) -> Option<FreeList> {
        let mut list = [None; FreeList::MOST];
        let mut len = 0;
        for page in pages {
            if len < list.len() && !list.contains(&Some(page)) {
                list[len] = Some(page);
                len += 1;
            }
        }
        (len > 0).then_some(FreeList(list))
    }

    /// Its pages.
    pub fn iter(&self) -> impl Iterator<Item = ChargeId> + '_ {
        self.0.iter().flatten().copied()
    }

    /// Its pages, to be given other numbers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut ChargeId> {
        self.0.iter_mut().flatten()
    }
}

impl PageOp {
    /// Pages of a huge page.
    pub const HUGE: crate::Pages = crate::Pages(512);
}
