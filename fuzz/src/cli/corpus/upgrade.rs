//! `corpus upgrade`: traces whose schedule no longer applies are recorded anew, in their place.

use crate::artifact::replace;
use crate::cli::console::{complain, print};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::report::words::{counted, shown};
use crate::trace::{Reading, read_with_text};
use crate::upgrade::{Upgrade, upgrade as bring_up_to_date};
use std::fmt::Write as _;

/// Do it. What cannot be read, or brought up to date, is reported and left as it is.
pub(super) fn upgrade() -> Result<Exit, Problem> {
    let (mut current, mut story, mut exit) = (0, String::new(), Exit::Clean);
    for path in super::regression_files()? {
        let (text, program) = match read_with_text(&path, Reading::Strict) {
            Ok(read) => read,
            Err(error) => {
                complain(&format!("{error}\n\n"));
                exit = exit.max(Exit::BadInput);
                continue;
            }
        };
        match bring_up_to_date(&path, &text, &program) {
            Upgrade::Current => current += 1,
            Upgrade::Rewritten(new) => {
                replace(&path, &new).map_err(|error| {
                    Problem::new(format!("{} cannot be upgraded: {error}", shown(&path)))
                        .help("what was upgraded before it is kept; run this again when the cause is gone")
                })?;
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
