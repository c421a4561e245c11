//! Exit codes.

use std::process::ExitCode;

/// What the exit code says. In the order of importance: of several, the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// Nothing is wrong.
    Clean,
    /// A trace can no longer be replayed as recorded.
    Stale,
    /// Wrong usage or input.
    BadInput,
    /// A violation, an unmet expectation, or a fault that was not found.
    Violation,
}

impl Exit {
    /// `self` if the condition holds.
    pub(super) fn when(self, condition: bool) -> Exit {
        if condition { self } else { Exit::Clean }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Clean => 0,
            Exit::Violation => 1,
            Exit::BadInput => 2,
            Exit::Stale => 3,
        })
    }
}
