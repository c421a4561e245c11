//! Operations of two CPUs that overlap at one chosen point: just before a given access of the first, the second runs
//! a whole operation. Numbers worked out by hand, without the model.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use stocktake_impl::{
    Access, Bytes, Config, Cpu, Design, Env, Fault, Label, Loop, Machine, MemcgRef, NO_LIMIT, ObjcgDesign,
    Oops, Plain, What,
};

/// Runs something just before the `nth` access of a kind, and collects what the machine notices.
struct At<'a> {
    point: (What, Access),
    nth: Cell<u32>,
    then: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
    fault: Option<Fault>,
    oopses: RefCell<Vec<Oops>>,
}

impl<'a> At<'a> {
    fn new(point: (What, Access), nth: u32, then: impl FnOnce() + 'a) -> At<'a> {
        let then = RefCell::new(Some(Box::new(then) as Box<dyn FnOnce() + 'a>));
        At { point, nth: Cell::new(nth), then, fault: None, oopses: RefCell::default() }
    }

    fn with(self, fault: Option<Fault>) -> At<'a> {
        At { fault, ..self }
    }

    /// The point was reached, and this was noticed.
    fn noticed(&self) -> Option<Oops> {
        assert!(self.then.borrow().is_none(), "the point was not reached");
        self.oopses.borrow().first().copied()
    }
}

impl Env for At<'_> {
    const FAULTS: bool = true;
    const WATCHED: bool = true;

    fn before(&self, label: Label, access: Access) {
        if (label.what, access) != self.point || self.nth.get() == 0 {
            return;
        }
        self.nth.set(self.nth.get() - 1);
        let then = if self.nth.get() == 0 { self.then.borrow_mut().take() } else { None };
        if let Some(then) = then {
            then();
        }
    }

    fn fault(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn oops(&self, oops: Oops) {
        self.oopses.borrow_mut().push(oops);
    }

    fn retry(&self, _what: Loop, _on: Label) -> bool {
        true
    }
}

fn machine(objcg: ObjcgDesign) -> (Machine, Cpu, Cpu) {
    let design = Design { objcg, ..Design::default() };
    let (machine, mut cpus) = Machine::new(Config { design, ..Config::default() });
    let second = cpus.remove(1);
    (machine, cpus.remove(0), second)
}

fn group(m: &Machine, parent: MemcgRef) -> MemcgRef {
    m.mkdir(&Plain, parent, NO_LIMIT, NO_LIMIT).expect("there is room")
}

fn refs(m: &Machine, memcg: MemcgRef) -> i64 {
    m.memcg(memcg).expect("it lives").refs
}

/// A group is removed and loses its last reference between the read of an objcg's pointer and the reference that a
/// charge takes.
fn charge_beside_offline(design: ObjcgDesign, fault: Option<Fault>) -> Option<Oops> {
    let (m, mut first, mut second) = machine(design);
    let parent = group(&m, m.root());
    let child = group(&m, parent);
    let objcg = m.objcg_of_memcg(&Plain, &mut first, child).expect("an online group has one");
    m.rmdir(&Plain, child).expect("it has no children");
    let point =
        if design == ObjcgDesign::Corrected510 && fault.is_none() { Access::Load } else { Access::Update };
    let env = At::new((What::CssRefs, point), 1, || {
        assert!(m.run_work(&Plain, &mut second).is_some());
        assert_eq!(m.memcg(child).expect("a grace period remains").refs, 0);
    })
    .with(fault);
    m.obj_cgroup_charge(&env, &mut first, objcg, Bytes(1)).expect("there is no limit");
    let noticed = env.noticed();
    if noticed.is_none() {
        assert_eq!(m.objcg(objcg).expect("it is held").memcg, parent);
        assert_eq!(m.memcg(parent).expect("it lives").usage, 64);
    }
    noticed
}

#[test]
fn a_charge_tries_again_where_the_group_has_no_reference_left() {
    assert_eq!(charge_beside_offline(ObjcgDesign::Corrected510, None), None);
}

#[test]
fn a_plain_reference_raises_a_count_from_zero() {
    for (design, fault) in [
        (ObjcgDesign::Rfc, None),
        (ObjcgDesign::Merged59, None),
        (ObjcgDesign::Corrected510, Some(Fault::S6)),
        (ObjcgDesign::Corrected510, Some(Fault::B14)),
    ] {
        let noticed = charge_beside_offline(design, fault);
        assert!(matches!(noticed, Some(Oops::Resurrected(_))), "{design:?} {fault:?}: {noticed:?}");
    }
}

/// A remote byte stock is emptied between the two reads of its pointer, where there are two.
fn drain_beside_drain(design: ObjcgDesign, fault: Option<Fault>) -> Option<Oops> {
    let (m, mut first, mut second) = machine(design);
    let child = group(&m, m.root());
    let objcg = m.objcg_of_memcg(&Plain, &mut first, child).expect("an online group has one");
    m.obj_cgroup_charge(&Plain, &mut first, objcg, Bytes(1)).expect("there is no limit");
    // The drainer looks at the first CPU first. What comes next is the second read, or else its own CPU's pointer.
    let env =
        At::new((What::CpuCachedObjcg, Access::Load), 2, || m.drain_local(&Plain, &mut first)).with(fault);
    assert!(m.drain_all_stock(&env, &mut second, m.root()));
    env.noticed()
}

#[test]
fn a_remote_pointer_is_read_once() {
    assert_eq!(drain_beside_drain(ObjcgDesign::Corrected510, None), None);
    for (design, fault) in [
        (ObjcgDesign::Rfc, None),
        (ObjcgDesign::Merged59, None),
        (ObjcgDesign::Corrected510, Some(Fault::B21)),
    ] {
        let noticed = drain_beside_drain(design, fault);
        assert!(matches!(noticed, Some(Oops::Null(_))), "{design:?} {fault:?}: {noticed:?}");
    }
}

/// The group goes offline between the read of its pointer to the objcg and the reference to that.
fn walk_beside_offline(fault: Option<Fault>) -> bool {
    let (m, mut first, mut second) = machine(ObjcgDesign::Corrected510);
    let child = group(&m, m.root());
    m.rmdir(&Plain, child).expect("it has no children");
    let env = At::new((What::ObjcgRefs, Access::Update), 1, || {
        assert!(m.run_work(&Plain, &mut second).is_some());
    })
    .with(fault);
    let found = m.objcg_of_memcg(&env, &mut first, child);
    assert_eq!(env.noticed(), None);
    found.is_some()
}

#[test]
fn a_walk_hands_out_nothing_that_it_does_not_hold() {
    assert!(!walk_beside_offline(None));
    assert!(walk_beside_offline(Some(Fault::B15)));
}

#[test]
fn a_killed_counter_is_not_released_before_its_switch() {
    let (m, mut first, mut second) = machine(ObjcgDesign::Corrected510);
    let parent = group(&m, m.root());
    let child = group(&m, parent);
    let objcg = m.objcg_of_memcg(&Plain, &mut first, child).expect("an online group has one");
    m.objcg_get(&Plain, &second, objcg);
    assert_eq!(m.objcg(objcg).map(|view| (view.refs, view.switching)), Some((3, false)));
    m.rmdir(&Plain, child).expect("it has no children");
    assert!(m.run_work(&Plain, &mut second).is_some());
    assert_eq!(m.objcg(objcg).map(|view| (view.refs, view.switching)), Some((3, true)));
    // Base, id, the child that is not freed yet, the objcg.
    assert_eq!(refs(&m, parent), 4);
    m.objcg_put(&Plain, &mut first, objcg);
    m.objcg_put(&Plain, &mut first, objcg);
    assert_eq!(m.objcg(objcg).map(|view| (view.refs, view.memcg)), Some((1, parent)), "the switch holds it");
    assert_eq!(refs(&m, parent), 4);
    m.grace(&Plain, &mut second);
    assert_eq!(refs(&m, parent), 3, "released");
    m.grace(&Plain, &mut second);
    assert!(!m.objcg_lives(objcg));
}
