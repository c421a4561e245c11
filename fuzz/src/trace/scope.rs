//! The names that a text has defined so far, and the numbers that stand for them in the program.

use super::suggest::closest;
use super::visit::Kind;
use crate::program::Names;
use std::collections::BTreeMap;
use stocktake_model::CpuId;

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    /// Its kind; `None` if the defining line is wrong, so that its users are not reported as well.
    pub(super) kind: Option<Kind>,
    /// Its number among its kind.
    pub(super) number: u16,
    /// The lane that creates it, if that is after `parallel`.
    pub(super) lane: Option<CpuId>,
    /// The line that defines it.
    pub(super) line: u32,
}

/// All names of one text. Variables and paths of groups share one space.
#[derive(Debug)]
pub(super) struct Scope {
    known: BTreeMap<String, Definition>,
    names: [Vec<String>; Kind::ALL.len()],
}

impl Scope {
    pub(super) fn new() -> Scope {
        let mut names: [Vec<String>; Kind::ALL.len()] = Default::default();
        // Root has number 0 and is written `/`.
        names[Kind::Group as usize].push(String::new());
        Scope { known: BTreeMap::new(), names }
    }

    pub(super) fn get(&self, name: &str) -> Option<Definition> {
        self.known.get(name).copied()
    }

    /// The number that the next thing of this kind gets; `None` when all are used up.
    pub(super) fn next(&self, kind: Kind) -> Option<u16> {
        u16::try_from(self.names[kind as usize].len()).ok().filter(|&n| n < u16::MAX)
    }

    /// Define a name that is new; for a group it is the full path.
    pub(super) fn define(&mut self, name: &str, kind: Kind, number: u16, lane: Option<CpuId>, line: u32) {
        let part = last_part(name);
        let kept = if part == kind.generated(number) { String::new() } else { part.to_owned() };
        self.names[kind as usize].push(kept);
        self.known.insert(name.to_owned(), Definition { kind: Some(kind), number, lane, line });
    }

    /// Note that a wrong line was meant to define `name`.
    pub(super) fn define_broken(&mut self, name: &str, line: u32) {
        self.known.entry(name.to_owned()).or_insert(Definition { kind: None, number: 0, lane: None, line });
    }

    /// The defined name of this kind that `name` resembles.
    pub(super) fn closest(&self, name: &str, kind: Kind) -> Option<&str> {
        let same_kind = self.known.iter().filter(|(_, definition)| definition.kind == Some(kind));
        closest(name, same_kind.map(|(other, _)| other.as_str()))
    }

    /// The names in the order of the numbers.
    pub(super) fn into_names(self) -> Names {
        names_from(self.names)
    }
}

/// The last part of a path.
pub(super) fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Names by kind as a program keeps them: without a tail of missing ones.
pub(super) fn names_from(mut by_kind: [Vec<String>; Kind::ALL.len()]) -> Names {
    for names in &mut by_kind {
        let kept = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        names.truncate(kept);
    }
    let [groups, objcgs, charges, objects, slots, tasks, users, caches, slab_objects, files] = by_kind;
    Names { groups, objcgs, charges, objects, slots, tasks, users, caches, slab_objects, files }
}
