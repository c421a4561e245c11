//! `designs`: what there is to hunt on, and what is known against it.

use super::args::design_name;
use super::console::print;
use super::exit::Exit;
use super::problem::Problem;
use super::{Format, corpus};
use crate::program::{Expect, Header};
use crate::report::words::from_here;
use crate::report::{DesignReport, json, text};
use crate::trace::{Reading, read_file};
use crate::violation::Invariant;
use std::path::PathBuf;
use stocktake_impl::{Design, Kind, VARIANTS, Variant};

/// Options of `designs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to print the list
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Do it.
pub(super) fn designs(args: &Args) -> Result<Exit, Problem> {
    let mut exit = Exit::Clean;
    let mut traces: Vec<(PathBuf, Header)> = Vec::new();
    for path in corpus::regression_files()? {
        match read_file(&path, Reading::Strict) {
            Ok(program) => traces.push((from_here(&path), program.header)),
            Err(error) => {
                super::console::complain(&format!("{error}\n\n"));
                exit = Exit::BadInput;
            }
        }
    }
    let list = list(&traces);
    Ok(exit.max(print(&match args.format {
        Format::Text => text::designs(&list),
        Format::Json => json::designs(&list),
    })))
}

fn list(traces: &[(PathBuf, Header)]) -> Vec<DesignReport> {
    let against = |is_it: &dyn Fn(Design) -> bool| {
        let violates = |header: &Header| {
            header.faults.is_empty() && breaks_a_rule(&header.expect) && is_it(header.design)
        };
        traces.iter().filter(|(_, header)| violates(header)).map(|(path, _)| path.clone()).collect()
    };
    let current = DesignReport {
        name: Design::default().to_string(),
        room: "all",
        source: "the default design: of every room the variant marked as its default",
        kind: Kind::Corrected.name(),
        what: "every room as corrected",
        findings: against(&|design| design == Design::default()),
    };
    let room = |variant: &Variant| DesignReport {
        name: design_name(variant.room, variant.name),
        room: variant.room,
        source: variant.source,
        kind: variant.kind.name(),
        what: variant.what,
        findings: against(&|design| uses(design, variant)),
    };
    [current].into_iter().chain(VARIANTS.iter().map(room)).collect()
}

/// Whether a trace expects a rule to be broken. What it merely insists on says nothing about its design.
fn breaks_a_rule(expect: &Expect) -> bool {
    matches!(expect, Expect::Violation { invariant, .. } if invariant != Invariant::Assert.name())
}

/// Whether a design stands for a variant: the default one for the variants that it consists of, every other for
/// those in which it differs.
fn uses(design: Design, variant: &Variant) -> bool {
    if variant.is_default() {
        return design == Design::default();
    }
    let mut same = design;
    same.choose(variant.room, variant.name).is_ok() && same == design
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_design_is_flawed_if_a_trace_without_faults_violates_something_on_it() {
        let flawed = VARIANTS.iter().find(|variant| !variant.is_default()).unwrap();
        let expect = Expect::Violation { invariant: "I14".to_owned(), signature: None };
        let insists = Expect::Violation { invariant: "assert".to_owned(), signature: None };
        let on = |design, expect: &Expect| Header { design, expect: expect.clone(), ..Header::default() };
        let with_fault =
            Header { faults: vec![stocktake_impl::Fault::ALL[0]], ..on(Design::default(), &expect) };
        let traces = vec![
            ("flaw.trace".into(), on(flawed.design(), &expect)),
            ("fine.trace".into(), on(Design::default(), &Expect::Ok)),
            ("fault.trace".into(), with_fault),
            ("insists.trace".into(), on(Design::default(), &insists)),
        ];
        for design in list(&traces) {
            let is_flawed = design.name == design_name(flawed.room, flawed.name);
            assert_eq!(design.findings.len(), usize::from(is_flawed), "{}", design.name);
        }
    }
}
