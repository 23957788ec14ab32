//! Rows as a study.

use crate::database::has_table;
use crate::error::Trouble;
use crate::{distribution, json};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::BTreeMap;
use tunefork_study::{
    Blueprint, Clock, Cost, CostModel, End, EndReason, EpochRecord, OutsideEvent, OutsideKind,
    Place, Schedule, StoredParameter, StudyHeader, StudyRecord, TrialObserved, TrialRecord,
    ValueAt,
};
use tunefork_trial::{Direction, TrialNumber, TrialState};

/// A study with the row ids that a writer needs.
pub(crate) struct Found {
    pub id: i64,
    pub record: StudyRecord,
    pub trial_ids: Vec<i64>,
    pub last_trial_id: i64,
}

/// Names of all studies.
pub(crate) fn names(connection: &Connection) -> Result<Vec<String>, Trouble> {
    if !has_table(connection, "studies")? {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare_cached("SELECT study_name FROM studies ORDER BY study_id")?;
    let names = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(names)
}

/// The study of this name, whoever wrote it.
pub(crate) fn study(connection: &Connection, name: &str) -> Result<Option<Found>, Trouble> {
    if !has_table(connection, "studies")? {
        return Ok(None);
    }
    let id: Option<i64> = connection
        .prepare_cached("SELECT study_id FROM studies WHERE study_name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    let ours = has_table(connection, "tunefork_studies")?;
    let mut record = StudyRecord::new(header(connection, id, name, ours)?);
    let trial_ids = trials(connection, id, &mut record)?;
    let mut reader = TrialReader {
        connection,
        study: id,
        by_id: trial_ids.iter().copied().zip(0..).collect(),
        trials: &mut record.trials,
    };
    reader.parameters()?;
    reader.attributes()?;
    reader.values()?;
    reader.reports()?;
    if ours {
        reader.own_tables()?;
        record.outside_events = outside_events(connection, id)?;
    }
    let last_trial_id: Option<i64> = connection
        .prepare_cached("SELECT max(trial_id) FROM trials")?
        .query_row([], |row| row.get(0))?;
    Ok(Some(Found {
        id,
        record,
        trial_ids,
        last_trial_id: last_trial_id.unwrap_or(0),
    }))
}

fn header(
    connection: &Connection,
    id: i64,
    name: &str,
    ours: bool,
) -> Result<StudyHeader, Trouble> {
    let directions: Vec<String> = connection
        .prepare_cached(
            "SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective",
        )?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let direction = match directions.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["MINIMIZE"] => Direction::Minimize,
        ["MAXIMIZE"] => Direction::Maximize,
        _ => {
            return Err(Trouble::Damaged(format!(
                "study `{name}` has the directions {directions:?}; one is supported, MINIMIZE or MAXIMIZE"
            )));
        }
    };
    let mut header = StudyHeader::new(name, direction, 0);
    let metric: Option<String> = connection
        .prepare_cached(
            "SELECT value_json FROM study_system_attributes
             WHERE study_id = ? AND \"key\" = 'study:metric_names'",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    header.metric = metric
        .and_then(|text| json::parse(&text).ok())
        .and_then(|json| json.get(0)?.as_str().map(str::to_owned));
    if ours {
        own_header(connection, id, &mut header)?;
    }
    Ok(header)
}

fn own_header(connection: &Connection, id: i64, header: &mut StudyHeader) -> Result<(), Trouble> {
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
    header.seed = text(0)?
        .parse()
        .map_err(|_| damaged("the seed", &text(0).unwrap_or_default()))?;
    header.slots = row.get(1)?;
    header.cost_model = CostModel {
        flop: count(row, 2)?,
        byte: count(row, 3)?,
        step: count(row, 4)?,
    };
    header.value_at = match text(5)?.as_str() {
        "last" => ValueAt::Last,
        "best" => ValueAt::Best,
        other => return Err(damaged("value_at", other)),
    };
    header.clock = match text(11)?.as_str() {
        "virtual" => Clock::Virtual,
        "eager" => Clock::Eager,
        other => return Err(damaged("the clock", other)),
    };
    header.sampler = text(6)?;
    header.scheduler = text(7)?;
    let json_error = |what: &str, error: serde_json::Error| damaged(what, &error.to_string());
    header.settings =
        serde_json::from_str(&text(8)?).map_err(|e| json_error("settings_json", e))?;
    header.fingerprint =
        serde_json::from_str(&text(9)?).map_err(|e| json_error("fingerprint_json", e))?;
    header.stages = serde_json::from_str(&text(10)?).map_err(|e| json_error("stages_json", e))?;
    Ok(())
}

/// Fills in the trials with what the table `trials` knows, and returns their row ids by number.
fn trials(
    connection: &Connection,
    study: i64,
    record: &mut StudyRecord,
) -> Result<Vec<i64>, Trouble> {
    let mut ids = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT trial_id, number, state, datetime_start, datetime_complete
         FROM trials WHERE study_id = ? ORDER BY number, trial_id",
    )?;
    let mut rows = statement.query([study])?;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(1)?;
        if number as usize != ids.len() {
            return Err(Trouble::Damaged(format!(
                "trial {} is missing or there twice (the next row has number {number})",
                ids.len()
            )));
        }
        let state: String = row.get(2)?;
        let state = match state.as_str() {
            "RUNNING" => TrialState::Running,
            "WAITING" => TrialState::Waiting,
            "COMPLETE" => TrialState::Complete,
            "PRUNED" => TrialState::Pruned,
            "FAIL" => TrialState::Failed,
            other => return Err(damaged("the state of a trial", other)),
        };
        let mut trial = TrialRecord::new(TrialNumber(number), state);
        trial.observed = TrialObserved {
            started: row.get(3)?,
            ended: row.get(4)?,
            restarts: 0,
        };
        ids.push(row.get(0)?);
        record.trials.push(trial);
    }
    Ok(ids)
}

struct TrialReader<'a> {
    connection: &'a Connection,
    study: i64,
    /// Index of a trial by its row id.
    by_id: BTreeMap<i64, usize>,
    trials: &'a mut [TrialRecord],
}

impl TrialReader<'_> {
    /// Calls `fill` with each row of `table` that belongs to the study, whose first column is the
    /// trial's row id.
    fn rows(
        &mut self,
        columns: &str,
        table: &str,
        order: &str,
        mut fill: impl FnMut(&mut TrialRecord, &Row<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let sql = format!(
            "SELECT {table}.trial_id, {columns} FROM {table}
             JOIN trials ON trials.trial_id = {table}.trial_id
             WHERE trials.study_id = ? ORDER BY {order}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([self.study])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if let Some(index) = self.by_id.get(&id) {
                fill(&mut self.trials[*index], row)?;
            }
        }
        Ok(())
    }

    fn parameters(&mut self) -> Result<(), Trouble> {
        let columns = "param_name, param_value, distribution_json";
        self.rows(columns, "trial_params", "param_id", |trial, row| {
            let name: String = row.get(1)?;
            let source: String = row.get(3)?;
            let domain = distribution::read(&source).map_err(|detail| {
                Trouble::Damaged(format!(
                    "trial {}, parameter `{name}`: {detail}",
                    trial.number
                ))
            })?;
            trial.params.push(StoredParameter {
                name,
                domain,
                internal: row.get(2)?,
            });
            Ok(())
        })
    }

    fn attributes(&mut self) -> Result<(), Trouble> {
        let order = "trial_user_attribute_id";
        self.rows(
            "\"key\", value_json",
            "trial_user_attributes",
            order,
            |trial, row| {
                let (key, source): (String, String) = (row.get(1)?, row.get(2)?);
                let value = json::parse(&source).map_err(|error| {
                    Trouble::Damaged(format!(
                        "trial {}, attribute `{key}`: {error}",
                        trial.number
                    ))
                })?;
                trial.attributes.push((key, value));
                Ok(())
            },
        )?;
        let order = "trial_system_attribute_id";
        self.rows(
            "\"key\", value_json",
            "trial_system_attributes",
            order,
            |trial, row| {
                let (key, source): (String, String) = (row.get(1)?, row.get(2)?);
                if key == "fixed_params" {
                    let params = json::parse(&source).ok().as_ref().and_then(json::to_params);
                    trial.fixed = Some(params.ok_or_else(|| damaged("fixed_params", &source))?);
                }
                Ok(())
            },
        )
    }

    fn values(&mut self) -> Result<(), Trouble> {
        let columns = "value, value_type, objective";
        self.rows(columns, "trial_values", "trial_value_id", |trial, row| {
            if row.get::<_, i64>(3)? == 0 {
                trial.value = Some(number(row, 1)?);
            }
            Ok(())
        })
    }

    fn reports(&mut self) -> Result<(), Trouble> {
        let columns = "intermediate_value, intermediate_value_type, step";
        let order = "trial_intermediate_values.trial_id, step";
        self.rows(columns, "trial_intermediate_values", order, |trial, row| {
            let step: i64 = row.get(3)?;
            let step = u32::try_from(step).map_err(|_| damaged("a step", &step.to_string()))?;
            trial.epochs.push(EpochRecord {
                step,
                value: number(row, 1)?,
                time: 0,
                metrics: Vec::new(),
                observed: Vec::new(),
            });
            Ok(())
        })
    }

    fn own_tables(&mut self) -> Result<(), Trouble> {
        self.rows("1", "tunefork_paused", "1", |trial, _| {
            trial.state = TrialState::Paused;
            Ok(())
        })?;
        let columns = "epochs, epoch_flops, epoch_bytes, epoch_steps, epoch_ticks, arena_bytes, plan_key, start_time";
        self.rows(columns, "tunefork_schedules", "1", |trial, row| {
            trial.schedule = Some(schedule(row)?);
            Ok(())
        })?;
        self.rows(
            "end_time, reason, message",
            "tunefork_ends",
            "1",
            |trial, row| {
                let reason: String = row.get(2)?;
                trial.end = Some(End {
                    time: count(row, 1)?,
                    reason: EndReason::from_word(&reason)
                        .ok_or_else(|| damaged("the reason of an end", &reason))?,
                    message: row.get(3)?,
                });
                Ok(())
            },
        )?;
        self.rows(
            "step, report_time",
            "tunefork_reports",
            "1, 2",
            |trial, row| {
                if let Some(epoch) = epoch(trial, row)? {
                    epoch.time = count(row, 2)?;
                }
                Ok(())
            },
        )?;
        let order = "1, step, replicate, fold, position";
        self.rows(
            "step, name, value",
            "tunefork_metrics",
            order,
            |trial, row| {
                if let Some(epoch) = epoch(trial, row)? {
                    epoch.metrics.push(figure(row)?);
                }
                Ok(())
            },
        )?;
        self.rows(
            "step, name, value",
            "tunefork_observed",
            order,
            |trial, row| {
                if let Some(epoch) = epoch(trial, row)? {
                    epoch.observed.push(figure(row)?);
                }
                Ok(())
            },
        )?;
        self.rows(
            "restarts",
            "tunefork_observed_restarts",
            "1",
            |trial, row| {
                trial.observed.restarts = row.get(1)?;
                Ok(())
            },
        )
    }
}

fn schedule(row: &Row<'_>) -> Result<Schedule, Trouble> {
    Ok(Schedule {
        blueprint: Blueprint {
            epochs: row.get(1)?,
            epoch_cost: Cost {
                flops: count(row, 2)?,
                bytes: count(row, 3)?,
                steps: count(row, 4)?,
            },
            arena_bytes: count(row, 6)?,
            plan_key: row.get(7)?,
        },
        epoch_ticks: count(row, 5)?,
        start: count(row, 8)?,
    })
}

fn outside_events(connection: &Connection, study: i64) -> Result<Vec<OutsideEvent>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT place_time, place_trial, place_step, kind, message
         FROM tunefork_outside_events WHERE study_id = ? ORDER BY event_id",
    )?;
    let mut rows = statement.query([study])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(3)?;
        events.push(OutsideEvent {
            place: Place {
                time: count(row, 0)?,
                trial: row.get(1)?,
                step: row.get(2)?,
            },
            kind: OutsideKind::from_word(&kind)
                .ok_or_else(|| damaged("the kind of an outside event", &kind))?,
            message: row.get(4)?,
        });
    }
    Ok(events)
}

/// The report that a row belongs to, by the step in its second column.
fn epoch<'a>(
    trial: &'a mut TrialRecord,
    row: &Row<'_>,
) -> Result<Option<&'a mut EpochRecord>, Trouble> {
    let step: u32 = row.get(1)?;
    let found = trial.epochs.binary_search_by_key(&step, |epoch| epoch.step);
    Ok(found.ok().map(|index| &mut trial.epochs[index]))
}

/// Name and value of a metric; NULL stands for NaN.
fn figure(row: &Row<'_>) -> Result<(String, f64), Trouble> {
    let value: Option<f64> = row.get(3)?;
    Ok((row.get(2)?, value.unwrap_or(f64::NAN)))
}

/// A number in Optuna's two columns, value and type.
fn number(row: &Row<'_>, column: usize) -> Result<f64, Trouble> {
    let kind: String = row.get(column + 1)?;
    Ok(match kind.as_str() {
        "FINITE" => row.get(column)?,
        "NAN" => f64::NAN,
        "INF_POS" => f64::INFINITY,
        "INF_NEG" => f64::NEG_INFINITY,
        other => return Err(damaged("the type of a value", other)),
    })
}

/// A count or virtual time: SQLite's integers are signed, ours are not.
fn count(row: &Row<'_>, column: usize) -> Result<u64, Trouble> {
    Ok(row.get::<_, i64>(column)? as u64)
}

fn damaged(what: &str, found: &str) -> Trouble {
    Trouble::Damaged(format!("{what} is `{found}`, which is not known"))
}
