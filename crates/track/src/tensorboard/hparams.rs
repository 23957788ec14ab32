//! What the HParams tab is told: the space, and the parameters and the end of each trial.

use prost::Message as _;
use tunefork_space::{Domain, Params, Space, Value as Choice};
use tunefork_trial::TrialState;

use super::messages::{
    Dimension, Experiment, HParam, HParams, Interval, Kind, List, Metric, MetricName, Plugin, SessionEnd, SessionStart,
    Status, SummaryMetadata, SummaryValue, Tensor, TensorShape, Value,
};
use crate::Subject;
use crate::figures::VALUE;

/// The tags that the plugin knows.
pub(super) const EXPERIMENT: &str = "_hparams_/experiment";
pub(super) const SESSION_START: &str = "_hparams_/session_start_info";
pub(super) const SESSION_END: &str = "_hparams_/session_end_info";

/// 2 is a figure of validation images.
const VALIDATION: i32 = 2;

/// The domains of the space, and the value of a trial as the metric of all.
pub(super) fn experiment(subject: &Subject<'_>, time_created: f64) -> SummaryValue {
    let metric = Metric {
        name: Some(MetricName { group: String::new(), tag: VALUE.to_owned() }),
        display_name: subject.metric().to_owned(),
        dataset: VALIDATION,
    };
    let experiment = Experiment {
        description: format!("{}, {}", subject.metric(), subject.header.direction),
        time_created,
        hparams: hparams(subject.space),
        metrics: vec![metric],
        name: subject.header.name.clone(),
    };
    summary(EXPERIMENT, HParams { experiment: Some(experiment), ..HParams::default() })
}

fn hparams(space: &Space) -> Vec<HParam> {
    let hparam = |(name, domain): (&String, &Domain)| {
        let kind = kind(domain);
        let (choices, interval) = match domain {
            Domain::Float { low, high, .. } => (None, Some(Interval { low: *low, high: *high })),
            Domain::Int { low, high, .. } => (None, Some(Interval { low: *low as f64, high: *high as f64 })),
            Domain::Categorical { choices, .. } => {
                let values = choices.iter().map(|choice| value(kind, choice)).collect();
                (Some(List { values }), None)
            }
        };
        HParam { name: name.clone(), kind: kind.into(), choices, interval }
    };
    space.parameters().iter().map(|parameter| hparam((&parameter.name, &parameter.domain))).collect()
}

/// The one kind that all values of a domain can be told as.
fn kind(domain: &Domain) -> Kind {
    match domain {
        Domain::Float { .. } | Domain::Int { .. } => Kind::Number,
        Domain::Categorical { choices, .. } if choices.iter().all(|choice| choice.as_f64().is_some()) => Kind::Number,
        Domain::Categorical { choices, .. } if choices.iter().all(|choice| choice.as_bool().is_some()) => Kind::Bool,
        Domain::Categorical { .. } => Kind::Text,
    }
}

fn value(kind: Kind, choice: &Choice) -> Value {
    let number = choice.as_f64().filter(|_| kind == Kind::Number);
    let bool = choice.as_bool().filter(|_| kind == Kind::Bool);
    let text = (number.is_none() && bool.is_none()).then(|| choice.to_string());
    Value { number, text, bool }
}

/// The beginning of a trial.
pub(super) fn session_start(space: &Space, group: &str, params: &Params, start_time: f64) -> SummaryValue {
    let kind = |name: &str| {
        let parameter = space.parameters().iter().find(|parameter| parameter.name == name);
        parameter.map_or(Kind::Text, |parameter| kind(&parameter.domain))
    };
    let hparams = params.iter().map(|(name, choice)| (name.to_owned(), value(kind(name), choice))).collect();
    let start = SessionStart { hparams, group: group.to_owned(), start_time };
    summary(SESSION_START, HParams { session_start: Some(start), ..HParams::default() })
}

/// The end of a trial. One that was stopped has a value as one that went to its end.
pub(super) fn session_end(state: TrialState, end_time: f64) -> SummaryValue {
    let status = match state {
        TrialState::Complete | TrialState::Pruned => Status::Success,
        TrialState::Failed => Status::Failure,
        TrialState::Running | TrialState::Paused => Status::Running,
        TrialState::Waiting => Status::Unknown,
    };
    let end = SessionEnd { status: status.into(), end_time };
    summary(SESSION_END, HParams { session_end: Some(end), ..HParams::default() })
}

/// The plugin reads the metadata; the tensor only has to be there.
fn summary(tag: &str, hparams: HParams) -> SummaryValue {
    let plugin = Plugin { name: "hparams".to_owned(), content: hparams.encode_to_vec() };
    SummaryValue {
        tag: tag.to_owned(),
        tensor: Some(Tensor { dtype: 1, shape: Some(TensorShape { dim: vec![Dimension::default()] }) }),
        metadata: Some(SummaryMetadata { plugin: Some(plugin) }),
        ..SummaryValue::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_one_kind_of_values() {
        let mixed = Domain::choice([Choice::Null, 3.into()]).unwrap();
        assert_eq!(kind(&mixed), Kind::Text);
        assert_eq!(value(Kind::Text, &3.into()).text.as_deref(), Some("3"));
        assert_eq!(value(Kind::Text, &Choice::Null).text.as_deref(), Some("null"));
        let numbers = Domain::choice([Choice::Int(3), 0.5.into()]).unwrap();
        assert_eq!(kind(&numbers), Kind::Number);
        assert_eq!(value(Kind::Number, &3.into()).number, Some(3.0));
        let switches = Domain::choice([true, false]).unwrap();
        assert_eq!(kind(&switches), Kind::Bool);
        assert_eq!(value(Kind::Bool, &false.into()).bool, Some(false));
    }

    /// A part of a choice of fields is written also where it has the default.
    #[test]
    fn zero_and_false_are_values() {
        assert_eq!(value(Kind::Number, &0.0.into()).encode_to_vec(), [0x11, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(value(Kind::Bool, &false.into()).encode_to_vec(), [0x20, 0]);
        assert_eq!(value(Kind::Text, &"".into()).encode_to_vec(), [0x1A, 0]);
    }
}
