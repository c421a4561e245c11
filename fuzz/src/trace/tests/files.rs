//! Files that are no traces.

use super::super::{MOST_BYTES, ReadError, Reading, read_file};
use std::path::{Path, PathBuf};

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("stocktake-trace-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Folder(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a file for the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The error for a file, its path shown as `FILE`.
fn error(path: &Path) -> String {
    let error = read_file(path, Reading::Strict).expect_err("no trace");
    error.to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new("unreadable");
    assert_eq!(
        error(&folder.0.join("missing.trace")),
        "error: there is no such file\n --> FILE\n  = help: check the path; `replay` takes folders too"
    );
    assert_eq!(
        error(&folder.0),
        "error: this is a folder, not a trace\n --> FILE\n  = help: name a .trace file in it"
    );
    let too_long = folder.file("long.trace", &vec![b'\n'; MOST_BYTES as usize + 1]);
    assert_eq!(
        error(&too_long),
        "error: the file is longer than 4 MiB, the limit for traces\n --> FILE\n  = help: check that it is a trace"
    );
    let longest = folder.file(
        "longest.trace",
        &[b"stocktake-trace 1\n".to_vec(), vec![b'#'; MOST_BYTES as usize - 18]].concat(),
    );
    assert!(read_file(&longest, Reading::Strict).is_ok());
}

#[test]
fn mistakes_name_the_file() {
    let folder = Folder::new("mistakes");
    let path = folder.file("wrong.trace", b"stocktake-trace 1\n\n@0 mkdri A\n");
    assert_eq!(
        error(&path),
        "error: there is no operation `mkdri`\n\
         \x20--> FILE:3:4\n\
         \x20 |\n\
         3 | @0 mkdri A\n\
         \x20 |    ^^^^^\n\
         \x20 = help: did you mean `mkdir`?"
    );
    let path = folder.file("binary.trace", b"stocktake-trace 1\n# \xc3\xa4 \xff\xfe\n");
    assert_eq!(
        error(&path),
        "error: byte 0xff is not UTF-8\n\
         \x20--> FILE:2:5\n\
         \x20 |\n\
         2 | # \u{e4} \u{fffd}\u{fffd}\n\
         \x20 |     ^\n\
         \x20 = help: a trace is plain UTF-8 text"
    );
    let lenient = read_file(&path, Reading::Lenient).expect("only a comment is wrong");
    assert!(lenient.steps.is_empty());
}

#[test]
fn a_file_without_steps_is_a_trace() {
    let folder = Folder::new("short");
    let path = folder.file("short.trace", b"stocktake-trace 1");
    assert!(read_file(&path, Reading::Strict).is_ok());
    let path = folder.file("empty.trace", b"");
    let Err(ReadError::Trace(errors)) = read_file(&path, Reading::Strict) else { panic!("it is empty") };
    assert_eq!(errors.errors[0].file.as_deref(), Some(path.as_path()));
    assert_eq!((errors.errors[0].line, errors.errors[0].column), (1, 1));
}
