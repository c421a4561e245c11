//! The program's names of what lives in the machine's arenas, noted while an execution is recorded.

use super::apply::Bindings;
use crate::check::Books;
use crate::trace::Labels;
use std::collections::BTreeMap;
use stocktake_impl::{Label, Machine, What};
use stocktake_model::{ChargeId, GroupId, MmUserId, SlabObjectId, TaskId};

/// Who has lived in which slot, in the order of their lives.
#[derive(Debug, Default)]
pub(super) struct Owners {
    names: BTreeMap<Label, Vec<String>>,
}

impl Owners {
    /// Note everything that the program's names stand for now. To be called after each step, since a name that has
    /// been given back stands for nothing.
    pub(super) fn note(&mut self, bindings: &Bindings, books: &Books, machine: &Machine, names: &Labels) {
        for index in 0..bindings.groups.len() {
            let group = GroupId(index as u16);
            let book = books.group(group);
            if let Some(memcg) = book.memcg {
                self.lives(What::MemcgGeneration, memcg.index(), &names.group(group));
            }
            if let Some(objcg) = book.bucket.objcg {
                self.lives(What::ObjcgGeneration, objcg.index(), &format!("objcg of {}", names.group(group)));
            }
        }
        for (index, folio) in bindings.charges.iter().enumerate() {
            if let Some(folio) = folio {
                self.lives(What::FolioGeneration, folio.index(), &names.charge(ChargeId(index as u16)));
            }
        }
        for (index, task) in bindings.mm.tasks.iter().enumerate() {
            let Some(task) = *task else { continue };
            let name = names.task(TaskId(index as u16));
            self.lives(What::TaskGeneration, task.index(), &name);
            if let Some(mm) = machine.task_mm(task) {
                self.lives_unless_known(What::MmGeneration, mm.index(), &format!("mm of {name}"));
            }
        }
        for (index, user) in bindings.mm.users.iter().enumerate() {
            if let Some(user) = user {
                let name = format!("mm held by {}", names.mm_user(MmUserId(index as u16)));
                self.lives_unless_known(What::MmGeneration, user.mm.index(), &name);
            }
        }
        for (cache, _) in machine.live_caches() {
            let (name, birth) = books.slab.name_at(cache.index());
            self.lives(What::CacheGeneration, cache.index(), &names.cache_of(name, birth));
        }
        for (index, object) in bindings.slab_objects.iter().enumerate() {
            if let Some(object) = object {
                let name = format!("slab of {}", names.slab_object(SlabObjectId(index as u16)));
                self.lives_unless_known(What::SlabGeneration, object.slab.index(), &name);
            }
        }
    }

    /// The names by slot. One that was used again is `A, then B`.
    pub(super) fn finish(self) -> BTreeMap<Label, String> {
        self.names.into_iter().map(|(label, names)| (label, names.join(", then "))).collect()
    }

    fn lives(&mut self, generation: What, slot: usize, name: &str) {
        let names = self.names.entry(Label::new(generation, slot)).or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }

    /// The first name stays with what several names lead to.
    fn lives_unless_known(&mut self, generation: What, slot: usize, name: &str) {
        let names = self.names.entry(Label::new(generation, slot)).or_default();
        if names.is_empty() {
            names.push(name.to_owned());
        }
    }
}
