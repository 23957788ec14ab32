//! Rows as a study.

mod trials;

use crate::database::has_table;
use crate::error::DatabaseError;
use crate::json;
use rusqlite::{Connection, OptionalExtension, Row};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use tunefork_study::{CostModel, Moment, OutsideEvent, StudyHeader, StudyRecord};
use tunefork_trial::Direction;

/// A study with the row ids that a writer needs.
pub(crate) struct Found {
    pub id: i64,
    pub ours: bool,
    pub record: StudyRecord,
    pub trial_ids: Vec<i64>,
    pub last_trial_id: i64,
}

pub(crate) fn names(connection: &Connection) -> Result<Vec<String>, DatabaseError> {
    if !has_table(connection, "studies")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached("SELECT study_name FROM studies ORDER BY study_id")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// Those of them that we have rows for.
pub(crate) fn own_names(connection: &Connection) -> Result<Vec<String>, DatabaseError> {
    if !has_table(connection, "studies")? || !has_table(connection, "tunefork_studies")? {
        return Ok(Vec::new());
    }
    let sql = "SELECT study_name FROM studies JOIN tunefork_studies USING (study_id) ORDER BY study_id";
    let names = connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// The study of this name, whoever wrote it.
pub(crate) fn study(connection: &Connection, name: &str) -> Result<Option<Found>, DatabaseError> {
    if !has_table(connection, "studies")? {
        return Ok(None);
    }
    let id: Option<i64> = connection
        .prepare_cached("SELECT study_id FROM studies WHERE study_name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    let ours = is_ours(connection, id)?;
    let mut record = StudyRecord::new(header(connection, id, name, ours)?);
    let trial_ids = trials::read(connection, id, ours, &mut record)?;
    if ours {
        record.outside_events = outside_events(connection, id)?;
        record.elapsed = elapsed(connection, id)?;
    }
    let last_trial_id: Option<i64> =
        connection.prepare_cached("SELECT max(trial_id) FROM trials")?.query_row([], |row| row.get(0))?;
    Ok(Some(Found { id, ours, record, trial_ids, last_trial_id: last_trial_id.unwrap_or(0) }))
}

/// Whether we have begun the study. One that Optuna has made has no rows of ours.
fn is_ours(connection: &Connection, id: i64) -> Result<bool, DatabaseError> {
    if !has_table(connection, "tunefork_studies")? {
        return Ok(false);
    }
    Ok(connection.prepare_cached("SELECT 1 FROM tunefork_studies WHERE study_id = ?")?.exists([id])?)
}

fn header(connection: &Connection, id: i64, name: &str, ours: bool) -> Result<StudyHeader, DatabaseError> {
    let directions: Vec<String> = connection
        .prepare_cached("SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective")?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let direction = match directions.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["MINIMIZE"] => Direction::Minimize,
        ["MAXIMIZE"] => Direction::Maximize,
        [_, _, ..] => return Err(DatabaseError::Objectives { name: name.to_owned(), objectives: directions.len() }),
        [] => return Err(DatabaseError::Damaged(format!("study `{name}` has no direction"))),
        [other] => return Err(damaged("the direction of the study", other)),
    };
    let mut header = StudyHeader::new(name, direction, 0);
    let metric: Option<String> = connection
        .prepare_cached(
            "SELECT value_json FROM study_system_attributes
             WHERE study_id = ? AND \"key\" = 'study:metric_names'",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    header.metric =
        metric.and_then(|text| json::parse(&text).ok()).and_then(|json| json.get(0)?.as_str().map(str::to_owned));
    header.attributes = attributes(connection, id)?;
    if ours {
        own_header(connection, id, &mut header)?;
    }
    Ok(header)
}

fn attributes(connection: &Connection, id: i64) -> Result<Vec<(String, serde_json::Value)>, DatabaseError> {
    let sql =
        "SELECT \"key\", value_json FROM study_user_attributes WHERE study_id = ? ORDER BY study_user_attribute_id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| {
        let (key, source): (String, String) = (row.get(0)?, row.get(1)?);
        Ok((key, json::parse_or_text(source)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn own_header(connection: &Connection, id: i64, header: &mut StudyHeader) -> Result<(), DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT seed, slots, flop_picoseconds, byte_picoseconds, step_picoseconds, value_at,
                sampler, scheduler, settings_json, fingerprint_json, stages_json, clock
         FROM tunefork_studies WHERE study_id = ?",
    )?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let text = |column: usize| row.get::<_, String>(column);
    header.seed = text(0)?.parse().map_err(|_| damaged("the seed", &text(0).unwrap_or_default()))?;
    header.slots = row.get(1)?;
    header.cost_model = CostModel { flop: count(row, 2)?, byte: count(row, 3)?, step: count(row, 4)? };
    header.value_at = named(row, 5)?;
    header.clock = named(row, 11)?;
    header.sampler = text(6)?;
    header.scheduler = text(7)?;
    let json_error = |what: &str, error: serde_json::Error| damaged(what, &error.to_string());
    header.settings = serde_json::from_str(&text(8)?).map_err(|e| json_error("settings_json", e))?;
    header.fingerprint = serde_json::from_str(&text(9)?).map_err(|e| json_error("fingerprint_json", e))?;
    header.stages = serde_json::from_str(&text(10)?).map_err(|e| json_error("stages_json", e))?;
    Ok(())
}

fn elapsed(connection: &Connection, study: i64) -> Result<Duration, DatabaseError> {
    // Databases of before it was noted, which are only read, have no such table.
    if !has_table(connection, "tunefork_observed_time")? {
        return Ok(Duration::ZERO);
    }
    let seconds: Option<f64> = connection
        .prepare_cached("SELECT seconds FROM tunefork_observed_time WHERE study_id = ?")?
        .query_row([study], |row| row.get(0))
        .optional()?;
    let time = Duration::try_from_secs_f64(seconds.unwrap_or(0.0));
    time.map_err(|error| damaged("the time of the study", &error.to_string()))
}

fn outside_events(connection: &Connection, study: i64) -> Result<Vec<OutsideEvent>, DatabaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT place_time, place_trial, place_step, kind, message
         FROM tunefork_outside_events WHERE study_id = ? ORDER BY event_id",
    )?;
    let mut rows = statement.query([study])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(OutsideEvent {
            moment: Moment { time: count(row, 0)?, trial: row.get(1)?, step: row.get(2)? },
            kind: named(row, 3)?,
            message: row.get(4)?,
        });
    }
    Ok(events)
}

/// A count or virtual time: SQLite's integers are signed, ours are not.
fn count(row: &Row<'_>, column: usize) -> Result<u64, DatabaseError> {
    Ok(row.get::<_, i64>(column)? as u64)
}

/// A value that is kept by its name.
fn named<T: FromStr<Err: Display>>(row: &Row<'_>, column: usize) -> Result<T, DatabaseError> {
    let name: String = row.get(column)?;
    name.parse().map_err(|error: T::Err| DatabaseError::Damaged(error.to_string()))
}

fn damaged(what: &str, found: &str) -> DatabaseError {
    DatabaseError::Damaged(format!("{what} is `{found}`, which is not known"))
}
