//! Reading and writing the operations on mapped pages and moving charges.

use super::args::Args;
use super::labels::Labels;
use super::reader::Reader;
use std::fmt::{self, Write};
use stocktake_model::MappedOp;

impl<'t> Reader<'t> {
    pub(super) fn mapped(&mut self, args: &mut Args<'t>) -> Option<MappedOp> {
        let word = args.form.word;
        if let "move.start" | "move.end" = word {
            let (from, to) = (self.group(args), self.group(args));
            let (from, to) = (from?, to?);
            return Some(match word {
                "move.start" => MappedOp::MoveStart { from, to },
                _ => MappedOp::MoveEnd { from, to },
            });
        }
        if word == "force.empty" {
            return Some(MappedOp::ForceEmpty { group: self.group(args)? });
        }
        let charge = self.charge(args);
        if word == "move.page" {
            let to = self.group(args);
            return Some(MappedOp::MovePage { charge: charge?, to: to? });
        }
        let charge = charge?;
        Some(match word {
            "map" => MappedOp::Map { charge },
            "map.begin" => MappedOp::MapBegin { charge },
            "map.end" => MappedOp::MapEnd { charge },
            "unmap" => MappedOp::Unmap { charge },
            "unmap.begin" => MappedOp::UnmapBegin { charge },
            _ => MappedOp::UnmapEnd { charge },
        })
    }
}

impl Labels {
    pub(super) fn write_mapped(&self, op: &MappedOp, to: &mut String) -> fmt::Result {
        match *op {
            MappedOp::Map { charge } => write!(to, "map {}", self.charge(charge)),
            MappedOp::MapBegin { charge } => write!(to, "map.begin {}", self.charge(charge)),
            MappedOp::MapEnd { charge } => write!(to, "map.end {}", self.charge(charge)),
            MappedOp::Unmap { charge } => write!(to, "unmap {}", self.charge(charge)),
            MappedOp::UnmapBegin { charge } => write!(to, "unmap.begin {}", self.charge(charge)),
            MappedOp::UnmapEnd { charge } => write!(to, "unmap.end {}", self.charge(charge)),
            MappedOp::MoveStart { from, to: group } => {
                write!(to, "move.start {} {}", self.group(from), self.group(group))
            }
            MappedOp::MovePage { charge, to: group } => {
                write!(to, "move.page {} {}", self.charge(charge), self.group(group))
            }
            MappedOp::MoveEnd { from, to: group } => {
                write!(to, "move.end {} {}", self.group(from), self.group(group))
            }
            MappedOp::ForceEmpty { group } => write!(to, "force.empty {}", self.group(group)),
        }
    }
}
