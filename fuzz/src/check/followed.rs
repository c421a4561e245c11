//! The words that are followed: when one is written, its owner is looked at again.

use stocktake_impl::What;

/// Whose word it is, as far as a law is about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// No law is about it.
    Nobody,
    Group,
    Objcg,
    /// An mm, by a word through which it points to a group.
    Mm,
    Cache,
    Slab,
    /// Root, which pays for pages of slabs that it is not given back.
    Root,
    /// A group, by its statistics.
    Statistic,
}

impl Owner {
    pub(crate) const fn of(what: What) -> Owner {
        match what {
            What::MemcgGeneration
            | What::MemoryUsage
            | What::SwapUsage
            | What::MemswUsage
            | What::KmemUsage
            | What::CssRefs
            | What::CssState
            | What::Id
            | What::IdRefs => Owner::Group,
            What::ObjcgGeneration
            | What::ObjcgRefs
            | What::ObjcgRefMode
            | What::ObjcgMemcg
            | What::ObjcgLeftover
            | What::ObjcgPlace => Owner::Objcg,
            What::MmGeneration | What::MmMemcg => Owner::Mm,
            What::CacheGeneration | What::CacheMemcg | What::CacheRefs | What::CacheStage => Owner::Cache,
            What::SlabGeneration | What::SlabCache | What::SlabMemcg | What::SlabObjects => Owner::Slab,
            What::SlabUnreturned => Owner::Root,
            What::StatFileMapped
            | What::StatFilePmdMapped
            | What::StatOnMove
            | What::StatPgFault
            | What::StatPgMajFault
            | What::StatOomKill => Owner::Statistic,
            _ => Owner::Nobody,
        }
    }
}

/// Whether a law is about words of this kind.
#[inline]
pub(crate) const fn is_followed(what: What) -> bool {
    !matches!(Owner::of(what), Owner::Nobody)
}
