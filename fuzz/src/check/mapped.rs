//! I9: the statistics of every group, the events that it counts for mms, and the marks of those whose charges are moving.
//!
//! A CPU that has changed a mapcount and not told the statistic yet leaves it wrong for the moment. So while any
//! mapping is half done, or an operation with a page is under way on another CPU, no sum is checked, but what would
//! have been is remembered until all are done.

use super::books::Books;
use super::broken::{Broken, Law, Thing};
use super::laws::World;
use crate::violation::Invariant;
use stocktake_impl::{Label, MemcgRef, STAT_CPUS, Stat, What};
use stocktake_model::{GroupId, MmEvent};

/// Events, and where they are counted.
const EVENTS: [(MmEvent, Stat, What, &str); 3] = [
    (MmEvent::Fault, Stat::PgFault, What::StatPgFault, "pgfault"),
    (MmEvent::MajorFault, Stat::PgMajFault, What::StatPgMajFault, "pgmajfault"),
    (MmEvent::OomKill, Stat::OomKill, What::StatOomKill, "oom-kill"),
];

/// The groups whose statistics are to be looked at.
#[derive(Debug, Default)]
pub(super) struct StatBook {
    touched: Vec<GroupId>,
    /// Those to be looked at once no mapping is half done.
    waiting: Vec<GroupId>,
}

impl StatBook {
    pub(super) fn clear(&mut self) {
        self.touched.clear();
        self.waiting.clear();
    }
}

impl Books {
    pub(crate) fn touch_stat(&mut self, group: GroupId) {
        if !self.stats.touched.contains(&group) {
            self.stats.touched.push(group);
        }
    }

    /// The owner of a statistic that was written.
    pub(super) fn touch_stat_at(&mut self, label: usize) {
        self.touch_stat(self.group_at(label / STAT_CPUS));
    }

    /// Check the statistics that were touched since the last call.
    pub(super) fn check_stats(&mut self, world: &World<'_>) -> Law {
        let in_flight = world.flight.is_some_and(|flight| flight.maps());
        let quiet = world.model.open_halves().is_empty() && !in_flight;
        if quiet {
            self.stats.touched.append(&mut self.stats.waiting);
        }
        while let Some(group) = self.stats.touched.pop() {
            let memcg = self.groups[group.index()].memcg;
            let Some(memcg) = memcg.filter(|&memcg| world.machine.memcg(memcg).is_some()) else { continue };
            if !in_flight {
                world.check_marks(group, memcg)?;
            }
            if quiet {
                world.check_sums_of_stats(group, memcg)?;
            } else if !self.stats.waiting.contains(&group) {
                self.stats.waiting.push(group);
            }
        }
        Ok(())
    }

    /// Look at every group again, if the program had to do with any of this.
    pub(super) fn touch_all_stats(&mut self, world: &World<'_>) {
        if world.model.mapped_used() || world.model.mm_events_used() {
            for index in 0..self.groups.len() {
                self.touch_stat(GroupId(index as u16));
            }
        }
    }
}

impl World<'_> {
    fn check_sums_of_stats(&self, group: GroupId, memcg: MemcgRef) -> Law {
        let thing = Thing::Group(group);
        let expected = self.model.file_mapped(group);
        let pages = (expected.pages.0 as i64, self.machine.stat(memcg, Stat::FileMapped));
        let word = |what| Some(Label::new(what, memcg.index() * STAT_CPUS));
        self.law(Invariant::I9, "file-mapped", thing, pages, || {
            String::from("pages of folios that are charged to the group and mapped")
        })
        .map_err(|broken| broken.about(word(What::StatFileMapped)))?;
        let huge = (expected.huge as i64, self.machine.stat(memcg, Stat::FilePmdMapped));
        self.check_events(group, memcg)?;
        self.law(Invariant::I9, "file-pmdmapped", thing, huge, || {
            String::from("folios of several pages that are charged to the group and mapped, one each")
        })
        .map_err(|broken| broken.about(word(What::StatFilePmdMapped)))
    }

    /// Events of mms are counted once, in the group that the answer names.
    fn check_events(&self, group: GroupId, memcg: MemcgRef) -> Law {
        if !self.model.mm_events_used() {
            return Ok(());
        }
        for (event, stat, what, aspect) in EVENTS {
            let counts = (self.model.mm_events(group, event) as i64, self.machine.stat(memcg, stat));
            self.law(Invariant::I9, aspect, Thing::Group(group), counts, || {
                String::from("events of mms that were counted here")
            })
            .map_err(|broken| broken.about(Some(Label::new(what, memcg.index() * STAT_CPUS))))?;
        }
        Ok(())
    }

    /// A mover's mark is seen on every CPU that could run an update.
    fn check_marks(&self, group: GroupId, memcg: MemcgRef) -> Law {
        let moves = self.model.moves_from(group) as i64;
        for cpu in (0..self.machine.config().cpus).filter(|&cpu| self.machine.cpu_online(cpu)) {
            let Some(mark) = self.machine.on_move(memcg, cpu) else { return Ok(()) };
            if mark != moves && self.checks.has(Invariant::I9) {
                return Err(Broken::new(
                    Invariant::I9,
                    "on-move",
                    Thing::Group(group),
                    moves,
                    format!("{mark} on CPU {cpu}"),
                    String::from(
                        "moves from the group that are under way: whoever updates there must see them",
                    ),
                ));
            }
        }
        Ok(())
    }
}
