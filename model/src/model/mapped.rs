//! Mapped pages, and charges that move between groups.
//!
//! A group's statistic is what its name says: the folios that are charged to the group and are in at least one page
//! table. What a CPU has changed of a mapcount and not yet told the statistic is nobody's business here; it is known
//! only that such an operation is open ([`Model::open_halves`]).

use super::allowed::{PageCharge, allow};
use super::pages::Folio;
use super::{Model, Skip};
use crate::{
    Allowed, ChargeId, CpuId, Errno, Failure, GroupId, MappedOp, Mode, Op, Outcome, Pages, Reason, Step,
    Witness,
};

/// What a group's statistic counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileMapped {
    /// Pages of the group's folios that are mapped.
    pub pages: Pages,
    /// Its mapped folios of more than one page, each counted once whatever its size.
    pub huge: u64,
}

/// An operation whose first half has run and whose second has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Half {
    /// The CPU that is in the middle of it.
    pub cpu: CpuId,
    /// The folio.
    pub charge: ChargeId,
    maps: bool,
}

impl Half {
    /// The step that ends it.
    pub fn end(&self) -> Step {
        let charge = self.charge;
        let op = if self.maps { MappedOp::MapEnd { charge } } else { MappedOp::UnmapEnd { charge } };
        Step { cpu: self.cpu, op: Op::Mapped(op), fail: None }
    }
}

/// All of it. Tables grow with what is used, so that programs without mapped pages pay nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Mapped {
    /// Page tables that each folio is in, by its number.
    mapcounts: Vec<u64>,
    /// By the number of the group.
    stats: Vec<FileMapped>,
    halves: Vec<Half>,
    /// Open moves: from and to.
    moves: Vec<(GroupId, GroupId)>,
    /// Folios that are being swapped out, and that nobody moves.
    isolated: Vec<ChargeId>,
}

impl Mapped {
    pub(super) fn clear(&mut self) {
        self.mapcounts.clear();
        self.stats.clear();
        self.halves.clear();
        self.moves.clear();
        self.isolated.clear();
    }

    pub(super) fn mapcount(&self, charge: ChargeId) -> u64 {
        self.mapcounts.get(charge.index()).copied().unwrap_or(0)
    }

    /// Mappings of a folio that are complete, so that they can be taken away again.
    fn complete(&self, charge: ChargeId) -> u64 {
        let under_way = self.halves.iter().filter(|half| half.maps && half.charge == charge).count();
        self.mapcount(charge) - under_way as u64
    }

    fn count(&mut self, folio: Folio, mapped: bool) {
        let index = folio.group.index();
        if index >= self.stats.len() {
            self.stats.resize(index + 1, FileMapped::default());
        }
        let stat = &mut self.stats[index];
        let huge = u64::from(folio.pages > Pages(1));
        if mapped {
            stat.pages += folio.pages;
            stat.huge += huge;
        } else {
            stat.pages -= folio.pages;
            stat.huge -= huge;
        }
    }
}

/// What may be asked.
impl Model {
    /// The statistic of a group.
    pub fn file_mapped(&self, group: GroupId) -> FileMapped {
        self.mapped.stats.get(group.index()).copied().unwrap_or_default()
    }

    /// Whether any folio has been mapped, or any move begun.
    #[inline]
    pub fn mapped_used(&self) -> bool {
        !(self.mapped.mapcounts.is_empty() && self.mapped.moves.is_empty())
    }

    /// Page tables that a folio can be taken out of: those that it is in, and nobody is in the middle of putting it
    /// into.
    pub fn mappings(&self, charge: ChargeId) -> u64 {
        self.mapped.complete(charge)
    }

    /// The operations that are half done, one a CPU at the most.
    #[inline]
    pub fn open_halves(&self) -> &[Half] {
        &self.mapped.halves
    }

    /// Open moves whose charges come from a group.
    pub fn moves_from(&self, group: GroupId) -> u64 {
        self.mapped.moves.iter().filter(|(from, _)| *from == group).count() as u64
    }

    /// The folios that are charged to a group.
    pub fn folios_of(&self, group: GroupId) -> impl Iterator<Item = (ChargeId, Pages)> + '_ {
        let of_group = self.folios.iter().filter(move |(_, folio)| folio.group == group);
        of_group.filter_map(|(index, folio)| Some((ChargeId(u16::try_from(index).ok()?), folio.pages)))
    }

    /// A folio was seen to be charged to another group now: part of a [`MappedOp::ForceEmpty`] that was refused in
    /// the end.
    pub fn folio_moved(&mut self, charge: ChargeId, to: GroupId) {
        if self.groups.get(to.index()).is_some() {
            self.move_folio(charge, to);
        }
    }
}

/// A folio on its way out.
impl Model {
    /// A folio is being swapped out: it stays charged to its group until that is over, and nobody moves it.
    pub fn isolate(&mut self, charge: ChargeId) {
        if self.folios.get(charge.index()).is_some() {
            self.mapped.isolated.push(charge);
        }
    }

    /// It is not any more.
    pub fn put_back(&mut self, charge: ChargeId) {
        self.mapped.isolated.retain(|other| *other != charge);
    }
}

/// Rules.
impl Model {
    /// A CPU in the middle of an operation only ends it, and is not taken down.
    #[inline]
    pub(super) fn admits_beside_halves(&self, step: &Step) -> Result<(), Skip> {
        let mut halves = self.mapped.halves.iter();
        let hinders = |half: &Half| match step.op {
            _ if half.cpu == step.cpu => half.end().op != step.op,
            Op::CpuDown { target } => half.cpu == target,
            _ => false,
        };
        if halves.any(hinders) { Err(Skip::InOperation) } else { Ok(()) }
    }

    /// A folio is freed only after it has left every page table.
    pub(super) fn admits_freeing(&self, charge: ChargeId) -> Result<(), Skip> {
        self.folios.live(charge.index())?;
        if self.mapped.mapcount(charge) == 0 { Ok(()) } else { Err(Skip::Mapping) }
    }

    /// Who moves charges holds the lock that rmdir needs.
    pub(super) fn admits_out_of_moves(&self, group: GroupId) -> Result<(), Skip> {
        let moving = self.mapped.moves.iter().any(|&(from, to)| from == group || to == group);
        if moving { Err(Skip::InOperation) } else { Ok(()) }
    }

    fn admits_moving(&self) -> Result<(), Skip> {
        if self.config.mode == Mode::V2 { Err(Skip::NotInMode) } else { Ok(()) }
    }

    fn admits_in_move(&self, from: GroupId, to: GroupId) -> Result<(), Skip> {
        if self.mapped.moves.contains(&(from, to)) { Ok(()) } else { Err(Skip::Absent) }
    }

    pub(super) fn admits_mapped(&self, cpu: CpuId, op: &MappedOp) -> Result<(), Skip> {
        match *op {
            MappedOp::Map { charge } | MappedOp::MapBegin { charge } => {
                self.folios.live(charge.index()).map(drop)
            }
            MappedOp::Unmap { charge } | MappedOp::UnmapBegin { charge } => {
                self.folios.live(charge.index())?;
                if self.mapped.complete(charge) > 0 { Ok(()) } else { Err(Skip::Mapping) }
            }
            MappedOp::MapEnd { .. } | MappedOp::UnmapEnd { .. } => {
                let mut halves = self.mapped.halves.iter();
                // Every other half of this CPU has been ruled out already.
                if halves.any(|half| half.cpu == cpu) { Ok(()) } else { Err(Skip::Absent) }
            }
            MappedOp::MoveStart { from, to } => {
                self.admits_moving()?;
                self.admits_online(from)?;
                self.admits_online(to)?;
                if from == to { Err(Skip::NoChange) } else { Ok(()) }
            }
            MappedOp::MovePage { charge, to } => {
                self.admits_moving()?;
                let folio = self.folios.live(charge.index())?;
                self.admits_in_move(folio.group, to)
            }
            MappedOp::MoveEnd { from, to } => {
                self.admits_moving()?;
                self.admits_in_move(from, to)
            }
            MappedOp::ForceEmpty { group } => {
                self.admits_moving()?;
                self.admits_online(group)?;
                self.admits_below_root(group)
            }
        }
    }

    pub(super) fn mapped_answer(&self, op: &MappedOp) -> Outcome {
        let fits = match *op {
            MappedOp::MovePage { charge, to } => {
                let pages = self.folios.get(charge.index()).map_or(Pages(0), |folio| folio.pages);
                to == GroupId::ROOT || self.fits(to, pages)
            }
            MappedOp::ForceEmpty { group } => {
                if self.groups.get(group.index()).is_some_and(|group| group.online_children > 0) {
                    return Outcome::Refused(Errno::Busy);
                }
                self.fits_parent(group)
            }
            _ => true,
        };
        if fits { Outcome::Done } else { Outcome::Refused(Errno::NoMem) }
    }

    /// Whether every folio of a group can be moved to the parent. While one is on its way, both groups are charged
    /// for it. With a hierarchy the parent's counter has the others anyway, so that one by one is enough; without it
    /// they add up.
    fn fits_parent(&self, group: GroupId) -> bool {
        let parent = self.parent(group).unwrap_or(GroupId::ROOT);
        let sizes = self.sizes_of(group);
        let room = match self.config.mode {
            Mode::V1Flat => sizes.sum(),
            Mode::V1 | Mode::V2 => sizes.max().unwrap_or_default(),
        };
        parent == GroupId::ROOT || self.fits(parent, room)
    }

    /// The sizes of all pages that are charged to a group.
    fn sizes_of(&self, group: GroupId) -> impl Iterator<Item = Pages> + '_ {
        let folios = self.folios_of(group).map(|(_, pages)| pages);
        folios.chain(self.shmem_pages_of(group).map(|(_, pages)| pages))
    }

    /// A move charges as everybody else does, so what is cached may fail it, or serve it.
    pub(super) fn allow_moved(
        &self,
        allowed: &mut Allowed,
        step: &Step,
        op: &MappedOp,
        witness: &dyn Witness,
    ) {
        let from_stock = |asked: Pages| step.fail != Some(Failure::Trylock) && witness.local_pages() >= asked;
        match *op {
            MappedOp::MovePage { charge, to } if to != GroupId::ROOT => {
                let Some(&Folio { pages, .. }) = self.folios.get(charge.index()) else { return };
                let charge = PageCharge { group: to, asked: pages, from_stock: from_stock(pages) };
                self.allow_cached(allowed, Outcome::Done, &charge, witness);
            }
            MappedOp::ForceEmpty { group } if self.mapped_answer(op) != Outcome::Refused(Errno::Busy) => {
                let Some(parent) = self.parent(group).filter(|&parent| parent != GroupId::ROOT) else {
                    return;
                };
                let first = self.mapped_answer(op);
                for pages in self.sizes_of(group) {
                    if first != Outcome::Done && from_stock(pages) {
                        allow(allowed, Outcome::Done, Reason::StockHitOverMax);
                    } else if self.refused_by_cached(parent, pages, witness) {
                        allow(allowed, Outcome::Refused(Errno::NoMem), Reason::RemoteStock);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn mapped_done(&mut self, cpu: CpuId, op: &MappedOp) {
        match *op {
            MappedOp::Map { charge } => self.map(charge),
            MappedOp::Unmap { charge } => self.unmap(charge),
            MappedOp::MapBegin { charge } => {
                self.map(charge);
                self.mapped.halves.push(Half { cpu, charge, maps: true });
            }
            MappedOp::UnmapBegin { charge } => {
                self.unmap(charge);
                self.mapped.halves.push(Half { cpu, charge, maps: false });
            }
            MappedOp::MapEnd { .. } | MappedOp::UnmapEnd { .. } => {
                self.mapped.halves.retain(|half| half.cpu != cpu);
            }
            MappedOp::MoveStart { from, to } => self.mapped.moves.push((from, to)),
            MappedOp::MovePage { charge, to } => self.move_folio(charge, to),
            MappedOp::MoveEnd { from, to } => {
                let open = &mut self.mapped.moves;
                if let Some(index) = open.iter().position(|&pair| pair == (from, to)) {
                    open.remove(index);
                }
            }
            MappedOp::ForceEmpty { group } => {
                let parent = self.parent(group).unwrap_or(GroupId::ROOT);
                let folios: Vec<ChargeId> = self.folios_of(group).map(|(charge, _)| charge).collect();
                for charge in folios {
                    self.move_folio(charge, parent);
                }
                let pages: Vec<_> = self.shmem_pages_of(group).map(|(page, _)| page).collect();
                for page in pages {
                    self.move_page(page, parent);
                }
            }
        }
    }

    fn map(&mut self, charge: ChargeId) {
        let Some(&folio) = self.folios.get(charge.index()) else { return };
        let counts = &mut self.mapped.mapcounts;
        if charge.index() >= counts.len() {
            counts.resize(charge.index() + 1, 0);
        }
        counts[charge.index()] += 1;
        if counts[charge.index()] == 1 {
            self.mapped.count(folio, true);
        }
    }

    fn unmap(&mut self, charge: ChargeId) {
        let Some(&folio) = self.folios.get(charge.index()) else { return };
        let Some(count) = self.mapped.mapcounts.get_mut(charge.index()) else { return };
        *count -= 1;
        if *count == 0 {
            self.mapped.count(folio, false);
        }
    }

    fn move_folio(&mut self, charge: ChargeId, to: GroupId) {
        let Some(&folio) = self.folios.get(charge.index()) else { return };
        if self.mapped.isolated.contains(&charge) {
            return;
        }
        self.rebind(charge, to);
        if self.mapped.mapcount(charge) > 0 {
            self.mapped.count(folio, false);
            self.mapped.count(Folio { group: to, ..folio }, true);
        }
    }
}
