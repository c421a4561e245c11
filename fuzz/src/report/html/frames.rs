//! What one press of a button moves on by: an event of an interleaving, or a step of what ran one after the other.

use super::super::json::DifferenceJson;
use super::super::picture::{Picture, Row, Told, reason};
use crate::engine::Recording;
use crate::program::{Action, Program};
use crate::replay::{Replay, Verdict};
use crate::report::text::{steps_run, unfinished};
use crate::trace::Labels;
use serde::Serialize;
use stocktake_impl::Access;
use stocktake_model::Grade;

#[derive(Serialize)]
pub(super) struct FrameJson {
    pub(super) lane: usize,
    /// Null for what belongs to no step.
    pub(super) step: Option<usize>,
    pub(super) kind: &'static str,
    pub(super) text: String,
    /// Whether it changes the word that the violation is about.
    pub(super) blamed: bool,
    /// Why the lane before this one stopped.
    pub(super) switch: Option<SwitchJson>,
    /// Operations that each lane is in the middle of.
    pub(super) open: Vec<usize>,
    /// Words of which this frame tells the value.
    pub(super) words: Vec<WordJson>,
    pub(super) differences: Vec<DifferenceJson>,
}

#[derive(Serialize)]
pub(super) struct SwitchJson {
    pub(super) lane: usize,
    pub(super) why: &'static str,
    pub(super) preempted: bool,
}

#[derive(Serialize)]
pub(super) struct WordJson {
    name: String,
    of: String,
    old: String,
    new: String,
    /// Whether it was only read.
    read: bool,
}

/// All frames, in order.
pub(super) fn frames(replay: &Replay) -> Vec<FrameJson> {
    if matches!(replay.verdict, Verdict::Stale(_)) {
        return Vec::new();
    }
    let Replay { program, recording, .. } = replay;
    let rows = recording.timeline.as_ref().map_or_else(Vec::new, |made| Picture::of(program, made).rows);
    let lanes_begin = program.parallel.unwrap_or(program.steps.len());
    let (before, lanes): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.step < lanes_begin);
    // Of a sequential program, what is left is what the checks at the end changed.
    let (lanes, end) = if program.parallel.is_some() { (lanes, Vec::new()) } else { (Vec::new(), lanes) };
    let mut frames = steps(program, recording, &before, lanes_begin);
    frames.extend(lanes.into_iter().map(event));
    let all_ran = recording.violation.as_ref().is_none_or(|violation| violation.step >= program.steps.len());
    if all_ran {
        frames.push(FrameJson {
            lane: frames.last().map_or(0, |last| last.lane),
            step: None,
            kind: "end",
            text: "every CPU is drained, all work runs, everything is checked".to_owned(),
            blamed: end.iter().any(|row| row.blamed),
            switch: None,
            open: Vec::new(),
            words: end.into_iter().filter_map(word).collect(),
            differences: Vec::new(),
        });
    }
    if let Some(last) = frames.last_mut().filter(|_| recording.violation.is_some()) {
        // What differs when the violation is noticed; what an event has said already is not said again.
        if last.differences.is_empty() {
            let differing = recording.sides.iter().filter(|side| side.expected != side.found);
            last.differences = differing
                .map(|side| DifferenceJson::new(&side.object, side.quantity, &side.expected, &side.found))
                .collect();
        }
    }
    frames
}

/// A frame for each of the steps that ran one after the other.
fn steps(program: &Program, recording: &Recording, rows: &[&Row], end: usize) -> Vec<FrameJson> {
    let labels = Labels::of(program);
    let failing = recording.violation.as_ref().map(|violation| violation.step);
    let mut records = recording.steps.iter().peekable();
    let mut rows = rows.iter().peekable();
    let mut frames = Vec::new();
    for (index, step) in program.steps.iter().enumerate().take(steps_run(program, recording).min(end)) {
        let record = records.next_if(|record| record.step == index);
        let outcome = |outcome| labels.outcome(outcome);
        let (kind, answer) = match (step.action, record) {
            (Action::Assert(..), _) if failing == Some(index) => ("assert", "does not hold".to_owned()),
            (Action::Assert(..), _) => ("assert", "holds".to_owned()),
            (_, None) => ("skip", unfinished(recording, index).to_owned()),
            (_, Some(record)) => match (record.implementation, record.grade, record.model) {
                (None, ..) => ("skip", "skipped".to_owned()),
                (Some(answer), Some(Grade::Divergent(reason)), Some(model)) => (
                    "step",
                    format!("{} (legal: {reason}; the model's own is {})", outcome(answer), outcome(model)),
                ),
                (Some(answer), Some(Grade::Violation), Some(model)) => {
                    ("step", format!("{} (not allowed; the model's is {})", outcome(answer), outcome(model)))
                }
                (Some(answer), ..) => ("step", outcome(answer)),
            },
        };
        let mut words = Vec::new();
        let mut blamed = false;
        while let Some(row) = rows.next_if(|row| row.step <= index) {
            words.extend(word(row));
            blamed |= row.blamed;
        }
        let text = labels.step(step);
        let operation = text.split_once(' ').map_or(text.as_str(), |(_, rest)| rest);
        frames.push(FrameJson {
            lane: usize::from(step.cpu().0),
            step: Some(index),
            kind,
            text: format!("{operation} → {answer}"),
            blamed,
            switch: None,
            open: Vec::new(),
            words,
            differences: Vec::new(),
        });
    }
    frames
}

fn event(row: &Row) -> FrameJson {
    FrameJson {
        lane: row.lane,
        step: row.is_of_program.then_some(row.step),
        kind: row.what.kind(),
        text: row.what.text(),
        blamed: row.blamed,
        switch: row.switch.map(|(switch, lane)| SwitchJson {
            lane,
            why: reason(switch),
            preempted: switch == crate::engine::timeline::Switch::Preempted,
        }),
        open: row.open.clone(),
        words: word(row).into_iter().collect(),
        differences: row.differences.iter().map(DifferenceJson::of).collect(),
    }
}

/// The word that a row tells of.
fn word(row: &Row) -> Option<WordJson> {
    let Told::Access { word, access, old, new, .. } = &row.what else { return None };
    let (old, new) = match access {
        Access::Lock => ("free".to_owned(), format!("CPU {} has it", row.lane)),
        Access::Unlock => (format!("CPU {} has it", row.lane), "free".to_owned()),
        Access::Trylock if old != new => ("free".to_owned(), format!("CPU {} has it", row.lane)),
        Access::Trylock => return None,
        Access::Load | Access::Store | Access::Update => (old.clone(), new.clone()),
    };
    let read = *access == Access::Load;
    Some(WordJson { name: word.name.clone(), of: word.of.clone(), old, new, read })
}
