//! Replaying traces: running them again, and judging what is found by what their headers expect.
//!
//! Nothing is searched here, and nothing is shown: a replay is a value that reports render.

use crate::engine::Recording;
use crate::engine::runner::{Engine, Runner};
use crate::program::{Expect, Program};
use crate::trace::{self, ReadError, Reading};
use crate::violation::Violation;
use rayon::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

/// The ending of a trace file's name.
pub const EXTENSION: &str = "trace";

/// How a replay agrees with what the trace expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Passed,
    /// Otherwise, for this reason.
    Failed(String),
    /// It could not be replayed as recorded, so that nothing is known.
    Stale(String),
}

/// One trace, replayed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The file, as it was named.
    pub path: PathBuf,
    /// The trace.
    pub program: Program,
    /// What happened. Nothing is recorded of a stale trace.
    pub recording: Recording,
    /// Whether that was expected.
    pub verdict: Verdict,
}

/// Many traces, replayed. Every list is in the order of the files.
#[derive(Debug, Default)]
pub struct Summary {
    /// Traces, unreadable ones included.
    pub total: usize,
    /// Traces that were as expected.
    pub passed: usize,
    /// Traces that were not as expected, and files that could not be read.
    pub failed: usize,
    /// Traces that could not be replayed as recorded.
    pub stale: usize,
    /// Every trace that could be read.
    pub replays: Vec<Replay>,
    /// What is wrong with the others.
    pub unreadable: Vec<ReadError>,
}

impl Summary {
    /// Count some replays.
    pub fn of(replays: Vec<Result<Replay, ReadError>>) -> Summary {
        let mut summary = Summary { total: replays.len(), ..Summary::default() };
        for replay in replays {
            match replay {
                Ok(replay) => {
                    match replay.verdict {
                        Verdict::Passed => summary.passed += 1,
                        Verdict::Failed(_) => summary.failed += 1,
                        Verdict::Stale(_) => summary.stale += 1,
                    }
                    summary.replays.push(replay);
                }
                Err(error) => {
                    summary.failed += 1;
                    summary.unreadable.push(error);
                }
            }
        }
        summary
    }

    /// The replays that were not as expected.
    pub fn failures(&self) -> impl Iterator<Item = &Replay> {
        self.replays.iter().filter(|replay| matches!(replay.verdict, Verdict::Failed(_)))
    }
}

/// The engine that replays a program.
pub fn engine_for(program: &Program) -> Engine {
    if program.parallel.is_some() { Engine::Interleave } else { Engine::Lockstep }
}

/// Run a program and judge it.
pub fn replay(path: &Path, program: Program) -> Replay {
    let recording = Runner::new(engine_for(&program)).record(&program);
    let verdict = match &recording.stale {
        Some(why) => Verdict::Stale(why.clone()),
        None => judge(&program.header.expect, recording.violation.as_ref()),
    };
    Replay { path: path.to_owned(), program, recording, verdict }
}

/// Read a trace strictly, run it and judge it.
///
/// # Errors
/// The file cannot be read, or is not a correct trace.
pub fn replay_file(path: &Path) -> Result<Replay, ReadError> {
    trace::read_file(path, Reading::Strict).map(|program| replay(path, program))
}

/// Replay files on all cores.
pub fn replay_files(paths: &[PathBuf]) -> Summary {
    Summary::of(paths.par_iter().map(|path| replay_file(path)).collect())
}

/// Replay every trace in a folder and below it; a folder that does not exist has none.
///
/// # Errors
/// A folder that cannot be listed.
pub fn regressions(dir: &Path) -> Result<Summary, FolderError> {
    if !dir.exists() {
        return Ok(Summary::default());
    }
    Ok(replay_files(&traces_below(dir)?))
}

/// A folder that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("the folder {} cannot be listed: {source}", path.display())]
pub struct FolderError {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The trace files in a folder and below it, by name. Links to folders are not followed.
///
/// # Errors
/// A folder that cannot be listed.
pub fn traces_below(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let unlisted = |source| FolderError { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(unlisted)? {
            let entry = entry.map_err(unlisted)?;
            let path = entry.path();
            if entry.file_type().map_err(unlisted)?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether what was found is what was expected.
pub fn judge(expect: &Expect, found: Option<&Violation>) -> Verdict {
    let seen = |violation: &Violation| {
        format!("{} ({}), {}", violation.invariant, violation.signature(), violation.object)
    };
    match (expect, found) {
        (Expect::Ok, None) => Verdict::Passed,
        (Expect::Ok, Some(violation)) => {
            Verdict::Failed(format!("no violation was expected, but it violates {}", seen(violation)))
        }
        (Expect::Violation { invariant, signature }, found) => {
            let expected = match signature {
                Some(signature) => format!("{invariant} ({signature})"),
                None => invariant.clone(),
            };
            let Some(violation) = found else {
                return Verdict::Failed(format!("a violation of {expected} was expected, but there is none"));
            };
            let is_it = violation.invariant.name() == invariant
                && signature.as_ref().is_none_or(|signature| *signature == violation.signature());
            if is_it {
                return Verdict::Passed;
            }
            Verdict::Failed(format!(
                "a violation of {expected} was expected, but it violates {}",
                seen(violation)
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::Invariant;

    fn violation() -> Violation {
        Violation {
            invariant: Invariant::I5,
            aspect: "css-refs",
            step: 3,
            shape: "rmdir",
            object: "A".to_owned(),
            expected: "2".to_owned(),
            found: "1".to_owned(),
            because: String::new(),
            provenance: Vec::new(),
        }
    }

    fn expect(invariant: &str, signature: Option<&str>) -> Expect {
        Expect::Violation { invariant: invariant.to_owned(), signature: signature.map(str::to_owned) }
    }

    #[test]
    fn a_verdict_compares_what_is_expected_with_what_is_found() {
        let found = violation();
        assert_eq!(judge(&Expect::Ok, None), Verdict::Passed);
        assert_eq!(judge(&expect("I5", None), Some(&found)), Verdict::Passed);
        assert_eq!(judge(&expect("I5", Some("I5-css-refs-rmdir")), Some(&found)), Verdict::Passed);
        for (expected, found, word) in [
            (Expect::Ok, Some(&found), "no violation was expected"),
            (expect("I5", None), None, "there is none"),
            (expect("I4", None), Some(&found), "a violation of I4 was expected"),
            (expect("I5", Some("I5-css-refs-mkdir")), Some(&found), "I5-css-refs-rmdir"),
        ] {
            let Verdict::Failed(why) = judge(&expected, found) else { panic!("{expected:?} was met") };
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn a_schedule_that_does_not_apply_is_stale_rather_than_passed() {
        let mut program = Program { parallel: Some(0), ..Program::default() };
        program.header.schedule = vec![1, 0];
        let replay = replay(Path::new("x.trace"), program);
        assert!(matches!(replay.verdict, Verdict::Stale(_)));
    }
}
