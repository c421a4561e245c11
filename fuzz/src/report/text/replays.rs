//! Verdicts of replays.

use super::super::words::{counted, grouped, shown};
use super::failure::{failure, in_one_line};
use crate::engine::Explored;
use crate::replay::{Replay, Summary, Verdict};
use crate::report::replay_command;
use std::fmt::Write;

/// One replay in one line.
pub fn verdict_line(replay: &Replay) -> String {
    let path = shown(&replay.path);
    match &replay.verdict {
        Verdict::Passed => match &replay.recording.violation {
            Some(violation) => format!("passed  {path}: violates {} as expected\n", violation.signature()),
            None => {
                let steps = counted(replay.program.steps.len() as u64, "step");
                let explored = replay.recording.explored.as_ref().map(explored).unwrap_or_default();
                format!("passed  {path}: {steps}{explored}\n")
            }
        },
        Verdict::Failed(why) => format!("FAILED  {path}: {why}\n"),
        Verdict::Stale(why) => format!("STALE   {path}: {why}\n"),
    }
}

/// How far schedules were explored.
fn explored(explored: &Explored) -> String {
    let Explored { schedules, preemptions, all } = *explored;
    let whether = if all { "every one" } else { "cut short, so not every one" };
    format!(", {}: {whether} with up to {preemptions} preemptions", counted(schedules, "schedule"))
}

/// One replay in full. Of a stale trace there is nothing to tell.
pub fn replay(replay: &Replay) -> String {
    let verdict = verdict_line(replay);
    if matches!(replay.verdict, Verdict::Stale(_)) {
        return verdict;
    }
    let story = failure(&replay.program, &replay.recording, &replay_command(&replay.path));
    format!("{verdict}\n{story}")
}

/// How many replays had which verdict.
pub fn verdicts(summary: &Summary) -> String {
    let n = |n: usize| grouped(n as u64);
    let mut text = format!(
        "{} replayed: {} passed, {} failed, {} stale",
        counted(summary.total as u64, "trace"),
        n(summary.passed),
        n(summary.failed),
        n(summary.stale)
    );
    if !summary.unreadable.is_empty() {
        let _ = write!(text, " ({} of the failed could not be read)", n(summary.unreadable.len()));
    }
    text
}

/// What a check of all traces says; errors of the text are told elsewhere.
pub fn checked(summary: &Summary) -> String {
    let troubles = troubles(summary);
    let gap = if troubles.is_empty() { "" } else { "\n" };
    format!("{troubles}{gap}{}\n", verdicts(summary))
}

/// The failed and the stale replays, one paragraph each.
pub fn troubles(summary: &Summary) -> String {
    let mut text = String::new();
    for replay in &summary.replays {
        if replay.verdict != Verdict::Passed {
            text.push_str(&verdict_line(replay));
            if let (Verdict::Failed(_), Some(violation)) = (&replay.verdict, &replay.recording.violation) {
                let _ = writeln!(text, "        {}", in_one_line(&replay.program, violation));
            }
        }
    }
    text
}
