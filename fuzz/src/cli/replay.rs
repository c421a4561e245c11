//! `replay`: traces are run again and compared with what they expect.

use super::Format;
use super::console::{complain, print};
use super::corpus;
use super::exit::Exit;
use super::problem::Problem;
use crate::replay::{Replay, Summary, Verdict, replay_files, traces_below};
use crate::report::{json, text};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

/// Options of `replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Trace files, and folders in which all `.trace` files are replayed
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Do it.
pub(super) fn replay(args: &Args) -> Result<Exit, Problem> {
    let (files, named) = files(&args.paths)?;
    let summary = replay_files(&files);
    let exit = corpus::judge(&summary);
    Ok(exit.max(print(&match args.format {
        Format::Text => in_words(&summary, &named),
        Format::Json => json::replays(&summary),
    })))
}

/// All files to replay, each once, and those that were named one by one.
fn files(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, BTreeSet<PathBuf>), Problem> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut named = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            let below = traces_below(path).map_err(|error| Problem::told(&error))?;
            if below.is_empty() {
                return Err(Problem::new(format!("there is no .trace file in {} or below", path.display()))
                    .help("name a trace file, or a folder with traces"));
            }
            files.extend(below);
        } else {
            named.insert(path.clone());
            files.push(path.clone());
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok((files, named))
}

/// A line for each trace; the whole story of those that failed, and of violations that somebody asked for by name.
fn in_words(summary: &Summary, named: &BTreeSet<PathBuf>) -> String {
    let is_told = |replay: &&Replay| {
        matches!(replay.verdict, Verdict::Failed(_))
            || (named.contains(&replay.path) && replay.recording.violation.is_some())
    };
    let mut out = String::new();
    if summary.total != 1 {
        summary.replays.iter().for_each(|replay| out.push_str(&text::verdict_line(replay)));
        let _ = writeln!(out, "{}", text::verdicts(summary));
    }
    for replay in &summary.replays {
        if is_told(&replay) {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = write!(out, "{gap}{}", text::replay(replay));
        } else if summary.total == 1 {
            out.push_str(&text::verdict_line(replay));
        }
    }
    out
}

/// Say which files could not be read.
pub(super) fn complain_of_unreadable(summary: &Summary) {
    for error in &summary.unreadable {
        complain(&format!("{error}\n\n"));
    }
}
