//! Memcg ids: small numbers that a swap slot can record, so that a slot does not pin a group's memory.

use crate::Fault;
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::substrate::env::{Env, Label, Loop, Mark, Oops, What};
use crate::substrate::word::Word;

/// Which group has which id. Id 0 is no id, id 1 is root's.
#[derive(Debug, Default)]
pub(crate) struct IdTable {
    groups: Vec<Option<MemcgRef>>,
    /// Ids given back, the next to be used last.
    returned: Vec<usize>,
    limit: usize,
}

impl IdTable {
    /// The id of root.
    pub(crate) const ROOT: i64 = 1;

    /// Forget all; at most `limit` ids may be in use beside root's.
    pub(crate) fn reset(&mut self, root: MemcgRef, limit: usize) {
        self.groups.clear();
        self.groups.extend([None, Some(root)]);
        self.returned.clear();
        self.limit = limit;
    }

    /// An id for a group, or `None` when all are in use.
    pub(crate) fn assign(&mut self, memcg: MemcgRef) -> Option<i64> {
        if let Some(id) = self.returned.pop() {
            self.groups[id] = Some(memcg);
            return Some(id as i64);
        }
        if self.groups.len() - 2 >= self.limit {
            return None;
        }
        self.groups.push(Some(memcg));
        Some(self.groups.len() as i64 - 1)
    }

    /// Give an id back.
    pub(crate) fn forget(&mut self, id: i64) {
        self.groups[id as usize] = None;
        self.returned.push(id as usize);
    }

    pub(crate) fn find(&self, id: i64) -> Option<MemcgRef> {
        self.groups.get(usize::try_from(id).ok()?).copied().flatten()
    }

    /// Ids in use beside root's.
    pub(crate) fn in_use(&self) -> usize {
        self.groups.len() - 2 - self.returned.len()
    }
}

impl Machine {
    /// Take a reference to the id of the first group, from `memcg` upwards along the counters, whose id is alive.
    /// Root's always is.
    pub(crate) fn id_get_online<E: Env>(&self, e: &E, memcg: MemcgRef) -> MemcgRef {
        let mut level = memcg;
        loop {
            let node = self.memcgs.get(e, level);
            if node.id_refs.inc_not_zero(e) {
                return level;
            }
            level = node.css.counter_parent().unwrap_or(self.root);
        }
    }

    /// Take `n` more references to an id that is held.
    pub(crate) fn id_get_many<E: Env>(&self, e: &E, memcg: MemcgRef, n: u64) {
        let id_refs: &Word = &self.memcgs.get(e, memcg).id_refs;
        if id_refs.add(e, n as i64) <= 0 {
            e.oops(Oops::Resurrected(id_refs.label()));
        }
    }

    /// Give `n` references to an id back; with the last one the id may be used again, and its css reference goes.
    pub(crate) fn id_put<E: Env>(&self, e: &E, memcg: MemcgRef, n: u64) {
        let node = self.memcgs.get(e, memcg);
        let old = node.id_refs.sub(e, n as i64);
        if old < n as i64 {
            e.oops(Oops::RefUnderflow(node.id_refs.label()));
        } else if old == n as i64 {
            if !e.fault(Fault::B38) {
                let id = node.id.swap(e, 0);
                self.ids.lock(e).forget(id);
            }
            self.css_put(e, memcg);
        }
    }

    /// The group with this id. Found under RCU, so its count may be zero.
    pub(crate) fn memcg_from_id<E: Env>(&self, e: &E, id: i64) -> Option<MemcgRef> {
        let found = self.ids.lock(e).find(id);
        if found.is_none() {
            lost_record(e, id);
        }
        found
    }

    /// A counted reference to the group that a slot records, if it has not been removed. In v1 the record may move to
    /// another group meanwhile: then the id that was read may be nobody's by now, or somebody else's.
    pub(super) fn memcg_from_record<E: Env>(&self, e: &E, record: &Word) -> Option<MemcgRef> {
        loop {
            let id = record.load(e);
            // In v1 nobody is, while the page pays that is on its way from the swap cache into the index.
            if id == 0 && self.do_memsw_account() {
                return None;
            }
            let found = self.ids.lock(e).find(id);
            let held = found.filter(|&memcg| self.css_tryget_online(e, memcg));
            if !self.do_memsw_account() || record.load(e) == id {
                if found.is_none() {
                    lost_record(e, id);
                }
                return held;
            }
            if let Some(memcg) = held {
                self.css_put(e, memcg);
            }
            e.mark(Mark::RecordMovedMeanwhile);
            if !e.retry(Loop::SwapRecord, record.label()) {
                return None;
            }
        }
    }
}

fn lost_record<E: Env>(e: &E, id: i64) {
    e.oops(Oops::LostRecord(Label::new(What::IdTable, id.max(0) as usize)));
}
