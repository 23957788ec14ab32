use console::{measure_text_width, strip_ansi_codes};

use super::*;
use crate::progress::standing::Figures;

const PARAMS: &str = "layers=2 channels.start=32 kernel=3 activation=relu dropout=0.05 batch_size=64 optimizer=adam";

fn row(number: u32, is_training: bool, done: f64) -> Row {
    let figures = Figures { value: Some(0.8785), loss: Some(0.4321), speed: Some(2312.0) };
    Row {
        number,
        is_training,
        done,
        epochs: 10,
        figures,
        seconds: 21.4,
        params: PARAMS.split(' ').map(str::to_owned).collect(),
    }
}

fn picture(rows: Vec<Row>) -> Picture {
    let tally = Tally {
        budget: 40,
        complete: 7,
        pruned: 15,
        failed: 1,
        paused: 0,
        best: Some((33, 0.87901)),
        elapsed: 250.0,
        left: Some(200.0),
    };
    Picture { objective: Objective::Accuracy, rows, tally }
}

fn drawn(rows: Vec<Row>, width: usize) -> Vec<String> {
    frame(&picture(rows), Size { width, height: 24 }, false)
}

fn two() -> Vec<Row> {
    vec![row(3, true, 4.625), row(12, false, 9.0)]
}

#[test]
fn at_80_columns_a_trial_is_a_line_with_what_is_tried() {
    assert_eq!(
        drawn(two(), 80),
        [
            "#3  ██▊░░░ 4/10 ▸62 %  acc .8785  2.3k/s  0:21  layers=2 channels.start=32 ker…",
            "#12 █████▍ 9/10 waits  acc .8785  2.3k/s  0:21  layers=2 channels.start=32 ker…",
            "23/40 · 15 pruned · 1 failed · best .8790 (#33) · 4:10 · ~3 min left",
        ]
    );
}

#[test]
fn a_trial_that_is_trained_to_its_end_is_ready() {
    let lines = drawn(vec![row(3, false, 10.0)], 80);
    assert!(lines[0].starts_with("#3 ██████ 10/10 ready"), "{lines:?}");
}

#[test]
fn on_one_or_two_rows_only_the_count_is_drawn() {
    for height in [1, 2] {
        let lines = frame(&picture(two()), Size { width: 80, height }, false);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("23/40"), "{lines:?}");
    }
}

#[test]
fn at_40_columns_what_says_least_is_left_out() {
    assert_eq!(
        drawn(two(), 40),
        [
            "#3  ██▊░░░ 4/10 ▸62 %  acc .8785  0:21",
            "#12 █████▍ 9/10 waits  acc .8785  0:21",
            "23/40 · best .8790 · 4:10 · ~3 min left",
        ]
    );
}

#[test]
fn at_200_columns_there_is_room_for_all() {
    let lines = drawn(two(), 200);
    let first = format!("#3  ███████▍░░░░░░░░  4/10 ▸62 %  acc .8785  loss .4321  2.3k/s  0:21  {PARAMS}");
    assert_eq!(lines[0], first.replace("  4/10", " 4/10"));
    assert!(lines[1].ends_with(PARAMS), "{lines:?}");
}

#[test]
fn no_line_is_as_wide_as_the_terminal() {
    let mut rows = two();
    rows[0].number = 1234;
    rows[0].seconds = 86_400.0;
    rows[1].figures.value = Some(123.4);
    rows[1].params = vec!["größe=大きい".to_owned(); 9];
    for width in 1..250 {
        for colours in [false, true] {
            for line in frame(&picture(rows.clone()), Size { width, height: 24 }, colours) {
                let text = measure_text_width(&line);
                assert!(text < width.max(2), "{width}: {line}");
            }
        }
    }
}

#[test]
fn there_are_never_more_lines_than_the_terminal_has() {
    let rows: Vec<Row> = (0..40).map(|number| row(number, number % 2 == 1, 1.0)).collect();
    for height in 3..50 {
        let lines = frame(&picture(rows.clone()), Size { width: 80, height }, false);
        assert!(lines.len() < height, "{height}: {lines:?}");
    }
    let lines = frame(&picture(rows), Size { width: 80, height: 13 }, false);
    assert_eq!(lines.len(), 12);
    assert!(lines[0].starts_with("#1 ") && lines[9].starts_with("#19 "), "those in training first: {lines:?}");
    assert_eq!(lines[10], "and 30 more under way");
}

#[test]
fn a_trial_before_its_first_epoch_has_no_figures() {
    let new = Row { figures: Figures::default(), seconds: 0.0, ..row(0, true, 0.0) };
    assert_eq!(drawn(vec![new], 50)[0], "#0 ░░░░░░ 0/10 ▸ 0 %  0:00  layers=2 channels.st…");
}

#[test]
fn a_trial_that_waits_is_dim_and_colours_change_no_text() {
    let size = Size { width: 80, height: 24 };
    let plain = frame(&picture(two()), size, false);
    let coloured = frame(&picture(two()), size, true);
    let stripped: Vec<_> = coloured.iter().map(|line| strip_ansi_codes(line).trim_end().to_owned()).collect();
    assert_eq!(stripped, plain);
    assert!(!plain.concat().contains('\x1b'));
    let dim = "\x1b[2m";
    assert!(coloured[1].starts_with(dim) && !coloured[0].starts_with(dim), "{coloured:?}");
}

#[test]
fn trials_that_are_paused_are_counted() {
    let mut picture = picture(two());
    picture.tally.paused = 9;
    let lines = frame(&picture, Size { width: 80, height: 24 }, false);
    assert_eq!(lines[2], "23/40 · 9 paused · 15 pruned · 1 failed · best .8790 (#33) · 4:10 · ~3 min left");
}

#[test]
fn a_trial_that_ended_is_a_line() {
    let ended = |state, value, is_best, message: &str, width| {
        let (params, message) = (PARAMS.to_owned(), message.to_owned());
        let trial =
            Finished { number: 7, digits: 2, state, value, is_best, epochs: 10, seconds: 21.4, params, message };
        ended(&trial, Objective::Accuracy, width, false)
    };
    assert_eq!(
        ended(TrialState::Complete, Some(0.8785), true, "", Some(60)),
        "#7  complete  acc .8785 best  10 epochs  0:21  layers=2 ch…"
    );
    assert_eq!(
        ended(TrialState::Pruned, Some(0.1), false, "", None),
        format!("#7  pruned    acc .1000       10 epochs  0:21  {PARAMS}")
    );
    assert_eq!(
        ended(TrialState::Complete, Some(0.8785), true, "", Some(40)),
        "#7  complete  acc .8785 best  10 epochs"
    );
    let reason = "the loss became NaN in step 3 of epoch 2, which is told in full";
    let failed = ended(TrialState::Failed, None, false, reason, Some(40));
    assert_eq!(failed, format!("#7  failed    {reason}"));
}

#[test]
fn bars_move_by_an_eighth_of_a_cell() {
    assert_eq!([0.0, 0.03125, 0.5, 0.99, 1.0].map(|share| bar(share, 4)), ["░░░░", "▏░░░", "██░░", "███▉", "████"]);
}
