//! The command line as scripts use it: exit codes, the shape of JSON, and files.

mod cli_support;

use cli_support::{BROKEN, FINE, INSISTS, PARALLEL, Place, UNMET, keys};
use serde_json::Value;

/// A fault that a hunt of some hundred programs finds, with one engine: each would report it.
const FAULT: &[&str] = &["--engine", "lockstep", "--fault", "P2", "--executions", "2000"];

fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [first, rest].concat()
}

#[test]
fn exit_codes_of_replays() {
    let place = Place::new("exit-codes");
    for (file, text) in [("fine", FINE), ("insists", INSISTS), ("unmet", UNMET), ("parallel", PARALLEL)] {
        place.write(&format!("{file}.trace"), text);
    }
    place.write("unexpected.trace", INSISTS.replace("violation assert", "ok"));
    place.write("other.trace", INSISTS.replace("assert\n@0 mkdir", "assert assert-usage-mkdir\n@0 mkdir"));
    place.write("broken.trace", BROKEN);
    for (files, code) in [
        (&["fine.trace"][..], 0),
        (&["insists.trace"], 0),
        (&["unmet.trace"], 1),
        (&["unexpected.trace"], 1),
        (&["other.trace"], 1),
        (&["broken.trace"], 2),
        (&["parallel.trace"], 3),
        (&["fine.trace", "parallel.trace"], 3),
        (&["parallel.trace", "unmet.trace"], 1),
        (&["parallel.trace", "broken.trace"], 2),
        (&["broken.trace", "unmet.trace"], 1),
        (&["."], 1),
    ] {
        place.run(&with(&["replay"], files)).exits(code);
        place.run(&with(&["replay", "--format", "json"], files)).exits(code);
        if let [file] = files
            && *file != "."
        {
            place.run(&["explain", file]).exits(code);
        }
    }
}

#[test]
fn exit_codes_of_runs_and_checks_follow_the_regressions() {
    for (name, regressions, code) in [
        ("clean", &[("a.trace", FINE), ("deep/b.trace", INSISTS)][..], 0),
        ("unmet", &[("a.trace", FINE), ("b.trace", UNMET), ("c.trace", PARALLEL)], 1),
        ("broken", &[("a.trace", BROKEN), ("c.trace", PARALLEL)], 2),
        ("stale", &[("a.trace", FINE), ("c.trace", PARALLEL)], 3),
        ("none", &[], 0),
    ] {
        let place = Place::workspace(&format!("regressions-{name}"), regressions);
        place.run(&["corpus", "check"]).exits(code);
        let ran = place.run(&["run", "--executions", "20", "--format", "json"]).exits(code);
        let counts = &ran.json()["regressions"];
        assert_eq!(keys(counts), ["failed", "passed", "stale", "total"]);
        let sum: u64 = ["passed", "failed", "stale"].iter().map(|key| counts[key].as_u64().unwrap()).sum();
        assert_eq!(counts["total"].as_u64(), Some(regressions.len() as u64), "{name}");
        assert_eq!(counts["total"].as_u64(), Some(sum), "{name}");
    }
}

#[test]
fn json_of_a_run() {
    let place = Place::workspace("json-run", &[]);
    let clean = place
        .run(&["run", "--engine", "lockstep", "--executions", "300", "--seed", "7", "--format", "json"])
        .exits(0)
        .json();
    let fields = ["engines", "goals", "jobs", "regressions", "seconds", "seed", "violations"];
    assert_eq!(keys(&clean), fields);
    assert_eq!((&clean["seed"], &clean["violations"]), (&Value::from(7), &Value::Array(Vec::new())));
    assert!(clean["seconds"].as_f64().unwrap() > 0.0 && clean["jobs"].as_u64().unwrap() > 0);
    let engine = &clean["engines"][0];
    assert_eq!(keys(engine), ["divergences", "exact", "executions", "name", "steps"]);
    assert_eq!((&engine["name"], &engine["executions"]), (&"lockstep".into(), &300.into()));
    let divergences = &engine["divergences"];
    assert_eq!(
        keys(divergences),
        ["false-lock-out", "offlining", "remote-stock", "stock-hit-over-max", "stranded"]
    );
    let divergent: u64 = divergences.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(engine["exact"].as_u64().unwrap() + divergent, engine["steps"].as_u64().unwrap());
    let goals = clean["goals"].as_array().unwrap();
    assert_eq!(goals.len(), stocktake::goals::GOALS.iter().filter(|goal| !goal.elsewhere).count());
    assert_eq!(keys(&goals[0]), ["hits", "name"]);
    assert!(goals.iter().any(|goal| goal["hits"].as_u64().unwrap() > 0));

    let found = place.run(&with(&["run", "--format", "json"], FAULT)).exits(1).json();
    assert_eq!(keys(&found), fields);
    let violation = &found["violations"][0];
    assert_eq!(
        keys(violation),
        ["design", "engine", "fault", "invariant", "signature", "step", "steps_minimized", "trace"]
    );
    assert_eq!((&violation["design"], &violation["fault"]), (&"current".into(), &"P2".into()));
    assert!(violation["step"].as_u64() <= violation["steps_minimized"].as_u64());
    let trace = violation["trace"].as_str().unwrap();
    let signature = violation["signature"].as_str().unwrap();
    assert_eq!(trace, format!("fuzz/artifacts/lockstep-{signature}.trace"));
    assert!(place.path(trace).is_file());
}

#[test]
fn both_engines_hunt_unless_one_is_named() {
    let place = Place::workspace("both-engines", &[]);
    let args = ["run", "--executions", "60", "--format", "json"];
    let json = place.run(&args).exits(0).json();
    let engines = json["engines"].as_array().unwrap();
    let names: Vec<&str> = engines.iter().map(|engine| engine["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["lockstep", "interleave"]);
    assert!(engines[0].get("overlap").is_none(), "one operation after the other");
    let overlap = &engines[1]["overlap"];
    assert_eq!(
        keys(overlap),
        [
            "checks_deferred",
            "extra_work",
            "orders_excused",
            "orders_not_searched",
            "orders_searched",
            "preemptions"
        ]
    );
    assert!(overlap["preemptions"].as_u64().unwrap() > 0, "{overlap}");
    assert!(overlap["orders_not_searched"].as_u64() <= engines[1]["executions"].as_u64());

    let text = place.run(&["run", "--executions", "60"]).exits(0).stdout;
    let preemptions = overlap["preemptions"].as_u64().unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("overlap: ")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    let said: String =
        lines[0].chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| *c != ' ').collect();
    assert_eq!(said.replace(',', ""), preemptions.to_string(), "{text}");
}

#[test]
fn the_same_whatever_the_number_of_jobs() {
    let place = Place::new("jobs");
    let clean = &["--engine", "lockstep", "--executions", "2000"][..];
    // Both engines, without and with something to find: what they find is another test's business.
    let both = &["--executions", "150"][..];
    let lanes = &["--engine", "interleave", "--fault", "P2", "--executions", "150"][..];
    for (more, code) in [(clean, 0), (FAULT, 1), (both, 0), (lanes, 1)] {
        let json = |jobs| {
            let args = with(&["run", "--format", "json", "--seed", "3", "--jobs", jobs], more);
            let ran = place.run(&args);
            let mut json = ran.exits(code).json();
            assert_eq!(json["jobs"].to_string(), jobs);
            for key in ["seconds", "jobs"] {
                json.as_object_mut().unwrap().remove(key);
            }
            json
        };
        assert_eq!(json("1"), json("3"));
    }
}

#[test]
fn a_finding_is_written_once_and_replays() {
    let place = Place::new("finding");
    let args = with(&["run", "--out", "found"], FAULT);
    let first = place.run(&args).exits(1);
    let files = place.list("found");
    assert_eq!(files.len(), 1, "{files:?}");
    let path = format!("found/{}", files[0]);
    assert_eq!(first.last_line(), format!("stocktake replay {path}"));
    assert!(first.stderr.is_empty(), "{}", first.stderr);

    let trace = place.read(&path);
    for part in ["# I", "\nfault P2\n", "\nexpect violation I"] {
        assert!(trace.contains(part), "{trace}");
    }
    // The same finding again is the same file; another text under its name is left alone.
    place.run(&args).exits(1);
    assert_eq!(place.list("found"), files);
    place.write(&path, "mine");
    let other = place.run(&args).exits(1);
    assert_eq!(place.read(&path), "mine");
    assert_eq!(place.list("found").len(), 2);

    let command: Vec<&str> = other.last_line().split(' ').skip(1).collect();
    let replayed = place.run(&command).exits(0);
    assert!(replayed.stdout.starts_with("passed "), "{}", replayed.stdout);
    assert_eq!(replayed.last_line(), other.last_line());
    let without = command[1];
    place.write(without, trace.replace("fault P2\n", ""));
    assert!(place.run(&command).exits(1).stdout.contains("there is none"));
}

#[test]
fn within_a_workspace_the_replay_command_is_cargos() {
    let place = Place::workspace("replay-command", &[("my trace.trace", INSISTS)]);
    let ran = place.run(&["replay", "corpus/regressions/my trace.trace"]).exits(0);
    assert_eq!(ran.last_line(), "cargo run --release -- replay 'corpus/regressions/my trace.trace'");
}

#[test]
fn a_failure_report_tells_the_whole_story() {
    let place = Place::new("story");
    place.write("insists.trace", INSISTS);
    let ran = place.run(&["explain", "insists.trace"]).exits(0);
    for part in [
        "assert violated: pages charged at the level of A: found 64; expected 999",
        "after step 2, line 6: @0 assert usage A 999",
        "setting   1 CPU, cgroup v2, 64 memcg ids, 64 swap slots, design current, no fault planted",
        "1  @0 p1 = charge A 3     ok             exact",
        ">     2  @0 assert usage A 999  does not hold  VIOLATED",
        "1 step after that did not run",
        "cpu 0: 61 pages of A",
    ] {
        assert!(ran.stdout.contains(part), "no {part:?} in\n{}", ran.stdout);
    }
    assert_eq!(ran.last_line(), "stocktake replay insists.trace");
    assert!(!ran.stdout.contains('\u{1b}'), "no terminal codes");

    let json = place.run(&["replay", "insists.trace", "--format", "json"]).exits(0).json();
    assert_eq!(keys(&json), ["errors", "failed", "passed", "stale", "total", "traces"]);
    let trace = &json["traces"][0];
    let violation = &trace["violation"];
    assert_eq!(
        (&violation["invariant"], &violation["object"], &violation["found"], &violation["step"]),
        (&"assert".into(), &"A".into(), &"64".into(), &2.into())
    );
    assert_eq!(trace["steps"].as_array().unwrap().len(), 3);
    assert_eq!(trace["steps"][1]["operation"], "@0 p1 = charge A 3");
    assert_eq!(
        (&trace["steps"][1]["agreement"], &trace["steps"][2]["agreement"]),
        (&"exact".into(), &"violation".into())
    );
    assert_eq!(trace["cached"][0], "cpu 0: 61 pages of A");
    assert_eq!(trace["replay"], "stocktake replay insists.trace");
}

#[test]
fn legal_divergences_and_skipped_steps_are_shown_with_their_reasons() {
    let place = Place::new("divergent");
    let trace = "\
stocktake-trace 1
cpus 2
@0 mkdir A max=70
@0 p1 = charge A 1
@1 p2 = charge A 50
@1 uncharge p2
@1 uncharge p2
";
    place.write("divergent.trace", trace);
    let ran = place.run(&["explain", "divergent.trace"]).exits(0);
    for part in ["ENOMEM  divergent: remote-stock (model: ok)", "skipped", "Nothing is violated."] {
        assert!(ran.stdout.contains(part), "no {part:?} in\n{}", ran.stdout);
    }
    let json = place.run(&["replay", "divergent.trace", "--format", "json"]).exits(0).json();
    let step = &json["traces"][0]["steps"][2];
    assert_eq!(
        (&step["answer"], &step["model"], &step["agreement"], &step["reason"]),
        (&"ENOMEM".into(), &"ok".into(), &"divergent".into(), &"remote-stock".into())
    );
}

/// Two CPUs take two locks in opposite orders.
#[test]
fn a_deadlock_is_told_with_its_cycle() {
    let place = Place::new("deadlock");
    let trace = "\
stocktake-trace 1
cpus 2
fault N5
@0 mkdir A
@0 mkdir B
@0 rmdir A
parallel
@0 work
@1 rmdir B
";
    place.write("deadlock.trace", trace);
    let ran = place.run(&["replay", "deadlock.trace"]).exits(1);
    for part in [
        "no lane can go on: lane 0 waits for lane 1, which waits for lane 0",
        "CPU 0 in `@0 work` waits for cgroup_mutex, which CPU 1 has: a cycle",
        "CPU 1 in `@1 rmdir B` waits for unbound work queue, which CPU 0 has: a cycle",
    ] {
        assert!(ran.stdout.contains(part), "no {part:?} in\n{}", ran.stdout);
    }
    let json = place.run(&["replay", "deadlock.trace", "--format", "json"]).exits(1).json();
    let trace = &json["traces"][0];
    assert_eq!(trace["violation"]["signature"], "I13-deadlock-work");
    let waits = trace["timeline"]["waits"].as_array().unwrap();
    let told: Vec<_> = waits
        .iter()
        .map(|wait| (wait["lane"].as_u64(), wait["holder"].as_u64(), wait["in_cycle"].as_bool()))
        .collect();
    assert_eq!(told, [(Some(0), Some(1), Some(true)), (Some(1), Some(0), Some(true))]);
}

#[test]
fn a_summary_says_what_was_searched() {
    let place = Place::workspace("summary", &[("a.trace", FINE)]);
    // What is found with so many programs of seed 1 is the same each time, and the old designs are among it.
    let ran = place.run(&["run", "--executions", "300", "--design", "all", "--jobs", "2"]).exits(1);
    let listed = ran.stdout.split("Violations found\n").nth(1).expect("a list of what was found");
    let found: Vec<&str> = listed
        .lines()
        .skip(1)
        .map_while(|line| line.split_whitespace().nth(2))
        .map(|design| design.split(',').next().unwrap_or(design))
        .collect();
    for flawed in ["mm=owner", "mm=memcg-as-mailed", "shmem=as-mailed", "mapped=marked", "kmem-root=skipped"]
    {
        assert!(found.contains(&flawed), "nothing found in {flawed}, only in {found:?}");
    }
    let known = place.run(&["designs", "--format", "json"]).exits(0).json();
    for design in known.as_array().expect("designs") {
        let (room, name) = (design["room"].as_str().unwrap_or(""), design["name"].as_str().unwrap_or(""));
        let variant = name
            .strip_prefix(room)
            .map_or(name.to_owned(), |variant| variant.replacen('-', &format!("{room}="), 1));
        assert!(
            design["kind"] != "corrected" || !found.contains(&variant.as_str()),
            "{variant} is corrected: {found:?}"
        );
    }
    for part in [
        "regressions  1 trace replayed: 1 passed, 0 failed, 0 stale",
        "programs of seed 1 with the lockstep engine on design current in",
        "with the lockstep engine on design stock=single-slot in",
        "divergent, by reason: remote-stock ",
        "2 jobs, seed 1",
        "what happens when operations overlap was not",
    ] {
        assert!(ran.stdout.contains(part), "no {part:?} in\n{}", ran.stdout);
    }
    let clean = place.run(&["run", "--executions", "3"]).exits(0);
    assert!(
        clean.stdout.contains("no violation found") && clean.stdout.contains("not reached: "),
        "{}",
        clean.stdout
    );
    assert!(clean.stdout.contains("3 programs of seed 1"));
}

#[test]
fn json_of_bugs() {
    let place = Place::new("bugs");
    let json =
        place.run(&["bugs", "P2", "O2", "--time-per-fault", "30s", "--format", "json"]).exits(0).json();
    assert_eq!(keys(&json), ["faults", "found", "total"]);
    assert_eq!((&json["found"], &json["total"]), (&2.into(), &2.into()));
    let fault = &json["faults"][0];
    let mut fields = keys(fault);
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "clean_trace_passes",
            "engine",
            "executions_median",
            "executions_worst",
            "found",
            "found_seeds",
            "id",
            "invariant",
            "operations_median",
            "preemptions",
            "seconds_median",
            "seconds_worst",
            "seeds",
            "source",
            "steps_minimized",
            "title",
        ]
    );
    assert_eq!(
        (&fault["id"], &fault["found"], &fault["clean_trace_passes"]),
        (&"P2".into(), &true.into(), &true.into())
    );
    assert_eq!((&fault["seeds"], &fault["found_seeds"]), (&11.into(), &11.into()));
    assert!(fault["executions_median"].as_u64() <= fault["executions_worst"].as_u64());
    assert!(fault["seconds_median"].as_f64().unwrap() <= fault["seconds_worst"].as_f64().unwrap());

    // No hunt is so short that it runs nothing, but this one may find nothing; it says so in any case.
    let ran = place.run(&["bugs", "P3", "--time-per-fault", "0.001ms", "--format", "json"]);
    let found = ran.json()["faults"][0]["found"] == true;
    ran.exits(i32::from(!found));
}

#[test]
fn json_of_designs() {
    let flaw = "\
stocktake-trace 1
cpus 1
design stock=single-slot
expect violation I14
@0 mkdir A
";
    let place = Place::workspace("designs", &[("fine.trace", FINE), ("flaw.trace", flaw)]);
    let json = place.run(&["designs", "--format", "json"]).exits(0).json();
    let designs = json.as_array().unwrap();
    assert_eq!(designs[0]["name"], "current");
    assert_eq!(designs.len(), stocktake_impl::VARIANTS.len() + 1);
    for design in designs {
        assert_eq!(keys(design), ["clean", "findings", "kind", "name", "room", "source"]);
        let flawed = design["name"] == "stock-single-slot";
        assert_eq!(design["clean"], !flawed, "{design}");
        let findings: &[&str] = if flawed { &["corpus/regressions/flaw.trace"] } else { &[] };
        assert_eq!(design["findings"], Value::from(findings));
        let kind = design["kind"].as_str().unwrap();
        assert!(["old", "new", "as-mailed", "corrected"].contains(&kind));
        // Every name can be hunted on. One of the regressions fails here, whatever is found.
        let name = design["name"].as_str().unwrap();
        let ran = place.run(&["run", "--executions", "1", "--design", name]).exits(1);
        for part in ["1 passed, 1 failed, 0 stale", "with the lockstep engine on design "] {
            assert!(ran.stdout.contains(part), "{name}: no {part:?} in\n{}", ran.stdout);
        }
    }
}

#[test]
fn minimising_keeps_the_violation() {
    let place = Place::new("minimise");
    place.write("insists.trace", INSISTS);
    let printed = place.run(&["minimize", "insists.trace"]).exits(0);
    assert!(printed.stderr.contains("minimised to"), "{}", printed.stderr);
    let written = place.run(&["minimize", "insists.trace", "-o", "small.trace"]).exits(0);
    assert_eq!(place.read("small.trace"), printed.stdout);
    assert!(!printed.stdout.contains("uncharge"), "{}", printed.stdout);
    assert_eq!(written.last_line(), "stocktake replay small.trace");
    place.run(&["replay", "small.trace"]).exits(0);
    // The same result may be written again.
    place.run(&["minimize", "insists.trace", "-o", "small.trace"]).exits(0);
    assert_eq!(place.list("."), ["insists.trace", "small.trace"]);
}

#[test]
fn a_page_is_written_beside_the_report() {
    let place = Place::new("page");
    place.write("insists.trace", INSISTS);
    let alone = place.run(&["explain", "insists.trace"]).exits(0);
    let ran = place.run(&["explain", "insists.trace", "--html", "page.html"]).exits(0);
    assert_eq!(ran.stdout, alone.stdout);
    assert!(ran.stderr.contains("page.html"), "{}", ran.stderr);
    let page = place.read("page.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("stocktake replay insists.trace"));
    // The same page may be written again.
    place.run(&["explain", "insists.trace", "--html", "page.html"]).exits(0);
    assert_eq!(place.list("."), ["insists.trace", "page.html"]);
}

#[test]
fn statistics_of_a_corpus() {
    let place = Place::workspace("stats", &[("a.trace", FINE), ("b.trace", INSISTS)]);
    let text = place.run(&["corpus", "stats"]).exits(0).stdout;
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in ["mkdir 3", "obj.charge 1", "assert 1", "ok 1", "violation of assert 1", "current 2"] {
        assert!(lines.iter().any(|found| found == line), "no {line:?} in\n{text}");
    }
    assert!(text.starts_with("2 traces, 10 steps"), "{text}");
    assert!(text.contains("Goals reached by replaying: "));
}

#[test]
fn seeds_are_exported_for_the_targets() {
    let place =
        Place::workspace("export", &[("deep/a.trace", FINE), ("b.trace", INSISTS), ("c.trace", PARALLEL)]);
    let first = place.run(&["corpus", "export"]).exits(0).stdout;
    assert_eq!(place.list("corpus/seeds/lockstep"), ["b.bin", "deep-a.bin"]);
    assert_eq!(place.list("corpus/seeds/interleave"), ["c.bin"]);
    for part in ["1 seed (1 new", "b.trace: exported without its 1 assert", "2 seeds (2 new"] {
        assert!(first.contains(part), "no {part:?} in\n{first}");
    }
    let bytes = std::fs::read(place.path("corpus/seeds/lockstep/deep-a.bin")).unwrap();
    assert_eq!(stocktake::decode::decode(&bytes).steps.len(), 6);
    let bytes = std::fs::read(place.path("corpus/seeds/interleave/c.bin")).unwrap();
    let mut program = stocktake::program::Program::default();
    stocktake::decode::decode_lanes_into(&bytes, &mut program);
    assert!(program.parallel.is_some() && !program.steps.is_empty());
    // Again, after a trace has gone, and with an input that a fuzzer has added.
    std::fs::remove_file(place.path("corpus/regressions/b.trace")).unwrap();
    place.write("corpus/seeds/lockstep/0a1b2c", "a fuzzer's");
    let second = place.run(&["corpus", "export"]).exits(0).stdout;
    assert!(second.contains("1 seed (0 new or changed, 1 stale removed)"), "{second}");
    assert_eq!(place.list("corpus/seeds/lockstep"), ["0a1b2c", "deep-a.bin"]);
}

#[test]
fn a_stale_schedule_is_recorded_anew() {
    let stale = "# Two CPUs fill a group.\nstocktake-trace 1\ncpus 2\nexpect ok\nschedule 1 1  # by hand\n\
                 @0 mkdir A\nparallel\n@0 p1 = charge A 3\n@1 p2 = charge A 3  # after it\n";
    let place = Place::workspace("cli-upgrade", &[("stale.trace", stale), ("fine.trace", FINE)]);
    place.run(&["corpus", "check"]).exits(3);
    let ran = place.run(&["corpus", "upgrade"]).exits(0);
    assert_eq!(ran.stdout, "corpus/regressions/stale.trace: scheduled anew\n1 trace up to date\n");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(stale), lines(&place.read("corpus/regressions/stale.trace")));
    let changed: Vec<usize> = (0..old.len().max(new.len())).filter(|&i| old.get(i) != new.get(i)).collect();
    assert_eq!(changed, [4], "only the schedule's line");
    assert!(new[4].starts_with("schedule ") && new[4].ends_with("  # by hand"), "{}", new[4]);
    place.run(&["corpus", "check"]).exits(0);
    assert_eq!(place.run(&["corpus", "upgrade"]).exits(0).stdout, "2 traces up to date\n");
}

#[test]
fn a_stale_trace_that_nothing_meets_is_left_as_it_is() {
    let stale = "stocktake-trace 1\ncpus 2\nexpect violation I1\nschedule 1 1\n@0 mkdir A\nparallel\n\
                 @0 p1 = charge A 3\n@1 p2 = charge A 3\n";
    let place = Place::workspace("cli-upgrade-stale", &[("stale.trace", stale)]);
    let ran = place.run(&["corpus", "upgrade"]).exits(3);
    assert!(ran.stdout.contains("stale.trace: still stale"), "{}", ran.stdout);
    assert_eq!(place.read("corpus/regressions/stale.trace"), stale);
    assert_eq!(place.list("corpus/regressions"), ["stale.trace"], "no draft is left");
}
