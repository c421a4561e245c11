//! What fits below the limits, and the writes that change them.

use super::{Model, Skip};
use crate::{Errno, GroupId, Limit, Mode, Outcome, Pages};

impl Model {
    /// Whether `pages` more fit at every level from `group` up. Root has no limit. A charge that needs no further
    /// page asks no counter.
    pub(super) fn fits(&self, group: GroupId, pages: Pages) -> bool {
        pages == Pages(0) || self.levels(group).all(|(_, level)| level.max.admits(level.usage() + pages))
    }

    /// The same for swap.
    pub(super) fn swap_fits(&self, group: GroupId, slots: Pages) -> bool {
        self.levels(group).all(|(_, level)| level.swap_max.admits(level.swapped + slots))
    }

    pub(super) fn admits_set_max(&self, group: GroupId) -> Result<(), Skip> {
        self.admits_online(group)?;
        self.admits_below_root(group)
    }

    /// v1 refuses a limit below the usage, v2 takes any.
    pub(super) fn set_max_answer(&self, group: GroupId, max: Limit) -> Outcome {
        match self.config.mode {
            Mode::V1 | Mode::V1Flat if !max.admits(self.usage(group)) => Outcome::Refused(Errno::Busy),
            Mode::V1 | Mode::V1Flat | Mode::V2 => Outcome::Done,
        }
    }

    pub(super) fn set_max(&mut self, group: GroupId, max: Limit) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.max = max;
        }
    }

    pub(super) fn set_swap_max(&mut self, group: GroupId, max: Limit) {
        if let Some(group) = self.groups.get_mut(group.index()) {
            group.swap_max = max;
        }
    }
}
