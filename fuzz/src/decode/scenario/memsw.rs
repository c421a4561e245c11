//! Scenes about the counter of memory and swap together, which v1 has. In v2 its limit is skipped, so there only
//! their frames remain.

use super::swap::finish;
use crate::decode::script::Script;
use stocktake_model::Limit;

/// Memory and swap are filled to the edge of their limit, and the limits are put in and out of order.
pub(super) fn limits(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let (how, amounts) = (s.byte(), s.byte());
    let (memory, more) = (1 + u64::from(amounts & 3), u64::from(amounts >> 2 & 3));
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let group = s.mkdir(a, parent, Limit::pages(memory), Limit::MAX);
    let limited = if how & 1 != 0 { parent } else { group };
    s.set_memsw_max(b, limited, Limit::pages(memory + more));
    let folio = s.charge(a, group, memory);
    let slot = s.swap_out(b, folio);
    let again = s.charge(a, group, 1 + (more + u64::from(amounts >> 4 & 1)) % (memory + 1));
    let back = s.swap_in(b, slot, site);
    if how & 2 != 0 {
        s.set_max(a, limited, Limit::pages(memory + more + u64::from(amounts >> 5 & 1)));
    }
    if how & 4 != 0 {
        s.set_memsw_max(a, limited, Limit::pages(u64::from(amounts >> 5)));
    }
    if how & 8 != 0 {
        let used = s.picture.memsw(limited) + u64::from(amounts >> 7);
        s.set_max(b, limited, Limit::pages(0));
        s.set_memsw_max(b, limited, Limit::pages(used.saturating_sub(1)));
    }
    if how & 16 != 0 {
        s.charge_force(a, group, memory + more + 1);
    }
    if how & 32 != 0 {
        s.uncharge(b, again);
        s.drain(a);
    }
    if how & 64 != 0 {
        s.uncharge(a, back);
    }
    finish(s, slot, group);
}

/// A removed group's pages go out: to the group itself while its id is alive, then to an ancestor.
pub(super) fn of_removed_groups(s: &mut Script<'_, '_>) {
    let (a, b) = s.two_cpus();
    let site = s.site();
    let how = s.byte();
    let parent = s.mkdir(a, site, Limit::MAX, Limit::MAX);
    let group = s.mkdir(a, parent, Limit::MAX, Limit::MAX);
    if how & 1 != 0 {
        s.set_memsw_max(a, parent, Limit::pages(2 + u64::from(how >> 6)));
    }
    let first = s.charge(a, group, 1 + u64::from(how >> 1 & 1));
    let second = s.charge(b, group, 1);
    let recorded = if how & 4 != 0 { Some(s.swap_out(a, first)) } else { None };
    s.rmdir(b, group);
    if how & 8 != 0 {
        s.work(a);
    }
    let out = s.swap_out(b, second);
    if how & 16 != 0 {
        s.rmdir(a, parent);
        s.work(b);
    }
    let later = if how & 4 == 0 { s.swap_out(a, first) } else { out };
    if let Some(recorded) = recorded {
        finish(s, recorded, site);
    }
    finish(s, out, if how & 32 != 0 { parent } else { site });
    finish(s, later, site);
    s.settle(a, b);
}
