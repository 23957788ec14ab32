//! What goes to a run in one request.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::messages::{Status, What};

/// What is sent in one batch; MLflow takes 1,000 metrics, 100 parameters and 100 tags, and 1,000 of all together.
const MOST_METRICS: usize = 800;

/// What goes to a run in one request, and its end.
#[derive(Default)]
pub(super) struct Batch {
    /// The last step of each metric, with this batch.
    pub(super) steps: BTreeMap<String, i64>,
    pub(super) metrics: Vec<Json>,
    pub(super) params: Vec<(String, String)>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) end: Option<(Status, i64)>,
    is_begun: bool,
}

impl Batch {
    /// For a run of which the server has each metric up to these steps.
    pub(super) fn new(steps: BTreeMap<String, i64>) -> Self {
        Self { steps, ..Self::default() }
    }

    /// Takes a message in, if it goes into the batch. Points that the server has are left out.
    pub(super) fn take(&mut self, what: &What) -> bool {
        let fits = match what {
            What::Begin(_) => !self.is_begun,
            What::Figures { values, .. } => self.metrics.len() + values.len() <= MOST_METRICS,
            What::End { .. } => true,
        };
        if !fits || self.end.is_some() {
            return false;
        }
        self.is_begun = true;
        match what {
            What::Begin(begin) => self.params.clone_from(&begin.params),
            What::Figures { step, time, values } => {
                for (name, value) in values {
                    if self.steps.get(name) < Some(step) {
                        let value = number(*value);
                        self.metrics.push(json!({ "key": name, "value": value, "timestamp": time, "step": step }));
                        self.steps.insert(name.clone(), *step);
                    }
                }
            }
            What::End { status, time, tags } => {
                self.tags.clone_from(tags);
                self.end = Some((*status, *time));
            }
        }
        true
    }
}

pub(super) fn pairs(texts: &[(String, String)]) -> Json {
    texts.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// JSON has no numbers that are none.
fn number(value: f64) -> Json {
    match value {
        value if value.is_finite() => value.into(),
        value if value.is_nan() => "NaN".into(),
        value if value > 0.0 => "Infinity".into(),
        _ => "-Infinity".into(),
    }
}
