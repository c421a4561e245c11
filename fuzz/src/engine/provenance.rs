//! Provenance: which steps changed the word that a violation is about.

use super::hunting::Write;
use super::lockstep::Lockstep;
use crate::trace::Labels;
use crate::violation::Origin;
use stocktake_impl::What;

impl Lockstep {
    /// The steps that changed the word which a violation is about: who took what, and who gave it back.
    pub(super) fn provenance(&self, names: &Labels) -> Vec<Origin> {
        let Some(label) = self.blamed else { return Vec::new() };
        let handle = matches!(
            label.what,
            What::ObjcgMemcg | What::CpuCached | What::CpuCachedObjcg | What::MmMemcg | What::MmOwner
        );
        let mut changes: Vec<Write> = Vec::new();
        let statistic = self.stat_history(label);
        let history = statistic.unwrap_or_else(|| self.env.history());
        for write in history.into_iter().filter(|write| write.label == label) {
            match changes.last_mut() {
                Some(last) if last.step == write.step => last.new = write.new,
                _ => changes.push(write),
            }
        }
        changes.retain(|change| change.old != change.new);
        let origin = |change: Write| {
            let what = match label.what {
                What::MemcgGeneration
                | What::ObjcgGeneration
                | What::FolioGeneration
                | What::TaskGeneration
                | What::MmGeneration => life(change.new),
                What::ShmemEntry => entry(change.new),
                What::SlotMap => swap_map(change.new),
                _ if handle => self.pointed(names, label.what, change.new),
                _ => change_of(change.old, change.new),
            };
            Origin { step: change.step, what }
        };
        changes.into_iter().map(origin).collect()
    }

    /// What a pointer that was written leads to.
    fn pointed(&self, names: &Labels, what: What, word: i64) -> String {
        let index = (word & i64::from(u32::MAX)) as usize;
        match what {
            _ if word == 0 => String::from("emptied"),
            What::MmOwner => format!("owned by task {index}"),
            What::CpuCachedObjcg => {
                format!("caches the objcg of {}", names.group(self.books.birth_at(index)))
            }
            What::CpuCached => format!("caches {}", names.group(self.books.group_at(index))),
            _ => format!("points to {}", names.group(self.books.group_at(index))),
        }
    }
}

/// An arena's slot holds an object while its generation is odd.
fn life(generation: i64) -> String {
    String::from(if generation % 2 == 1 { "made" } else { "freed" })
}

fn entry(word: i64) -> String {
    match word {
        0 => String::from("a hole"),
        1.. => String::from("a page"),
        _ => format!("swapped out to slot {}", -(word + 1)),
    }
}

fn swap_map(map: i64) -> String {
    let cache = if map & 1 != 0 { "in the swap cache" } else { "not in the swap cache" };
    format!("count {}, {cache}", map >> 1)
}

fn change_of(old: i64, new: i64) -> String {
    format!("{old} → {new} ({:+})", new - old)
}
