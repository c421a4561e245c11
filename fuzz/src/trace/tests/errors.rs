//! Every mistake: what is said about it, where, and what is suggested.

use super::super::{Reading, TraceErrors, read};
use std::fmt::Write;
use stocktake_impl::{Fault, VARIANTS};

fn errors(text: &str) -> TraceErrors {
    read(text.as_bytes(), Reading::Strict).expect_err("a mistake")
}

/// One snapshot of all, so that they can be read as a page. Each is one wrong line below a small trace.
#[test]
fn each_mistake() {
    let above = "stocktake-trace 1\n@0 mkdir A\n@0 mkdir A/B\n@1 page = charge A 3\n@1 o1 = objcg A\n\
                 @1 c1 = obj.charge o1 9\n@1 s1 = swap.out page\n";
    let lines = [
        // What begins a line.
        "@0",
        "@x drain",
        "@ drain",
        "@2 drain",
        "@999 drain",
        "@0 mkdri C",
        "@0 frobnicate C",
        "mkdir C",
        "p2 = charge A 1",
        "paralel",
        "frobnicate",
        "cpus 4",
        "stocktake-trace 1",
        // Operands.
        "@0 rmdir",
        "@0 rmdir -> ok",
        "@0 rmdir A B",
        "@0 rmdir a",
        "@0 rmdir A/C",
        "@0 rmdir NOPE",
        "@0 rmdir page",
        "@0 uncharge pgae",
        "@0 uncharge o1",
        "@0 uncharge A",
        "@0 x = swap.in page /",
        "@0 x = charge A",
        "@0 x = charge A 0",
        "@0 x = charge A 1048577",
        "@0 x = charge A 99999999999999999999",
        "@0 x = charge A three",
        "@0 x = charge A -3",
        "@0 x = charge A 3 forse",
        "@0 x = charge NOPE 0 max=3",
        "@0 x = obj.charge o1 0",
        "@0 cpu.down 2",
        "@0 cpu.up one",
        // Names.
        "@0 charge A 3",
        "@0 x = rmdir A",
        "@0 x=charge A 3",
        "@0 page = charge A 3",
        "@0 A = charge A 3",
        "@0 mkdir A",
        "@0 mkdir page",
        "@0 mkdir /",
        "@0 mkdir /C",
        "@0 mkdir A/",
        "@0 mkdir C/D",
        "@0 mkdir 1st",
        "@0 mkdir ok",
        "@0 p.1 = charge A 3",
        "@0 A/p = charge A 3",
        // Options.
        "@0 mkdir C max=lots",
        "@0 mkdir C max=1099511627777",
        "@0 mkdir C mx=3",
        "@0 mkdir C max=3 max=4",
        "@0 set A",
        "@0 set A max=1 swap.max=1",
        "@0 rmdir A max=1",
        "@0 drain fail=allok",
        "@0 drain fail=",
        "@0 drain fial=alloc",
        // Outcomes.
        "@0 drain ->",
        "@0 drain ->ok",
        "@0 drain -> ENOMEN",
        "@0 drain -> NOPE",
        "@0 drain -> page",
        "@0 drain -> ok ok",
        "@0 drain -> nothing",
        "@0 work -> ok",
        "@0 work -> offline",
        "@0 work -> release NOPE",
        // Asserts.
        "@0 assert",
        "@0 assert usgae A 3",
        "@0 assert frobs A 3",
        "@0 assert usage A",
        "@0 assert usage A 9007199254740993",
        "@0 assert usage o1 3",
        "@0 assert state A",
        "@0 assert state A onlin",
        "@0 assert state A frobbed",
        "@0 assert bytes A 3",
        "@0 assert owner o1",
        "@0 assert owner o1 NOPE",
        "@0 assert usage A 3 4",
        "@0 assert usage A 3 fail=alloc",
        "@0 assert usage A 3 -> ok",
        // Interrupts.
        "@1 irq",
        "@1 irq drain",
        "@0 irq uncharge page",
        "@0 irq mkdir C",
        "@0 irq irq uncharge page",
        "irq @0 uncharge page",
        "parallel\n@0 irq mkdir C",
        "parallel\n@0 irq",
        "parallel\n@0 irq irq drain",
        "parallel\n@0 irq assert usage A 3",
        // What is shown.
        "\t@0\tmkdri C",
        "@0 mk\u{1b}[31mdir C",
        "@0 äöü \u{202e}C",
    ];
    let mut page = String::new();
    for line in lines {
        let errors = errors(&format!("{above}{line}\n"));
        writeln!(page, "{errors}\n").expect("strings can be written");
    }
    insta::assert_snapshot!("each_mistake", page);
}

/// Mistakes that need a text of their own.
#[test]
fn each_mistake_of_a_whole_text() {
    let texts = [
        "",
        "\n# nothing\n",
        "@0 mkdir A\n",
        "\n stocktake-trase 1\n",
        "stocktake-trace\n",
        "stocktake-trace 2\n",
        "stocktake-trace 99999999999999999999\n",
        "stocktake-trace one\n",
        "stocktake-trace 1 2\n",
        "stocktake-trace 1\ncpus\ncpus 0\ncpus 9\ncpus 2 3\ncpus 2\ncpus 2\nids 0\nslots 4097\n",
        "stocktake-trace 1\nmode\nmode v3\nmode V2\n",
        "stocktake-trace 1\ndesign\ndesign curent\ndesign stock-singel-slot\ndesign frob\ndesign stok=single-slot\n\
         design stock=single-slots\ndesign stock=single-slot,frob\n\
         design stock=single-slot,stock=seven-slots\ndesign stock=single-slot, offline=drain-first\n",
        "stocktake-trace 1\nfault\nfault S10 S11\nfault s10\nfault S10\nfault S10\n",
        "stocktake-trace 1\nexpect\nexpect OK\nexpect trouble\nexpect ok I1\nexpect violation\nexpect violation I0\n\
         expect violation I18\nexpect violation I01\nexpect violation I1 a/b\nexpect violation I1 a b\nexpect ok\n\
         expect ok\n",
        "stocktake-trace 1\nschedule\nschedule 0 8\nschedule 0 x\nschedule 0 1 2\ncpus 2\nparallel\n@0 drain\n",
        "stocktake-trace 1\nschedule 0 1\n@0 drain\n",
        "stocktake-trace 1\nparallel now\nparallel\nids 4\nparallel\n",
        // Lanes.
        "stocktake-trace 1\n@0 mkdir A\nparallel\n@0 p1 = charge A 1\n@1 uncharge p1\n@1 mkdir A/B\n@0 mkdir A/B/C\n\
         @0 work -> offline A/B\n",
        // One mistake is not reported again where the name is used.
        "stocktake-trace 1\n@0 mkdri A\n@0 p1 = charge A 0\n@0 uncharge p1\n@0 rmdir A/B\n@0 rmdir A/B\n",
    ];
    let mut page = String::new();
    for text in texts {
        writeln!(page, "======\n{}\n", errors(text)).expect("strings can be written");
    }
    insta::assert_snapshot!("each_mistake_of_a_whole_text", page);
}

#[test]
fn a_mistake_is_shown_as_compilers_do() {
    assert_eq!(
        errors("stocktake-trace 1\n\n@0 mkdri A  # comment\n").to_string(),
        "error: there is no operation `mkdri`\n\
         \x20--> <trace>:3:4\n\
         \x20 |\n\
         3 | @0 mkdri A  # comment\n\
         \x20 |    ^^^^^\n\
         \x20 = help: did you mean `mkdir`?"
    );
}

/// Columns count characters, and line numbers of any length keep the bars aligned.
#[test]
fn places_are_exact() {
    let text = format!("stocktake-trace 1\n{}@0 rmdir ß # ü\n", "\n".repeat(98));
    let found = errors(&text);
    assert_eq!((found.errors[0].line, found.errors[0].column), (100, 10));
    assert!(
        found
            .to_string()
            .contains("\n   --> <trace>:100:10\n    |\n100 | @0 rmdir ß # ü\n    |          ^\n")
    );
}

#[test]
fn long_lines_are_cut_around_the_caret() {
    let text = format!("stocktake-trace 1\n@0 drain {} {}\n", " ".repeat(200), "y".repeat(300));
    let found = errors(&text);
    assert_eq!(found.errors[0].column, 211);
    let excerpt = &found.errors[0].excerpt;
    assert_eq!(excerpt.text, format!("…{}{}…", " ".repeat(60), "y".repeat(60)));
    assert_eq!((excerpt.caret, excerpt.width), (61, 61));
    // At the end of a long line, more is shown of what comes before.
    let text = format!("stocktake-trace 1\n@0 drain {} y\n", " ".repeat(200));
    let excerpt = &errors(&text).errors[0].excerpt;
    assert_eq!(excerpt.text, format!("…{}y", " ".repeat(119)));
    assert_eq!((excerpt.caret, excerpt.width), (120, 1));
}

#[test]
fn many_mistakes_are_cut_off() {
    let found = errors(&format!("stocktake-trace 1\n{}", "@0 frob\n".repeat(30)));
    assert_eq!(found.errors.len(), 20);
    assert!(found.stopped);
    assert_eq!(found.errors.last().map(|error| error.line), Some(21));
    assert!(found.to_string().ends_with("\n\nnote: reading was given up after 20 errors"));
    let found = errors(&format!("stocktake-trace 1\n{}", "@0 frob\n".repeat(19)));
    assert!(!found.stopped);
}

/// Faults and variants come and go; whatever there is, is listed.
#[test]
fn suggestions_list_what_there_is() {
    let help = |line: &str| errors(&format!("stocktake-trace 1\n{line}\n")).errors[0].help.clone();
    let faults: Vec<&str> = Fault::ALL.iter().map(|fault| fault.id()).collect();
    assert_eq!(help("fault unknown"), Some(format!("one of: {}", faults.join(", "))));
    let variants: Vec<&str> = VARIANTS.iter().filter(|v| v.room == "stock").map(|v| v.name).collect();
    assert_eq!(help("design stock=unknown"), Some(format!("one of: {}", variants.join(", "))));
}
