//! Changes as rows.

use crate::error::DatabaseError;
use crate::schema::{OPTUNA_TRIAL_TABLES, without_orphans};
use crate::time::now;
use crate::{OpenStudy, derived_attributes, distribution, json};
use rusqlite::{Connection, OptionalExtension, Params, ToSql, params};
use serde_json::Value as Json;
use tunefork_study::{
    Change, End, EpochRecord, Facts, Member, OutsideEvent, Schedule, StoredParameter, StudyHeader, Timing,
};
use tunefork_trial::{Direction, TrialNumber, TrialState};

/// What stands for replicate and fold in figures of a trial that is several trainings.
const WHOLE_TRIAL: (i64, i64) = (-1, -1);

pub(crate) fn create(connection: &Connection, header: &StudyHeader) -> Result<(), DatabaseError> {
    // Optuna reads a study before it deletes it: what was written in between would be this one's.
    connection.execute_batch(&without_orphans())?;
    execute(connection, "INSERT INTO studies (study_name) VALUES (?)", [&header.name])?;
    let study = connection.last_insert_rowid();
    let direction = match header.direction {
        Direction::Minimize => "MINIMIZE",
        Direction::Maximize => "MAXIMIZE",
    };
    execute(
        connection,
        "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, 0)",
        (direction, study),
    )?;
    if let Some(metric) = &header.metric {
        execute(
            connection,
            "INSERT INTO study_system_attributes (study_id, \"key\", value_json)
             VALUES (?, 'study:metric_names', ?)",
            (study, format!("[{}]", json::text(metric))),
        )?;
    }
    for (key, value) in &header.attributes {
        set_study_attribute(connection, study, key, value)?;
    }
    execute(
        connection,
        "INSERT INTO tunefork_studies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            study,
            header.seed.to_string(),
            header.slots,
            header.clock.name(),
            header.cost_model.flop as i64,
            header.cost_model.byte as i64,
            header.cost_model.step as i64,
            header.value_at.name(),
            header.sampler,
            header.scheduler,
            facts(&header.settings),
            header.settings.digest(),
            facts(&header.fingerprint),
            stages(&header.stages),
        ],
    )
}

/// Writes one change, which the ledger has admitted.
pub(crate) fn apply(connection: &Connection, study: &mut OpenStudy, change: &Change) -> Result<(), DatabaseError> {
    let id = |study: &OpenStudy, number: TrialNumber| study.trial_ids[number.index()];
    match change {
        Change::Enqueue { number, fixed } => {
            let trial = insert_trial(connection, study, *number, TrialState::Waiting)?;
            set_fixed(connection, trial, fixed)
        }
        Change::Start { number, params, fixed, schedule } => {
            let trial = if number.index() == study.trial_ids.len() {
                insert_trial(connection, study, *number, TrialState::Running)?
            } else {
                let trial = id(study, *number);
                let sql =
                    "UPDATE trials SET state = 'RUNNING', datetime_start = ? WHERE trial_id = ? AND state = 'WAITING'";
                if connection.prepare_cached(sql)?.execute((now(), trial))? == 0 {
                    return Err(DatabaseError::Overtaken(format!("it began trial {number}, which waited")));
                }
                // Optuna may have enqueued it with parameters, and with reports of another life.
                clear(connection, trial, &["trial_params", "trial_values", "trial_intermediate_values"])?;
                trial
            };
            for parameter in params {
                insert_parameter(connection, trial, parameter)?;
            }
            if let Some(fixed) = fixed {
                set_fixed(connection, trial, fixed)?;
            }
            match schedule {
                Some(schedule) => insert_schedule(connection, trial, schedule),
                None => Ok(()),
            }
        }
        Change::Parameter { number, parameter } => insert_parameter(connection, id(study, *number), parameter),
        Change::Report { number, epoch } => insert_report(connection, id(study, *number), epoch),
        Change::State { number, state } => {
            // Optuna has no paused trials: they are running ones with a row of ours.
            let sql = match *state == TrialState::Paused {
                true => "INSERT INTO tunefork_paused VALUES (?)",
                false => "DELETE FROM tunefork_paused WHERE trial_id = ?",
            };
            execute(connection, sql, [id(study, *number)])
        }
        Change::Finish { number, state, value, end } => finish(connection, id(study, *number), *state, *value, end),
        Change::TakeIn { number, at } => {
            let sql = "INSERT INTO tunefork_taken_in VALUES (?, ?, ?)";
            execute(connection, sql, (id(study, *number), at.time as i64, at.trial))
        }
        Change::Attribute { number, key, value } => {
            let sql = "INSERT INTO trial_user_attributes (trial_id, \"key\", value_json)
                 VALUES (?, ?, ?)
                 ON CONFLICT (trial_id, \"key\") DO UPDATE SET value_json = excluded.value_json";
            execute(connection, sql, (id(study, *number), key, value.to_string()))
        }
        Change::Restarted { number } => {
            let sql = "INSERT INTO tunefork_observed_restarts VALUES (?, 1)
                 ON CONFLICT (trial_id) DO UPDATE SET restarts = restarts + 1";
            execute(connection, sql, [id(study, *number)])
        }
        Change::Outside(event) => insert_outside_event(connection, study.id, event),
        Change::Stages(budgets) => {
            let sql = "UPDATE tunefork_studies SET stages_json = ? WHERE study_id = ?";
            execute(connection, sql, (stages(budgets), study.id))
        }
        Change::Elapsed(time) => {
            let sql = "INSERT INTO tunefork_observed_time VALUES (?, ?)
                 ON CONFLICT (study_id) DO UPDATE SET seconds = excluded.seconds";
            execute(connection, sql, (study.id, time.as_secs_f64()))
        }
        Change::StudyAttribute { key, value } => set_study_attribute(connection, study.id, key, value),
        Change::Fingerprint(fingerprint) => {
            let sql = "UPDATE tunefork_studies SET fingerprint_json = ? WHERE study_id = ?";
            execute(connection, sql, (facts(fingerprint), study.id))
        }
    }
}

fn set_study_attribute(connection: &Connection, study: i64, key: &str, value: &Json) -> Result<(), DatabaseError> {
    let sql = "INSERT INTO study_user_attributes (study_id, \"key\", value_json)
         VALUES (?, ?, ?)
         ON CONFLICT (study_id, \"key\") DO UPDATE SET value_json = excluded.value_json";
    execute(connection, sql, (study, key, value.to_string()))
}

fn execute(connection: &Connection, sql: &str, params: impl Params) -> Result<(), DatabaseError> {
    connection.prepare_cached(sql)?.execute(params)?;
    Ok(())
}

fn insert_trial(
    connection: &Connection,
    study: &mut OpenStudy,
    number: TrialNumber,
    state: TrialState,
) -> Result<i64, DatabaseError> {
    check_alone(connection, study, number)?;
    let start = (state == TrialState::Running).then(now);
    execute(
        connection,
        "INSERT INTO trials (number, study_id, state, datetime_start) VALUES (?, ?, ?, ?)",
        (number.0, study.id, state.optuna_word(), start),
    )?;
    let trial = connection.last_insert_rowid();
    // Of one that had this number before and was removed by somebody who left these.
    clear(connection, trial, &OPTUNA_TRIAL_TABLES)?;
    study.trial_ids.push(trial);
    study.last_trial_id = trial;
    Ok(trial)
}

/// Removes what tables of Optuna have of a trial.
fn clear(connection: &Connection, trial: i64, tables: &[&str]) -> Result<(), DatabaseError> {
    tables.iter().try_for_each(|table| execute(connection, &format!("DELETE FROM {table} WHERE trial_id = ?"), [trial]))
}

/// SQLite gives numbers of rows that are gone to the next ones: what is written to a study that was deleted would be another's.
/// One that Optuna has made anew under the same name has no row of ours.
pub(crate) fn check_study(connection: &Connection, study: &OpenStudy, name: &str) -> Result<(), DatabaseError> {
    let sql = "SELECT tunefork_studies.study_id IS NOT NULL FROM studies LEFT JOIN tunefork_studies USING (study_id)
         WHERE studies.study_id = ? AND study_name = ?";
    let ours: Option<bool> =
        connection.prepare_cached(sql)?.query_row((study.id, name), |row| row.get(0)).optional()?;
    match ours {
        Some(ours) if ours == study.ours => Ok(()),
        Some(_) => Err(DatabaseError::Overtaken("it deleted the study and made another of this name".to_owned())),
        None => Err(DatabaseError::deleted()),
    }
}

/// The schema does not make (study, number) unique, and Optuna itself could add trials to our study:
/// then the next number is not ours to give. The count is only made when some trial is new.
fn check_alone(connection: &Connection, study: &OpenStudy, number: TrialNumber) -> Result<(), DatabaseError> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(trial_id) FROM trials")?.query_row([], |row| row.get(0))?;
    if last.unwrap_or(0) == study.last_trial_id {
        return Ok(());
    }
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM trials WHERE study_id = ?")?
        .query_row([study.id], |row| row.get(0))?;
    if count == i64::from(number.0) {
        return Ok(());
    }
    Err(DatabaseError::Overtaken(format!("it has {count} trials, and {number} were expected")))
}

fn insert_parameter(connection: &Connection, trial: i64, parameter: &StoredParameter) -> Result<(), DatabaseError> {
    execute(
        connection,
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
         VALUES (?, ?, ?, ?)",
        (trial, &parameter.name, parameter.internal, distribution::write(&parameter.domain)),
    )
}

fn set_fixed(connection: &Connection, trial: i64, fixed: &tunefork_space::Params) -> Result<(), DatabaseError> {
    execute(
        connection,
        "INSERT INTO trial_system_attributes (trial_id, \"key\", value_json)
         VALUES (?, 'fixed_params', ?)
         ON CONFLICT (trial_id, \"key\") DO UPDATE SET value_json = excluded.value_json",
        (trial, json::params(fixed)),
    )
}

fn insert_schedule(connection: &Connection, trial: i64, schedule: &Schedule) -> Result<(), DatabaseError> {
    let blueprint = &schedule.blueprint;
    execute(
        connection,
        "INSERT INTO tunefork_schedules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            trial,
            blueprint.epochs,
            blueprint.epoch_cost.flops as i64,
            blueprint.epoch_cost.bytes as i64,
            blueprint.epoch_cost.steps as i64,
            schedule.epoch_ticks as i64,
            blueprint.plan_bytes as i64,
            blueprint.plan_key,
            schedule.start as i64,
        ],
    )
}

fn insert_report(connection: &Connection, trial: i64, epoch: &EpochRecord) -> Result<(), DatabaseError> {
    let report = &*epoch.report;
    let (value, kind) = number(report.value);
    execute(
        connection,
        "INSERT INTO trial_intermediate_values
         (trial_id, step, intermediate_value, intermediate_value_type) VALUES (?, ?, ?, ?)
         ON CONFLICT (trial_id, step) DO UPDATE SET
         intermediate_value = excluded.intermediate_value, intermediate_value_type = excluded.intermediate_value_type",
        (trial, epoch.step, value, kind),
    )?;
    if epoch.time > 0 {
        execute(connection, "INSERT INTO tunefork_reports VALUES (?, ?, ?)", (trial, epoch.step, epoch.time as i64))?;
    }
    // Of a trial that is one training the figures are that training's.
    let whole = match report.members.is_empty() {
        true => (0, 0),
        false => WHOLE_TRIAL,
    };
    let place = (trial, epoch.step);
    insert_figures(connection, "tunefork_metrics", place, whole, report.metrics.named())?;
    insert_figures(connection, "tunefork_observed", place, whole, report.timing.iter().flat_map(Timing::named))?;
    for report in &report.members {
        let Member { replicate, fold } = report.member;
        execute(
            connection,
            "INSERT INTO tunefork_members VALUES (?, ?, ?, ?, ?)",
            (trial, epoch.step, replicate, fold, no_nan(report.value)),
        )?;
        let member = (i64::from(replicate), i64::from(fold));
        insert_figures(connection, "tunefork_metrics", place, member, report.metrics.named())?;
    }
    Ok(())
}

/// Writes figures of a trial's step, of one of its trainings or of all together.
fn insert_figures<N: ToSql>(
    connection: &Connection,
    table: &str,
    (trial, step): (i64, u32),
    (replicate, fold): (i64, i64),
    figures: impl Iterator<Item = (N, f64)>,
) -> Result<(), DatabaseError> {
    let sql = format!("INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (position, (name, value)) in figures.enumerate() {
        execute(connection, &sql, params![trial, step, replicate, fold, position as i64, name, no_nan(value)])?;
    }
    Ok(())
}

/// SQLite has no NaN: it would store NULL by itself.
fn no_nan(value: f64) -> Option<f64> {
    Some(value).filter(|value| !value.is_nan())
}

fn finish(
    connection: &Connection,
    trial: i64,
    state: TrialState,
    value: Option<f64>,
    end: &End,
) -> Result<(), DatabaseError> {
    // Another program may have told a value or reported to a trial that is ours: what we found counts.
    if let Some(value) = value {
        let (value, kind) = number(value);
        execute(
            connection,
            "INSERT INTO trial_values (trial_id, objective, value, value_type)
             VALUES (?, 0, ?, ?)
             ON CONFLICT (trial_id, objective) DO UPDATE SET value = excluded.value, value_type = excluded.value_type",
            (trial, value, kind),
        )?;
    }
    execute(connection, "DELETE FROM tunefork_paused WHERE trial_id = ?", [trial])?;
    execute(
        connection,
        "INSERT INTO tunefork_ends VALUES (?, ?, ?, ?)",
        (trial, end.time as i64, end.reason.name(), &end.message),
    )?;
    execute(
        connection,
        "UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ?",
        (state.optuna_word(), now(), trial),
    )?;
    derived_attributes::write(connection, trial)
}

fn insert_outside_event(connection: &Connection, study: i64, event: &OutsideEvent) -> Result<(), DatabaseError> {
    execute(
        connection,
        "INSERT INTO tunefork_outside_events
         (study_id, place_time, place_trial, place_step, kind, message)
         VALUES (?, ?, ?, ?, ?, ?)",
        (study, event.moment.time as i64, event.moment.trial, event.moment.step, event.kind.name(), &event.message),
    )
}

/// Optuna's two columns for a number that need not be finite.
fn number(value: f64) -> (Option<f64>, &'static str) {
    if value.is_nan() {
        (None, "NAN")
    } else if value == f64::INFINITY {
        (None, "INF_POS")
    } else if value == f64::NEG_INFINITY {
        (None, "INF_NEG")
    } else {
        (Some(value), "FINITE")
    }
}

fn facts(facts: &Facts) -> String {
    serde_json::to_string(facts).expect("texts are always JSON")
}

fn stages(stages: &[u32]) -> String {
    serde_json::to_string(stages).expect("numbers are always JSON")
}
