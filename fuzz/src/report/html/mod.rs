//! One replay as a page that a person can step through: complete in itself, without anything from a network.
//!
//! What the page shows is embedded as JSON; how it shows it is in `page.html`, `style.css` and `script.js` beside
//! this file.

mod frames;
mod template;
#[cfg(test)]
mod tests;

use super::json::{ReplayJson, replay as replay_json};
use super::picture::{Picture, Waiting};
use super::text;
use crate::engine::timeline::Timeline;
use crate::replay::{Replay, Verdict};
use crate::trace;
use frames::{FrameJson, frames};
use serde::Serialize;
use template::{escaped, escaped_json, fill};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// All that the page shows.
#[derive(Serialize)]
struct PageJson {
    /// The violation in one line, or that nothing is violated.
    headline: String,
    /// The header of the trace in one line.
    setting: String,
    lanes: usize,
    preemptions: Option<usize>,
    frames: Vec<FrameJson>,
    /// Lanes that wait at the end, a line each.
    waits: Vec<String>,
    /// The lines of the trace, each with its step, if it is one.
    trace: Vec<LineJson>,
    replay: ReplayJson,
}

#[derive(Serialize)]
struct LineJson {
    text: String,
    step: Option<usize>,
}

/// The page of a replay. Of a stale trace there is little to show, and the page says why.
pub fn page(replay: &Replay) -> String {
    let program = &replay.program;
    let headline = match (&replay.verdict, &replay.recording.violation) {
        (Verdict::Stale(why), _) => format!("Stale: {why}"),
        (_, Some(violation)) => text::in_one_line(program, violation),
        (_, None) => "Nothing is violated".to_owned(),
    };
    let name = replay.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let title = format!("{name}: {headline}");
    let waits = match &replay.recording.timeline {
        Some(timeline) if program.parallel.is_some() => waits(program, timeline),
        _ => Vec::new(),
    };
    let data = PageJson {
        headline,
        setting: text::setting(program),
        lanes: lanes(replay),
        preemptions: match &replay.recording.timeline {
            Some(timeline) if program.parallel.is_some() => Some(timeline.preemptions()),
            _ => None,
        },
        frames: frames(replay),
        waits,
        trace: trace_lines(replay),
        replay: replay_json(replay),
    };
    // Nothing here can fail to be written: keys are strings, and maps have no other.
    let data = serde_json::to_string(&data).unwrap_or_default();
    fill(
        PAGE,
        &[
            ("title", &escaped(&title)),
            ("style", STYLE),
            ("report", &escaped(&text::replay(replay))),
            ("data", &escaped_json(&data)),
            ("script", SCRIPT),
        ],
    )
}

/// A column for each CPU that something happens on.
fn lanes(replay: &Replay) -> usize {
    let timeline = replay.recording.timeline.as_ref().map_or(0, |timeline| timeline.lanes);
    usize::from(replay.program.header.cpus).max(timeline)
}

fn waits(program: &crate::program::Program, timeline: &Timeline) -> Vec<String> {
    let told = |Waiting { lane, word, holder, in_cycle, .. }: Waiting| {
        let held = holder.map_or_else(String::new, |holder| format!(", which CPU {holder} has"));
        format!("CPU {lane} waits for {word}{held}{}", if in_cycle { ": a cycle" } else { "" })
    };
    Picture::of(program, timeline).waits.into_iter().map(told).collect()
}

/// The trace as it would be written, so that every step has its line.
fn trace_lines(replay: &Replay) -> Vec<LineJson> {
    let mut next = 0;
    let line = |text: &str| {
        let step = text.starts_with('@').then_some(next);
        next += usize::from(step.is_some());
        LineJson { text: text.to_owned(), step }
    };
    trace::write(&replay.program).lines().map(line).collect()
}
