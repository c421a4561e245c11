//! Which folios are probably mapped, which mappings are half done, and which moves are under way.

use super::{CAPACITY, Picture};
use stocktake_model::{ChargeId, CpuId, GroupId};

/// The most moves that are remembered at a time.
const MOVES: usize = 4;

/// A mapping whose first half was written.
#[derive(Clone, Copy)]
pub(in crate::decode) struct Half {
    pub(in crate::decode) cpu: CpuId,
    pub(in crate::decode) charge: ChargeId,
    pub(in crate::decode) maps: bool,
}

/// All of it.
pub(in crate::decode) struct Mapped {
    mapcounts: [u8; CAPACITY],
    halves: [Option<Half>; 8],
    /// Bit per CPU that is in the middle of a mapping.
    busy: u8,
    moves: [(u8, u8); MOVES],
    open: usize,
    /// Whether charges can be moved at all.
    pub(in crate::decode) movable: bool,
}

impl Mapped {
    pub(super) fn new(movable: bool) -> Mapped {
        Mapped {
            mapcounts: [0; CAPACITY],
            halves: [None; 8],
            busy: 0,
            moves: [(0, 0); MOVES],
            open: 0,
            movable,
        }
    }

    /// Bit per CPU that can run nothing but the end of its mapping.
    #[inline]
    pub(in crate::decode) fn busy(&self) -> u8 {
        self.busy
    }

    pub(in crate::decode) fn is_mapped(&self, charge: ChargeId) -> bool {
        self.mapcounts[charge.index() % CAPACITY] > 0
    }

    pub(in crate::decode) fn map(&mut self, charge: ChargeId) {
        let count = &mut self.mapcounts[charge.index() % CAPACITY];
        *count = count.saturating_add(1);
    }

    pub(in crate::decode) fn unmap(&mut self, charge: ChargeId) {
        let count = &mut self.mapcounts[charge.index() % CAPACITY];
        *count = count.saturating_sub(1);
    }

    pub(in crate::decode) fn begin(&mut self, half: Half) {
        if half.maps {
            self.map(half.charge);
        } else {
            self.unmap(half.charge);
        }
        self.busy |= 1 << half.cpu.0;
        self.halves[half.cpu.index() % 8] = Some(half);
    }

    /// The mapping in the middle of which a CPU is; it is ended.
    pub(in crate::decode) fn end(&mut self, cpu: CpuId) -> Option<Half> {
        self.busy &= !(1 << cpu.0);
        self.halves[cpu.index() % 8].take()
    }

    pub(in crate::decode) fn has_room_for_move(&self) -> bool {
        self.open < MOVES
    }

    pub(in crate::decode) fn start_move(&mut self, from: GroupId, to: GroupId) {
        if self.has_room_for_move() {
            self.moves[self.open] = (from.0 as u8, to.0 as u8);
            self.open += 1;
        }
    }

    /// One of the moves under way.
    pub(in crate::decode) fn some_move(&self, choice: u8) -> Option<(GroupId, GroupId)> {
        (self.open > 0).then(|| {
            let (from, to) = self.moves[usize::from(choice) % self.open];
            (GroupId(from.into()), GroupId(to.into()))
        })
    }

    pub(in crate::decode) fn end_move(&mut self, from: GroupId, to: GroupId) {
        let pair = (from.0 as u8, to.0 as u8);
        if let Some(at) = self.moves[..self.open].iter().position(|open| *open == pair) {
            self.open -= 1;
            self.moves.swap(at, self.open);
        }
    }

    /// Whether a group takes part in a move, so that it cannot be removed.
    pub(in crate::decode) fn moves(&self, group: GroupId) -> bool {
        self.moves[..self.open]
            .iter()
            .any(|&(from, to)| u16::from(from) == group.0 || u16::from(to) == group.0)
    }
}

impl Picture {
    /// A CPU that is in the middle of a mapping, if there is one.
    pub(in crate::decode) fn busy_cpu(&self, choice: u8) -> Option<CpuId> {
        let busy = self.mapped.busy();
        (busy != 0).then(|| super::nth(busy, choice))
    }

    /// A folio that is mapped, if there is one: the chosen one, or else one of the newest.
    pub(in crate::decode) fn mapped_folio(&self, choice: u8) -> Option<ChargeId> {
        let newest = self.folios.live().iter().rev().take(16).copied();
        let chosen = self.folios.choose(choice);
        let mut charges = chosen.into_iter().chain(newest).map(|folio| ChargeId(folio.into()));
        charges.find(|&charge| self.mapped.is_mapped(charge))
    }

    /// A folio of a group, if one of the newest is.
    pub(in crate::decode) fn folio_of(&self, group: GroupId) -> Option<ChargeId> {
        let mut newest = self.folios.live().iter().rev().take(32).copied();
        let found = newest.find(|folio| u16::from(self.folio[usize::from(*folio)].group) == group.0);
        found.map(|folio| ChargeId(folio.into()))
    }

    /// The group that a folio is probably charged to.
    pub(in crate::decode) fn group_of(&self, charge: ChargeId) -> GroupId {
        GroupId(self.folio[charge.index() % CAPACITY].group.into())
    }

    /// A folio was moved, if it probably fits.
    pub(in crate::decode) fn move_page(&mut self, charge: ChargeId, to: GroupId) {
        let folio = charge.0 as u8;
        if !self.folios.is_live(folio) {
            return;
        }
        let charged = self.folio[usize::from(folio)];
        let (more, new) = (u32::from(charged.amount), to.0 as u8);
        if charged.group != new
            && self.fits(new, |level| level.pages + level.bytes.div_ceil(super::PAGE) + more <= level.max)
        {
            self.on_path(charged.group, |level| level.pages -= more);
            self.on_path(new, |level| level.pages += more);
            self.group[usize::from(charged.group)].folios -= 1;
            self.group[usize::from(new)].folios += 1;
            self.folio[usize::from(folio)].group = new;
        }
    }

    /// A group was emptied into its parent, as far as the parent probably has room.
    pub(in crate::decode) fn force_empty(&mut self, group: GroupId) {
        let parent = GroupId(self.group(group).parent.into());
        while self.group(group).folios > 0 {
            let Some(charge) = self.folio_of(group) else { return };
            self.move_page(charge, parent);
            if self.group_of(charge) == group {
                return;
            }
        }
    }
}
