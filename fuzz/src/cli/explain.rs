//! `explain`: the whole story of one trace, failing or not.

use super::console::print;
use super::corpus;
use super::exit::Exit;
use super::problem::Problem;
use crate::replay::{Summary, replay_file};
use crate::report::text;
use std::path::PathBuf;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Do it. The exit code is that of a replay.
pub(super) fn explain(args: &Args) -> Result<Exit, Problem> {
    let replay = replay_file(&args.file).map_err(|error| Problem::told(&error))?;
    let told = text::replay(&replay);
    let exit = corpus::judge(&Summary::of(vec![Ok(replay)]));
    Ok(exit.max(print(&told)))
}
