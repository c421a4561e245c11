//! Objects: which slab one lies in, and what it is charged to.

use super::{CacheRef, OBJCG_POINTER, SlabRef, Stage};
use crate::machine::Machine;
use crate::memcg::MemcgRef;
use crate::obj_cgroup::ObjcgRef;
use crate::substrate::arena::Handle;
use crate::substrate::cpu::Cpu;
use crate::substrate::env::{Env, Mark};
use crate::substrate::units::{Bytes, Errno};
use crate::{Fault, SlabDesign};

/// An object, and the entry of its slab's objcg vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabObject {
    /// The slab that it lies in.
    pub slab: SlabRef,
    /// The objcg that it is charged through, where objects are.
    pub objcg: Option<ObjcgRef>,
}

impl Machine {
    /// Allocate an object for a task of `memcg`. Also the cache that it was taken from, which is a group's own where
    /// groups have caches. The caller knows that the group has not been removed.
    ///
    /// # Errors
    /// [`Errno::NoMem`] if a charge does not fit, or no page can be had for a slab.
    pub fn kmem_cache_alloc<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        root: CacheRef,
        memcg: MemcgRef,
    ) -> Result<(SlabObject, CacheRef), Errno> {
        if self.config.design.slab == SlabDesign::Objcg {
            return Ok((self.alloc_charged(e, cpu, root, memcg)?, root));
        }
        let cache = self.memcg_cache_get(e, cpu, root, memcg);
        let slab = self.take_place(e, cpu, cache);
        self.memcg_cache_put(e, cpu, cache);
        Ok((SlabObject { slab: slab?, objcg: None }, cache))
    }

    /// Allocate an object that is charged by itself: the charge comes first, and goes back if there is no page.
    fn alloc_charged<E: Env>(
        &self,
        e: &E,
        cpu: &mut Cpu,
        cache: CacheRef,
        memcg: MemcgRef,
    ) -> Result<SlabObject, Errno> {
        let objcg = self.objcg_of_memcg(e, cpu, memcg);
        let size = self.charged_size(e, cache);
        if let Some(objcg) = objcg
            && let Err(errno) = self.obj_cgroup_charge(e, cpu, objcg, size)
        {
            self.objcg_put(e, cpu, objcg);
            return Err(errno);
        }
        let slab = self.take_place(e, cpu, cache);
        if let (Err(_), Some(objcg)) = (slab, objcg) {
            e.mark(Mark::SlabChargeRefunded);
            if !e.fault(Fault::K1) {
                self.obj_cgroup_uncharge(e, cpu, objcg, size);
            }
            self.objcg_put(e, cpu, objcg);
        }
        Ok(SlabObject { slab: slab?, objcg })
    }

    /// Free an object, on whatever CPU.
    pub fn kmem_cache_free<E: Env>(&self, e: &E, cpu: &mut Cpu, object: SlabObject) {
        if let Some(objcg) = object.objcg {
            let cache = self.cache_of_slab(e, object.slab);
            let size = self.charged_size(e, cache);
            self.obj_cgroup_uncharge(e, cpu, objcg, size);
            self.objcg_put(e, cpu, objcg);
        }
        self.give_place_back(e, cpu.id, object.slab);
    }

    fn charged_size<E: Env>(&self, e: &E, cache: CacheRef) -> Bytes {
        Bytes(self.cache(e, cache).size.load(e) as u64 + OBJCG_POINTER)
    }

    /// A place for an object: in the slab taken into use last that has one, or else in the slab that was kept empty,
    /// or else in a new one.
    fn take_place<E: Env>(&self, e: &E, cpu: &mut Cpu, cache: CacheRef) -> Result<SlabRef, Errno> {
        let node = self.cache(e, cache);
        let per_slab = node.per_slab.load(e);
        {
            let mut list = node.slabs.lock(e);
            if let Some(&(_, slab)) = list.open.last() {
                if self.slab(e, slab).objects.add(e, 1) + 1 == per_slab {
                    list.open.pop();
                }
                return Ok(slab);
            }
            if let Some(slab) = list.idle.take() {
                e.mark(Mark::SlabTakenFromIdle);
                self.take_into_use(e, &mut list, slab, per_slab);
                return Ok(slab);
            }
        }
        let slab = self.new_slab(e, cpu, cache)?;
        self.take_into_use(e, &mut node.slabs.lock(e), slab, per_slab);
        Ok(slab)
    }

    fn take_into_use<E: Env>(&self, e: &E, list: &mut super::SlabList, slab: SlabRef, per_slab: i64) {
        let node = self.slab(e, slab);
        list.taken += 1;
        list.in_use += 1;
        node.number.store(e, list.taken);
        node.objects.store(e, 1);
        if per_slab > 1 {
            list.open.push((list.taken, slab));
        }
    }

    fn give_place_back<E: Env>(&self, e: &E, cpu: usize, slab: SlabRef) {
        let cache = self.cache_of_slab(e, slab);
        let (node, page) = (self.cache(e, cache), self.slab(e, slab));
        {
            let mut list = node.slabs.lock(e);
            let left = page.objects.sub(e, 1) - 1;
            let number = page.number.load(e);
            match (list.open.binary_search_by_key(&number, |(number, _)| *number), left) {
                (Ok(place), 0) => drop(list.open.remove(place)),
                (Err(place), 1..) => list.open.insert(place, (number, slab)),
                _ => {}
            }
            if left > 0 {
                return;
            }
            list.in_use -= 1;
            let active = Stage::from_word(node.stage.load(e)) == Stage::Active;
            if active && list.idle.is_none() {
                e.mark(Mark::SlabKeptIdle);
                list.idle = Some(slab);
                return;
            }
        }
        self.discard_slab(e, cpu, slab);
    }

    /// Whether a cache has slabs with objects.
    pub(super) fn cache_in_use<E: Env>(&self, e: &E, cache: CacheRef) -> bool {
        self.cache(e, cache).slabs.lock(e).in_use > 0
    }

    /// Free the slab that a cache keeps without objects.
    pub(super) fn shrink_cache<E: Env>(&self, e: &E, cpu: usize, cache: CacheRef) {
        let idle = self.cache(e, cache).slabs.lock(e).idle.take();
        if let Some(slab) = idle {
            self.discard_slab(e, cpu, slab);
        }
    }

    pub(super) fn is_root_cache<E: Env>(&self, e: &E, cache: CacheRef) -> bool {
        Handle::<super::KmemCache>::from_word(self.cache(e, cache).root.load(e)).is_none()
    }
}
