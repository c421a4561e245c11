//! Units and refusals.

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// A number of whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pages(pub u64);

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The whole pages in it.
    #[inline]
    pub(crate) fn whole_pages(self) -> Pages {
        Pages(self.0 / PAGE_SIZE)
    }

    /// What is left beside the whole pages.
    #[inline]
    pub(crate) fn fraction(self) -> Bytes {
        Bytes(self.0 % PAGE_SIZE)
    }
}

/// Why the machine refused an operation. A refused operation has changed nothing that a user can see, except
/// that it may have drained stocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errno {
    /// `ENOMEM`: a limit was met, or an allocation failed.
    NoMem,
    /// `EBUSY`: the group has online children or tasks, or its usage is above the new limit.
    Busy,
    /// `ENOSPC`: no memcg id or no swap slot is left.
    NoSpace,
    /// `ENODEV`: the parent has been removed.
    NoDev,
    /// `EEXIST`: the place of a page is another's by now. Whoever asked looks again.
    Exist,
    /// `ENOENT`: what leads to a page is gone.
    NoEnt,
    /// `EINVAL`: the memory limit would be above that of memory+swap.
    Invalid,
}

/// The value of a limit word that means "no limit".
pub const NO_LIMIT: u64 = i64::MAX as u64;
