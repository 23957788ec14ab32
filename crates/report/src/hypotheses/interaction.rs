//! Whether what one parameter does depends on another.

use tunefork_study::mean;

use super::chance::{Chance, most_ratio};
use super::judge::{Judgement, Run, SEVERAL, Verdict, differ_only_in, stored};
use crate::numbers::figure_beside;

/// By what is left of a table of runs when the means of its rows and columns are taken away, against how far the trainings of a run
/// lie apart. That there is no interaction cannot be shown, so such a claim is never rejected.
pub(super) fn interact(runs: &[Run<'_>], one: &str, other: &str) -> Judgement {
    let Some(table) = table(runs, one, other) else {
        return Judgement::not_tested(
            "runs with all combinations of their values, and all else the same, are not there.",
        );
    };
    let values: Vec<Vec<f64>> = table.iter().map(|row| row.iter().map(|run| run.1).collect()).collect();
    let (rows, columns) = (values.len(), values[0].len());
    let (largest, squares) = beyond_means(&values);
    let because = format!(
        "in {rows} x {columns} runs the sum of what each of the two does by itself is up to {} off",
        figure_beside(largest, 1.0)
    );
    // Of one run's mean: shares of one over the root of their number add up to one.
    let share = 1.0 / ((rows * columns) as f64).sqrt();
    let Some(chance) = Chance::of(table.iter().flatten().map(|run| (run.0, share))) else {
        return Judgement::undecided(format!("{because}; {SEVERAL}."));
    };
    let freedom = ((rows - 1) * (columns - 1)) as f64;
    match squares / freedom / chance.error.powi(2) > most_ratio(freedom, chance.freedom) {
        true => Judgement::new(Verdict::Supported, format!("{because}, more than chance (F test, 95 %).")),
        false => Judgement::undecided(format!("{because}, which is within chance (F test, 95 %).")),
    }
}

/// The largest table of runs that differ in these two alone: values of one that were tried with all values of the other, whichever way
/// that gives more.
fn table<'a>(runs: &[Run<'a>], one: &str, other: &str) -> Option<Vec<Vec<Run<'a>>>> {
    let sets = runs.iter().map(|(first, _)| {
        runs.iter().copied().filter(|(trial, _)| differ_only_in(first, trial, &[one, other])).collect::<Vec<Run<'a>>>()
    });
    let set = sets.max_by_key(Vec::len)?;
    let distinct = |name: &str| {
        let mut values: Vec<f64> = set.iter().filter_map(|(trial, _)| Some(stored(trial, name)?.internal)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let whole = |down: &str, across: &str| -> Vec<Vec<Run<'a>>> {
        let is =
            |run: &Run<'_>, name: &str, value: f64| stored(run.0, name).is_some_and(|stored| stored.internal == value);
        let at = |row: f64, column: f64| set.iter().copied().find(|run| is(run, down, row) && is(run, across, column));
        let columns = distinct(across);
        distinct(down).into_iter().filter_map(|row| columns.iter().map(|column| at(row, *column)).collect()).collect()
    };
    let tables = [whole(one, other), whole(other, one)].into_iter();
    let large = tables.filter(|table| table.len() >= 2 && table[0].len() >= 2);
    large.max_by_key(|table| table.len() * table[0].len())
}

/// What is left of a table when its rows' and columns' means are taken away: the largest, and the sum of their squares.
fn beyond_means(values: &[Vec<f64>]) -> (f64, f64) {
    let rows: Vec<f64> = values.iter().map(|row| mean(row)).collect();
    let columns: Vec<f64> =
        (0..values[0].len()).map(|column| mean(&values.iter().map(|row| row[column]).collect::<Vec<f64>>())).collect();
    let all = mean(&rows);
    let rest = values.iter().zip(&rows).flat_map(|(row, of_row)| {
        row.iter().zip(&columns).map(move |(value, of_column)| value - of_row - of_column + all)
    });
    rest.fold((0.0_f64, 0.0), |(largest, squares), rest| (largest.max(rest.abs()), squares + rest * rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_do_each_by_itself_leaves_nothing() {
        let (largest, squares) = beyond_means(&[vec![0.1, 0.2, 0.4], vec![0.3, 0.4, 0.6]]);
        assert!(largest < 1e-12 && squares < 1e-20);
        let (largest, squares) = beyond_means(&[vec![0.0, 0.0], vec![0.0, 0.4]]);
        assert!((largest - 0.1).abs() < 1e-12 && (squares - 0.04).abs() < 1e-12);
    }
}
