//! The report of a small study, in full, and what odd values do to it.

mod studies;

use proptest::prelude::*;
use studies::{experiments, figures, shapes};
use tunefork_report::{Report, Test, csv_line, trials_csv};
use tunefork_study::{StudyHeader, StudyRecord, TrialRecord};
use tunefork_trial::{Direction, TrialNumber, TrialState};

fn report(study: &StudyRecord) -> Report<'_> {
    let test = Test { looks: 1, figures: vec![("accuracy".into(), 0.8)], deviations: Vec::new() };
    let mut report = Report::new(study);
    report.test = Some(test);
    report
}

#[test]
fn csv_has_optunas_columns_and_a_row_for_each_trial() {
    assert_eq!(
        trials_csv(&shapes()),
        "number,value_validation accuracy,datetime_start,datetime_complete,duration,params_momentum,params_optimizer,\
         user_attrs_epochs,user_attrs_loss,user_attrs_reason,user_attrs_seconds,state\n\
         0,0.5,2026-11-30 06:00:00.000000,2026-11-30 06:01:02.500000,0 days 00:01:02.500000,0.9,sgd,4,1.25,,1.5,COMPLETE\n\
         1,0.8125,,,,,adam,4,0.5,,,COMPLETE\n\
         2,,,,,,adam,,,\"loss is NaN, epoch 1\",,FAIL\n"
    );
}

#[test]
fn markdown_tells_the_best_and_the_rest() {
    assert_eq!(report(&shapes()).markdown(), include_str!("shapes.md"));
}

#[test]
fn the_objective_stands_once_in_the_best_trials_table() {
    let mut study = shapes();
    figures(&mut study.trials[1]).push(("accuracy".into(), 0.8125));
    assert_eq!(report(&study).markdown(), include_str!("shapes.md"));
}

#[test]
fn trainings_of_a_trial_are_listed_with_their_deviation() {
    let mut study = shapes();
    studies::trainings(&mut study.trials[1], &[0.75, 0.875]);
    let mut report = report(&study);
    report.test.as_mut().unwrap().deviations = vec![("accuracy".into(), 0.03125)];
    let text = report.markdown();
    for line in [
        "- best accuracy: **0.8125 ± 0.0884** (trial 1, with the deviation of 2 trainings)",
        "The value is the mean over 2 trainings, ± their standard deviation:",
        "| fold 1 | 0.8750 |",
        "| accuracy | 0.8000 ± 0.0312 |",
        "| **1** | complete | 0.8125 ± 0.0884 | 4 |",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let csv = trials_csv(&study);
    for column in ["user_attrs_deviation", "user_attrs_fold 0", "user_attrs_fold 1"] {
        assert!(csv.lines().next().unwrap().contains(column), "{csv}");
    }
}

#[test]
fn less_is_better_where_the_direction_says_so() {
    let mut study = shapes();
    study.header.direction = Direction::Minimize;
    let text = Report::new(&study).markdown();
    assert!(text.contains("- best accuracy: **0.5000** (trial 0)"), "{text}");
    assert!(text.contains("Validation accuracy was to be as low as possible."), "{text}");
}

#[test]
fn studies_without_results_are_told_as_what_they_are() {
    let mut study = StudyRecord::new(StudyHeader::new("empty", Direction::Maximize, 0));
    assert!(Report::new(&study).markdown().contains("No trial was started."));
    study.trials.push(TrialRecord::new(TrialNumber(0), TrialState::Running));
    let text = Report::new(&study).markdown();
    assert!(text.contains("- trials: **1** (1 running)"), "{text}");
    assert!(text.contains("No trial is complete yet."), "{text}");
}

#[test]
fn the_journal_tells_what_came_of_each_trial() {
    let expected = "# Journal of shapes\n\n\
        - **trial 1** optimizer=adam: accuracy 0.8125 after 4 epochs, the best so far\n\
        - **trial 2** optimizer=adam: failed after 1 epoch: loss is NaN, epoch 1\n\
        - 2026-11-30 06:01:02 **trial 0** optimizer=sgd momentum=0.9: accuracy 0.5000 after 4 epochs\n";
    assert_eq!(Report::new(&shapes()).journal(), expected);
}

#[test]
fn the_summary_has_what_programs_ask_for() {
    let summary = report(&shapes()).summary();
    assert_eq!(summary["trials"], 3);
    assert_eq!((&summary["best"], &summary["worst"], &summary["best_trial"]), (&0.8125.into(), &0.5.into(), &1.into()));
    assert_eq!(
        (&summary["mean"], &summary["median"], &summary["range"]),
        (&0.65625.into(), &0.65625.into(), &0.3125.into())
    );
    assert_eq!(summary["params"]["optimizer"], "adam");
    assert_eq!(summary["test"]["accuracy"], 0.8);
    assert_eq!(
        (&summary["epochs_saved"], &summary["converged_at"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[test]
fn experiments_are_compared_with_their_baseline() {
    let text = Report::new(&experiments()).markdown();
    let section = text.split("## Experiments\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    assert_eq!(
        section,
        "\nDifferences are to the baseline, trial 0: accuracy 0.5000.\n\
         \n### rule\n\n\
         | run | trial | epochs | accuracy | difference | relative | epochs to 0.50 |\n\
         |---|---|---|---|---|---|---|\n\
         | sgd (baseline) | 0 | 4 | 0.5000 |  |  | 1 |\n\
         | **adam** | 1 | 4 | 0.8125 | +0.3125 | +62 % | 1 |\n\
         | wild | 2 | 1 | (failed) |  |  | never |\n\
         \n### named\n\n\
         | run | trial | epochs | accuracy | difference | relative | epochs to 0.50 |\n\
         |---|---|---|---|---|---|---|\n\
         | base (baseline) | 0 | 4 | 0.5000 |  |  | 1 |\n\
         | **good** | 1 | 4 | 0.8125 | +0.3125 | +62 % | 1 |\n"
    );
    assert!(text.contains("| trial | state | accuracy | epochs | experiments | optimizer |"));
    assert!(text.contains("| **1** | complete | 0.8125 | 4 | rule, named | adam |"), "{text}");
    assert!(text.contains("0.3125, 62 % better than the baseline, trial 0 (accuracy 0.5000)"), "{text}");
}

#[test]
fn without_a_baseline_there_is_nothing_to_compare_with() {
    let mut study = experiments();
    let baseline = study.trials[0].attributes.pop().unwrap();
    let text = Report::new(&study).markdown();
    assert!(text.contains("The baseline is none of the runs."), "{text}");
    assert!(text.contains("| **adam** | 1 | 4 | 0.8125 |  |  |"), "{text}");
    study.trials[2].attributes.push(baseline);
    let text = Report::new(&study).markdown();
    assert!(text.contains("The baseline, trial 2, is not complete."), "{text}");
}

#[test]
fn small_differences_have_no_more_digits_than_figures() {
    let mut study = experiments();
    study.trials[1].value = Some(0.4996);
    let text = Report::new(&study).markdown();
    let line = "| adam | 1 | 4 | 0.4996 | -0.0004 | -0.1 % |";
    assert!(text.contains(line), "{line} is not in\n{text}");
}

proptest! {
    /// Whatever stands in a cell, a reader that follows RFC 4180 gets it back.
    #[test]
    fn cells_survive_csv(cells in proptest::collection::vec("[a-c,\"\n\r ä]{0,6}", 1..5)) {
        prop_assert_eq!(parse(&csv_line(&cells)), cells);
    }
}

fn parse(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.strip_suffix('\n').unwrap().chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    cells
}
