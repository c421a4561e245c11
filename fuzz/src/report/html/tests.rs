use super::*;
use crate::report::picture::made_up;
use crate::violation::Violation;
use std::path::{Path, PathBuf};

fn replay(made: made_up::MadeUp) -> Replay {
    let path = PathBuf::from("made-up.trace");
    Replay { path, program: made.program, recording: made.recording, verdict: Verdict::Passed }
}

/// The data of a page.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) =
        page.split_once("<script id=\"story\" type=\"application/json\">").expect("there is data");
    let (data, _) = rest.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data is JSON")
}

#[test]
fn a_page_has_a_frame_for_each_step_before_the_lanes_and_each_event_in_them() {
    for (name, made) in made_up::all() {
        let events = made.recording.timeline.as_ref().map_or(0, |timeline| timeline.events.len());
        let before = made.program.parallel.expect("it has lanes");
        let at_the_end = usize::from(made.recording.violation.is_none());
        let data = data(&page(&replay(made)));
        assert_eq!(data["frames"].as_array().map(Vec::len), Some(before + events + at_the_end), "{name}");
    }
}

#[test]
fn a_sequential_program_has_a_frame_for_each_step_with_what_it_changed() {
    let program = made_up::parse(&["cpus 2", "@0 mkdir A", "@1 p1 = charge A 3", "@0 assert usage A 64"]);
    let data = data(&page(&crate::replay::replay(Path::new("x.trace"), program)));
    let frames = data["frames"].as_array().expect("frames");
    let shown: Vec<_> = frames.iter().map(|frame| (&frame["lane"], &frame["kind"], &frame["text"])).collect();
    assert_eq!(shown[1], (&1.into(), &"step".into(), &"p1 = charge A 3 → ok".into()));
    assert_eq!(shown[2], (&0.into(), &"assert".into(), &"assert usage A 64 → holds".into()));
    assert_eq!(shown[3].1, &serde_json::Value::from("end"));
    let words = frames[1]["words"].as_array().expect("words");
    let usage = words.iter().find(|word| word["name"] == "usage" && word["of"] == "A").expect("usage of A");
    assert_eq!((&usage["old"], &usage["new"]), (&"0".into(), &"64".into()));
}

#[test]
fn nothing_that_is_shown_can_break_out_of_its_place() {
    let mut made = made_up::lost_update();
    let bad = "</script><script>alert(1)</script><b>{{data}}&amp;\u{2028}";
    made.recording.cached.push(bad.to_owned());
    let timeline = made.recording.timeline.as_mut().expect("there is one");
    timeline.owners.values_mut().for_each(|owner| bad.clone_into(owner));
    let violation = made.recording.violation.take().expect("there is one");
    made.recording.violation = Some(Violation { object: bad.to_owned(), ..violation });
    let mut replay = replay(made);
    replay.path = PathBuf::from(format!("{}.trace", bad.replace('/', "")));
    let page = page(&replay);
    assert_eq!(page.matches("<script").count(), 2, "the data and the script of the page");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<b>"));
    assert_eq!(data(&page)["replay"]["cached"][0], bad);
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = page(&replay(made_up::deadlock()));
    for part in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_stale_trace_has_a_page_that_says_why() {
    let mut replay = replay(made_up::lost_update());
    replay.verdict = Verdict::Stale("lanes cannot be chosen".to_owned());
    let page = page(&replay);
    assert!(page.contains("lanes cannot be chosen"));
    assert_eq!(data(&page)["frames"], serde_json::json!([]));
}
