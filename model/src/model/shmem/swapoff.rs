//! Swapoff: every file that is swapped out is swapped in, one after the other.

use super::super::charge::nth_fails;
use super::{Entry, Model};
use crate::{Failure, FileId, GroupId, Outcome};

impl Model {
    /// Those that could not be charged stay where they are.
    pub(super) fn swapoff_answer(&self, group: GroupId, fail: Option<Failure>) -> Outcome {
        let mut after = self.clone();
        after.swap_all_in(group, fail)
    }

    pub(super) fn swapped_off(&mut self, group: GroupId, observed: Outcome) {
        if observed == Outcome::Done {
            let files: Vec<FileId> = self.shmem_files().collect();
            for file in files {
                if let Entry::Swap(_) = self.shmem.entry(file) {
                    self.faulted(file, group, false, Outcome::Read(0));
                }
            }
            self.reclaim_swap_cache();
        }
    }

    /// Each file that is swapped out is swapped in, up to the first that cannot be charged: in a copy, to see whether
    /// all fit.
    fn swap_all_in(&mut self, group: GroupId, fail: Option<Failure>) -> Outcome {
        let mut reads = 0;
        let files: Vec<FileId> = self.shmem_files().collect();
        for file in files {
            if !matches!(self.shmem.entry(file), Entry::Swap(_)) {
                continue;
            }
            // Each page that has to be read is one allocation, and one insertion.
            let meets = if self.shmem.page_of(file).is_none() {
                reads += 1;
                match fail {
                    Some(Failure::Insert) if reads == 1 => fail,
                    _ if nth_fails(fail, reads) => Some(Failure::Alloc),
                    _ => None,
                }
            } else {
                None
            };
            let answer = self.fault_answer(file, group, false, meets);
            if !matches!(answer, Outcome::Read(_)) {
                return answer;
            }
            self.faulted(file, group, false, answer);
        }
        Outcome::Done
    }

    /// A file was seen to be swapped in: part of a swapoff that was refused in the end.
    pub fn file_swapped_in(&mut self, file: FileId, group: GroupId) {
        self.faulted(file, group, false, Outcome::Read(0));
    }
}
