//! Numbers that a hand-written trace insists on.

use super::apply;
use super::lockstep::Lockstep;
use crate::check::{Broken, Thing};
use crate::program::{Assertion, State};
use crate::trace::Labels;
use crate::violation::Invariant;
use stocktake_impl as machine;
use stocktake_model::{CpuId, GroupId, ObjcgId};

/// What an assert compares: a quantity of something, wanted and found.
type Look = (&'static str, Thing, Value, Value);

/// A value that a trace can insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Number(i64),
    State(State),
    Group(GroupId),
    Absent,
}

impl Value {
    fn shown(self, names: &Labels) -> String {
        match self {
            Value::Number(n) => n.to_string(),
            Value::State(state) => format!("{state:?}").to_lowercase(),
            Value::Group(group) => names.group(group).into_owned(),
            Value::Absent => String::from("nothing: it was never made, or it is gone"),
        }
    }
}

pub(super) fn check(engine: &Lockstep, cpu: CpuId, assertion: Assertion) -> Result<(), Box<Broken>> {
    let (what, thing, wanted, found) = look(engine, cpu, assertion);
    if wanted == found {
        return Ok(());
    }
    let expected = move |names: &Labels| wanted.shown(names);
    let found = move |names: &Labels| found.shown(names);
    Err(Broken::new(Invariant::Assert, what, thing, expected, found, "the trace insists on it"))
}

fn look(engine: &Lockstep, cpu: CpuId, assertion: Assertion) -> Look {
    let number = |what, group, wanted: u64, get: fn(machine::MemcgView) -> i64| {
        let memcg = engine.bindings.groups.get(GroupId::index(group)).copied().flatten();
        let found = memcg.and_then(|memcg| engine.machine.memcg(memcg));
        (
            what,
            Thing::Group(group),
            count(wanted),
            found.map_or(Value::Absent, |view| Value::Number(get(view))),
        )
    };
    let stocks = engine.cpus.get(cpu.index());
    match assertion {
        Assertion::Usage(group, n) => number("usage", group, n, |view| view.usage),
        Assertion::Swap(group, n) => number("swap", group, n, |view| view.swap_usage),
        Assertion::Memsw(group, n) => number("memsw", group, n, |view| view.memsw_usage),
        Assertion::Kmem(group, n) => number("kmem", group, n, |view| view.kmem_usage),
        Assertion::Event(group, event, n) => {
            let memcg = engine.bindings.groups.get(group.index()).copied().flatten();
            let live = memcg.filter(|&memcg| engine.machine.memcg(memcg).is_some());
            let found = live.map(|memcg| engine.machine.stat(memcg, apply::stat(event)));
            ("event", Thing::Group(group), count(n), found.map_or(Value::Absent, Value::Number))
        }
        Assertion::Failcnt(group, n) => number("failcnt", group, n, |view| view.failcnt),
        Assertion::Watermark(group, n) => number("watermark", group, n, |view| view.watermark),
        Assertion::Ids(group, n) => number("ids", group, n, |view| view.id_refs),
        Assertion::Refs(group, n) => number("refs", group, n, |view| view.refs),
        Assertion::CacheRefs(cache, group, n) => {
            let found =
                engine.books.slab.find(cache, group).and_then(|cache| engine.machine.cache_view(cache));
            let found = found.map_or(Value::Absent, |view| Value::Number(view.refs));
            ("cache.refs", Thing::Cache(cache, group), count(n), found)
        }
        Assertion::Mapped(group, n) | Assertion::Mark(group, n) => {
            let memcg = engine.bindings.groups.get(group.index()).copied().flatten();
            let live = memcg.filter(|&memcg| engine.machine.memcg(memcg).is_some());
            let (what, found) = match assertion {
                Assertion::Mark(..) => {
                    ("mark", live.and_then(|memcg| engine.machine.on_move(memcg, cpu.index())))
                }
                _ => ("mapped", live.map(|memcg| engine.machine.stat(memcg, machine::Stat::FileMapped))),
            };
            (what, Thing::Group(group), count(n), found.map_or(Value::Absent, Value::Number))
        }
        Assertion::State(group, wanted) => {
            let found = state(engine, group);
            ("state", Thing::Group(group), Value::State(wanted), found.map_or(Value::Absent, Value::State))
        }
        Assertion::Stock(group, n) => {
            let memcg = engine.bindings.groups.get(group.index()).copied().flatten();
            let found: u64 = stocks
                .into_iter()
                .flat_map(|cpu| cpu.cached_pages())
                .filter(|(cached, _)| Some(*cached) == memcg)
                .map(|(_, pages)| pages.0)
                .sum();
            ("stock", Thing::Cpu(cpu.index()), count(n), count(found))
        }
        Assertion::Stranded(n) => {
            let found = engine.machine.stranded_slots().count() as u64;
            ("stranded", Thing::SwapSlots, count(n), count(found))
        }
        Assertion::Slots(n) => {
            ("slots", Thing::SwapSlots, count(n), count(engine.machine.slots_in_use() as u64))
        }
        Assertion::Visited(n) => {
            ("visited", Thing::Step, count(n), Value::Number(engine.machine.tasks_visited()))
        }
        Assertion::Bytes(objcg, n) => {
            let held = held(engine, objcg);
            let cached =
                stocks.and_then(|cpu| cpu.cached_bytes()).filter(|(cached, _)| Some(*cached) == held);
            let found = cached.map_or(0, |(_, bytes)| bytes.0);
            ("bytes", Thing::Cpu(cpu.index()), count(n), count(found))
        }
        Assertion::Leftover(objcg, n) => {
            let view = held(engine, objcg).and_then(|objcg| engine.machine.objcg(objcg));
            let found = view.map_or(Value::Absent, |view| Value::Number(view.leftover));
            ("leftover", birth(engine, objcg), count(n), found)
        }
        Assertion::Owner(objcg, group) => {
            let view = held(engine, objcg).and_then(|objcg| engine.machine.objcg(objcg));
            let found = view.map_or(Value::Absent, |view| Value::Group(engine.books.group_of(view.memcg)));
            ("owner", birth(engine, objcg), Value::Group(group), found)
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

fn count(n: u64) -> Value {
    i64::try_from(n).map_or(Value::Absent, Value::Number)
}
