//! Reports as text: one place for all rendering, one file for each kind of report.

mod corpus;
mod failure;
mod lists;
mod replays;
mod run;

pub use corpus::{Statistics, statistics};
pub(crate) use failure::steps_run;
pub use failure::{failure, story};
pub use lists::{designs, faults};
pub use replays::{checked, replay, troubles, verdict_line, verdicts};
pub use run::{artifact, run};

/// Columns of a report.
const WIDTH: usize = 110;
