//! What the README shows is what the program does.
#![forbid(unsafe_code)]

use std::path::Path;
use stocktake::engine::runner::{Engine, Runner};
use stocktake::program::{Action, Expect, Program};
use stocktake::report::text;
use stocktake::trace::{self, Reading};
use stocktake_impl::{Fault, VARIANTS, Variant};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    std::fs::read_to_string(path).expect("the README is there")
}

/// The fenced block that follows a comment.
fn block(readme: &str, comment: &str) -> String {
    let (_, rest) = readme.split_once(&format!("<!-- {comment} -->\n```text\n")).expect("the block is there");
    let (block, _) = rest.split_once("```").expect("the block ends");
    block.to_owned()
}

fn read(text: &str) -> Program {
    trace::read(text.as_bytes(), Reading::Strict).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn the_finding_is_what_its_trace_replays() {
    let readme = readme();
    let mut program = read(&block(&readme, "trace of the finding"));
    for step in &mut program.steps {
        step.line = 0;
    }
    let recording = Runner::new(Engine::Lockstep).record(&program);
    let shown = block(&readme, "finding");
    let replay = shown.lines().last().expect("the last line is the command");
    assert!(replay.starts_with("cargo run --release -- replay fuzz/artifacts/lockstep-"), "{replay}");
    assert_eq!(text::failure(&program, &recording, replay), shown);
}

#[test]
fn the_trace_to_write_can_be_written() {
    let program = read(&block(&readme(), "trace to write"));
    assert_eq!(Runner::new(Engine::Lockstep).record(&program).violation, None);
}

#[test]
fn the_interleaving_is_what_its_trace_replays() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/regressions/faults/S14.trace");
    let program = read(&std::fs::read_to_string(path).expect("the trace is there"));
    let recording = Runner::new(Engine::Interleave).record(&program);
    let shown = block(&readme(), "interleaving");
    let story = text::story(&program, &recording);
    assert!(story.contains(&shown), "the README shows\n{shown}\nand the report is\n{story}");
}

/// The rows of the tables below a heading, each as its cells, without headings and rules.
fn rows(readme: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = readme.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let mut rows = Vec::new();
    let mut lines = section.lines().peekable();
    while let Some(line) = lines.next() {
        let heads = lines.peek().is_some_and(|next| next.starts_with("|---"));
        if line.starts_with('|') && !line.starts_with("|---") && !heads {
            let line = line.trim_matches('|').replace("\\|", "\u{1}");
            rows.push(line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect());
        }
    }
    rows
}

/// What stands in backticks in a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// A variant by the name of its design, as `objcg=rfc`.
fn variant(name: &str) -> Option<&'static Variant> {
    VARIANTS.iter().find(|variant| name == format!("{}={}", variant.room, variant.name))
}

/// The rows of the table of findings, and the designs that each of them is about.
fn findings(readme: &str) -> Vec<(Vec<String>, Vec<&'static Variant>)> {
    let five = rows(readme, "What has been found").into_iter().filter(|row| row.len() == 5);
    let with_designs = five.map(|row| {
        let names = quoted(&row[0]);
        let room = names[0].split_once('=').expect("a design is room=variant").0;
        // A second design of the same room is named by its variant alone.
        let designs = names.iter().map(|name| variant(name).or_else(|| variant(&format!("{room}={name}"))));
        let designs = designs.map(|design| design.expect("there is such a design")).collect();
        (row, designs)
    });
    with_designs.collect()
}

#[test]
fn every_finding_of_the_table_is_what_its_trace_shows() {
    let readme = readme();
    let findings = findings(&readme);
    assert!(findings.len() >= 30, "only {} findings: none is taken back", findings.len());
    for (row, designs) in &findings {
        let [design, what, invariant, steps, trace] = row.as_slice() else { panic!("{row:?}") };
        let (_, path) = trace.split_once("](").expect("the last cell is a link");
        let path = path.split(')').next().unwrap_or(path);
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let program = read(&text);
        let title = Path::new(path).file_stem().and_then(|stem| stem.to_str()).expect("a trace has a name");
        assert!(trace.starts_with(&format!("[{title}](")), "{trace} is called otherwise");
        let chosen = program.header.design.to_string();
        assert!(
            chosen.split(',').any(|one| variant(one)
                .is_some_and(|one| (one.room, one.name) == (designs[0].room, designs[0].name))),
            "{design}: {chosen}"
        );
        let Expect::Violation { invariant: expected, .. } = &program.header.expect else {
            panic!("{path} expects no violation: {what}");
        };
        assert_eq!(invariant, expected, "{path}");
        let overlapping = if program.parallel.is_some() { ", overlapping" } else { "" };
        assert_eq!(*steps, format!("{}{overlapping}", operations(&program)), "{path}");
        assert!(
            program.header.faults.is_empty(),
            "{path} has a fault planted: that is no finding about a design"
        );
    }
}

/// Operations of a program, without what it asserts.
fn operations(program: &Program) -> usize {
    program.steps.iter().filter(|step| matches!(step.action, Action::Op(_))).count()
}

#[test]
fn every_design_is_in_the_table_of_what_was_searched() {
    let readme = readme();
    let flawed: Vec<String> = findings(&readme)
        .iter()
        .flat_map(|(_, designs)| designs.iter().map(|design| format!("{}={}", design.room, design.name)))
        .collect();
    let searched: Vec<Vec<String>> =
        rows(&readme, "What has been found").into_iter().filter(|row| row.len() == 6).collect();
    let names: Vec<String> = searched.iter().map(|row| quoted(&row[0]).concat()).collect();
    let designs = VARIANTS.iter().filter(|variant| !variant.is_default());
    let expected: Vec<String> = std::iter::once("current".to_owned())
        .chain(designs.map(|variant| format!("{}={}", variant.room, variant.name)))
        .collect();
    assert_eq!(names, expected, "one row for each design, in the order of `stocktake designs`");
    for (row, name) in searched.iter().zip(&names) {
        for count in &row[1..5] {
            let count: u64 = count.replace(',', "").parse().unwrap_or_else(|_| panic!("{row:?}: {count}"));
            assert!(count > 0, "{name} was not searched");
        }
        assert_eq!(
            row[5] == "clean",
            !flawed.contains(name),
            "{name} is {}: the other table says otherwise",
            row[5]
        );
    }
}

/// Faults that need operations which overlap, or an interrupt, or that were asked for in their overlapping form.
const OVERLAPPING: [&str; 23] = [
    "S6", "S8", "S13", "S14", "S15", "S16", "S23", "S24", "B1", "B3", "B10", "B14", "B14b", "B15", "B21",
    "B21b", "B34", "B35", "B44", "B50", "B53", "B55", "B56",
];

#[test]
fn every_fault_of_overlapping_operations_has_its_median_or_a_reason() {
    let readme = readme();
    let medians = rows(&readme, "How fast races are found");
    let ids: Vec<&str> = medians.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(ids, OVERLAPPING);
    for row in &medians {
        let [id, found, median, steps, preemptions, remark] = row.as_slice() else { panic!("{row:?}") };
        let (hits, seeds) = found.split_once(" of ").expect("seeds that found it, of all");
        let (hits, seeds): (u32, u32) = (hits.parse().expect("a number"), seeds.parse().expect("a number"));
        assert!(hits <= seeds);
        // Half of the seeds or more without a finding have no median.
        if 2 * hits > seeds {
            assert!(seeds >= 11, "{id}: {seeds} seeds are too few");
            assert!(Fault::ALL.iter().any(|fault| fault.id() == id), "{id} cannot be planted");
            assert!(median.replace(',', "").parse::<u64>().is_ok_and(|n| n > 0), "{id}: {median}");
        } else {
            assert_eq!(median, "-", "{id}");
            assert!(!remark.is_empty(), "{id} is not found, and there is no reason");
        }
        for count in [steps, preemptions] {
            assert_eq!(*count == "-", hits == 0, "{id}: {count}");
            assert!(hits == 0 || count.parse::<u64>().is_ok(), "{id}: {count}");
        }
    }
}
