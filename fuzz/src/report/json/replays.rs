//! Replays in full: what `replay --format json` prints.

use super::timeline::{TimelineJson, timeline};
use super::{path, text};
use crate::engine::Explored;
use crate::program::{Action, Expect, Program, Step};
use crate::replay::{Replay, Summary, Verdict};
use crate::report::replay_command;
use crate::report::text::{steps_run, unfinished};
use crate::trace::{Labels, ReadError};
use crate::violation::Violation;
use serde::Serialize;
use stocktake_model::{Grade, Mode, Outcome};

#[derive(Serialize)]
struct ReplaysJson {
    total: usize,
    passed: usize,
    failed: usize,
    stale: usize,
    traces: Vec<ReplayJson>,
    errors: Vec<ErrorJson>,
}

#[derive(Serialize)]
struct ErrorJson {
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    help: Option<String>,
}

/// One replay in full.
#[derive(Serialize)]
pub(in crate::report) struct ReplayJson {
    trace: String,
    verdict: &'static str,
    why: Option<String>,
    expect: String,
    cpus: u8,
    mode: &'static str,
    ids: u16,
    slots: u16,
    design: String,
    faults: Vec<&'static str>,
    violation: Option<BrokenJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explored: Option<ExploredJson>,
    steps: Vec<StepJson>,
    timeline: Option<TimelineJson>,
    sides: Vec<SideJson>,
    cached: Vec<String>,
    replay: String,
}

#[derive(Serialize)]
struct ExploredJson {
    schedules: u64,
    preemptions: usize,
    all: bool,
}

#[derive(Serialize)]
struct BrokenJson {
    invariant: &'static str,
    rule: &'static str,
    signature: String,
    object: String,
    expected: String,
    because: String,
    found: String,
    step: usize,
    provenance: Vec<OriginJson>,
}

#[derive(Serialize)]
struct OriginJson {
    step: usize,
    operation: Option<String>,
    what: String,
}

#[derive(Serialize)]
struct StepJson {
    step: usize,
    line: u32,
    operation: String,
    answer: Option<String>,
    model: Option<String>,
    agreement: &'static str,
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct SideJson {
    object: String,
    quantity: &'static str,
    expected: String,
    found: String,
    differs: bool,
}

/// Replays in full: the content of the text reports of all of them.
pub fn replays(summary: &Summary) -> String {
    text(&ReplaysJson {
        total: summary.total,
        passed: summary.passed,
        failed: summary.failed,
        stale: summary.stale,
        traces: summary.replays.iter().map(replay).collect(),
        errors: summary.unreadable.iter().flat_map(errors).collect(),
    })
}

/// Everything about one replay.
pub(in crate::report) fn replay(replay: &Replay) -> ReplayJson {
    let program = &replay.program;
    let header = &program.header;
    let labels = Labels::of(program);
    let (verdict, why) = match &replay.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::Failed(why) => ("failed", Some(why.clone())),
        Verdict::Stale(why) => ("stale", Some(why.clone())),
    };
    let expect = match &header.expect {
        Expect::Ok => "ok".to_owned(),
        Expect::Violation { invariant, signature: None } => format!("violation {invariant}"),
        Expect::Violation { invariant, signature: Some(signature) } => {
            format!("violation {invariant} {signature}")
        }
    };
    let mode = match header.mode {
        Mode::V1 => "v1",
        Mode::V2 => "v2",
        Mode::V1Flat => "v1-flat",
    };
    ReplayJson {
        trace: path(&replay.path),
        verdict,
        why,
        expect,
        cpus: header.cpus,
        mode,
        ids: header.ids,
        slots: header.slots,
        design: header.design.to_string(),
        faults: header.faults.iter().map(|fault| fault.id()).collect(),
        violation: replay.recording.violation.as_ref().map(|violation| broken(program, &labels, violation)),
        explored: replay.recording.explored.map(|Explored { schedules, preemptions, all }| ExploredJson {
            schedules,
            preemptions,
            all,
        }),
        steps: steps(replay, &labels),
        timeline: timeline(program, replay.recording.timeline.as_ref()),
        sides: replay
            .recording
            .sides
            .iter()
            .map(|side| SideJson {
                object: side.object.clone(),
                quantity: side.quantity,
                differs: side.expected != side.found,
                expected: side.expected.clone(),
                found: side.found.clone(),
            })
            .collect(),
        cached: replay.recording.cached.clone(),
        replay: replay_command(&replay.path),
    }
}

fn broken(program: &Program, labels: &Labels, violation: &Violation) -> BrokenJson {
    BrokenJson {
        invariant: violation.invariant.name(),
        rule: violation.invariant.rule(),
        signature: violation.signature(),
        object: violation.object.clone(),
        expected: violation.expected.clone(),
        because: violation.because.clone(),
        found: violation.found.clone(),
        step: violation.step,
        provenance: violation
            .provenance
            .iter()
            .map(|origin| OriginJson {
                step: origin.step,
                operation: program.steps.get(origin.step).map(|step| labels.step(step)),
                what: origin.what.clone(),
            })
            .collect(),
    }
}

fn steps(replay: &Replay, labels: &Labels) -> Vec<StepJson> {
    let Replay { program, recording, .. } = replay;
    if matches!(replay.verdict, Verdict::Stale(_)) {
        return Vec::new();
    }
    let failing = recording.violation.as_ref().map(|violation| violation.step);
    let mut records = recording.steps.iter().peekable();
    let step = |(index, step): (usize, &Step)| {
        let record = records.next_if(|record| record.step == index);
        let grade = record.and_then(|record| record.grade);
        let agreement = match (step.action, grade) {
            (Action::Assert(..), _) => {
                if failing == Some(index) {
                    "violation"
                } else {
                    "holds"
                }
            }
            (_, Some(Grade::Exact)) => "exact",
            (_, Some(Grade::Divergent(_))) => "divergent",
            (_, Some(Grade::Violation)) => "violation",
            (_, None) if record.is_none() => unfinished(recording, index),
            (_, None) => "skipped",
        };
        let outcome = |outcome: Option<Outcome>| outcome.map(|outcome| labels.outcome(outcome));
        StepJson {
            step: index,
            line: step.line,
            operation: labels.step(step),
            answer: outcome(record.and_then(|record| record.implementation)),
            model: outcome(record.and_then(|record| record.model)),
            agreement,
            reason: match grade {
                Some(Grade::Divergent(reason)) => Some(reason.name()),
                _ => None,
            },
        }
    };
    program.steps.iter().enumerate().take(steps_run(program, recording)).map(step).collect()
}

fn errors(error: &ReadError) -> Vec<ErrorJson> {
    match error {
        ReadError::File { path: file, message, help } => vec![ErrorJson {
            file: Some(path(file)),
            line: None,
            column: None,
            message: message.clone(),
            help: Some(help.clone()),
        }],
        ReadError::Trace(errors) => errors
            .errors
            .iter()
            .map(|error| ErrorJson {
                file: error.file.as_deref().map(path),
                line: Some(error.line),
                column: Some(error.column),
                message: error.message.clone(),
                help: error.help.clone(),
            })
            .collect(),
    }
}
