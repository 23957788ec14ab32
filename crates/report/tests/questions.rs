//! What people ask of a study is answered by name, from its trials.

mod studies;

use std::sync::Arc;

use studies::{search, trainings};
use tunefork_report::Report;
use tunefork_study::{Metrics, StudyRecord};
use tunefork_trial::TrialState;

/// The answer to a question, if the report has one.
fn answer(study: &StudyRecord, question: &str) -> Option<String> {
    let text = Report::new(study).markdown();
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("- **{question}**")));
    let first = lines.next()?.split_once("** ").map(|(_, answer)| answer.to_owned()).unwrap_or_default();
    let more: Vec<&str> = lines.take_while(|line| line.starts_with("  - ")).collect();
    Some(first + &more.join("\n"))
}

fn study() -> StudyRecord {
    search(60, ["search", "optimizer", "lion"])
}

#[test]
fn a_stopped_trial_is_measured_by_those_that_went_on() {
    const QUESTION: &str = "Was a good trial stopped?";
    let mut study = study();
    // Every trial is the better the nearer its rate is to 0.6, at every epoch: nobody overtakes.
    let spared = answer(&study, QUESTION).unwrap();
    assert!(spared.starts_with("Perhaps: of "), "the stopped ones were as good as the others: {spared}");
    // The worst that can be is stopped: no completed trial was ever as bad.
    for trial in study.trials.iter_mut().filter(|trial| trial.state == TrialState::Pruned) {
        trial.epochs.iter_mut().for_each(|epoch| Arc::make_mut(&mut epoch.report).value = -9.0);
    }
    let none = answer(&study, QUESTION).unwrap();
    assert!(none.starts_with("Nobody knows: each of 40 completed trials was better"), "{none}");
    // One that completed was as bad at that epoch, and ended as the worst.
    let late = study.trials.iter_mut().find(|trial| trial.state == TrialState::Complete).unwrap();
    Arc::make_mut(&mut late.epochs[2].report).value = -9.5;
    late.value = Some(-1.0);
    let bad = answer(&study, QUESTION).unwrap();
    assert!(bad.starts_with("Nothing speaks for it: 1 trial went on"), "{bad}");
    // Or as the best.
    study.trials[0].value = Some(5.0);
    assert!(answer(&study, QUESTION).unwrap().contains("1 came into the best quarter"));
    study.trials.retain(|trial| trial.state == TrialState::Complete);
    assert_eq!(answer(&study, QUESTION), None);
}

#[test]
fn the_smallest_network_that_is_about_as_good_is_named() {
    const QUESTION: &str = "What do parameters buy?";
    let mut study = study();
    assert_eq!(answer(&study, QUESTION), None, "nobody knows how large the networks are");
    for trial in &mut study.trials {
        trial.attributes.push(("parameters".into(), 1_000_000.into()));
    }
    assert_eq!(answer(&study, QUESTION).unwrap(), "Every network has 1,000,000 parameters.");
    let best = study.best().unwrap().number.index();
    let near = study.trials.iter().position(|trial| {
        let apart = study.trials[best].value.unwrap() - trial.value.unwrap();
        trial.state == TrialState::Complete && apart > 0.0 && apart < 0.02
    });
    study.trials[near.unwrap()].attributes = vec![("parameters".into(), 250_000.into())];
    let found = answer(&study, QUESTION).unwrap();
    assert!(
        found.contains(&format!("is trial {}'s", near.unwrap())) && found.contains("with 25 % of them (250,000)"),
        "{found}"
    );
}

#[test]
fn the_best_is_said_to_be_as_stable_as_its_trainings() {
    let mut study = study();
    assert_eq!(answer(&study, "Is it stable over seeds?"), None);
    let best = study.best().unwrap().number.index();
    trainings(&mut study.trials[best], &[0.84, 0.86, 0.85]);
    let found = answer(&study, "Is it stable over seeds?").unwrap();
    assert_eq!(
        found,
        "Trained with 3 folds the best trial has accuracy 0.8500 ± 0.0100 (deviation), from 0.8400 to 0.8600."
    );
}

#[test]
fn hard_classes_are_named_with_what_they_are_taken_for() {
    let mut study = study();
    let best = study.best().unwrap().number.index();
    let figure = |class: &str, value| ((class.to_owned(), "f1".to_owned()), value);
    let pair = |actual: &str, taken: &str, count| ((actual.to_owned(), taken.to_owned()), count);
    let metrics = Metrics {
        per_class: vec![figure("cat", 0.7), figure("dog", 0.9)],
        confusion: vec![pair("cat", "cat", 6.0), pair("cat", "dog", 4.0), pair("dog", "dog", 10.0)],
        ..Metrics::default()
    };
    Arc::make_mut(&mut study.trials[best].epochs.last_mut().unwrap().report).metrics = metrics;
    let found = answer(&study, "Which classes are hard?").unwrap();
    assert_eq!(found, "By F1 the best trial is weakest at cat (0.700); most often cat is taken for dog (4 of 10).");
}

#[test]
fn hypotheses_stand_beside_the_questions_that_they_answer() {
    let mut study = study();
    let hypotheses = serde_json::json!([
        { "claim": "layers: increasing", "question": "Does depth help?" },
        { "claim": "layers: decreasing", "question": "Does depth help?" },
        "optimizer: adam > sgd",
    ]);
    study.header.attributes.push(("hypotheses".into(), hypotheses));
    let text = Report::new(&study).markdown();
    assert!(text.contains("| question | claim | verdict | because |"), "{text}");
    assert!(text.contains("| Does depth help? | layers: increasing | "), "{text}");
    assert!(text.contains("|  | layers: decreasing | ") && text.contains("|  | optimizer: adam > sgd | "), "{text}");
}
