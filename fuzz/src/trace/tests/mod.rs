//! Tests of the text format.

mod errors;
mod files;
mod fixing;
mod generate;
mod labels;
mod robust;
mod round_trip;

use super::{Reading, read};
use crate::program::Program;

/// Lines below a version line, as a trace that is right.
fn trace(lines: &str) -> Program {
    match read(format!("stocktake-trace 1\n{lines}").as_bytes(), Reading::Strict) {
        Ok(program) => program,
        Err(errors) => panic!("{errors}"),
    }
}
