//! Trials from their tables: Optuna's, then ours.

use super::{count, damaged, named};
use crate::database::has_table;
use crate::error::DatabaseError;
use crate::{derived_attributes, distribution, json};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;
use std::sync::Arc;
use tunefork_space::Value;
use tunefork_study::{
    Blueprint, Cost, End, EndReason, EpochRecord, EpochReport, Member, MemberReport, Metrics, Moment, Schedule,
    StoredParameter, StudyRecord, TrialObserved, TrialRecord,
};
use tunefork_trial::{TrialNumber, TrialState};

/// Reads all trials of a study, with what stands in our tables if they are there. Returns their row
/// ids by number.
pub(super) fn read(
    connection: &Connection,
    study: i64,
    ours: bool,
    record: &mut StudyRecord,
) -> Result<Vec<i64>, DatabaseError> {
    let ids = trials(connection, study, record)?;
    // Of a study that an executor runs, what has no schedule is another program's.
    let has_executor = ours && !record.header.stages.is_empty();
    let mut reader =
        TrialReader { connection, study, by_id: ids.iter().copied().zip(0..).collect(), trials: &mut record.trials };
    reader.values()?;
    reader.reports()?;
    if ours {
        reader.own_tables()?;
    }
    reader.attributes(ours)?;
    reader.parameters(|trial| !ours || has_executor && trial.schedule.is_none())?;
    for trial in record.trials.iter_mut().filter(|_| ours) {
        match has_executor && (trial.schedule.is_some() || trial.end.is_some()) {
            true => without_strange(trial),
            false if trial.state == TrialState::Waiting => as_enqueued(trial),
            false => {}
        }
    }
    Ok(ids)
}

/// Fills in the trials with what the table `trials` knows, and returns their row ids by number.
fn trials(connection: &Connection, study: i64, record: &mut StudyRecord) -> Result<Vec<i64>, DatabaseError> {
    let mut ids = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT trial_id, number, state, datetime_start, datetime_complete
         FROM trials WHERE study_id = ? ORDER BY number, trial_id",
    )?;
    let mut rows = statement.query([study])?;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(1)?;
        if number as usize != ids.len() {
            let what = match (number as usize) < ids.len() {
                true => format!("trial {number} is there twice"),
                false => format!("trial {} is missing, though there is a trial {number}", ids.len()),
            };
            return Err(DatabaseError::Damaged(format!("{what}: another program has changed the rows of `trials`")));
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
        trial.observed = TrialObserved { started: row.get(3)?, ended: row.get(4)?, restarts: 0 };
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
        mut fill: impl FnMut(&mut TrialRecord, &Row<'_>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
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

    /// Distributions that only another program knows are left out where it `may_be_strange`.
    fn parameters(&mut self, may_be_strange: impl Fn(&TrialRecord) -> bool) -> Result<(), DatabaseError> {
        let columns = "param_name, param_value, distribution_json";
        self.rows(columns, "trial_params", "param_id", |trial, row| {
            let name: String = row.get(1)?;
            let source: String = row.get(3)?;
            match distribution::read(&source) {
                Ok(domain) => trial.params.push(StoredParameter { name, domain, internal: row.get(2)? }),
                Err(_) if may_be_strange(trial) => {}
                Err(detail) => {
                    let number = trial.number;
                    return Err(DatabaseError::Damaged(format!("trial {number}, parameter `{name}`: {detail}")));
                }
            }
            Ok(())
        })
    }

    fn attributes(&mut self, ours: bool) -> Result<(), DatabaseError> {
        let order = "trial_user_attribute_id";
        self.rows("\"key\", value_json", "trial_user_attributes", order, |trial, row| {
            let (key, source): (String, String) = (row.get(1)?, row.get(2)?);
            if !(ours && derived_attributes::is_derived(trial, &key, &source)) {
                trial.attributes.push((key, json::parse_or_text(source)));
            }
            Ok(())
        })?;
        let order = "trial_system_attribute_id";
        self.rows("\"key\", value_json", "trial_system_attributes", order, |trial, row| {
            let (key, source): (String, String) = (row.get(1)?, row.get(2)?);
            if key == "fixed_params" {
                let params = json::parse(&source).ok().as_ref().and_then(json::to_params);
                // What cannot be read is no parameter's value: the trial will be refused with it.
                trial.fixed = Some(params.unwrap_or_else(|| [(key, Value::Text(source))].into_iter().collect()));
            } else if key == "constraints" && trial.schedule.is_none() {
                // One that cannot be read is not kept to.
                let constraints: Option<Vec<f64>> = json::parse(&source).ok().and_then(|read| {
                    read.as_array().map(|read| read.iter().map(|one| one.as_f64().unwrap_or(f64::NAN)).collect())
                });
                trial.constraints = constraints.unwrap_or_else(|| vec![f64::NAN]);
            }
            Ok(())
        })
    }

    fn values(&mut self) -> Result<(), DatabaseError> {
        let columns = "value, value_type, objective";
        self.rows(columns, "trial_values", "trial_value_id", |trial, row| {
            if row.get::<_, i64>(3)? == 0 {
                trial.value = Some(number(row, 1)?);
            }
            Ok(())
        })
    }

    fn reports(&mut self) -> Result<(), DatabaseError> {
        let columns = "intermediate_value, intermediate_value_type, step";
        let order = "trial_intermediate_values.trial_id, step";
        self.rows(columns, "trial_intermediate_values", order, |trial, row| {
            // Optuna takes steps below 0 and beyond what epochs can be. Ours are never so.
            let Ok(step) = u32::try_from(row.get::<_, i64>(3)?) else { return Ok(()) };
            let report = EpochReport { value: number(row, 1)?, ..EpochReport::default() };
            trial.epochs.push(EpochRecord { step, time: 0, report: report.into() });
            Ok(())
        })
    }

    fn own_tables(&mut self) -> Result<(), DatabaseError> {
        self.rows("1", "tunefork_paused", "1", |trial, _| {
            trial.state = TrialState::Paused;
            Ok(())
        })?;
        self.taken_in()?;
        let columns = "epochs, epoch_flops, epoch_bytes, epoch_steps, epoch_ticks, arena_bytes, plan_key, start_time";
        self.rows(columns, "tunefork_schedules", "1", |trial, row| {
            trial.schedule = Some(schedule(row)?);
            Ok(())
        })?;
        self.rows("end_time, reason, message", "tunefork_ends", "1", |trial, row| {
            trial.end = Some(End { time: count(row, 1)?, reason: named(row, 2)?, message: row.get(3)? });
            Ok(())
        })?;
        self.rows("step, report_time", "tunefork_reports", "1, 2", |trial, row| {
            if let Some(epoch) = epoch(trial, row)? {
                epoch.time = count(row, 2)?;
            }
            Ok(())
        })?;
        self.members()?;
        self.metrics()?;
        self.rows("step, name, value", "tunefork_observed", "1, step, position", |trial, row| {
            if let Some(report) = report(trial, row)? {
                let name: String = row.get(2)?;
                report.timing.get_or_insert_default().insert(&name, or_nan(row, 3)?);
            }
            Ok(())
        })?;
        self.rows("restarts", "tunefork_observed_restarts", "1", |trial, row| {
            trial.observed.restarts = row.get(1)?;
            Ok(())
        })
    }

    /// When trials of other programs began to count. Version 4 of our tables did not know that.
    fn taken_in(&mut self) -> Result<(), DatabaseError> {
        if !has_table(self.connection, "tunefork_taken_in")? {
            return Ok(());
        }
        self.rows("place_time, place_trial", "tunefork_taken_in", "1", |trial, row| {
            trial.taken_in = Some(Moment { time: count(row, 1)?, trial: row.get(2)?, step: 0 });
            Ok(())
        })
    }

    /// The trainings that reports consist of. Version 1 of our tables did not know them.
    fn members(&mut self) -> Result<(), DatabaseError> {
        if !has_table(self.connection, "tunefork_members")? {
            return Ok(());
        }
        let columns = "step, replicate, fold, tunefork_members.value";
        self.rows(columns, "tunefork_members", "1, 2, 3, 4", |trial, row| {
            if let Some(report) = report(trial, row)? {
                report.members.push(MemberReport {
                    member: Member { replicate: row.get(2)?, fold: row.get(3)? },
                    value: or_nan(row, 4)?,
                    metrics: Metrics::default(),
                });
            }
            Ok(())
        })
    }

    /// Figures by their names: those of one of the trial's trainings if it is known, else the trial's own.
    fn metrics(&mut self) -> Result<(), DatabaseError> {
        let columns = "step, replicate, fold, name, value";
        let order = "1, step, replicate, fold, position";
        self.rows(columns, "tunefork_metrics", order, |trial, row| {
            let Some(report) = report(trial, row)? else {
                return Ok(());
            };
            let whose: (i64, i64) = (row.get(2)?, row.get(3)?);
            let is_there = |report: &&mut MemberReport| {
                let Member { replicate, fold } = report.member;
                whose == (replicate.into(), fold.into())
            };
            let metrics = match report.members.iter_mut().find(is_there) {
                Some(report) => &mut report.metrics,
                None => &mut report.metrics,
            };
            metrics.insert(row.get(4)?, or_nan(row, 5)?);
            Ok(())
        })
    }
}

/// A trial that the executor runs without what another program has told of it: it has ended when we say so, it does not
/// wait, and its reports are those that have a time.
fn without_strange(trial: &mut TrialRecord) {
    match &trial.end {
        None if trial.state.is_finished() => (trial.state, trial.value) = (TrialState::Running, None),
        None if trial.state == TrialState::Waiting => trial.state = TrialState::Running,
        Some(end) if !trial.state.is_finished() => trial.state = state_after(end.reason),
        None | Some(_) => {}
    }
    trial.epochs.retain(|epoch| epoch.time > 0);
}

/// The state that an end leads to.
fn state_after(reason: EndReason) -> TrialState {
    match reason {
        EndReason::Finished => TrialState::Complete,
        EndReason::Stopped => TrialState::Pruned,
        EndReason::Diverged
        | EndReason::DoesNotFit
        | EndReason::InvalidConfiguration
        | EndReason::Fault
        | EndReason::Told => TrialState::Failed,
    }
}

/// A trial that waits. Optuna may add one that has parameters already, as its `RetryFailedTrialCallback` does, and takes these
/// before those that are asked for. What it has reported in another life is not of this one.
fn as_enqueued(trial: &mut TrialRecord) {
    let given = std::mem::take(&mut trial.params);
    let given = given.into_iter().map(|given| (given.name, given.domain.to_value(given.internal)));
    let mut fixed = trial.fixed.take();
    for (name, value) in given {
        fixed.get_or_insert_default().set(name, value);
    }
    trial.fixed = fixed;
    trial.epochs.clear();
    trial.value = None;
}

fn schedule(row: &Row<'_>) -> Result<Schedule, DatabaseError> {
    Ok(Schedule {
        blueprint: Blueprint {
            epochs: row.get(1)?,
            epoch_cost: Cost { flops: count(row, 2)?, bytes: count(row, 3)?, steps: count(row, 4)? },
            plan_bytes: count(row, 6)?,
            plan_key: row.get(7)?,
        },
        epoch_ticks: count(row, 5)?,
        start: count(row, 8)?,
    })
}

/// The report that a row belongs to, by the step in its second column.
fn epoch<'a>(trial: &'a mut TrialRecord, row: &Row<'_>) -> Result<Option<&'a mut EpochRecord>, DatabaseError> {
    let step: u32 = row.get(1)?;
    let found = trial.epochs.binary_search_by_key(&step, |epoch| epoch.step);
    Ok(found.ok().map(|index| &mut trial.epochs[index]))
}

/// What that report says.
fn report<'a>(trial: &'a mut TrialRecord, row: &Row<'_>) -> Result<Option<&'a mut EpochReport>, DatabaseError> {
    Ok(epoch(trial, row)?.map(|epoch| Arc::make_mut(&mut epoch.report)))
}

/// A number where NULL stands for NaN.
fn or_nan(row: &Row<'_>, column: usize) -> Result<f64, DatabaseError> {
    let value: Option<f64> = row.get(column)?;
    Ok(value.unwrap_or(f64::NAN))
}

/// A number in Optuna's two columns, value and type.
fn number(row: &Row<'_>, column: usize) -> Result<f64, DatabaseError> {
    let kind: String = row.get(column + 1)?;
    Ok(match kind.as_str() {
        "FINITE" => row.get(column)?,
        "NAN" => f64::NAN,
        "INF_POS" => f64::INFINITY,
        "INF_NEG" => f64::NEG_INFINITY,
        other => return Err(damaged("the type of a value", other)),
    })
}
