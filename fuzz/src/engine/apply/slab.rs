//! Applying operations on kmem_caches.

use super::{Applier, BOUND, done, refused};
use stocktake_impl::{Env, SlabObject, SlabWork};
use stocktake_model::{CpuId, GroupId, Outcome, Ran, SlabOp};

impl<E: Env> Applier<'_, E> {
    pub(super) fn apply_slab(&mut self, op: &SlabOp, at: CpuId) -> Outcome {
        let (m, e) = (self.machine, self.env);
        let b = &mut *self.bindings;
        let cpu = &mut self.cpus[at.index() - self.first_cpu];
        match *op {
            SlabOp::CreateCache { new, size, order, rcu } => {
                let (outcome, cache) = done(m.kmem_cache_create(e, size.0, order, rcu));
                if let Some(cache) = cache {
                    b.caches[new.index()] = Some(cache);
                    self.books.cache_made(new, cache);
                }
                outcome
            }
            SlabOp::DestroyCache { cache } => {
                let found = b.caches[cache.index()].expect(BOUND);
                done(m.kmem_cache_destroy(e, cpu, found)).0
            }
            SlabOp::Alloc { new, cache, group } => {
                let found = b.caches[cache.index()].expect(BOUND);
                let memcg = b.groups[group.index()].expect(BOUND);
                match m.kmem_cache_alloc(e, cpu, found, memcg) {
                    Ok((object, from)) => {
                        b.slab_objects[new.index()] = Some(object);
                        let payer = match object.objcg {
                            Some(objcg) => self.books.birth_of(objcg),
                            None => {
                                let memcg = m.cache_view(from).and_then(|view| view.memcg);
                                memcg.map_or(GroupId::ROOT, |memcg| self.books.group_of(memcg))
                            }
                        };
                        Outcome::To(payer)
                    }
                    Err(errno) => refused(errno),
                }
            }
            SlabOp::Free { object } => {
                let object: SlabObject = b.slab_objects[object.index()].take().expect(BOUND);
                m.kmem_cache_free(e, cpu, object);
                Outcome::Done
            }
        }
    }

    pub(super) fn ran_slab(&self, work: SlabWork) -> Ran {
        match work {
            SlabWork::Create(_, memcg) => Ran::Create(self.books.group_of(memcg)),
            SlabWork::Kill(_) | SlabWork::ShutDown(_) | SlabWork::Release(_) => Ran::Cache,
        }
    }
}
