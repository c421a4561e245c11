//! Stress: the programs of a hunt, with lanes on threads of the operating system.

use super::{Limit, Progress};
use crate::decode::{decode_into, random_bytes};
use crate::engine::Recording;
use crate::engine::stress::{Overlap, Parts, Stress, split};
use crate::program::Program;
use crate::tally::Tally;
use crate::trace::fix_up;
use crate::violation::Violation;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use stocktake_impl::{Design, Fault};

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stressing {
    /// The design of the machine under test.
    pub design: Design,
    /// The faults planted into it.
    pub faults: Vec<Fault>,
    /// Which sequence of programs.
    pub seed: u64,
    /// Threads that run lanes.
    pub threads: usize,
    /// When to stop although nothing was found.
    pub limit: Limit,
}

/// What a stress run did.
#[derive(Clone, Debug)]
pub struct StressReport {
    /// What was run.
    pub config: Stressing,
    /// Counts over all executions.
    pub tally: Tally,
    /// How much really ran at once.
    pub overlap: Overlap,
    /// The failure.
    pub finding: Option<StressFinding>,
    /// How long it took.
    pub seconds: f64,
}

/// A failure. The same program may pass when it is run again.
#[derive(Clone, Debug)]
pub struct StressFinding {
    /// The number of the execution.
    pub index: u64,
    /// The program, with its lanes.
    pub program: Program,
    /// The same as a trace can have it, in which no lane uses what another one makes.
    pub kept: Program,
    /// How many of its steps that leaves out.
    pub left_out: usize,
    /// What was violated.
    pub violation: Violation,
    /// Both sides at that moment.
    pub recording: Recording,
    /// The file that it was written to.
    pub path: Option<PathBuf>,
}

/// How often progress is told.
const CHUNK: u64 = 64;

/// Run programs until one fails, or to the limit. A program that gives work to one thread only is not run, and counts
/// for nothing.
pub fn stress(config: &Stressing, progress: &dyn Progress) -> StressReport {
    let start = Instant::now();
    let (most, deadline) = match config.limit {
        Limit::Time(time) => (u64::MAX, start.checked_add(time)),
        Limit::Executions(executions) => (executions, None),
    };
    let mut engine = Stress::default();
    let mut report = StressReport {
        config: config.clone(),
        tally: Tally::default(),
        overlap: Overlap::default(),
        finding: None,
        seconds: 0.0,
    };
    let (mut bytes, mut program) = (Vec::new(), Program::default());
    let mut index = 0;
    while report.tally.executions < most && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        random_bytes(config.seed, index, &mut bytes);
        decode_into(&bytes, &mut program);
        program.header.design = config.design;
        program.header.faults.clone_from(&config.faults);
        program.header.design = program.header.design_with_faults();
        let parts = Parts::new(config.threads, usize::from(program.header.cpus));
        if let Some(lanes) = split(&program, parts) {
            let result = engine.run(&lanes, parts, &mut report.tally, &mut report.overlap);
            if let Err(violation) = result {
                let recording = engine.recording(&lanes, violation.clone());
                let mut kept = lanes.clone();
                let left_out = fix_up(&mut kept);
                report.finding = Some(StressFinding {
                    index,
                    program: lanes,
                    kept,
                    left_out,
                    violation: *violation,
                    recording,
                    path: None,
                });
                break;
            }
        }
        index += 1;
        if index.is_multiple_of(CHUNK) {
            progress.executions(report.tally.executions);
        }
    }
    report.seconds = start.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
    report
}
