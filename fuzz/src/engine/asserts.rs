//! Numbers that a hand-written trace insists on.

use super::lockstep::Lockstep;
use crate::check::{Broken, Thing};
use crate::program::{Assertion, State};
use crate::violation::Invariant;
use stocktake_impl as machine;
use stocktake_model::{CpuId, GroupId, ObjcgId};

pub(super) fn check(engine: &Lockstep, cpu: CpuId, assertion: Assertion) -> Result<(), Box<Broken>> {
    let (what, thing, wanted, found) = look(engine, cpu, assertion);
    if wanted == found {
        return Ok(());
    }
    Err(Broken::new(Invariant::Assert, what, thing, wanted, found, String::from("the trace insists on it")))
}

fn look(engine: &Lockstep, cpu: CpuId, assertion: Assertion) -> (&'static str, Thing, String, String) {
    let number = |what, group, wanted: u64, get: fn(machine::MemcgView) -> i64| {
        let memcg = engine.bindings.groups.get(GroupId::index(group)).copied().flatten();
        let found = memcg.and_then(|memcg| engine.machine.memcg(memcg));
        (what, Thing::Group(group), wanted.to_string(), shown(found.map(get), "no such group"))
    };
    let stocks = engine.cpus.get(cpu.index());
    match assertion {
        Assertion::Usage(group, n) => number("usage", group, n, |view| view.usage),
        Assertion::Swap(group, n) => number("swap", group, n, |view| view.swap_usage),
        Assertion::Failcnt(group, n) => number("failcnt", group, n, |view| view.failcnt),
        Assertion::Watermark(group, n) => number("watermark", group, n, |view| view.watermark),
        Assertion::Ids(group, n) => number("ids", group, n, |view| view.id_refs),
        Assertion::State(group, wanted) => {
            let found = state(engine, group);
            ("state", Thing::Group(group), format!("{wanted:?}"), shown(found.map(|s| format!("{s:?}")), "never made"))
        }
        Assertion::Stock(group, n) => {
            let memcg = engine.bindings.groups.get(group.index()).copied().flatten();
            let found: u64 = stocks
                .into_iter()
                .flat_map(|cpu| cpu.cached_pages())
                .filter(|(cached, _)| Some(*cached) == memcg)
                .map(|(_, pages)| pages.0)
                .sum();
            ("stock", Thing::Cpu(cpu.index()), n.to_string(), found.to_string())
        }
        Assertion::Bytes(objcg, n) => {
            let held = held(engine, objcg);
            let cached = stocks.and_then(|cpu| cpu.cached_bytes()).filter(|(cached, _)| Some(*cached) == held);
            let found = cached.map_or(0, |(_, bytes)| bytes.0);
            ("bytes", Thing::Cpu(cpu.index()), n.to_string(), found.to_string())
        }
        Assertion::Leftover(objcg, n) => {
            let view = held(engine, objcg).and_then(|objcg| engine.machine.objcg(objcg));
            ("leftover", birth(engine, objcg), n.to_string(), shown(view.map(|view| view.leftover), "no such objcg"))
        }
        Assertion::Owner(objcg, group) => {
            let view = held(engine, objcg).and_then(|objcg| engine.machine.objcg(objcg));
            let found = view.map(|view| format!("group {}", engine.books.group_of(view.memcg).0));
            ("owner", birth(engine, objcg), format!("group {}", group.0), shown(found, "no such objcg"))
        }
    }
}

fn held(engine: &Lockstep, objcg: ObjcgId) -> Option<machine::ObjcgRef> {
    engine.bindings.objcgs.get(objcg.index()).copied().flatten().flatten()
}

fn birth(engine: &Lockstep, objcg: ObjcgId) -> Thing {
    held(engine, objcg).map_or(Thing::Step, |objcg| Thing::ObjcgOf(engine.books.birth_of(objcg)))
}

fn state(engine: &Lockstep, group: GroupId) -> Option<State> {
    let memcg = engine.bindings.groups.get(group.index()).copied().flatten()?;
    Some(match engine.machine.memcg(memcg).map(|view| view.state) {
        None => State::Freed,
        Some(machine::State::Allocated | machine::State::Online) => State::Online,
        Some(machine::State::Offlining) => State::Offlining,
        Some(machine::State::Dying) => State::Dying,
        Some(machine::State::Released) => State::Released,
    })
}

fn shown(value: Option<impl ToString>, absent: &str) -> String {
    value.map_or(String::from(absent), |value| value.to_string())
}
