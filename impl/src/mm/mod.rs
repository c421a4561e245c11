//! Seed 000: which memcg does an mm charge?
//!
//! Four designs. *owner*: an mm points to a task, its owner, and charges the group of that task; a task that exits or
//! execs looks for another owner ([`owner`]). *owner-repaired*: the same with the repairs that it got later.
//! *memcg-as-mailed* and *memcg-corrected*: an mm holds a reference to the group itself, which follows the tasks that
//! fork, exec and migrate ([`memcg`]).
//!
//! [`tasks`] is the life of tasks, the same in all designs but for what it asks of them; [`charge`] is who reads the
//! answer; [`page_table`] what belongs to an mm; [`moving`] charges that move with a task. Not modelled: user space, signals, and the v2 rule that inner groups
//! have no processes, on which accounting does not depend.

mod charge;
mod memcg;
mod moving;
mod owner;
mod page_table;
mod tasks;

use crate::machine::{Config, Machine};
use crate::memcg::{Memcg, MemcgRef};
use crate::substrate::arena::{Arena, Handle, Item, word_of};
use crate::substrate::env::{Env, Failing, Label, Mark, Oops, What};
use crate::substrate::units::Errno;
use crate::substrate::word::{Lock, Word};
use crate::{Fault, MmDesign};
use page_table::PageTables;
use std::collections::BTreeMap;

/// A reference to a task.
pub type TaskRef = Handle<Task>;
/// A reference to an mm.
pub type MmRef = Handle<Mm>;

/// Bits of [`Task::flags`].
const KTHREAD: i64 = 1;
const EXITING: i64 = 2;

/// A task: a thread of a process, or of the kernel.
#[derive(Debug)]
pub struct Task {
    /// Its mm; none for most kernel threads, and for what has exited. Changed under `alloc_lock`.
    mm: Word,
    /// Its group, a css reference; none while it is being forked. Stays readable after the task has exited.
    memcg: Word,
    flags: Word,
    /// The first task of its process, which stays there as long as the process.
    leader: Word,
    /// The task that forks it; for a leader its real parent, 0 for init.
    parent: Word,
    /// `task_lock`.
    alloc_lock: Lock<()>,
}

impl Item for Task {
    const GENERATION: What = What::TaskGeneration;

    fn empty(index: usize) -> Task {
        let word = |what| Word::new(Label::new(what, index));
        Task {
            mm: word(What::TaskMm),
            memcg: word(What::TaskMemcg),
            flags: word(What::TaskFlags),
            leader: word(What::TaskLeader),
            parent: word(What::TaskParent),
            alloc_lock: Lock::new(Label::new(What::TaskLock, index), ()),
        }
    }
}

/// An address space.
#[derive(Debug)]
pub struct Mm {
    /// Tasks and others that use it; with the last of them it ends.
    users: Word,
    /// One for all users together, and one of each holder that does not use it; with the last its memory is freed.
    count: Word,
    /// The group that it charges, a css reference. In the memcg designs.
    memcg: Word,
    /// The task whose group it charges. In the owner designs.
    owner: Word,
    /// Set once its tasks may be in different groups. In the corrected memcg design.
    mixed: Word,
}

impl Item for Mm {
    const GENERATION: What = What::MmGeneration;

    fn empty(index: usize) -> Mm {
        let word = |what| Word::new(Label::new(what, index));
        Mm {
            users: word(What::MmUsers),
            count: word(What::MmCount),
            memcg: word(What::MmMemcg),
            owner: word(What::MmOwner),
            mixed: word(What::MmMixed),
        }
    }
}

/// A process: its threads, the leader among them even after it has exited.
#[derive(Debug)]
struct Process {
    leader: TaskRef,
    threads: Vec<TaskRef>,
    /// Threads that have not exited.
    running: usize,
}

/// What the tasklist lock protects.
#[derive(Debug, Default)]
struct TaskList {
    /// By the number of the leader's slot in the arena.
    processes: Vec<Option<Process>>,
    /// The leaders of the children of each task, by the number of its slot.
    children: Vec<Children>,
    /// Children of init.
    of_init: Children,
    /// When each leader was born, by the number of its slot, and how many were.
    births: Vec<u64>,
    born: u64,
}

/// Leaders by their birth: one is taken out without a look at the others.
type Children = BTreeMap<u64, TaskRef>;

impl TaskList {
    fn children(&mut self, of: Option<TaskRef>) -> &mut Children {
        let Some(parent) = of else { return &mut self.of_init };
        if self.children.len() <= parent.index() {
            self.children.resize_with(parent.index() + 1, Children::new);
        }
        &mut self.children[parent.index()]
    }

    /// A process is born.
    fn add_child(&mut self, parent: Option<TaskRef>, leader: TaskRef) {
        self.born += 1;
        let birth = self.born;
        if self.births.len() <= leader.index() {
            self.births.resize(leader.index() + 1, 0);
        }
        self.births[leader.index()] = birth;
        self.children(parent).insert(birth, leader);
    }

    /// A process has ended. A kernel thread is nobody's child here.
    fn remove_child(&mut self, parent: Option<TaskRef>, leader: TaskRef) {
        let Some(&birth) = self.births.get(leader.index()) else { return };
        let children = self.children(parent);
        if children.get(&birth) == Some(&leader) {
            children.remove(&birth);
        }
    }

    fn process(&mut self, leader: TaskRef) -> &mut Option<Process> {
        if self.processes.len() <= leader.index() {
            self.processes.resize_with(leader.index() + 1, || None);
        }
        &mut self.processes[leader.index()]
    }
}

/// All tasks and mms of a machine.
#[derive(Debug)]
pub(crate) struct Room {
    tasks: Arena<Task>,
    mms: Arena<Mm>,
    tasklist: Lock<TaskList>,
    page_tables: Lock<PageTables>,
    /// Tasks looked at by all searches for somebody who uses an mm.
    visited: Word,
}

impl Room {
    pub(crate) fn new(config: &Config) -> Room {
        Room {
            tasks: Arena::new(config.tasks),
            mms: Arena::new(config.mms),
            tasklist: Lock::new(Label::new(What::TaskList, 0), TaskList::default()),
            page_tables: Lock::new(Label::new(What::PageTables, 0), PageTables::default()),
            visited: Word::new(Label::new(What::TasksVisited, 0)),
        }
    }

    /// Whether a task or an mm lives in a slot, seen from outside the run.
    pub(crate) fn lives_at(&self, slot: Label) -> bool {
        let index = slot.index as usize;
        if slot.what == What::MmGeneration {
            self.mms.at(index).is_some()
        } else {
            self.tasks.at(index).is_some()
        }
    }

    /// Forget all tasks. Costs as much as has been used since the last time.
    pub(crate) fn reset(&mut self, config: &Config) {
        if config.tasks > self.tasks.capacity() {
            self.tasks = Arena::new(config.tasks);
        }
        if config.mms > self.mms.capacity() {
            self.mms = Arena::new(config.mms);
        }
        self.tasks.reset();
        self.mms.reset();
        let list = self.tasklist.get_mut();
        list.processes.clear();
        list.children.clear();
        list.of_init.clear();
        list.born = 0;
        self.page_tables.get_mut().clear();
        self.visited.init(0);
    }
}

/// What a task's words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// Its mm.
    pub mm: Option<MmRef>,
    /// Its group.
    pub memcg: Option<MemcgRef>,
}

/// What an mm's words hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmView {
    /// Its users.
    pub users: i64,
    /// The group that it points to.
    pub memcg: Option<MemcgRef>,
    /// The task that it points to.
    pub owner: Option<TaskRef>,
}

/// Who makes an mm, and for whom.
#[derive(Clone, Copy)]
pub(super) enum Making {
    /// `current` forks the task.
    Fork { current: TaskRef, child: TaskRef },
    /// The task execs.
    Exec(TaskRef),
    /// The task is started from outside, in this group.
    Start(TaskRef, MemcgRef),
}

impl Machine {
    /// The design of this room. Three faults are defects of the owner design.
    fn mm_design<E: Env>(&self, e: &E) -> MmDesign {
        if e.fault(Fault::S1) || e.fault(Fault::B55) || e.fault(Fault::B56) {
            MmDesign::OwnerRepaired
        } else {
            self.config.design.mm
        }
    }

    fn task<E: Env>(&self, e: &E, task: TaskRef) -> &Task {
        self.mm.tasks.get(e, task)
    }

    fn mm<E: Env>(&self, e: &E, mm: MmRef) -> &Mm {
        self.mm.mms.get(e, mm)
    }

    fn mm_of_task<E: Env>(&self, e: &E, task: TaskRef) -> Option<MmRef> {
        Handle::from_word(self.task(e, task).mm.load(e))
    }

    fn is_kthread<E: Env>(&self, e: &E, task: TaskRef) -> bool {
        self.task(e, task).flags.load(e) & KTHREAD != 0
    }

    /// The group of a task; root while it is being forked (`init_css_set`).
    fn task_css<E: Env>(&self, e: &E, task: TaskRef) -> MemcgRef {
        Handle::<Memcg>::from_word(self.task(e, task).memcg.load(e)).unwrap_or(self.root)
    }

    /// Make an mm with one user (`mm_init`). An injected failure strikes half way, when there is no memory for the
    /// page directory.
    fn mm_init<E: Env>(&self, e: &E, cpu: usize, making: Making) -> Result<MmRef, Errno> {
        let mm = self.mm.mms.allocate(e).ok_or(Errno::NoMem)?;
        let node = self.mm(e, mm);
        node.users.init(1);
        node.count.init(1);
        node.owner.init(0);
        node.mixed.init(0);
        node.memcg.init(0);
        match self.mm_design(e) {
            MmDesign::Owner | MmDesign::OwnerRepaired => {
                let (Making::Fork { child: owner, .. } | Making::Exec(owner) | Making::Start(owner, _)) =
                    making;
                node.owner.store(e, owner.to_word());
            }
            MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected => self.mm_init_memcg(e, cpu, mm, making),
        }
        if e.failing(Failing::Alloc) {
            e.mark(Mark::MmInitFailed);
            self.mm_end(e, mm);
            return Err(Errno::NoMem);
        }
        Ok(mm)
    }

    /// Take one more user of an mm that has one.
    pub fn mmget<E: Env>(&self, e: &E, mm: MmRef) {
        let users = &self.mm(e, mm).users;
        if users.add(e, 1) <= 0 {
            e.oops(Oops::Resurrected(users.label()));
        }
    }

    /// The same for a caller that only holds on to the mm (`mmget_not_zero`).
    ///
    /// # Errors
    /// [`Errno::NoEnt`] if it has no user any more.
    pub fn mmget_not_zero<E: Env>(&self, e: &E, mm: MmRef) -> Result<(), Errno> {
        if e.fault(Fault::M6) {
            self.mmget(e, mm);
            return Ok(());
        }
        if self.mm(e, mm).users.inc_not_zero(e) {
            e.mark(Mark::HolderUses);
            return Ok(());
        }
        e.mark(Mark::HolderTooLate);
        Err(Errno::NoEnt)
    }

    /// Let go of an mm; its last user ends it (`mmput`).
    pub fn mmput<E: Env>(&self, e: &E, mm: MmRef) {
        let users = &self.mm(e, mm).users;
        match users.sub(e, 1) {
            1 => {
                e.mark(Mark::MmEnded);
                self.exit_mmap(e, mm);
                self.mm_end(e, mm);
            }
            old if old <= 0 => e.oops(Oops::RefUnderflow(users.label())),
            _ => {}
        }
    }

    fn mm_end<E: Env>(&self, e: &E, mm: MmRef) {
        if matches!(self.mm_design(e), MmDesign::MemcgAsMailed | MmDesign::MemcgCorrected) {
            self.mm_update_memcg(e, mm, None);
        }
        self.mmdrop(e, mm);
    }

    /// Hold on to an mm without using it. The caller has a user of it, or holds on to it already.
    pub fn mmgrab<E: Env>(&self, e: &E, mm: MmRef) {
        let count = &self.mm(e, mm).count;
        if count.add(e, 1) <= 0 {
            e.oops(Oops::Resurrected(count.label()));
        }
        e.mark(Mark::MmGrabbed);
    }

    /// Let go of an mm that was held on to; the last one frees its memory.
    pub fn mmdrop<E: Env>(&self, e: &E, mm: MmRef) {
        let count = &self.mm(e, mm).count;
        match count.sub(e, 1) {
            1 => self.mm.mms.free(e, mm),
            old if old <= 0 => e.oops(Oops::RefUnderflow(count.label())),
            _ => {}
        }
    }

    /// The mm of a task, or the one that a kernel thread works on.
    pub fn task_mm(&self, task: TaskRef) -> Option<MmRef> {
        self.mm.tasks.peek(task).and_then(|node| Handle::from_word(node.mm.peek()))
    }

    /// A task's words; `None` once it has been freed.
    pub fn task_view(&self, task: TaskRef) -> Option<TaskView> {
        self.mm.tasks.peek(task).map(|node| TaskView {
            mm: Handle::from_word(node.mm.peek()),
            memcg: Handle::from_word(node.memcg.peek()),
        })
    }

    /// An mm's words; `None` once it has been freed.
    pub fn mm_view(&self, mm: MmRef) -> Option<MmView> {
        self.mm.mms.peek(mm).map(|node| MmView {
            users: node.users.peek(),
            memcg: Handle::from_word(node.memcg.peek()),
            owner: Handle::from_word(node.owner.peek()),
        })
    }

    /// The mm that lives in slot number `index` of the arena.
    pub fn mm_at(&self, index: usize) -> Option<MmRef> {
        self.mm.mms.at(index).map(|(mm, _)| mm)
    }

    /// Every mm, with the group that it points to.
    pub fn live_mms(&self) -> impl Iterator<Item = (MmRef, Option<MemcgRef>)> {
        self.mm.mms.live().map(|(mm, node)| (mm, Handle::from_word(node.memcg.peek())))
    }

    /// Tasks that all searches for another user of an mm have looked at so far.
    pub fn tasks_visited(&self) -> i64 {
        self.mm.visited.peek()
    }

    pub(crate) fn task_free<E: Env>(&self, e: &E, task: TaskRef) {
        self.mm.tasks.free(e, task);
    }

    fn set_mm<E: Env>(&self, e: &E, task: TaskRef, mm: Option<MmRef>) -> Option<MmRef> {
        let node = self.task(e, task);
        let _locked = node.alloc_lock.lock(e);
        Handle::from_word(node.mm.swap(e, word_of(mm)))
    }
}
