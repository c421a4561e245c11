//! A run: what `run --format json` prints.

use super::{path, text};
use crate::engine::runner::Engine;
use crate::goals;
use crate::report::{Found, Run};
use crate::tally::Tally;
use serde::Serialize;
use std::collections::BTreeMap;
use stocktake_model::Reason;

#[derive(Serialize)]
struct RunJson {
    seconds: f64,
    seed: u64,
    jobs: usize,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    without: Vec<&'static str>,
    engines: Vec<EngineJson>,
    regressions: RegressionsJson,
    goals: Vec<GoalJson>,
    violations: Vec<ViolationJson>,
}

#[derive(Serialize)]
struct EngineJson {
    name: &'static str,
    executions: u64,
    steps: u64,
    exact: u64,
    divergences: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<OverlapJson>,
}

/// Of an engine whose operations overlap.
#[derive(Serialize)]
struct OverlapJson {
    preemptions: u64,
    extra_work: u64,
    checks_deferred: u64,
    orders_excused: u64,
    orders_not_searched: u64,
    orders_searched: u64,
}

#[derive(Serialize)]
struct RegressionsJson {
    total: usize,
    passed: usize,
    failed: usize,
    stale: usize,
}

#[derive(Serialize)]
struct GoalJson {
    name: &'static str,
    hits: u64,
}

#[derive(Serialize)]
struct ViolationJson {
    invariant: &'static str,
    signature: String,
    engine: &'static str,
    design: String,
    fault: Option<String>,
    /// Where a hunt that goes on past it has met it first, and how often.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executions: Option<u64>,
    step: usize,
    steps_minimized: usize,
    trace: Option<String>,
}

/// A whole run.
pub fn run(run: &Run) -> String {
    let divergences =
        |tally: &Tally| Reason::ALL.iter().map(|&r| (r.name(), tally.divergent_for(r))).collect();
    let overlap = |tally: &Tally| OverlapJson {
        preemptions: tally.preemptions,
        extra_work: tally.extra_work,
        checks_deferred: tally.deferred,
        orders_excused: tally.excused,
        orders_not_searched: tally.unordered,
        orders_searched: tally.reordered,
    };
    let engine = |engine: Engine, tally: Tally| EngineJson {
        name: engine.name(),
        executions: tally.executions,
        steps: tally.steps,
        exact: tally.exact,
        divergences: divergences(&tally),
        overlap: engine.overlaps().then(|| overlap(&tally)),
    };
    text(&RunJson {
        seconds: run.seconds,
        seed: run.seed,
        jobs: run.jobs,
        without: run.without.words().to_vec(),
        engines: run.engines().into_iter().map(|(e, tally)| engine(e, tally)).collect(),
        regressions: RegressionsJson {
            total: run.regressions.total,
            passed: run.regressions.passed,
            failed: run.regressions.failed,
            stale: run.regressions.stale,
        },
        goals: goals::counted(run.total().goals)
            .map(|(goal, hits)| GoalJson { name: goal.name, hits })
            .collect(),
        violations: run.found.iter().map(|found| violation(found, run.keep_going)).collect(),
    })
}

fn violation(found: &Found, counted: bool) -> ViolationJson {
    let faults: Vec<&str> = found.program.header.faults.iter().map(|fault| fault.id()).collect();
    ViolationJson {
        invariant: found.violation.invariant.name(),
        signature: found.violation.signature(),
        engine: found.engine.name(),
        design: found.program.header.design.to_string(),
        fault: (!faults.is_empty()).then(|| faults.join(",")),
        execution: counted.then_some(found.execution),
        executions: counted.then_some(found.times),
        step: found.violation.step,
        steps_minimized: found.program.steps.len(),
        trace: found.path.as_deref().map(path),
    }
}
