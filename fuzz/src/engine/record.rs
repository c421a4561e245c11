//! A run in slow motion, for a report: every outcome, and both sides at the end.

use super::lockstep::Lockstep;
use super::owners::Owners;
use super::timeline::{Event, Happening, Timeline};
use super::{Recording, Side, StepRecord};
use crate::check::{CacheRow, Checks, InFlight, World};
use crate::program::Program;
use crate::report::words::counted;
use crate::tally::Tally;
use crate::trace::Labels;
use crate::violation::Violation;
use std::collections::BTreeMap;
use stocktake_impl::{Label, Stat};
use stocktake_model::{GroupId, ObjectRule};

/// What is kept while a run is recorded.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) steps: Vec<StepRecord>,
    pub(super) names: Labels,
    pub(super) owners: Owners,
    /// Both sides when a check failed, if something has run since then.
    pub(super) moment: Option<Moment>,
}

impl Recorder {
    pub(super) fn new(program: &Program) -> Recorder {
        Recorder { steps: Vec::new(), names: Labels::of(program), owners: Owners::default(), moment: None }
    }
}

/// Both sides, and what is cached, at one moment.
#[derive(Debug)]
pub(super) struct Moment {
    sides: Vec<Side>,
    cached: Vec<String>,
}

impl Lockstep {
    /// Run a program again and keep everything that a report needs.
    pub fn record(&mut self, program: &Program) -> Recording {
        let mut recorder = Recorder::new(program);
        let result = self.run_watched(program, &mut Tally::default(), Some(&mut recorder));
        self.note_owners(&mut recorder);
        let Recorder { steps, names, owners, moment } = recorder;
        let timeline = self.timeline(program, &steps, owners.finish());
        Recording { timeline: Some(timeline), ..self.recording(&names, steps, result.err(), moment) }
    }

    /// What a report needs of the execution that has just been run, but for its timeline.
    pub(super) fn recording(
        &mut self,
        names: &Labels,
        steps: Vec<StepRecord>,
        violation: Option<Box<Violation>>,
        moment: Option<Moment>,
    ) -> Recording {
        let violation =
            violation.map(|violation| Violation { provenance: self.provenance(names), ..*violation });
        let Moment { sides, cached } = moment.unwrap_or_else(|| self.moment(names, None, |_| false));
        Recording { steps, sides, cached, violation, timeline: None, stale: None, explored: None }
    }

    /// Both sides as they are now, without what operations under way have in flight. The stocks of a busy CPU are
    /// taken from it.
    pub(super) fn moment(
        &mut self,
        names: &Labels,
        flight: Option<&dyn InFlight>,
        is_busy: impl Fn(usize) -> bool,
    ) -> Moment {
        Moment { sides: self.sides(names, flight), cached: self.cached(names, is_busy) }
    }

    /// Note what the program's names stand for now.
    pub(super) fn note_owners(&self, recorder: &mut Recorder) {
        recorder.owners.note(&self.bindings, &self.books, &self.machine, &recorder.names);
    }

    /// The steps one after the other, each with the words that it changed; at last what changed at the end.
    fn timeline(
        &self,
        program: &Program,
        records: &[StepRecord],
        owners: BTreeMap<Label, String>,
    ) -> Timeline {
        let mut changes = self.env.history().into_iter().peekable();
        let mut events = Vec::new();
        let mut lane = 0;
        let mut records = records.iter().peekable();
        for (step, action) in program.steps.iter().enumerate() {
            lane = usize::from(action.cpu().0);
            let Some(record) = records.next_if(|record| record.step == step) else { continue };
            let event = |what| Event { lane, step, switch: None, what, differences: Vec::new() };
            let Some(answer) = record.implementation else {
                events.push(event(Happening::Skip));
                continue;
            };
            events.push(event(Happening::Begin));
            while let Some(change) = changes.next_if(|change| change.step <= step) {
                events.push(event(change.happened()));
            }
            events.push(event(Happening::End(answer)));
        }
        let step = program.steps.len();
        let event = |what| Event { lane, step, switch: None, what, differences: Vec::new() };
        events.extend(changes.map(|change| event(change.happened())));
        Timeline { lanes: self.cpus.len(), events, owners, blamed: self.blamed }
    }

    /// Both sides as they are now, a row per group and quantity. Groups that both sides have freed are left out.
    fn sides(&mut self, names: &Labels, flight: Option<&dyn InFlight>) -> Vec<Side> {
        let mut rows = Vec::new();
        let world = World { machine: &self.machine, model: &mut self.model, checks: Checks::ALL, flight };
        if flight.is_none() {
            // A violation may have been noticed before everything that the step changed had been booked. While
            // operations are under way the books are those of the ones that have ended.
            self.books.count_again(&world, &self.cpus);
        }
        for index in 0..self.bindings.groups.len() {
            let group = GroupId(index as u16);
            let book = self.books.group(group);
            let Some(view) = book.memcg.and_then(|memcg| world.memcg(memcg)) else { continue };
            let object = names.group(group);
            let mut row = |quantity, expected: i64, found: i64| {
                let object = object.to_string();
                rows.push(Side {
                    object,
                    quantity,
                    expected: expected.to_string(),
                    found: found.to_string(),
                });
            };
            if world.usage_means_something(group) {
                let expected = world.usage_parts(group, book).iter().map(|(_, n)| n).sum();
                row("usage", expected, view.usage);
            }
            let swapped = world.model.swapped(group).0 as i64;
            if world.counts_memsw() {
                row("memsw - usage", swapped, view.memsw_usage - view.usage);
            } else {
                row("swap", swapped, view.swap_usage);
            }
            if world.model.counts_kmem() && world.kmem_means_something(group) {
                let expected = world.kmem_parts(group, book).iter().map(|(_, n)| n).sum();
                row("kmem", expected, view.kmem_usage);
            }
            row("id refs", world.model.id_refs(group) as i64, view.id_refs);
            if group != GroupId::ROOT {
                row("css refs", world.holders(group, book).iter().map(|(_, n)| n).sum(), view.refs);
            }
            if let Some(memcg) = book.memcg.filter(|_| world.model.mapped_used()) {
                let expected = world.model.file_mapped(group);
                row("mapped pages", expected.pages.0 as i64, world.machine.stat(memcg, Stat::FileMapped));
                row("mapped huge", expected.huge as i64, world.machine.stat(memcg, Stat::FilePmdMapped));
            }
            let objcg = book.bucket.objcg.filter(|_| world.model.object_rule() == ObjectRule::Bytes);
            if let Some(view) = objcg.and_then(|objcg| world.objcg(objcg)) {
                let expected =
                    world.objcg_holders(group, &book.bucket, Some(view)).iter().map(|(_, n)| n).sum();
                row("objcg refs", expected, view.refs);
            }
        }
        for CacheRow { name, birth, refs, .. } in self.books.slab.rows(&self.machine) {
            if let Some((expected, found)) = refs {
                rows.push(Side {
                    object: names.cache_of(name, birth),
                    quantity: "cache refs",
                    expected: expected.to_string(),
                    found: found.to_string(),
                });
            }
        }
        rows
    }

    /// What is cached where, a line each.
    fn cached(&self, names: &Labels, is_busy: impl Fn(usize) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (number, cpu) in self.cpus.iter().enumerate() {
            if is_busy(number) {
                lines.push(format!("cpu {number}: in the middle of an operation"));
                continue;
            }
            for (memcg, pages) in cpu.cached_pages() {
                let group = names.group(self.books.group_of(memcg));
                lines.push(format!("cpu {}: {} of {group}", cpu.id(), counted(pages.0, "page")));
            }
            if let Some((objcg, bytes)) = cpu.cached_bytes() {
                let birth = names.group(self.books.birth_of(objcg));
                lines.push(format!("cpu {}: {} of the objcg of {birth}", cpu.id(), counted(bytes.0, "byte")));
            }
        }
        for index in 1..self.bindings.groups.len() {
            let book = &self.books.group(GroupId(index as u16)).bucket;
            let view = book.objcg.and_then(|objcg| self.machine.objcg(objcg));
            if let Some(view) = view.filter(|view| view.leftover != 0) {
                let birth = names.group(GroupId(index as u16));
                lines.push(format!("nr_charged_bytes of the objcg of {birth}: {}", view.leftover));
            }
        }
        self.mm_lines(names, &mut lines);
        self.shmem_lines(names, &mut lines);
        for CacheRow { name, birth, idle, .. } in self.books.slab.rows(&self.machine) {
            if idle > 0 {
                let pages = counted(idle as u64, "page");
                lines.push(format!("{}: {pages} of slabs without objects", names.cache_of(name, birth)));
            }
        }
        lines
    }
}
