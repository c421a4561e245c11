//! What one lane has done in the operation that it is in the middle of: references in flight, speculative adds, and
//! whatever else no book knows of yet.

use super::limits::LimitsSeen;
use stocktake_impl::{Label, What};

/// Changes of one operation that has not ended.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Words that are sums, and what the operation has added to each.
    added: Vec<(Label, i64)>,
    /// Words that are no sums: what they belong to is not to be looked at now.
    replaced: Vec<Label>,
    /// Every word that it has written.
    written: Vec<Label>,
    /// What it has seen of the limits.
    pub(super) limits: LimitsSeen,
}

const fn bit(what: What) -> u128 {
    1 << what as u8
}

/// Words that are sums: the changes of several operations add up, in whatever order they come.
const SUMS: u128 = bit(What::MemoryUsage)
    | bit(What::SwapUsage)
    | bit(What::MemswUsage)
    | bit(What::KmemUsage)
    | bit(What::CssRefs)
    | bit(What::IdRefs)
    | bit(What::ObjcgRefs)
    | bit(What::ObjcgLeftover)
    | bit(What::StatFileMapped)
    | bit(What::StatFilePmdMapped)
    | bit(What::StatOnMove)
    | bit(What::CacheRefs)
    | bit(What::SlabUnreturned);

impl Flight {
    pub(super) fn clear(&mut self) {
        self.added.clear();
        self.replaced.clear();
        self.written.clear();
        self.limits.clear();
    }

    /// A word was changed.
    pub(super) fn note(&mut self, label: Label, old: i64, new: i64) {
        if self.written.last() != Some(&label) {
            self.written.push(label);
        }
        if SUMS & bit(label.what) == 0 {
            if !self.replaced.contains(&label) {
                self.replaced.push(label);
            }
            return;
        }
        match self.added.iter_mut().find(|(word, _)| *word == label) {
            Some((_, sum)) => *sum += new - old,
            None => self.added.push((label, new - old)),
        }
    }

    /// What the operation has added to a word so far.
    pub(super) fn added(&self, label: Label) -> i64 {
        self.added.iter().find(|(word, _)| *word == label).map_or(0, |(_, sum)| *sum)
    }

    /// Whether the operation has changed a word that is a sum, even if nothing of it is left.
    pub(super) fn adds(&self, label: Label) -> bool {
        self.added.iter().any(|(word, _)| *word == label)
    }

    /// An object that the operation may have changed was freed by somebody else: its words mean nothing any more, and
    /// it is not to be looked at before the operation has ended.
    pub(super) fn forget(&mut self, generation: Label, words: &[What]) {
        let before = self.added.len();
        self.added.retain(|(word, _)| word.index != generation.index || !words.contains(&word.what));
        if self.added.len() != before && !self.replaced.contains(&generation) {
            self.replaced.push(generation);
        }
    }

    /// The words that it has written.
    pub(super) fn written(&self) -> &[Label] {
        &self.written
    }

    /// Words that it has written which are no sums.
    pub(super) fn replaced(&self) -> &[Label] {
        &self.replaced
    }
}
