//! The table of trials for spreadsheets and scripts (RFC 4180), with the columns of Optuna's `trials_dataframe()`.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use serde_json::{Value as Json, json};
use tunefork_space::Value;
use tunefork_study::{Members, StudyRecord, TrialRecord, deviation_of};

use crate::report::{epochs, last_figures, reason};

/// One row per trial, as pandas writes Optuna's `study.trials_dataframe()` without its index: `number`, `value` (`value_METRIC` where it has a name),
/// `datetime_start`, `datetime_complete`, `duration`, a column `params_NAME` for each parameter, `user_attrs_NAME` for each
/// attribute, `system_attrs_fixed_params` if some were enqueued, `state`. Names stand in alphabetical order; what a trial does not have is empty; numbers are written in full.
///
/// The attributes are those of the trial, the figures of its last epoch, its `epochs`, `seconds` of training and validation
/// and the `reason` for its end; where trials are several trainings, the `deviation` of their values and each of these.
pub fn trials_csv(study: &StudyRecord) -> String {
    let attributes: Vec<Vec<(String, String)>> = study.trials.iter().map(|trial| attributes_of(study, trial)).collect();
    let names = |names: &mut dyn Iterator<Item = &str>| -> BTreeSet<String> { names.map(str::to_owned).collect() };
    let of_params =
        names(&mut study.trials.iter().flat_map(|trial| trial.params.iter().map(|stored| stored.name.as_str())));
    let of_attributes = names(&mut attributes.iter().flatten().map(|(name, _)| name.as_str()));
    let value = study.header.metric.as_ref().map_or_else(|| "value".to_owned(), |metric| format!("value_{metric}"));
    let has_given = study.trials.iter().any(|trial| trial.fixed.is_some());
    let fixed = ["number", &value, "datetime_start", "datetime_complete", "duration"].map(str::to_owned);
    let header: Vec<String> = (fixed.into_iter())
        .chain(of_params.iter().map(|name| format!("params_{name}")))
        .chain(of_attributes.iter().map(|name| format!("user_attrs_{name}")))
        .chain(has_given.then(|| "system_attrs_fixed_params".to_owned()))
        .chain(["state".to_owned()])
        .collect();
    let mut text = csv_line(&header);
    for (trial, attributes) in study.trials.iter().zip(&attributes) {
        let params = trial.params();
        let (started, ended) = (trial.observed.started.as_deref(), trial.observed.ended.as_deref());
        let mut cells = vec![
            trial.number.to_string(),
            trial.value.map(python_float).unwrap_or_default(),
            started.unwrap_or_default().to_owned(),
            ended.unwrap_or_default().to_owned(),
            started.zip(ended).and_then(|(started, ended)| between(started, ended)).unwrap_or_default(),
        ];
        cells.extend(of_params.iter().map(|name| params.get(name).map(python).unwrap_or_default()));
        cells.extend(of_attributes.iter().map(|name| {
            let found = attributes.iter().find(|(other, _)| other == name);
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        }));
        let given = trial.fixed.as_ref().map(|given| python_within(&json!(given)));
        cells.extend(has_given.then(|| given.unwrap_or_default()));
        cells.push(trial.state.optuna_word().to_owned());
        text.push_str(&csv_line(&cells));
    }
    text
}

fn attributes_of(study: &StudyRecord, trial: &TrialRecord) -> Vec<(String, String)> {
    let given = trial.attributes.iter().map(|(name, json)| (name.clone(), python_json(json)));
    let figures = last_figures(trial).iter().map(|(name, value)| (name.clone(), python_float(*value)));
    let reports = trial.trainings();
    let members = Members::of(reports.iter().map(|report| report.member));
    let of_members = reports.iter().map(|report| (members.name(report.member), python_float(report.value)));
    let of_all = [
        // Of a trial of ours, as it stands in Optuna's tools.
        ("epochs", (!last_figures(trial).is_empty()).then(|| epochs(trial).to_string())),
        ("seconds", trial.seconds().map(python_float)),
        ("reason", Some(reason(study, trial)).filter(|reason| !reason.is_empty())),
        ("deviation", deviation_of(reports).map(python_float)),
    ];
    let of_all = of_all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
    given.chain(figures).chain(of_members).chain(of_all).collect()
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Float(number) => python_float(*number),
        Value::Int(_) | Value::Text(_) => value.to_string(),
    }
}

/// A value of JSON as pandas writes what Python makes of it.
fn python_json(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => python_within(other),
    }
}

/// The same within a list or a table: Python's `repr`.
fn python_within(json: &Json) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match json {
        Json::Null => "None".to_owned(),
        Json::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) if text.contains('\'') && !text.contains('"') => format!("\"{text}\""),
        Json::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")),
        Json::Array(entries) => format!("[{}]", joined(entries.iter().map(python_within).collect())),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("'{key}': {}", python_within(value)));
            format!("{{{}}}", joined(entries.collect()))
        }
    }
}

/// A number as pandas reads it back to the bit; NaN is a missing one there, too.
fn python_float(number: f64) -> String {
    match number {
        _ if number.is_nan() => String::new(),
        _ if number.is_infinite() => if number > 0.0 { "inf" } else { "-inf" }.to_owned(),
        _ => format!("{number:?}"),
    }
}

/// The time between two moments as pandas writes it: `0 days 00:01:02.500000`. Nothing where one of them cannot be read.
fn between(started: &str, ended: &str) -> Option<String> {
    let moment = |text: &str| text.parse::<DateTime>().ok();
    let micros = moment(ended)?.duration_since(moment(started)?).as_micros();
    let (sign, rest) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    Some(format!("{sign}{days} days {hours:02}:{minutes:02}:{:02}.{micros:06}", seconds % 60))
}

/// One line of a table; cells that need it are put in quotes.
///
/// ```
/// assert_eq!(tunefork_report::csv_line(&["a", "b, c", "d \"e\""]), "a,\"b, c\",\"d \"\"e\"\"\"\n");
/// ```
pub fn csv_line<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_pandas_has_them() {
        let from = "2026-02-28 23:59:59.250000";
        assert_eq!(between(from, "2026-03-01 00:00:00.500000").unwrap(), "0 days 00:00:01.250000");
        assert_eq!(between(from, "2027-02-28 23:59:59.250000").unwrap(), "365 days 00:00:00.000000");
        assert_eq!(between("2024-02-28 00:00:00", "2024-03-01 01:02:03").unwrap(), "2 days 01:02:03.000000");
        assert_eq!(between(from, "yesterday"), None);
        assert_eq!(between(from, "2026-13-01 00:00:00"), None);
    }

    #[test]
    fn numbers_are_as_python_reads_them() {
        assert_eq!([0.1, 1.0, 1e-7, f64::NAN, f64::NEG_INFINITY].map(python_float), ["0.1", "1.0", "1e-7", "", "-inf"]);
        let json = serde_json::json!({"a": [1, 2.5, null, true, "x", "it's"]});
        assert_eq!(python_json(&json), "{'a': [1, 2.5, None, True, 'x', \"it's\"]}");
        assert_eq!(python_json(&"plain".into()), "plain");
        assert_eq!([Value::Null, true.into(), 3.into()].map(|value| python(&value)), ["", "True", "3"]);
    }
}
