//! Benchmarks, as ratios: what the project promises of its speed, measured against something that stands beside it.
//!
//! Absolute times mean nothing on a shared machine. So each number here is a ratio of two contenders that take turns
//! within one run, in short samples; it is taken round by round, and its median and the middle half of its values are
//! shown. A benchmark framework compares a contender with its own past instead, which is why none is used.
//!
//! `cargo bench` prints one table and writes `stocktake/bench.json` below the target folder. A missed goal is shown,
//! and is no error: these are measurements, not tests. Run in any other way, as by `cargo test --benches`, everything
//! is run once to see that it runs, and nothing is reported.

mod contenders;
mod hot_path;
mod lockstep;
mod many_groups;
mod populations;
mod report;
mod sampling;
mod schedules;
mod state_machine;
mod two_threads;

use report::Row;
use sampling::Effort;
use std::process::ExitCode;

fn main() -> ExitCode {
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let effort = if measuring { Effort::FULL } else { Effort::SMOKE };
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(hot_path::rows(effort));
    rows.extend(two_threads::rows(effort));
    rows.extend(lockstep::rows(effort));
    rows.extend(state_machine::rows(effort));
    rows.extend(schedules::rows(effort));
    rows.push(many_groups::row(effort));
    rows.extend(populations::rows(effort));
    if !measuring {
        println!("{} benchmarks run; `cargo bench` measures them", rows.len());
        return ExitCode::SUCCESS;
    }
    print!("{}", report::table(&rows));
    match report::write_json(&rows) {
        Ok(path) => {
            println!("\nwritten to {}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
