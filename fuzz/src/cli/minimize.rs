//! `minimize`: a failing trace is made as small as possible.

use super::console::{complain, print};
use super::exit::Exit;
use super::problem::Problem;
use crate::engine::runner::Runner;
use crate::minimize::{Minimized, minimize as make_small};
use crate::replay::engine_for;
use crate::report::words::{counted, shown};
use crate::report::{replay_command, text};
use crate::tally::Tally;
use crate::trace::{Reading, read_file};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Steps that may be run: some ten seconds.
const BUDGET: u64 = 50_000_000;

/// Options of `minimize`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the small trace; nothing is overwritten [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
}

/// Do it.
pub(super) fn minimize(args: &Args) -> Result<Exit, Problem> {
    let program = read_file(&args.file, Reading::Strict).map_err(|error| Problem::told(&error))?;
    let engine = engine_for(&program);
    if let Some(out) = args.out.as_deref() {
        check_folder(out)?;
    }
    let mut runner = Runner::new(engine);
    let Err(violation) = runner.run(&program, &mut Tally::default()) else {
        return Err(Problem::new(format!(
            "{} violates nothing, so there is nothing to minimise",
            shown(&args.file)
        ))
        .help(format!("`stocktake explain {}` tells what it does", shown(&args.file))));
    };
    let Minimized { program: small, violation, steps_spent, exhausted } =
        make_small(&program, &violation, &mut runner, BUDGET);
    let trace = text::artifact(engine, &small, &violation);
    let mut story = format!(
        "{} minimised to {}, by running {}\n",
        counted(program.steps.len() as u64, "step"),
        small.steps.len(),
        counted(steps_spent, "step")
    );
    if exhausted {
        story.push_str("That was all it may run; minimising the result again may make it smaller still.\n");
    }
    match &args.out {
        Some(out) => {
            write_exactly(out, &trace)?;
            let report = text::failure(&small, &runner.record(&small), &replay_command(out));
            let _ = write!(story, "written to {}\n\n{report}", shown(out));
            Ok(print(&story))
        }
        None => {
            complain(&story);
            Ok(print(&trace))
        }
    }
}

/// The folder that a file is to be written in.
fn folder(out: &Path) -> &Path {
    out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Say early that the result cannot be written.
fn check_folder(out: &Path) -> Result<(), Problem> {
    if folder(out).is_dir() && out.file_name().is_some() && !out.is_dir() {
        return Ok(());
    }
    Err(Problem::new(format!("the result cannot be written to {}", shown(out)))
        .help("-o takes the name of a file in a folder that exists"))
}

/// Write a file that appears complete or not at all, and never in the place of another.
fn write_exactly(out: &Path, text: &str) -> Result<(), Problem> {
    let refused = |error: std::io::Error| {
        Problem::new(format!("the result cannot be written to {}: {error}", shown(out)))
            .help("choose another place with -o")
    };
    if fs::read(out).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = folder(out).join(name);
    let mut file = File::create_new(&draft).map_err(refused)?;
    let placed = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, out));
    let _ = fs::remove_file(&draft);
    placed.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Problem::new(format!("{} exists and holds something else", shown(out)))
            .help("nothing is overwritten: choose another name with -o, or remove the file"),
        _ => refused(error),
    })
}
