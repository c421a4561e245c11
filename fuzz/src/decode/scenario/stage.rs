//! What scenes have in common: where they take place, and how what they leave behind is cleared away.

use crate::decode::script::Script;
use stocktake_model::{CpuId, GroupId, Limit, ObjcgId};

impl Script<'_, '_> {
    /// Whether one of the bits is set in a parameter: with more bits, more often.
    pub(in crate::decode) fn chance(&mut self, bits: u8) -> bool {
        self.byte() & bits != 0
    }

    /// Two CPUs that are up; the same one twice if there is no other.
    pub(super) fn two_cpus(&mut self) -> (CpuId, CpuId) {
        let choice = self.byte();
        let first = self.picture.cpu(choice & 7);
        (first, self.picture.other_cpu(first, choice >> 3).unwrap_or(first))
    }

    /// Where a scene's groups are created: below root, or below a group that is online.
    pub(super) fn site(&mut self) -> GroupId {
        const DEPTH: u8 = 4;
        let choice = self.byte();
        match self.picture.groups.choose(choice >> 1) {
            Some(group) if choice & 1 != 0 => {
                let group = GroupId(group.into());
                if self.picture.group(group).depth < DEPTH { group } else { GroupId::ROOT }
            }
            _ => GroupId::ROOT,
        }
    }

    /// A new group without limits at a [`Script::site`].
    pub(super) fn new_group(&mut self, at: CpuId) -> GroupId {
        let site = self.site();
        self.mkdir(at, site, Limit::MAX, Limit::MAX)
    }

    /// Empty the stocks of `at` in one of the ways in which this happens; `decoy` is an objcg that takes the place
    /// in the byte stock.
    pub(super) fn flush(&mut self, at: CpuId, decoy: ObjcgId) {
        let choice = self.byte();
        match choice & 7 {
            0..=2 => self.drain(at),
            3..=5 => {
                let bytes = self.bytes();
                let object = self.obj_charge(at, decoy, bytes);
                if choice & 8 != 0 {
                    self.obj_uncharge(at, object);
                }
            }
            6 => {
                let from = self.picture.other_cpu(at, choice >> 3).unwrap_or(at);
                self.drain_all(from, GroupId::ROOT);
                self.work(at);
            }
            _ => match self.picture.other_cpu(at, choice >> 3) {
                Some(by) => {
                    self.cpu_down(by, at);
                    self.cpu_up(by, at);
                }
                None => self.drain(at),
            },
        }
    }

    /// Let some of what was deferred happen.
    pub(super) fn settle(&mut self, at: CpuId, other: CpuId) {
        let choice = self.byte();
        if choice & 1 != 0 {
            self.work(at);
        }
        if choice & 2 != 0 {
            self.work(other);
        }
        if choice & 4 != 0 {
            self.grace(at);
        }
        if choice & 0x18 == 0x18 {
            self.work(at);
        }
        if choice & 0xe0 == 0xe0 {
            self.quiesce(at);
        }
    }

    /// Remove a group and let some of what was deferred happen.
    pub(super) fn remove(&mut self, at: CpuId, group: GroupId, other: CpuId) {
        self.rmdir(at, group);
        self.settle(at, other);
    }
}
