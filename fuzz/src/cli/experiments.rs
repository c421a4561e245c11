//! `experiments`: simulations that measure something.

use super::console::{complain, print};
use super::exit::Exit;
use super::problem::Problem;
use crate::experiments::dying_cgroups;
use crate::report::words::from_here;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Options of `experiments`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The experiment [default: all]
    #[arg(value_name = "NAME")]
    name: Option<Name>,
    /// Write the text and the picture of each experiment into this folder, too
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The experiments there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Removed cgroups that stay behind, in the old and the new design of kmem_caches
    DyingCgroups,
}

impl Name {
    fn stem(self) -> &'static str {
        match self {
            Name::DyingCgroups => "dying-cgroups",
        }
    }
}

/// Do it.
pub(super) fn experiments(args: &Args) -> Result<Exit, Problem> {
    let mut exit = Exit::Clean;
    for &name in args.name.as_ref().map_or(Name::value_variants(), std::slice::from_ref) {
        let shown = match name {
            Name::DyingCgroups => dying_cgroups::run(),
        };
        let shown = shown
            .map_err(|errno| Problem::new(format!("{}: the machine answered {errno:?}", name.stem())))?;
        exit = exit.max(print(&shown.text));
        if let Some(dir) = &args.out {
            for (ending, content) in [("txt", &shown.text), ("svg", &shown.svg)] {
                write(dir, &format!("{}.{ending}", name.stem()), content)?;
            }
        }
    }
    Ok(exit)
}

/// Write a file; one of the same name is a result of an earlier run, and is replaced.
fn write(dir: &Path, name: &str, content: &str) -> Result<(), Problem> {
    let path = dir.join(name);
    std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, content)).map_err(|error| {
        Problem::new(format!("cannot write {}: {error}", path.display()))
            .help("choose another folder with --out")
    })?;
    complain(&format!("written: {}\n", from_here(&path).display()));
    Ok(())
}
