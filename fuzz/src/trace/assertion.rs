//! Assert lines: `@0 assert usage A 3`.

use super::args::Args;
use super::error::quoted;
use super::mm::EVENTS;
use super::reader::{Reader, one_of};
use super::spelling::{STATES, SUBJECTS, table_words, value};
use super::visit::Kind;
use crate::program::Assertion;
use stocktake_model::CacheId;

impl<'t> Reader<'t> {
    pub(super) fn assertion(&mut self, args: &mut Args<'t>) -> Option<Assertion> {
        let subject = args.operand(self, "subject")?;
        let Some(usage) = value(&SUBJECTS, subject.text) else {
            let message = format!("nothing can be asserted about {}", quoted(subject.text));
            let all: Vec<&str> = table_words(&SUBJECTS).collect();
            self.wrong(subject, message, one_of(subject.text, &all));
            args.give_up();
            return None;
        };
        args.usage = usage;
        if let "bytes" | "leftover" | "owner" = subject.text {
            let objcg = self.objcg(args);
            return Some(match subject.text {
                "bytes" => {
                    let count = self.count(args);
                    Assertion::Bytes(objcg?, count?)
                }
                "leftover" => {
                    let count = self.count(args);
                    Assertion::Leftover(objcg?, count?)
                }
                _ => {
                    let group = self.group(args);
                    Assertion::Owner(objcg?, group?)
                }
            });
        }
        if let "visited" | "stranded" | "slots" = subject.text {
            let count = self.count(args)?;
            return Some(match subject.text {
                "visited" => Assertion::Visited(count),
                "stranded" => Assertion::Stranded(count),
                _ => Assertion::Slots(count),
            });
        }
        if subject.text == "cache.refs" {
            let (cache, group, count) = (self.operand(args, Kind::Cache), self.group(args), self.count(args));
            return Some(Assertion::CacheRefs(CacheId(cache?), group?, count?));
        }
        let group = self.group(args);
        if subject.text == "state" {
            let word = args.operand(self, "state")?;
            let Some(state) = value(&STATES, word.text) else {
                let all: Vec<&str> = table_words(&STATES).collect();
                self.wrong(word, format!("there is no state {}", quoted(word.text)), one_of(word.text, &all));
                return None;
            };
            return Some(Assertion::State(group?, state));
        }
        let count = self.count(args);
        let (group, count) = (group?, count?);
        if let Some(event) = value(&EVENTS, subject.text) {
            return Some(Assertion::Event(group, event, count));
        }
        Some(match subject.text {
            "usage" => Assertion::Usage(group, count),
            "swap" => Assertion::Swap(group, count),
            "memsw" => Assertion::Memsw(group, count),
            "kmem" => Assertion::Kmem(group, count),
            "failcnt" => Assertion::Failcnt(group, count),
            "watermark" => Assertion::Watermark(group, count),
            "ids" => Assertion::Ids(group, count),
            "refs" => Assertion::Refs(group, count),
            "mapped" => Assertion::Mapped(group, count),
            "mark" => Assertion::Mark(group, count),
            _ => Assertion::Stock(group, count),
        })
    }
}
