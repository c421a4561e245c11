//! Reports as text: one place for all rendering, one file for each kind of report.

mod corpus;
mod failure;
mod interleaving;
mod lists;
mod replays;
mod run;
mod shorten;
mod stress;

pub use corpus::{Statistics, statistics};
pub use failure::{failure, story};
pub(crate) use failure::{in_one_line, setting, steps_run, unfinished};
pub use lists::{designs, faults};
pub use replays::{checked, replay, troubles, verdict_line, verdicts};
pub use run::{artifact, run};
pub use stress::{stress, stress_artifact};

/// Columns of a report.
const WIDTH: usize = 110;
