//! obj_cgroups ("buckets" here): the bytes of kernel objects, charged in whole pages.
//!
//! Each group is born with one bucket, which is named by that group for ever. The bucket's *owner* pays: the birth
//! group first; each time an owner is offlined, its counter parent takes the bucket over. Root has no bucket, so
//! objects charged through root's "no objcg" are not accounted; a bucket that root has inherited is.
//!
//! That is the rule [`ObjectRule::Bytes`]. By the other, [`ObjectRule::Pages`], each object costs whole pages, a
//! bucket never changes its owner, and the group's references to it, and its pages, hold the group.

use super::{Group, Model};
use crate::{Bytes, Errno, GroupId, ObjcgId, ObjectId, Outcome, Pages};

/// What kernel objects cost, and who pays once their group has been removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ObjectRule {
    /// The bytes of all objects of a bucket together, rounded up; the parent of a removed group pays.
    #[default]
    Bytes,
    /// Each object rounded up by itself; the group goes on paying, and is held by each page.
    Pages,
}

/// One obj_cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    pub(super) owner: GroupId,
    /// The program's references, one for each live object, and one of the birth group while that stands.
    pub(super) refs: u64,
    /// Those of them that are the program's.
    pub(super) held: u64,
    /// Bytes of live objects.
    pub(super) live: Bytes,
    /// Pages that they cost.
    pub(super) pages: Pages,
    /// The next bucket of the same owner.
    pub(super) next: Option<GroupId>,
}

/// A live object and the birth group of the bucket it is charged to, root if it is not accounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) birth: GroupId,
    pub(super) bytes: Bytes,
}

impl Model {
    /// Who pays for new objects of a group: the first group upwards that still has its active bucket. First
    /// today's answer, then those of a near future, see [`Model::standing_in`].
    pub(super) fn objcg_answers(&self, group: GroupId) -> impl Iterator<Item = GroupId> {
        let itself = (self.object_rule == ObjectRule::Pages).then_some(group);
        let standing = self.standing_in(group, Group::is_standing, Group::is_online);
        itself.into_iter().chain(standing.take(if itself.is_some() { 0 } else { usize::MAX }))
    }

    /// The pages that one more object needs beyond those that the bucket's objects need already.
    pub(super) fn pages_needed(&self, birth: GroupId, bytes: Bytes) -> Pages {
        if self.object_rule == ObjectRule::Pages {
            return bytes.pages_up();
        }
        let live = self.bucket_live_bytes(birth);
        (live + bytes).pages_up() - live.pages_up()
    }

    /// Through "no objcg" everything fits.
    pub(super) fn obj_charge_answer(&self, objcg: ObjcgId, bytes: Bytes) -> Outcome {
        match self.bucket_of(objcg) {
            Some(birth) => {
                let (owner, pages) = (self.bucket_owner(birth), self.pages_needed(birth, bytes));
                let fits =
                    self.fits(owner, pages) && (!self.counts_object_kmem() || self.kmem_fits(owner, pages));
                if fits { Outcome::Done } else { Outcome::Refused(Errno::NoMem) }
            }
            None => Outcome::Done,
        }
    }

    pub(super) fn make_bucket(&mut self, birth: GroupId) {
        self.buckets.make(
            birth.index(),
            Bucket { owner: birth, refs: 1, held: 0, live: Bytes(0), pages: Pages(0), next: None },
        );
        if let Some(group) = self.groups.get_mut(birth.index()) {
            group.first_bucket = Some(birth);
        }
    }

    /// The program takes a reference to the bucket born in `birth`.
    pub(super) fn make_objcg(&mut self, new: ObjcgId, birth: GroupId) {
        if birth == GroupId::ROOT || self.buckets.get(birth.index()).is_some() {
            self.get_bucket(birth);
            if let Some(bucket) = self.buckets.get_mut(birth.index()) {
                bucket.held += 1;
            }
            self.objcgs.make(new.index(), birth);
        }
    }

    pub(super) fn put_objcg(&mut self, held: ObjcgId) {
        if let Some(birth) = self.objcgs.take(held.index()) {
            if let Some(bucket) = self.buckets.get_mut(birth.index()) {
                bucket.held -= 1;
            }
            self.put_bucket(birth);
        }
    }

    pub(super) fn charge_object(&mut self, new: ObjectId, objcg: ObjcgId, bytes: Bytes) {
        let Some(&birth) = self.objcgs.get(objcg.index()) else { return };
        self.charge_bucket(birth, bytes);
        self.objects.make(new.index(), Object { birth, bytes });
    }

    pub(super) fn uncharge_object(&mut self, object: ObjectId) {
        if let Some(Object { birth, bytes }) = self.objects.take(object.index()) {
            self.uncharge_bucket(birth, bytes);
        }
    }

    /// One more object is charged to a bucket, and holds it.
    pub(super) fn charge_bucket(&mut self, birth: GroupId, bytes: Bytes) {
        let pages = self.bucket_pages(birth) + self.pages_needed(birth, bytes);
        self.get_bucket(birth);
        self.set_live_bytes(birth, self.bucket_live_bytes(birth) + bytes, pages);
    }

    /// An object that was charged to a bucket is gone.
    pub(super) fn uncharge_bucket(&mut self, birth: GroupId, bytes: Bytes) {
        if birth != GroupId::ROOT {
            let live = self.bucket_live_bytes(birth) - bytes;
            let pages = match self.object_rule {
                ObjectRule::Bytes => live.pages_up(),
                ObjectRule::Pages => self.bucket_pages(birth) - bytes.pages_up(),
            };
            self.set_live_bytes(birth, live, pages);
        }
        self.put_bucket(birth);
    }

    /// The owner pays for the bucket's pages, and so does every level above it.
    fn set_live_bytes(&mut self, birth: GroupId, live: Bytes, after: Pages) {
        let Some(bucket) = self.buckets.get_mut(birth.index()) else { return };
        let before = std::mem::replace(&mut bucket.pages, after);
        bucket.live = live;
        let owner = bucket.owner;
        if before != after {
            self.at_each_level(owner, |level| level.object_pages = level.object_pages + after - before);
        }
    }

    pub(super) fn get_bucket(&mut self, birth: GroupId) {
        let Some(bucket) = self.buckets.get_mut(birth.index()) else { return };
        bucket.refs += 1;
        // A machine under test that hands out a dead objcg is caught by others; the totals have to stay right.
        if bucket.refs == 1 {
            let owner = bucket.owner;
            self.count_inherited(owner, birth, |inherited| *inherited += 1);
        }
    }

    pub(super) fn put_bucket(&mut self, birth: GroupId) {
        let Some(bucket) = self.buckets.get_mut(birth.index()) else { return };
        bucket.refs -= 1;
        if bucket.refs == 0 {
            let owner = bucket.owner;
            self.count_inherited(owner, birth, |inherited| *inherited -= 1);
        }
    }

    fn count_inherited(&mut self, owner: GroupId, birth: GroupId, count: fn(&mut u64)) {
        if owner != birth
            && let Some(owner) = self.groups.get_mut(owner.index())
        {
            count(&mut owner.inherited);
        }
    }

    /// Hands every bucket that `from` owns to its counter parent. The pages are counted at every level above
    /// `from` already, so that only `from`'s own level changes.
    pub(super) fn reparent_buckets(&mut self, from: GroupId) {
        if self.object_rule == ObjectRule::Pages {
            return;
        }
        let Some(group) = self.groups.get_mut(from.index()) else { return };
        let Some(to) = group.counter_parent else { return };
        let mut next = group.first_bucket.take();
        while let Some(birth) = next {
            let Some(bucket) = self.buckets.get(birth.index()) else { return };
            let (pages, alive) = (bucket.pages, bucket.refs > 0);
            next = bucket.next;
            if alive {
                self.count_inherited(from, birth, |inherited| *inherited -= 1);
                self.count_inherited(to, birth, |inherited| *inherited += 1);
            }
            if let Some(from) = self.groups.get_mut(from.index()) {
                from.object_pages -= pages;
            }
            let head = self.groups.get_mut(to.index()).and_then(|to| to.first_bucket.replace(birth));
            if let Some(bucket) = self.buckets.get_mut(birth.index()) {
                bucket.owner = to;
                bucket.next = head;
            }
        }
    }
}

/// Questions.
impl Model {
    /// How kernel objects are charged from now on; for a model on which nothing has happened.
    pub fn charge_objects_by(&mut self, rule: ObjectRule) {
        self.object_rule = rule;
    }

    /// How kernel objects are charged.
    #[inline]
    pub fn object_rule(&self) -> ObjectRule {
        self.object_rule
    }

    /// Pages that the live objects of the objcg born in `birth` cost.
    pub fn bucket_pages(&self, birth: GroupId) -> Pages {
        self.buckets.get(birth.index()).map_or(Pages(0), |bucket| bucket.pages)
    }

    /// Pages of kernel objects that hold a group, where they do.
    #[inline]
    pub fn kmem_pins(&self, group: GroupId) -> Pages {
        match self.object_rule {
            ObjectRule::Bytes => Pages(0),
            ObjectRule::Pages => self.bucket_pages(group),
        }
    }

    /// References of the program to a group, where it has them to groups rather than to objcgs.
    #[inline]
    pub fn kmem_refs(&self, group: GroupId) -> u64 {
        match self.object_rule {
            ObjectRule::Bytes => 0,
            ObjectRule::Pages => self.buckets.get(group.index()).map_or(0, |bucket| bucket.held),
        }
    }
}
