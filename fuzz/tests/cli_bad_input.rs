//! Bad usage and bad input: a clear error with its place and what to do, exit code 2, nothing overwritten.

mod cli_support;

use cli_support::{FINE, INSISTS, Place};

/// Every command that reads a trace refuses `content`, and says what, where and what to do.
#[track_caller]
fn refused(name: &str, content: impl AsRef<[u8]>, says: &[&str]) {
    let place = Place::workspace(name, &[]);
    place.write("bad.trace", content.as_ref());
    for args in [
        &["replay", "bad.trace"][..],
        &["replay", "bad.trace", "--format", "json"],
        &["minimize", "bad.trace", "-o", "small.trace"],
        &["explain", "bad.trace"],
    ] {
        let ran = place.run(args).exits(2);
        for part in says.iter().chain(&["error: ", "bad.trace", "help: "]) {
            assert!(ran.stderr.contains(part), "{args:?} does not say {part:?}:\n{}", ran.stderr);
        }
    }
    assert!(!place.path("small.trace").exists());

    place.write("corpus/regressions/deep/bad.trace", content.as_ref());
    for args in [&["corpus", "check"][..], &["corpus", "stats"], &["corpus", "export"], &["designs"]] {
        let ran = place.run(args).exits(2);
        for part in says.iter().chain(&["corpus/regressions/deep/bad.trace"]) {
            assert!(ran.stderr.contains(part), "{args:?} does not say {part:?}:\n{}", ran.stderr);
        }
    }
    let ran = place.run(&["run", "--executions", "1", "--format", "json"]).exits(2);
    assert_eq!(ran.json()["regressions"]["failed"], 1);
    assert!(ran.stderr.contains("corpus/regressions/deep/bad.trace"), "{}", ran.stderr);
}

#[test]
fn an_empty_trace() {
    refused("empty", "", &["bad.trace:1:1", "stocktake-trace 1"]);
    refused("blank", "\n\n# nothing\n", &["stocktake-trace 1"]);
}

#[test]
fn a_truncated_trace() {
    refused("truncated", &FINE[..FINE.len() - 2], &["bad.trace:9:17", "`c`"]);
    refused("truncated-word", "stocktake-trace 1\ncpus 2\n@0 mkd", &["bad.trace:3:4", "mkdir"]);
    refused("truncated-line", "stocktake-trace 1\ncpus 2\n@0 p1 = charge", &["bad.trace:3:"]);
}

#[test]
fn a_binary_file() {
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    refused("binary", bytes, &["bad.trace:2:"]);
    refused("zeros", [0; 4096], &["bad.trace:1:1"]);
}

#[test]
fn text_that_is_not_utf8() {
    refused("latin1", b"stocktake-trace 1\ncpus 2\n# caf\xe9\n", &["bad.trace:3:6", "0xe9", "UTF-8"]);
}

#[test]
fn a_gigantic_trace() {
    let mut text = String::from("stocktake-trace 1\ncpus 2\n");
    text.push_str(&"@0 drain\n".repeat(600_000));
    refused("gigantic", text, &["MiB"]);
}

#[test]
fn another_version() {
    refused("version", FINE.replacen("trace 1", "trace 99", 1), &["bad.trace:1:17", "99", "1"]);
    refused("no-version", FINE.replacen("stocktake-trace 1", "stocktake-trace", 1), &["bad.trace:1:"]);
}

#[test]
fn an_unknown_operation() {
    refused("operation", "stocktake-trace 1\n@0 chrage A 1\n", &["bad.trace:2:4", "chrage", "charge"]);
}

#[test]
fn duplicate_and_undefined_names() {
    refused("duplicate", "stocktake-trace 1\n@0 mkdir A\n@0 mkdir A\n", &["bad.trace:3:10", "`A`"]);
    refused("undefined", "stocktake-trace 1\n@0 uncharge p1\n", &["bad.trace:2:13", "`p1`"]);
}

#[test]
fn numbers_out_of_range() {
    refused("cpus", "stocktake-trace 1\ncpus 99\n", &["bad.trace:2:6", "99"]);
    refused("no-pages", "stocktake-trace 1\n@0 mkdir A\n@0 p1 = charge A 0\n", &["bad.trace:3:18"]);
    let huge = "stocktake-trace 1\n@0 mkdir A max=99999999999999999999999999\n";
    refused("huge", huge, &["bad.trace:2:16"]);
    refused("no-such-cpu", "stocktake-trace 1\ncpus 1\n@7 mkdir A\n", &["bad.trace:3:"]);
}

#[test]
fn all_errors_of_a_trace_are_reported_at_once() {
    let place = Place::new("all-errors");
    place.write("bad.trace", "stocktake-trace 1\ncpus 0\n@0 mkdri A\n@0 uncharge p9\n");
    let ran = place.run(&["replay", "bad.trace", "--format", "json"]).exits(2);
    let errors = ran.json()["errors"].as_array().unwrap().clone();
    assert_eq!(errors.iter().map(|error| error["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    for error in &errors {
        assert_eq!(error["file"], "bad.trace");
        assert!(error["column"].as_u64().unwrap() > 0 && !error["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn files_that_are_not_there() {
    let place = Place::new("absent");
    for args in
        [&["replay", "nowhere.trace"][..], &["minimize", "nowhere.trace"], &["explain", "nowhere.trace"]]
    {
        let ran = place.run(args).exits(2);
        assert!(
            ran.stderr.contains("nowhere.trace") && ran.stderr.contains("no such file"),
            "{}",
            ran.stderr
        );
    }
    std::fs::create_dir(place.path("empty")).unwrap();
    assert!(place.run(&["replay", "empty"]).exits(2).stderr.contains("no .trace file in empty"));
    for args in [&["minimize", "empty"][..], &["explain", "empty"]] {
        assert!(place.run(args).exits(2).stderr.contains("folder"));
    }
    for action in ["check", "stats", "export"] {
        let ran = place.run(&["corpus", action]).exits(2);
        assert!(ran.stderr.contains("inside the workspace"), "{}", ran.stderr);
    }
}

#[test]
fn findings_that_cannot_be_written() {
    let place = Place::new("unwritable");
    place.write("file", "mine");
    for out in ["file", "file/below", "file/far/below", "/proc/nowhere"] {
        let ran = place.run(&["run", "--executions", "500", "--fault", "P2", "--out", out]).exits(2);
        assert!(ran.stderr.contains("error: ") && ran.stderr.contains("--out"), "{}", ran.stderr);
        assert!(ran.stderr.contains(out) && ran.stdout.is_empty(), "{}{}", ran.stderr, ran.stdout);
    }
    assert_eq!(place.read("file"), "mine");
    assert_eq!(place.list("."), ["file"]);
}

#[test]
fn a_minimised_trace_that_cannot_be_written() {
    let place = Place::new("unwritable-small");
    place.write("insists.trace", INSISTS);
    place.write("mine", "my own text");
    for out in ["mine", "mine/below", "no/such/folder", ".", "/"] {
        let ran = place.run(&["minimize", "insists.trace", "-o", out]).exits(2);
        assert!(ran.stderr.contains("error: ") && ran.stderr.contains("help: "), "{}", ran.stderr);
    }
    // Not even the trace itself is replaced.
    place.run(&["minimize", "insists.trace", "-o", "insists.trace"]).exits(2);
    assert_eq!((place.read("mine"), place.read("insists.trace")), ("my own text".into(), INSISTS.into()));
    assert_eq!(place.list("."), ["insists.trace", "mine"]);
}

#[test]
fn a_page_is_not_written_over_something_else() {
    let place = Place::new("unwritable-page");
    place.write("fine.trace", FINE);
    place.write("mine", "my own text");
    for out in ["mine", "mine/below", "no/such/folder", ".", "/", "fine.trace"] {
        let ran = place.run(&["explain", "fine.trace", "--html", out]).exits(2);
        assert!(ran.stderr.contains("error: ") && ran.stderr.contains("help: "), "{}", ran.stderr);
    }
    assert_eq!((place.read("mine"), place.read("fine.trace")), ("my own text".into(), FINE.into()));
    assert_eq!(place.list("."), ["fine.trace", "mine"]);
}

#[test]
fn a_trace_without_a_violation_cannot_be_minimised() {
    let place = Place::new("nothing-to-minimise");
    place.write("fine.trace", FINE);
    let ran = place.run(&["minimize", "fine.trace", "-o", "small.trace"]).exits(2);
    assert!(ran.stderr.contains("violates nothing"), "{}", ran.stderr);
    assert_eq!(place.list("."), ["fine.trace"]);
}

#[test]
fn wrong_usage() {
    let place = Place::new("usage");
    for (args, says) in [
        (&["hunt"][..], "unrecognized subcommand"),
        (&["replay"], "required"),
        (&["run", "--time", "soon"], "30s"),
        (&["run", "--time", "0s"], "more than nothing"),
        (&["run", "--time", "1s", "--executions", "5"], "cannot be used with"),
        (&["run", "--executions", "0"], "0 is not in"),
        (&["run", "--executions", "-1"], "-1"),
        (&["run", "--jobs", "0"], "0 is not in"),
        (&["run", "--jobs", "many"], "many"),
        (&["run", "--seed", "99999999999999999999"], "99999999999999999999"),
        (&["run", "--engine", "interleaved"], "lockstep"),
        (&["run", "--design", "nothing"], "stock-single-slot"),
        (&["run", "--fault", "S99"], "S9"),
        (&["run", "--format", "xml"], "json"),
        (&["bugs", "S99"], "S9"),
        (&["bugs", "--time-per-fault", "1e9s"], "a time"),
        (&["corpus"], "check"),
        (&["corpus", "burn"], "burn"),
    ] {
        let ran = place.run(args).exits(2);
        assert!(ran.stderr.contains(says), "{args:?} does not say {says:?}:\n{}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_and_a_reader_that_has_gone() {
    use std::fs::File;
    use std::process::Stdio;
    let place = Place::new("no-reader");
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let output = place.command(&["designs"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
    }
    let mut child =
        place.command(&["designs"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
