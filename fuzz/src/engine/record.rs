//! A run in slow motion, for a report: every outcome, both sides at the end, and the provenance of a violation.

use super::hunting::Write;
use super::lockstep::Lockstep;
use super::{Recording, Side, StepRecord};
use crate::check::World;
use crate::program::Program;
use crate::tally::Tally;
use crate::trace;
use crate::violation::{Origin, Violation};
use stocktake_impl::{Label, What};
use stocktake_model::GroupId;

/// What is kept while a run is recorded.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) steps: Vec<StepRecord>,
}

impl Lockstep {
    /// Run a program again and keep everything that a report needs.
    pub fn record(&mut self, program: &Program) -> Recording {
        let mut recorder = Recorder::default();
        let result = self.run_watched(program, &mut Tally::default(), Some(&mut recorder));
        let violation = result.err().map(|violation| {
            let provenance = self.provenance(program, &violation);
            Violation { provenance, ..*violation }
        });
        let sides = self.sides(program);
        let cached = self.cached(program);
        Recording { steps: recorder.steps, sides, cached, violation }
    }

    /// Both sides as they are now, a row per group and quantity. Groups that both sides have freed are left out.
    fn sides(&mut self, program: &Program) -> Vec<Side> {
        let mut rows = Vec::new();
        let world = World { machine: &self.machine, model: &mut self.model, checks: crate::check::Checks::ALL };
        for index in 0..self.bindings.groups.len() {
            let group = GroupId(index as u16);
            let book = self.books.group(group);
            let Some(view) = book.memcg.and_then(|memcg| world.machine.memcg(memcg)) else { continue };
            let object = trace::group_path(program, group);
            let mut row = |quantity, expected: i64, found: i64| {
                let object = object.clone();
                rows.push(Side { object, quantity, expected: expected.to_string(), found: found.to_string() });
            };
            if world.usage_means_something(group) {
                let expected = world.usage_parts(group, book).iter().map(|(_, n)| n).sum();
                row("usage", expected, view.usage);
            }
            row("swap", world.model.swapped(group).0 as i64, view.swap_usage);
            row("id refs", world.model.id_refs(group) as i64, view.id_refs);
            if group != GroupId::ROOT {
                row("css refs", world.holders(group, book).iter().map(|(_, n)| n).sum(), view.refs);
            }
            if let Some(view) = book.bucket.objcg.and_then(|objcg| world.machine.objcg(objcg)) {
                row("objcg refs", world.model.bucket_refs(group) as i64 + book.bucket.stocks, view.refs);
            }
        }
        rows
    }

    /// What is cached where, a line each.
    fn cached(&self, program: &Program) -> Vec<String> {
        let mut lines = Vec::new();
        for cpu in &self.cpus {
            for (memcg, pages) in cpu.cached_pages() {
                let group = trace::group_path(program, self.books.group_of(memcg));
                lines.push(format!("cpu {}: {} pages of {group}", cpu.id(), pages.0));
            }
            if let Some((objcg, bytes)) = cpu.cached_bytes() {
                let birth = trace::group_path(program, self.books.birth_of(objcg));
                lines.push(format!("cpu {}: {} bytes of the objcg of {birth}", cpu.id(), bytes.0));
            }
        }
        for index in 1..self.bindings.groups.len() {
            let book = &self.books.group(GroupId(index as u16)).bucket;
            let view = book.objcg.and_then(|objcg| self.machine.objcg(objcg));
            if let Some(view) = view.filter(|view| view.leftover != 0) {
                let birth = trace::group_path(program, GroupId(index as u16));
                lines.push(format!("nr_charged_bytes of the objcg of {birth}: {}", view.leftover));
            }
        }
        lines
    }

    /// The steps that changed the word which a violation is about: who took what, and who gave it back.
    fn provenance(&self, program: &Program, violation: &Violation) -> Vec<Origin> {
        let history = self.env.history();
        let Some(label) = self.word_of(program, violation, &history) else { return Vec::new() };
        let mut origins: Vec<(Origin, i64)> = Vec::new();
        for write in history.iter().filter(|write| write.label == label) {
            match origins.last_mut() {
                Some((origin, first)) if origin.step == write.step => {
                    origin.what = change(*first, write.new);
                }
                _ => origins.push((Origin { step: write.step, what: change(write.old, write.new) }, write.old)),
            }
        }
        let changed = |(origin, first): (Origin, i64)| {
            let last = origin.what.clone();
            (last != change(first, first)).then_some(origin)
        };
        origins.into_iter().filter_map(changed).collect()
    }

    /// The word that a violation is about, if it is about one.
    fn word_of(&self, program: &Program, violation: &Violation, history: &[Write]) -> Option<Label> {
        let what = match violation.aspect {
            "usage" | "underflow" | "limit" | "sum" => What::MemoryUsage,
            "swap" => What::SwapUsage,
            "id-refs" => What::IdRefs,
            "css-refs" | "ref-underflow" | "dying" | "freed-early" | "resurrected" => What::CssRefs,
            "objcg-refs" | "objcg-dying" | "objcg-freed-early" => What::ObjcgRefs,
            "bytes" | "release" | "leftover" => What::ObjcgLeftover,
            "objcg-owner" => What::ObjcgMemcg,
            _ => return None,
        };
        let of_objcg = violation.object.strip_prefix("objcg of ");
        let path = of_objcg.unwrap_or(&violation.object);
        let groups = (0..self.bindings.groups.len()).map(|index| GroupId(index as u16));
        let group = groups.into_iter().find(|group| trace::group_path(program, *group) == path)?;
        let book = self.books.group(group);
        let what = match (what, of_objcg) {
            (What::CssRefs, Some(_)) => What::ObjcgRefs,
            (what, _) => what,
        };
        let index = match what {
            What::ObjcgRefs | What::ObjcgLeftover | What::ObjcgMemcg => book.bucket.objcg?.index(),
            _ => book.memcg?.index(),
        };
        let label = Label::new(what, index);
        history.iter().any(|write| write.label == label).then_some(label)
    }
}

fn change(old: i64, new: i64) -> String {
    format!("{old} → {new} ({:+})", new - old)
}
