//! Hand-worked cases of mapped pages and moving charges, in the plain environment: each design in the situations
//! that tell them apart. The harness finds the same by itself; these say what the machine does, step by step.

use stocktake_impl::{
    Config, Cpu, Design, Errno, FolioRef, Machine, MappedDesign, MemcgRef, NO_LIMIT, Pages, Plain, Stat,
    VARIANTS, Wiring,
};

const E: Plain = Plain;

struct World {
    m: Machine,
    cpus: Vec<Cpu>,
    a: MemcgRef,
    b: MemcgRef,
    page: FolioRef,
}

/// Two groups, and a page that is charged to the first and mapped once.
fn world(mapped: MappedDesign, pages: u64) -> World {
    let design = Design { mapped, ..Design::default() };
    let (m, mut cpus) = Machine::new(Config { wiring: Wiring::V1, design, ..Config::default() });
    let a = m.mkdir(&E, m.root(), NO_LIMIT, NO_LIMIT).expect("room for a group");
    let b = m.mkdir(&E, m.root(), NO_LIMIT, NO_LIMIT).expect("room for a group");
    let page = m.mem_cgroup_charge(&E, &mut cpus[0], a, Pages(pages), false).expect("no limit");
    m.map_folio(&E, &mut cpus[0], page);
    World { m, cpus, a, b, page }
}

impl World {
    fn mapped(&self) -> [i64; 2] {
        [self.a, self.b].map(|group| self.m.stat(group, Stat::FileMapped))
    }

    fn move_page(&mut self) {
        self.m.start_move(&E, self.a);
        self.m.move_account(&E, &mut self.cpus[0], self.page, self.a, self.b).expect("no limit");
        self.m.end_move(&E, self.a);
    }
}

fn designs() -> impl Iterator<Item = MappedDesign> {
    VARIANTS.iter().filter(|variant| variant.room == "mapped").map(|variant| variant.design().mapped)
}

#[test]
fn a_page_takes_its_statistic_along_in_every_design() {
    for design in designs() {
        let mut w = world(design, 4);
        assert_eq!((w.mapped(), w.m.stat(w.a, Stat::FilePmdMapped)), ([4, 0], 1), "{design:?}");
        w.move_page();
        assert_eq!((w.mapped(), w.m.stat(w.b, Stat::FilePmdMapped)), ([0, 4], 1), "{design:?}");
        w.m.unmap_folio(&E, &mut w.cpus[1], w.page);
        w.m.mem_cgroup_uncharge(&E, &w.cpus[0], w.page);
        assert_eq!(w.mapped(), [0, 0], "{design:?}");
        let usage = |group| w.m.memcg(group).expect("a live group").usage;
        assert_eq!(usage(w.m.root()), usage(w.a) + usage(w.b));
    }
}

#[test]
fn a_page_mapped_again_and_moved_while_an_unmapping_is_half_done() {
    for design in designs() {
        let mut w = world(design, 1);
        let half = w.m.unmap_begin(&E, &mut w.cpus[1], w.page);
        w.m.map_folio(&E, &mut w.cpus[0], w.page);
        w.move_page();
        w.m.mapped_end(&E, &mut w.cpus[1], half);
        let flag = matches!(design, MappedDesign::PageLock | MappedDesign::Marked);
        assert_eq!(w.mapped(), if flag { [1, 0] } else { [0, 1] }, "{design:?}");
    }
}

#[test]
fn a_page_mapped_again_before_its_unmapping_is_told_and_moved_later() {
    for design in designs() {
        let mut w = world(design, 1);
        let half = w.m.unmap_begin(&E, &mut w.cpus[1], w.page);
        w.m.map_folio(&E, &mut w.cpus[0], w.page);
        w.m.mapped_end(&E, &mut w.cpus[1], half);
        assert_eq!(w.mapped(), [1, 0], "{design:?}: the counter is right in every design");
        w.move_page();
        let forgets = design == MappedDesign::PageLock;
        assert_eq!(w.mapped(), if forgets { [1, 0] } else { [0, 1] }, "{design:?}");
    }
}

#[test]
fn a_page_freed_while_its_unmapping_is_half_done() {
    for design in designs() {
        let mut w = world(design, 1);
        let half = w.m.unmap_begin(&E, &mut w.cpus[1], w.page);
        w.m.mem_cgroup_uncharge(&E, &w.cpus[0], w.page);
        assert_eq!(w.m.live_folios().count(), 0);
        w.m.mapped_end(&E, &mut w.cpus[1], half);
        let flag = matches!(design, MappedDesign::PageLock | MappedDesign::Marked);
        assert_eq!(w.mapped(), if flag { [1, 0] } else { [0, 0] }, "{design:?}");
    }
}

#[test]
fn a_mark_is_on_every_possible_cpu_but_in_the_design_that_asks_for_online_ones() {
    for design in designs() {
        let mut w = world(design, 1);
        let [here, there] = &mut w.cpus[..] else { panic!("two CPUs") };
        w.m.cpu_down(&E, here, there);
        w.m.start_move(&E, w.a);
        w.m.cpu_up(&E, 1);
        let seen = [0, 1].map(|cpu| w.m.on_move(w.a, cpu));
        let expected = match design {
            MappedDesign::PageLock => [None, None],
            MappedDesign::MarkedOnline => [Some(1), Some(0)],
            _ => [Some(1), Some(1)],
        };
        assert_eq!(seen, expected, "{design:?}");
    }
}

#[test]
fn a_group_is_emptied_as_far_as_its_parent_has_room() {
    let (m, mut cpus) = Machine::new(Config { wiring: Wiring::V1, ..Config::default() });
    let parent = m.mkdir(&E, m.root(), 4, NO_LIMIT).expect("room for a group");
    let child = m.mkdir(&E, parent, NO_LIMIT, NO_LIMIT).expect("room for a group");
    let small = m.mem_cgroup_charge(&E, &mut cpus[0], child, Pages(1), false).expect("it fits");
    let large = m.mem_cgroup_charge(&E, &mut cpus[0], child, Pages(2), false).expect("it fits");
    assert_eq!(m.force_empty(&E, &mut cpus[0], child), Err(Errno::NoMem), "one page more would fit, not two");
    assert_eq!((m.folio_owner(small), m.folio_owner(large)), (Some(parent), Some(child)));
    m.mem_cgroup_uncharge(&E, &cpus[0], small);
    assert_eq!(m.force_empty(&E, &mut cpus[0], child), Ok(()));
    let usage = |group| m.memcg(group).expect("a live group").usage;
    assert_eq!((usage(parent), usage(child), m.folio_owner(large)), (2, 0, Some(parent)));
}
