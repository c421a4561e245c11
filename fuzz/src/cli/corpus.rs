//! `corpus`: looking after the traces that are kept, and what every command needs to know of them.

mod check;
mod export;
mod stats;
mod upgrade;

use super::exit::Exit;
use super::problem::Problem;
use super::replay::complain_of_unreadable;
use crate::artifact;
use crate::replay::{Summary, regressions, traces_below};
use crate::report::words::from_here;
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Options of `corpus`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read every trace strictly and replay it; report all errors
    Check,
    /// Count what the traces consist of, and the goals that they reach
    Stats,
    /// Record anew, in their place, the schedules of traces to which they no longer apply
    Upgrade,
    /// Write the traces as inputs of the libFuzzer targets, to corpus/seeds
    Export,
}

/// Do it.
pub(super) fn corpus(args: &Args) -> Result<Exit, Problem> {
    let root = artifact::workspace_root().ok_or_else(|| {
        Problem::new("there is no corpus here")
            .help("run this inside the workspace: a folder with Cargo.toml and corpus/")
    })?;
    match args.action {
        Action::Check => check::check(),
        Action::Stats => stats::stats(),
        Action::Upgrade => upgrade::upgrade(),
        Action::Export => export::export(&root),
    }
}

/// The folder of the traces that are kept for ever.
fn regressions_folder(root: &Path) -> PathBuf {
    root.join("corpus").join("regressions")
}

/// The folder of this workspace's regressions, as it is named from here; none outside a workspace.
fn folder_from_here() -> Option<PathBuf> {
    artifact::workspace_root().map(|root| from_here(&regressions_folder(&root)))
}

/// All regression traces of the workspace; none outside one.
pub(super) fn regression_files() -> Result<Vec<PathBuf>, Problem> {
    match folder_from_here().filter(|folder| folder.is_dir()) {
        Some(folder) => traces_below(&folder).map_err(|error| Problem::told(&error)),
        None => Ok(Vec::new()),
    }
}

/// Replay all regressions.
pub(super) fn replay_regressions() -> Result<Summary, Problem> {
    match folder_from_here() {
        Some(folder) => regressions(&folder).map_err(|error| Problem::told(&error)),
        None => Ok(Summary::default()),
    }
}

/// The exit code of replays; what could not be read is reported on standard error.
pub(super) fn judge(summary: &Summary) -> Exit {
    complain_of_unreadable(summary);
    let failed = summary.failed > summary.unreadable.len();
    Exit::Violation
        .when(failed)
        .max(Exit::BadInput.when(!summary.unreadable.is_empty()))
        .max(Exit::Stale.when(summary.stale > 0))
}
