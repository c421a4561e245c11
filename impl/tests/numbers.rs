//! Hand-worked numbers: small situations whose exact outcome follows from the kernel's rules, in the plain
//! environment. The harness compares the machine with the model; these compare it with arithmetic.

use stocktake_impl::{
    BATCH, Bytes, Config, Cpu, Errno, Machine, MemcgRef, NO_LIMIT, Pages, Plain, State, Wiring,
};

const E: Plain = Plain;

fn machine() -> (Machine, Vec<Cpu>) {
    Machine::new(Config::default())
}

fn group(m: &Machine, parent: MemcgRef, max: u64) -> MemcgRef {
    m.mkdir(&E, parent, max, NO_LIMIT).expect("room for a group")
}

fn usage(m: &Machine, memcg: MemcgRef) -> i64 {
    m.memcg(memcg).expect("a live group").usage
}

/// Drain, work and grace until nothing is left.
fn settle(m: &Machine, cpus: &mut [Cpu]) {
    loop {
        for cpu in cpus.iter_mut() {
            m.drain_local(&E, cpu);
            while m.run_work(&E, cpu).is_some() {}
        }
        let empty =
            cpus.iter().all(|cpu| cpu.cached_bytes().is_none() && cpu.cached_pages().next().is_none());
        if m.grace(&E, &mut cpus[0]) == 0 && m.is_idle() && empty {
            return;
        }
    }
}

#[test]
fn the_first_page_charges_a_batch_and_the_next_none() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    let first = m.mem_cgroup_charge(&E, &mut cpus[0], a, Pages(1), false).expect("no limit");
    assert_eq!(usage(&m, a), BATCH as i64);
    assert_eq!(usage(&m, m.root()), BATCH as i64);
    assert_eq!(cpus[0].cached_pages().collect::<Vec<_>>(), [(a, Pages(BATCH - 1))]);
    m.mem_cgroup_charge(&E, &mut cpus[0], a, Pages(63), false).expect("no limit");
    assert_eq!(usage(&m, a), BATCH as i64, "served from the stock");
    m.mem_cgroup_uncharge(&E, &cpus[0], first);
    assert_eq!(usage(&m, a), BATCH as i64 - 1, "a folio is uncharged from the counters");
    assert_eq!(m.memcg(a).map(|view| view.watermark), Some(BATCH as i64));
}

#[test]
fn reaching_a_limit_is_allowed_and_passing_it_leaves_no_trace_below() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), 10);
    let b = group(&m, a, NO_LIMIT);
    m.mem_cgroup_charge(&E, &mut cpus[0], b, Pages(10), false).expect("exactly the limit");
    assert_eq!(m.mem_cgroup_charge(&E, &mut cpus[0], b, Pages(1), false), Err(Errno::NoMem));
    assert_eq!([usage(&m, b), usage(&m, a), usage(&m, m.root())], [10, 10, 10]);
    assert!(m.memcg(a).expect("live").failcnt > 0);
    assert_eq!(m.memcg(b).expect("live").failcnt, 0);
    m.mem_cgroup_charge(&E, &mut cpus[0], b, Pages(1), true).expect("forced");
    assert_eq!(usage(&m, a), 11);
}

#[test]
fn a_v1_limit_below_the_usage_is_refused_and_a_v2_limit_is_not() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    m.mem_cgroup_charge(&E, &mut cpus[0], a, Pages(5), false).expect("no limit");
    assert_eq!(m.set_max_v1(&E, &mut cpus[0], a, 4), Err(Errno::Busy));
    assert_eq!(m.memcg(a).expect("live").max, NO_LIMIT as i64);
    assert_eq!(m.set_max_v1(&E, &mut cpus[0], a, 5), Ok(()), "the stock was drained meanwhile");
    m.set_max_v2(&E, &mut cpus[0], a, 3);
    assert_eq!((m.memcg(a).expect("live").max, usage(&m, a)), (3, 5));
}

#[test]
fn bytes_are_charged_by_whole_pages_and_the_rest_waits_in_the_stock() {
    for (size, pages, rest) in [(1, 1, 4095), (92, 1, 4004), (4096, 1, 0), (4097, 2, 4095), (12289, 4, 4095)]
    {
        let (m, mut cpus) = machine();
        let a = group(&m, m.root(), NO_LIMIT);
        let objcg = m.objcg_of_memcg(&E, &mut cpus[0], a).expect("an online group has one");
        m.obj_cgroup_charge(&E, &mut cpus[0], objcg, Bytes(size)).expect("no limit");
        let stocked: u64 = cpus[0].cached_pages().map(|(_, pages)| pages.0).sum();
        assert_eq!(usage(&m, a) - stocked as i64, pages, "{size} bytes");
        let cached = cpus[0].cached_bytes().map_or(0, |(_, bytes)| bytes.0);
        assert_eq!(cached, rest, "{size} bytes");
        m.obj_cgroup_uncharge(&E, &mut cpus[0], objcg, Bytes(size));
        m.objcg_put(&E, &mut cpus[0], objcg);
        settle(&m, &mut cpus);
        assert_eq!(usage(&m, a), m.objcg(objcg).expect("its base reference").leftover / 4096);
    }
}

#[test]
fn a_byte_stock_keeps_one_page_and_not_more() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    let objcg = m.objcg_of_memcg(&E, &mut cpus[0], a).expect("an online group has one");
    m.obj_cgroup_charge(&E, &mut cpus[0], objcg, Bytes(92)).expect("no limit");
    m.obj_cgroup_uncharge(&E, &mut cpus[0], objcg, Bytes(92));
    assert_eq!(cpus[0].cached_bytes(), Some((objcg, Bytes(4096))));
    m.obj_cgroup_charge(&E, &mut cpus[0], objcg, Bytes(4096)).expect("from the stock");
    m.obj_cgroup_charge(&E, &mut cpus[0], objcg, Bytes(4095)).expect("no limit");
    m.obj_cgroup_uncharge(&E, &mut cpus[0], objcg, Bytes(4096));
    assert_eq!(cpus[0].cached_bytes(), None, "4097 bytes are too many to keep");
    assert_eq!(m.objcg(objcg).expect("live").leftover, 1);
}

#[test]
fn an_object_split_between_two_stocks_gives_back_one_page_at_release() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    let objcg = m.objcg_of_memcg(&E, &mut cpus[0], a).expect("an online group has one");
    m.obj_cgroup_charge(&E, &mut cpus[1], objcg, Bytes(92)).expect("no limit");
    m.drain_local(&E, &mut cpus[1]);
    assert_eq!(m.objcg(objcg).expect("live").leftover, 4004);
    m.obj_cgroup_charge(&E, &mut cpus[0], objcg, Bytes(4004)).expect("fits");
    m.obj_cgroup_uncharge(&E, &mut cpus[0], objcg, Bytes(4004));
    m.obj_cgroup_uncharge(&E, &mut cpus[0], objcg, Bytes(92));
    m.objcg_put(&E, &mut cpus[0], objcg);
    m.rmdir(&E, a).expect("no children");
    settle(&m, &mut cpus);
    assert_eq!(m.objcg(objcg), None, "released and freed");
    assert_eq!(m.memcg(a), None, "so is its group");
    assert_eq!(usage(&m, m.root()), 0, "and no page is left behind");
}

#[test]
fn an_object_outlives_its_group_and_is_its_parents_then() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    let b = group(&m, a, NO_LIMIT);
    let objcg = m.objcg_of_memcg(&E, &mut cpus[0], b).expect("an online group has one");
    m.obj_cgroup_charge(&E, &mut cpus[0], objcg, Bytes(3000)).expect("no limit");
    m.rmdir(&E, b).expect("no children");
    assert_eq!(m.memcg(b).map(|view| view.state), Some(State::Offlining));
    settle(&m, &mut cpus);
    assert_eq!(m.memcg(b), None, "the object does not pin it");
    assert_eq!((usage(&m, a), m.objcg(objcg).expect("held").memcg), (1, a));
    m.obj_cgroup_uncharge(&E, &mut cpus[1], objcg, Bytes(3000));
    m.objcg_put(&E, &mut cpus[1], objcg);
    settle(&m, &mut cpus);
    assert_eq!((usage(&m, a), m.objcg(objcg)), (0, None));
}

#[test]
fn a_removed_group_with_recorded_slots_goes_on_paying_for_swap() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    let b = group(&m, a, NO_LIMIT);
    let folios: Vec<_> = (0..3)
        .map(|_| m.mem_cgroup_charge(&E, &mut cpus[0], b, Pages(1), false).expect("no limit"))
        .collect();
    let (first, payer) = m.swap_out(&E, &cpus[0], folios[0]).expect("slots are left");
    assert_eq!(payer, b);
    m.rmdir(&E, b).expect("no children");
    settle(&m, &mut cpus);
    let (second, payer) = m.swap_out(&E, &cpus[0], folios[1]).expect("slots are left");
    assert_eq!(payer, b, "its id lives through the first slot");
    m.swap_free(&E, first);
    m.swap_free(&E, second);
    let (third, payer) = m.swap_out(&E, &cpus[0], folios[2]).expect("slots are left");
    assert_eq!(payer, a, "its id is gone");
    let (folio, charged) = m.swap_in(&E, &mut cpus[0], third, m.root()).expect("fits");
    assert_eq!(charged, a);
    m.mem_cgroup_uncharge(&E, &cpus[0], folio);
    settle(&m, &mut cpus);
    assert_eq!((m.memcg(b), m.memcg(a).expect("live").swap_usage, usage(&m, a)), (None, 0, 0));
}

#[test]
fn an_id_is_used_again_once_its_last_slot_is_freed() {
    let (m, mut cpus) = Machine::new(Config { ids: 1, ..Config::default() });
    let a = group(&m, m.root(), NO_LIMIT);
    let folio = m.mem_cgroup_charge(&E, &mut cpus[0], a, Pages(2), false).expect("no limit");
    let (entry, _) = m.swap_out(&E, &cpus[0], folio).expect("slots are left");
    m.rmdir(&E, a).expect("no children");
    settle(&m, &mut cpus);
    assert_eq!(m.mkdir(&E, m.root(), NO_LIMIT, NO_LIMIT), Err(Errno::NoSpace));
    m.swap_free(&E, entry);
    assert!(m.mkdir(&E, m.root(), NO_LIMIT, NO_LIMIT).is_ok());
}

#[test]
fn a_remote_drain_waits_for_its_work_item_and_a_dead_cpu_for_nothing() {
    let (m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    m.mem_cgroup_charge(&E, &mut cpus[1], a, Pages(1), false).expect("no limit");
    assert!(m.drain_all_stock(&E, &mut cpus[0], a));
    assert_eq!(usage(&m, a), BATCH as i64, "only asked for");
    assert!(m.drain_queued(1));
    m.run_work(&E, &mut cpus[1]);
    assert_eq!(usage(&m, a), 1);
    m.mem_cgroup_charge(&E, &mut cpus[1], a, Pages(1), false).expect("no limit");
    assert_eq!(usage(&m, a), 1 + BATCH as i64);
    let [runner, dead] = cpus.get_disjoint_mut([0, 1]).expect("two CPUs");
    m.cpu_down(&E, runner, dead);
    assert_eq!(usage(&m, a), 2);
}

#[test]
fn without_a_hierarchy_only_root_counts_what_a_group_counts() {
    let (m, mut cpus) = Machine::new(Config { wiring: Wiring::V1Flat, ..Config::default() });
    let a = group(&m, m.root(), NO_LIMIT);
    let b = group(&m, a, NO_LIMIT);
    m.mem_cgroup_charge(&E, &mut cpus[0], b, Pages(64), false).expect("no limit");
    assert_eq!([usage(&m, b), usage(&m, a), usage(&m, m.root())], [64, 0, 64]);
}

#[test]
fn a_machine_that_is_reset_has_forgotten_everything() {
    let (mut m, mut cpus) = machine();
    let a = group(&m, m.root(), NO_LIMIT);
    m.mem_cgroup_charge(&E, &mut cpus[0], a, Pages(1), false).expect("no limit");
    m.rmdir(&E, a).expect("no children");
    m.reset(Config { cpus: 3, memcgs: 40, folios: 100, slots: 100, ..Config::default() }, &mut cpus);
    assert_eq!(cpus.len(), 3);
    assert!(m.is_idle());
    assert_eq!(usage(&m, m.root()), 0);
    assert_eq!((m.live_memcgs().count(), m.live_folios().count(), m.ids_in_use()), (1, 0, 0));
}
