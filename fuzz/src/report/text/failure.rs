//! One execution in full: what is wrong, what was done, what both sides have, and who took what is lost.

use super::super::table::{Side, Table};
use super::super::words::{counted, wrapped};
use super::WIDTH;
use super::interleaving::interleaving;
use crate::engine::timeline::Happening;
use crate::engine::{Recording, StepRecord};
use crate::program::{Action, Program};
use crate::report::Grades;
use crate::trace::Labels;
use crate::violation::{Invariant, Violation};
use std::fmt::Write;
use stocktake_model::{Grade, Mode, Outcome};

/// Width of the column of headings.
const HEADING: usize = 10;

/// The report of a failure. Its last line is `replay_command`.
///
/// A recording without a violation is told all the same, and says that nothing is violated.
pub fn failure(program: &Program, recording: &Recording, replay_command: &str) -> String {
    let mut text = story(program, recording);
    let _ = write!(text, "\nTo replay this:\n{replay_command}\n");
    text
}

/// What happened in an execution, without the command that replays it.
pub fn story(program: &Program, recording: &Recording) -> String {
    let labels = Labels::of(program);
    let mut text = match &recording.violation {
        Some(violation) => headline(program, &labels, violation),
        None => "Nothing is violated.\n\n".to_owned(),
    };
    heading(&mut text, "setting", &setting(program));
    text.push('\n');
    text.push_str(&steps(program, &labels, recording));
    let verdict = recording.violation.as_ref().map(|violation| in_one_line(program, violation));
    text.push_str(&interleaving(program, recording.timeline.as_ref(), verdict.as_deref()));
    text.push_str(&sides(recording));
    text.push_str(&cached(recording));
    if let Some(violation) = &recording.violation {
        text.push_str(&provenance(program, &labels, violation));
    }
    text
}

/// What is wrong, in one line.
pub(crate) fn in_one_line(program: &Program, violation: &Violation) -> String {
    let Violation { invariant, aspect, object, expected, found, .. } = violation;
    let subject = match (quantity(aspect), program.steps.get(violation.step)) {
        ("", Some(step)) if object == "the step" => format!("`{}`", Labels::of(program).step(step)),
        ("", _) => object.clone(),
        (quantity, _) => format!("{quantity} of {object}"),
    };
    format!("{invariant} violated: {subject}: found {found}; expected {expected}")
}

/// What an aspect of a violation counts or names; nothing, where it is the object itself that is wrong.
fn quantity(aspect: &str) -> &str {
    match aspect {
        "usage" | "sum" | "limit" | "underflow" => "pages charged at the level",
        "watermark" => "most pages ever charged at the level",
        "failcnt" => "failed charges at the level",
        "swap" | "memsw-swap" => "swap slots charged at the level",
        "memsw" | "memsw-sum" | "memsw-limit" => "memory+swap charged at the level",
        "bytes" => "bytes",
        "leftover" | "release" => "nr_charged_bytes",
        "css-refs" | "ref-underflow" | "refs" => "css references",
        "objcg-refs" | "cache-refs" | "cache.refs" => "references",
        "id-refs" | "ids" => "id references",
        "folios" => "folios",
        "stock" => "page stock",
        "owner" | "objcg-owner" | "cache-owner" => "owner",
        "life" | "state" => "stage of life",
        "slots" => "number in use",
        "record" | "lost-record" => "record",
        _ => "",
    }
}

fn heading(text: &mut String, name: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(text, "{name:<HEADING$}{}", wrapped(content, WIDTH, HEADING));
    }
}

fn headline(program: &Program, labels: &Labels, violation: &Violation) -> String {
    let mut text = wrapped(&in_one_line(program, violation), WIDTH, 0);
    text.push_str("\n\n");
    heading(&mut text, "rule", &format!("{}: {}", violation.invariant, violation.invariant.rule()));
    heading(&mut text, "object", &violation.object);
    let because =
        if violation.because.is_empty() { String::new() } else { format!(" ({})", violation.because) };
    heading(&mut text, "expected", &format!("{}{because}", violation.expected));
    heading(&mut text, "found", &violation.found);
    let noticed = match program.steps.get(violation.step) {
        Some(step) if step.line > 0 => {
            format!("after step {}, line {}: {}", violation.step, step.line, labels.step(step))
        }
        Some(step) => format!("after step {}: {}", violation.step, labels.step(step)),
        None => "by the checks at the end, when every CPU is drained and all work has run".to_owned(),
    };
    heading(&mut text, "noticed", &noticed);
    heading(&mut text, "signature", &violation.signature());
    text
}

/// The header of a program in one line.
pub(crate) fn setting(program: &Program) -> String {
    let header = &program.header;
    let mode = match header.mode {
        Mode::V2 => "v2",
        Mode::V1 => "v1",
        Mode::V1Flat => "v1 without hierarchy",
    };
    let faults: Vec<&str> = header.faults.iter().map(|fault| fault.id()).collect();
    let planted = match faults.len() {
        0 => "no fault planted".to_owned(),
        1 => format!("fault {} planted", faults[0]),
        _ => format!("faults {} planted", faults.join(", ")),
    };
    format!(
        "{}, cgroup {mode}, {}, {}, design {}, {planted}",
        counted(header.cpus.into(), "CPU"),
        counted(header.ids.into(), "memcg id"),
        counted(header.slots.into(), "swap slot"),
        header.design_with_faults()
    )
}

/// One line a step; `>` marks the one after which the violation was noticed.
fn steps(program: &Program, labels: &Labels, recording: &Recording) -> String {
    let failing = recording.violation.as_ref().map(|violation| violation.step);
    let mark = |step: usize| if failing == Some(step) { ">".to_owned() } else { String::new() };
    let mut table = Table::new(&[
        ("", Side::Left),
        ("step", Side::Right),
        ("operation", Side::Left),
        ("answer", Side::Left),
        ("agreement", Side::Left),
    ]);
    let ran = steps_run(program, recording);
    let mut records = recording.steps.iter().peekable();
    for (index, step) in program.steps.iter().enumerate().take(ran) {
        let record = records.next_if(|record| record.step == index);
        if program.parallel == Some(index) {
            table.row([String::new(), String::new(), "parallel".to_owned()]);
        }
        let (answer, mut agreement) = match step.action {
            Action::Op(_) => match record {
                Some(record) => (answer(labels, record), agreement(labels, record)),
                None => (String::new(), unfinished(recording, index).to_owned()),
            },
            Action::Assert(..) if failing == Some(index) => {
                ("does not hold".to_owned(), "VIOLATED".to_owned())
            }
            Action::Assert(..) => ("holds".to_owned(), String::new()),
        };
        if step.outcome.is_some() && failing == Some(index) && is_insisted(recording) {
            agreement.push_str(", but the trace insists on another answer");
        }
        table.row([mark(index), index.to_string(), labels.step(step), answer, agreement]);
    }
    let mut text = String::from("What was done\n");
    if failing == Some(program.steps.len()) {
        let end = "drain every CPU, run all work, check everything".to_owned();
        table.row([mark(program.steps.len()), "end".to_owned(), end]);
    }
    text.push_str(&table.render(0));
    let Grades { exact, divergent, skipped } = Grades::of(recording);
    let _ = writeln!(text, "{exact} exact, {divergent} divergent, {skipped} skipped");
    let rest = program.steps.len() - ran;
    if rest > 0 {
        let _ = writeln!(text, "{} after that did not run", counted(rest as u64, "step"));
    }
    text.push('\n');
    text
}

/// Whether the violation is one of what the trace itself insists on.
fn is_insisted(recording: &Recording) -> bool {
    recording.violation.as_ref().is_some_and(|violation| violation.invariant == Invariant::Assert)
}

/// What became of a step that has no outcome.
pub(crate) fn unfinished(recording: &Recording, step: usize) -> &'static str {
    let timeline = recording.timeline.iter().flat_map(|timeline| &timeline.events);
    let began = timeline.filter(|event| event.step == step).any(|event| event.what == Happening::Begin);
    if began { "did not end" } else { "did not begin" }
}

/// How many steps are shown: all, or of a sequential program those up to the failing one.
pub(crate) fn steps_run(program: &Program, recording: &Recording) -> usize {
    if program.parallel.is_some() {
        return program.steps.len();
    }
    let failing = recording.violation.as_ref().map_or(usize::MAX, |violation| violation.step);
    failing.saturating_add(1).min(program.steps.len())
}

fn answer(labels: &Labels, record: &StepRecord) -> String {
    record.implementation.map_or_else(String::new, |outcome| shown_outcome(labels, outcome))
}

fn shown_outcome(labels: &Labels, outcome: Outcome) -> String {
    match outcome {
        Outcome::To(_) => format!("-> {}", labels.outcome(outcome)),
        _ => labels.outcome(outcome),
    }
}

/// How the answer agrees with the specification.
fn agreement(labels: &Labels, record: &StepRecord) -> String {
    let own = || record.model.map_or_else(String::new, |model| shown_outcome(labels, model));
    match record.grade {
        Some(Grade::Exact) => "exact".to_owned(),
        Some(Grade::Divergent(reason)) => format!("divergent: {reason} (model: {})", own()),
        Some(Grade::Violation) => format!("NOT ALLOWED (model: {})", own()),
        None if record.implementation.is_some() => String::new(),
        None => "skipped".to_owned(),
    }
}

/// Both sides; `*` marks what differs.
fn sides(recording: &Recording) -> String {
    if recording.sides.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        ("", Side::Left),
        ("object", Side::Left),
        ("quantity", Side::Left),
        ("expected", Side::Right),
        ("found", Side::Right),
    ]);
    for side in &recording.sides {
        let mark = if side.expected == side.found { "" } else { "*" };
        table.row([
            mark.to_owned(),
            side.object.clone(),
            side.quantity.to_owned(),
            side.expected.clone(),
            side.found.clone(),
        ]);
    }
    format!("Expected by model and stocks, found in the implementation\n{}\n", table.render(0))
}

fn cached(recording: &Recording) -> String {
    let mut text = String::from("Cached at that moment\n");
    for line in &recording.cached {
        let _ = writeln!(text, "  {line}");
    }
    if recording.cached.is_empty() {
        text.push_str("  nothing\n");
    }
    text
}

fn provenance(program: &Program, labels: &Labels, violation: &Violation) -> String {
    if violation.provenance.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[("", Side::Right), ("", Side::Left), ("", Side::Left)]);
    for origin in &violation.provenance {
        let operation = program.steps.get(origin.step).map_or_else(String::new, |step| labels.step(step));
        let step = if operation.is_empty() { "end".to_owned() } else { format!("step {}", origin.step) };
        table.row([step, operation, origin.what.clone()]);
    }
    format!("\nWho changed it\n{}", table.render(2))
}
