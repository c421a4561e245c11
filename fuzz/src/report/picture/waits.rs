//! Who waits for whom when nothing goes on any more.

use super::words::{Word, Words};
use crate::engine::timeline::{Happening, Timeline};

/// One lane that waits at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The lane.
    pub(crate) lane: usize,
    /// The operation that it is in.
    pub(crate) step: usize,
    /// What it waits for.
    pub(crate) word: Word,
    /// The lane that has that.
    pub(crate) holder: Option<usize>,
    /// Whether the lane that it waits for waits in turn, and so on, until one of them waits for it.
    pub(crate) in_cycle: bool,
}

/// The lanes whose last event is that they wait.
pub(super) fn at_the_end(timeline: &Timeline, words: &Words<'_>) -> Vec<Waiting> {
    let mut last: Vec<Option<Waiting>> = vec![None; timeline.lanes];
    for event in &timeline.events {
        let Some(place) = last.get_mut(event.lane) else { continue };
        *place = match &event.what {
            Happening::Wait { on, holder } => Some(Waiting {
                lane: event.lane,
                step: event.step,
                word: words.word(*on),
                holder: *holder,
                in_cycle: false,
            }),
            _ => None,
        };
    }
    let holder = |lane: usize| last.get(lane)?.as_ref()?.holder;
    let in_cycle: Vec<bool> = (0..last.len())
        .map(|lane| {
            // A circle is no longer than there are lanes.
            let mut on_the_way = std::iter::successors(holder(lane), |&next| holder(next)).take(last.len());
            on_the_way.any(|next| next == lane)
        })
        .collect();
    let waiting = last.into_iter().zip(in_cycle);
    waiting.filter_map(|(waiting, in_cycle)| waiting.map(|waiting| Waiting { in_cycle, ..waiting })).collect()
}
