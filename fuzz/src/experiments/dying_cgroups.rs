//! How many removed groups stay behind, and what they hold, in the old and in the new design of kmem_caches.
//!
//! This is a simulation on the real machine of this project, not a measurement of any host. A workload is run again
//! and again, each time in a new group (the seed mail's "multiple generations of the same workload"). It allocates
//! objects, frees nearly all of them, and its group is removed; the few objects that are left are also used by
//! others, as entries of the vfs cache are, and some of them are freed a good while later. All choices come from a
//! fixed sequence of numbers. What is assumed is in the constants below; what comes out is counted in the machine.

use super::plot::{Chart, Line};
use crate::report::table::{Side, Table};
use std::fmt::Write;
use stocktake_impl::{Config, Cpu, Design, Machine, Plain, SlabDesign, SlabObject, Stage, State};

/// Groups that are made and removed in one simulated day. The mail does not say; about so many a day were left behind.
const GENERATIONS_A_DAY: usize = 220;
/// The mail's table begins with day 0 and ends with day 7.
const DAYS: usize = 8;
/// Objects that one generation allocates from each cache.
const OBJECTS: u64 = 48;
/// Of so many objects one is still in use when the group is removed.
const LEFT: u64 = 24;
/// In each generation one of so many objects that were left behind is freed.
const FREED: u64 = 2000;
/// Work items and grace periods get their turn once in so many generations.
const DEFERRED: usize = 64;
/// Sizes of objects: about those of an inode, a dentry and a small kmalloc.
const SIZES: [u64; 3] = [1000, 192, 64];
/// What one dying group costs beside its slabs, in kilobytes: the mail's 241 MB over 1560 - 69 groups on day 7.
const GROUP_KB: f64 = 241.0 * 1024.0 / (1560.0 - 69.0);

/// The mail's table: dying groups with the original and with the patched kernel, and the difference in MB.
pub const MAIL: [(u64, u64, u64); DAYS] = [
    (56, 23, 22),
    (362, 46, 74),
    (628, 51, 123),
    (752, 55, 152),
    (1070, 60, 164),
    (1250, 57, 182),
    (1490, 67, 214),
    (1560, 69, 241),
];

/// What there is at the end of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Groups that have not been removed, root not counted.
    pub live: usize,
    /// Groups that have been removed and not freed.
    pub dying: usize,
    /// Pages of slabs that hold a removed group.
    pub pinned_pages: u64,
}

impl Point {
    /// Memory that dying groups hold, in MB: their slabs, and themselves at [`GROUP_KB`] each.
    fn megabytes(&self) -> f64 {
        (self.pinned_pages as f64 * 4.0 + self.dying as f64 * GROUP_KB) / 1024.0
    }
}

/// A sequence of numbers that is the same in each run (SplitMix64).
struct Sequence(u64);

impl Sequence {
    fn one_in(&mut self, n: u64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).is_multiple_of(n)
    }
}

/// Run the generations on a design: a point for each, or why the machine refused something.
pub fn simulate(slab: SlabDesign) -> Result<Vec<Point>, stocktake_impl::Errno> {
    let generations = GENERATIONS_A_DAY * DAYS;
    let config = Config {
        cpus: 1,
        memcgs: generations + 3,
        ids: generations + 2,
        folios: 1,
        caches: SIZES.len(),
        memcg_caches: SIZES.len() * (generations + 3),
        slab_objects: generations * OBJECTS as usize,
        design: Design { slab, ..Design::default() },
        ..Config::default()
    };
    let (m, mut cpus) = Machine::new(config);
    let cpu = &mut cpus[0];
    let mut numbers = Sequence(7);
    let no_limit = stocktake_impl::NO_LIMIT;
    let caches = SIZES
        .iter()
        .map(|size| m.kmem_cache_create(&Plain, *size, 0, false))
        .collect::<Result<Vec<_>, _>>()?;
    // The slice of a service manager, in which every generation gets a group of its own.
    let slice = m.mkdir(&Plain, m.root(), no_limit, no_limit)?;
    let mut left: Vec<SlabObject> = Vec::new();
    let mut points = Vec::with_capacity(generations);
    for generation in 1..=generations {
        let group = m.mkdir(&Plain, slice, no_limit, no_limit)?;
        for cache in &caches {
            // The first object asks for the group's cache, where groups have caches.
            let first = m.kmem_cache_alloc(&Plain, cpu, *cache, group)?.0;
            m.kmem_cache_free(&Plain, cpu, first);
        }
        // The group lives long enough for what it asked for.
        while m.has_creations() && m.run_work(&Plain, cpu).is_some() {}
        for cache in &caches {
            let mut own = Vec::new();
            for _ in 0..OBJECTS {
                own.push(m.kmem_cache_alloc(&Plain, cpu, *cache, group)?.0);
            }
            for object in own {
                if numbers.one_in(LEFT) { left.push(object) } else { m.kmem_cache_free(&Plain, cpu, object) }
            }
        }
        m.rmdir(&Plain, group)?;
        let mut at = 0;
        while at < left.len() {
            if numbers.one_in(FREED) {
                m.kmem_cache_free(&Plain, cpu, left.swap_remove(at));
            } else {
                at += 1;
            }
        }
        if generation % DEFERRED == 0 {
            settle(&m, cpu);
        }
        points.push(look(&m));
    }
    Ok(points)
}

/// Stocks are drained, work and grace periods get their turn until nothing is left to do.
fn settle(m: &Machine, cpu: &mut Cpu) {
    loop {
        m.drain_local(&Plain, cpu);
        let mut busy = false;
        while m.run_work(&Plain, cpu).is_some() {
            busy = true;
        }
        if m.grace(&Plain, cpu) == 0 && !busy {
            return;
        }
    }
}

fn look(m: &Machine) -> Point {
    let mut point = Point::default();
    for (memcg, view) in m.live_memcgs() {
        if memcg == m.root() {
            continue;
        }
        if view.state == State::Online { point.live += 1 } else { point.dying += 1 }
    }
    let removed = |memcg| m.memcg(memcg).is_some_and(|view| view.state != State::Online);
    for (_, slab) in m.live_slabs() {
        let Some(cache) = slab.cache.and_then(|cache| m.cache_view(cache)) else { continue };
        let holds = slab.memcg.is_some() || cache.stage == Stage::Active;
        if holds && slab.memcg.or(cache.memcg).is_some_and(removed) {
            point.pinned_pages += cache.pages.0;
        }
    }
    point
}

/// What the experiment shows, as text and as a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// For a terminal.
    pub text: String,
    /// The same as an SVG file.
    pub svg: String,
}

const NEW: SlabDesign = SlabDesign::Caches53;
const OLD: SlabDesign = SlabDesign::PagePins;

/// Run both designs and show them beside the mail's table.
///
/// # Errors
/// The machine refused something, which it should not.
pub fn run() -> Result<Shown, stocktake_impl::Errno> {
    let (old, new) = (simulate(OLD)?, simulate(NEW)?);
    let mut text = String::from(INTRODUCTION);
    let _ = writeln!(
        text,
        "Assumed: {GENERATIONS_A_DAY} generations a day; each allocates {OBJECTS} objects from each of {} caches and \
         leaves one in {LEFT}\nbehind; per generation one in {FREED} of those left is freed; deferred work runs every \
         {DEFERRED} generations;\na dying group costs {GROUP_KB:.0} kB beside its slabs (the mail's 241 MB over \
         1560 - 69 groups).\n",
        SIZES.len()
    );
    text.push_str(&table(&old, &new));
    let (groups, memory) = charts(&old, &new);
    let _ = write!(text, "\n{}\n{}", groups.text(), memory.text());
    Ok(Shown { text, svg: super::plot::svg(&[groups, memory]) })
}

const INTRODUCTION: &str = "\
Dying cgroups: a workload is run again and again, each time in a new cgroup, which is then removed.
Old design: slab=page-pins (Linux to 5.2). New design: slab=5.3 (the series \"reparent slab memory on cgroup
removal\"). Simulated on this project's machine with fixed numbers: it shows the shape, growth against a bound,
not the mail's hosts. The mail's columns are its own table, an average over production hosts.
";

fn day(points: &[Point], day: usize) -> Point {
    // Day 0 of the mail is some hours after the start.
    let generation = if day == 0 { GENERATIONS_A_DAY / 4 } else { day * GENERATIONS_A_DAY };
    points[generation - 1]
}

fn table(old: &[Point], new: &[Point]) -> String {
    let headings = [
        "day",
        "live",
        "dying, old",
        "dying, new",
        "mail, old",
        "mail, new",
        "MB, old",
        "MB, new",
        "MB more",
        "mail, MB",
    ];
    let mut table = Table::new(&headings.map(|heading| (heading, Side::Right)));
    for (number, (mail_old, mail_new, mail_mb)) in MAIL.iter().enumerate() {
        let (before, after) = (day(old, number), day(new, number));
        table.row([
            number.to_string(),
            after.live.to_string(),
            before.dying.to_string(),
            after.dying.to_string(),
            mail_old.to_string(),
            mail_new.to_string(),
            format!("{:.0}", before.megabytes()),
            format!("{:.0}", after.megabytes()),
            format!("{:.0}", before.megabytes() - after.megabytes()),
            mail_mb.to_string(),
        ]);
    }
    table.render(0)
}

fn charts(old: &[Point], new: &[Point]) -> (Chart, Chart) {
    let days = |points: &[Point], value: fn(&Point) -> f64| -> Vec<(f64, f64)> {
        let every = GENERATIONS_A_DAY / 22;
        let at = |generation: usize| (generation + 1) as f64 / GENERATIONS_A_DAY as f64;
        let last = (DAYS - 1) * GENERATIONS_A_DAY;
        points[..last]
            .iter()
            .enumerate()
            .skip(every - 1)
            .step_by(every)
            .map(|(i, point)| (at(i), value(point)))
            .collect()
    };
    let mail = |value: fn(&(u64, u64, u64)) -> u64| -> Vec<(f64, f64)> {
        MAIL.iter().enumerate().map(|(day, row)| (day as f64, value(row) as f64)).collect()
    };
    let line = |name, mark, dashed, points| Line { name, mark, dashed, points };
    let groups = Chart {
        title: "Dying cgroups",
        x: "day",
        y: "number",
        lines: vec![
            line("old design, simulated", 'o', false, days(old, |point| point.dying as f64)),
            line("new design, simulated", 'n', false, days(new, |point| point.dying as f64)),
            line("original, mail", 'O', true, mail(|row| row.0)),
            line("patched, mail", 'N', true, mail(|row| row.1)),
        ],
    };
    let memory = Chart {
        title: "Memory that dying cgroups hold",
        x: "day",
        y: "MB",
        lines: vec![
            line("old design, simulated", 'o', false, days(old, Point::megabytes)),
            line("new design, simulated", 'n', false, days(new, Point::megabytes)),
            line("difference, mail", 'D', true, mail(|row| row.2)),
        ],
    };
    (groups, memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_design_grows_with_the_generations_and_the_new_one_does_not() {
        let (old, new) = (simulate(OLD).unwrap(), simulate(NEW).unwrap());
        assert_eq!(old.len(), GENERATIONS_A_DAY * DAYS);
        for day in 2..DAYS {
            let at = day * GENERATIONS_A_DAY;
            assert!(old[at].dying > old[at - GENERATIONS_A_DAY].dying + GENERATIONS_A_DAY / 4);
        }
        // What is left of the new design is what waits for its turn.
        assert!(new.iter().all(|point| point.dying <= DEFERRED && point.live == 1), "{:?}", new.last());
        assert_eq!(new[DEFERRED * 20 - 1], Point { live: 1, dying: 0, pinned_pages: 0 });
    }

    #[test]
    fn the_same_is_shown_again() {
        let shown = run().unwrap();
        assert_eq!(run().unwrap(), shown);
        assert!(shown.text.contains("1560") && shown.svg.ends_with("</svg>\n"));
    }
}
