//! `explain`: the whole story of one trace, failing or not.

use super::console::{complain, print};
use super::corpus;
use super::exit::Exit;
use super::out_file;
use super::problem::Problem;
use crate::replay::{Summary, replay_file};
use crate::report::words::shown;
use crate::report::{html, text};
use std::path::PathBuf;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also write a page to step through what happened; it needs no network, and nothing is overwritten
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
}

/// Do it. The exit code is that of a replay.
pub(super) fn explain(args: &Args) -> Result<Exit, Problem> {
    if let Some(out) = &args.html {
        out_file::check(out, "--html")?;
    }
    let replay = replay_file(&args.file).map_err(|error| Problem::told(&error))?;
    if let Some(out) = &args.html {
        out_file::write(out, &html::page(&replay), "--html")?;
        complain(&format!("written: {}\n", shown(out)));
    }
    let told = text::replay(&replay);
    let exit = corpus::judge(&Summary::of(vec![Ok(replay)]));
    Ok(exit.max(print(&told)))
}
