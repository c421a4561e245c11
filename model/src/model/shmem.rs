//! Files of shmem: what each contains, where that is, and who pays for it.
//!
//! A file contains a *version*: the number of the last write, or 0 in a hole. A fault answers it, whatever the page has
//! been through meanwhile. The version is in a page, in swap slots, or in both while the swap cache has the page.
//!
//! Slots are free when no index entry leads to them and the swap cache has no page for them. A hole that is punched
//! while a page of the swap cache is locked or under writeback may leave that page there: nothing leads to it any
//! more, and it is *stranded*, until the swap cache is reclaimed. It and its slots are paid for as long.
//!
//! When a page that comes from swap is charged, and whether a punch waits for a page lock, is [`ShmemRule`]'s: the
//! designs differ, and either is right. [`stages`] has faults, [`parts`] what operations do one thing after the other,
//! [`slots`] how slots and pages of the swap cache come free, [`swapoff`] that, [`memsw`] what differs in v1, this file everything else.

mod memsw;
mod parts;
mod slots;
mod stages;
mod swapoff;

use super::pages::Folio;
use super::swap::Slot;
use super::{Model, Skip};
use crate::{CpuId, Errno, Failure, FileId, GroupId, Mode, Outcome, Pages, ShmemOp};
pub use memsw::ShmemPlace;
pub use parts::{ShmemIndex, ShmemPage};
pub(super) use stages::Fault;

/// What the specification leaves to the design.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShmemRule {
    /// When a page that comes from swap is charged.
    pub charge: ShmemCharge,
    /// A hole punch waits for the lock of a page in the swap cache.
    pub punch_waits: bool,
}

/// When a page that comes from swap is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ShmemCharge {
    /// When it is read into the swap cache. There it stays if it cannot be inserted; in all the others it is taken out.
    #[default]
    AtSwapCache,
    /// In the stage of that name. It stays charged if it cannot be inserted.
    AtCharge,
    /// In the stage of that name. A page that cannot be charged is taken out of the swap cache.
    AtChargeOrDropped,
    /// In the stage of that name. The charge is cancelled if it cannot be inserted.
    AtChargeUntilInserted,
}

/// What an index entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    Hole,
    Swap(u32),
    Page(PageNo),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct File {
    entry: Entry,
    /// What a fault has to find.
    version: u32,
    /// Versions are never used again, so that an old one is known as such.
    written: u32,
}

/// From here on numbers stand for slots whose own number is not known yet.
const UNKNOWN: u32 = 1 << 31;

/// Number of a page in the model's own table.
type PageNo = usize;

/// A page of shmem: in an index, in the swap cache, or in the hands of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Page {
    pages: Pages,
    /// The charge, if it is charged.
    paid: Option<GroupId>,
    /// The version that it contains.
    version: u32,
    dirty: bool,
    writeback: bool,
    locked: bool,
    /// It was read from swap, and has not been in the index since: nobody can write to it.
    fresh: bool,
    /// Index entry, swap cache and faults that hold it.
    holders: u32,
}

/// The slots of a swapped-out page, by the number of the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Swap {
    pages: Pages,
    /// Who pays for them. Nobody, while the page that the swap cache has for them is charged in v1.
    recorded: Option<GroupId>,
    /// An index entry leads to it.
    referenced: bool,
    /// What the swap cache has.
    cached: Option<PageNo>,
    /// Somebody reads the page, who has told so: the swap cache will have it, and the slots are kept.
    reading: bool,
    /// The version that is in the slots.
    version: u32,
}

/// All of it. Tables grow with what is used, so that programs without files pay nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shmem {
    rule: ShmemRule,
    files: super::Names<File>,
    pages: Vec<Option<Page>>,
    /// By the number of their first slot.
    swaps: Vec<(u32, Swap)>,
    /// How often pages were swapped out.
    taken: u32,
    faults: Vec<Fault>,
}

impl Shmem {
    pub(super) fn clear(&mut self) {
        self.rule = ShmemRule::default();
        self.files.clear();
        self.pages.clear();
        self.swaps.clear();
        self.taken = 0;
        self.faults.clear();
    }

    fn page(&self, page: PageNo) -> Option<&Page> {
        self.pages.get(page)?.as_ref()
    }

    fn page_mut(&mut self, page: PageNo) -> Option<&mut Page> {
        self.pages.get_mut(page)?.as_mut()
    }

    fn swap(&self, number: u32) -> Option<&Swap> {
        self.swaps.iter().find(|(first, _)| *first == number).map(|(_, swap)| swap)
    }

    fn swap_mut(&mut self, number: u32) -> Option<&mut Swap> {
        self.swaps.iter_mut().find(|(first, _)| *first == number).map(|(_, swap)| swap)
    }

    fn entry(&self, file: FileId) -> Entry {
        self.files.get(file.index()).map_or(Entry::Hole, |file| file.entry)
    }

    fn set_entry(&mut self, file: FileId, entry: Entry) {
        if let Some(file) = self.files.get_mut(file.index()) {
            file.entry = entry;
        }
    }

    /// What a fault on a file has to find.
    fn version(&self, file: FileId) -> u32 {
        self.files.get(file.index()).map_or(0, |file| file.version)
    }

    /// The page that a file has, in its index or in the swap cache.
    fn page_of(&self, file: FileId) -> Option<PageNo> {
        match self.entry(file) {
            Entry::Hole => None,
            Entry::Page(page) => Some(page),
            Entry::Swap(number) => self.swap(number)?.cached,
        }
    }

    fn is_locked(&self, page: PageNo) -> bool {
        self.page(page).is_some_and(|page| page.locked)
    }
}

/// What may be asked.
impl Model {
    /// What the design says of shmem.
    pub fn shmem_by(&mut self, rule: ShmemRule) {
        self.shmem.rule = rule;
    }

    /// The version that a fault on a file has to find; the next write makes the one after
    /// [`Model::shmem_versions`].
    pub fn shmem_version(&self, file: FileId) -> u32 {
        self.shmem.version(file)
    }

    /// Versions that have been written to a file so far.
    pub fn shmem_versions(&self, file: FileId) -> u32 {
        self.shmem.files.get(file.index()).map_or(0, |file| file.written)
    }

    /// Files, by ascending number.
    pub fn shmem_files(&self) -> impl Iterator<Item = FileId> + '_ {
        self.shmem.files.iter().filter_map(|(index, _)| Some(FileId(u16::try_from(index).ok()?)))
    }

    /// Whether there are files at all.
    pub fn shmem_used(&self) -> bool {
        self.shmem.files.len() > 0
    }

    /// First slots of what is stranded: nothing leads to them, but the swap cache has a page for them.
    pub fn stranded(&self) -> impl Iterator<Item = u32> + '_ {
        self.shmem.swaps.iter().filter(|(_, swap)| !swap.referenced).map(|(number, _)| *number)
    }

    /// First slots of what the swap cache has a page for.
    pub fn swap_cached(&self) -> impl Iterator<Item = u32> + '_ {
        self.shmem.swaps.iter().filter(|(_, swap)| swap.cached.is_some()).map(|(number, _)| *number)
    }

    /// The first slot of a file that is swapped out, and the group recorded for it, if one is.
    pub fn swapped_file(&self, file: FileId) -> Option<(u32, Option<GroupId>)> {
        let Entry::Swap(number) = self.shmem.entry(file) else { return None };
        self.shmem.swap(number).map(|swap| (number, swap.recorded))
    }

    /// How large the page of a file is, if it has one.
    pub fn shmem_pages(&self, file: FileId) -> Option<Pages> {
        self.shmem.page_of(file).and_then(|page| self.shmem.page(page)).map(|page| page.pages)
    }

    /// The group that the page of a file is charged to, if it has one that is charged.
    pub fn shmem_owner(&self, file: FileId) -> Option<GroupId> {
        self.shmem.page_of(file).and_then(|page| self.shmem.page(page)).and_then(|page| page.paid)
    }
}

/// Groups that have to do with files.
impl Model {
    /// Every group that slots of files are recorded to, or that pages of files are charged to; some more than once.
    pub fn shmem_groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        let recorded = self.shmem.swaps.iter().filter_map(|(_, swap)| swap.recorded);
        recorded.chain(self.shmem.pages.iter().flatten().filter_map(|page| page.paid))
    }
}

/// What the harness has seen.
impl Model {
    /// The swap cache no longer has a page for these slots, though nothing that the model knows of took it away: a
    /// design may clear the swap cache earlier than it has to. What was stranded is free.
    pub fn swap_cache_dropped(&mut self, number: u32) {
        self.uncache(number);
    }

    /// The swap cache has been reclaimed, and no fault is under way: where a run ends.
    pub fn shmem_at_rest(&mut self) {
        self.reclaim_swap_cache();
    }
}

/// Rules.
impl Model {
    pub(super) fn admits_page_lock(&self, page: PageNo) -> Result<(), Skip> {
        if self.shmem.is_locked(page) { Err(Skip::Waits) } else { Ok(()) }
    }

    /// Nobody removes the group of a task that is in the middle of a fault: the task is in it.
    pub(super) fn admits_out_of_faults(&self, group: GroupId) -> Result<(), Skip> {
        if self.shmem.faults.iter().any(|fault| fault.group == group) {
            Err(Skip::InOperation)
        } else {
            Ok(())
        }
    }

    pub(super) fn admits_shmem(&self, cpu: CpuId, op: &ShmemOp) -> Result<(), Skip> {
        let file = match *op {
            ShmemOp::File { new } => return self.shmem.files.fresh(new.index()),
            ShmemOp::Reclaim => return Ok(()),
            ShmemOp::Swapoff { group } => return self.admits_swapoff(group),
            ShmemOp::Stage(stage) => return self.admits_stage(cpu, stage),
            ShmemOp::Fault { file, group, .. } | ShmemOp::Lookup { file, group, .. } => {
                self.admits_online(group)?;
                file
            }
            ShmemOp::Write { file }
            | ShmemOp::Out { file }
            | ShmemOp::Written { file }
            | ShmemOp::Notify { file }
            | ShmemOp::Punch { file } => file,
        };
        let entry = self.shmem.files.live(file.index())?.entry;
        let page = self.shmem.page_of(file);
        let found = page.and_then(|page| self.shmem.page(page));
        match *op {
            // A page in the index is looked at under its lock.
            ShmemOp::Lookup { .. } => match entry {
                Entry::Page(page) => self.admits_page_lock(page),
                Entry::Hole | Entry::Swap(_) => Ok(()),
            },
            ShmemOp::Fault { .. } => page.map_or(Ok(()), |page| self.admits_page_lock(page)),
            ShmemOp::Write { .. } => {
                if found.is_some_and(|page| !page.fresh) {
                    Ok(())
                } else {
                    Err(Skip::Absent)
                }
            }
            ShmemOp::Out { .. } => {
                if matches!(entry, Entry::Page(_)) {
                    Ok(())
                } else {
                    Err(Skip::Absent)
                }
            }
            ShmemOp::Written { .. } => {
                if found.is_some_and(|page| page.writeback) {
                    Ok(())
                } else {
                    Err(Skip::NoChange)
                }
            }
            ShmemOp::Notify { .. } => {
                let read = found.is_some_and(|page| page.fresh && !page.dirty && !page.writeback);
                if read { Ok(()) } else { Err(Skip::NoChange) }
            }
            ShmemOp::Punch { .. } => match (entry, page) {
                (Entry::Hole, _) => Err(Skip::NoChange),
                (Entry::Swap(_), Some(page)) if self.shmem.rule.punch_waits => self.admits_page_lock(page),
                (Entry::Swap(_), _) => Ok(()),
                (Entry::Page(page), _) => self.admits_page_lock(page),
            },
            _ => Ok(()),
        }
    }

    pub(super) fn shmem_answer(&self, cpu: CpuId, op: &ShmemOp, fail: Option<Failure>) -> Outcome {
        match *op {
            ShmemOp::Fault { file, group, huge } => self.fault_answer(file, group, huge, fail),
            ShmemOp::Lookup { file, .. } => match self.shmem.entry(file) {
                Entry::Page(_) => Outcome::Read(self.shmem.version(file)),
                Entry::Hole | Entry::Swap(_) => Outcome::Done,
            },
            ShmemOp::Stage(stage) => self.stage_answer(cpu, stage, fail),
            ShmemOp::Out { file } => self.shmem_out_answers(file, fail).next().unwrap_or(Outcome::Done),
            ShmemOp::Swapoff { group } => self.swapoff_answer(group, fail),
            ShmemOp::File { .. }
            | ShmemOp::Write { .. }
            | ShmemOp::Written { .. }
            | ShmemOp::Notify { .. }
            | ShmemOp::Punch { .. }
            | ShmemOp::Reclaim => Outcome::Done,
        }
    }

    /// As of a folio that is swapped out; somebody who has the page locked keeps it. First today's answer.
    pub(super) fn shmem_out_answers(
        &self,
        file: FileId,
        fail: Option<Failure>,
    ) -> impl Iterator<Item = Outcome> + '_ {
        let page = self.shmem.page_of(file).and_then(|page| self.shmem.page(page));
        let busy = fail == Some(Failure::Trylock) || page.is_none_or(|page| page.locked);
        let found = page.filter(|_| !busy).and_then(|page| Some((page.paid?, page.pages)));
        let v1 = self.config.mode != Mode::V2;
        let payers = found
            .into_iter()
            .flat_map(|(group, pages)| self.swap_payers(group).map(move |payer| (payer, pages)))
            .take(if v1 { 1 } else { usize::MAX });
        let answers = payers.map(move |(payer, pages)| match self.swap_out_answer_for(payer, pages) {
            Outcome::To(_) if fail == Some(Failure::Insert) => Outcome::Refused(Errno::NoMem),
            // The page goes on paying.
            Outcome::To(_) if v1 => Outcome::Done,
            answer => answer,
        });
        busy.then_some(Outcome::Refused(Errno::Busy)).into_iter().chain(answers)
    }

    /// A punch may leave a page of the swap cache behind that somebody has locked, or that is being written.
    pub(super) fn may_strand(&self, file: FileId, fail: Option<Failure>) -> bool {
        let Entry::Swap(_) = self.shmem.entry(file) else { return false };
        let page = self.shmem.page_of(file).and_then(|page| self.shmem.page(page));
        page.is_some_and(|page| page.locked || page.writeback || fail == Some(Failure::Trylock))
    }
}

/// Effects.
impl Model {
    pub(super) fn commit_shmem(
        &mut self,
        cpu: CpuId,
        op: &ShmemOp,
        fail: Option<Failure>,
        observed: Outcome,
    ) {
        match (*op, observed) {
            (ShmemOp::File { new }, Outcome::Done) => {
                self.shmem.files.make(new.index(), File { entry: Entry::Hole, version: 0, written: 0 });
            }
            (ShmemOp::Fault { file, .. }, Outcome::Refused(_)) => self.fault_refused(file, fail),
            (ShmemOp::Fault { file, group, huge }, observed) => self.faulted(file, group, huge, observed),
            (ShmemOp::Lookup { file, group, huge }, Outcome::Done) => self.looked_up(cpu, file, group, huge),
            (ShmemOp::Stage(stage), observed) => self.staged(cpu, stage, fail, observed),
            (ShmemOp::Write { file }, Outcome::Done) => self.written_to(file),
            (ShmemOp::Out { file }, Outcome::To(recorded)) => self.swapped_out(file, Some(recorded)),
            (ShmemOp::Out { file }, Outcome::Done) => self.swapped_out(file, None),
            (ShmemOp::Written { file }, Outcome::Done) => {
                if let Some(page) = self.shmem.page_of(file).and_then(|page| self.shmem.page_mut(page)) {
                    page.writeback = false;
                }
            }
            (ShmemOp::Notify { file }, Outcome::Done) => {
                if let Some(page) = self.shmem.page_of(file).and_then(|page| self.shmem.page_mut(page)) {
                    page.dirty = true;
                }
                if let Entry::Swap(number) = self.shmem.entry(file)
                    && let Some(swap) = self.shmem.swap_mut(number)
                {
                    swap.version = 0;
                }
            }
            (ShmemOp::Punch { file }, Outcome::Done) => self.punched(file, false),
            (ShmemOp::Punch { file }, Outcome::Stranded) => self.punched(file, true),
            // It passes over what is locked.
            (ShmemOp::Reclaim, _) if fail == Some(Failure::Trylock) => {}
            (ShmemOp::Reclaim, Outcome::Done) => self.reclaim_swap_cache(),
            (ShmemOp::Swapoff { group }, observed) => self.swapped_off(group, observed),
            _ => {}
        }
    }

    fn written_to(&mut self, file: FileId) {
        let Some(found) = self.shmem.files.get_mut(file.index()) else { return };
        found.written += 1;
        found.version = found.written;
        let version = found.version;
        if let Some(page) = self.shmem.page_of(file).and_then(|page| self.shmem.page_mut(page)) {
            page.version = version;
            page.dirty = true;
        }
    }

    /// The number of the slots is not known yet: [`Model::swapped_to`] tells.
    fn swapped_out(&mut self, file: FileId, recorded: Option<GroupId>) {
        let Entry::Page(page) = self.shmem.entry(file) else { return };
        let Some(found) = self.shmem.page_mut(page) else { return };
        found.dirty = false;
        found.writeback = true;
        let (pages, version) = (found.pages, found.version);
        match recorded {
            // A machine under test that records a group which is not there is caught by others.
            Some(recorded) if self.groups.get(recorded.index()).is_none() => return,
            Some(recorded) => self.take_slots(Slot { recorded, pages }),
            None => self.slots_used += pages.0,
        }
        let swap = Swap { pages, recorded, referenced: true, cached: Some(page), reading: false, version };
        let number = UNKNOWN + self.shmem.taken;
        self.shmem.taken += 1;
        self.shmem.swaps.push((number, swap));
        self.shmem.set_entry(file, Entry::Swap(number));
    }

    /// The first of the slots that a file has just been swapped out to. `false` if they are in use already: then nobody
    /// can have been given them now.
    pub fn swapped_to(&mut self, file: FileId, number: u32) -> bool {
        let Entry::Swap(unknown) = self.shmem.entry(file) else { return true };
        if unknown < UNKNOWN {
            return true;
        }
        if self.shmem.swap(number).is_some() {
            return false;
        }
        self.shmem.set_entry(file, Entry::Swap(number));
        if let Some((first, _)) = self.shmem.swaps.iter_mut().find(|(first, _)| *first == unknown) {
            *first = number;
        }
        true
    }

    fn punched(&mut self, file: FileId, stranded: bool) {
        let entry = self.shmem.entry(file);
        self.shmem.set_entry(file, Entry::Hole);
        if let Some(file) = self.shmem.files.get_mut(file.index()) {
            file.version = 0;
        }
        match entry {
            Entry::Hole => {}
            Entry::Page(page) => self.put(page),
            Entry::Swap(number) => {
                self.unreference(number);
                if !stranded {
                    self.uncache(number);
                }
            }
        }
    }

    /// A new page with one holder.
    fn make_page(&mut self, pages: Pages, version: u32) -> PageNo {
        let page = Page {
            pages,
            paid: None,
            version,
            dirty: false,
            writeback: false,
            locked: false,
            fresh: false,
            holders: 1,
        };
        match self.shmem.pages.iter().position(Option::is_none) {
            Some(free) => {
                self.shmem.pages[free] = Some(page);
                free
            }
            None => {
                self.shmem.pages.push(Some(page));
                self.shmem.pages.len() - 1
            }
        }
    }

    fn hold_page(&mut self, page: PageNo) {
        if let Some(page) = self.shmem.page_mut(page) {
            page.holders += 1;
        }
    }

    /// A page loses a holder; with the last one it is freed, and so uncharged.
    fn put(&mut self, page: PageNo) {
        let Some(found) = self.shmem.page_mut(page) else { return };
        found.holders -= 1;
        if found.holders == 0 {
            self.unpay(page);
            self.shmem.pages[page] = None;
        }
    }

    fn pay(&mut self, page: PageNo, group: GroupId) {
        if self.groups.get(group.index()).is_none() {
            return;
        }
        if let Some(found) = self.shmem.page_mut(page).filter(|page| page.paid.is_none()) {
            found.paid = Some(group);
            let pages = found.pages;
            self.add_folio(Folio { group, pages });
        }
    }

    fn unpay(&mut self, page: PageNo) {
        let Some(found) = self.shmem.page_mut(page) else { return };
        let pages = found.pages;
        if let Some(group) = found.paid.take() {
            self.drop_folio(Folio { group, pages });
        }
    }
}
