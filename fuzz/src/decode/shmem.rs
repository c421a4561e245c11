//! Pages charged and inserted, and files of shmem, in generated programs, and their bytes in the direct profile.

use super::direct::{Reader, create, operand};
use super::encode::{Unencodable, Writer};
use super::input::Input;
use super::picture::Names;
use super::script::Script;
use super::tags::Kind;
use stocktake_model::{ChargeId, CpuId, Failure, FileId, FreeList, GroupId, Op, PageOp, ShmemOp, ShmemStage};

/// In the byte behind a group: a huge page is asked for.
const HUGE_BIT: u8 = 1;

/// What is remembered of files.
pub(super) struct Files {
    pub(super) names: Names,
    /// Bit per CPU that is in the middle of a fault.
    open: u8,
}

impl Files {
    pub(super) fn new() -> Files {
        Files { names: Names::from(0), open: 0 }
    }

    /// CPUs in the middle of a fault, a bit each.
    pub(super) fn busy(&self) -> u8 {
        self.open
    }
}

/// Writing.
impl Script<'_, '_> {
    fn shmem(&mut self, at: CpuId, op: ShmemOp) {
        self.push(at, Op::Shmem(op));
    }

    pub(super) fn page_file(&mut self, at: CpuId, group: GroupId) -> ChargeId {
        self.page(at, group, false, |new| PageOp::File { new, group })
    }

    pub(super) fn page_anon(&mut self, at: CpuId, group: GroupId, huge: bool) -> ChargeId {
        self.page(at, group, huge, |new| PageOp::Anon { new, group, huge })
    }

    fn page(
        &mut self,
        at: CpuId,
        group: GroupId,
        huge: bool,
        op: impl FnOnce(ChargeId) -> PageOp,
    ) -> ChargeId {
        if self.is_full() {
            return ChargeId(0);
        }
        let refused = matches!(self.fail, Some(Failure::Insert)) || self.will_fail() && !huge;
        let fits = self.picture.room(group) >= PageOp::HUGE.0;
        let pages = if huge && fits && !self.will_fail() { PageOp::HUGE.0 } else { 1 };
        let new = ChargeId(self.picture.charge(group, pages, false, refused).into());
        self.push(at, Op::Page(op(new)));
        new
    }

    pub(super) fn page_hugetlb(&mut self, at: CpuId) -> ChargeId {
        if self.is_full() {
            return ChargeId(0);
        }
        let refused = self.will_fail();
        let new = ChargeId(self.picture.charge(GroupId::ROOT, PageOp::HUGE.0, true, refused).into());
        self.push(at, Op::Page(PageOp::Hugetlb { new }));
        new
    }

    pub(super) fn free_list(&mut self, at: CpuId, pages: &[ChargeId]) {
        if let Some(list) = FreeList::new(pages.iter().copied()) {
            for page in list.iter() {
                self.picture.uncharge(page.0 as u8);
            }
            self.push(at, Op::Page(PageOp::FreeList { list }));
        }
    }

    pub(super) fn shmem_file(&mut self, at: CpuId) -> FileId {
        if self.is_full() {
            return FileId(0);
        }
        let new = FileId(self.picture.files.names.define(true).into());
        self.shmem(at, ShmemOp::File { new });
        new
    }

    pub(super) fn shmem_fault(&mut self, at: CpuId, file: FileId, group: GroupId, huge: bool) {
        self.shmem(at, ShmemOp::Fault { file, group, huge });
    }

    pub(super) fn shmem_lookup(&mut self, at: CpuId, file: FileId, group: GroupId, huge: bool) {
        if self.is_full() {
            return;
        }
        let cpu = self.picture.runner(at);
        self.end_fault(cpu);
        // What is written between the stages must not find this CPU busy before the first of them is written.
        let noise = std::mem::take(&mut self.noise);
        self.shmem(cpu, ShmemOp::Lookup { file, group, huge });
        self.noise = noise;
        self.picture.files.open |= 1 << cpu.0;
    }

    /// The stages up to and with `last`, of whatever the lookup has found. Those that do not belong to it are skipped.
    pub(super) fn shmem_stages(&mut self, cpu: CpuId, last: ShmemStage) {
        let open = self.picture.files.open;
        self.picture.files.open &= !(1 << cpu.0);
        for stage in ShmemStage::ALL.into_iter().filter(|&stage| stage <= last) {
            self.shmem(cpu, ShmemOp::Stage(stage));
        }
        if last != ShmemStage::Finish {
            self.picture.files.open |= open & 1 << cpu.0;
        }
    }

    /// End the fault in the middle of which a CPU is, if it is.
    pub(super) fn end_fault(&mut self, cpu: CpuId) {
        if self.picture.files.open & 1 << cpu.0 != 0 {
            let fail = self.fail.take();
            self.shmem_stages(cpu, ShmemStage::Finish);
            self.fail = fail;
        }
    }

    pub(super) fn shmem_write(&mut self, at: CpuId, file: FileId) {
        self.shmem(at, ShmemOp::Write { file });
    }

    pub(super) fn shmem_out(&mut self, at: CpuId, file: FileId) {
        self.shmem(at, ShmemOp::Out { file });
    }

    pub(super) fn shmem_written(&mut self, at: CpuId, file: FileId) {
        self.shmem(at, ShmemOp::Written { file });
    }

    pub(super) fn swap_notify(&mut self, at: CpuId, file: FileId) {
        self.shmem(at, ShmemOp::Notify { file });
    }

    pub(super) fn shmem_punch(&mut self, at: CpuId, file: FileId) {
        self.shmem(at, ShmemOp::Punch { file });
    }

    pub(super) fn swap_reclaim(&mut self, at: CpuId) {
        self.shmem(at, ShmemOp::Reclaim);
    }

    pub(super) fn swapoff(&mut self, at: CpuId, group: GroupId) {
        self.shmem(at, ShmemOp::Swapoff { group });
    }
}

/// Choosing.
impl Script<'_, '_> {
    /// One of the operations on pages that are charged and inserted.
    pub(super) fn random_page(&mut self, kind: Kind, at: CpuId) {
        match kind {
            Kind::PageFile => {
                let group = self.some_group();
                self.page_file(at, group);
            }
            Kind::PageAnon => {
                let group = self.some_group();
                let huge = self.byte() & 3 == 0;
                self.page_anon(at, group, huge);
            }
            Kind::PageHugetlb => {
                self.page_hugetlb(at);
            }
            _ => {
                let many = 2 + usize::from(self.byte() & 3 != 0) + usize::from(self.byte() & 3 == 0);
                let pages: Vec<ChargeId> = (0..many).map(|_| self.some_folio()).collect();
                match pages.iter().find(|page| self.picture.mapped.is_mapped(**page)) {
                    Some(&mapped) => self.unmap(at, mapped),
                    None => self.free_list(at, &pages),
                }
            }
        }
    }

    /// One of the operations on files.
    pub(super) fn random_shmem(&mut self, kind: Kind, at: CpuId) {
        let file = if kind == Kind::ShmemFile { self.first_file(at) } else { self.some_file(at) };
        match kind {
            Kind::ShmemFile | Kind::ShmemFault => {
                let group = self.some_group();
                let huge = self.byte() & 0x1f == 0;
                self.shmem_fault(at, file, group, huge);
            }
            Kind::ShmemLookup => {
                let group = self.some_group();
                let huge = self.byte() & 0xf == 0;
                self.shmem_lookup(at, file, group, huge);
                let depth = self.byte();
                if depth & 0x80 != 0 {
                    let last = ShmemStage::ALL[usize::from(depth & 0x7f) % 5];
                    let cpu = self.picture.runner(at);
                    self.shmem_stages(cpu, last);
                }
                self.cpu = self.picture.cpu(depth);
            }
            Kind::ShmemRead
            | Kind::ShmemLock
            | Kind::ShmemConfirm
            | Kind::ShmemCharge
            | Kind::ShmemInsert
            | Kind::ShmemFinish => {
                let stage = stage_of(kind);
                let choice = self.byte();
                let busy = self.picture.files.busy();
                let mut cpus = (0..8).map(|bit| choice.wrapping_add(bit) & 7);
                match cpus.find(|cpu| busy & 1 << cpu != 0) {
                    Some(cpu) => self.shmem_stages(CpuId(cpu), stage),
                    None => {
                        let group = self.some_group();
                        self.shmem_fault(at, file, group, false);
                    }
                }
            }
            Kind::ShmemWrite => self.shmem_write(at, file),
            Kind::ShmemOut => {
                if self.byte() & 3 == 0 {
                    self.shmem_write(at, file);
                }
                self.shmem_out(at, file);
            }
            Kind::ShmemWritten => self.shmem_written(at, file),
            Kind::SwapNotify => self.swap_notify(at, file),
            Kind::ShmemPunch => self.shmem_punch(at, file),
            Kind::SwapReclaim => self.swap_reclaim(at),
            _ => {
                let group = self.some_group();
                self.swapoff(at, group);
            }
        }
    }

    /// Few files, so that operations meet.
    fn first_file(&mut self, at: CpuId) -> FileId {
        if self.picture.files.names.len() < 4 { self.first(|s| s.shmem_file(at)) } else { self.some_file(at) }
    }

    fn some_file(&mut self, at: CpuId) -> FileId {
        let choice = self.byte();
        match self.picture.files.names.choose(choice) {
            Some(file) => FileId(file.into()),
            None => self.first(|script| {
                let file = script.shmem_file(at);
                let group = script.some_group();
                script.shmem_fault(at, file, group, false);
                file
            }),
        }
    }
}

/// The kind of a stage.
fn stage_of(kind: Kind) -> ShmemStage {
    match kind {
        Kind::ShmemRead => ShmemStage::Read,
        Kind::ShmemLock => ShmemStage::Lock,
        Kind::ShmemConfirm => ShmemStage::Confirm,
        Kind::ShmemCharge => ShmemStage::Charge,
        Kind::ShmemInsert => ShmemStage::Insert,
        _ => ShmemStage::Finish,
    }
}

impl Kind {
    /// The kind of an operation on pages that are charged and inserted.
    pub(super) fn of_page(op: &PageOp) -> Kind {
        match op {
            PageOp::File { .. } => Kind::PageFile,
            PageOp::Anon { .. } => Kind::PageAnon,
            PageOp::Hugetlb { .. } => Kind::PageHugetlb,
            PageOp::FreeList { .. } => Kind::FreeList,
        }
    }

    /// The kind of an operation on files.
    pub(super) fn of_shmem(op: &ShmemOp) -> Kind {
        match op {
            ShmemOp::File { .. } => Kind::ShmemFile,
            ShmemOp::Fault { .. } => Kind::ShmemFault,
            ShmemOp::Lookup { .. } => Kind::ShmemLookup,
            ShmemOp::Stage(stage) => match stage {
                ShmemStage::Read => Kind::ShmemRead,
                ShmemStage::Lock => Kind::ShmemLock,
                ShmemStage::Confirm => Kind::ShmemConfirm,
                ShmemStage::Charge => Kind::ShmemCharge,
                ShmemStage::Insert => Kind::ShmemInsert,
                ShmemStage::Finish => Kind::ShmemFinish,
            },
            ShmemOp::Write { .. } => Kind::ShmemWrite,
            ShmemOp::Out { .. } => Kind::ShmemOut,
            ShmemOp::Written { .. } => Kind::ShmemWritten,
            ShmemOp::Notify { .. } => Kind::SwapNotify,
            ShmemOp::Punch { .. } => Kind::ShmemPunch,
            ShmemOp::Reclaim => Kind::SwapReclaim,
            ShmemOp::Swapoff { .. } => Kind::Swapoff,
        }
    }
}

impl Reader {
    /// The operation of one of the kinds of these rooms; `None` if it is of another, or has no name left.
    pub(super) fn page_or_shmem_op(
        &mut self,
        kind: Kind,
        name: Option<(u8, u16)>,
        input: &mut Input<'_>,
    ) -> Option<Op> {
        let walk = &mut self.walk;
        Some(match kind {
            Kind::PageFile => {
                let group = GroupId(operand(&walk.groups, input));
                Op::Page(PageOp::File { new: ChargeId(create(&mut walk.charges, name)?), group })
            }
            Kind::PageAnon => {
                let group = GroupId(operand(&walk.groups, input));
                let huge = input.byte() & HUGE_BIT != 0;
                Op::Page(PageOp::Anon { new: ChargeId(create(&mut walk.charges, name)?), group, huge })
            }
            Kind::PageHugetlb => {
                Op::Page(PageOp::Hugetlb { new: ChargeId(create(&mut walk.charges, name)?) })
            }
            Kind::FreeList => {
                let many = usize::from(input.byte()) % FreeList::MOST + 1;
                let pages: Vec<ChargeId> =
                    (0..many).map(|_| ChargeId(operand(&walk.charges, input))).collect();
                Op::Page(PageOp::FreeList { list: FreeList::new(pages)? })
            }
            Kind::ShmemFile => Op::Shmem(ShmemOp::File { new: FileId(create(&mut walk.files, name)?) }),
            Kind::ShmemFault | Kind::ShmemLookup => {
                let file = FileId(operand(&walk.files, input));
                let group = GroupId(operand(&walk.groups, input));
                let huge = input.byte() & HUGE_BIT != 0;
                Op::Shmem(match kind {
                    Kind::ShmemFault => ShmemOp::Fault { file, group, huge },
                    _ => ShmemOp::Lookup { file, group, huge },
                })
            }
            Kind::ShmemRead
            | Kind::ShmemLock
            | Kind::ShmemConfirm
            | Kind::ShmemCharge
            | Kind::ShmemInsert
            | Kind::ShmemFinish => Op::Shmem(ShmemOp::Stage(stage_of(kind))),
            Kind::SwapReclaim => Op::Shmem(ShmemOp::Reclaim),
            Kind::Swapoff => Op::Shmem(ShmemOp::Swapoff { group: GroupId(operand(&walk.groups, input)) }),
            _ => {
                let file = FileId(operand(&walk.files, input));
                Op::Shmem(match kind {
                    Kind::ShmemWrite => ShmemOp::Write { file },
                    Kind::ShmemOut => ShmemOp::Out { file },
                    Kind::ShmemWritten => ShmemOp::Written { file },
                    Kind::SwapNotify => ShmemOp::Notify { file },
                    _ => ShmemOp::Punch { file },
                })
            }
        })
    }
}

impl Writer {
    /// The operands of an operation on pages.
    pub(super) fn page_operands(&mut self, op: &PageOp) -> Result<(), Unencodable> {
        match *op {
            PageOp::File { new, group } => {
                self.group(group)?;
                self.walk.charges.give(new.0);
            }
            PageOp::Anon { new, group, huge } => {
                self.group(group)?;
                self.out.push(if huge { HUGE_BIT } else { 0 });
                self.walk.charges.give(new.0);
            }
            PageOp::Hugetlb { new } => self.walk.charges.give(new.0),
            PageOp::FreeList { list } => {
                self.out.push(list.iter().count() as u8 - 1);
                let next = self.walk.charges.next;
                list.iter().try_for_each(|page| self.operand(page.0, next))?;
            }
        }
        Ok(())
    }

    /// The operands of an operation on files.
    pub(super) fn shmem_operands(&mut self, op: &ShmemOp) -> Result<(), Unencodable> {
        let next = self.walk.files.next;
        match *op {
            ShmemOp::File { new } => self.walk.files.give(new.0),
            ShmemOp::Fault { file, group, huge } | ShmemOp::Lookup { file, group, huge } => {
                self.operand(file.0, next)?;
                self.group(group)?;
                self.out.push(if huge { HUGE_BIT } else { 0 });
            }
            ShmemOp::Write { file }
            | ShmemOp::Out { file }
            | ShmemOp::Written { file }
            | ShmemOp::Notify { file }
            | ShmemOp::Punch { file } => self.operand(file.0, next)?,
            ShmemOp::Swapoff { group } => self.group(group)?,
            ShmemOp::Stage(_) | ShmemOp::Reclaim => {}
        }
        Ok(())
    }
}
