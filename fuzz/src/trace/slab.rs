//! Operations on kmem_caches, as they are read and written.

use super::args::Args;
use super::labels::Labels;
use super::reader::Reader;
use super::spelling::Range;
use super::visit::{Kind, Role};
use std::fmt::{self, Write};
use stocktake_model::{Bytes, CacheId, Op, SlabObjectId, SlabOp};

/// Bytes of an object of a cache.
const SIZE: Range = Range { what: "bytes of an object", least: 1, most: SlabOp::MOST_SIZE };
/// `order=N`.
const ORDER: Range = Range { what: "an order", least: 0, most: SlabOp::MOST_ORDER as u64 };

/// The word of an operation.
pub(crate) fn slab_word(op: &SlabOp) -> &'static str {
    match op {
        SlabOp::CreateCache { .. } => "cache.create",
        SlabOp::DestroyCache { .. } => "cache.destroy",
        SlabOp::Alloc { .. } => "slab.alloc",
        SlabOp::Free { .. } => "slab.free",
    }
}

impl<'t> Reader<'t> {
    /// The operation of a word that [`slab_word`] gives.
    pub(super) fn slab_op(&mut self, new: u16, args: &mut Args<'t>) -> Option<Op> {
        Some(Op::Slab(match args.form.word {
            "cache.create" => {
                let size = args.operand(self, "size of an object").and_then(|word| self.number(word, SIZE));
                let order = match args.option("order") {
                    Some(word) => self.number(word, ORDER),
                    None => Some(0),
                };
                let rcu = args.flag("rcu");
                SlabOp::CreateCache { new: CacheId(new), size: Bytes(size?), order: order? as u8, rcu }
            }
            "cache.destroy" => SlabOp::DestroyCache { cache: CacheId(self.operand(args, Kind::Cache)?) },
            "slab.alloc" => {
                let (cache, group) = (self.operand(args, Kind::Cache), self.group(args));
                SlabOp::Alloc { new: SlabObjectId(new), cache: CacheId(cache?), group: group? }
            }
            "slab.free" => SlabOp::Free { object: SlabObjectId(self.operand(args, Kind::SlabObject)?) },
            _ => return None,
        }))
    }
}

impl Labels {
    pub(super) fn write_slab(&self, op: &SlabOp, to: &mut String) -> fmt::Result {
        let word = slab_word(op);
        match *op {
            SlabOp::CreateCache { new, size, order, rcu } => {
                write!(to, "{} = {word} {}", self.cache(new), size.0)?;
                if order != 0 {
                    write!(to, " order={order}")?;
                }
                to.write_str(if rcu { " rcu" } else { "" })
            }
            SlabOp::DestroyCache { cache } => write!(to, "{word} {}", self.cache(cache)),
            SlabOp::Alloc { new, cache, group } => {
                write!(to, "{} = {word} {} {}", self.slab_object(new), self.cache(cache), self.group(group))
            }
            SlabOp::Free { object } => write!(to, "{word} {}", self.slab_object(object)),
        }
    }
}

/// Show every number of an operation to `see`, the one that it creates last.
pub(super) fn visit_slab(op: &mut SlabOp, see: &mut impl FnMut(Role, Kind, &mut u16)) {
    match op {
        SlabOp::CreateCache { new, .. } => see(Role::New, Kind::Cache, &mut new.0),
        SlabOp::DestroyCache { cache } => see(Role::Use, Kind::Cache, &mut cache.0),
        SlabOp::Alloc { new, cache, group } => {
            see(Role::Use, Kind::Cache, &mut cache.0);
            see(Role::Use, Kind::Group, &mut group.0);
            see(Role::New, Kind::SlabObject, &mut new.0);
        }
        SlabOp::Free { object } => see(Role::Use, Kind::SlabObject, &mut object.0),
    }
}

/// Whether the numbers of an operation can be written and read again.
pub(super) fn slab_in_range(op: &SlabOp) -> bool {
    match *op {
        SlabOp::CreateCache { size, order, .. } => SIZE.has(size.0) && ORDER.has(order.into()),
        _ => true,
    }
}
