//! `corpus check`: whether every trace can be read, can be replayed, and is as expected.

use crate::cli::console::print;
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::report::text;

/// Do it.
pub(super) fn check() -> Result<Exit, Problem> {
    let summary = super::replay_regressions()?;
    let exit = super::judge(&summary);
    Ok(exit.max(print(&text::checked(&summary))))
}
