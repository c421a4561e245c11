//! Engines run programs. An engine knows how operations are applied and when checks are due; what is checked is
//! the business of [`crate::check`], where programs come from that of [`crate::decode`] and [`crate::trace`].

mod apply;
mod asserts;
mod hunting;
pub mod interleave;
pub mod lockstep;
mod mapped;
mod mm;
mod oops;
mod owners;
mod provenance;
mod reach;
mod record;
pub mod runner;
mod shmem;

mod step_laws;
pub mod stress;
#[cfg(test)]
mod tests;
pub mod timeline;
mod witness;

pub(crate) use oops::word as operation_word;

use crate::violation::Violation;
use stocktake_model::{Grade, Outcome};

/// One step of an execution that was recorded for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// Index of the step.
    pub step: usize,
    /// What the implementation answered; `None` if the step was skipped.
    pub implementation: Option<Outcome>,
    /// What the model would have answered itself.
    pub model: Option<Outcome>,
    /// How they agree.
    pub grade: Option<Grade>,
}

/// One quantity as both sides have it, at the moment of the failure or at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The object, as `A/B`.
    pub object: String,
    /// The quantity, as `usage`.
    pub quantity: &'static str,
    /// What the model and the stocks say.
    pub expected: String,
    /// What the implementation has.
    pub found: String,
}

/// An execution in full, for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The steps that were run, up to the failing one.
    pub steps: Vec<StepRecord>,
    /// Both sides at that moment.
    pub sides: Vec<Side>,
    /// What is cached where at that moment, one line each, as `cpu 1: 63 pages of A`.
    pub cached: Vec<String>,
    /// The violation, with provenance.
    pub violation: Option<Violation>,
    /// What happened in which order: everything that lanes did, or, of a sequential program, what its steps changed.
    pub timeline: Option<timeline::Timeline>,
    /// Why the recorded schedule does not apply, if it does not: then nothing else is known.
    pub stale: Option<String>,
    /// How many schedules were run without a violation, of a program that leaves open which.
    pub explored: Option<Explored>,
}

/// How far the schedules of a program were explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Schedules that were run.
    pub schedules: u64,
    /// The most preemptions that any of them could have.
    pub preemptions: usize,
    /// Whether all with so many preemptions or fewer were run; else it was cut short.
    pub all: bool,
}
