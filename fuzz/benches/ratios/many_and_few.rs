//! What an additional step costs beside many things that it does not touch, against what it costs beside few.
//!
//! Making the things, and the full check at the end of a run, do grow with their number. So two programs are timed that
//! differ only in the length of their body; the difference is the cost of the longer one's additional steps.

use crate::lockstep::Runner;
use crate::sampling::{Effort, Ratio, fastest, take_turns, time_per_unit};
use stocktake::program::Program;

const ROUNDS: usize = 21;
/// A sample takes milliseconds, so many are interrupted.
const TRIES: usize = 6;

/// Programs of one kind, of two lengths.
pub(crate) struct Pair {
    pub(crate) long: Program,
    pub(crate) short: Program,
}

/// The cost of an additional step beside many things, over that beside few.
pub(crate) fn many_over_few(effort: Effort, many: &Pair, few: &Pair) -> Ratio {
    let programs = [&many.long, &many.short, &few.long, &few.short];
    let [mut a, mut b, mut c, mut d] = programs.map(|program| {
        let mut runner = Runner::new();
        move || fastest(effort.rounds(TRIES), || time_per_unit(1, || runner.run(program)))
    });
    let times = take_turns(effort.rounds(ROUNDS), [&mut |_| a(), &mut |_| b(), &mut |_| c(), &mut |_| d()]);
    let steps =
        times.iter().map(|[many, many_short, few, few_short]| (many - many_short) / (few - few_short));
    Ratio::over(steps)
}
