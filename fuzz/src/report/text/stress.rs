//! A stress run: what was run, how much of it overlapped, and what was found.

use super::super::words::{counted, grouped, lines, percent, seconds};
use super::WIDTH;
use super::failure::{in_one_line, setting, story};
use crate::hunt::{StressFinding, StressReport};
use crate::report::{Stressed, replay_command};
use crate::trace;
use std::fmt::Write;

/// Width of the column of headings.
const HEADING: usize = 13;

/// The text of a finding's file: its program, with a comment that says what happened.
pub fn stress_artifact(finding: &StressFinding) -> String {
    let StressFinding { program, kept, left_out, violation, .. } = finding;
    let mut comment = vec![
        in_one_line(program, violation),
        format!("Rule {}: {}.", violation.invariant, violation.invariant.rule()),
        format!("Setting: {}.", setting(program)),
        "Found by threads of the operating system, which cannot be repeated: another run may pass. `stocktake replay \
         FILE` looks for an order of its own."
            .to_owned(),
    ];
    if *left_out > 0 {
        comment.push(format!(
            "{} left out: a lane of a trace uses only what was made before the lanes, or by itself.",
            counted(*left_out as u64, "step")
        ));
    }
    let mut text = String::new();
    for line in comment.iter().flat_map(|paragraph| lines(paragraph, WIDTH - 2)) {
        let _ = writeln!(text, "# {line}");
    }
    text + &trace::write(kept)
}

/// A whole run. The last line of a finding says how to go on.
pub fn stress(stressed: &Stressed) -> String {
    let mut text = String::new();
    for (n, run) in stressed.runs.iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        summary(&mut text, run);
    }
    for finding in stressed.runs.iter().filter_map(|run| run.finding.as_ref()) {
        let _ = write!(text, "\n{}", story(&finding.program, &finding.recording));
        let _ = match &finding.path {
            Some(path) => {
                write!(text, "\nTo look for an order in which it happens:\n{}\n", replay_command(path))
            }
            None => write!(text, "\nIts program is not kept.\n"),
        };
    }
    text
}

fn summary(text: &mut String, run: &StressReport) {
    let mut heading = |name: &str, content: String| {
        let _ = writeln!(text, "{name:<HEADING$}{content}");
    };
    let (tally, overlap) = (&run.tally, &run.overlap);
    let result = match &run.finding {
        None => "nothing is violated".to_owned(),
        Some(finding) => {
            format!("{} (program {})", in_one_line(&finding.program, &finding.violation), finding.index)
        }
    };
    heading("result", result);
    heading("design", run.config.design.to_string());
    heading(
        "threads",
        format!(
            "{}, plain atomics; {} in {}, seed {}",
            run.config.threads,
            counted(tally.executions, "program"),
            seconds(run.seconds),
            run.config.seed
        ),
    );
    heading(
        "overlap",
        format!(
            "in {} of {} rounds ({}) threads really ran at once; {} of {} operations ({}) met one of another thread",
            grouped(overlap.overlapped),
            grouped(overlap.rounds),
            percent(overlap.overlapped, overlap.rounds),
            grouped(overlap.overlapping),
            grouped(overlap.operations),
            percent(overlap.overlapping, overlap.operations)
        ),
    );
    heading(
        "steps",
        format!(
            "{}, {} skipped; {} not compared, as the model could not follow",
            grouped(tally.steps),
            grouped(tally.skipped),
            counted(tally.unordered, "program")
        ),
    );
    heading("repeatable", "no: threads run as the operating system lets them".to_owned());
}
