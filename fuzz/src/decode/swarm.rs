//! The swarm profile: each execution draws its own weights for classes of operations, some of them zero, and
//! every operation byte then goes through these weights.
//!
//! ```text
//! profile  machine  ids+slots  class weights (3 bytes)  rare things  rooms  step…
//! step:    operation  [CPU and failure]  operand…  value…
//! ```
//! The steps of the tiny and the scenario profile that are chosen one by one are chosen here too.

use super::Profile;
use super::input::Input;
use super::picture::Picture;
use super::script::Script;
use super::tags::Kind;
use super::values;
use super::weights::Weights;
use crate::program::Header;
use stocktake_model::{Failure, GroupId, Limit, Mode};

/// Read the situation and the weights of an execution; `input` begins behind the profile byte.
pub(super) fn read_header(profile: Profile, input: &mut Input<'_>, header: &mut Header) -> Weights {
    const CPUS: [u8; 8] = [2, 2, 2, 2, 2, 3, 1, 4];
    const IDS: [u16; 16] = [64, 64, 64, 64, 64, 64, 64, 64, 64, 1, 2, 3, 4, 5, 6, 8];
    const SLOTS: [u16; 16] = [1024, 1024, 1024, 1024, 1024, 256, 256, 64, 64, 1, 2, 3, 4, 5, 8, 16];
    let machine = input.byte();
    header.cpus = CPUS[usize::from(machine & 7)];
    header.mode = match machine >> 3 {
        0..26 => Mode::V2,
        26..29 => Mode::V1,
        _ => Mode::V1Flat,
    };
    let small = input.byte();
    // Most scenes need several groups: ids are scarce in a few of them only.
    let plenty = profile == Profile::Scenario && small & 0x30 != 0;
    header.ids = if plenty { IDS[0] } else { IDS[usize::from(small & 15)] };
    header.slots = SLOTS[usize::from(small >> 4)];
    Weights::read(input, header.mode)
}

/// The picture at the start of a program with this header.
pub(super) fn picture(header: &Header) -> Picture {
    Picture::new(header.cpus, header.mode, header.ids, header.slots)
}

/// Write steps until the input is empty or the program is full.
pub(super) fn write(script: &mut Script<'_, '_>) {
    while !script.is_over() {
        script.random_step();
    }
}

impl Script<'_, '_> {
    /// Write the operation that the next bytes choose, after those that it needs.
    #[inline]
    pub(super) fn random_step(&mut self) {
        let choice = self.byte();
        let kind = self.weights.kind(choice);
        self.fail = None;
        // Half of the steps run where the last one ran: what it left in the stocks is there.
        if choice & 0x80 == 0 {
            let place = self.byte();
            self.cpu = self.picture.cpu(place & 7);
            self.fail = match place >> 3 {
                31 if self.weights.alloc => Some(Failure::Alloc),
                30 if self.weights.trylock => Some(Failure::Trylock),
                29 if self.weights.insert => Some(Failure::Insert),
                27 if self.weights.alloc => Some(Failure::Alloc2),
                28 if self.weights.alloc => Some(Failure::Alloc3),
                _ => None,
            };
        }
        self.random_operation(kind);
    }

    fn random_operation(&mut self, kind: Kind) {
        let at = self.cpu;
        match kind {
            Kind::Mkdir if self.picture.groups.len() >= self.weights.groups.end => self.random_rmdir(),
            Kind::Rmdir if self.picture.groups.len() >= self.weights.groups.start => self.random_rmdir(),
            Kind::Mkdir | Kind::Rmdir => {
                let parent = self.some_parent();
                let choice = self.byte();
                let swap_max = if choice & 0xe0 == 0 { values::swap_limit(choice) } else { Limit::MAX };
                self.mkdir(at, parent, values::first_limit(choice), swap_max);
            }
            Kind::SetMax => {
                let group = self.some_limited_group();
                let max = self.limit(group);
                self.set_max(at, group, max);
            }
            Kind::SetSwapMax => {
                let group = self.some_limited_group();
                let max = values::swap_limit(self.byte());
                self.set_swap_max(at, group, max);
            }
            Kind::SetKmemMax => {
                let group = self.some_limited_group();
                let max = values::swap_limit(self.byte());
                self.set_kmem_max(at, group, max);
            }
            Kind::SetMemswMax => {
                let group = self.some_limited_group();
                let max = values::limit(self.byte(), self.picture.memsw(group));
                self.set_memsw_max(at, group, max);
            }
            Kind::Charge => {
                let group = self.some_group();
                let pages = self.pages();
                self.charge(at, group, pages);
            }
            Kind::ChargeForce => {
                let group = self.some_group();
                let pages = self.pages();
                self.charge_force(at, group, pages);
            }
            Kind::Uncharge => {
                let folio = self.some_folio();
                if self.picture.mapped.is_mapped(folio) {
                    self.unmap(at, folio);
                } else {
                    self.uncharge(at, folio);
                }
            }
            Kind::ObjcgFrom => {
                let group = self.some_group();
                self.objcg(at, group);
            }
            Kind::ObjcgGet => {
                let held = self.some_objcg();
                self.objcg_get(at, held);
            }
            Kind::ObjcgPut => {
                let held = self.some_objcg();
                self.objcg_put(at, held);
            }
            Kind::ObjCharge => {
                let objcg = self.some_objcg();
                let bytes = self.bytes();
                self.obj_charge(at, objcg, bytes);
            }
            Kind::ObjChargeForce => {
                let objcg = self.some_objcg();
                let bytes = self.bytes();
                self.obj_charge_force(at, objcg, bytes);
            }
            Kind::ObjUncharge => {
                let object = self.some_object();
                self.obj_uncharge(at, object);
            }
            Kind::SwapOut => {
                let folio = self.some_folio();
                if self.picture.mapped.is_mapped(folio) {
                    self.unmap(at, folio);
                } else {
                    self.swap_out(at, folio);
                }
            }
            Kind::SwapIn => {
                let slot = self.some_slot();
                let faulter = self.some_group();
                self.swap_in(at, slot, faulter);
            }
            Kind::SwapFree => {
                let slot = self.some_slot();
                self.swap_free(at, slot);
            }
            Kind::CacheCreate | Kind::CacheDestroy | Kind::SlabAlloc | Kind::SlabFree => {
                self.random_slab(kind, at)
            }
            Kind::CpuDown => {
                let choice = self.byte();
                match self.picture.other_cpu(at, choice) {
                    Some(target) => self.cpu_down(at, target),
                    None => self.random_cpu_up(choice),
                }
            }
            Kind::CpuUp => {
                let choice = self.byte();
                self.random_cpu_up(choice);
            }
            Kind::CpuIsolate => {
                let target = self.picture.cpu(self.input.byte());
                self.isolate(at, target);
            }
            Kind::CpuUnisolate => {
                let choice = self.byte();
                match self.picture.isolated_cpu(choice) {
                    Some(target) => self.unisolate(at, target),
                    None => self.drain(at),
                }
            }
            Kind::Drain => self.drain(at),
            Kind::DrainAll => {
                let group = self.some_group();
                self.drain_all(at, group);
            }
            Kind::PageFile | Kind::PageAnon | Kind::PageHugetlb | Kind::FreeList => {
                self.random_page(kind, at)
            }
            Kind::ShmemFile
            | Kind::ShmemFault
            | Kind::ShmemLookup
            | Kind::ShmemRead
            | Kind::ShmemLock
            | Kind::ShmemConfirm
            | Kind::ShmemCharge
            | Kind::ShmemInsert
            | Kind::ShmemFinish
            | Kind::ShmemWrite
            | Kind::ShmemOut
            | Kind::ShmemWritten
            | Kind::SwapNotify
            | Kind::ShmemPunch
            | Kind::SwapReclaim
            | Kind::Swapoff => self.random_shmem(kind, at),
            Kind::Map
            | Kind::MapBegin
            | Kind::MapEnd
            | Kind::Unmap
            | Kind::UnmapBegin
            | Kind::UnmapEnd
            | Kind::MoveStart
            | Kind::MovePage
            | Kind::MoveEnd
            | Kind::ForceEmpty => self.random_mapped(kind),
            Kind::Work => self.work(at),
            Kind::Grace => self.grace(at),
            Kind::Quiesce => self.quiesce(at),
            room => self.random_mm_operation(room),
        }
    }

    /// Bring up a CPU that is down; where all are up, drain.
    fn random_cpu_up(&mut self, choice: u8) {
        match self.picture.down_cpu(choice) {
            Some(target) => self.cpu_up(self.cpu, target),
            None => self.drain(self.cpu),
        }
    }

    /// A parent for a new group: root, or a group that is not too deep; seldom one that was removed.
    fn some_parent(&mut self) -> GroupId {
        const DEPTH: u8 = 6;
        let choice = self.byte();
        let chosen = match choice {
            0..0x60 => None,
            0x60..0xf0 => self.picture.groups.choose(choice),
            0xf0.. => self.picture.groups.consumed(choice & 7),
        };
        let mut parent = chosen.map_or(GroupId::ROOT, |group| GroupId(group.into()));
        while self.picture.group(parent).depth >= DEPTH {
            parent = GroupId(self.picture.group(parent).parent.into());
        }
        parent
    }

    /// Remove a group without children, seldom any other, and let some work follow for half of them.
    fn random_rmdir(&mut self) {
        let choice = self.byte();
        let mut group = match choice {
            0xf8.. => self.picture.groups.consumed(choice & 7),
            _ => self.picture.groups.choose(choice),
        };
        if (16..0xf8).contains(&choice) {
            let childless = |group: &u8| self.picture.group(GroupId((*group).into())).children == 0;
            group =
                group.filter(childless).or(self.picture.groups.live().iter().rev().copied().find(childless));
        }
        let group = group.map(|group| GroupId(group.into()));
        match group {
            Some(group) if self.picture.mapped.moves(group) => {
                if let Some((from, to)) = self.picture.mapped.some_move(choice) {
                    self.move_end(self.cpu, from, to);
                }
            }
            Some(group) => {
                self.rmdir(self.cpu, group);
                match choice >> 5 {
                    0 | 1 => self.work(self.cpu),
                    2 => {
                        self.work(self.cpu);
                        self.grace(self.cpu);
                    }
                    3 => {
                        let other = self.picture.cpu(choice);
                        self.work(other);
                    }
                    _ => {}
                }
            }
            None => {
                self.mkdir(self.cpu, GroupId::ROOT, Limit::MAX, Limit::MAX);
            }
        }
    }
}
