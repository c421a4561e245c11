//! Units. A page is 4096 bytes; a number of pages is never mixed up with a number of bytes.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// A number of whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pages(pub u64);

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The pages that hold this many bytes, the last one perhaps only in part.
    pub fn pages_up(self) -> Pages {
        Pages(self.0.div_ceil(PAGE_SIZE))
    }
}

/// A limit in pages: `None` is "max", no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limit(pub Option<Pages>);

impl Limit {
    /// No limit.
    pub const MAX: Limit = Limit(None);

    /// A limit of so many pages.
    pub const fn pages(n: u64) -> Limit {
        Limit(Some(Pages(n)))
    }

    /// Whether a usage of `usage` pages is within the limit; equality is.
    pub fn admits(self, usage: Pages) -> bool {
        self.0.is_none_or(|max| usage <= max)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Pages(n)) => write!(f, "{n}"),
            None => f.write_str("max"),
        }
    }
}

macro_rules! arithmetic {
    ($unit:ident) => {
        impl Add for $unit {
            type Output = $unit;
            fn add(self, other: $unit) -> $unit {
                $unit(self.0 + other.0)
            }
        }
        impl Sub for $unit {
            type Output = $unit;
            fn sub(self, other: $unit) -> $unit {
                $unit(self.0 - other.0)
            }
        }
        impl AddAssign for $unit {
            fn add_assign(&mut self, other: $unit) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $unit {
            fn sub_assign(&mut self, other: $unit) {
                self.0 -= other.0;
            }
        }
        impl std::iter::Sum for $unit {
            fn sum<I: Iterator<Item = $unit>>(items: I) -> $unit {
                $unit(items.map(|item| item.0).sum())
            }
        }
    };
}
arithmetic!(Pages);
arithmetic!(Bytes);
