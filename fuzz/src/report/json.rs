//! Reports as JSON. The fields are a contract: scripts depend on their names and meanings.

mod lists;
mod replays;
mod run;
mod stress;
mod timeline;

pub use lists::{designs, faults};
pub use replays::replays;
pub(super) use replays::{ReplayJson, replay};
pub use run::run;
pub use stress::stress;
pub(super) use timeline::DifferenceJson;

use serde::Serialize;
use std::path::Path;

/// One value as JSON text with a newline at its end.
fn text(value: &impl Serialize) -> String {
    // Nothing here can fail to be written: keys are strings, and maps have no other.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
