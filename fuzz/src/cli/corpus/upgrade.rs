//! `corpus upgrade`: traces whose schedule no longer applies are recorded anew, in their place.

use crate::cli::console::{complain, print};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::report::words::{counted, shown};
use crate::trace::{Reading, read_file};
use crate::upgrade::{Upgrade, upgrade as bring_up_to_date};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Do it. What cannot be read, or brought up to date, is reported and left as it is.
pub(super) fn upgrade() -> Result<Exit, Problem> {
    let (mut current, mut story, mut exit) = (0, String::new(), Exit::Clean);
    for path in super::regression_files()? {
        let program = match read_file(&path, Reading::Strict) {
            Ok(program) => program,
            Err(error) => {
                complain(&format!("{error}\n\n"));
                exit = exit.max(Exit::BadInput);
                continue;
            }
        };
        let unreadable = |error: io::Error| {
            Problem::new(format!("{} cannot be upgraded: {error}", shown(&path)))
                .help("what was upgraded before it is kept; run this again when the cause is gone")
        };
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        match bring_up_to_date(&path, &text, &program) {
            Upgrade::Current => current += 1,
            Upgrade::Rewritten(new) => {
                replace(&path, &new).map_err(unreadable)?;
                let _ = writeln!(story, "{}: scheduled anew", shown(&path));
            }
            Upgrade::Stale(why) => {
                let _ = writeln!(
                    story,
                    "{}: still stale, since no schedule meets its expectation: {why}",
                    shown(&path)
                );
                exit = exit.max(Exit::Stale);
            }
        }
    }
    let _ = writeln!(story, "{} up to date", counted(current, "trace"));
    Ok(exit.max(print(&story)))
}

/// Put a new text in the place of a file's: whoever reads it finds the old one or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = path.with_file_name(name);
    let written = File::create_new(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
