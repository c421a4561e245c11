//! Steps about mapped pages and moving charges: how they are written, and how they are chosen one by one.

use super::picture::Half;
use super::script::Script;
use super::tags::Kind;
use stocktake_model::{ChargeId, CpuId, GroupId, MappedOp, Op};

/// Writing.
impl Script<'_, '_> {
    fn mapped(&mut self, at: CpuId, op: MappedOp) {
        self.push(at, Op::Mapped(op));
    }

    pub(super) fn map(&mut self, at: CpuId, charge: ChargeId) {
        self.picture.mapped.map(charge);
        self.mapped(at, MappedOp::Map { charge });
    }

    pub(super) fn unmap(&mut self, at: CpuId, charge: ChargeId) {
        self.picture.mapped.unmap(charge);
        self.mapped(at, MappedOp::Unmap { charge });
    }

    pub(super) fn map_begin(&mut self, at: CpuId, charge: ChargeId) {
        self.begin(at, charge, true);
    }

    pub(super) fn unmap_begin(&mut self, at: CpuId, charge: ChargeId) {
        self.begin(at, charge, false);
    }

    fn begin(&mut self, at: CpuId, charge: ChargeId, maps: bool) {
        if self.is_full() {
            return;
        }
        let cpu = self.picture.runner(at);
        self.end_half(cpu);
        let op = if maps { MappedOp::MapBegin { charge } } else { MappedOp::UnmapBegin { charge } };
        // What is written between the halves must not find this CPU busy before the first of them is written.
        let noise = std::mem::take(&mut self.noise);
        self.mapped(cpu, op);
        self.noise = noise;
        self.picture.mapped.begin(Half { cpu, charge, maps });
    }

    /// End the mapping in the middle of which a CPU is, if it is.
    pub(super) fn end_half(&mut self, cpu: CpuId) {
        if self.picture.mapped.busy() & 1 << cpu.0 == 0 {
            return;
        }
        if let Some(Half { cpu, charge, maps }) = self.picture.mapped.end(cpu) {
            let op = if maps { MappedOp::MapEnd { charge } } else { MappedOp::UnmapEnd { charge } };
            let fail = self.fail.take();
            self.mapped(cpu, op);
            self.fail = fail;
        }
    }

    pub(super) fn move_start(&mut self, at: CpuId, from: GroupId, to: GroupId) {
        self.picture.mapped.start_move(from, to);
        self.mapped(at, MappedOp::MoveStart { from, to });
    }

    pub(super) fn move_page(&mut self, at: CpuId, charge: ChargeId, to: GroupId) {
        self.picture.move_page(charge, to);
        self.mapped(at, MappedOp::MovePage { charge, to });
    }

    pub(super) fn move_end(&mut self, at: CpuId, from: GroupId, to: GroupId) {
        self.picture.mapped.end_move(from, to);
        self.mapped(at, MappedOp::MoveEnd { from, to });
    }

    pub(super) fn force_empty(&mut self, at: CpuId, group: GroupId) {
        self.picture.force_empty(group);
        self.mapped(at, MappedOp::ForceEmpty { group });
    }
}

/// Choosing.
impl Script<'_, '_> {
    /// One of the operations of this room.
    pub(super) fn random_mapped(&mut self, kind: Kind) {
        let at = self.cpu;
        let choice = self.byte();
        match kind {
            Kind::MapBegin | Kind::UnmapBegin => {
                match self.picture.mapped_folio(choice).filter(|_| kind == Kind::UnmapBegin) {
                    Some(charge) => self.unmap_begin(at, charge),
                    None => {
                        let charge = self.some_folio();
                        self.map_begin(at, charge);
                    }
                }
                // Otherwise the next step would end it.
                self.cpu = self.picture.cpu(choice);
            }
            Kind::MapEnd | Kind::UnmapEnd => match self.picture.busy_cpu(choice) {
                Some(cpu) => self.end_half(cpu),
                None => self.map_or_unmap(at, choice),
            },
            Kind::MoveStart => self.random_move_start(at),
            Kind::MovePage => match self.picture.mapped.some_move(choice) {
                Some((from, to)) => {
                    let found = self.picture.folio_of(from);
                    let charge = found.unwrap_or_else(|| self.charge(at, from, 1 + u64::from(choice >> 6)));
                    self.move_page(at, charge, to);
                }
                None => self.random_move_start(at),
            },
            Kind::MoveEnd => match self.picture.mapped.some_move(choice) {
                Some((from, to)) => self.move_end(at, from, to),
                None => self.random_move_start(at),
            },
            Kind::ForceEmpty => {
                let group = self.some_limited_group();
                self.force_empty(at, group);
            }
            _ => self.map_or_unmap(at, if kind == Kind::Map { choice & 0x7f } else { choice | 0x80 }),
        }
    }

    fn map_or_unmap(&mut self, at: CpuId, choice: u8) {
        match self.picture.mapped_folio(choice).filter(|_| choice & 0x80 != 0) {
            Some(charge) => self.unmap(at, charge),
            None => {
                let charge = self.some_folio();
                self.map(at, charge);
            }
        }
    }

    /// A move begins, mostly of a group that has a folio.
    fn random_move_start(&mut self, at: CpuId) {
        let choice = self.byte();
        let folio =
            self.picture.folios.choose(choice).map(|folio| self.picture.group_of(ChargeId(folio.into())));
        let from = match folio {
            Some(group) if choice < 0xe0 => group,
            _ => self.some_group(),
        };
        let mut to = self.some_group();
        if to == from {
            to =
                if choice & 1 == 0 { GroupId(self.picture.group(from).parent.into()) } else { GroupId::ROOT };
        }
        if to != from && self.picture.mapped.has_room_for_move() {
            self.move_start(at, from, to);
        }
    }
}
