//! Contenders take turns; what is kept of a round is the ratio of their times.

use std::time::Instant;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    full: bool,
}

impl Effort {
    /// Enough for a stable median.
    pub(crate) const FULL: Effort = Effort { full: true };
    /// Once, to see that it runs.
    pub(crate) const SMOKE: Effort = Effort { full: false };

    /// The number of rounds, if `full` are wanted for a stable median.
    pub(crate) fn rounds(self, full: usize) -> usize {
        if self.full { full } else { 1 }
    }
}

/// Nanoseconds that `work` takes, for each of the `units` that it does.
pub(crate) fn time_per_unit(units: u64, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / units as f64
}

/// One contender: given the number of the round, it takes a sample and answers its time.
pub(crate) type Contender<'a> = &'a mut dyn FnMut(usize) -> f64;

/// Samples of several contenders, round by round. Who begins changes from round to round, so that nobody always
/// follows the same one.
pub(crate) fn take_turns<const N: usize>(rounds: usize, mut contenders: [Contender<'_>; N]) -> Vec<[f64; N]> {
    let one_round = |round: usize| {
        let mut times = [0.0; N];
        for turn in 0..N {
            let who = (round + turn) % N;
            times[who] = contenders[who](round);
        }
        times
    };
    (0..rounds).map(one_round).collect()
}

/// The fastest of some tries: for samples so long that most of them are interrupted.
pub(crate) fn fastest(tries: usize, mut sample: impl FnMut() -> f64) -> f64 {
    (0..tries).map(|_| sample()).fold(f64::INFINITY, f64::min)
}

/// A ratio: its median, and the quarters between which the middle half of its values lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The median.
    pub(crate) median: f64,
    /// The first and the third quartile.
    pub(crate) spread: [f64; 2],
}

impl Ratio {
    /// Over the values of all rounds.
    pub(crate) fn over(rounds: impl IntoIterator<Item = f64>) -> Ratio {
        let mut values: Vec<f64> = rounds.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| match values.len() {
            0 => f64::NAN,
            n => values[((n - 1) as f64 * part).round() as usize],
        };
        Ratio { median: at(0.5), spread: [at(0.25), at(0.75)] }
    }
}
