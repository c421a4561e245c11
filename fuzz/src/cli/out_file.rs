//! Files that an option names: written whole, and never over something else.

use super::problem::Problem;
use crate::artifact;
use crate::report::words::shown;
use std::io::ErrorKind;
use std::path::Path;

/// Say before the work is done that its result cannot be written.
pub(super) fn check(out: &Path, option: &str) -> Result<(), Problem> {
    if artifact::folder_of(out).is_dir() && out.file_name().is_some() && !out.is_dir() {
        return Ok(());
    }
    Err(Problem::new(format!("the result cannot be written to {}", shown(out)))
        .help(format!("{option} takes the name of a file in a folder that exists")))
}

/// Write a file that appears complete or not at all, and never in the place of another.
pub(super) fn write(out: &Path, text: &str, option: &str) -> Result<(), Problem> {
    artifact::write_as(out, text).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Problem::new(format!("{} exists and holds something else", shown(out)))
            .help(format!("nothing is overwritten: choose another name with {option}, or remove the file")),
        _ => Problem::new(format!("the result cannot be written to {}: {error}", shown(out)))
            .help(format!("choose another place with {option}")),
    })
}
