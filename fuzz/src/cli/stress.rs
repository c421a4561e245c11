//! `stress`: lanes on threads of the operating system, with plain atomics.

use super::args::{self, Designs};
use super::console::{complain, print};
use super::exit::Exit;
use super::problem::Problem;
use super::{Format, progress::Bar};
use crate::artifact::{self, write_new};
use crate::hunt::{Limit, Stressing, stress};
use crate::report::words::from_here;
use crate::report::{Stressed, json, text};
use clap::builder::RangedU64ValueParser;
use std::path::PathBuf;
use std::time::Duration;
use stocktake_impl::{Design, Fault};

/// How long if nothing is said.
const USUAL_TIME: Duration = Duration::from_secs(10);

/// Options of `stress`.
///
/// The same programs as those of `run`, with lanes on threads of the operating system. This is the one command whose
/// result cannot be repeated: the orders are those that the machine happens to give. Everything is counted and
/// compared once all threads have ended and the machine under test is at rest.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How long to run [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = args::duration, conflicts_with = "executions")]
    time: Option<Duration>,
    /// How many programs to run, instead of a time
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    executions: Option<u64>,
    /// Which design to run: a name from `stocktake designs` [default: current]
    #[arg(long, value_name = "NAME", value_parser = args::designs)]
    design: Option<Designs>,
    /// Plant this fault, an id from `stocktake bugs`
    #[arg(long, value_name = "ID", value_parser = args::fault(), hide_possible_values = true)]
    fault: Option<Fault>,
    /// Which sequence of programs to run [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true)]
    seed: u64,
    /// How many threads run lanes [default: all cores, at least 2]
    #[arg(long, visible_alias = "jobs", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(2..=8))]
    threads: Option<usize>,
    /// The folder for the program of a finding [default: fuzz/artifacts of the workspace, or this folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Do it.
pub(super) fn run(args: &Args) -> Result<Exit, Problem> {
    let limit = match args.executions {
        Some(executions) => Limit::Executions(executions),
        None => Limit::Time(args.time.unwrap_or(USUAL_TIME)),
    };
    let mut stressed = Stressed::default();
    let mut exit = Exit::Clean;
    let designs = args.design.unwrap_or(Designs::One(Design::default())).list();
    for &design in &designs {
        let limit = match limit {
            Limit::Time(time) => Limit::Time(time / designs.len() as u32),
            executions => executions,
        };
        let config = Stressing {
            design,
            faults: args.fault.into_iter().collect(),
            seed: args.seed,
            threads: args.threads.unwrap_or_else(|| args::cores().clamp(2, 8)),
            limit,
        };
        let bar = Bar::new(&format!("threads on design {design}"), limit);
        let mut one = stress(&config, &bar);
        drop(bar);
        if let Some(finding) = &mut one.finding {
            exit = Exit::Violation;
            let out = args.out.clone().unwrap_or_else(|| from_here(&artifact::default_dir()));
            let stem = format!("stress-{}", finding.violation.signature());
            match write_new(&out, &stem, &text::stress_artifact(finding)) {
                Ok(path) => finding.path = Some(path),
                Err(error) => complain(&format!("error: the finding is not kept: {error}\n")),
            }
        }
        stressed.runs.push(one);
    }
    Ok(exit.max(print(&match args.format {
        Format::Text => text::stress(&stressed),
        Format::Json => json::stress(&stressed),
    })))
}
