//! The checks at the end of a run, when every CPU has been drained and all work has run.

use super::books::Books;
use super::broken::{Broken, Law, Thing};
use super::laws::World;
use crate::violation::Invariant;
use stocktake_impl::{Cpu, MemcgRef, MemcgView};
use stocktake_model::{GroupId, GroupLife, ObjectRule};

impl Books {
    /// Count everything again and check it: the running count is not trusted.
    pub(crate) fn check_all(&mut self, world: &mut World<'_>, cpus: &[Cpu]) -> Law {
        self.touch_all();
        self.book_ends(world, &mut Vec::new())?;
        self.recount(world, cpus)?;
        self.touch_all_stats(world);
        self.check_touched(world)?;
        self.check_folios(world)?;
        self.check_sums(world)?;
        world.check_slots()?;
        self.check_records(world)
    }

    /// Everything is at rest: what nobody holds must be gone (I6).
    pub(crate) fn check_leaks(&self, world: &World<'_>) -> Law {
        if !world.checks.has(Invariant::I6) {
            return Ok(());
        }
        self.check_cache_leaks(world)?;
        for (index, book) in self.groups.iter().enumerate().skip(1) {
            let group = GroupId(index as u16);
            if book.memcg.is_none() {
                continue;
            }
            let unheld =
                world.model.holders(group).is_empty() && book.mms == 0 && world.model.kmem_refs(group) == 0;
            if !book.freed && world.model.life(group) == Some(GroupLife::Dying) && unheld {
                return Err(Broken::new(
                    Invariant::I6,
                    "dying",
                    Thing::Group(group),
                    "freed: nobody holds it, every CPU is drained, all work has run",
                    "still dying",
                    super::laws::list(&world.holders(group, book)),
                ));
            }
            let bucket = &book.bucket;
            if world.model.object_rule() == ObjectRule::Pages {
                continue;
            }
            if bucket.objcg.is_some() && !bucket.freed && !world.model.bucket_alive(group) {
                return Err(Broken::new(
                    Invariant::I6,
                    "objcg-dying",
                    Thing::ObjcgOf(group),
                    "freed: no object and no reference is left, every CPU is drained",
                    "still there",
                    super::laws::list(&[("byte stocks", bucket.stocks)]),
                ));
            }
        }
        Ok(())
    }

    /// A group that was freed, as booked already, has ended in this model as well (I12).
    pub(crate) fn check_known_end(&self, world: &mut World<'_>, group: GroupId) -> Law {
        let book = &self.groups[group.index()];
        let ended = world.model.life(group) == Some(GroupLife::Ended);
        if !book.freed || ended || world.model.ended(group).is_ok() {
            return Ok(());
        }
        world.check_end_of_group(group, book)
    }

    /// Nothing has been followed step by step: count everything, and book the groups that have been freed.
    pub(crate) fn catch_up(&mut self, world: &mut World<'_>, cpus: &[Cpu]) -> Law {
        self.count_again(world, cpus);
        self.touch_all();
        self.book_ends(world, &mut Vec::new())?;
        self.count_again(world, cpus);
        Ok(())
    }

    /// Count everything again, without checking anything.
    pub(crate) fn count_again(&mut self, world: &World<'_>, cpus: &[Cpu]) {
        // A stale handle in a stock ends the count of that CPU: it is reported where it is checked.
        let _ = self.recount(world, cpus);
        for index in 1..self.groups.len() {
            if self.groups[index].bucket.objcg.is_some() {
                self.book_bucket(world, GroupId(index as u16));
            }
        }
        // So does a broken law: what is left is booked by another call.
        while self.check_slabs(world).is_err() {}
    }

    /// The running count and a recount agree. For tests: a difference is a defect of the harness.
    #[cfg(test)]
    pub(crate) fn recount_differs(&mut self, world: &World<'_>, cpus: &[Cpu]) -> Option<String> {
        let before = self.groups.clone();
        self.count_again(world, cpus);
        before.iter().zip(&self.groups).enumerate().find_map(|(index, (running, counted))| {
            let key = |book: &super::books::GroupBook| {
                let b = &book.bucket;
                (
                    (book.stocked, book.bound, book.stock_slots, book.objcgs, book.children, book.slab),
                    (b.stocked, b.stocks, b.pages, b.holds),
                )
            };
            (key(running) != key(counted)).then(|| format!("group {index}: {running:?} is not {counted:?}"))
        })
    }

    /// The folios that the machine has, group by group, are those that the model has (I5, counted from the pointers).
    fn check_folios(&self, world: &World<'_>) -> Law {
        let mut bound = vec![0i64; self.groups.len()];
        for (_, memcg, _) in world.machine.live_folios() {
            bound[self.group_of(memcg).index()] += 1;
        }
        for (index, found) in bound.into_iter().enumerate() {
            let group = GroupId(index as u16);
            let expected = world.model.own_folios(group) as i64;
            world.law(Invariant::I5, "folios", Thing::Group(group), (expected, found), || {
                String::from("folios that the program has charged and not freed")
            })?;
        }
        Ok(())
    }

    /// I7, slot by slot: each group is recorded for as many as the model says, counted from the records.
    fn check_records(&self, world: &World<'_>) -> Law {
        let mut recorded = vec![0i64; self.groups.len()];
        for (_, record) in world.machine.used_slots() {
            if let Some(memcg) = world.machine.memcg_with_id(record) {
                recorded[self.group_of(memcg).index()] += 1;
            }
        }
        for (index, found) in recorded.into_iter().enumerate() {
            let group = GroupId(index as u16);
            let expected = world.model.holders(group).slots as i64;
            world.law(Invariant::I7, "recorded", Thing::Group(group), (expected, found), || {
                String::from("slots whose record names the group")
            })?;
        }
        Ok(())
    }

    /// I2.
    fn check_sums(&self, world: &World<'_>) -> Law {
        if !world.checks.has(Invariant::I2) {
            return Ok(());
        }
        self.check_sum(world, "sum", |view| view.usage)?;
        self.check_sum(world, "memsw-sum", |view| view.memsw_usage)
    }

    fn check_sum(&self, world: &World<'_>, aspect: &'static str, counted: fn(&MemcgView) -> i64) -> Law {
        let usage = |memcg: MemcgRef| world.machine.memcg(memcg).map_or(0, |view| counted(&view));
        let mut sums = vec![0i64; self.groups.len()];
        for (index, book) in self.groups.iter().enumerate() {
            let group = GroupId(index as u16);
            let (Some(memcg), Some(parent)) = (book.memcg, world.model.counter_parent(group)) else {
                continue;
            };
            if world.usage_means_something(group) {
                sums[parent.index()] += usage(memcg);
            }
        }
        for (index, book) in self.groups.iter().enumerate() {
            let group = GroupId(index as u16);
            let Some(memcg) = book.memcg else { continue };
            if world.usage_means_something(group) && usage(memcg) < sums[index] {
                return Err(Broken::new(
                    Invariant::I2,
                    aspect,
                    Thing::Group(group),
                    format!("at least {}", sums[index]),
                    usage(memcg),
                    String::from("its live children use that much together"),
                ));
            }
        }
        Ok(())
    }
}

impl World<'_> {
    /// I7 and I8 for the slots: as many are in use as the model says, and each records a group that exists.
    pub(crate) fn check_slots(&self) -> Law {
        let (mut used, mut unrecorded) = (0, 0);
        for (slot, record) in self.machine.used_slots() {
            used += 1;
            if record == 0 && self.counts_memsw() {
                unrecorded += 1;
                continue;
            }
            if self.machine.memcg_with_id(record).is_none() && self.checks.has(Invariant::I7) {
                return Err(Broken::new(
                    Invariant::I7,
                    "record",
                    Thing::SwapSlots,
                    "the id of a group",
                    format!("id {record} in slot {slot}"),
                    String::from("whoever frees the slot must find the group that paid for it"),
                ));
            }
        }
        let pages_pay = self.model.slots_unrecorded() as i64;
        self.law(Invariant::I7, "unrecorded", Thing::SwapSlots, (pages_pay, unrecorded), || {
            String::from("slots whose page in the swap cache is charged instead of them")
        })?;
        let expected = self.model.slots_used() as i64;
        self.law(Invariant::I8, "slots", Thing::SwapSlots, (expected, used), || {
            String::from("slots that the program has swapped out and not freed")
        })
    }
}
