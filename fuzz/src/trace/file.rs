//! Reading trace files.

use super::error::shown_path;
use super::{Reading, TraceErrors, read};
use crate::program::Program;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Files longer than this are refused: 4 MiB.
pub const MOST_BYTES: u64 = 4 << 20;

/// Why a file gives no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The file cannot be read at all.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// Its text has mistakes.
    Trace(TraceErrors),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::File { path, message, help } => {
                write!(f, "error: {message}\n --> {}\n  = help: {help}", shown_path(path))
            }
            ReadError::Trace(errors) => errors.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// Read the trace in a file.
///
/// # Errors
/// The file cannot be read, is longer than [`MOST_BYTES`], or its text has mistakes as [`read`] says.
pub fn read_file(path: &Path, reading: Reading) -> Result<Program, ReadError> {
    read_with_text(path, reading).map(|(_, program)| program)
}

/// The same, with the text that the program is made of.
///
/// # Errors
/// As [`read_file`].
pub fn read_with_text(path: &Path, reading: Reading) -> Result<(String, Program), ReadError> {
    let refused = |message: &str, help: &str| ReadError::File {
        path: path.to_owned(),
        message: message.to_owned(),
        help: help.to_owned(),
    };
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => refused("there is no such file", "check the path; `replay` takes folders too"),
        ErrorKind::PermissionDenied => refused("the file may not be read", "check its permissions"),
        ErrorKind::IsADirectory => refused("this is a folder, not a trace", "name a .trace file in it"),
        _ => refused(&format!("the file cannot be read: {error}"), "check that it is a plain file"),
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(unreadable(ErrorKind::IsADirectory.into()));
    }
    let mut text = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MOST_BYTES {
        let message = format!("the file is longer than {} MiB, the limit for traces", MOST_BYTES >> 20);
        return Err(refused(&message, "check that it is a trace"));
    }
    let program = read(&text, reading).map_err(|errors| ReadError::Trace(errors.in_file(path)))?;
    Ok((String::from_utf8_lossy(&text).into_owned(), program))
}
