//! Hunting: many random programs through one engine, and the first failure minimised, or the first of each kind.
//!
//! Execution number i is made from the seed and i alone, so a hunt can be repeated, and its result is the same
//! for any number of threads. How programs are made, run and minimised is the business of others, and so is
//! showing what was found.

mod fuzz_input;
mod search;
mod stress;
#[cfg(test)]
mod tests;
mod without;

pub use fuzz_input::FuzzInput;
pub use stress::{StressFinding, StressReport, Stressing, stress};
pub use without::Without;

use crate::decode::{decode_into, decode_lanes_into, random_bytes, random_lane_bytes};
use crate::engine::runner::{Engine, Runner};
use crate::minimize::{Minimized, minimize};
use crate::program::Program;
use crate::tally::Tally;
use crate::violation::Violation;
use search::{Failing, Until, Worker, search};
use std::time::{Duration, Instant};
use stocktake_impl::{Design, Fault};

/// Steps that minimising a finding may run: some seconds. A step of a lane takes longer.
fn minimize_steps(engine: Engine) -> u64 {
    match engine {
        Engine::Lockstep => 20_000_000,
        Engine::Interleave => 4_000_000,
    }
}

/// What to hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The engine.
    pub engine: Engine,
    /// The design of the machine under test.
    pub design: Design,
    /// The faults planted into it.
    pub faults: Vec<Fault>,
    /// Which sequence of executions.
    pub seed: u64,
    /// Threads, at least 1.
    pub jobs: usize,
    /// When to stop although nothing was found.
    pub limit: Limit,
    /// Go on past violations up to the limit, and find the first of each signature.
    pub keep_going: bool,
    /// Operations that no program has.
    pub without: Without,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// After this time.
    Time(Duration),
    /// After so many executions.
    Executions(u64),
}

/// Is told how a hunt gets on.
pub trait Progress: Sync {
    /// So many executions are done. Never less than the last time.
    fn executions(&self, done: u64);
}

/// Nobody wants to know.
impl Progress for () {
    fn executions(&self, _done: u64) {}
}

/// What a hunt did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The engine.
    pub engine: Engine,
    /// Counts over executions 0 to the failing one, or to the limit.
    pub tally: Tally,
    /// The failures, one of each signature: at most one, unless the hunt goes on past it.
    pub findings: Vec<Finding>,
    /// How long it took, minimising included.
    pub seconds: f64,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The number of the execution, the lowest that fails so.
    pub index: u64,
    /// How many executions failed so.
    pub times: u64,
    /// The program as it was run.
    pub original: Program,
    /// A small program that fails in the same way.
    pub minimized: Minimized,
}

/// Run executions until one fails, or to the limit. What a program goes on to violate after its first violation is not
/// known: its execution ends there.
pub fn hunt(config: &Config, progress: &dyn Progress) -> Report {
    let start = Instant::now();
    let past_failures = config.keep_going;
    let until = match config.limit {
        // Without a deadline if that is beyond the end of the clock.
        Limit::Time(time) => Until { past_failures, executions: None, deadline: start.checked_add(time) },
        Limit::Executions(executions) => {
            Until { past_failures, executions: Some(executions), deadline: None }
        }
    };
    let found = search(config.jobs, until, || Hunter::new(config), &|done| progress.executions(done));
    let findings = found.failing.into_iter().map(|failing| finding(config, failing)).collect();
    Report { engine: config.engine, tally: found.tally, findings, seconds: start.elapsed().as_secs_f64() }
}

/// Make and minimise the program of a failing execution.
fn finding(config: &Config, Failing { index, violation, times }: Failing) -> Finding {
    let mut hunter = Hunter::new(config);
    hunter.make(index);
    let Hunter { mut runner, program, .. } = hunter;
    let original = runner.scheduled(&program);
    let minimized = minimize(&original, &violation, &mut runner, minimize_steps(config.engine));
    Finding { index, times, original, minimized }
}

/// One thread's part of a hunt.
struct Hunter<'a> {
    config: &'a Config,
    runner: Runner,
    bytes: Vec<u8>,
    program: Program,
}

impl Hunter<'_> {
    fn new(config: &Config) -> Hunter<'_> {
        Hunter { config, runner: Runner::new(config.engine), bytes: Vec::new(), program: Program::default() }
    }

    /// Make the program of an execution.
    fn make(&mut self, index: u64) {
        match self.config.engine {
            Engine::Lockstep => {
                random_bytes(self.config.seed, index, &mut self.bytes);
                decode_into(&self.bytes, &mut self.program);
            }
            Engine::Interleave => {
                random_lane_bytes(self.config.seed, index, &mut self.bytes);
                decode_lanes_into(&self.bytes, &mut self.program);
            }
        }
        self.config.without.strip(&mut self.program);
        self.program.header.design = self.config.design;
        self.program.header.faults.clone_from(&self.config.faults);
        self.program.header.design = self.program.header.design_with_faults();
    }
}

impl Worker for Hunter<'_> {
    fn execute(&mut self, index: u64, tally: &mut Tally) -> Result<(), Box<Violation>> {
        self.make(index);
        self.runner.run(&self.program, tally)
    }
}
