//! Reading and writing operations of seed 004: pages charged and inserted, and files of shmem.

use super::args::Args;
use super::labels::Labels;
use super::reader::Reader;
use super::spelling::{Form, form};
use super::visit::{Kind, Role};
use std::fmt::{self, Write};
use stocktake_model::{ChargeId, FileId, FreeList, GroupId, Op, PageOp, ShmemOp, ShmemStage};

/// Every operation of the two rooms.
pub(super) const FORMS: [Form; 20] = [
    form("page.file", Some(Kind::Charge), "@0 CHARGE = page.file PATH"),
    form("page.anon", Some(Kind::Charge), "@0 CHARGE = page.anon PATH [huge]"),
    form("page.hugetlb", Some(Kind::Charge), "@0 CHARGE = page.hugetlb"),
    form("free.list", None, "@0 free.list CHARGE [CHARGE [CHARGE [CHARGE]]]"),
    form("shmem.file", Some(Kind::File), "@0 FILE = shmem.file"),
    form("shmem.fault", None, "@0 shmem.fault FILE PATH [huge]"),
    form("shmem.lookup", None, "@0 shmem.lookup FILE PATH [huge]"),
    form("shmem.read", None, "@0 shmem.read"),
    form("shmem.lock", None, "@0 shmem.lock"),
    form("shmem.confirm", None, "@0 shmem.confirm"),
    form("shmem.charge", None, "@0 shmem.charge"),
    form("shmem.insert", None, "@0 shmem.insert"),
    form("shmem.finish", None, "@0 shmem.finish"),
    form("shmem.write", None, "@0 shmem.write FILE"),
    form("shmem.out", None, "@0 shmem.out FILE"),
    form("shmem.written", None, "@0 shmem.written FILE"),
    form("shmem.punch", None, "@0 shmem.punch FILE"),
    form("swap.notify", None, "@0 swap.notify FILE"),
    form("swap.reclaim", None, "@0 swap.reclaim"),
    form("swapoff", None, "@0 swapoff PATH"),
];

/// The word of an operation.
pub(crate) fn page_word(op: &PageOp) -> &'static str {
    match op {
        PageOp::File { .. } => "page.file",
        PageOp::Anon { .. } => "page.anon",
        PageOp::Hugetlb { .. } => "page.hugetlb",
        PageOp::FreeList { .. } => "free.list",
    }
}

/// The word of an operation.
pub(crate) fn shmem_word(op: &ShmemOp) -> &'static str {
    match op {
        ShmemOp::File { .. } => "shmem.file",
        ShmemOp::Fault { .. } => "shmem.fault",
        ShmemOp::Lookup { .. } => "shmem.lookup",
        ShmemOp::Stage(stage) => match stage {
            ShmemStage::Read => "shmem.read",
            ShmemStage::Lock => "shmem.lock",
            ShmemStage::Confirm => "shmem.confirm",
            ShmemStage::Charge => "shmem.charge",
            ShmemStage::Insert => "shmem.insert",
            ShmemStage::Finish => "shmem.finish",
        },
        ShmemOp::Write { .. } => "shmem.write",
        ShmemOp::Out { .. } => "shmem.out",
        ShmemOp::Written { .. } => "shmem.written",
        ShmemOp::Notify { .. } => "swap.notify",
        ShmemOp::Punch { .. } => "shmem.punch",
        ShmemOp::Reclaim => "swap.reclaim",
        ShmemOp::Swapoff { .. } => "swapoff",
    }
}

impl<'t> Reader<'t> {
    /// The operation of a word that [`page_word`] gives.
    pub(super) fn page_op(&mut self, new: u16, args: &mut Args<'t>) -> Option<Op> {
        let new = ChargeId(new);
        Some(Op::Page(match args.form.word {
            "page.file" => PageOp::File { new, group: self.group(args)? },
            "page.anon" => {
                let group = self.group(args);
                let huge = args.flag("huge");
                PageOp::Anon { new, group: group?, huge }
            }
            "page.hugetlb" => PageOp::Hugetlb { new },
            _ => PageOp::FreeList { list: self.free_list(args)? },
        }))
    }

    fn free_list(&mut self, args: &mut Args<'t>) -> Option<FreeList> {
        let mut pages = vec![self.charge(args)?];
        while pages.len() < FreeList::MOST && args.unread_operand().is_some() {
            let word = args.unread_operand();
            let page = self.charge(args)?;
            if let Some(word) = word.filter(|_| pages.contains(&page)) {
                let help = "a page is freed once: leave it out".to_owned();
                self.wrong(word, format!("`{}` is in the list already", word.text), help);
                return None;
            }
            pages.push(page);
        }
        FreeList::new(pages)
    }

    /// The operation of a word that [`shmem_word`] gives.
    pub(super) fn shmem_op(&mut self, new: u16, args: &mut Args<'t>) -> Option<Op> {
        let word = args.form.word;
        let stages = ShmemStage::ALL.into_iter().map(ShmemOp::Stage);
        if let Some(stage) = stages.into_iter().find(|stage| shmem_word(stage) == word) {
            return Some(Op::Shmem(stage));
        }
        Some(Op::Shmem(match word {
            "shmem.file" => ShmemOp::File { new: FileId(new) },
            "shmem.fault" | "shmem.lookup" => {
                let (file, group): (_, Option<GroupId>) = (self.operand(args, Kind::File), self.group(args));
                let huge = args.flag("huge");
                let (file, group) = (FileId(file?), group?);
                match word {
                    "shmem.fault" => ShmemOp::Fault { file, group, huge },
                    _ => ShmemOp::Lookup { file, group, huge },
                }
            }
            "swap.reclaim" => ShmemOp::Reclaim,
            "swapoff" => ShmemOp::Swapoff { group: self.group(args)? },
            _ => {
                let file = FileId(self.operand(args, Kind::File)?);
                match word {
                    "shmem.write" => ShmemOp::Write { file },
                    "shmem.out" => ShmemOp::Out { file },
                    "shmem.written" => ShmemOp::Written { file },
                    "swap.notify" => ShmemOp::Notify { file },
                    _ => ShmemOp::Punch { file },
                }
            }
        }))
    }
}

impl Labels {
    pub(super) fn write_page(&self, op: &PageOp, to: &mut String) -> fmt::Result {
        let word = page_word(op);
        match op {
            PageOp::File { new, group } => {
                write!(to, "{} = {word} {}", self.charge(*new), self.group(*group))
            }
            PageOp::Anon { new, group, huge } => {
                write!(to, "{} = {word} {}", self.charge(*new), self.group(*group))?;
                to.write_str(if *huge { " huge" } else { "" })
            }
            PageOp::Hugetlb { new } => write!(to, "{} = {word}", self.charge(*new)),
            PageOp::FreeList { list } => {
                to.write_str(word)?;
                list.iter().try_for_each(|page| write!(to, " {}", self.charge(page)))
            }
        }
    }

    pub(super) fn write_shmem(&self, op: &ShmemOp, to: &mut String) -> fmt::Result {
        let word = shmem_word(op);
        match *op {
            ShmemOp::File { new } => write!(to, "{} = {word}", self.file(new)),
            ShmemOp::Fault { file, group, huge } | ShmemOp::Lookup { file, group, huge } => {
                write!(to, "{word} {} {}", self.file(file), self.group(group))?;
                to.write_str(if huge { " huge" } else { "" })
            }
            ShmemOp::Write { file }
            | ShmemOp::Out { file }
            | ShmemOp::Written { file }
            | ShmemOp::Notify { file }
            | ShmemOp::Punch { file } => write!(to, "{word} {}", self.file(file)),
            ShmemOp::Swapoff { group } => write!(to, "{word} {}", self.group(group)),
            ShmemOp::Stage(_) | ShmemOp::Reclaim => to.write_str(word),
        }
    }
}

/// Show every number of an operation to `see`, the one that it creates last.
pub(super) fn visit_page(op: &mut PageOp, see: &mut impl FnMut(Role, Kind, &mut u16)) {
    match op {
        PageOp::File { new, group } | PageOp::Anon { new, group, .. } => {
            see(Role::Use, Kind::Group, &mut group.0);
            see(Role::New, Kind::Charge, &mut new.0);
        }
        PageOp::Hugetlb { new } => see(Role::New, Kind::Charge, &mut new.0),
        PageOp::FreeList { list } => {
            list.iter_mut().for_each(|page| see(Role::Use, Kind::Charge, &mut page.0))
        }
    }
}

/// Show every number of an operation to `see`, the one that it creates last.
pub(super) fn visit_shmem(op: &mut ShmemOp, see: &mut impl FnMut(Role, Kind, &mut u16)) {
    match op {
        ShmemOp::File { new } => see(Role::New, Kind::File, &mut new.0),
        ShmemOp::Fault { file, group, .. } | ShmemOp::Lookup { file, group, .. } => {
            see(Role::Use, Kind::File, &mut file.0);
            see(Role::Use, Kind::Group, &mut group.0);
        }
        ShmemOp::Write { file }
        | ShmemOp::Out { file }
        | ShmemOp::Written { file }
        | ShmemOp::Notify { file }
        | ShmemOp::Punch { file } => see(Role::Use, Kind::File, &mut file.0),
        ShmemOp::Swapoff { group } => see(Role::Use, Kind::Group, &mut group.0),
        ShmemOp::Stage(_) | ShmemOp::Reclaim => {}
    }
}
