//! No text makes the reader panic, and what a lenient reading keeps is always a program.

use super::super::{Reading, TraceErrors, canonical, fix_up, read, read_lenient, write};
use super::generate::{Dice, program};

/// Read `text` both ways and check what comes of it.
fn check(text: &[u8]) {
    match read(text, Reading::Strict) {
        Ok(program) => {
            let (lenient, dropped) = read_lenient(text).expect("strictly it is right");
            assert_eq!((&lenient, dropped.lines), (&program, 0), "{}", String::from_utf8_lossy(text));
        }
        Err(errors) => {
            assert!((1..=TraceErrors::MOST).contains(&errors.errors.len()));
            let places: Vec<_> = errors.errors.iter().map(|e| (e.line, e.column)).collect();
            assert!(places.is_sorted());
            let shown = errors.to_string();
            assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
            // The longest line of help has all operations.
            assert!(shown.lines().all(|line| line.chars().count() < 1200), "{shown}");
        }
    }
    if let Ok((program, _)) = read_lenient(text) {
        let written = write(&program);
        match read(written.as_bytes(), Reading::Strict) {
            Ok(back) => assert_eq!(canonical(&back), canonical(&program), "{written}"),
            Err(errors) => panic!("{written}\n{errors}"),
        }
        assert_eq!(fix_up(&mut program.clone()), 0);
    }
}

#[test]
fn random_bytes() {
    let mut dice = Dice::new(1);
    for _ in 0..3000 {
        let mut text = if dice.one_in(2) { b"stocktake-trace 1\n@0 ".to_vec() } else { Vec::new() };
        text.extend((0..dice.roll(200)).map(|_| dice.roll(256) as u8));
        check(&text);
    }
}

#[test]
fn random_words() {
    let words = [
        "@0",
        "@1",
        "@9",
        "@",
        "mkdir",
        "rmdir",
        "set",
        "A",
        "A/B",
        "/",
        "//",
        "A/",
        "max=3",
        "max=",
        "=",
        "x",
        "charge",
        "uncharge",
        "3",
        "0",
        "-1",
        "99999999999999999999999",
        "force",
        "->",
        "ok",
        "nothing",
        "offline",
        "work",
        "objcg",
        "objcg.get",
        "obj.charge",
        "swap.out",
        "swap.in",
        "swap.free",
        "fail=alloc",
        "fail=",
        "=alloc",
        "parallel",
        "cpus",
        "assert",
        "usage",
        "owner",
        "schedule",
        "design",
        "stock=single-slot,",
        "fault",
        "S10",
        "expect",
        "violation",
        "\n",
        "\n",
        "\n@0",
        "\n@0",
        "\n@0 x =",
        "\n@1 y =",
        "#",
        "\u{7}",
        "\u{202e}",
        "ä",
        "\r\n",
        "\r",
        "\0",
    ];
    let mut dice = Dice::new(2);
    for _ in 0..5000 {
        let mut text = String::from("stocktake-trace 1\n@0 mkdir A\n");
        for _ in 0..dice.roll(60) {
            text.push_str(dice.pick(&words));
            text.push(' ');
        }
        check(text.as_bytes());
    }
}

#[test]
fn mutated_traces() {
    let every_word = include_str!("version-1.trace");
    let mut dice = Dice::new(3);
    for seed in 0..4000 {
        let mut text = if dice.one_in(4) {
            every_word.as_bytes().to_vec()
        } else {
            write(&program(&mut Dice::new(seed))).into_bytes()
        };
        for _ in 0..=dice.roll(6) {
            let at = dice.roll(text.len() as u64) as usize;
            let to = (at + dice.roll(12) as usize).min(text.len());
            match dice.roll(5) {
                0 => text[at] = dice.roll(256) as u8,
                1 => text[at] = dice.pick(b" \n=/@#0123456789AabpocsI."),
                2 => drop(text.drain(at..to)),
                3 => {
                    let copy = text[at..to].to_vec();
                    let here = dice.roll(text.len() as u64) as usize;
                    text.splice(here..here, copy);
                }
                _ => text.truncate(at.max(20)),
            }
            if text.is_empty() {
                break;
            }
        }
        check(&text);
    }
}

/// Lines and words of any length are read and reported in reasonable time and space.
#[test]
fn long_lines() {
    let long = "x".repeat(1 << 20);
    check(format!("stocktake-trace 1\n@0 {long}\n").as_bytes());
    check(format!("stocktake-trace 1\n@0 mkdir {long}\n@0 rmdir {long}y\n").as_bytes());
    check(format!("stocktake-trace 1\nschedule {}\n", "9 ".repeat(1 << 19)).as_bytes());
    check(format!("stocktake-trace 1\n@0 charge{}\n", " y".repeat(1 << 19)).as_bytes());
    check(format!("stocktake-trace 1\n{}\n", "\u{1}".repeat(1 << 20)).as_bytes());
    check(format!("stocktake-trace 1\n@0 mkdir A{}\n", "/A".repeat(1 << 19)).as_bytes());
}

/// There are 65535 numbers of a kind, and no more names.
#[test]
fn numbers_can_run_out() {
    let mut text = String::from("stocktake-trace 1\n");
    for i in 0..=65535 {
        text.push_str(&format!("@0 x{i} = charge / 1\n"));
    }
    let (mut program, dropped) = read_lenient(text.as_bytes()).expect("a version line");
    assert_eq!((program.steps.len(), dropped.lines), (65535, 1));
    assert_eq!(fix_up(&mut program), 0);
    let errors = read(text.as_bytes(), Reading::Strict).expect_err("too many names");
    assert_eq!(errors.errors[0].message, "too many names: 65535 of one kind is the most");
    assert_eq!(errors.errors[0].line, 65537);
}

#[test]
fn lenient_readings_keep_what_they_can() {
    let text = "stocktake-trace 1\n\
                cpus 9\n\
                mode v2\n\
                colour red\n\
                schedule 0 3\n\
                @0 mkdir A\n\
                @0 mkdri B\n\
                @0 mkdir B/C\n\
                @2 drain\n\
                @0 p1 = charge A 0\n\
                @0 uncharge p1\n\
                @0 p1 = charge A 1\n\
                parallel\n\
                parallel\n\
                @1 uncharge p1\n\
                @1 p2 = charge A 1\n\
                @0 uncharge p2\n";
    let (program, dropped) = read_lenient(text.as_bytes()).expect("a version line");
    assert_eq!(
        write(&program),
        "stocktake-trace 1\ncpus 2\nexpect ok\n\
         @0 mkdir A\n@0 p1 = charge A 1\nparallel\n@1 uncharge p1\n@1 p2 = charge A 1\n"
    );
    // cpus, colour, schedule; B, its child, CPU 2, no pages, its user; the second parallel, another lane's name.
    assert_eq!(dropped.lines, 10);
}

#[test]
fn lenient_readings_need_a_version() {
    for text in ["", "# only a comment\n", "@0 mkdir A\n", "stocktake-trace\n", "stocktake-trace 2\n"] {
        assert!(read_lenient(text.as_bytes()).is_err(), "{text}");
        assert!(read(text.as_bytes(), Reading::Lenient).is_err(), "{text}");
    }
}
