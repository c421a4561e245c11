//! A broken invariant, as a value. How it is shown is the business of the report module.

use std::fmt;

/// The rules that are checked, numbered as in the specification's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Invariant {
    /// Counter totals: usage = live charges + stocks + what byte stocks and leftovers bind, at every level.
    I1 = 1,
    /// A parent's usage is at least the sum of its live children's.
    I2 = 2,
    /// No counter is negative.
    I3 = 3,
    /// Bytes are conserved per objcg, and whole pages remain when it is released.
    I4 = 4,
    /// A reference count equals the number of holders.
    I5 = 5,
    /// What nobody holds any more is freed.
    I6 = 6,
    /// Swap records, swap counters and id references agree.
    I7 = 7,
    /// No swap slot is leaked.
    I8 = 8,
    /// A statistic, added up over the CPUs, is what it counts.
    I9 = 9,
    /// A charge that took new pages from a counter ends within the limit.
    I10 = 10,
    /// A charge through an mm lands inside every group that holds all tasks that use it.
    I11 = 11,
    /// No use after free, no count raised from zero.
    I12 = 12,
    /// Every operation ends.
    I13 = 13,
    /// Drained means drained.
    I14 = 14,
    /// Every outcome is one that the specification allows.
    I16 = 16,
    /// A fault on a page finds the version last written to it.
    I17 = 17,
    /// A hand-written trace insisted on a number or an outcome that was not found.
    Assert = 0,
}

impl Invariant {
    /// All of them, in the order of the table.
    pub const ALL: [Invariant; 17] = [
        Invariant::I1,
        Invariant::I2,
        Invariant::I3,
        Invariant::I4,
        Invariant::I5,
        Invariant::I6,
        Invariant::I7,
        Invariant::I8,
        Invariant::I9,
        Invariant::I10,
        Invariant::I11,
        Invariant::I12,
        Invariant::I13,
        Invariant::I14,
        Invariant::I16,
        Invariant::I17,
        Invariant::Assert,
    ];

    /// The name used in traces and reports.
    pub fn name(self) -> &'static str {
        match self {
            Invariant::I1 => "I1",
            Invariant::I2 => "I2",
            Invariant::I3 => "I3",
            Invariant::I4 => "I4",
            Invariant::I5 => "I5",
            Invariant::I6 => "I6",
            Invariant::I7 => "I7",
            Invariant::I8 => "I8",
            Invariant::I9 => "I9",
            Invariant::I10 => "I10",
            Invariant::I11 => "I11",
            Invariant::I12 => "I12",
            Invariant::I13 => "I13",
            Invariant::I14 => "I14",
            Invariant::I16 => "I16",
            Invariant::I17 => "I17",
            Invariant::Assert => "assert",
        }
    }

    /// The rule in words.
    pub fn rule(self) -> &'static str {
        match self {
            Invariant::I1 => {
                "counter totals: the usage of a group is its live charges, plus what stocks hold, plus the pages \
                 that byte stocks and leftovers bind"
            }
            Invariant::I2 => "the usage of a group is at least the sum of the usages of its live children",
            Invariant::I3 => "no counter is negative",
            Invariant::I4 => {
                "bytes are conserved: live bytes, bytes in stocks and nr_charged_bytes of an objcg make whole pages"
            }
            Invariant::I5 => "a reference count equals the number of holders",
            Invariant::I6 => "what nobody holds any more is freed once every CPU has been drained",
            Invariant::I7 => "swap records, swap counters and id references agree",
            Invariant::I8 => "no swap slot is leaked",
            Invariant::I9 => {
                "a statistic, added up over the CPUs, is what it counts, and a mover's mark is seen on every CPU"
            }
            Invariant::I10 => "a charge that took new pages from a counter ends within the limit",
            Invariant::I11 => {
                "no delegation is escaped: a charge through an mm lands inside every group that holds all tasks that \
                 use the mm, those in the middle of their exit included"
            }
            Invariant::I12 => "no object is used after it was freed, and no count rises from zero",
            Invariant::I13 => "every operation ends",
            Invariant::I14 => {
                "after a drain of a subtree no CPU keeps stock of it, unless its drain is queued"
            }
            Invariant::I16 => "every outcome is one that the specification allows",
            Invariant::I17 => "a fault on a page finds the version last written to it",
            Invariant::Assert => "the trace insists on it",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub invariant: Invariant,
    /// What kind of quantity broke it, as `css-refs`: a word fit for a file name.
    pub aspect: &'static str,
    /// Index of the step after which it was noticed; the number of steps, if only by the checks at the end.
    pub step: usize,
    /// Shape of that step, as `obj.charge`; `end` for the checks at the end.
    pub shape: &'static str,
    /// The object concerned, as `A/B` or `objcg of A`.
    pub object: String,
    /// What the object should have, in words and numbers.
    pub expected: String,
    /// What it has.
    pub found: String,
    /// How the expectation comes about, as `2 folios + 1 stock slot`.
    pub because: String,
    /// Which steps took the unit that is now lost, or last changed the object.
    pub provenance: Vec<Origin>,
}

/// A step that had a part in a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Index of the step.
    pub step: usize,
    /// What it did to the object.
    pub what: String,
}

impl Violation {
    /// Invariant and shape: two failures with the same signature count as the same. Fit for a file name.
    pub fn signature(&self) -> String {
        format!("{}-{}-{}", self.invariant, self.aspect, self.shape)
    }
}
