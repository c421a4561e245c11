//! The harness: decode, run, check, minimise, report.
#![forbid(unsafe_code)]

pub mod artifact;
pub mod check;
pub mod engine;
pub mod experiments;
pub mod goals;
pub mod hunt;
pub mod minimize;
pub mod program;
pub mod tally;
pub mod violation;

pub mod decode;
pub mod trace;

pub mod cli;
pub mod replay;
pub mod report;
pub mod upgrade;
