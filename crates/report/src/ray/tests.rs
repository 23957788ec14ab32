use std::sync::Arc;

use tunefork_study::{End, EndReason, EpochRecord, EpochReport, Metrics, StudyHeader, Timing, TrialObserved};
use tunefork_trial::{Direction, TrialNumber};

use super::*;

fn study() -> StudyRecord {
    let mut study = StudyRecord::new(StudyHeader::new("demo", Direction::Maximize, 0));
    let epoch = |step: u32, value: f64, figures: &[(&str, f64)]| {
        let whole = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let metrics = Metrics { whole, ..Metrics::default() };
        let timing = Some(Timing { seconds: 1.5, validation_seconds: 0.5, ..Timing::default() });
        let report = EpochReport { value, metrics, timing, ..EpochReport::default() };
        EpochRecord { step, time: 0, report: Arc::new(report) }
    };
    let started = Some("1970-01-01 00:01:40.000000".to_owned());
    study.trials.push(TrialRecord {
        epochs: vec![epoch(1, 0.25, &[("loss", f64::INFINITY)]), epoch(2, 0.75, &[("loss", 2.0), ("late", 1.0)])],
        observed: TrialObserved { started, ..TrialObserved::default() },
        ..TrialRecord::new(TrialNumber(0), TrialState::Pruned)
    });
    study.trials.push(TrialRecord {
        end: Some(End { time: 0, reason: EndReason::DoesNotFit, message: "9 GiB are needed".to_owned() }),
        ..TrialRecord::new(TrialNumber(1), TrialState::Failed)
    });
    study
}

fn file(name: &str) -> String {
    let files = ray_experiment(&study());
    let found = files.iter().find(|(path, _)| path == std::path::Path::new(name));
    found.unwrap_or_else(|| panic!("{name} in {files:?}")).1.clone()
}

#[test]
fn tables_have_all_figures_and_times() {
    let head = "value,loss,training_iteration,trial_id,done,time_this_iter_s,time_total_s,timestamp,date,late\n";
    let first = "0.25,,1,trial_00000,False,2.0,2.0,102,1970-01-01_00-01-42,\n";
    let second = "0.75,2.0,2,trial_00000,True,2.0,4.0,104,1970-01-01_00-01-44,1.0\n";
    assert_eq!(file("trial_00000/progress.csv"), format!("{head}{first}{second}"));
    let lines = file("trial_00000/result.json");
    assert!(lines.lines().next().unwrap().contains(r#""loss":null"#), "{lines}");
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn a_trial_that_failed_has_its_reason_and_no_results() {
    assert_eq!(file("trial_00001/error.txt"), "does_not_fit: 9 GiB are needed\n");
    assert_eq!(file("trial_00001/result.json") + &file("trial_00001/progress.csv"), "");
}

#[test]
fn the_state_tells_of_each_trial() {
    let state: Json = serde_json::from_str(&file("experiment_state-1970-01-01_00-01-40.json")).unwrap();
    let trials = state["trial_data"].as_array().unwrap();
    let [pruned, failed]: [(Json, Json); 2] = [0, 1].map(|trial| {
        let part = |place: usize| serde_json::from_str(trials[trial][place].as_str().unwrap()).unwrap();
        (part(0), part(1))
    });
    assert_eq!((&pruned.0["status"], &failed.0["status"]), (&json!("TERMINATED"), &json!("ERROR")));
    let value = &pruned.1["metric_analysis"]["value"];
    assert_eq!((&value["max"], &value["last"], &value["avg"]), (&json!(0.75), &json!(0.75), &json!(0.5)));
    assert_eq!(pruned.1["metric_analysis"]["loss"]["min"], 2.0);
    assert_eq!((&failed.1["error_filename"], &failed.1["num_failures"]), (&json!("error.txt"), &json!(1)));
}
