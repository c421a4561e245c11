//! Lists: what `bugs --format json` and `designs --format json` print.

use super::{path, text};
use crate::report::{DesignReport, FaultHunt};
use serde::Serialize;

#[derive(Serialize)]
struct FaultsJson {
    faults: Vec<FaultJson>,
    found: usize,
    total: usize,
}

#[derive(Serialize)]
struct FaultJson {
    id: &'static str,
    title: &'static str,
    source: &'static str,
    engine: &'static str,
    found: bool,
    seeds: usize,
    found_seeds: usize,
    executions_median: Option<u64>,
    executions_worst: Option<u64>,
    operations_median: Option<u64>,
    seconds_median: Option<f64>,
    seconds_worst: Option<f64>,
    invariant: Option<&'static str>,
    steps_minimized: Option<usize>,
    preemptions: Option<usize>,
    clean_trace_passes: bool,
}

/// How fast faults were found. What depends on a trace is null for a fault that was not found.
pub fn faults(hunts: &[FaultHunt]) -> String {
    let fault = |hunt: &FaultHunt| FaultJson {
        id: hunt.fault.id(),
        title: hunt.fault.title(),
        source: hunt.fault.source(),
        engine: hunt.engine.name(),
        found: hunt.found(),
        seeds: hunt.seeds,
        found_seeds: hunt.hits.len(),
        executions_median: hunt.median(|hit| hit.executions),
        executions_worst: hunt.worst(|hit| hit.executions),
        operations_median: hunt.median(|hit| hit.operations),
        seconds_median: hunt.median(|hit| hit.seconds),
        seconds_worst: hunt.worst(|hit| hit.seconds),
        invariant: hunt.shortest().map(|hit| hit.violation.invariant.name()),
        steps_minimized: hunt.shortest().map(|hit| hit.steps_minimized),
        preemptions: hunt.shortest().map(|hit| hit.preemptions),
        clean_trace_passes: hunt.clean_trace_passes(),
    };
    text(&FaultsJson {
        faults: hunts.iter().map(fault).collect(),
        found: hunts.iter().filter(|hunt| hunt.found()).count(),
        total: hunts.len(),
    })
}

#[derive(Serialize)]
struct DesignJson<'a> {
    name: &'a str,
    room: &'a str,
    source: &'a str,
    kind: &'a str,
    clean: bool,
    findings: Vec<String>,
}

/// Every design.
pub fn designs(designs: &[DesignReport]) -> String {
    let list: Vec<DesignJson<'_>> = designs
        .iter()
        .map(|design| DesignJson {
            name: &design.name,
            room: design.room,
            source: design.source,
            kind: design.kind,
            clean: design.findings.is_empty(),
            findings: design.findings.iter().map(|finding| path(finding)).collect(),
        })
        .collect();
    text(&list)
}
