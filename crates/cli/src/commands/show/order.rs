//! In which order trials are shown, and how many of them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use tunefork::Error;
use tunefork::space::Value;
use tunefork::study::{EpochRecord, StudyRecord, TrialRecord, deviation_of};
use tunefork::trial::{Direction, TrialState};

/// Keys that every study has.
const ALWAYS: [&str; 4] = ["number", "value", "epochs", "seconds"];
/// Figures of which less is better; of all others more is.
const BETTER_SMALL: [&str; 4] = ["loss", "train_loss", "gap", DEVIATION];

/// The standard deviation over the trainings of a trial, where these are several.
const DEVIATION: &str = "deviation";

/// An order of a study's trials.
pub(super) struct Order {
    key: Key,
    top: Option<usize>,
}

#[derive(Clone, PartialEq, Debug)]
enum Key {
    Number,
    Value,
    Epochs,
    Seconds,
    Figure(String),
    Setting(String),
}

impl Order {
    /// By a key, if one is named; the first of many are the best.
    pub(super) fn new(study: &StudyRecord, sort: Option<&str>, top: Option<usize>) -> Result<Self, Error> {
        let key = match (sort, top) {
            (Some(name), _) => Key::named(study, name)?,
            (None, Some(_)) => Key::Value,
            (None, None) => Key::Number,
        };
        Ok(Self { key, top })
    }

    /// Places of the trials in the study, in this order. Those that have nothing to be compared stand last.
    pub(super) fn places(&self, study: &StudyRecord) -> Vec<usize> {
        let mut places: Vec<usize> = (0..study.trials.len()).collect();
        // Stable, so that equal ones stay in the order of their numbers.
        places.sort_by(|one, other| self.compare(study, &study.trials[*one], &study.trials[*other]));
        places.truncate(self.top.unwrap_or(usize::MAX));
        places
    }

    /// What is to be told of it: how many trials are shown, by what.
    pub(super) fn words(&self, study: &StudyRecord) -> Option<String> {
        let all = study.trials.len();
        let by = match &self.key {
            Key::Number => "number",
            Key::Value => "value",
            Key::Epochs => "epochs",
            Key::Seconds => "seconds",
            Key::Figure(name) | Key::Setting(name) => name,
        };
        let shown = self.top.filter(|top| *top < all)?;
        Some(format!("{shown} of {all} trials, by {by}"))
    }

    /// The figure that it goes by, which has no column of its own otherwise.
    pub(super) fn figure(&self) -> Option<&str> {
        match &self.key {
            Key::Figure(name) => Some(name.as_str()).filter(|name| *name != DEVIATION),
            Key::Number | Key::Value | Key::Epochs | Key::Seconds | Key::Setting(_) => None,
        }
    }

    fn compare(&self, study: &StudyRecord, one: &TrialRecord, other: &TrialRecord) -> Ordering {
        match &self.key {
            Key::Number => Ordering::Equal,
            Key::Value => {
                // Those that were trained to their end are compared among themselves.
                let state = |trial: &TrialRecord| trial.state != TrialState::Complete;
                let value = better_first(one.value, other.value, study.header.direction);
                state(one).cmp(&state(other)).then(value)
            }
            Key::Epochs => other.epochs.len().cmp(&one.epochs.len()),
            Key::Seconds => better_first(one.seconds(), other.seconds(), Direction::Maximize),
            Key::Figure(name) => {
                let of = |trial| figure(study, trial, name);
                better_first(of(one), of(other), direction(name))
            }
            Key::Setting(name) => {
                let of = |trial: &TrialRecord| trial.params().get(name).cloned().filter(|value| *value != Value::Null);
                match (of(one), of(other)) {
                    (Some(one), Some(other)) => ascending(&one, &other),
                    (one, other) => one.is_none().cmp(&other.is_none()),
                }
            }
        }
    }
}

impl Key {
    fn named(study: &StudyRecord, name: &str) -> Result<Self, Error> {
        let figures = known(study, |trial| {
            let figures = trial.epochs.iter().flat_map(|epoch| &epoch.report.metrics.whole);
            let deviation = deviation_of(trial.trainings()).map(|_| DEVIATION.to_owned());
            figures.map(|(name, _)| name.clone()).chain(deviation).collect()
        });
        let settings = known(study, |trial| trial.params.iter().map(|param| param.name.clone()).collect());
        Ok(match name {
            "number" => Self::Number,
            "value" => Self::Value,
            "epochs" => Self::Epochs,
            "seconds" => Self::Seconds,
            _ if figures.contains(name) => Self::Figure(name.to_owned()),
            _ if settings.contains(name) => Self::Setting(name.to_owned()),
            _ => {
                let all: Vec<&str> =
                    ALWAYS.into_iter().chain(figures.iter().chain(&settings).map(String::as_str)).collect();
                let all = all.join(", ");
                return Err(Error::Unsupported(format!(
                    "--sort {name}: trials of this study have no `{name}`; there are {all}"
                )));
            }
        })
    }
}

fn known(study: &StudyRecord, of: impl Fn(&TrialRecord) -> Vec<String>) -> BTreeSet<String> {
    study.trials.iter().flat_map(of).collect()
}

fn direction(figure: &str) -> Direction {
    match BETTER_SMALL.contains(&figure) {
        true => Direction::Minimize,
        false => Direction::Maximize,
    }
}

fn better_first(one: Option<f64>, other: Option<f64>, direction: Direction) -> Ordering {
    let number = |value: Option<f64>| value.filter(|value| !value.is_nan());
    match (number(one), number(other)) {
        (Some(one), Some(other)) => match direction {
            Direction::Minimize => one.total_cmp(&other),
            Direction::Maximize => other.total_cmp(&one),
        },
        (one, other) => one.is_none().cmp(&other.is_none()),
    }
}

fn ascending(one: &Value, other: &Value) -> Ordering {
    let number = |value: &Value| value.to_string().parse::<f64>().ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.to_string().cmp(&other.to_string()),
    }
}

/// A figure of the epoch that counts.
pub(super) fn figure(study: &StudyRecord, trial: &TrialRecord, name: &str) -> Option<f64> {
    if name == DEVIATION {
        return deviation_of(trial.trainings());
    }
    let header = &study.header;
    let counted = match trial.state {
        TrialState::Complete => {
            header.value_at.pick(header.direction, &trial.epochs, |epoch: &&EpochRecord| epoch.report.value)
        }
        TrialState::Waiting | TrialState::Running | TrialState::Paused | TrialState::Pruned | TrialState::Failed => {
            trial.epochs.last()
        }
    };
    let figures = &counted?.report.metrics.whole;
    figures.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork::study::StudyHeader;
    use tunefork::train::Objective;
    use tunefork::trial::TrialNumber;

    /// Trials with these values; the second was stopped.
    fn study(values: &[Option<f64>]) -> StudyRecord {
        let mut study = StudyRecord::new(StudyHeader::new("demo", Direction::Maximize, 0));
        study.trials = (0..)
            .zip(values)
            .map(|(number, value)| {
                let state = if number == 1 { TrialState::Pruned } else { TrialState::Complete };
                TrialRecord { value: *value, ..TrialRecord::new(TrialNumber(number), state) }
            })
            .collect();
        study
    }

    #[test]
    fn the_best_come_first_and_those_without_a_value_last() {
        let study = study(&[None, Some(0.9), Some(0.5), Some(0.7)]);
        let places = |sort, top| Order::new(&study, sort, top).unwrap().places(&study);
        assert_eq!(places(None, None), [0, 1, 2, 3]);
        assert_eq!(places(Some("value"), None), [3, 2, 0, 1], "what was stopped is no rival of what was not");
        assert_eq!(places(None, Some(2)), [3, 2]);
        assert_eq!(places(Some("number"), Some(2)), [0, 1]);
    }

    #[test]
    fn an_unknown_key_is_answered_by_those_there_are() {
        let error = Order::new(&study(&[]), Some("lost"), None).map(|_| ()).unwrap_err();
        let told = "--sort lost: trials of this study have no `lost`; there are number, value, epochs, seconds";
        assert_eq!(error.to_string(), told);
    }

    /// Each objective is better in the direction in which it is optimised.
    #[test]
    fn directions_are_those_of_objectives() {
        for objective in Objective::ALL {
            let maximised = direction(objective.name()) == Direction::Maximize;
            assert_eq!(maximised, objective.is_maximised(), "{objective}");
        }
    }
}
