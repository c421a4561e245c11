//! Writing findings: whole files, never over somebody else's.
//!
//! What is in them is the business of [`crate::trace`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How many files of one stem are looked at before giving up.
const MOST: u32 = 10_000;
/// The longest stem that is used; file systems allow names of about 255 bytes.
const LONGEST_STEM: usize = 150;

/// Why a finding was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}\n  = help: {help}", path.display())]
pub struct ArtifactError {
    /// What was tried.
    pub what: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
    /// What to do about it.
    pub help: &'static str,
}

/// Write `text` to `STEM.trace` below `dir`, which is created where necessary, and return the path.
///
/// If that file has the same text already, it is left as it is. If it has another text, `STEM-2.trace` is
/// written, or `STEM-3.trace`, and so on. The file appears complete or not at all. Characters of the stem that
/// do not belong into a file name become `-`.
///
/// # Errors
/// [`ArtifactError`] when the folder or the file cannot be written.
pub fn write_new(dir: &Path, stem: &str, text: &str) -> Result<PathBuf, ArtifactError> {
    fs::create_dir_all(dir).map_err(|source| ArtifactError {
        what: "create the folder",
        path: dir.to_owned(),
        source,
        help: "choose a folder that can be written to with --out",
    })?;
    let stem = file_stem(stem);
    let mut draft: Option<Draft> = None;
    for number in 1..=MOST {
        let name = if number == 1 { format!("{stem}.trace") } else { format!("{stem}-{number}.trace") };
        let path = dir.join(name);
        // Twice: a file that is not there can appear until ours is put in its place.
        for _ in 0..2 {
            if path.symlink_metadata().is_ok() {
                if has_text(&path, text) {
                    return Ok(path);
                }
                break;
            }
            let written = match &draft {
                Some(draft) => draft.place(&path, text),
                None => Draft::write(dir, &stem, text).and_then(|new| draft.insert(new).place(&path, text)),
            };
            match written {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(ArtifactError {
                        what: "write",
                        path,
                        source,
                        help: "see that the disk is not full, or choose another folder with --out",
                    });
                }
            }
        }
    }
    Err(ArtifactError {
        what: "find a free name for",
        path: dir.join(format!("{stem}.trace")),
        source: io::Error::new(ErrorKind::AlreadyExists, format!("{MOST} other findings have this name")),
        help: "clear the folder, or choose another one with --out",
    })
}

/// Write `text` to the file `path`, which appears complete or not at all. One that has this text already is left as it
/// is; nothing is ever written over another text.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if the file has another text, and whatever the file system refuses.
pub fn write_as(path: &Path, text: &str) -> io::Result<()> {
    if has_text(path, text) {
        return Ok(());
    }
    let stem = file_stem(&path.file_name().unwrap_or_default().to_string_lossy());
    Draft::write(folder_of(path), &stem, text)?.place(path, text)
}

/// Put `text` in the place of what the file `path` has: whoever reads it finds the old text or the new one, whole.
///
/// # Errors
/// Whatever the file system refuses; then the file is as it was.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let stem = file_stem(&path.file_name().unwrap_or_default().to_string_lossy());
    let draft = Draft::write(folder_of(path), &stem, text)?;
    fs::rename(&draft.path, path)
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The folder for findings if none is given: `fuzz/artifacts` of the workspace, or the current folder outside one.
pub fn default_dir() -> PathBuf {
    workspace_root().map_or_else(|| PathBuf::from("."), |root| root.join("fuzz").join("artifacts"))
}

/// The workspace that the current folder lies in.
pub fn workspace_root() -> Option<PathBuf> {
    root_above(&std::env::current_dir().ok()?)
}

/// The nearest folder from `start` upwards that has a `Cargo.toml` and a `corpus`.
fn root_above(start: &Path) -> Option<PathBuf> {
    let is_root = |dir: &&Path| dir.join("Cargo.toml").is_file() && dir.join("corpus").is_dir();
    start.ancestors().find(is_root).map(Path::to_owned)
}

/// A stem that is one part of a path, and no hidden file.
fn file_stem(stem: &str) -> String {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let stem: String = stem.chars().map(|c| if is_fit(c) { c } else { '-' }).take(LONGEST_STEM).collect();
    if stem.is_empty() || stem.starts_with('.') { format!("finding{stem}") } else { stem }
}

fn has_text(path: &Path, text: &str) -> bool {
    // A link to a device, or a huge file, need not be read to know that it is another.
    let same_length = path.metadata().is_ok_and(|file| file.is_file() && file.len() == text.len() as u64);
    same_length && fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())
}

/// A complete file under a name that nobody looks for; it is gone in the end.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(dir: &Path, stem: &str, text: &str) -> io::Result<Draft> {
        let mut number = 0_u32;
        let (draft, mut file) = loop {
            let path = dir.join(format!(".{stem}.{}-{number}.tmp", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => break (Draft { path }, file),
                // Another thread's, or what an earlier process of this number left.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < MOST => number += 1,
                Err(error) => return Err(error),
            }
        };
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }

    /// Give the file its name, unless another has it.
    fn place(&self, path: &Path, text: &str) -> io::Result<()> {
        match fs::hard_link(&self.path, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                // A file system without hard links. Renaming would replace what is there; so claim the name.
                let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
                file.write_all(text.as_bytes()).inspect_err(|_| drop(fs::remove_file(path)))
            }
            linked => linked,
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
