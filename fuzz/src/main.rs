//! The command line program; everything it does is in [`stocktake::cli`].

// `cargo fuzz build` instruments this program along with the targets: what counts its coverage is linked, and not used.
#[cfg(fuzzing)]
use libfuzzer_sys as _;

use std::process::ExitCode;

fn main() -> ExitCode {
    stocktake::cli::main(std::env::args_os())
}
