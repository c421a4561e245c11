//! Faults: in one, and stage by stage.

use super::super::allowed::{PageCharge, allow};
use super::super::charge::nth_fails;
use super::super::{Model, Skip};
use super::{Entry, PageNo, ShmemCharge};
use crate::{
    Allowed, CpuId, Errno, Failure, FileId, GroupId, Op, Outcome, PageOp, Pages, Reason, ShmemOp, ShmemStage,
    Step, Witness,
};

/// A fault that a CPU is in the middle of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::model) struct Fault {
    pub(super) cpu: CpuId,
    pub(super) file: FileId,
    pub(super) group: GroupId,
    huge: bool,
    /// The slots that the index led to; `None` for a hole.
    number: Option<u32>,
    pub(super) page: Option<PageNo>,
    locked: bool,
    /// It has charged the page, and has not inserted it yet.
    pub(super) tried: bool,
    error: Option<Errno>,
    pub(super) next: ShmemStage,
}

/// What may be asked.
impl Model {
    /// CPUs that are in the middle of a fault, and the stage that comes next on each.
    pub fn open_faults(&self) -> impl Iterator<Item = (CpuId, ShmemStage)> + '_ {
        self.shmem.faults.iter().map(|fault| (fault.cpu, fault.next))
    }

    /// The file that a CPU is in the middle of faulting on.
    pub fn faults_on(&self, cpu: CpuId) -> Option<FileId> {
        self.fault(cpu).map(|fault| fault.file)
    }

    /// The groups of the fault that a CPU is in the middle of: that of the task, that which its page is charged to, and
    /// that which its slots are recorded to.
    pub fn fault_groups(&self, cpu: CpuId) -> impl Iterator<Item = GroupId> + '_ {
        let fault = self.fault(cpu);
        let page = fault.and_then(|fault| self.shmem.page(fault.page?)).and_then(|page| page.paid);
        let swap = fault.and_then(|fault| self.shmem.swap(fault.number?)).and_then(|swap| swap.recorded);
        fault.map(|fault| fault.group).into_iter().chain(page).chain(swap)
    }

    fn fault(&self, cpu: CpuId) -> Option<&Fault> {
        self.shmem.faults.iter().find(|fault| fault.cpu == cpu)
    }

    /// Whether the fault that a CPU is in the middle of would fill a hole with a huge page.
    pub fn fault_tries_huge(&self, cpu: CpuId) -> bool {
        self.fault(cpu).is_some_and(|fault| fault.huge && fault.number.is_none())
    }

    /// The slots that the fault of a CPU reads next, and the group of its task.
    pub(super) fn fault_reads(&self, cpu: CpuId) -> Option<(u32, GroupId)> {
        let fault = self.fault(cpu).filter(|fault| fault.next == ShmemStage::Read)?;
        Some((fault.number?, fault.group))
    }

    /// The slots that the index led to when the fault of a CPU began, and the page that it has.
    pub(super) fn fault_holds(&self, cpu: CpuId) -> Option<(Option<u32>, Option<PageNo>)> {
        self.fault(cpu).map(|fault| (fault.number, fault.page))
    }

    /// The slots and the page of a fault that has inserted that; they are no longer the fault's to give back.
    pub(super) fn fault_inserted(&mut self, cpu: CpuId) -> Option<(u32, PageNo)> {
        let fault = self.fault_mut(cpu).filter(|fault| fault.error.is_none())?;
        Some((fault.number.take()?, fault.page?))
    }

    /// The page that the fault of a CPU has locked, and has no longer.
    pub(super) fn fault_unlocked(&mut self, cpu: CpuId) -> Option<PageNo> {
        let fault = self.fault_mut(cpu).filter(|fault| fault.locked)?;
        fault.locked = false;
        fault.page
    }

    fn fault_mut(&mut self, cpu: CpuId) -> Option<&mut Fault> {
        self.shmem.faults.iter_mut().find(|fault| fault.cpu == cpu)
    }

    /// Whom a page that comes from swap is charged to: the group recorded if that is online, or else the group of the
    /// task that faults.
    pub(super) fn shmem_payer(&self, number: u32, faulter: GroupId) -> GroupId {
        let recorded = self.shmem.swap(number).and_then(|swap| swap.recorded);
        recorded.map_or(faulter, |recorded| self.swap_in_payer(recorded, faulter))
    }

    /// The group that a step of this room asks pages of, and how many; `None` if it charges nothing. Of a huge page in
    /// the place of a hole the small one that is its alternative.
    pub fn shmem_asks(&self, step: &Step) -> Option<(GroupId, Pages)> {
        let Op::Shmem(op) = step.op else { return None };
        let charged_here = |number: u32, group: GroupId, at_read: bool| {
            let swap = self.shmem.swap(number)?;
            let at_swap_cache = self.shmem.rule.charge == ShmemCharge::AtSwapCache;
            let page = swap.cached.and_then(|page| self.shmem.page(page));
            let asks = match page {
                Some(page) => !at_read && page.paid.is_none(),
                None => at_read == at_swap_cache,
            };
            asks.then(|| (self.shmem_payer(number, group), swap.pages))
        };
        match op {
            ShmemOp::Fault { file, group, .. } => match self.shmem.entry(file) {
                Entry::Hole => Some((group, Pages(1))),
                Entry::Page(_) => None,
                Entry::Swap(number) => {
                    charged_here(number, group, false).or_else(|| charged_here(number, group, true))
                }
            },
            ShmemOp::Stage(ShmemStage::Charge) => {
                let fault = self.fault(step.cpu)?;
                match fault.number {
                    None => Some((fault.group, Pages(1))),
                    Some(number) => {
                        let page = self.shmem.page(fault.page?)?;
                        page.paid.is_none().then(|| (self.shmem_payer(number, fault.group), page.pages))
                    }
                }
            }
            ShmemOp::Stage(ShmemStage::Read) => {
                let fault = self.fault(step.cpu)?;
                charged_here(fault.number?, fault.group, true)
            }
            _ => None,
        }
    }
}

/// Rules.
impl Model {
    /// A CPU in the middle of a fault runs only its stages, and is not taken down.
    pub(in crate::model) fn admits_beside_faults(&self, step: &Step) -> Result<(), Skip> {
        let hinders = |fault: &Fault| match step.op {
            Op::Shmem(ShmemOp::Stage(_)) if fault.cpu == step.cpu => false,
            Op::CpuDown { target } => fault.cpu == target || fault.cpu == step.cpu,
            _ => fault.cpu == step.cpu,
        };
        if self.shmem.faults.iter().any(hinders) { Err(Skip::InOperation) } else { Ok(()) }
    }

    pub(super) fn admits_stage(&self, cpu: CpuId, stage: ShmemStage) -> Result<(), Skip> {
        let fault = self.fault(cpu).filter(|fault| fault.next == stage).ok_or(Skip::Absent)?;
        match (stage, fault.page) {
            (ShmemStage::Lock, Some(page)) => self.admits_page_lock(page),
            _ => Ok(()),
        }
    }

    /// Somebody who has a page locked is waited for.
    pub(super) fn admits_swapoff(&self, group: GroupId) -> Result<(), Skip> {
        self.admits_online(group)?;
        let pages = self.shmem.swaps.iter().filter_map(|(_, swap)| swap.cached);
        if pages.into_iter().any(|page| self.shmem.is_locked(page)) { Err(Skip::Waits) } else { Ok(()) }
    }

    pub(super) fn fault_answer(
        &self,
        file: FileId,
        group: GroupId,
        huge: bool,
        fail: Option<Failure>,
    ) -> Outcome {
        let no_memory = Outcome::Refused(Errno::NoMem);
        let found = Outcome::Read(self.shmem.version(file));
        let number = match self.shmem.entry(file) {
            Entry::Page(_) => return found,
            Entry::Hole => return self.hole_answer(group, huge, fail),
            Entry::Swap(number) => number,
        };
        let Some(swap) = self.shmem.swap(number) else { return no_memory };
        let fits = || self.fits(self.shmem_payer(number, group), swap.pages);
        let works = match swap.cached.and_then(|page| self.shmem.page(page)) {
            Some(page) => page.paid.is_some() || fits(),
            // The page has to be allocated and put into the swap cache.
            None => !matches!(fail, Some(Failure::Alloc | Failure::Insert)) && fits(),
        };
        if works { found } else { no_memory }
    }

    /// What can go wrong with a huge page leads to a small one.
    fn hole_answer(&self, group: GroupId, huge: bool, fail: Option<Failure>) -> Outcome {
        let (small, huge_fits) = (self.fits(group, Pages(1)), self.fits(group, PageOp::HUGE));
        let inserts = fail != Some(Failure::Insert);
        if !huge {
            return if inserts && !nth_fails(fail, 1) && small {
                Outcome::Read(0)
            } else {
                Outcome::Refused(Errno::NoMem)
            };
        }
        let charged = !nth_fails(fail, 1) && huge_fits;
        if charged && inserts {
            Outcome::Read(0)
        } else if small && !nth_fails(fail, 2) && (charged || inserts) {
            Outcome::Small
        } else {
            // An insertion that fails after a small page was charged is the last chance.
            Outcome::Refused(Errno::NoMem)
        }
    }

    pub(super) fn stage_answer(&self, cpu: CpuId, stage: ShmemStage, fail: Option<Failure>) -> Outcome {
        let Some(fault) = self.fault(cpu) else { return Outcome::Refused(Errno::NoDev) };
        match stage {
            ShmemStage::Read => self.read_answer(fault, fail),
            ShmemStage::Lock => Outcome::Done,
            ShmemStage::Confirm => if_or_exist(self.is_confirmed(fault)),
            ShmemStage::Charge => self.charge_stage_answer(fault, fail),
            ShmemStage::Insert => {
                if fault.number.is_none() && fail == Some(Failure::Insert) {
                    return Outcome::Refused(Errno::NoMem);
                }
                if_or_exist(self.is_unchanged(fault))
            }
            ShmemStage::Finish => match fault.error {
                None => Outcome::Read(self.shmem.version(fault.file)),
                // Whatever has failed: who finds the index changed looks again.
                Some(_) if fault.number.is_some() && !self.is_unchanged(fault) => {
                    Outcome::Refused(Errno::Exist)
                }
                Some(errno) => Outcome::Refused(errno),
            },
        }
    }

    fn read_answer(&self, fault: &Fault, fail: Option<Failure>) -> Outcome {
        let Some((number, swap)) = fault.number.and_then(|number| Some((number, self.shmem.swap(number)?)))
        else {
            return Outcome::Refused(Errno::Exist);
        };
        if swap.cached.is_some() {
            return Outcome::Done;
        }
        let payer = self.shmem_payer(number, fault.group);
        let charges = self.shmem.rule.charge == ShmemCharge::AtSwapCache;
        if matches!(fail, Some(Failure::Alloc | Failure::Insert)) || charges && !self.fits(payer, swap.pages)
        {
            Outcome::Refused(Errno::NoMem)
        } else if charges {
            Outcome::To(payer)
        } else {
            Outcome::Done
        }
    }

    /// The page is the swap cache's for the slots, and the index leads to them.
    fn is_confirmed(&self, fault: &Fault) -> bool {
        let swap = fault.number.and_then(|number| self.shmem.swap(number));
        swap.is_some_and(|swap| swap.cached == fault.page) && self.is_unchanged(fault)
    }

    /// The index has what the lookup found.
    fn is_unchanged(&self, fault: &Fault) -> bool {
        self.shmem.entry(fault.file) == fault.number.map_or(Entry::Hole, Entry::Swap)
    }

    fn charge_stage_answer(&self, fault: &Fault, fail: Option<Failure>) -> Outcome {
        let no_memory = Outcome::Refused(Errno::NoMem);
        let Some(number) = fault.number else {
            let small_fails = nth_fails(fail, if fault.huge { 2 } else { 1 });
            return if fault.huge && !nth_fails(fail, 1) && self.fits(fault.group, PageOp::HUGE) {
                Outcome::To(fault.group)
            } else if !small_fails && self.fits(fault.group, Pages(1)) {
                if fault.huge { Outcome::Small } else { Outcome::To(fault.group) }
            } else {
                no_memory
            };
        };
        let Some(page) = fault.page.and_then(|page| self.shmem.page(page)) else { return no_memory };
        if let Some(group) = page.paid {
            return Outcome::To(group);
        }
        let payer = self.shmem_payer(number, fault.group);
        if self.fits(payer, page.pages) { Outcome::To(payer) } else { no_memory }
    }

    /// Legal besides the model's own answer.
    pub(in crate::model) fn shmem_allowed(
        &self,
        allowed: &mut Allowed,
        step: &Step,
        op: &ShmemOp,
        witness: &dyn Witness,
    ) {
        match *op {
            ShmemOp::Punch { file } if self.may_strand(file, step.fail) => {
                return allow(allowed, Outcome::Stranded, Reason::Stranded);
            }
            ShmemOp::Out { file } => {
                for answer in self.shmem_out_answers(file, step.fail).skip(1) {
                    if allowed.exact != [Outcome::Refused(Errno::Busy)] {
                        allow(allowed, answer, Reason::Offlining);
                    }
                }
            }
            ShmemOp::Swapoff { .. } => return self.swapoff_allowed(allowed, witness),
            _ => {}
        }
        let Some((group, asked)) = self.shmem_asks(step) else { return };
        let unbypassed = step.fail != Some(Failure::Trylock);
        let from_stock = unbypassed && witness.local_pages() >= asked;
        let fails = self.shmem_fails(step, op);
        let success = match *op {
            ShmemOp::Fault { file, .. } => Outcome::Read(self.shmem.version(file)),
            _ => Outcome::To(group),
        };
        let huge = match *op {
            ShmemOp::Fault { file, huge, .. } => huge && self.shmem.entry(file) == Entry::Hole,
            _ => self.fault(step.cpu).is_some_and(|fault| fault.huge && fault.number.is_none()),
        };
        if huge {
            // A huge page that meets what is cached leaves the injected failure to the small one.
            let only_small = step.fail == Some(Failure::Insert) && allowed.exact == [Outcome::Small];
            if only_small && self.refused_by_cached(group, PageOp::HUGE, witness) {
                allow(allowed, Outcome::Refused(Errno::NoMem), Reason::RemoteStock);
            }
            return self.huge_allowed(allowed, success, step, group, witness);
        }
        if !fails {
            self.allow_cached(allowed, success, &PageCharge { group, asked, from_stock }, witness);
        }
    }

    /// Any of the pages that are charged on the way may meet what is cached, or be served by this CPU's stock.
    fn swapoff_allowed(&self, allowed: &mut Allowed, witness: &dyn Witness) {
        let no_memory = Outcome::Refused(Errno::NoMem);
        let most = self.shmem.swaps.iter().map(|(_, swap)| swap.pages).max().unwrap_or(Pages(0));
        let meets = |(index, _): (usize, &super::super::Group)| {
            u16::try_from(index).is_ok_and(|id| self.refused_by_cached(GroupId(id), most, witness))
        };
        if allowed.exact.contains(&no_memory) {
            if witness.local_pages() > Pages(0) {
                allow(allowed, Outcome::Done, Reason::StockHitOverMax);
            }
        } else if self.groups.iter().any(meets) {
            allow(allowed, no_memory, Reason::RemoteStock);
        }
    }

    /// Whether the injected failure takes away the page that a step would have made.
    fn shmem_fails(&self, step: &Step, op: &ShmemOp) -> bool {
        match *op {
            ShmemOp::Fault { file, .. } => {
                let made = self.shmem.page_of(file).is_none();
                made && matches!(step.fail, Some(Failure::Alloc | Failure::Insert))
            }
            ShmemOp::Stage(ShmemStage::Read) => matches!(step.fail, Some(Failure::Alloc | Failure::Insert)),
            _ => {
                let hole = self.fault(step.cpu).is_some_and(|fault| fault.number.is_none());
                hole && step.fail == Some(Failure::Alloc)
            }
        }
    }
}

fn if_or_exist(works: bool) -> Outcome {
    if works { Outcome::Done } else { Outcome::Refused(Errno::Exist) }
}

/// Effects.
impl Model {
    /// A whole fault: what is left of it when it is over.
    pub(super) fn faulted(&mut self, file: FileId, group: GroupId, huge: bool, observed: Outcome) {
        let small = observed == Outcome::Small;
        if !small && !matches!(observed, Outcome::Read(_)) {
            return;
        }
        match self.shmem.entry(file) {
            Entry::Page(_) => {}
            Entry::Hole => {
                let pages = if huge && !small { PageOp::HUGE } else { Pages(1) };
                let page = self.make_page(pages, 0);
                self.pay(page, group);
                self.shmem.set_entry(file, Entry::Page(page));
            }
            Entry::Swap(number) => {
                let payer = self.shmem_payer(number, group);
                let Some(page) = self.cached_page(number) else { return };
                self.pay(page, payer);
                self.swapped_in(file, number, page);
            }
        }
    }

    /// The page that the swap cache has for some slots, read into it if need be.
    pub(super) fn cached_page(&mut self, number: u32) -> Option<PageNo> {
        let swap = self.shmem.swap(number)?;
        if let Some(page) = swap.cached {
            return Some(page);
        }
        let (pages, version) = (swap.pages, swap.version);
        let page = self.make_page(pages, version);
        if let Some(found) = self.shmem.page_mut(page) {
            found.fresh = true;
        }
        self.shmem.swap_mut(number)?.cached = Some(page);
        Some(page)
    }

    /// A page leaves the swap cache for the index; its slots are free.
    fn swapped_in(&mut self, file: FileId, number: u32, page: PageNo) {
        self.hold_page(page);
        self.shmem.set_entry(file, Entry::Page(page));
        self.unreference(number);
        self.uncache(number);
        if let Some(page) = self.shmem.page_mut(page) {
            (page.fresh, page.writeback) = (false, false);
        }
    }

    pub(super) fn looked_up(&mut self, cpu: CpuId, file: FileId, group: GroupId, huge: bool) {
        let (number, next) = match self.shmem.entry(file) {
            Entry::Page(_) => return,
            Entry::Hole => (None, ShmemStage::Charge),
            Entry::Swap(number) => (Some(number), ShmemStage::Read),
        };
        let (page, locked, tried, error) = (None, false, false, None);
        self.shmem.faults.push(Fault { cpu, file, group, huge, number, page, locked, tried, error, next });
    }

    pub(super) fn staged(&mut self, cpu: CpuId, stage: ShmemStage, fail: Option<Failure>, observed: Outcome) {
        if let (Outcome::Refused(errno), true) = (observed, stage != ShmemStage::Finish) {
            return self.stage_failed(cpu, stage, fail, errno);
        }
        let Some(fault) = self.fault(cpu).cloned() else { return };
        let next = match stage {
            ShmemStage::Read => {
                let Some(page) = fault.number.and_then(|number| self.cached_page(number)) else { return };
                if let Outcome::To(payer) = observed {
                    self.pay(page, payer);
                    self.hand_back(fault.number);
                }
                self.hold_page(page);
                self.set_fault_page(cpu, page);
                ShmemStage::Lock
            }
            ShmemStage::Lock => {
                self.lock_fault_page(cpu);
                ShmemStage::Confirm
            }
            ShmemStage::Confirm => {
                if let Some(page) = fault.page.and_then(|page| self.shmem.page_mut(page)) {
                    page.writeback = false;
                }
                ShmemStage::Charge
            }
            ShmemStage::Charge => {
                let payer = if let Outcome::To(payer) = observed { payer } else { fault.group };
                let tried =
                    fault.page.and_then(|page| self.shmem.page(page)).is_none_or(|page| page.paid.is_none());
                match fault.page {
                    Some(page) => {
                        self.pay(page, payer);
                        if self.shmem.rule.charge != ShmemCharge::AtChargeUntilInserted {
                            self.hand_back(fault.number);
                        }
                    }
                    None => {
                        let huge = fault.huge && observed != Outcome::Small;
                        let page = self.make_page(if huge { PageOp::HUGE } else { Pages(1) }, 0);
                        self.pay(page, payer);
                        self.set_fault_page(cpu, page);
                        self.lock_fault_page(cpu);
                    }
                }
                if let Some(fault) = self.fault_mut(cpu) {
                    fault.huge &= observed != Outcome::Small;
                    fault.tried = tried;
                }
                ShmemStage::Insert
            }
            ShmemStage::Insert => {
                let Some(page) = fault.page else { return };
                self.hold_page(page);
                self.hand_back(fault.number);
                self.shmem.set_entry(fault.file, Entry::Page(page));
                if let Some(number) = fault.number
                    && let Some(swap) = self.shmem.swap_mut(number)
                {
                    // Nothing can reach the slots, but they are given back by the finish.
                    swap.referenced = true;
                }
                ShmemStage::Finish
            }
            ShmemStage::Finish => return self.finished(cpu),
        };
        if let Some(fault) = self.fault_mut(cpu) {
            fault.next = next;
        }
    }

    fn set_fault_page(&mut self, cpu: CpuId, page: PageNo) {
        if let Some(fault) = self.fault_mut(cpu) {
            fault.page = Some(page);
        }
    }

    fn lock_fault_page(&mut self, cpu: CpuId) {
        let Some(fault) = self.fault_mut(cpu) else { return };
        fault.locked = true;
        if let Some(page) = fault.page.and_then(|page| self.shmem.page_mut(page)) {
            page.locked = true;
        }
    }

    fn stage_failed(&mut self, cpu: CpuId, stage: ShmemStage, fail: Option<Failure>, errno: Errno) {
        let until_inserted = self.shmem.rule.charge == ShmemCharge::AtChargeUntilInserted;
        let Some(fault) = self.fault_mut(cpu) else { return };
        fault.error = Some(errno);
        fault.next = ShmemStage::Finish;
        if let (ShmemStage::Charge, Some(number)) = (stage, fault.number) {
            return self.charge_refused(number);
        }
        if stage != ShmemStage::Insert {
            return;
        }
        let again =
            fault.huge && fault.number.is_none() && fail == Some(Failure::Insert) && errno == Errno::NoMem;
        if again {
            // After a huge page a small one.
            (fault.huge, fault.error, fault.locked, fault.next) = (false, None, false, ShmemStage::Charge);
            if let Some(page) = fault.page.take() {
                self.put(page);
            }
        } else if until_inserted
            && fault.tried
            && let Some(page) = fault.page
        {
            self.unpay(page);
        }
    }

    fn finished(&mut self, cpu: CpuId) {
        let Some(at) = self.shmem.faults.iter().position(|fault| fault.cpu == cpu) else { return };
        let fault = self.shmem.faults.remove(at);
        let Some(page) = fault.page else { return };
        if fault.locked
            && let Some(page) = self.shmem.page_mut(page)
        {
            page.locked = false;
        }
        if let (None, Some(number)) = (fault.error, fault.number) {
            self.unreference(number);
            self.uncache(number);
            if let Some(page) = self.shmem.page_mut(page) {
                page.fresh = false;
            }
        }
        self.put(page);
    }
}
