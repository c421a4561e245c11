//! Running the program in a folder of its own, as somebody at a shell does.

#![allow(dead_code)] // Each test program uses a part.

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder that is gone in the end.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
}

/// What a run of the program printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty folder outside of every workspace.
    pub(crate) fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("stocktake-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a folder for the test");
        Place { dir }
    }

    /// A folder that looks like a workspace, with these regressions.
    pub(crate) fn workspace(name: &str, regressions: &[(&str, &str)]) -> Place {
        let place = Place::new(name);
        place.write("Cargo.toml", "");
        fs::create_dir_all(place.path("corpus/regressions")).expect("a corpus for the test");
        for (file, text) in regressions {
            place.write(&format!("corpus/regressions/{file}"), text);
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder for the file");
        fs::write(path, content).expect("a file for the test");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of what is in a folder, sorted.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program, in this folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stocktake"));
        command.args(args).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    /// Run the program; it never panics.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("the program starts");
        let ran = Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("reports are UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        };
        assert!(!ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
        ran
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Ran {
    /// Check the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// What was printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The last line printed.
    pub(crate) fn last_line(&self) -> &str {
        self.stdout.lines().next_back().unwrap_or_default()
    }
}

/// The keys of a JSON object, sorted.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// A trace that is as expected.
pub(crate) const FINE: &str = "\
stocktake-trace 1
cpus 2
expect ok
@0 mkdir A max=100
@0 mkdir A/B
@0 o1 = objcg A/B
@1 c1 = obj.charge o1 3000
@0 rmdir A/B
@1 obj.uncharge c1
";

/// A trace that insists on a number that is not there, and expects to.
pub(crate) const INSISTS: &str = "\
stocktake-trace 1
cpus 1
expect violation assert
@0 mkdir A
@0 p1 = charge A 3
@0 assert usage A 999
@0 uncharge p1
";

/// A trace that does not find what it expects.
pub(crate) const UNMET: &str = "\
stocktake-trace 1
cpus 1
expect violation I1
@0 mkdir A
";

/// A trace that no engine can replay as it was recorded.
pub(crate) const PARALLEL: &str = "\
stocktake-trace 1
cpus 2
expect ok
schedule 0 1
@0 mkdir A
parallel
@0 p1 = charge A 1
@1 p2 = charge A 1
";

/// A trace that cannot be read.
pub(crate) const BROKEN: &str = "\
stocktake-trace 1
cpus 1
@0 mkdri A
";
