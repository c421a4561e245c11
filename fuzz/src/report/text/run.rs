//! A run: what was found, what was replayed, what was run, and what was searched.

use super::super::table::{Side, Table, in_columns};
use super::super::words::{counted, grouped, lines, percent, seconds, short, wrapped};
use super::WIDTH;
use super::failure::{failure, in_one_line, setting, story};
use super::replays::{troubles, verdicts};
use crate::engine::runner::Engine;
use crate::goals;
use crate::program::Program;
use crate::report::{Found, Run, replay_command};
use crate::tally::Tally;
use crate::trace;
use crate::violation::Violation;
use std::fmt::Write;
use std::path::Path;
use stocktake_model::Reason;

/// Width of the column of headings.
const HEADING: usize = 13;

/// The text of a finding's file: its trace, with a comment that says what it is.
pub fn artifact(engine: Engine, program: &Program, violation: &Violation) -> String {
    let comment = [
        in_one_line(program, violation),
        format!("Rule {}: {}.", violation.invariant, violation.invariant.rule()),
        format!("Setting: {}.", setting(program)),
        format!(
            "Found by the {} engine and minimised to {}. `stocktake explain FILE` tells the whole story.",
            engine.name(),
            counted(program.steps.len() as u64, "step")
        ),
    ];
    let mut text = String::new();
    for line in comment.iter().flat_map(|paragraph| lines(paragraph, WIDTH - 2)) {
        let _ = writeln!(text, "# {line}");
    }
    text + &trace::write(program)
}

/// A whole run. The reports of what was found come last, so that the last line says how to go on.
pub fn run(run: &Run) -> String {
    let mut text = String::new();
    for (n, line) in result(run).iter().enumerate() {
        heading(&mut text, if n == 0 { "result" } else { "" }, line);
    }
    heading(&mut text, "regressions", &verdicts(&run.regressions));
    let total = run.total();
    let reached = total.goals.iter().filter(|hits| **hits > 0).count();
    // Which goals a hunt that ended early did not reach says nothing.
    let rest = if run.found.is_empty() || run.keep_going {
        missing(&total)
    } else {
        " before a violation ended the hunt".to_owned()
    };
    heading(
        &mut text,
        "goals",
        &format!("{reached} of {} reached{rest}", goals::counted(total.goals).count()),
    );
    let jobs = counted(run.jobs as u64, "job");
    heading(&mut text, "time", &format!("{}, {jobs}, seed {}", seconds(run.seconds), run.seed));
    text.push('\n');
    text.push_str(&engines(run));
    if run.found.is_empty() {
        text.push_str("\nHits of each goal\n");
        text.push_str(&goals(&total));
    }
    if run.found.len() > 1 {
        text.push_str("\nViolations found\n");
        text.push_str(&violations(run));
    }
    text.push('\n');
    text.push_str(&searched(run));
    let troubles = troubles(&run.regressions);
    if !troubles.is_empty() {
        let _ = write!(text, "\nRegressions that need a look\n{troubles}");
        if let Some(first) = run.regressions.failures().next() {
            let _ = write!(text, "\nTo see the first of them:\n{}\n", replay_command(&first.path));
        }
    }
    for (n, found) in run.found.iter().enumerate() {
        text.push_str(&finding(found, n + 1, run.found.len()));
    }
    text
}

fn heading(text: &mut String, name: &str, content: &str) {
    let _ = writeln!(text, "{name:<HEADING$}{}", wrapped(content, WIDTH, HEADING));
}

fn result(run: &Run) -> Vec<String> {
    let mut parts = Vec::new();
    match run.found.len() {
        0 => {}
        1 => parts.push(in_one_line(&run.found[0].program, &run.found[0].violation)),
        n => parts.push(format!("{n} violations found, reported below")),
    }
    match run.regressions.failed {
        0 => {}
        n => parts.push(format!("{} failed", counted(n as u64, "regression"))),
    }
    match run.regressions.stale {
        0 => {}
        n => parts.push(format!("{} stale", counted(n as u64, "regression"))),
    }
    if parts.is_empty() {
        parts.push("no violation found".to_owned());
    }
    parts
}

fn missing(total: &Tally) -> String {
    let missing: Vec<&str> =
        goals::counted(total.goals).filter(|(_, hits)| *hits == 0).map(|(goal, _)| goal.name).collect();
    if missing.is_empty() { String::new() } else { format!("; not reached: {}", missing.join(", ")) }
}

fn engines(run: &Run) -> String {
    let mut table = Table::new(&[
        ("engine", Side::Left),
        ("executions", Side::Right),
        ("steps", Side::Right),
        ("exact", Side::Right),
        ("divergent", Side::Right),
        ("skipped", Side::Right),
        ("exact of all", Side::Right),
    ]);
    for (engine, tally) in run.engines() {
        let divergent: u64 = tally.divergent.iter().sum();
        table.row([
            engine.name().to_owned(),
            grouped(tally.executions),
            grouped(tally.steps),
            grouped(tally.exact),
            grouped(divergent),
            grouped(tally.skipped),
            percent(tally.exact, tally.exact + divergent),
        ]);
    }
    let mut text = table.render(0);
    let total = run.total();
    let reasons: Vec<String> =
        Reason::ALL.iter().map(|&r| format!("{} {}", r.name(), grouped(total.divergent_for(r)))).collect();
    let _ = writeln!(text, "divergent, by reason: {}", reasons.join(", "));
    for (_, tally) in run.engines().iter().filter(|(engine, _)| engine.overlaps()) {
        let _ = writeln!(text, "{}", wrapped(&overlap(tally), WIDTH, 2));
    }
    text
}

/// How much lanes met, and what could not be checked because they did.
fn overlap(tally: &Tally) -> String {
    let excused = match tally.excused {
        0 => String::new(),
        some => format!(", {some} in vain and excused, as operations on caches of groups overlapped"),
    };
    format!(
        "overlap: {} in the middle of an operation, {} run beside operations, {} put off to the end, {} searched for \
         another order than that of the ends, {} of them in vain as there are too many{excused}",
        counted(tally.preemptions, "preemption"),
        counted(tally.extra_work, "queued item"),
        counted(tally.deferred, "check"),
        counted(tally.reordered, "execution"),
        tally.unordered,
    )
}

/// One row for each violation: what, where, how often and how small.
fn violations(run: &Run) -> String {
    let mut table = Table::new(&[
        ("signature", Side::Left),
        ("engine", Side::Left),
        ("design", Side::Left),
        ("first in", Side::Right),
        ("programs", Side::Right),
        ("steps", Side::Right),
    ]);
    for found in &run.found {
        table.row([
            found.violation.signature(),
            found.engine.name().to_owned(),
            found.program.header.design.to_string(),
            grouped(found.execution),
            grouped(found.times),
            grouped(found.program.steps.len() as u64),
        ]);
    }
    table.render(2)
}

fn goals(total: &Tally) -> String {
    let cells: Vec<(String, String)> =
        goals::counted(total.goals).map(|(goal, hits)| (goal.name.to_owned(), short(hits))).collect();
    in_columns(&cells, 3, 2)
}

/// What was searched, and what was not.
fn searched(run: &Run) -> String {
    let mut text = String::from("What was searched\n");
    for hunt in &run.hunts {
        let executions = match hunt.tally.executions {
            0 => "no program".to_owned(),
            n => format!("{} of seed {}", counted(n, "program"), run.seed),
        };
        let line = format!(
            "{executions} with the {} engine on design {} in {}",
            hunt.engine.name(),
            hunt.design,
            seconds(hunt.seconds)
        );
        let _ = writeln!(text, "  {}", wrapped(&line, WIDTH, 2));
    }
    if !run.faults.is_empty() {
        let faults: Vec<String> =
            run.faults.iter().map(|fault| format!("{} ({})", fault.id(), fault.title())).collect();
        let _ = writeln!(text, "  {}", wrapped(&format!("with fault {}", faults.join(", ")), WIDTH, 2));
    }
    if !run.without.words().is_empty() {
        let line = format!("without {}, which were left out", run.without.words().join(", "));
        let _ = writeln!(text, "  {}", wrapped(&line, WIDTH, 2));
    }
    for (engine, _) in run.engines() {
        let _ = writeln!(text, "  {}", wrapped(limits_of(engine), WIDTH, 2));
    }
    if run.found.is_empty() {
        let caution =
            "These programs violate nothing; nothing is known about others. Another seed runs others.";
        let _ = writeln!(text, "  {}", wrapped(caution, WIDTH, 2));
    }
    text
}

/// What an engine cannot find.
fn limits_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Lockstep => {
            "The lockstep engine runs one whole operation after another; what happens when operations overlap was \
             not searched."
        }
        Engine::Interleave => {
            "The interleave engine searched sequentially consistent orders; weakly ordered memory was not searched."
        }
    }
}

fn finding(found: &Found, number: usize, of: usize) -> String {
    let title = format!(
        "Violation {number} of {of}: found by the {} engine on design {} in execution {}, {} minimised to {}",
        found.engine.name(),
        found.program.header.design,
        grouped(found.execution),
        counted(found.original_steps as u64, "step"),
        grouped(found.program.steps.len() as u64),
    );
    let mut text = format!("\n{}\n\n", wrapped(&title, WIDTH, 0));
    match &found.path {
        Some(path) => text.push_str(&failure(&found.program, &found.recording, &replay_command(path))),
        None => {
            text.push_str(&story(&found.program, &found.recording));
            let _ = write!(
                text,
                "\nThe trace could not be written. Keep this as FILE:\n{}",
                artifact(found.engine, &found.program, &found.violation)
            );
            let _ = write!(text, "\nTo replay this:\n{}\n", replay_command(Path::new("FILE")));
        }
    }
    text
}
