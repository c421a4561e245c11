//! What everything in a program is called in text: names that were given, and generated ones.

use super::scope::last_part;
use super::visit::{Kind, Role, outcome_group, visit};
use super::words::is_name;
use crate::program::{Action, Program};
use std::borrow::Cow;
use std::collections::BTreeSet;
use stocktake_model::{CacheId, ChargeId, FileId, GroupId, ObjcgId, ObjectId, Op, SlabObjectId, SlotId};

/// The label of every thing that a program mentions.
///
/// A given name is used if it can be one. Everything else gets a generated name, with `_2`, `_3`, … appended if
/// that is the name of something else. Numbers that the program does not mention have a label too, though
/// perhaps not a unique one.
#[derive(Clone, Debug)]
pub struct Labels {
    /// By kind and number; groups by their full path.
    by_kind: [Vec<String>; Kind::ALL.len()],
}

impl Labels {
    /// The labels of `program`.
    pub fn of(program: &Program) -> Labels {
        let parents = parents(program);
        let mentioned = mentioned(program, parents.len());
        let given = [
            &program.names.groups,
            &program.names.objcgs,
            &program.names.charges,
            &program.names.objects,
            &program.names.slots,
            &program.names.tasks,
            &program.names.users,
            &program.names.caches,
            &program.names.slab_objects,
            &program.names.files,
        ];
        // Names are unique among the groups below one parent; variables share the space of the top groups.
        let space = |kind: Kind, n: usize| match kind {
            Kind::Group => parents.get(n).copied().unwrap_or(GroupId::ROOT),
            _ => GroupId::ROOT,
        };
        let first = |kind: Kind| usize::from(kind == Kind::Group);

        let mut taken: BTreeSet<(GroupId, Cow<'_, str>)> = BTreeSet::new();
        let mut by_kind = mentioned.map(|count| vec![String::new(); count]);
        for kind in Kind::ALL {
            for n in first(kind)..by_kind[kind as usize].len().min(given[kind as usize].len()) {
                let name = &given[kind as usize][n];
                if is_name(name) && taken.insert((space(kind, n), Cow::Borrowed(name))) {
                    by_kind[kind as usize][n].clone_from(name);
                }
            }
        }
        for kind in Kind::ALL {
            for n in first(kind)..by_kind[kind as usize].len() {
                if by_kind[kind as usize][n].is_empty() {
                    let name = free_name(kind.generated(n as u16), |name| {
                        taken.insert((space(kind, n), Cow::Owned(name.to_owned())))
                    });
                    by_kind[kind as usize][n] = name;
                }
            }
        }
        let mut labels = Labels { by_kind };
        labels.make_paths(program);
        labels
    }

    /// Turn names of groups into their paths.
    fn make_paths(&mut self, program: &Program) {
        let paths = &mut self.by_kind[Kind::Group as usize];
        if let Some(root) = paths.first_mut() {
            "/".clone_into(root);
        }
        let mut made = vec![false; paths.len()];
        for step in &program.steps {
            if let Action::Op(step) = step.action
                && let Op::Mkdir { new, parent, .. } = step.op
                && new != GroupId::ROOT
                && !std::mem::replace(&mut made[new.index()], true)
                && parent != GroupId::ROOT
                && new != parent
            {
                paths[new.index()] = format!("{}/{}", paths[parent.index()], paths[new.index()]);
            }
        }
    }

    /// The path of a group.
    pub fn group(&self, group: GroupId) -> Cow<'_, str> {
        self.label(Kind::Group, group.0)
    }

    /// The name of a reference to an obj_cgroup.
    pub fn objcg(&self, objcg: ObjcgId) -> Cow<'_, str> {
        self.label(Kind::Objcg, objcg.0)
    }

    /// The name of a folio.
    pub fn charge(&self, charge: ChargeId) -> Cow<'_, str> {
        self.label(Kind::Charge, charge.0)
    }

    /// The name of an object.
    pub fn object(&self, object: ObjectId) -> Cow<'_, str> {
        self.label(Kind::Object, object.0)
    }

    /// The name of a swapped-out folio.
    pub fn slot(&self, slot: SlotId) -> Cow<'_, str> {
        self.label(Kind::Slot, slot.0)
    }

    /// The name of a kmem_cache.
    pub fn cache(&self, cache: CacheId) -> Cow<'_, str> {
        self.label(Kind::Cache, cache.0)
    }

    /// The name of the cache that a kmem_cache has for a group; for root it is the kmem_cache itself.
    pub fn cache_of(&self, cache: CacheId, group: GroupId) -> String {
        match group {
            GroupId::ROOT => self.cache(cache).into_owned(),
            _ => format!("{} of {}", self.cache(cache), self.group(group)),
        }
    }

    /// The name of a file of shmem.
    pub fn file(&self, file: FileId) -> Cow<'_, str> {
        self.label(Kind::File, file.0)
    }

    /// The name of an object of a kmem_cache.
    pub fn slab_object(&self, object: SlabObjectId) -> Cow<'_, str> {
        self.label(Kind::SlabObject, object.0)
    }

    pub(super) fn label(&self, kind: Kind, n: u16) -> Cow<'_, str> {
        match self.by_kind[kind as usize].get(usize::from(n)) {
            Some(label) => Cow::Borrowed(label),
            None if kind == Kind::Group && n == 0 => Cow::Borrowed("/"),
            None => Cow::Owned(kind.generated(n)),
        }
    }

    /// The names to keep, by kind and number; empty where a generated one is the same.
    pub(super) fn kept(&self, program: &Program) -> [Vec<String>; Kind::ALL.len()] {
        let mut kept: [Vec<String>; Kind::ALL.len()] = Default::default();
        for step in &program.steps {
            visit(&mut { step.action }, |role, kind, n| {
                let names = &mut kept[kind as usize];
                let label = self.label(kind, *n);
                let name = last_part(&label);
                if role == Role::New && name != kind.generated(*n) {
                    let at = usize::from(*n);
                    names.resize(names.len().max(at + 1), String::new());
                    name.clone_into(&mut names[at]);
                }
            });
        }
        kept
    }
}

/// `name`, or else `name_2`, `name_3`, …: the first that `take` takes.
fn free_name(name: String, mut take: impl FnMut(&str) -> bool) -> String {
    if take(&name) {
        return name;
    }
    let mut numbered = (2..).map(|i: u64| format!("{name}_{i}"));
    numbered.find(|name| take(name)).unwrap_or(name)
}

/// The parent of every group that the program makes, by the group's number.
fn parents(program: &Program) -> Vec<GroupId> {
    let mut parents: Vec<GroupId> = Vec::new();
    let mut made: Vec<bool> = Vec::new();
    for step in &program.steps {
        if let Action::Op(step) = step.action
            && let Op::Mkdir { new, parent, .. } = step.op
        {
            let most = parents.len().max(new.index() + 1);
            parents.resize(most, GroupId::ROOT);
            made.resize(most, false);
            if !std::mem::replace(&mut made[new.index()], true) {
                parents[new.index()] = parent;
            }
        }
    }
    parents
}

/// One more than the highest number of each kind that the program mentions.
fn mentioned(program: &Program, groups: usize) -> [usize; Kind::ALL.len()] {
    let mut mentioned = [0; Kind::ALL.len()];
    mentioned[Kind::Group as usize] = groups.max(1);
    for step in &program.steps {
        visit(&mut { step.action }, |_, kind, n| {
            let most = &mut mentioned[kind as usize];
            *most = (*most).max(usize::from(*n) + 1);
        });
        if let Some(group) = step.outcome.and_then(|mut outcome| outcome_group(&mut outcome).copied()) {
            mentioned[0] = mentioned[0].max(group.index() + 1);
        }
    }
    mentioned
}

/// The canonical line of step `index` of `program`; empty if there is no such step. For many lines of one
/// program, [`Labels::step`] is cheaper.
pub fn step_text(program: &Program, index: usize) -> String {
    program.steps.get(index).map(|step| Labels::of(program).step(step)).unwrap_or_default()
}

/// The path of a group of `program`.
pub fn group_path(program: &Program, group: GroupId) -> String {
    Labels::of(program).group(group).into_owned()
}

/// The name of a reference to an obj_cgroup of `program`.
pub fn objcg_name(program: &Program, objcg: ObjcgId) -> String {
    Labels::of(program).objcg(objcg).into_owned()
}

/// The name of a folio of `program`.
pub fn charge_name(program: &Program, charge: ChargeId) -> String {
    Labels::of(program).charge(charge).into_owned()
}

/// The name of an object of `program`.
pub fn object_name(program: &Program, object: ObjectId) -> String {
    Labels::of(program).object(object).into_owned()
}

/// The name of a kmem_cache of `program`.
pub fn cache_name(program: &Program, cache: CacheId) -> String {
    Labels::of(program).cache(cache).into_owned()
}

/// The name of a swapped-out folio of `program`.
pub fn slot_name(program: &Program, slot: SlotId) -> String {
    Labels::of(program).slot(slot).into_owned()
}
