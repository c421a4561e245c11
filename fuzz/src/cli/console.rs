//! Standard output and standard error, written in a way that does not panic when nobody reads any more.

use super::exit::Exit;
use std::io::{self, ErrorKind, Write};

/// Print a report. A reader that has gone away is no error; a full disk is.
pub(super) fn print(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("error: the report cannot be written to standard output: {error}\n"));
            Exit::BadInput
        }
        _ => Exit::Clean,
    }
}

/// Write to standard error. If nobody can read that, there is nobody to tell.
pub(super) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
