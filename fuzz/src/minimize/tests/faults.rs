use crate::engine::runner::{Engine, Runner};
use crate::hunt::{Config, Limit, hunt};
use crate::tally::Tally;
use crate::trace::{self, Reading};
use stocktake_impl::{Design, Fault};

/// Operations that a minimised planted fault may have.
const MOST: usize = 8;

#[test]
fn planted_faults_are_minimised_to_a_few_operations_that_replay() {
    let mut runner = Runner::new(Engine::Lockstep);
    for &fault in Fault::ALL {
        for seed in 1..=3 {
            let config = Config {
                engine: Engine::Lockstep,
                design: Design::default(),
                faults: vec![fault],
                seed,
                jobs: 2,
                limit: Limit::Executions(200_000),
            };
            let found = hunt(&config, &()).finding;
            let Some(found) = found else { println!("{} not found", fault.id()); continue };
            let minimized = found.minimized;
            let text = trace::write(&minimized.program);
            println!("{} seed {seed} index {} steps {} -> {} spent {} exhausted {}\n{text}", fault.id(), found.index, found.original.steps.len(), minimized.program.steps.len(), minimized.steps_spent, minimized.exhausted);
            assert!(!minimized.exhausted);
            assert!(minimized.program.steps.len() <= MOST, "{} gives\n{text}", fault.id());
            let program = trace::read(text.as_bytes(), Reading::Strict).expect("the trace can be read");
            let again = runner.run(&program, &mut Tally::default()).expect_err("the trace fails by itself");
            assert_eq!(again.signature(), minimized.violation.signature(), "{}", fault.id());
        }
    }
}
