//! Words and values in the program's names.

use crate::engine::timeline::Timeline;
use std::collections::BTreeMap;
use std::fmt;
use stocktake_impl::{Holds, Label, NO_LIMIT, Place, State, What};

/// A shared word in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it is, as `usage`.
    pub(crate) name: String,
    /// Whose it is, as `A/B`; empty if there is only one in the machine.
    pub(crate) of: String,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of.as_str() {
            "" => f.write_str(&self.name),
            of => write!(f, "{} of {of}", self.name),
        }
    }
}

/// Names shared words as the kernel and the program do.
pub(super) struct Words<'a> {
    owners: &'a BTreeMap<Label, String>,
}

impl<'a> Words<'a> {
    pub(super) fn of(timeline: &'a Timeline) -> Words<'a> {
        Words { owners: &timeline.owners }
    }

    /// The word with its owner.
    pub(super) fn word(&self, label: Label) -> Word {
        let name = label.what.meaning().name;
        let (name, of) = match label.place() {
            Place::Machine => (name.to_owned(), String::new()),
            Place::Cpu(cpu) => (name.to_owned(), format!("CPU {cpu}")),
            Place::StockSlot { cpu, slot } => (format!("{name} in stock slot {slot}"), format!("CPU {cpu}")),
            Place::SwapSlot(slot) => (name.to_owned(), format!("swap slot {slot}")),
            Place::Object(object) => (name.to_owned(), self.object(object)),
            Place::ObjectOnCpu(object, cpu) => (format!("{name} on CPU {cpu}"), self.object(object)),
            Place::Entry(number) => (format!("{name} {number}"), String::new()),
        };
        Word { name, of }
    }

    /// The object in an arena's slot.
    fn object(&self, slot: Label) -> String {
        if let Some(name) = self.owners.get(&slot) {
            return name.clone();
        }
        let kind = match slot.what {
            What::MemcgGeneration => "group",
            What::ObjcgGeneration => "objcg",
            What::FolioGeneration => "folio",
            What::CacheGeneration => "kmem_cache",
            What::SlabGeneration => "slab",
            What::TaskGeneration => "task",
            What::MmGeneration => "mm",
            _ => "object",
        };
        format!("{kind} #{}", slot.index)
    }

    /// Whether differences of two values of the word mean something.
    pub(super) fn counts(&self, label: Label) -> bool {
        label.what.meaning().holds == Holds::Number
    }

    /// What a value stands for.
    pub(super) fn value(&self, label: Label, value: i64) -> String {
        match label.what.meaning().holds {
            Holds::Limit if value == NO_LIMIT as i64 => "max".to_owned(),
            Holds::Number | Holds::Limit | Holds::Flag => value.to_string(),
            Holds::Pointer(arena) => {
                Label::pointed_to(arena, value).map_or_else(|| "none".to_owned(), |slot| self.object(slot))
            }
            Holds::Generation if value % 2 == 0 => "free".to_owned(),
            Holds::Generation => "in use".to_owned(),
            Holds::Section if value % 2 == 0 => "closed".to_owned(),
            Holds::Section => "open".to_owned(),
            Holds::State => state(value).to_owned(),
        }
    }
}

/// The stage of a group's life.
fn state(value: i64) -> &'static str {
    let stages = [
        (State::Allocated, "allocated"),
        (State::Online, "online"),
        (State::Offlining, "offlining"),
        (State::Dying, "dying"),
        (State::Released, "released"),
    ];
    stages.iter().find(|(stage, _)| *stage as i64 == value).map_or("unknown", |(_, name)| name)
}
