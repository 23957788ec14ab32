//! What is told of a trial in Optuna's tools beside its value: attributes that follow from our own tables.

use crate::error::DatabaseError;
use crate::json;
use rusqlite::Connection;
use tunefork_study::TrialRecord;

/// The figures of all images after its last epoch, how many epochs it had and how long it took, as attributes of the trial
/// `id`, which has ended. One that a user has set stays as it is.
pub(crate) fn write(connection: &Connection, id: i64) -> Result<(), DatabaseError> {
    let epochs: i64 = connection
        .prepare_cached("SELECT count(*) FROM trial_intermediate_values WHERE trial_id = ?")?
        .query_row([id], |row| row.get(0))?;
    let sql = "SELECT name, value FROM tunefork_metrics
         WHERE trial_id = ?1 AND (replicate, fold) IN ((-1, -1), (0, 0))
         AND step = (SELECT max(step) FROM tunefork_metrics WHERE trial_id = ?1)
         ORDER BY replicate, position";
    let mut figures: Vec<(String, f64)> = Vec::new();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (name, value): (String, Option<f64>) = (row.get(0)?, row.get(1)?);
        // Those of classes and pairs are many; of several trainings those of all together come first.
        if !name.contains('/') && !figures.iter().any(|(other, _)| *other == name) {
            figures.push((name, value.unwrap_or(f64::NAN)));
        }
    }
    if figures.is_empty() {
        return Ok(());
    }
    let seconds: Option<f64> = connection
        .prepare_cached(
            "SELECT sum(value) FROM tunefork_observed
             WHERE trial_id = ? AND (replicate, fold) IN ((-1, -1), (0, 0)) AND name IN ('seconds', 'validation_seconds')",
        )?
        .query_row([id], |row| row.get(0))?;
    for (name, value) in attributes(&figures, epochs as usize, seconds) {
        connection
            .prepare_cached(
                "INSERT INTO trial_user_attributes (trial_id, \"key\", value_json) VALUES (?, ?, ?)
                 ON CONFLICT (trial_id, \"key\") DO NOTHING",
            )?
            .execute((id, name, value))?;
    }
    Ok(())
}

/// Whether an attribute is one of these: a trial that has been read has what they follow from.
pub(crate) fn is_derived(trial: &TrialRecord, key: &str, value: &str) -> bool {
    let Some(last) = trial.epochs.last().filter(|last| !last.report.metrics.whole.is_empty()) else { return false };
    match key {
        EPOCHS => value == trial.epochs.len().to_string(),
        // Parts of a second are added up in another order there.
        SECONDS => true,
        key => {
            let figure = last.report.metrics.whole.iter().find(|(name, _)| name == key);
            figure.is_some_and(|(_, figure)| value == json::float(*figure))
        }
    }
}

const EPOCHS: &str = "epochs";
const SECONDS: &str = "seconds";

/// Names and values in JSON.
fn attributes(figures: &[(String, f64)], epochs: usize, seconds: Option<f64>) -> Vec<(String, String)> {
    let figures = figures.iter().map(|(name, value)| (name.clone(), json::float(*value)));
    let epochs = [(EPOCHS.to_owned(), epochs.to_string())];
    figures.chain(epochs).chain(seconds.map(|seconds| (SECONDS.to_owned(), json::float(seconds)))).collect()
}
