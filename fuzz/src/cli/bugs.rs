//! `bugs`: planted faults are hunted with several seeds, to measure how fast they are found.

use super::Format;
use super::args::{self, Engines};
use super::console::print;
use super::exit::Exit;
use super::problem::Problem;
use super::progress::Bar;
use crate::engine::runner::{Engine, Runner};
use crate::hunt::{Config, Finding, Limit, Without, hunt};
use crate::report::{FaultFound, FaultHunt, json, text};
use crate::tally::Tally;
use clap::builder::RangedU64ValueParser;
use std::time::Duration;
use stocktake_impl::{Design, Fault};

/// Seeds that each fault is hunted with if nothing is said: an odd number has a median.
const SEEDS: &str = "11";
/// A fault is given up after so many seeds that do not find it.
const MISSES: usize = 3;

/// Options of `bugs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The faults to hunt [default: all]
    #[arg(value_name = "ID", value_parser = args::fault())]
    faults: Vec<Fault>,
    /// How long a fault is hunted with each seed and engine
    #[arg(long, value_name = "TIME", value_parser = args::duration, default_value = "10s")]
    time_per_fault: Duration,
    /// How many programs are run for a fault with each seed and engine, instead of a time
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..),
        conflicts_with = "time_per_fault")]
    executions_per_fault: Option<u64>,
    /// How many seeds: 1 to this number
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..=1000),
        default_value = SEEDS)]
    seeds: u64,
    /// Which engine to use [default: the first that finds the fault]
    #[arg(long, value_name = "ENGINE", value_parser = args::engines())]
    engine: Option<Engines>,
    /// How many threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    jobs: Option<usize>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Do it.
pub(super) fn bugs(args: &Args) -> Result<Exit, Problem> {
    let faults = if args.faults.is_empty() { Fault::ALL.to_vec() } else { args.faults.clone() };
    let hunts: Vec<FaultHunt> = faults.iter().map(|&fault| with_any_engine(fault, args)).collect();
    let missed = hunts.iter().any(|hunt| !hunt.found());
    Ok(Exit::Violation.when(missed).max(print(&match args.format {
        Format::Text => text::faults(&hunts),
        Format::Json => json::faults(&hunts),
    })))
}

/// Hunt a fault with one engine after the other until one finds it with every seed; else the best one counts.
fn with_any_engine(fault: Fault, args: &Args) -> FaultHunt {
    let mut best: Option<FaultHunt> = None;
    let asked = args.engine.unwrap_or(Engines::All).list();
    for engine in engines_for(fault).filter(|engine| asked.contains(engine)) {
        let tried = with_engine(fault, engine, args);
        if tried.found() {
            return tried;
        }
        if best.as_ref().is_none_or(|best| tried.hits.len() > best.hits.len()) {
            best = Some(tried);
        }
    }
    best.unwrap_or(FaultHunt { fault, engine: Engine::Interleave, seeds: 0, hits: Vec::new() })
}

/// The engines that can find a fault.
fn engines_for(fault: Fault) -> impl Iterator<Item = Engine> {
    let overlap = fault.needs_overlap();
    Engine::ALL.iter().copied().filter(move |engine| !overlap || *engine != Engine::Lockstep)
}

fn with_engine(fault: Fault, engine: Engine, args: &Args) -> FaultHunt {
    let mut result = FaultHunt { fault, engine, seeds: 0, hits: Vec::new() };
    let limit = args.executions_per_fault.map_or(Limit::Time(args.time_per_fault), Limit::Executions);
    for seed in 1..=args.seeds {
        let config = Config {
            engine,
            design: Design::default(),
            faults: vec![fault],
            seed,
            jobs: args.jobs.unwrap_or_else(args::cores),
            limit,
            keep_going: false,
            without: Without::beside(fault),
        };
        let title = format!("{} with seed {seed} of {}", fault.id(), args.seeds);
        let report = hunt(&config, &Bar::new(&title, config.limit));
        result.seeds += 1;
        if let Some(finding) = report.findings.first() {
            result.hits.push(hit(engine, finding, &report.tally, report.seconds));
        } else if result.seeds - result.hits.len() == MISSES {
            break;
        }
    }
    result
}

fn hit(engine: Engine, finding: &Finding, tally: &Tally, seconds: f64) -> FaultFound {
    let minimized = &finding.minimized;
    let mut clean = minimized.program.clone();
    clean.header.faults.clear();
    // Without the fault the program does other things: every schedule counts, not only the one that shows the fault.
    clean.header.schedule.clear();
    FaultFound {
        executions: finding.index + 1,
        operations: tally.steps,
        seconds,
        violation: minimized.violation.clone(),
        steps_minimized: minimized.program.steps.len(),
        preemptions: minimized.preemptions,
        clean_trace_passes: Runner::new(engine).run(&clean, &mut Tally::default()).is_ok(),
    }
}
