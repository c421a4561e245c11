//! `run`: the main job. All regressions are replayed, then the engines hunt.

use super::args::{self, Designs, Engines};
use super::console::{complain, print};
use super::exit::Exit;
use super::problem::Problem;
use super::progress::Bar;
use super::{Format, corpus};
use crate::artifact::{self, write_new};
use crate::engine::runner::{Engine, Runner};
use crate::hunt::{Config, Finding, Limit, Without, hunt};
use crate::report::words::from_here;
use crate::report::{Found, Hunted, Run, json, text};
use clap::builder::RangedU64ValueParser;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use stocktake_impl::{Design, Fault};

/// How long is hunted if nothing is said.
const USUAL_TIME: Duration = Duration::from_secs(30);
/// The seed if none is given. A fixed one, so that two runs can be compared.
const USUAL_SEED: u64 = 1;

/// Options of `run`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// How long to hunt, all engines and designs together [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = args::duration, conflicts_with = "executions")]
    time: Option<Duration>,
    /// How many programs each engine runs on each design, instead of a time
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    executions: Option<u64>,
    /// Which engine to use [default: all]
    #[arg(long, value_name = "ENGINE", value_parser = args::engines())]
    engine: Option<Engines>,
    /// Which design to hunt on: a name from `stocktake designs`, or all [default: current]
    #[arg(long, value_name = "NAME", value_parser = args::designs)]
    design: Option<Designs>,
    /// Plant this fault, an id from `stocktake bugs`
    #[arg(long, value_name = "ID", value_parser = args::fault(), hide_possible_values = true)]
    fault: Option<Fault>,
    /// Go on past violations, and report the first of each signature
    #[arg(long)]
    keep_going: bool,
    /// Leave these operations out of all programs, by their words in traces, so that what is known does not hide the rest
    /// [default: those that break the design of the fault without it]
    #[arg(long, value_name = "WORD,…", value_parser = args::without)]
    without: Option<Without>,
    /// Which sequence of programs to run; the same seed runs the same programs [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    jobs: Option<usize>,
    /// The folder for traces of what is found [default: fuzz/artifacts of the workspace, or this folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// One hunt to come.
struct Plan {
    engine: Engine,
    design: Design,
    limit: Limit,
}

impl Args {
    fn plans(&self) -> Vec<Plan> {
        let engines = self.engine.unwrap_or(Engines::All).list();
        let designs = self.design.unwrap_or(Designs::One(Design::default())).list();
        let hunts = (engines.len() * designs.len()) as u32;
        let limit = match self.executions {
            Some(executions) => Limit::Executions(executions),
            None => Limit::Time(self.time.unwrap_or(USUAL_TIME) / hunts),
        };
        let plan = |design, engine| Plan { engine, design, limit };
        designs.iter().flat_map(|&design| engines.iter().map(move |&engine| plan(design, engine))).collect()
    }
}

/// Do it.
pub(super) fn run(args: &Args) -> Result<Exit, Problem> {
    let started = Instant::now();
    let out = match &args.out {
        Some(dir) => {
            check_writable(dir)?;
            dir.clone()
        }
        None => from_here(&artifact::default_dir()),
    };
    let jobs = args.jobs.unwrap_or_else(args::cores);
    let mut run = Run {
        seconds: 0.0,
        seed: args.seed.unwrap_or(USUAL_SEED),
        jobs,
        keep_going: args.keep_going,
        without: args.without.clone().or(args.fault.map(Without::beside)).unwrap_or_default(),
        faults: args.fault.into_iter().collect(),
        regressions: on_threads(jobs, corpus::replay_regressions)?,
        hunts: Vec::new(),
        found: Vec::new(),
    };
    let mut exit = Exit::Clean;
    for plan in args.plans() {
        let config = Config {
            engine: plan.engine,
            design: plan.design,
            faults: run.faults.clone(),
            seed: run.seed,
            jobs,
            limit: plan.limit,
            keep_going: run.keep_going,
            without: run.without.clone(),
        };
        let bar = Bar::new(&format!("{} on design {}", plan.engine.name(), plan.design), plan.limit);
        let report = hunt(&config, &bar);
        drop(bar);
        for finding in &report.findings {
            run.found.push(keep(&config, finding, &out));
            exit = exit.max(Exit::Violation);
        }
        run.hunts.push(Hunted {
            engine: plan.engine,
            design: plan.design.to_string(),
            tally: report.tally,
            seconds: report.seconds,
        });
    }
    run.seconds = started.elapsed().as_secs_f64();
    exit = exit.max(corpus::judge(&run.regressions));
    Ok(exit.max(print(&match args.format {
        Format::Text => text::run(&run),
        Format::Json => {
            // The JSON counts regressions; which ones need a look is for people.
            complain(&text::troubles(&run.regressions));
            json::run(&run)
        }
    })))
}

/// Do something on so many threads, or on as many as there are if no more are to be had.
fn on_threads<T: Send>(jobs: usize, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(jobs).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// Write a finding down.
fn keep(config: &Config, finding: &Finding, out: &Path) -> Found {
    let minimized = &finding.minimized;
    let mut found = Found {
        engine: config.engine,
        execution: finding.index,
        times: finding.times,
        original_steps: finding.original.steps.len(),
        program: minimized.program.clone(),
        recording: Runner::new(config.engine).record(&minimized.program),
        violation: minimized.violation.clone(),
        path: None,
    };
    let stem = format!("{}-{}", config.engine.name(), found.violation.signature());
    match write_new(out, &stem, &text::artifact(found.engine, &found.program, &found.violation)) {
        Ok(path) => found.path = Some(path),
        Err(error) => complain(&format!("error: the finding is not kept: {error}\n")),
    }
    found
}

/// Find out before a long hunt whether its findings can be kept. Folders are made only when there is a finding.
fn check_writable(dir: &Path) -> Result<(), Problem> {
    let refused = |at: &Path, why: &str| {
        Problem::new(format!("findings cannot be written to {}: {}: {why}", dir.display(), at.display()))
            .help("choose a folder that can be written to with --out")
    };
    let here = Path::new(".");
    let nearest = dir.ancestors().find(|at| at.symlink_metadata().is_ok()).unwrap_or(here);
    if !nearest.is_dir() {
        return Err(refused(nearest, "this is not a folder"));
    }
    let probe = nearest.join(format!(".stocktake-{}.tmp", std::process::id()));
    std::fs::File::create_new(&probe).map_err(|error| refused(nearest, &error.to_string()))?;
    std::fs::remove_file(&probe).map_err(|error| refused(nearest, &error.to_string()))
}
