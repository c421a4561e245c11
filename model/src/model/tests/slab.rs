use super::*;
use crate::{CacheId, Grade, Reason, SlabCharge, SlabObjectId, SlabOp, SlabRule};

fn on(rule: SlabRule) -> Model {
    let mut model = model(Mode::V2);
    model.charge_slabs_by(rule);
    model
}

fn cache(new: u16, size: u64, order: u8) -> Op {
    Op::Slab(SlabOp::CreateCache { new: CacheId(new), size: Bytes(size), order, rcu: false })
}

fn alloc(new: u16, cache: u16, group: u16) -> Op {
    Op::Slab(SlabOp::Alloc { new: SlabObjectId(new), cache: CacheId(cache), group: g(group) })
}

fn free(object: u16) -> Op {
    Op::Slab(SlabOp::Free { object: SlabObjectId(object) })
}

fn destroy(cache: u16) -> Op {
    Op::Slab(SlabOp::DestroyCache { cache: CacheId(cache) })
}

/// Run the oldest scheduled creation, which is for this group.
fn create(model: &mut Model, group: u16, fail: Option<Failure>) {
    let work = Step { cpu: CpuId(0), op: Op::Work, fail };
    model.commit(&work, Outcome::Ran(Ran::Create(g(group))));
}

#[test]
fn objects_are_charged_with_a_pointer_each() {
    let mut model = on(SlabRule::Objects);
    run_all(&mut model, &[mkdir(1, 0), cache(0, 2040, 1), alloc(0, 0, 1), alloc(1, 0, 1)]);
    assert_eq!(model.bucket_live_bytes(g(1)), Bytes(4096));
    assert_eq!((model.usage(g(1)), model.slab_pages(g(1))), (Pages(1), Pages(0)));
    run_all(&mut model, &[alloc(2, 0, 1), alloc(3, 0, 0)]);
    assert_eq!((model.usage(g(1)), model.usage(g(0))), (Pages(2), Pages(2)));
    remove(&mut model, 1);
    assert!(model.ended(g(1)).is_ok(), "objects hold no group");
    run_all(&mut model, &[free(0), free(1), free(2), free(3)]);
    assert_eq!((model.usage(g(0)), model.bucket_alive(g(1))), (Pages(0), false));
}

#[test]
fn only_a_slab_that_is_not_in_use_can_fail_to_be_allocated() {
    let mut model = on(SlabRule::Objects);
    run_all(&mut model, &[mkdir(1, 0), cache(0, 2048, 0)]);
    assert_eq!(model.first(&failing(alloc(0, 0, 1), Failure::Alloc)), NOMEM);
    run_all(&mut model, &[alloc(0, 0, 1)]);
    assert_eq!(model.first(&failing(alloc(1, 0, 1), Failure::Alloc)), to(1));
    run_all(&mut model, &[alloc(1, 0, 1)]);
    assert_eq!(model.first(&failing(alloc(2, 0, 1), Failure::Alloc)), NOMEM);
}

#[test]
fn a_group_is_charged_for_slabs_once_its_cache_has_been_created() {
    let mut model = on(SlabRule::SlabsReparented);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(2)), cache(0, 4096, 1)]);
    assert_eq!(run(&mut model, alloc(0, 0, 1)), to(0));
    assert_eq!((model.scheduled_caches(g(1)), model.usage(g(1))), (1, Pages(0)));
    create(&mut model, 1, Some(Failure::Alloc));
    assert_eq!((model.scheduled_caches(g(1)), model.cache_is_active(CacheId(0), g(1))), (0, false));
    assert_eq!(run(&mut model, alloc(1, 0, 1)), to(0));
    create(&mut model, 1, None);
    assert_eq!(model.slab_charge(CacheId(0), g(1)), SlabCharge::Slab(g(1), Pages(2)));
    assert_eq!(run(&mut model, alloc(2, 0, 1)), to(1));
    assert_eq!(run(&mut model, alloc(3, 0, 1)), to(1), "two objects to a slab");
    assert_eq!((model.usage(g(1)), model.usage(g(0))), (Pages(2), Pages(2)));
    assert_eq!(run(&mut model, alloc(4, 0, 1)), NOMEM);
    run_all(&mut model, &[free(2)]);
    assert_eq!(model.usage(g(1)), Pages(2));
    run_all(&mut model, &[free(3)]);
    assert_eq!(model.usage(g(1)), Pages(0));
}

#[test]
fn a_failure_to_schedule_is_no_failure_of_the_object() {
    let mut model = on(SlabRule::SlabsStay);
    run_all(&mut model, &[mkdir(1, 0), cache(0, 64, 0)]);
    let step = failing(alloc(0, 0, 1), Failure::Alloc);
    assert_eq!(model.first(&step), to(0));
    model.commit(&step, to(0));
    assert_eq!(model.scheduled_caches(g(1)), 0);
}

#[test]
fn removal_reparents_slabs_or_leaves_them() {
    for (rule, at_child) in [(SlabRule::SlabsReparented, 0), (SlabRule::SlabsStay, 1)] {
        let mut model = on(rule);
        run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), cache(0, 4096, 0), alloc(0, 0, 2)]);
        create(&mut model, 2, None);
        run_all(&mut model, &[alloc(1, 0, 2)]);
        remove(&mut model, 2);
        assert_eq!(model.slab_object(SlabObjectId(1)), Some((CacheId(0), g(1 + at_child))));
        let pages = [2, 1, 0].map(|group| model.slab_pages(g(group)).0);
        assert_eq!(pages, [u64::from(at_child), 1, 1], "{rule:?}");
        assert!(!model.cache_is_active(CacheId(0), g(2)));
        remove(&mut model, 1);
        run_all(&mut model, &[free(1)]);
        assert_eq!([2, 1, 0].map(|group| model.slab_pages(g(group)).0), [0, 0, 0]);
    }
}

#[test]
fn objects_go_to_the_slab_taken_into_use_last() {
    let mut model = on(SlabRule::SlabsReparented);
    run_all(&mut model, &[mkdir(1, 0), cache(0, 2048, 0), alloc(0, 0, 1), free(0)]);
    create(&mut model, 1, None);
    run_all(&mut model, &[alloc(1, 0, 1), alloc(2, 0, 1), alloc(3, 0, 1), alloc(4, 0, 1)]);
    // A free place in the first slab, then also in the second: the second is used first.
    run_all(&mut model, &[free(1), free(3), alloc(5, 0, 1), free(2)]);
    assert_eq!(model.slab_pages(g(1)), Pages(1), "the first slab is empty, the second full");
    run_all(&mut model, &[free(4), free(5)]);
    assert_eq!(model.slab_pages(g(1)), Pages(0));
}

#[test]
fn a_cache_with_objects_is_not_destroyed() {
    let mut model = on(SlabRule::SlabsReparented);
    run_all(&mut model, &[mkdir(1, 0), cache(0, 64, 0), alloc(0, 0, 1)]);
    assert_eq!(run(&mut model, destroy(0)), Outcome::Refused(Errno::Busy));
    run_all(&mut model, &[free(0), destroy(0)]);
    assert_eq!(model.scheduled_caches(g(1)), 0, "destroying waits for what is scheduled");
    assert!(!model.cache_exists(CacheId(0)));
    skipped(&model, alloc(1, 0, 1), Skip::Absent);
    skipped(&model, cache(0, 64, 0), Skip::Absent);
}

#[test]
fn a_kept_slab_excuses_what_it_serves() {
    struct Kept;
    impl Witness for Kept {
        fn usage(&self, _group: GroupId) -> Pages {
            Pages(1)
        }
        fn memsw(&self, _group: GroupId) -> Pages {
            Pages(1)
        }
        fn local_pages(&self) -> Pages {
            Pages(0)
        }
        fn local_bytes(&self) -> Bytes {
            Bytes(0)
        }
        fn idle_slab(&self) -> bool {
            true
        }
    }
    let mut model = on(SlabRule::SlabsReparented);
    run_all(&mut model, &[mkdir_max(1, 0, Limit::pages(0)), cache(0, 4096, 0), alloc(0, 0, 1)]);
    create(&mut model, 1, None);
    let step = step(alloc(1, 0, 1));
    assert_eq!(model.first(&step), NOMEM);
    assert_eq!(model.allowed(&step, &Seen::default()).grade(to(1)), Grade::Violation);
    assert_eq!(model.allowed(&step, &Kept).grade(to(1)), Grade::Divergent(Reason::StockHitOverMax));
    run_all(&mut model, &[set_max(1, Limit::MAX)]);
    let failing = Step { fail: Some(Failure::Alloc), ..step };
    assert_eq!(model.allowed(&failing, &Seen::default()).grade(to(1)), Grade::Violation);
    assert_eq!(model.allowed(&failing, &Kept).grade(to(1)), Grade::Exact);
}

#[test]
fn slabs_are_kernel_memory_where_that_is_counted() {
    let mut model = model(Mode::V1);
    model.charge_slabs_by(SlabRule::SlabsReparented);
    let limit = |group: u16, max| Op::SetKmemMax { group: g(group), max };
    run_all(&mut model, &[mkdir(1, 0), mkdir(2, 1), cache(0, 4096, 1), alloc(0, 0, 2)]);
    create(&mut model, 2, None);
    run_all(&mut model, &[limit(1, Limit::pages(3)), alloc(1, 0, 2), alloc(2, 0, 2)]);
    let third = step(alloc(3, 0, 2));
    assert_eq!(model.first(&third), NOMEM, "two pages more would be four");
    let stocked = Seen { local_pages: 2, ..Seen::default() };
    assert_eq!(model.allowed(&third, &stocked).grade(to(2)), Grade::Violation, "no stock has kernel memory");
    assert_eq!(run(&mut model, limit(1, Limit::pages(1))), BUSY);

    // Two pages of a slab that is kept without objects, besides those in use.
    let kept = Seen { kmem: vec![4, 4, 4], ..Seen::default() };
    run_all(&mut model, &[limit(1, Limit::pages(4))]);
    assert_eq!(model.first(&third), to(2));
    assert_eq!(model.allowed(&third, &kept).grade(NOMEM), Grade::Divergent(Reason::RemoteStock));
    assert_eq!(model.allowed(&third, &Seen::default()).grade(NOMEM), Grade::Violation);
    let lower = step(limit(1, Limit::pages(3)));
    assert_eq!(model.allowed(&lower, &kept).grade(BUSY), Grade::Divergent(Reason::RemoteStock));

    remove(&mut model, 2);
    assert_eq!((model.kmem(g(2)), model.kmem(g(1)), model.kmem(g(0))), (Pages(0), Pages(2), Pages(2)));
    run_all(&mut model, &[free(1), free(2), limit(1, Limit::pages(0))]);
    assert_eq!(model.kmem(g(1)), Pages(0));
}

#[test]
fn slabs_have_no_kmem_counter_elsewhere() {
    let limit = Op::SetKmemMax { group: g(1), max: Limit::pages(0) };
    for (mode, rule) in [(Mode::V2, SlabRule::SlabsStay), (Mode::V1, SlabRule::Objects)] {
        let mut model = model(mode);
        model.charge_slabs_by(rule);
        run_all(&mut model, &[mkdir(1, 0), cache(0, 4096, 0), alloc(0, 0, 1)]);
        create(&mut model, 1, None);
        run_all(&mut model, &[alloc(1, 0, 1)]);
        assert!(model.usage(g(1)) > Pages(0));
        assert_eq!(model.kmem(g(1)), Pages(0));
        skipped(&model, limit, Skip::NotInMode);
    }
}
