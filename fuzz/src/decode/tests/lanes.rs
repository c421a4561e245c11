//! Traces with lanes as bytes, and back.

use super::operations;
use crate::decode::{decode_lanes_into, encode_lanes};
use crate::program::{Action, Drive, Program};
use crate::trace::{Reading, read_file};
use std::path::{Path, PathBuf};

fn traces(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of traces") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            traces(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "trace") {
            found.push(path);
        }
    }
}

/// Every trace with lanes comes back with its operations, its interrupts, where its lanes begin, and its schedule.
#[test]
fn traces_with_lanes_come_back_the_same() {
    let mut paths = Vec::new();
    traces(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/regressions"), &mut paths);
    let (mut lanes, mut interrupts, mut scheduled) = (0, 0, 0);
    for path in paths {
        let program = read_file(&path, Reading::Strict).expect("a trace that can be read");
        let Some(first) = program.parallel else { continue };
        let bytes = encode_lanes(&program).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut back = Program::default();
        decode_lanes_into(&bytes, &mut back);
        assert_eq!(operations(&back), operations(&program), "{}", path.display());
        let is_operation = |step: &&crate::program::Step| matches!(step.action, Action::Op(_));
        let irqs = |program: &Program| -> Vec<bool> {
            program.steps.iter().filter(is_operation).map(|step| step.irq).collect()
        };
        assert_eq!(irqs(&back), irqs(&program), "{}", path.display());
        assert_eq!(back.parallel, Some(program.steps[..first].iter().filter(is_operation).count()));
        assert_eq!(back.header.drive, Drive::Guided(program.header.schedule.clone()), "{}", path.display());
        lanes += 1;
        interrupts += usize::from(irqs(&program).contains(&true));
        scheduled += usize::from(!program.header.schedule.is_empty());
    }
    assert!(lanes >= 20 && interrupts >= 1 && scheduled >= 10, "{lanes} {interrupts} {scheduled}");
}
