//! Values of options.

use crate::engine::runner::Engine;
use crate::hunt::Without;
use crate::trace::operation_words;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::num::NonZeroUsize;
use std::time::Duration;
use stocktake_impl::{Design, Fault, VARIANTS};

/// The longest time that makes sense: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// Which engines to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engines {
    /// Every engine there is.
    All,
    /// This one.
    One(Engine),
}

impl Engines {
    pub(super) fn list(self) -> Vec<Engine> {
        match self {
            Engines::All => Engine::ALL.to_vec(),
            Engines::One(engine) => vec![engine],
        }
    }
}

/// Which designs to hunt on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Designs {
    /// Every design there is, one after the other.
    All,
    /// This one.
    One(Design),
}

impl Designs {
    pub(super) fn list(self) -> Vec<Design> {
        match self {
            Designs::All => {
                let others = VARIANTS.iter().filter(|variant| !variant.is_default()).map(|v| v.design());
                [Design::default()].into_iter().chain(others).collect()
            }
            Designs::One(design) => vec![design],
        }
    }
}

/// The name of an engine, or `all`.
pub(super) fn engines() -> impl TypedValueParser<Value = Engines> {
    let names = Engine::ALL.iter().map(|engine| engine.name()).chain(["all"]);
    PossibleValuesParser::new(names).map(|name| Engine::from_name(&name).map_or(Engines::All, Engines::One))
}

/// `current`, `ROOM-VARIANT`, `ROOM=VARIANT,…`, or `all`.
pub(super) fn designs(text: &str) -> Result<Designs, String> {
    match text {
        "all" => return Ok(Designs::All),
        "current" => return Ok(Designs::One(Design::default())),
        _ => {}
    }
    if let Some(variant) = VARIANTS.iter().find(|v| text == design_name(v.room, v.name)) {
        return Ok(Designs::One(variant.design()));
    }
    let unknown = || {
        let names: Vec<String> = VARIANTS.iter().map(|v| design_name(v.room, v.name)).collect();
        format!(
            "there is no such design; there are current, {}, combinations like `{}={}`, and `all`",
            names.join(", "),
            VARIANTS[0].room,
            VARIANTS[0].name
        )
    };
    let mut design = Design::default();
    for choice in text.split(',') {
        let (room, variant) = choice.split_once('=').ok_or_else(unknown)?;
        design.choose(room, variant).map_err(|_| unknown())?;
    }
    Ok(Designs::One(design))
}

/// The name of a design that differs from the default in one room.
pub(super) fn design_name(room: &str, variant: &str) -> String {
    format!("{room}-{variant}")
}

/// Words of operations, with commas between them.
pub(super) fn without(text: &str) -> Result<Without, String> {
    let mut without = Without::default();
    for word in text.split(',') {
        without.and(word).ok_or_else(|| {
            let words: Vec<&str> = operation_words().collect();
            format!("no operation is called `{word}`; there are {}", words.join(", "))
        })?;
    }
    Ok(without)
}

/// The id of a fault.
pub(super) fn fault() -> impl TypedValueParser<Value = Fault> {
    let named = |id: String| Fault::ALL.iter().copied().find(|fault| fault.id() == id);
    PossibleValuesParser::new(Fault::ALL.iter().map(|fault| fault.id()))
        .try_map(move |id| named(id).ok_or("there is no such fault"))
}

/// `30s`, `500ms`, `2m`, `1h`, or a number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time ends with ms, s, m or h, like `30s`".to_owned()),
    };
    let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = digits
        .parse()
        .ok()
        .filter(|_| is_number)
        .ok_or_else(|| "a time is a number and a unit, like `30s`, `500ms`, `1.5m` or `2h`".to_owned())?;
    let seconds = number * unit;
    if !(seconds > 0.0 && seconds <= LONGEST) {
        return Err("a time is more than nothing and at most a year".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// How many threads this machine runs at once.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in
            [("30s", 30_000), ("500ms", 500), ("1.5m", 90_000), ("2h", 7_200_000), ("3", 3000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "30x", "-1s", "0s", "1e9s", "inf", "nan", "1..2s", "9999999h", "1 s", "१s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_listed_design_can_be_named() {
        for variant in VARIANTS {
            let one = Ok(Designs::One(variant.design()));
            assert_eq!(designs(&design_name(variant.room, variant.name)), one);
            assert_eq!(designs(&format!("{}={}", variant.room, variant.name)), one);
            assert_eq!(designs(&variant.design().to_string()), one);
        }
        for text in ["", "stock", "stock=", "stock=single-slot,", "rooms=all"] {
            assert!(designs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn operations_are_left_out_by_their_words() {
        assert_eq!(
            without("kthread,exec.make").map(|w| w.words().to_vec()),
            Ok(vec!["kthread", "exec.make"])
        );
        for text in ["", "kthread,", "kthreads", "assert"] {
            let problem = without(text).expect_err("there is no such operation");
            assert!(problem.contains("mkdir"), "it says which there are: {problem}");
        }
    }

    #[test]
    fn all_designs_are_different() {
        let all = Designs::All.list();
        for (i, design) in all.iter().enumerate() {
            assert!(!all[..i].contains(design), "{design} is hunted twice");
        }
        assert!(all.len() > 1);
    }
}
