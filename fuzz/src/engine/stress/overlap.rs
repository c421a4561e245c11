//! How much of what was meant to run at once really did.

use super::lane::{Ended, Report};

/// Counts over some executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Executions in which more than one thread had something to do.
    pub rounds: u64,
    /// Those in which two threads were at it at the same time.
    pub overlapped: u64,
    /// Operations of lanes.
    pub operations: u64,
    /// Those during which an operation of another thread was under way.
    pub overlapping: u64,
}

impl Overlap {
    pub(super) fn add(&mut self, reports: &[Report]) {
        let lanes: Vec<&[Ended]> =
            reports.iter().map(|report| &report.ended[..]).filter(|ended| !ended.is_empty()).collect();
        self.operations += lanes.iter().map(|lane| lane.len() as u64).sum::<u64>();
        if lanes.len() < 2 {
            return;
        }
        self.rounds += 1;
        let at_it = |lane: &[Ended]| (lane[0].began, lane[lane.len() - 1].ended);
        let pairs = lanes.iter().enumerate().flat_map(|(i, a)| lanes[i + 1..].iter().map(move |b| (a, b)));
        self.overlapped += u64::from(pairs.clone().any(|(a, b)| meet(at_it(a), at_it(b))));
        for (i, lane) in lanes.iter().enumerate() {
            for one in *lane {
                let span = (one.began, one.ended);
                let others = lanes.iter().enumerate().filter(|(j, _)| *j != i);
                let mut others = others.flat_map(|(_, other)| other.iter());
                self.overlapping += u64::from(others.any(|other| meet(span, (other.began, other.ended))));
            }
        }
    }
}

fn meet<T: Ord + Copy>(a: (T, T), b: (T, T)) -> bool {
    a.0 < b.1 && b.0 < a.1
}
