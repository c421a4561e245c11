//! The counters: one word per group, CPU and statistic. Each CPU changes its own; a reader adds them up. One of them
//! alone may be negative, as a page may be mapped on one CPU and unmapped on another.

use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Label, What};
use crate::substrate::word::Word;

/// Labels of a group's words begin at so many times the group's number.
pub const STAT_CPUS: usize = 256;

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    /// Pages that are mapped.
    FileMapped,
    /// Folios of more than one page that are mapped, one each (the unit of the huge page statistics up to 5.11).
    FilePmdMapped,
    /// Movers at work on the group: the mark of the mail, equal on every CPU.
    OnMove,
    /// Page faults of mms (`PGFAULT`).
    PgFault,
    /// Those of them that had to wait for a device (`PGMAJFAULT`).
    PgMajFault,
    /// Processes killed for want of memory (`OOM_KILL`).
    OomKill,
}

impl Stat {
    const COUNT: usize = 6;
}

/// The counters of every group.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    words: Vec<[Word; Stat::COUNT]>,
    groups: usize,
    cpus: usize,
}

impl Stats {
    /// Room for so many groups on so many CPUs; it never becomes less.
    pub(crate) fn fit(&mut self, groups: usize, cpus: usize) {
        if groups <= self.groups && cpus <= self.cpus {
            return;
        }
        (self.groups, self.cpus) = (self.groups.max(groups), self.cpus.max(cpus));
        let cpus = self.cpus;
        self.words = (0..self.groups * cpus)
            .map(|index| {
                let label = index / cpus * STAT_CPUS + index % cpus;
                [
                    What::StatFileMapped,
                    What::StatFilePmdMapped,
                    What::StatOnMove,
                    What::StatPgFault,
                    What::StatPgMajFault,
                    What::StatOomKill,
                ]
                .map(|what| Word::new(Label::new(what, label)))
            })
            .collect();
    }

    /// A new group has counted nothing.
    pub(crate) fn init(&self, memcg: MemcgRef) {
        self.of(memcg).iter().flatten().for_each(|word| word.init(0));
    }

    fn of(&self, memcg: MemcgRef) -> &[[Word; Stat::COUNT]] {
        &self.words[memcg.index() * self.cpus..][..self.cpus]
    }

    pub(super) fn word(&self, memcg: MemcgRef, cpu: usize, stat: Stat) -> &Word {
        &self.of(memcg)[cpu][stat as usize]
    }
}

impl Machine {
    /// Add to a statistic on this CPU: one operation that nothing can interrupt.
    pub(crate) fn stat_add<E: Env>(&self, e: &E, memcg: MemcgRef, cpu: usize, stat: Stat, n: i64) {
        self.stats.word(memcg, cpu, stat).add(e, n);
    }

    /// Count a folio `times` more often in the statistics of a group.
    pub(super) fn count_mapped<E: Env>(&self, e: &E, memcg: MemcgRef, cpu: usize, pages: i64, times: i64) {
        self.stat_add(e, memcg, cpu, Stat::FileMapped, pages * times);
        if pages > 1 {
            self.stat_add(e, memcg, cpu, Stat::FilePmdMapped, times);
        }
    }

    /// Count a folio where interrupts are on: each add is a single instruction, so that none is lost.
    pub(super) fn count_mapped_here<E: Env>(
        &self,
        e: &E,
        memcg: MemcgRef,
        cpu: &mut Cpu,
        pages: i64,
        times: i64,
    ) {
        if e.fault(Fault::B53) {
            let word = self.stats.word(memcg, cpu.id, Stat::FileMapped);
            let old = word.load(e);
            e.interrupt(self, cpu);
            word.store(e, old + pages * times);
            if pages > 1 {
                self.stat_add(e, memcg, cpu.id, Stat::FilePmdMapped, times);
            }
            return;
        }
        e.interrupt(self, cpu);
        self.count_mapped(e, memcg, cpu.id, pages, times);
    }

    /// A statistic of a group, seen from outside the run.
    pub fn stat(&self, memcg: MemcgRef, stat: Stat) -> i64 {
        self.stats.of(memcg).iter().map(|words| words[stat as usize].peek()).sum()
    }

    /// The mark of a group on one CPU, seen from outside the run; `None` if the design has no marks.
    pub fn on_move(&self, memcg: MemcgRef, cpu: usize) -> Option<i64> {
        self.has_marks().then(|| self.stats.word(memcg, cpu, Stat::OnMove).peek())
    }
}
