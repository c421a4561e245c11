//! All engines behind one door: which there are, and a runner that holds the state of one.
//!
//! Whoever runs programs, a hunt, a replay or a libFuzzer target, takes a [`Runner`] and need not know which
//! engine it drives. How programs are run is the business of the engines.

use super::Recording;
use super::interleave::Interleave;
use super::lockstep::Lockstep;
use crate::program::Program;
use crate::tally::Tally;
use crate::violation::Violation;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// One operation after the other, beside the model, with checks after each.
    Lockstep,
    /// Operations of several lanes that overlap.
    Interleave,
}

impl Engine {
    /// All engines, in the order in which reports list them.
    pub const ALL: &[Engine] = &[Engine::Lockstep, Engine::Interleave];

    /// The name used on the command line, in reports and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Lockstep => "lockstep",
            Engine::Interleave => "interleave",
        }
    }

    /// Whether its operations overlap.
    pub fn overlaps(self) -> bool {
        match self {
            Engine::Lockstep => false,
            Engine::Interleave => true,
        }
    }

    /// The engine of this name.
    pub fn from_name(name: &str) -> Option<Engine> {
        Engine::ALL.iter().copied().find(|engine| engine.name() == name)
    }
}

/// An engine with its state, which is kept from one program to the next to save allocations. No program sees
/// anything of the one before.
///
/// A runner stays in the thread that made it: the lanes of an engine are coroutines, which belong to a thread.
pub struct Runner {
    state: State,
}

enum State {
    Lockstep(Box<Lockstep>),
    Interleave(Box<Interleave>),
}

impl Runner {
    /// A runner of this engine.
    pub fn new(engine: Engine) -> Runner {
        Runner {
            state: match engine {
                Engine::Lockstep => State::Lockstep(Box::default()),
                Engine::Interleave => State::Interleave(Box::default()),
            },
        }
    }

    /// The engine that it drives.
    pub fn engine(&self) -> Engine {
        match self.state {
            State::Lockstep(_) => Engine::Lockstep,
            State::Interleave(_) => Engine::Interleave,
        }
    }

    /// Run a program the fast way.
    ///
    /// # Errors
    /// The first violation, without its provenance.
    pub fn run(&mut self, program: &Program, tally: &mut Tally) -> Result<(), Box<Violation>> {
        match &mut self.state {
            State::Lockstep(lockstep) => lockstep.run(program, tally),
            State::Interleave(interleave) => interleave.run(program, tally),
        }
    }

    /// Run a program again the slow way, and keep what a report needs.
    pub fn record(&mut self, program: &Program) -> Recording {
        match &mut self.state {
            State::Lockstep(lockstep) => lockstep.record(program),
            State::Interleave(interleave) => interleave.record(program),
        }
    }

    /// The program with the schedule by which its lanes run, so that it can be written down: the first that fails, if
    /// it leaves open which. A program without lanes is as it was.
    pub fn scheduled(&mut self, program: &Program) -> Program {
        let mut scheduled = program.clone();
        if let State::Interleave(interleave) = &mut self.state
            && program.parallel.is_some()
        {
            scheduled.header.schedule = interleave.run_scheduled(program, &mut Tally::default()).0.schedule;
        }
        scheduled
    }

    /// The interleaving engine, if it is one.
    pub fn interleave(&mut self) -> Option<&mut Interleave> {
        match &mut self.state {
            State::Lockstep(_) => None,
            State::Interleave(interleave) => Some(interleave),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Engine, Runner};

    #[test]
    fn engines_are_found_by_their_names() {
        for &engine in Engine::ALL {
            assert_eq!(Engine::from_name(engine.name()), Some(engine));
            assert_eq!(Runner::new(engine).engine(), engine);
        }
        assert_eq!(Engine::from_name("Lockstep"), None);
    }
}
