use super::{default_dir, file_stem, root_above, workspace_root, write_as, write_new};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder for one test, gone in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("stocktake-artifact-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the temporary folder can be written to");
        Scratch(dir)
    }

    /// Names of all files, hidden ones too, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("it can be listed").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the file is there")
}

#[test]
fn a_finding_goes_into_a_new_folder() {
    let scratch = Scratch::new("new");
    let dir = scratch.0.join("a/b");
    let path = write_new(&dir, "lockstep-I1-usage-charge", "text\n").expect("it is written");
    assert_eq!(path, dir.join("lockstep-I1-usage-charge.trace"));
    assert_eq!(read(&path), "text\n");
    assert_eq!(fs::read_dir(&dir).expect("the folder is there").count(), 1, "no draft is left");
}

#[test]
fn the_same_finding_is_kept_once() {
    let scratch = Scratch::new("same");
    let first = write_new(&scratch.0, "x", "text").expect("it is written");
    let second = write_new(&scratch.0, "x", "text").expect("it is there already");
    assert_eq!(first, second);
    assert_eq!(scratch.names(), ["x.trace"]);
}

#[test]
fn another_file_is_never_touched() {
    let scratch = Scratch::new("other");
    for (text, name) in [("one", "x.trace"), ("two", "x-2.trace"), ("six", "x-3.trace"), ("two", "x-2.trace")]
    {
        let path = write_new(&scratch.0, "x", text).expect("it is written");
        assert_eq!(path, scratch.0.join(name));
        assert_eq!(read(&path), text);
    }
    assert_eq!(read(&scratch.0.join("x.trace")), "one");
    assert_eq!(scratch.names(), ["x-2.trace", "x-3.trace", "x.trace"]);
}

#[test]
fn a_folder_of_that_name_is_no_place_for_a_finding() {
    let scratch = Scratch::new("folder");
    fs::create_dir(scratch.0.join("x.trace")).expect("it can be created");
    let path = write_new(&scratch.0, "x", "text").expect("it is written");
    assert_eq!(path, scratch.0.join("x-2.trace"));
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error_that_names_it() {
    let scratch = Scratch::new("file");
    let dir = scratch.0.join("out");
    fs::write(&dir, "precious").expect("it can be written");
    let error = write_new(&dir, "x", "text").expect_err("there is no folder");
    let message = error.to_string();
    assert!(message.starts_with(&format!("cannot create the folder {}: ", dir.display())), "{message}");
    assert!(message.contains("--out"), "{message}");
    assert_eq!(error.path, dir);
    assert_eq!(read(&dir), "precious");
}

#[test]
fn stems_are_one_part_of_a_path() {
    assert_eq!(file_stem("lockstep-I1-usage-obj.charge"), "lockstep-I1-usage-obj.charge");
    assert_eq!(file_stem("../etc/pass wd"), "finding..-etc-pass-wd");
    assert_eq!(file_stem(""), "finding");
    assert_eq!(file_stem(&"ü".repeat(400)), "-".repeat(150));
}

#[test]
fn writers_at_the_same_moment_do_not_overwrite_each_other() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 40;
    let scratch = Scratch::new("concurrent");
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (scratch, written) = (&scratch, &written);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    // Two writers each have the same text.
                    let text = format!("finding {} of round {round}", writer / 2);
                    let path = write_new(&scratch.0, &format!("round{round}"), &text).expect("it is written");
                    assert_eq!(read(&path), text);
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(written.into_inner(), WRITERS * ROUNDS);
    let names = scratch.names();
    let mut texts: Vec<String> = names.iter().map(|name| read(&scratch.0.join(name))).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), WRITERS / 2 * ROUNDS, "every finding is there");
    assert_eq!(names.len(), texts.len(), "none is there twice, and no draft is left");
}

#[test]
fn the_workspace_is_found_from_below() {
    let scratch = Scratch::new("root");
    let below = scratch.0.join("fuzz/src");
    fs::create_dir_all(&below).expect("it can be created");
    fs::write(scratch.0.join("Cargo.toml"), "").expect("it can be written");
    fs::write(scratch.0.join("fuzz/Cargo.toml"), "").expect("it can be written");
    assert_eq!(root_above(&below), None, "without a corpus it is another workspace");
    fs::create_dir(scratch.0.join("corpus")).expect("it can be created");
    assert_eq!(root_above(&below), Some(scratch.0.clone()));
}

#[test]
fn findings_of_the_workspace_go_below_it() {
    // Tests run in the folder of their package, which lies in the workspace.
    let root = workspace_root().expect("tests run inside the workspace");
    assert_eq!(default_dir(), root.join("fuzz/artifacts"));
}

#[test]
fn a_named_file_is_written_once_and_never_over_another_text() {
    let scratch = Scratch::new("named");
    let path = scratch.0.join("page.html");
    write_as(&path, "text").expect("it is written");
    write_as(&path, "text").expect("it is left as it is");
    let refused = write_as(&path, "other").expect_err("it has another text");
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!((read(&path).as_str(), scratch.names()), ("text", vec!["page.html".to_owned()]));
    assert!(write_as(&scratch.0.join("no-folder/page.html"), "text").is_err());
}
