//! The regression corpus: every trace below `corpus/regressions` is replayed, meets its expectation, and is reported
//! as its snapshot says.
//!
//! The other tests here look after the corpus itself: that nothing vanishes from it, that every planted fault has
//! its trace, and that the numbers in the traces are really compared. What the format allows is tested with the
//! reader, not here.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use stocktake::engine::runner::{Engine, Runner};
use stocktake::program::{Action, Assertion, Expect, Program, State};
use stocktake::replay::{Replay, Summary, replay_files, traces_below};
use stocktake::report::text;
use stocktake::tally::Tally;
use stocktake::trace::{self, Reading, canonical};
use stocktake::violation::Invariant;
use stocktake_impl::Fault;
use stocktake_model::GroupId;

/// Traces that there were when this was last touched; there may be more. To be raised with the corpus, never lowered.
const LEAST: usize = 440;

/// Operations that the trace of a planted fault may have.
const MOST_FOR_A_FAULT: usize = 8;

/// Planted faults that need more, since much has to have happened: a page must be swapped out, reclaimed, and read
/// again, and its charge must fail between two stages of a fault; or a stock must have the last reference to an objcg.
const MORE_FOR_SOME: [(&str, usize); 3] = [("S22", 15), ("S24", 13), ("B21b", 11)];

/// Where traces of planted faults are.
const FAULTS: &str = "faults";

/// Traces that show that the harness compares at all. They break the rules that the others keep.
const HARNESS: &str = "harness";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/regressions")
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// The files of the corpus, in the order of their names.
fn files() -> Vec<PathBuf> {
    traces_below(&folder()).unwrap_or_else(|error| panic!("{error}"))
}

/// `drain/isolated-cpu` for `…/corpus/regressions/drain/isolated-cpu.trace`.
fn name(file: &Path) -> String {
    let below = file.strip_prefix(folder()).expect("the file is in the corpus").with_extension("");
    let parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.join("/")
}

fn is_in(name: &str, part: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, _)| folder == part)
}

/// The name of a trace's snapshot: folders cannot be told from names in it, so they are set apart by `__`.
fn snapshot_name(name: &str) -> String {
    name.replace('/', "__")
}

/// A trace, as it is kept.
struct Kept {
    name: String,
    text: String,
    program: Program,
}

/// Every trace, read strictly.
fn corpus() -> Vec<Kept> {
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", name(&file)));
        let program = trace::read(text.as_bytes(), Reading::Strict)
            .unwrap_or_else(|errors| panic!("{}: {errors}", name(&file)));
        Kept { name: name(&file), text, program }
    };
    files().into_iter().map(read).collect()
}

fn replayed() -> Summary {
    replay_files(&files())
}

/// Fails with all complaints at once.
#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaint(s):\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_trace_meets_its_expectation() {
    let summary = replayed();
    let unreadable: Vec<String> = summary.unreadable.iter().map(ToString::to_string).collect();
    none(&unreadable);
    assert!(summary.passed == summary.total && summary.total > 0, "\n{}", text::checked(&summary));
}

/// With `INSTA_UPDATE=no` a changed report fails; `cargo insta review` or `INSTA_UPDATE=always` accepts it.
#[test]
fn every_report_is_as_its_snapshot() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(snapshots());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut changed = Vec::new();
    for replay in &replayed().replays {
        let name = name(&replay.path);
        let report = text::story(&replay.program, &replay.recording);
        assert!(
            !report.contains(env!("CARGO_MANIFEST_DIR")),
            "{name}: the report has a path of this machine"
        );
        let compare = || settings.bind(|| insta::assert_snapshot!(snapshot_name(&name), report));
        // One look at all that has changed, rather than one failure after the other.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err() {
            changed.push(format!("  {name}"));
        }
    }
    none(&changed);
}

#[test]
fn no_trace_has_vanished() {
    let names: BTreeSet<String> = files().iter().map(|file| snapshot_name(&name(file))).collect();
    let orphans: Vec<String> = kept_snapshots()
        .into_iter()
        .filter(|snapshot| !names.contains(snapshot))
        .map(|snapshot| {
            format!("  {}.trace is gone; its snapshot is still there", snapshot.replace("__", "/"))
        })
        .collect();
    assert!(
        names.len() >= LEAST,
        "corpus/regressions has {} traces and had {LEAST}. A regression is kept for ever: bring back what has \
         vanished.\n{}",
        names.len(),
        orphans.join("\n")
    );
    none(&orphans);
}

/// The names of all snapshot files, without their ending.
fn kept_snapshots() -> Vec<String> {
    let entries = std::fs::read_dir(snapshots()).expect("there are snapshots");
    let names = entries.map(|entry| entry.expect("the folder can be listed").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".snap").map(str::to_owned)).collect();
    names.sort();
    names
}

#[test]
fn every_trace_says_what_it_settles_and_whence_it_knows() {
    let mut complaints = Vec::new();
    for Kept { name, text, program } in corpus() {
        let first = if is_in(&name, FAULTS) { "# Fault: " } else { "# Settles: " };
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with("# ")).collect();
        if !comment.first().is_some_and(|line| line.starts_with(first)) {
            complaints.push(format!("{name}: it should begin with `{first}`"));
        }
        if !comment.iter().any(|line| line.starts_with("# Source: ")) {
            complaints.push(format!("{name}: its first comment has no line `# Source: `"));
        }
        // A recorded schedule is as long as it has to be.
        let mut read = text.lines().filter(|line| !line.starts_with("schedule "));
        if read.any(|line| line.chars().count() > 120) {
            complaints.push(format!("{name}: a line is longer than 120 characters"));
        }
        if matches!(program.header.expect, Expect::Violation { signature: None, .. }) {
            complaints.push(format!("{name}: the violation that it expects has no signature"));
        }
    }
    none(&complaints);
}

#[test]
fn every_trace_is_written_as_the_program_would_write_it() {
    let mut complaints = Vec::new();
    for Kept { name, text, program } in corpus() {
        let is_code = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let code: Vec<&str> = text.lines().filter(is_code).collect();
        let written = trace::write(&program);
        if let Some((kept, wanted)) = code.iter().zip(written.lines()).find(|(kept, wanted)| *kept != wanted)
        {
            complaints.push(format!("{name}: `{kept}` should be `{wanted}`"));
        } else if code.len() != written.lines().count() {
            complaints.push(format!("{name}: it should have {} lines", written.lines().count()));
        }
        let again = trace::read(written.as_bytes(), Reading::Strict).map(|again| canonical(&again));
        if again != Ok(canonical(&program)) {
            complaints.push(format!("{name}: what is written is another program"));
        }
    }
    none(&complaints);
}

#[test]
fn every_trace_pins_something_and_skips_nothing() {
    let mut complaints = Vec::new();
    for Replay { path, program, recording, .. } in replayed().replays {
        let name = name(&path);
        if is_in(&name, HARNESS) {
            continue;
        }
        let asserts = program.steps.iter().filter(|step| matches!(step.action, Action::Assert(..))).count();
        if program.header.expect == Expect::Ok && asserts == 0 {
            complaints.push(format!("{name}: it asserts nothing"));
        }
        for step in recording.steps.iter().filter(|step| step.implementation.is_none()) {
            complaints.push(format!("{name}: skipped `{}`", trace::step_text(&program, step.step)));
        }
    }
    none(&complaints);
}

/// A wrong number in an assert is noticed, at that assert and as nothing else: none of them is idle.
#[test]
fn every_assert_can_fail() {
    let mut runner = Runner::new(Engine::Lockstep);
    let mut complaints = Vec::new();
    let (mut tried, mut sound) = (0, 0);
    for Kept { name, program, .. } in corpus() {
        if program.header.expect != Expect::Ok {
            continue;
        }
        sound += 1;
        let mut wrong = program.clone();
        for index in 0..program.steps.len() {
            let Action::Assert(cpu, assertion) = program.steps[index].action else { continue };
            wrong.steps[index].action = Action::Assert(cpu, another(assertion));
            let found = runner.run(&wrong, &mut Tally::default());
            if !found.is_err_and(|found| found.invariant == Invariant::Assert && found.step == index) {
                complaints.push(format!("{name}: `{}` is not noticed", trace::step_text(&wrong, index)));
            }
            wrong.steps[index] = program.steps[index];
            tried += 1;
        }
    }
    none(&complaints);
    assert!(tried > 4 * sound, "only {tried} asserts in {sound} traces");
}

/// A statement that does not hold where `assertion` does.
fn another(assertion: Assertion) -> Assertion {
    let not = |group: GroupId| GroupId(u16::from(group == GroupId::ROOT));
    match assertion {
        Assertion::Usage(group, n) => Assertion::Usage(group, n + 1),
        Assertion::Swap(group, n) => Assertion::Swap(group, n + 1),
        Assertion::Kmem(group, n) => Assertion::Kmem(group, n + 1),
        Assertion::Event(group, event, n) => Assertion::Event(group, event, n + 1),
        Assertion::Memsw(group, n) => Assertion::Memsw(group, n + 1),
        Assertion::Failcnt(group, n) => Assertion::Failcnt(group, n + 1),
        Assertion::Watermark(group, n) => Assertion::Watermark(group, n + 1),
        Assertion::Ids(group, n) => Assertion::Ids(group, n + 1),
        Assertion::Refs(group, n) => Assertion::Refs(group, n + 1),
        Assertion::CacheRefs(cache, group, n) => Assertion::CacheRefs(cache, group, n + 1),
        Assertion::Stock(group, n) => Assertion::Stock(group, n + 1),
        Assertion::Mapped(group, n) => Assertion::Mapped(group, n + 1),
        Assertion::Mark(group, n) => Assertion::Mark(group, n + 1),
        Assertion::Bytes(objcg, n) => Assertion::Bytes(objcg, n + 1),
        Assertion::Leftover(objcg, n) => Assertion::Leftover(objcg, n + 1),
        Assertion::Visited(n) => Assertion::Visited(n + 1),
        Assertion::Stranded(n) => Assertion::Stranded(n + 1),
        Assertion::Slots(n) => Assertion::Slots(n + 1),
        Assertion::Owner(objcg, owner) => Assertion::Owner(objcg, not(owner)),
        Assertion::State(group, State::Online) => Assertion::State(group, State::Offlining),
        Assertion::State(group, _) => Assertion::State(group, State::Online),
    }
}

#[test]
fn every_fault_has_a_short_trace_of_its_own() {
    let corpus = corpus();
    let mut complaints = Vec::new();
    for &fault in Fault::ALL {
        let wanted = format!("{FAULTS}/{}", fault.id());
        if fault.needs_overlap() && !corpus.iter().any(|kept| kept.name == wanted) {
            continue;
        }
        let Some(Kept { program, .. }) = corpus.iter().find(|kept| kept.name == wanted) else {
            complaints.push(format!("{wanted}.trace is missing: {}", fault.title()));
            continue;
        };
        let ops = program.steps.iter().filter(|step| matches!(step.action, Action::Op(_))).count();
        let more = MORE_FOR_SOME.iter().find(|(id, _)| *id == fault.id());
        let most = more.map_or(MOST_FOR_A_FAULT, |(_, most)| *most);
        if ops > most {
            complaints.push(format!("{wanted}: {ops} operations are more than {most}"));
        }
        if program.header.faults != [fault] {
            complaints.push(format!("{wanted}: its header should plant {} alone", fault.id()));
        }
        if !matches!(&program.header.expect, Expect::Violation { invariant, .. } if invariant != "assert") {
            complaints.push(format!("{wanted}: it should expect the violation of an invariant"));
        }
    }
    for Kept { name, program, .. } in &corpus {
        // A fault that does harm in more than one way has a trace for each: `ID.trace`, `ID-WHAT.trace`.
        let belongs = Fault::ALL.iter().any(|fault| {
            let rest = name.strip_prefix(FAULTS).and_then(|rest| rest.strip_prefix('/'));
            let rest = rest.and_then(|rest| rest.strip_prefix(fault.id()));
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('-') && program.header.faults == [*fault]
            })
        });
        if is_in(name, FAULTS) && !belongs {
            complaints.push(format!("{name}: there is no such fault"));
        }
        if !is_in(name, FAULTS) && !program.header.faults.is_empty() {
            complaints.push(format!("{name}: traces with planted faults belong in {FAULTS}/"));
        }
    }
    none(&complaints);
}

/// What a trace shows is the fault's doing and nothing else's; so too for designs that are flawed.
#[test]
fn without_the_fault_or_the_flawed_design_nothing_is_violated() {
    let mut runner = Runner::new(Engine::Lockstep);
    let mut complaints = Vec::new();
    let mut tried = 0;
    for Kept { name, program, .. } in corpus() {
        if program.header.expect == Expect::Ok || is_in(&name, HARNESS) {
            continue;
        }
        let mut sound = program.clone();
        if sound.header.faults.is_empty() {
            sound.header.design = Default::default();
        } else {
            sound.header.faults.clear();
        }
        assert_ne!(sound.header, program.header, "{name}: it expects a violation of the default design");
        let recording = runner.record(&sound);
        if let Some(violation) = &recording.violation {
            let mut why = format!("{name}: {} all the same\n", violation.signature());
            let _ = write!(why, "{}", text::story(&sound, &recording));
            complaints.push(why);
        }
        tried += 1;
    }
    none(&complaints);
    assert!(tried >= Fault::sequential().count());
}
