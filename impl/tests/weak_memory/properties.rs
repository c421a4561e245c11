//! The pairs that need ordering.

use crate::env::Weak;
use crate::explore::{Planted, Property};
use loom::thread;
use std::sync::Arc;
use stocktake_impl::{
    Access, Bytes, Config, Cpu, Fault, FolioRef, Machine, MappedDesign, MemcgRef, NO_LIMIT, Pages, Plain,
    Stat, What, Wiring, Work,
};

pub(crate) const ALL: &[Property] = &[
    Property {
        name: "a limit written the v1 way against a charge",
        rests_on: &[
            (Planted::Weakened(What::MemoryMax, Access::Update), "the barrier after the limit is written"),
            (Planted::Weakened(What::MemoryUsage, Access::Update), "the barrier after the charge is added"),
        ],
        preemptions: Some(4),
        run: limit_v1,
    },
    Property {
        name: "a limit written the v2 way against a charge",
        rests_on: &[
            (Planted::Weakened(What::MemoryMax, Access::Update), "the barrier after the limit is written"),
            (Planted::Weakened(What::MemoryUsage, Access::Update), "the barrier after the charge is added"),
        ],
        preemptions: None,
        run: limit_v2,
    },
    Property {
        name: "a mark, a grace period and a move against mapping a page",
        rests_on: &[
            (
                Planted::Weakened(What::FolioMemcg, Access::Store),
                "the release of the store of page->mem_cgroup (B50)",
            ),
            (
                Planted::Weakened(What::FolioMemcg, Access::Load),
                "the acquire of the load of page->mem_cgroup",
            ),
            (Planted::Weakened(What::CpuSection, Access::Update), "the barrier where a read section begins"),
            (Planted::Weakened(What::CpuSection, Access::Store), "the release where a read section ends"),
            (Planted::Weakened(What::CpuSection, Access::Load), "the acquire of a grace period"),
            (Planted::Fault(Fault::S13), "the grace period after the mark is raised (S13)"),
            (Planted::Fault(Fault::S14), "the second look at page->mem_cgroup under the lock (S14)"),
            (Planted::Design(MappedDesign::Marked), "the second look at page->mem_cgroup (as mailed)"),
        ],
        preemptions: None,
        run: |e| mark_against_update(e, false),
    },
    Property {
        name: "a mark, a grace period and a move against unmapping a page",
        rests_on: &[
            (
                Planted::Weakened(What::FolioMemcg, Access::Store),
                "the release of the store of page->mem_cgroup (B50)",
            ),
            (Planted::Weakened(What::CpuSection, Access::Update), "the barrier where a read section begins"),
            (Planted::Weakened(What::CpuSection, Access::Store), "the release where a read section ends"),
            (Planted::Fault(Fault::S13), "the grace period after the mark is raised (S13)"),
            (Planted::Fault(Fault::S14), "the second look at page->mem_cgroup under the lock (S14)"),
            (Planted::Design(MappedDesign::Marked), "the second look at page->mem_cgroup (as mailed)"),
        ],
        preemptions: None,
        run: |e| mark_against_update(e, true),
    },
    Property {
        name: "a group that is made and cached against a remote drain",
        rests_on: &[
            (Planted::Weakened(What::CpuCached, Access::Store), "the release of the cached group"),
            (Planted::Weakened(What::CpuCached, Access::Load), "the acquire of the cached group"),
        ],
        preemptions: None,
        run: |e| claim_against_drain(e, false),
    },
    Property {
        name: "an objcg that is made and cached against a remote drain",
        rests_on: &[
            (Planted::Weakened(What::CpuCachedObjcg, Access::Store), "the release of the cached objcg"),
            (Planted::Weakened(What::CpuCachedObjcg, Access::Load), "the acquire of the cached objcg"),
        ],
        preemptions: None,
        run: |e| claim_against_drain(e, true),
    },
    Property {
        name: "the end of a cached group against a remote drain",
        rests_on: &[(
            Planted::Weakened(What::CpuSection, Access::Update),
            "the barrier where a read section begins",
        )],
        preemptions: None,
        run: free_against_read,
    },
];

struct World {
    machine: Arc<Machine>,
    here: Cpu,
    there: Cpu,
}

/// As small a machine as will do.
fn world(e: &Weak, wiring: Wiring) -> World {
    let config = Config {
        cpus: 2,
        memcgs: 3,
        folios: 1,
        slots: 0,
        ids: 2,
        tasks: 0,
        mms: 0,
        wiring,
        design: e.design(),
        ..Config::default()
    };
    let (machine, mut cpus) = Machine::new(config);
    let (Some(there), Some(mut here)) = (cpus.pop(), cpus.pop()) else {
        unreachable!("so many were asked for")
    };
    // The first full barrier makes the word that stands for the order of all barriers, and whoever made it would be
    // ordered before all others: so it is made before there are two CPUs.
    machine.grace(&Plain, &mut here);
    World { machine: Arc::new(machine), here, there }
}

impl World {
    fn group(&self) -> MemcgRef {
        self.machine.mkdir(&Plain, self.machine.root(), NO_LIMIT, NO_LIMIT).expect("room for a group")
    }

    fn charge(&mut self, group: MemcgRef) -> FolioRef {
        // A whole batch: nothing is left for the stock.
        self.machine.mem_cgroup_charge(&Plain, &mut self.here, group, Pages(64), false).expect("no limit")
    }

    fn usage(&self, group: MemcgRef) -> i64 {
        self.machine.memcg(group).expect("nobody removed it").usage
    }
}

/// Run `there` on CPU 1 while `here` runs on CPU 0; from here on everything is explored.
fn race(
    w: World,
    here: impl FnOnce(&Machine, &mut Cpu),
    there: impl FnOnce(&Machine, &mut Cpu) + 'static,
) -> World {
    let World { machine, here: mut cpu, there: mut other } = w;
    loom::explore();
    let shared = Arc::clone(&machine);
    let lane = thread::spawn(move || {
        there(&shared, &mut other);
        other
    });
    here(&machine, &mut cpu);
    let other = lane.join().expect("a lane that panics ends the exploration");
    loom::stop_exploring();
    World { machine, here: cpu, there: other }
}

/// The charger sees the new limit, or the writer sees the charge and takes the limit back.
fn limit_v1(e: Weak) {
    let w = world(&e, Wiring::V1);
    let group = w.group();
    let there = e.on_cpu_1();
    let mut written = Ok(());
    let w = race(
        w,
        |m, cpu| written = m.set_max_v1(&e, cpu, group, 10),
        move |m, cpu| {
            _ = m.mem_cgroup_charge(&there, cpu, group, Pages(64), false);
        },
    );
    assert!(written.is_err() || w.usage(group) <= 10, "the limit holds, and the charge is above it");
}

/// The charger sees the new limit, or the writer sees that it is below the usage and drains.
fn limit_v2(e: Weak) {
    let w = world(&e, Wiring::V2);
    let group = w.group();
    let there = e.on_cpu_1();
    let w = race(
        w,
        |m, cpu| m.set_max_v2(&e, cpu, group, 10),
        move |m, cpu| {
            _ = m.mem_cgroup_charge(&there, cpu, group, Pages(64), false);
        },
    );
    assert!(
        w.usage(group) <= 10 || e.limit_was_below_usage(),
        "the usage is above the limit, and its writer has not noticed"
    );
}

/// A mover raises the mark, waits for a grace period, moves the page and ends; an updater reads the page's group, then
/// the mark. What the page was told is touched by one of them at a time, and no count is lost or doubled.
fn mark_against_update(e: Weak, unmap: bool) {
    let mut w = world(&e, Wiring::V1);
    let (from, to) = (w.group(), w.group());
    let page = w.charge(from);
    if unmap {
        w.machine.map_folio(&Plain, &mut w.here, page);
    }
    let there = e.on_cpu_1();
    let w = race(
        w,
        |m, cpu| {
            m.start_move(&e, from);
            m.move_account(&e, cpu, page, from, to).expect("no limit");
            m.end_move(&e, from);
        },
        move |m, cpu| match unmap {
            false => m.map_folio(&there, cpu, page),
            true => m.unmap_folio(&there, cpu, page),
        },
    );
    let counted = [from, to].map(|group| w.machine.stat(group, Stat::FileMapped));
    assert_eq!(counted, [0, if unmap { 0 } else { 64 }], "the statistic of mapped pages");
    assert_eq!([w.usage(from), w.usage(to)], [0, 64], "the usage");
}

/// CPU 0 makes a group, charges a page to it or an object to its objcg, and so caches it. CPU 1 drains everything. If it
/// finds something in the stock it finds all of it, and a drain is queued.
fn claim_against_drain(e: Weak, object: bool) {
    let w = world(&e, Wiring::V2);
    let there = e.on_cpu_1();
    let mut w = race(
        w,
        |m, cpu| {
            let group = m.mkdir(&e, m.root(), NO_LIMIT, NO_LIMIT).expect("room for a group");
            if object {
                let objcg = m.objcg_of_memcg(&e, cpu, group).expect("the group has one");
                m.obj_cgroup_charge(&e, cpu, objcg, Bytes(100)).expect("no limit");
            } else {
                m.mem_cgroup_charge(&e, cpu, group, Pages(1), false).expect("no limit");
            }
        },
        move |m, cpu| {
            m.drain_all_stock(&there, cpu, m.root());
        },
    );
    assert_eq!(w.here.cached_pages().count(), 1, "a stock is drained by its own CPU alone");
    let ran = w.machine.run_work(&Plain, &mut w.here);
    if e.seen_cached() {
        assert_eq!(ran, Some(Work::Drain), "it was found in the stock, and no drain was queued");
        assert_eq!(w.here.cached_pages().count(), 0, "nothing is cached any more");
    }
}

/// CPU 0 drains the last reference to a dead group from its stock, waits for a grace period and frees the group; CPU 1,
/// in a read section, follows what it finds in the stock.
fn free_against_read(e: Weak) {
    let mut w = world(&e, Wiring::V2);
    let group = w.group();
    let page = w.machine.mem_cgroup_charge(&Plain, &mut w.here, group, Pages(1), false).expect("no limit");
    w.machine.mem_cgroup_uncharge(&Plain, &w.here, page);
    w.machine.rmdir(&Plain, group).expect("it is empty");
    let offlined = w.machine.run_work(&Plain, &mut w.there);
    assert_eq!(offlined, Some(Work::Offline(group)));
    assert!(w.machine.memcg_lives(group), "the stock holds it");
    let there = e.on_cpu_1();
    let w = race(
        w,
        |m, cpu| {
            while m.run_work(&e, cpu).is_some() {}
            m.grace(&e, cpu);
        },
        move |m, cpu| {
            m.drain_all_stock(&there, cpu, m.root());
        },
    );
    assert!(!w.machine.memcg_lives(group), "nobody holds it");
}
