//! What happened in which order while several lanes ran: the value that pictures of an interleaving are drawn from.
//!
//! A timeline is plain data. Engines write it, reports read it; it knows of neither.

use std::collections::BTreeMap;
use stocktake_impl::{Access, Label};

/// Everything that happened in the parallel part of an execution, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Number of lanes; lane k runs on CPU k.
    pub lanes: usize,
    /// What happened.
    pub events: Vec<Event>,
    /// What lives in the slots of the machine's arenas, in the program's names: `A/B` for a group, `objcg of A/B`,
    /// `p1` for a folio. The key is the label of the slot's generation word, as
    /// `Label::new(What::MemcgGeneration, slot)`. A slot that was used again is `A, then B`.
    pub owners: BTreeMap<Label, String>,
    /// The word that a violation is about.
    pub blamed: Option<Label>,
}

/// One thing that one lane did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The lane that did it.
    pub lane: usize,
    /// Index, in the program, of the operation that the lane was in.
    pub step: usize,
    /// Why this lane ran now rather than the one that ran before it; `None` if it simply went on.
    pub switch: Option<Switch>,
    /// What it did.
    pub what: Happening,
    /// Quantities that have come to differ from what the books expect, or differ otherwise than before, with this
    /// event. One that agrees again is listed once more, with both numbers the same.
    pub differences: Vec<Difference>,
}

/// Why the CPU lanes changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Switch {
    /// The lane before it had ended its last operation.
    Ended,
    /// The lane before it was between two operations.
    Between,
    /// The lane before it was in the middle of an operation and could have gone on: a preemption.
    Preempted,
    /// The lane before it had to wait.
    Waited,
}

/// What a lane did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// An operation began.
    Begin,
    /// An operation ended, with this answer.
    End(stocktake_model::Outcome),
    /// An operation was skipped: its operands do not exist now.
    Skip,
    /// A shared word or lock was accessed; its values before and after.
    Access {
        /// Which.
        label: Label,
        /// How.
        access: Access,
        /// The value before.
        old: i64,
        /// The value after.
        new: i64,
    },
    /// The lane waits for this word or lock.
    Wait {
        /// Which.
        on: Label,
        /// The lane that has it, if a lane has.
        holder: Option<usize>,
    },
    /// An interrupt lent itself the CPU of this lane, to run this other step of the program.
    Interrupt(usize),
    /// Something worth a line that is none of the above, as an injected failure.
    Note(String),
}

/// One quantity as both sides have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The object, as `A/B`.
    pub object: String,
    /// The quantity, as `usage`.
    pub quantity: &'static str,
    /// What the books say.
    pub expected: i64,
    /// What the machine has.
    pub found: i64,
}

impl Timeline {
    /// How often a lane was preempted: it had to stop in the middle of an operation though it could have gone on.
    pub fn preemptions(&self) -> usize {
        self.events.iter().filter(|event| event.switch == Some(Switch::Preempted)).count()
    }

    /// How often an operation was interrupted by another one on the same CPU.
    pub fn interrupts(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.what, Happening::Interrupt(_))).count()
    }
}
