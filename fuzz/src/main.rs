//! The command line program; everything it does is in [`stocktake::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    stocktake::cli::main(std::env::args_os())
}
