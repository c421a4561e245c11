//! Pages charged and inserted, and files of shmem, by hand-worked numbers on the plain machine.
#![forbid(unsafe_code)]

use stocktake_impl::{
    Charged, Config, Cpu, Design, Errno, Faulted, FileRef, HUGE_PAGE, IndexView, Lookup, Machine, MemcgRef,
    Plain, Punched, ShmemDesign, ShmemFault, ShmemRead,
};

const E: Plain = Plain;
const F: FileRef = FileRef(0);

/// A machine with this design, a group with room for so many pages, and one file.
fn machine(shmem: ShmemDesign, max: u64) -> (Machine, Vec<Cpu>, MemcgRef) {
    let design = Design { shmem, ..Design::default() };
    let (machine, cpus) = Machine::new(Config { files: 1, slots: 512, design, ..Config::default() });
    let memcg = machine.mkdir(&E, machine.root(), max, u64::MAX >> 1).expect("root is online");
    (machine, cpus, memcg)
}

/// Pages of memory, slots of swap and css references of a group.
fn books(machine: &Machine, memcg: MemcgRef) -> (i64, i64, i64) {
    let view = machine.memcg(memcg).expect("it lives");
    (view.usage, view.swap_usage, view.refs)
}

fn open(machine: &Machine, cpu: &Cpu, faulter: MemcgRef) -> ShmemFault {
    match machine.shmem_lookup(&E, cpu, F, faulter, false) {
        Ok(Lookup::Open(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

/// The file's page is written to, swapped out, and gone from memory.
fn swap_out(machine: &Machine, cpu: &mut Cpu, memcg: MemcgRef) -> usize {
    assert_eq!(machine.shmem_fault(&E, cpu, F, memcg, false), Ok(ShmemRead::Content(0)));
    assert!(machine.shmem_write(&E, cpu, F, 5));
    let (slot, payer) = machine.shmem_writepage(&E, cpu, F).expect("there is a slot");
    assert_eq!((payer, machine.index_entry(F)), (Some(memcg), IndexView::Swap(slot)));
    machine.reclaim_swap_cache(&E, cpu);
    slot
}

#[test]
fn a_page_goes_to_swap_and_comes_back() {
    let (machine, mut cpus, memcg) = machine(ShmemDesign::Final, 1);
    let cpu = &mut cpus[0];
    swap_out(&machine, cpu, memcg);
    assert_eq!(books(&machine, memcg), (0, 1, 2), "base and id; the slot holds the id, not the group");
    assert_eq!(machine.shmem_fault(&E, cpu, F, machine.root(), false), Ok(ShmemRead::Content(5)));
    assert_eq!(books(&machine, memcg), (1, 0, 3));
    assert_eq!(machine.shmem_punch(&E, cpu, F), Punched::Freed);
    assert_eq!(books(&machine, memcg), (0, 0, 2));
    assert_eq!(machine.slots_in_use(), 0);
}

#[test]
fn a_punch_between_confirm_and_insert_strands_what_the_old_design_clears() {
    for (design, stranded) in
        [(ShmemDesign::Final, 1), (ShmemDesign::Linux54, 0), (ShmemDesign::EexistOnly, 0)]
    {
        let (machine, mut cpus, memcg) = machine(design, 1);
        let [first, second] = &mut cpus[..] else { panic!("two CPUs") };
        let slot = swap_out(&machine, first, memcg);
        let mut fault = open(&machine, first, memcg);
        let at_read = machine.shmem_read(&E, first, &mut fault).expect("it is read");
        assert_eq!(at_read, (design == ShmemDesign::Final).then_some(memcg), "{design:?}");
        assert_eq!(machine.shmem_lock(&E, &mut fault), Ok(()));
        assert_eq!(machine.shmem_confirm(&E, &mut fault), Ok(()));
        assert_eq!(machine.shmem_charge(&E, first, &mut fault), Ok(Charged::To(memcg)));
        assert_eq!(machine.shmem_punch(&E, second, F), Punched::Stranded, "the page is locked");
        assert_eq!(machine.shmem_insert(&E, first, &mut fault), Err(Errno::Exist));
        assert_eq!(machine.shmem_finish(&E, first, fault), Err(Errno::Exist));
        assert_eq!(machine.stranded_slots().count(), stranded, "{design:?}");
        assert_eq!(machine.slot_has_cache(slot), stranded == 1);
        machine.reclaim_swap_cache(&E, second);
        assert_eq!((books(&machine, memcg), machine.slots_in_use()), ((0, 0, 2), 0), "{design:?}");
    }
}

#[test]
fn a_charge_that_fails_keeps_the_swap_cache_but_as_mailed() {
    for (design, kept) in [(ShmemDesign::Linux54, true), (ShmemDesign::AsMailed, false)] {
        let (machine, mut cpus, memcg) = machine(design, 1);
        let cpu = &mut cpus[0];
        let slot = swap_out(&machine, cpu, memcg);
        let other = machine.add_to_page_cache(&E, cpu, memcg).expect("there is room for one page");
        assert_eq!(machine.shmem_fault(&E, cpu, F, memcg, false), Err(Errno::NoMem));
        assert_eq!(machine.slot_has_cache(slot), kept, "{design:?}");
        machine.mem_cgroup_uncharge(&E, cpu, other);
        assert_eq!(machine.shmem_fault(&E, cpu, F, memcg, false), Ok(ShmemRead::Content(5)), "it was clean");
    }
}

#[test]
fn a_huge_page_is_512_pages_or_a_small_one() {
    let (machine, mut cpus, memcg) = machine(ShmemDesign::Final, HUGE_PAGE.0);
    let cpu = &mut cpus[0];
    let huge = machine.do_anonymous_page(&E, cpu, memcg, true).expect("it fits exactly");
    assert!(matches!(huge, Faulted::AsAsked(_)));
    assert_eq!(books(&machine, memcg), (512, 0, 3));
    machine.free_list(&E, cpu, [huge.folio()]);
    machine.set_max_v2(&E, cpu, memcg, 511);
    let small = machine.do_anonymous_page(&E, cpu, memcg, true).expect("a small one fits");
    assert!(matches!(small, Faulted::Small(_)));
    assert_eq!(books(&machine, memcg), (64, 0, 4), "a batch, and the stock's reference");
}
