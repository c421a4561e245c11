//! Kernel objects charged by the page, with numbers worked out by hand, without the model.
#![forbid(unsafe_code)]

use stocktake_impl::{Bytes, Config, Design, Errno, Machine, NO_LIMIT, ObjcgDesign, Plain, Wiring};

const E: &Plain = &Plain;

#[test]
fn a_refusal_of_the_kmem_counter_gives_the_others_back() {
    let design = Design { objcg: ObjcgDesign::PageKmem, ..Design::default() };
    let (m, mut cpus) = Machine::new(Config { design, wiring: Wiring::V1, ..Config::default() });
    let cpu = &mut cpus[0];
    let parent = m.mkdir(E, m.root(), NO_LIMIT, NO_LIMIT).expect("there is room");
    let child = m.mkdir(E, parent, NO_LIMIT, NO_LIMIT).expect("there is room");
    let objcg = m.objcg_of_memcg(E, cpu, child).expect("a group below root has one");
    let view = |memcg| m.memcg(memcg).expect("it lives");
    m.set_kmem_max(E, parent, 3).expect("nothing is charged");
    m.obj_cgroup_charge_object(E, cpu, objcg, Bytes(4097), false).expect("two pages fit");
    m.drain_local(E, cpu);
    let words = |memcg| (view(memcg).usage, view(memcg).memsw_usage, view(memcg).kmem_usage);
    assert_eq!([words(child), words(parent)], [(2, 2, 2); 2]);
    assert_eq!(view(child).refs, 5, "base, id, the reference, two pages");
    assert_eq!(m.obj_cgroup_charge_object(E, cpu, objcg, Bytes(4097), false), Err(Errno::NoMem));
    m.drain_local(E, cpu);
    assert_eq!([words(child), words(parent)], [(2, 2, 2); 2]);
    assert_eq!(view(child).refs, 5);
    assert_eq!(m.set_kmem_max(E, parent, 1), Err(Errno::Busy));
    m.obj_cgroup_uncharge_object(E, cpu, objcg, Bytes(4097));
    assert_eq!([words(child), words(parent)], [(0, 0, 0); 2]);
    m.objcg_put(E, cpu, objcg);
    assert_eq!(view(child).refs, 2);
}
