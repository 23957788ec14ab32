//! The tables of a small study, in full, and what odd values do to them.

use proptest::prelude::*;
use tunefork_report::{ExperimentSummary, Row, Summary, csv_line, markdown, trials_csv};
use tunefork_space::{Params, Value};
use tunefork_trial::{Direction, TrialState};

fn summary() -> Summary {
    let params = |pairs: &[(&str, Value)]| pairs.iter().cloned().collect::<Params>();
    let sgd = params(&[("optimizer", "sgd".into()), ("momentum", 0.9.into())]);
    let adam = params(&[("optimizer", "adam".into())]);
    let trials = vec![
        Row {
            value: Some(0.5),
            epochs: 4,
            metrics: vec![("loss".into(), 1.25)],
            seconds: Some(1.5),
            ..Row::new(0, TrialState::Complete, sgd)
        },
        Row {
            value: Some(0.8125),
            epochs: 4,
            metrics: vec![("loss".into(), 0.5)],
            ..Row::new(1, TrialState::Complete, adam.clone())
        },
        Row { epochs: 1, reason: "loss is NaN, epoch 1".into(), ..Row::new(2, TrialState::Failed, adam) },
    ];
    Summary {
        settings: vec![("seed".into(), "3".into())],
        test: vec![("accuracy".into(), 0.8)],
        notes: vec!["2 images could not be read".into()],
        ..Summary::new("shapes", "accuracy", Direction::Maximize, trials)
    }
}

#[test]
fn csv_has_a_row_for_each_trial() {
    assert_eq!(
        trials_csv(&summary()),
        "trial,state,value,epochs,optimizer,momentum,loss,seconds,reason\n\
         0,complete,0.5,4,sgd,0.9,1.25,1.500,\n\
         1,complete,0.8125,4,adam,,0.5,,\n\
         2,failed,,1,adam,,,,\"loss is NaN, epoch 1\"\n"
    );
}

#[test]
fn markdown_tells_the_best_and_the_rest() {
    let text = markdown(&summary());
    assert_eq!(text, include_str!("shapes.md"));
}

#[test]
fn the_objective_stands_once_in_the_best_trials_table() {
    let mut summary = summary();
    summary.trials[1].metrics.push(("accuracy".into(), 0.8125));
    let text = markdown(&summary);
    assert_eq!(text, include_str!("shapes.md"));
}

#[test]
fn trainings_of_a_trial_are_listed_with_their_deviation() {
    let mut summary = summary();
    let members = |values: [f64; 2]| {
        let names = ["replicate 0 fold 0", "replicate 0 fold 1"].map(String::from);
        names.into_iter().zip(values).collect()
    };
    summary.trials[0].members = members([0.25, 0.75]);
    summary.trials[0].deviation = Some(0.375);
    summary.trials[1].members = members([0.75, 0.875]);
    summary.trials[1].deviation = Some(0.0625);
    summary.test_deviations = vec![0.03125];
    assert_eq!(
        trials_csv(&summary),
        "trial,state,value,epochs,optimizer,momentum,loss,deviation,replicate 0 fold 0,replicate 0 fold 1,seconds,reason\n\
         0,complete,0.5,4,sgd,0.9,1.25,0.375,0.25,0.75,1.500,\n\
         1,complete,0.8125,4,adam,,0.5,0.0625,0.75,0.875,,\n\
         2,failed,,1,adam,,,,,,,\"loss is NaN, epoch 1\"\n"
    );
    let text = markdown(&summary);
    for line in [
        "The best of them is **trial 1**: accuracy **0.8125 ± 0.0625**.",
        "The value is the mean over 2 trainings, ± their standard deviation:",
        "| replicate 0 fold 1 | 0.8750 |",
        "| accuracy | 0.8000 ± 0.0312 |",
        "| 0 | complete | 0.5000 ± 0.3750 | 4 |",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn less_is_better_where_the_direction_says_so() {
    let mut summary = summary();
    summary.direction = Direction::Minimize;
    assert_eq!(summary.best().unwrap().number, 0);
    summary.trials.truncate(0);
    assert!(markdown(&summary).contains("No trial was started."));
    summary.trials.push(Row::new(0, TrialState::Running, Params::default()));
    assert!(
        markdown(&summary)
            .contains("1 trial (1 running) was trained for 0 epochs in all.\nNone of them is complete yet.")
    );
}

/// The trials of [`summary`] and one that has not started, as runs of two experiments.
#[test]
fn what_mattered_is_told_where_it_is_known() {
    assert!(!markdown(&summary()).contains("What mattered"));
    let importances = vec![("momentum".to_owned(), 0.756), ("optimizer".to_owned(), 0.244)];
    let text = markdown(&Summary { importances, ..summary() });
    let expected = "\n## What mattered\n\n\
                    How far the values of the best tenth of 2 completed trials lie from those of all (PED-ANOVA), as shares. \
                    Of so few trials it is a rough guess.\n\n\
                    | parameter | share |\n|---|---|\n| momentum | 76 % |\n| optimizer | 24 % |\n";
    assert!(text.contains(expected), "{text}");
}

fn experiments() -> Summary {
    let experiment = |name: &str, varied: bool, runs: &[(&str, u32)]| ExperimentSummary {
        name: name.into(),
        varied,
        runs: runs.iter().map(|(name, trial)| (name.to_string(), *trial)).collect(),
    };
    Summary {
        experiments: vec![
            experiment("rule", true, &[("sgd", 0), ("adam", 1), ("wild", 2)]),
            experiment("named", false, &[("later", 3), ("wild", 2), ("base", 0), ("good", 1)]),
        ],
        baseline: Some(0),
        ..summary()
    }
}

#[test]
fn experiments_are_compared_with_their_baseline() {
    let text = markdown(&experiments());
    let section = text.split("## Experiments\n").nth(1).unwrap();
    let section = section.split("\n## Trials").next().unwrap();
    assert_eq!(
        section,
        "\nDifferences are to the baseline, trial 0: accuracy 0.5000.\n\
         \n### rule\n\n\
         | run | trial | epochs | accuracy | difference | relative |\n\
         |---|---|---|---|---|---|\n\
         | sgd (baseline) | 0 | 4 | 0.5000 |  |  |\n\
         | adam | 1 | 4 | 0.8125 | +0.3125 | +62.50 % |\n\
         | wild | 2 | 1 | (failed) |  |  |\n\
         \n### named\n\n\
         | run | trial | epochs | accuracy | difference | relative |\n\
         |---|---|---|---|---|---|\n\
         | good | 1 | 4 | 0.8125 | +0.3125 | +62.50 % |\n\
         | base (baseline) | 0 | 4 | 0.5000 |  |  |\n\
         | later | 3 |  | not started |  |  |\n\
         | wild | 2 | 1 | (failed) |  |  |\n"
    );
    assert!(text.contains("| trial | state | accuracy | epochs | experiments | optimizer |"));
    assert!(text.contains("| **1** | complete | 0.8125 | 4 | rule, named | adam |"), "{text}");
}

#[test]
fn runs_of_several_trainings_have_their_deviation() {
    let mut summary = experiments();
    summary.trials[0].deviation = Some(0.375);
    summary.trials[1].deviation = Some(0.0625);
    summary.test_deviations = vec![4.1e-4];
    let text = markdown(&summary);
    for line in [
        "| accuracy | 0.8000 ± 0.0004 |",
        "Differences are to the baseline, trial 0: accuracy 0.5000 ± 0.3750.",
        "| sgd (baseline) | 0 | 4 | 0.5000 ± 0.3750 |  |  |",
        "| good | 1 | 4 | 0.8125 ± 0.0625 | +0.3125 | +62.50 % |",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn without_a_baseline_there_is_nothing_to_compare_with() {
    let mut summary = experiments();
    summary.baseline = None;
    let text = markdown(&summary);
    assert!(text.contains("The baseline is none of the runs."), "{text}");
    assert!(text.contains("| adam | 1 | 4 | 0.8125 |  |  |"), "{text}");
    summary.baseline = Some(2);
    let text = markdown(&summary);
    assert!(text.contains("The baseline, trial 2, is not complete."), "{text}");
}

#[test]
fn small_differences_have_no_more_digits_than_figures() {
    let mut summary = experiments();
    summary.trials[1].value = Some(0.4996);
    let text = markdown(&summary);
    let line = "| adam | 1 | 4 | 0.4996 | -0.0004 | -0.08 % |";
    assert!(text.contains(line), "{line} is not in\n{text}");
}

#[test]
fn less_is_listed_first_where_less_is_better() {
    let mut summary = experiments();
    summary.direction = Direction::Minimize;
    let text = markdown(&summary);
    let named = text.split("### named").nth(1).unwrap();
    assert!(named.find("base").unwrap() < named.find("good").unwrap(), "{named}");
}

#[test]
fn csv_names_experiments_and_runs() {
    let text = trials_csv(&experiments());
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("trial,state,value,epochs,experiment,run,optimizer,momentum,loss,seconds,reason"));
    assert_eq!(lines.next(), Some("0,complete,0.5,4,rule; named,sgd; base,sgd,0.9,1.25,1.500,"));
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
