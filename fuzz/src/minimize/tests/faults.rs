use crate::engine::runner::{Engine, Runner};
use crate::hunt::{Config, Limit, Without, hunt};
use crate::minimize::minimize;
use crate::program::Program;
use crate::tally::Tally;
use crate::trace::{self, Reading};
use stocktake_impl::{Design, Fault};

/// What hunts with some seeds find of a fault, minimised.
fn found(fault: Fault) -> Vec<Program> {
    let hunt_with = |seed| {
        let config = Config {
            engine: Engine::Lockstep,
            design: Design::default(),
            faults: vec![fault],
            seed,
            jobs: 2,
            limit: Limit::Executions(5000),
            keep_going: false,
            without: Without::beside(fault),
        };
        let minimized = hunt(&config, &()).findings.pop()?.minimized;
        assert!(!minimized.exhausted);
        Some(minimized.program)
    };
    (1..=3).filter_map(hunt_with).collect()
}

#[test]
fn planted_faults_are_minimised_to_a_few_operations() {
    for fault in Fault::sequential() {
        let programs = found(fault);
        let shortest = programs.iter().min_by_key(|program| program.steps.len());
        let shortest = shortest.unwrap_or_else(|| panic!("{} is not found", fault.id()));
        // What S22 and S24 lose shows only after a page has gone to swap and come back, B35's grace period only with a
        // slab to free.
        let most = match fault {
            Fault::S22 => 15,
            Fault::S24 => 13,
            Fault::B35 => 9,
            _ => 8,
        };
        assert!(shortest.steps.len() <= most, "{} gives\n{}", fault.id(), trace::write(shortest));
    }
}

#[test]
fn traces_fail_by_themselves_and_only_because_of_their_fault() {
    let mut runner = Runner::new(Engine::Lockstep);
    for fault in Fault::sequential() {
        for program in found(fault) {
            let text = trace::write(&program);
            let mut program = trace::read(text.as_bytes(), Reading::Strict).expect("the trace can be read");
            let violation =
                runner.run(&program, &mut Tally::default()).expect_err("the trace fails by itself");
            let again = minimize(&program, &violation, &mut runner, 1_000_000);
            assert_eq!(trace::write(&again.program), text, "it cannot be minimised further");
            program.header.faults.clear();
            let clean = runner.run(&program, &mut Tally::default());
            assert_eq!(clean, Ok(()), "without {} this fails:\n{text}", fault.id());
        }
    }
}
