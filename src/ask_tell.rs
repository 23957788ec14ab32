//! Ask and tell in lines of JSON, for programs in any language.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use tunefork_sampler::SamplerKind;
use tunefork_scheduler::{Decision, SchedulerKind};
use tunefork_space::{Params, Space};
use tunefork_storage::SqliteStorage;
use tunefork_study::{MemoryStorage, Storage, Study, StudyError, StudyHeader, Told};
use tunefork_trial::{Direction, TrialNumber};

use crate::Error;
use crate::resolve::{default_sampler, default_scheduler};

const LINES: &str =
    r#"a line is {"ask":{}}, {"report":{"trial":..,"step":..,"value":..}} or {"tell":{"trial":..,"value":..}}"#;

/// What a study in a database is called.
const NAME: &str = "ask-tell";

/// What an [`AskTell`] searches, and how.
#[derive(Debug)]
pub struct AskTellOptions {
    /// What may vary.
    pub space: Space,
    /// Who proposes, with its defaults.
    pub sampler: SamplerKind,
    /// Who stops trials, with its defaults.
    pub scheduler: SchedulerKind,
    /// Which values are good.
    pub direction: Direction,
    /// The database of the study, which goes on if it is there; none: memory alone.
    pub storage: Option<PathBuf>,
    /// Seed of every draw.
    pub seed: u64,
}

/// A study that answers lines of JSON, one for each:
///
/// | line | answer |
/// |---|---|
/// | `{"ask":{}}` | `{"trial":3,"params":{"x":0.5}}` |
/// | `{"report":{"trial":3,"step":1,"value":0.8}}` | `{"stop":false}` |
/// | `{"tell":{"trial":3,"value":0.83}}` | `{"ok":true}` |
/// | anything that is wrong | `{"error":"..."}` |
///
/// Several trials may be open at once. A `value` of `null` is no number: a report of it counts as the worst, and a trial told so has failed.
/// `"values":[0.83]` is the same as `"value":0.83`; `"state":"fail"` or `"pruned"` stands in the place of a value.
///
/// ```
/// use tunefork::sampler::SamplerKind;
/// use tunefork::scheduler::SchedulerKind;
/// use tunefork::space::{Domain, Parameter, Space};
/// use tunefork::trial::Direction;
/// use tunefork::{AskTell, AskTellOptions};
///
/// let mut study = AskTell::open(AskTellOptions {
///     space: Space::new(vec![Parameter::new("x", Domain::int(1, 9)?)])?,
///     sampler: SamplerKind::Auto,
///     scheduler: SchedulerKind::None,
///     direction: Direction::Minimize,
///     storage: None,
///     seed: 0,
/// })?;
/// assert!(study.answer(r#"{"ask":{}}"#).starts_with(r#"{"trial":0,"params":{"x":"#));
/// assert_eq!(study.answer(r#"{"tell":{"trial":0,"value":2.5}}"#), r#"{"ok":true}"#);
/// assert!(study.answer(r#"{"tell":{"trial":0,"value":2.5}}"#).starts_with(r#"{"error":"#), "it is told already");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AskTell(Study);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Ask {},
    Report { trial: u32, step: u32, value: Option<f64> },
    Tell(Tell),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    trial: u32,
    /// Also `null`, which is not the same as nothing.
    #[serde(default, deserialize_with = "given")]
    value: Option<Option<f64>>,
    values: Option<Vec<Option<f64>>>,
    state: Option<State>,
}

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum State {
    Complete,
    Pruned,
    Fail,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Asked { trial: u32, params: Params },
    Reported { stop: bool },
    Told { ok: bool },
    Wrong { error: String },
}

impl AskTell {
    /// Opens a new study, or goes on with the one in the database.
    ///
    /// # Errors
    /// A sampler that cannot search this space; a database that cannot be used, or that has a study of another direction.
    pub fn open(options: AskTellOptions) -> Result<Self, Error> {
        let sampler = default_sampler(options.sampler, &options.space)
            .map_err(|error| Error::Unsupported(format!("sampler {}: {error}", options.sampler)))?;
        let storage: Box<dyn Storage> = match &options.storage {
            Some(path) => Box::new(SqliteStorage::open(path, NAME).map_err(StudyError::from)?),
            None => Box::new(MemoryStorage::default()),
        };
        let header = StudyHeader::new(NAME, options.direction, options.seed);
        Ok(Self(Study::open_declared(header, options.space, storage, sampler, default_scheduler(options.scheduler))?))
    }

    /// The answer to a line, without an end of line.
    pub fn answer(&mut self, line: &str) -> String {
        let answer = match serde_json::from_str(line) {
            Ok(line) => self.reply(line).unwrap_or_else(|error| Answer::Wrong { error }),
            Err(error) => Answer::Wrong { error: format!("{error}; {LINES}") },
        };
        serde_json::to_string(&answer).expect("numbers, texts and names")
    }

    fn reply(&self, line: Line) -> Result<Answer, String> {
        let told = |error: StudyError| error.to_string();
        match line {
            Line::Ask {} => {
                let trial = self.0.ask().map_err(told)?;
                Ok(Answer::Asked { trial: trial.number().0, params: trial.params() })
            }
            Line::Report { trial, step, value } => {
                let mut trial = self.0.trial(TrialNumber(trial)).map_err(told)?;
                let decision = trial.report(step, value.unwrap_or(f64::NAN)).map_err(told)?;
                Ok(Answer::Reported { stop: decision == Decision::Stop })
            }
            Line::Tell(tell) => {
                let end = tell.end()?;
                let trial = self.0.trial(TrialNumber(tell.trial)).map_err(told)?;
                self.0.tell(trial, end).map_err(told)?;
                Ok(Answer::Told { ok: true })
            }
        }
    }
}

impl Tell {
    /// What became of the trial.
    fn end(&self) -> Result<Told, String> {
        let value = match (self.value, self.values.as_deref()) {
            (Some(_), Some(_)) => return Err("tell has `value` and `values`: one of them is enough".to_owned()),
            (Some(value), None) => Some(value),
            (None, Some([value])) => Some(*value),
            (None, Some(values)) => {
                return Err(format!("values has {} numbers, and the study one objective", values.len()));
            }
            (None, None) => None,
        };
        match (self.state.unwrap_or(State::Complete), value) {
            (State::Complete, Some(value)) => Ok(Told::Value(value.unwrap_or(f64::NAN))),
            (State::Complete, None) => Err("tell wants a `value`, or a `state` of \"fail\" or \"pruned\"".to_owned()),
            (State::Pruned, _) => Ok(Told::Pruned),
            (State::Fail, _) => Ok(Told::Failed("told so".to_owned())),
        }
    }
}
