//! A schedule that was recorded, chosen again.

use super::Point;

/// The lanes of a recorded schedule, one for each point.
#[derive(Debug)]
pub(in super::super) struct Recorded {
    lanes: Vec<u8>,
    next: usize,
    /// Whether what does not apply is passed over, rather than noted.
    lenient: bool,
    /// The first choice that did not apply.
    stale: Option<String>,
}

impl Recorded {
    /// Strict: a choice that does not apply makes the execution stale.
    pub(in super::super) fn strict(lanes: &[u8]) -> Recorded {
        Recorded { lanes: lanes.to_vec(), next: 0, lenient: false, stale: None }
    }

    /// A guide: where it does not apply, or has ended, no lane is preempted.
    pub(in super::super) fn guide(lanes: &[u8]) -> Recorded {
        Recorded { lenient: true, ..Recorded::strict(lanes) }
    }

    pub(super) fn choose(&mut self, point: &Point) -> usize {
        let choice = self.lanes.get(self.next).copied().map(usize::from);
        self.next += 1;
        match choice {
            Some(lane) if point.ready.has(lane) => lane,
            Some(lane) => {
                self.note(|number| {
                    format!("choice {number} of its schedule is lane {lane}, which cannot go on there")
                });
                point.steady()
            }
            None => {
                self.note(|number| {
                    format!("its schedule has {} choices, and the program needs more", number - 1)
                });
                point.steady()
            }
        }
    }

    fn note(&mut self, why: impl FnOnce(usize) -> String) {
        if !self.lenient && self.stale.is_none() {
            self.stale = Some(why(self.next));
        }
    }

    /// Why the schedule does not apply, once the execution has ended.
    pub(in super::super) fn stale(&self, ended_early: bool) -> Option<String> {
        let left = self.lanes.len().saturating_sub(self.next);
        if self.stale.is_none() && !self.lenient && !ended_early && left > 0 {
            return Some(format!("its schedule has {left} choices more than the program needs"));
        }
        self.stale.clone()
    }
}
