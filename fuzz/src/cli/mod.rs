//! The command line: one file for each command, which gathers what the library does and prints a report of it.
//!
//! Nothing is decided here but exit codes. What is run is the business of [`crate::hunt`] and [`crate::replay`],
//! how it looks that of [`crate::report`].

mod args;
mod bugs;
mod console;
mod corpus;
mod designs;
mod exit;
mod experiments;
mod explain;
mod minimize;
mod out_file;
mod problem;
mod progress;
mod replay;
mod run;
mod stress;

use clap::{Parser, Subcommand, ValueEnum};
use console::{complain, print};
use exit::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// Differential, schedule-exploring fuzzing for memory-cgroup (memcg) accounting.
///
/// Programs of charges, uncharges, group removals, drains and CPU hotplug run on a machine with per-CPU stocks
/// and on an exact model beside it. After every step the books are compared: counters, references, swap slots.
///
/// Without a command, all regressions are replayed and the default design is hunted for 30 seconds on all cores,
/// the same as `stocktake run`.
#[derive(Debug, Parser)]
#[command(name = "stocktake", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  nothing wrong
  1  a violation, an expectation that was not met, or a planted fault that `bugs` did not find
  2  wrong usage or input
  3  a trace of the corpus can no longer be replayed as recorded
If several apply, 1 wins over 2, and 2 over 3.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay all regressions, then hunt for violations
    Run(run::Args),
    /// Run programs on threads of the operating system; the one command that cannot be repeated
    Stress(stress::Args),
    /// Run traces again and compare with what they expect
    Replay(replay::Args),
    /// Make a failing trace as small as possible
    Minimize(minimize::Args),
    /// Tell the whole story of one trace, failing or not
    Explain(explain::Args),
    /// Hunt planted faults, to measure how fast they are found
    Bugs(bugs::Args),
    /// List the designs, and what is known against them
    Designs(designs::Args),
    /// Simulate something, and plot what comes out
    Experiments(experiments::Args),
    /// Look after the corpus of traces
    Corpus(corpus::Args),
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// Run the command line `args`, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            complain(&error.to_string());
            return Exit::BadInput.into();
        }
        Err(help) => return print(&help.to_string()).into(),
    };
    let result = match cli.command {
        None => run::run(&run::Args::default()),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Replay(args)) => replay::replay(&args),
        Some(Command::Minimize(args)) => minimize::minimize(&args),
        Some(Command::Explain(args)) => explain::explain(&args),
        Some(Command::Bugs(args)) => bugs::bugs(&args),
        Some(Command::Stress(args)) => stress::run(&args),
        Some(Command::Designs(args)) => designs::designs(&args),
        Some(Command::Experiments(args)) => experiments::experiments(&args),
        Some(Command::Corpus(args)) => corpus::corpus(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(problem) => {
            complain(&format!("{problem}\n"));
            Exit::BadInput.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_everything_is_as_usual() {
        let Some(Command::Run(usual)) = Cli::parse_from(["stocktake", "run"]).command else {
            panic!("`run` is another command")
        };
        assert!(Cli::parse_from(["stocktake"]).command.is_none());
        assert_eq!(format!("{usual:?}"), format!("{:?}", run::Args::default()));
    }
}
