//! kmem_caches with numbers worked out by hand, without the model.
#![forbid(unsafe_code)]

use stocktake_impl::{
    CacheRef, Config, Cpu, Design, Errno, Machine, MemcgRef, NO_LIMIT, Plain, SlabDesign, Stage, State,
    Wiring, Work,
};

const E: &Plain = &Plain;

fn machine(slab: SlabDesign) -> (Machine, Cpu) {
    machine_of(Wiring::V2, slab)
}

fn machine_of(wiring: Wiring, slab: SlabDesign) -> (Machine, Cpu) {
    let design = Design { slab, ..Design::default() };
    let sizes = Config { cpus: 1, caches: 2, memcg_caches: 32, slab_objects: 16, ..Config::default() };
    let config = Config { wiring, design, ..sizes };
    let (machine, mut cpus) = Machine::new(config);
    (machine, cpus.remove(0))
}

fn group(m: &Machine, parent: MemcgRef) -> MemcgRef {
    m.mkdir(E, parent, NO_LIMIT, NO_LIMIT).expect("there is room")
}

/// Let the group have a cache of its own: the first object of a task asks for it.
fn own_cache(m: &Machine, cpu: &mut Cpu, root: CacheRef, group: MemcgRef) -> CacheRef {
    let (object, from) = m.kmem_cache_alloc(E, cpu, root, group).expect("there is room");
    assert_eq!(from, root);
    m.kmem_cache_free(E, cpu, object);
    assert!(matches!(m.run_work(E, cpu), Some(Work::Slab(_))));
    m.cache_of_memcg(root, group).expect("it was created")
}

fn settle(m: &Machine, cpu: &mut Cpu) {
    while !m.is_idle() {
        m.drain_local(E, cpu);
        while m.run_work(E, cpu).is_some() {}
        m.grace(E, cpu);
    }
}

fn usage(m: &Machine, memcg: MemcgRef) -> i64 {
    m.memcg(memcg).expect("it lives").usage
}

#[test]
fn pages_count_in_the_cache_and_the_cache_in_the_group() {
    let (m, mut cpu) = machine(SlabDesign::Caches53);
    let cpu = &mut cpu;
    let (parent, root) =
        (group(&m, m.root()), m.kmem_cache_create(E, 4096, 2, false).expect("there is room"));
    let child = group(&m, parent);
    let own = own_cache(&m, cpu, root, child);
    assert_eq!(m.memcg(child).expect("it lives").refs, 3, "base, id, cache");
    let objects: Vec<_> =
        (0..5).map(|_| m.kmem_cache_alloc(E, cpu, root, child).expect("there is room").0).collect();
    m.drain_local(E, cpu);
    assert_eq!(m.cache_view(own).expect("it lives").refs, 1 + 2 * 4, "four objects to a slab of four pages");
    assert_eq!((usage(&m, child), usage(&m, parent), usage(&m, m.root())), (8, 8, 8));
    assert_eq!(m.memcg(child).expect("it lives").refs, 3);

    m.rmdir(E, child).expect("it has no children");
    settle(&m, cpu);
    assert_eq!(m.memcg(child), None, "slabs hold no group");
    let view = m.cache_view(own).expect("it has slabs");
    assert_eq!((view.refs, view.memcg, view.stage), (8, Some(parent), Stage::Confirmed));
    assert_eq!((usage(&m, parent), usage(&m, m.root())), (8, 8));
    for object in objects {
        m.kmem_cache_free(E, cpu, object);
    }
    settle(&m, cpu);
    assert_eq!(m.cache_view(own), None);
    assert_eq!((usage(&m, parent), usage(&m, m.root())), (0, 0));
    assert_eq!(m.memcg(parent).expect("it lives").refs, 2);
}

#[test]
fn root_is_not_given_back_what_was_reparented_to_it() {
    let (m, mut cpu) = machine(SlabDesign::Caches53);
    let cpu = &mut cpu;
    let (child, root) = (group(&m, m.root()), m.kmem_cache_create(E, 2048, 0, false).expect("there is room"));
    own_cache(&m, cpu, root, child);
    let (object, _) = m.kmem_cache_alloc(E, cpu, root, child).expect("there is room");
    m.rmdir(E, child).expect("it has no children");
    settle(&m, cpu);
    assert_eq!((usage(&m, m.root()), m.unreturned_slab_pages()), (1, 0));
    m.kmem_cache_free(E, cpu, object);
    assert_eq!((usage(&m, m.root()), m.unreturned_slab_pages()), (1, 1));
}

#[test]
fn each_page_holds_its_group_in_the_old_design() {
    let (m, mut cpu) = machine(SlabDesign::PagePins);
    let cpu = &mut cpu;
    let (child, root) = (group(&m, m.root()), m.kmem_cache_create(E, 8192, 1, false).expect("there is room"));
    let own = own_cache(&m, cpu, root, child);
    let (object, from) = m.kmem_cache_alloc(E, cpu, root, child).expect("there is room");
    assert_eq!(from, own);
    m.rmdir(E, child).expect("it has no children");
    settle(&m, cpu);
    let view = m.memcg(child).expect("two pages hold it");
    assert_eq!((view.refs, view.state), (2, State::Dying));
    m.kmem_cache_free(E, cpu, object);
    settle(&m, cpu);
    assert_eq!((m.memcg(child), m.cache_view(own)), (None, None));
    assert_eq!(usage(&m, m.root()), 0);
}

#[test]
fn objects_are_charged_and_slabs_are_not() {
    let (m, mut cpu) = machine(SlabDesign::Objcg);
    let cpu = &mut cpu;
    let (child, root) = (group(&m, m.root()), m.kmem_cache_create(E, 1000, 3, false).expect("there is room"));
    let (object, _) = m.kmem_cache_alloc(E, cpu, root, child).expect("there is room");
    assert_eq!(cpu.cached_bytes().map(|(_, bytes)| bytes.0), Some(4096 - 1008));
    assert_eq!(m.kmem_cache_destroy(E, cpu, root), Err(Errno::Busy));
    m.kmem_cache_free(E, cpu, object);
    assert_eq!(m.kmem_cache_destroy(E, cpu, root), Ok(()));
    assert_eq!((m.live_caches().count(), m.live_slabs().count()), (0, 0));
}

#[test]
fn the_limit_of_kernel_memory_refuses_slabs() {
    for (slab, held) in [(SlabDesign::PagePins, 2 + 2), (SlabDesign::Caches53, 2 + 1)] {
        let (m, mut cpu) = machine_of(Wiring::V1, slab);
        let cpu = &mut cpu;
        let root = m.kmem_cache_create(E, 8192, 1, false).expect("there is room");
        let parent = group(&m, m.root());
        let child = group(&m, parent);
        own_cache(&m, cpu, root, child);
        m.set_kmem_max(E, parent, 3).expect("nothing is charged");
        let words = |memcg| m.memcg(memcg).map(|view| (view.usage, view.memsw_usage, view.kmem_usage));
        let (object, _) = m.kmem_cache_alloc(E, cpu, root, child).expect("two pages fit");
        let refused = m.kmem_cache_alloc(E, cpu, root, child);
        assert_eq!(refused.err(), Some(Errno::NoMem), "four do not");
        m.drain_local(E, cpu);
        assert_eq!([words(child), words(parent), words(m.root())], [Some((2, 2, 2)); 3], "{slab:?}");
        assert_eq!(m.memcg(child).expect("it lives").refs, held, "{slab:?}: base, id, and pages or cache");
        assert_eq!(m.set_kmem_max(E, parent, 1), Err(Errno::Busy));
        m.rmdir(E, child).expect("it has no children");
        settle(&m, cpu);
        let left = (slab == SlabDesign::PagePins).then_some((2, 2, 2));
        assert_eq!((words(child), words(parent)), (left, Some((2, 2, 2))), "{slab:?}");
        m.kmem_cache_free(E, cpu, object);
        settle(&m, cpu);
        assert_eq!((words(child), words(parent)), (None, Some((0, 0, 0))), "{slab:?}");
    }
}
