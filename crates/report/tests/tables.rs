//! The tables of a small study, in full, and what odd values do to them.

use proptest::prelude::*;
use tunefork_report::{Row, Summary, csv_line, markdown, trials_csv};
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
        Row {
            epochs: 1,
            reason: "loss is NaN, epoch 1".into(),
            ..Row::new(2, TrialState::Failed, adam)
        },
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
fn less_is_better_where_the_direction_says_so() {
    let mut summary = summary();
    summary.direction = Direction::Minimize;
    assert_eq!(summary.best().unwrap().number, 0);
    summary.trials.truncate(0);
    assert!(markdown(&summary).contains("No trial was started."));
    summary
        .trials
        .push(Row::new(0, TrialState::Running, Params::default()));
    assert!(markdown(&summary).contains(
        "1 trial (1 running) were trained for 0 epochs in all.\nNone of them is complete yet."
    ));
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
