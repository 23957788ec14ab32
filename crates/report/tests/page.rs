//! The page and its figures, whatever the study holds.

mod studies;

use std::time::Instant;

use proptest::prelude::*;
use studies::{epoch, experiments, search, shapes};
use tunefork_report::{Report, trials_csv};
use tunefork_study::{StudyHeader, StudyRecord};
use tunefork_trial::{Direction, TrialState};

/// The names of the figures.
fn names(study: &StudyRecord) -> Vec<String> {
    Report::new(study).figures().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_search_has_its_figures() {
    let study = search(60, ["search", "optimizer", "lion"]);
    let expected = [
        "history",
        "importances",
        "slices",
        "quartiles",
        "interaction",
        "contour",
        "scatter",
        "parallel",
        "correlation",
        "curves",
        "stopping",
        "tried",
        "distribution",
        "cost",
        "timeline",
    ];
    assert_eq!(names(&study), expected);
    let page = Report::new(&study).html();
    for name in expected {
        assert!(page.contains(&format!("id=\"{name}")), "{name}");
    }
}

#[test]
fn findings_follow_from_the_trials() {
    let text = Report::new(&search(60, ["search", "optimizer", "lion"])).markdown();
    for part in [
        // Where 37 n mod 101 is nearest to 0.6 of 101.
        "What mattered most is learning_rate (",
        "Half of the best quarter of trials have learning_rate from",
        "20 trials were stopped early, half of them by epoch 3: 420 of 540 epochs were trained, 22 % were saved.",
        "Longer training may help: the best epoch of the best trial is its last, epoch 9.",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("Widen"), "the best rates lie in the middle\n{text}");
}

#[test]
fn what_lies_at_a_bound_is_to_be_widened() {
    let mut study = search(60, ["search", "optimizer", "lion"]);
    for trial in &mut study.trials {
        let is_widest = trial.number.0 % 4 == 0;
        trial.value = Some(f64::from(u8::from(is_widest)));
        trial.params[1].internal = if is_widest { 8.0 } else { 3.0 };
    }
    let text = Report::new(&study).markdown();
    assert!(text.contains("Widen layers: half of the best quarter of trials lie at its upper bound, 8."), "{text}");
}

#[test]
fn experiments_have_a_figure_each() {
    assert_eq!(names(&experiments()), ["history", "experiments", "curves"]);
    assert_eq!(names(&shapes()), ["history", "curves"], "three trials have nothing more to show");
}

#[test]
fn claims_are_judged_from_the_trials() {
    let mut study = experiments();
    let claims =
        ["optimizer: adam > sgd", "optimizer: sgd > adam", "momentum: increasing", "optimizer x momentum: interact"];
    study.header.attributes.push(("hypotheses".into(), serde_json::json!(claims)));
    let text = Report::new(&study).markdown();
    let unknown =
        "better by 0.3125 in two runs that differ in nothing else; how far another seed would move it is not known";
    assert!(text.contains(&format!("| optimizer: adam > sgd | undecided | {unknown}")), "{text}");
    for (trial, values) in study.trials.iter_mut().zip([[0.49, 0.51], [0.81, 0.815]]) {
        studies::trainings(trial, &values);
    }
    let text = Report::new(&study).markdown();
    for line in [
        "| optimizer: adam > sgd | supported | better by 0.3125 (95 %: 0.",
        "| optimizer: sgd > adam | rejected | worse by 0.3125 (95 %: 0.",
        "| momentum: increasing | not tested | no two runs differ in this alone. |",
        "| optimizer x momentum: interact | not tested | runs with all combinations",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let mut search = search(200, ["search", "optimizer", "lion"]);
    search
        .header
        .attributes
        .push(("hypotheses".into(), serde_json::json!(["learning_rate: 1e-3..1e-2 > others", "layers: increasing"])));
    let text = Report::new(&search).markdown();
    assert!(text.contains("| learning_rate: 1e-3..1e-2 > others | undecided | better by 0"), "{text}");
    assert!(text.contains("more were stopped early, so that only the good ones of each side are left."), "{text}");
    assert!(text.contains("| layers: increasing | undecided | rank correlation"), "{text}");
    search.trials.iter_mut().for_each(|trial| trial.state = TrialState::Complete);
    let text = Report::new(&search).markdown();
    assert!(text.contains("| learning_rate: 1e-3..1e-2 > others | supported | better by 0"), "{text}");
}

#[test]
fn studies_are_compared() {
    let (study, other) = (search(60, ["tpe", "optimizer", "lion"]), search(30, ["grid", "optimizer", "lion"]));
    let mut report = Report::new(&study);
    report.compared = vec![other];
    let text = report.markdown();
    assert!(text.contains("| tpe |  | 60 | 20 | 420 | 22 % |"), "{text}");
    assert!(text.contains("| grid |  | 30 | 10 | 210 | 22 % |"), "{text}");
    assert!(report.figures().iter().any(|(name, _)| name == "comparison"));
}

/// Studies of which little is known are pages, too.
#[test]
fn small_and_broken_studies_are_pages() {
    let nothing = StudyRecord::new(StudyHeader::new("nothing", Direction::Minimize, 0));
    let mut all_failed = search(12, ["failed", "optimizer", "lion"]);
    let mut all_stopped = all_failed.clone();
    let mut odd = all_failed.clone();
    for trial in &mut all_failed.trials {
        (trial.state, trial.value) = (TrialState::Failed, None);
    }
    all_stopped.trials.iter_mut().for_each(|trial| trial.state = TrialState::Pruned);
    for (trial, value) in
        odd.trials.iter_mut().zip([f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0].into_iter().cycle())
    {
        trial.value = Some(value);
        trial.epochs.push(epoch(10, f64::NAN));
    }
    for study in [nothing, search(1, ["one", "optimizer", "lion"]), all_failed, all_stopped, odd] {
        check(&study);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Names are text, whatever they hold.
    #[test]
    fn hostile_names_stay_text(name in prop_oneof![
        "\\PC{0,40}",
        Just("<script>alert(1)</script>".to_owned()),
        Just("\"' onload=x ]]> --> \u{0}\u{7}\n\r\t\u{202e}abc\u{2066}".to_owned()),
        Just("👩‍👩‍👧".repeat(3000)),
    ]) {
        check(&search(24, [&name, "optimizer", "lion"]));
        check(&search(24, ["study", &name, "lion"]));
        check(&search(24, ["study", "optimizer", &name]));
    }
}

/// Nothing of a name becomes a tag or an attribute, every figure can be parsed, and all formats are written.
fn check(study: &StudyRecord) {
    let report = Report::new(study);
    let page = report.html();
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(!page.contains("onload=x ]]>"), "quotes are escaped");
    assert!(!page.contains("NaN") || !page.contains("=\"NaN"), "no attribute is NaN");
    for (name, svg) in report.figures() {
        if let Err(error) = roxmltree::Document::parse(&svg) {
            panic!("{name}: {error}\n{svg}");
        }
    }
    let _ = (report.markdown(), trials_csv(study), report.journal(), report.summary().to_string());
}

/// The aims are 2 s and 2 MB; this is a build without all optimisation, on a machine that may be busy.
#[test]
fn a_thousand_trials_are_a_small_page() {
    let study = search(1000, ["large", "optimizer", "lion"]);
    let begin = Instant::now();
    let page = Report::new(&study).html();
    let seconds = begin.elapsed().as_secs_f64();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(seconds < 10.0, "{seconds} s");
    println!("{} bytes in {seconds:.2} s", page.len());
}
