//! What a trial reported, as Ray's results.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use tunefork_study::{EpochRecord, EpochReport, Members, Timing, TrialRecord};

use super::moments::{dashed, seconds};
use super::{config, id};
use crate::csv_line;

/// The results of a trial, one for each epoch.
pub(super) struct Results<'a> {
    pub(super) trial: &'a TrialRecord,
    /// When it was begun, in seconds since 1970.
    pub(super) started: Option<f64>,
    /// Figures by name, without the parameters.
    rows: Vec<Map<String, Json>>,
}

impl<'a> Results<'a> {
    pub(super) fn of(trial: &'a TrialRecord) -> Self {
        let started = trial.observed.started.as_deref().and_then(seconds);
        let mut total = 0.0;
        // A trial of another program may have told nothing but its value.
        let alone = trial.value.map(|value| {
            let report = EpochReport { value, ..EpochReport::default() };
            EpochRecord { step: 1, time: 0, report: report.into() }
        });
        let epochs = if trial.epochs.is_empty() { alone.as_slice() } else { &trial.epochs };
        let rows = epochs.iter().enumerate().map(|(place, epoch)| {
            let took = epoch.report.timing.as_ref().map_or(0.0, Timing::all_seconds);
            total += took;
            let mut row = figures(epoch);
            let moment = started.unwrap_or(0.0) + total;
            row.extend(own(trial, epoch, place + 1 == epochs.len()));
            row.extend([
                ("time_this_iter_s".to_owned(), json!(took)),
                ("time_total_s".to_owned(), json!(total)),
                ("timestamp".to_owned(), json!(moment as i64)),
                ("date".to_owned(), json!(dashed(moment))),
            ]);
            row
        });
        Self { trial, started, rows: rows.collect() }
    }

    /// The last one, with the parameters; empty if there is none.
    pub(super) fn last(&self) -> Map<String, Json> {
        self.rows.last().map(|row| self.with_config(row)).unwrap_or_default()
    }

    /// Of each figure its course in short, by which Ray looks for the best trial.
    pub(super) fn analysis(&self) -> Json {
        let mut courses: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, value) in self.rows.iter().flatten() {
            courses.entry(name).or_default().extend(value.as_f64());
        }
        courses.into_iter().filter_map(|(name, course)| Some((name.to_owned(), in_short(&course)?))).collect()
    }

    /// `result.json`: an object in each line.
    pub(super) fn lines(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", Json::from(self.with_config(row)))).collect()
    }

    /// `progress.csv`: a column for each figure that any epoch has. Ray's own has those of the first alone.
    pub(super) fn table(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in self.rows.iter().flat_map(Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return String::new();
        }
        let cells = |row: &Map<String, Json>| -> Vec<String> {
            names.iter().map(|name| row.get(*name).map(cell).unwrap_or_default()).collect()
        };
        let lines = self.rows.iter().map(|row| csv_line(&cells(row)));
        csv_line(&names) + &lines.collect::<String>()
    }

    fn with_config(&self, row: &Map<String, Json>) -> Map<String, Json> {
        let mut row = row.clone();
        row.insert("config".to_owned(), config(self.trial).into());
        row
    }
}

/// The value, the figures of all validation images, and the value of each training where these are several.
fn figures(EpochRecord { report, .. }: &EpochRecord) -> Map<String, Json> {
    let members = Members::of(report.members.iter().map(|report| report.member));
    let of_members = report.members.iter().map(|report| (members.name(report.member), report.value));
    let whole = report.metrics.whole.iter().cloned();
    let figures = [("value".to_owned(), report.value)].into_iter().chain(whole).chain(of_members);
    figures.map(|(name, value)| (name, json!(value))).collect()
}

/// What Ray adds to each result, without times.
fn own(trial: &TrialRecord, epoch: &EpochRecord, is_last: bool) -> [(String, Json); 3] {
    [
        ("training_iteration".to_owned(), json!(epoch.step)),
        ("trial_id".to_owned(), json!(id(trial))),
        ("done".to_owned(), json!(is_last && trial.state.is_finished())),
    ]
}

fn in_short(course: &[f64]) -> Option<Json> {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let latest = |count: usize| mean(&course[course.len().saturating_sub(count)..]);
    let last = course.last()?;
    Some(json!({
        "max": course.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "min": course.iter().copied().fold(f64::INFINITY, f64::min),
        "avg": mean(course),
        "last": last,
        "last-5-avg": latest(5),
        "last-10-avg": latest(10),
    }))
}

/// A figure as Python writes it into a table.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
