//! What is told of a trial in Optuna's tools beside its value: attributes that follow from our own tables.

use crate::error::DatabaseError;
use crate::json;
use rusqlite::Connection;
use tunefork_study::{Timing, TrialRecord};

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

/// Takes them out of a trial's attributes again: it has what they follow from.
pub(crate) fn remove(trial: &mut TrialRecord) {
    let Some(last) = trial.epochs.last() else { return };
    let figures = &last.report.metrics.whole;
    let names = figures.iter().map(|(name, _)| name.as_str()).chain(["epochs", "seconds"]);
    let names: Vec<&str> = names.filter(|_| !figures.is_empty()).collect();
    let seconds = trial.epochs.iter().filter_map(|epoch| epoch.report.timing.as_ref()).map(Timing::all_seconds);
    let told = attributes(figures, trial.epochs.len(), seconds.reduce(|all, seconds| all + seconds));
    // How long it took is added up in another order here: there it is known by its name alone.
    trial.attributes.retain(|(key, value)| {
        let is_told = |(name, text): &(String, String)| {
            name == key && (name == "seconds" || json::parse(text).is_ok_and(|told| told == *value))
        };
        !names.contains(&key.as_str()) || !told.iter().any(is_told)
    });
}

/// Names and values in JSON.
fn attributes(figures: &[(String, f64)], epochs: usize, seconds: Option<f64>) -> Vec<(String, String)> {
    let figures = figures.iter().map(|(name, value)| (name.clone(), json::float(*value)));
    let epochs = [("epochs".to_owned(), epochs.to_string())];
    figures.chain(epochs).chain(seconds.map(|seconds| ("seconds".to_owned(), json::float(seconds)))).collect()
}
