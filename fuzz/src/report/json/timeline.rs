//! What lanes did, event by event.

use super::super::picture::{Picture, Row, Told, Waiting};
use crate::engine::timeline::{Difference, Switch, Timeline};
use crate::program::Program;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct TimelineJson {
    lanes: usize,
    preemptions: usize,
    interrupts: usize,
    events: Vec<EventJson>,
    waits: Vec<WaitJson>,
}

#[derive(Serialize)]
struct EventJson {
    lane: usize,
    step: usize,
    /// Why this lane runs and not the one before; null if it simply goes on.
    switch: Option<&'static str>,
    kind: &'static str,
    text: String,
    word: Option<String>,
    old: Option<String>,
    new: Option<String>,
    /// Whether it changes the word that the violation is about.
    blamed: bool,
    differences: Vec<DifferenceJson>,
}

/// A quantity that has come to differ, or that agrees again.
#[derive(Serialize)]
pub(in crate::report) struct DifferenceJson {
    object: String,
    quantity: String,
    expected: String,
    found: String,
}

#[derive(Serialize)]
struct WaitJson {
    lane: usize,
    step: usize,
    word: String,
    holder: Option<usize>,
    in_cycle: bool,
}

impl DifferenceJson {
    pub(in crate::report) fn new(
        object: &str,
        quantity: &str,
        expected: &str,
        found: &str,
    ) -> DifferenceJson {
        let [object, quantity, expected, found] = [object, quantity, expected, found].map(str::to_owned);
        DifferenceJson { object, quantity, expected, found }
    }

    pub(in crate::report) fn of(difference: &Difference) -> DifferenceJson {
        let Difference { object, quantity, expected, found } = difference;
        DifferenceJson::new(object, quantity, &expected.to_string(), &found.to_string())
    }
}

/// The timeline of a program with lanes; nothing for a sequential one, whose steps say it all.
pub(super) fn timeline(program: &Program, timeline: Option<&Timeline>) -> Option<TimelineJson> {
    let timeline = timeline.filter(|_| program.parallel.is_some())?;
    let Picture { lanes, rows, waits, preemptions, interrupts } = Picture::of(program, timeline);
    Some(TimelineJson {
        lanes,
        preemptions,
        interrupts,
        events: rows.iter().map(event).collect(),
        waits: waits.into_iter().map(wait).collect(),
    })
}

fn event(row: &Row) -> EventJson {
    let (word, values) = match &row.what {
        Told::Access { word, old, new, .. } => (Some(word), Some((old, new))),
        Told::Wait { word, .. } => (Some(word), None),
        _ => (None, None),
    };
    EventJson {
        lane: row.lane,
        step: row.step,
        switch: row.switch.map(|(switch, _)| match switch {
            Switch::Ended => "ended",
            Switch::Between => "between",
            Switch::Preempted => "preempted",
            Switch::Waited => "waited",
        }),
        kind: row.what.kind(),
        text: row.what.text(),
        word: word.map(ToString::to_string),
        old: values.map(|(old, _)| old.clone()),
        new: values.map(|(_, new)| new.clone()),
        blamed: row.blamed,
        differences: row.differences.iter().map(DifferenceJson::of).collect(),
    }
}

fn wait(Waiting { lane, step, word, holder, in_cycle }: Waiting) -> WaitJson {
    WaitJson { lane, step, word: word.to_string(), holder, in_cycle }
}
