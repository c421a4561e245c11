//! Hunting without some operations: what is known to break a design is left out, so that what else breaks it is found.

use crate::engine::operation_word;
use crate::program::{Action, Program, Step};
use crate::trace::{fix_up, operation_words};
use stocktake_impl::Fault;

/// Words of operations that programs of a hunt do without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without(Vec<&'static str>);

impl Without {
    /// Leave one more operation out, by its word in traces. `None` if there is no such operation.
    pub fn and(&mut self, word: &str) -> Option<()> {
        let word = operation_words().find(|known| *known == word)?;
        if !self.0.contains(&word) {
            self.0.push(word);
        }
        Some(())
    }

    /// What breaks the design that a fault is planted into, without the fault: where kernel objects hold their group, a
    /// removed one never dies.
    pub fn beside(fault: Fault) -> Without {
        match fault {
            Fault::K2 | Fault::K3 | Fault::K4 | Fault::K5 | Fault::K6 => Without(vec!["rmdir"]),
            _ => Without::default(),
        }
    }

    /// The words.
    pub fn words(&self) -> &[&'static str] {
        &self.0
    }

    /// Take these operations out of a program, and whatever works on what they would have made.
    pub(super) fn strip(&self, program: &mut Program) {
        if self.0.is_empty() {
            return;
        }
        if let Some(first) = &mut program.parallel {
            *first -= program.steps[..*first].iter().filter(|step| self.names(step)).count();
        }
        program.steps.retain(|step| !self.names(step));
        fix_up(program);
    }

    fn names(&self, step: &Step) -> bool {
        match step.action {
            // A limit is set by one word, whichever it is: `set-max`.
            Action::Op(step) => {
                let word = operation_word(&step.op);
                self.0.contains(&word.split_once('-').map_or(word, |(word, _)| word))
            }
            Action::Assert(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Without;
    use crate::decode::{decode_into, decode_lanes_into, random_bytes, random_lane_bytes};
    use crate::program::Program;
    use crate::trace::{self, Reading, operation_words};
    use std::collections::BTreeSet;

    fn programs(mut each: impl FnMut(&mut Program)) {
        let (mut bytes, mut program) = (Vec::new(), Program::default());
        for index in 0..400 {
            random_bytes(3, index, &mut bytes);
            decode_into(&bytes, &mut program);
            each(&mut program);
            random_lane_bytes(3, index, &mut bytes);
            decode_lanes_into(&bytes, &mut program);
            each(&mut program);
        }
    }

    /// The word of each operation of a program, and the number of the first in lanes.
    fn words(program: &Program) -> (Vec<&'static str>, Option<usize>) {
        let text = trace::write(program);
        let words = text.lines().filter(|line| line.starts_with('@')).map(|line| {
            let word = line.split(' ').find(|part| operation_words().any(|known| known == *part));
            operation_words().find(|known| Some(*known) == word).expect("a line has an operation")
        });
        (words.collect(), program.parallel)
    }

    #[test]
    fn every_operation_can_be_left_out() {
        let mut met = BTreeSet::new();
        programs(|program| met.extend(words(program).0));
        for word in met {
            let mut without = Without::default();
            assert_eq!(without.and(word), Some(()));
            assert_eq!(without.and(word), Some(()), "twice is once");
            assert_eq!(without.words(), [word]);
            let mut left = 0;
            programs(|program| {
                without.strip(program);
                let (words, _) = words(program);
                assert!(!words.contains(&word), "{word} is still in\n{}", trace::write(program));
                left += words.len();
            });
            assert!(left > 0, "nothing is left without {word}");
        }
        assert_eq!(Without::default().and("mkdirs"), None);
        assert_eq!(Without::default().and("assert"), None, "that is no operation");
    }

    #[test]
    fn what_worked_on_it_goes_too_and_lanes_stay_lanes() {
        let text = "stocktake-trace 1\ncpus 2\nexpect ok\n@0 mkdir A\n@0 o1 = objcg A\n@0 p1 = charge A 1\n\
                    parallel\n@0 c1 = obj.charge o1 92\n@1 set A max=3\n@1 uncharge p1\n";
        let mut program = trace::read(text.as_bytes(), Reading::Strict).expect("it can be read");
        let mut without = Without::default();
        without.and("objcg").expect("there is such an operation");
        without.and("set").expect("there is such an operation");
        without.strip(&mut program);
        assert_eq!(words(&program), (vec!["mkdir", "charge", "uncharge"], Some(2)));
    }

    #[test]
    fn nothing_left_out_changes_nothing() {
        programs(|program| {
            let before = program.clone();
            Without::default().strip(program);
            assert_eq!(*program, before);
        });
    }
}
