//! Operations on kmem_caches in generated programs, and their bytes in the direct profile.

use super::direct::{Reader, create, operand};
use super::encode::{Unencodable, Writer};
use super::input::Input;
use super::number;
use super::picture::{CAPACITY, Names};
use super::script::Script;
use super::tags::Kind;
use stocktake_model::{Bytes, CacheId, CpuId, GroupId, Op, PAGE_SIZE, SlabObjectId, SlabOp};

/// In the byte of a cache's shape: its order, and whether its slabs are freed after a grace period.
const ORDER_BITS: u8 = 3;
const RCU_BIT: u8 = 4;

/// What is remembered of caches.
pub(super) struct Caches {
    pub(super) caches: Names,
    pub(super) objects: Names,
    /// The cache of each object.
    of: [u8; CAPACITY],
    /// Live objects of each cache.
    live: [u8; CAPACITY],
}

impl Caches {
    pub(super) fn new() -> Caches {
        Caches { caches: Names::from(0), objects: Names::from(0), of: [0; CAPACITY], live: [0; CAPACITY] }
    }

    fn has_objects(&self, cache: u8) -> bool {
        self.live[usize::from(cache)] > 0
    }

    fn freed(&mut self, object: u8) -> Option<u8> {
        let cache = self.of[usize::from(object)];
        self.objects.consume(object).then(|| {
            self.live[usize::from(cache)] -= 1;
            cache
        })
    }
}

/// An object of about this many fit into a slab: few, so that slabs become full and empty.
fn size(choice: u8) -> u64 {
    match choice & 15 {
        0..=5 => 2048,
        6..=8 => PAGE_SIZE,
        9 | 10 => 1024,
        11 => 256,
        12 => 4088,
        13 => 2 * PAGE_SIZE,
        14 => 1 + 100 * u64::from(choice >> 4),
        _ => 1365,
    }
}

impl Script<'_, '_> {
    pub(super) fn cache_create(&mut self, at: CpuId, size: u64, order: u8, rcu: bool) -> CacheId {
        if self.is_full() {
            return CacheId(0);
        }
        let worked = !self.will_fail();
        let new = CacheId(self.picture.slab.caches.define(worked).into());
        self.push(at, Op::Slab(SlabOp::CreateCache { new, size: Bytes(size), order, rcu }));
        new
    }

    pub(super) fn cache_destroy(&mut self, at: CpuId, cache: CacheId) {
        if !self.picture.slab.has_objects(cache.0 as u8) {
            self.picture.slab.caches.consume(cache.0 as u8);
        }
        self.push(at, Op::Slab(SlabOp::DestroyCache { cache }));
    }

    pub(super) fn slab_alloc(&mut self, at: CpuId, cache: CacheId, group: GroupId) -> SlabObjectId {
        if self.is_full() {
            return SlabObjectId(0);
        }
        let slab = &mut self.picture.slab;
        let worked = slab.caches.is_live(cache.0 as u8) && self.fail.is_none();
        let new = slab.objects.define(worked);
        slab.of[usize::from(new)] = cache.0 as u8;
        slab.live[cache.index()] += u8::from(worked);
        self.push(at, Op::Slab(SlabOp::Alloc { new: SlabObjectId(new.into()), cache, group }));
        SlabObjectId(new.into())
    }

    pub(super) fn slab_free(&mut self, at: CpuId, object: SlabObjectId) {
        self.picture.slab.freed(object.0 as u8);
        self.push(at, Op::Slab(SlabOp::Free { object }));
    }

    /// Write an operation of one of the kinds of this room.
    pub(super) fn random_slab(&mut self, kind: Kind, at: CpuId) {
        match kind {
            // Few caches, so that many groups use the same ones.
            Kind::CacheCreate if self.picture.slab.caches.len() < 3 => {
                self.random_cache(at);
            }
            Kind::CacheCreate | Kind::SlabAlloc => {
                let cache = self.some_cache();
                let group = self.some_online_group();
                self.slab_alloc(at, cache, group);
            }
            Kind::CacheDestroy => {
                let cache = self.some_cache();
                // Mostly one without objects: they are freed first, as its user would.
                if self.byte() & 3 != 0 {
                    let of = &self.picture.slab;
                    let in_it = |object: &u8| of.of[usize::from(*object)] == cache.0 as u8;
                    let objects: Vec<u8> = of.objects.live().iter().copied().filter(in_it).take(12).collect();
                    for object in objects {
                        self.slab_free(at, SlabObjectId(object.into()));
                    }
                }
                self.cache_destroy(at, cache);
            }
            _ => {
                let choice = self.byte();
                match self.picture.slab.objects.choose(choice) {
                    Some(object) => self.slab_free(at, SlabObjectId(object.into())),
                    None => {
                        let cache = self.some_cache();
                        let group = self.some_online_group();
                        self.slab_alloc(at, cache, group);
                    }
                }
            }
        }
    }

    /// A new cache of any shape.
    pub(super) fn random_cache(&mut self, at: CpuId) -> CacheId {
        let (bytes, shape) = (self.byte(), self.byte());
        let order = if shape & 0x18 == 0x18 { shape & ORDER_BITS } else { shape >> 7 };
        self.cache_create(at, size(bytes), order, shape & 0x60 == 0x60)
    }

    fn some_cache(&mut self) -> CacheId {
        let choice = self.byte();
        match self.picture.slab.caches.choose(choice) {
            Some(cache) => CacheId(cache.into()),
            None => {
                let fail = self.fail.take();
                let made = self.random_cache(self.cpu);
                self.fail = fail;
                made
            }
        }
    }

    /// A group that has tasks: one that is online, sometimes root.
    fn some_online_group(&mut self) -> GroupId {
        match self.picture.groups.choose(self.input.byte()) {
            Some(group) => GroupId(group.into()),
            None => GroupId::ROOT,
        }
    }
}

impl Reader {
    /// The operation of one of the kinds of this room.
    pub(super) fn slab_op(
        &mut self,
        kind: Kind,
        name: Option<(u8, u16)>,
        input: &mut Input<'_>,
    ) -> Option<Op> {
        let walk = &mut self.walk;
        Some(Op::Slab(match kind {
            Kind::CacheCreate => {
                let size = Bytes(number::read(input, SlabOp::MOST_SIZE).max(1));
                let shape = input.byte();
                let new = CacheId(create(&mut walk.caches, name)?);
                SlabOp::CreateCache { new, size, order: shape & ORDER_BITS, rcu: shape & RCU_BIT != 0 }
            }
            Kind::CacheDestroy => SlabOp::DestroyCache { cache: CacheId(operand(&walk.caches, input)) },
            Kind::SlabAlloc => {
                let cache = CacheId(operand(&walk.caches, input));
                let group = GroupId(operand(&walk.groups, input));
                SlabOp::Alloc { new: SlabObjectId(create(&mut walk.slab_objects, name)?), cache, group }
            }
            _ => SlabOp::Free { object: SlabObjectId(operand(&walk.slab_objects, input)) },
        }))
    }
}

impl Writer {
    /// The operands of an operation of this room.
    pub(super) fn slab_operands(&mut self, op: &SlabOp) -> Result<(), Unencodable> {
        match *op {
            SlabOp::CreateCache { new, size, order, rcu } => {
                self.value(size.0, 1, SlabOp::MOST_SIZE)?;
                if order > SlabOp::MOST_ORDER {
                    self.value(order.into(), 0, SlabOp::MOST_ORDER.into())?;
                }
                self.out.push(order | if rcu { RCU_BIT } else { 0 });
                self.walk.caches.give(new.0);
            }
            SlabOp::DestroyCache { cache } => self.operand(cache.0, self.walk.caches.next)?,
            SlabOp::Alloc { new, cache, group } => {
                self.operand(cache.0, self.walk.caches.next)?;
                self.group(group)?;
                self.walk.slab_objects.give(new.0);
            }
            SlabOp::Free { object } => self.operand(object.0, self.walk.slab_objects.next)?,
        }
        Ok(())
    }
}
