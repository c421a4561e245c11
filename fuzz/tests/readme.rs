//! What the README shows is what the program does.
#![forbid(unsafe_code)]

use std::path::Path;
use stocktake::engine::runner::{Engine, Runner};
use stocktake::program::Program;
use stocktake::report::text;
use stocktake::trace::{self, Reading};

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
