//! Deleting steps.

use super::operands::{exchange_group, exchange_objcg};
use super::run::Run;
use super::search::Search;
use crate::program::{Action, Program};
use std::ops::Range;
use stocktake_model::{GroupId, ObjcgId, Op};

/// Pairs of steps are tried only in programs of at most so many steps.
const PAIRS_UP_TO: usize = 48;

impl<R: Run> Search<R> {
    /// All ways of deleting steps.
    pub(super) fn delete(&mut self) {
        self.delete_tail();
        self.delete_chunks();
        self.merge_groups();
        self.merge_objcgs();
        self.delete_pairs();
    }

    /// Delete everything after the failing step.
    fn delete_tail(&mut self) {
        let end = self.failing_step() + 1;
        if end < self.len() {
            let len = self.len();
            self.attempt_without(end..len);
        }
    }

    /// Delete chunks of half the program, of a quarter, and so on down to single steps; the last chunk first,
    /// because a user is deleted more easily than what it uses.
    fn delete_chunks(&mut self) {
        let mut size = self.len().div_ceil(2);
        while size > 0 {
            let mut end = self.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                if self.attempt_without(start..end) {
                    self.delete_tail();
                }
                // Whatever was deleted besides, a user or the tail, came after the chunk.
                end = start.min(self.len());
            }
            size /= 2;
        }
    }

    /// Delete two steps that are needed only because of each other, such as a CPU's going down and coming up.
    fn delete_pairs(&mut self) {
        if self.len() > PAIRS_UP_TO {
            return;
        }
        let mut last = self.len();
        while last > 1 {
            last -= 1;
            let mut first = last;
            while first > 0 {
                first -= 1;
                let deleted = self.attempt_with(|program| {
                    remove(program, last..last + 1);
                    remove(program, first..first + 1);
                    true
                });
                if deleted {
                    self.delete_tail();
                    break;
                }
            }
            last = last.min(self.len());
        }
    }

    /// Delete the creation of a group, and let another one stand in for it: its parent, or an earlier one.
    fn merge_groups(&mut self) {
        let mut index = self.len();
        while index > 0 {
            index -= 1;
            let Some(&Action::Op(step)) = self.best.steps.get(index).map(|step| &step.action) else {
                continue;
            };
            let Op::Mkdir { new, parent, .. } = step.op else { continue };
            let others = (0..new.0).map(GroupId).filter(|&other| other != parent);
            for other in std::iter::once(parent).chain(others) {
                let merged = self.attempt_with(|program| {
                    program.steps[index..].iter_mut().for_each(|step| exchange_group(step, new, other));
                    remove(program, index..index + 1);
                    true
                });
                if merged {
                    self.delete_tail();
                    break;
                }
            }
        }
    }

    /// Delete the taking of a reference to an obj_cgroup, and let an earlier reference stand in for it.
    fn merge_objcgs(&mut self) {
        let mut index = self.len();
        while index > 0 {
            index -= 1;
            let Some(&Action::Op(step)) = self.best.steps.get(index).map(|step| &step.action) else {
                continue;
            };
            let (Op::ObjcgFrom { new, .. } | Op::ObjcgGet { new, .. }) = step.op else { continue };
            for other in (0..new.0).map(ObjcgId) {
                let merged = self.attempt_with(|program| {
                    program.steps[index..].iter_mut().for_each(|step| exchange_objcg(step, new, other));
                    remove(program, index..index + 1);
                    true
                });
                if merged {
                    self.delete_tail();
                    break;
                }
            }
        }
    }

    /// Try without a range of steps.
    fn attempt_without(&mut self, range: Range<usize>) -> bool {
        self.attempt_with(|program| {
            remove(program, range);
            true
        })
    }
}

/// Remove steps; what ran in lanes still does.
fn remove(program: &mut Program, range: Range<usize>) {
    if let Some(first) = &mut program.parallel {
        *first -= (*first).min(range.end) - (*first).min(range.start);
    }
    program.steps.drain(range);
}
