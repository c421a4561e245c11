//! `minimize`: a failing trace is made as small as possible.

use super::console::{complain, print};
use super::exit::Exit;
use super::out_file;
use super::problem::Problem;
use crate::engine::runner::Runner;
use crate::minimize::{Minimized, minimize as make_small};
use crate::replay::engine_for;
use crate::report::words::{counted, shown};
use crate::report::{replay_command, text};
use crate::tally::Tally;
use crate::trace::{Reading, read_file};
use std::fmt::Write;
use std::path::PathBuf;

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
        out_file::check(out, "-o")?;
    }
    let mut runner = Runner::new(engine);
    let Err(violation) = runner.run(&program, &mut Tally::default()) else {
        if let Some(why) = runner.record(&program).stale {
            return Err(Problem::new(format!("{} is stale: {why}", shown(&args.file))).help(
                "`stocktake corpus upgrade` records its schedule anew, if it still shows what it expects",
            ));
        }
        return Err(Problem::new(format!(
            "{} violates nothing, so there is nothing to minimise",
            shown(&args.file)
        ))
        .help(format!("`stocktake explain {}` tells what it does", shown(&args.file))));
    };
    let Minimized { program: small, violation, preemptions, steps_spent, exhausted } =
        make_small(&program, &violation, &mut runner, BUDGET);
    let trace = text::artifact(engine, &small, &violation);
    let schedule = match small.parallel {
        Some(_) => format!(" and {}", counted(preemptions as u64, "preemption")),
        None => String::new(),
    };
    let mut story = format!(
        "{} minimised to {}{schedule}, by running {}\n",
        counted(program.steps.len() as u64, "step"),
        small.steps.len(),
        counted(steps_spent, "step")
    );
    if exhausted {
        story.push_str("That was all it may run; minimising the result again may make it smaller still.\n");
    }
    match &args.out {
        Some(out) => {
            out_file::write(out, &trace, "-o")?;
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
