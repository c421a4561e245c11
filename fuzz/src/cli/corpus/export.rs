//! `corpus export`: the traces as inputs of the libFuzzer targets, so that a fuzzer starts from what is known.
//!
//! The files are disposable: they are made anew from the traces at any time. Only files that this command names
//! are replaced or removed; what a fuzzer has added stays.

use crate::cli::console::{complain, print};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::decode::{encode, encode_lanes};
use crate::engine::runner::Engine;
use crate::program::Action;
use crate::replay::engine_for;
use crate::report::words::{counted, from_here, shown};
use crate::trace::{Reading, read_file};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The ending of the files that this command writes; a fuzzer's own have none.
const EXTENSION: &str = "bin";

/// What is to be written for one target.
type Files = BTreeMap<String, Vec<u8>>;

/// Do it.
pub(super) fn export(root: &Path) -> Result<Exit, Problem> {
    let mut exit = Exit::Clean;
    let mut report = String::new();
    let mut targets: BTreeMap<&str, Files> = Engine::ALL.iter().map(|e| (e.name(), Files::new())).collect();
    for path in super::regression_files()? {
        let program = match read_file(&path, Reading::Strict) {
            Ok(program) => program,
            Err(error) => {
                complain(&format!("{error}\n\n"));
                exit = Exit::BadInput;
                continue;
            }
        };
        let engine = engine_for(&program);
        let encoded = match engine {
            Engine::Lockstep => encode(&program),
            Engine::Interleave => encode_lanes(&program),
        };
        match encoded {
            Ok(bytes) => {
                let asserts =
                    program.steps.iter().filter(|step| matches!(step.action, Action::Assert(..))).count();
                if asserts > 0 {
                    let left = counted(asserts as u64, "assert");
                    let _ = writeln!(report, "{}: exported without its {left}", shown(&path));
                }
                let files = targets.entry(engine.name()).or_default();
                let stem = stem(&path, root);
                files.insert(free_name(files, &stem), bytes);
            }
            Err(why) => {
                let _ = writeln!(report, "{}: not exported: {why}", shown(&path));
            }
        }
    }
    for (target, files) in &targets {
        let folder = from_here(&root.join("corpus").join("seeds").join(target));
        let done = write_all(&folder, files).map_err(|(path, error)| {
            Problem::new(format!("{} cannot be written: {error}", shown(&path)))
                .help("see that corpus/seeds can be written to")
        })?;
        let _ = writeln!(
            report,
            "{}: {} ({} new or changed, {} stale removed)",
            shown(&folder),
            counted(files.len() as u64, "seed"),
            done.written,
            done.removed
        );
    }
    Ok(exit.max(print(&report)))
}

/// The path of a trace below the regressions, as one word.
fn stem(path: &Path, root: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let below = path.strip_prefix(super::regressions_folder(root)).unwrap_or(&path).with_extension("");
    let parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.join("-")
}

/// `stem.bin`, or with a number if another trace has that name.
fn free_name(files: &Files, stem: &str) -> String {
    let numbered =
        |n: u64| if n == 1 { format!("{stem}.{EXTENSION}") } else { format!("{stem}-{n}.{EXTENSION}") };
    (1..).map(numbered).find(|name| !files.contains_key(name)).unwrap_or_default()
}

/// What was done to a folder.
struct Done {
    written: usize,
    removed: usize,
}

/// Make a folder hold these files, and no others of this ending.
fn write_all(folder: &Path, files: &Files) -> Result<Done, (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |error| (path, error)
    };
    let mut done = Done { written: 0, removed: 0 };
    if files.is_empty() && !folder.exists() {
        return Ok(done);
    }
    fs::create_dir_all(folder).map_err(at(folder))?;
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == EXTENSION) && !files.contains_key(&name) {
            fs::remove_file(&path).map_err(at(&path))?;
            done.removed += 1;
        }
    }
    for (name, bytes) in files {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|old| old == *bytes) {
            continue;
        }
        fs::write(&path, bytes).map_err(at(&path))?;
        done.written += 1;
    }
    Ok(done)
}
