//! A stress run: what `stress --format json` prints.

use super::{path, text};
use crate::report::Stressed;
use serde::Serialize;

#[derive(Serialize)]
struct StressJson {
    seconds: f64,
    repeatable: bool,
    runs: Vec<RunJson>,
}

#[derive(Serialize)]
struct RunJson {
    design: String,
    seed: u64,
    threads: usize,
    executions: u64,
    steps: u64,
    skipped: u64,
    rounds: u64,
    rounds_overlapped: u64,
    operations: u64,
    operations_overlapping: u64,
    not_compared: u64,
    violations: Vec<ViolationJson>,
}

#[derive(Serialize)]
struct ViolationJson {
    invariant: &'static str,
    signature: String,
    fault: Option<String>,
    execution: u64,
    step: usize,
    trace: Option<String>,
}

/// A whole run.
pub fn stress(stressed: &Stressed) -> String {
    let runs = stressed.runs.iter().map(|run| RunJson {
        design: run.config.design.to_string(),
        seed: run.config.seed,
        threads: run.config.threads,
        executions: run.tally.executions,
        steps: run.tally.steps,
        skipped: run.tally.skipped,
        rounds: run.overlap.rounds,
        rounds_overlapped: run.overlap.overlapped,
        operations: run.overlap.operations,
        operations_overlapping: run.overlap.overlapping,
        not_compared: run.tally.unordered,
        violations: run
            .finding
            .iter()
            .map(|finding| ViolationJson {
                invariant: finding.violation.invariant.name(),
                signature: finding.violation.signature(),
                fault: run.config.faults.first().map(|fault| fault.id().to_owned()),
                execution: finding.index,
                step: finding.violation.step,
                trace: finding.path.as_deref().map(path),
            })
            .collect(),
    });
    text(&StressJson {
        seconds: stressed.runs.iter().map(|run| run.seconds).sum(),
        repeatable: false,
        runs: runs.collect(),
    })
}
