//! The parts of a study's space that can never be trained, in sentences.

use std::time::{Duration, Instant};

use tunefork_sampler::{Grid, Random, Region, Sampler as _};
use tunefork_space::{Params, Value};

use crate::{StudySpec, Training};

/// Configurations that are looked at: all of a space that has no more, else so many drawn at random.
const LOOKED_AT: u64 = 256;

/// Time for looking.
const TIME: Duration = Duration::from_secs(1);

/// Time for looking where somebody waits for a study to begin.
const GLANCE: Duration = Duration::from_millis(100);

/// Of drawn configurations, all with a value must fail, and so many that it is no chance, before the value is blamed: so likely may it
/// be, for all values of a parameter together, if the value has nothing to do with it.
const CHANCE: f64 = 0.01;

/// Values of a parameter that are named in a sentence.
const NAMED: usize = 6;

/// A configuration that was looked at.
struct Seen {
    params: Params,
    /// Why it cannot be trained, if it cannot.
    reason: Option<String>,
}

/// What of a space cannot be trained.
pub(super) struct Gaps {
    /// A sentence for each part of the space, and for each given trial.
    pub(super) sentences: Vec<String>,
    /// How many configurations can be trained, of a space that was seen whole.
    pub(super) trainable: Option<u64>,
}

/// Looks for what cannot be trained.
pub(super) fn gaps(spec: &StudySpec, training: &Training) -> Gaps {
    let given = given(spec, training);
    let Some(Look { seen, is_all, .. }) = Look::at(spec, training, TIME) else {
        return Gaps { sentences: given.collect(), trainable: None };
    };
    let trainable = is_all.then(|| seen.iter().filter(|seen| seen.reason.is_none()).count() as u64);
    Gaps { sentences: given.chain(Search::new(seen, is_all).sentences()).collect(), trainable }
}

/// A sentence for each part of the space that can never be trained; none where that takes long to find out.
pub(crate) fn never_tried(spec: &StudySpec, training: &Training) -> Vec<String> {
    match Look::at(spec, training, GLANCE) {
        Some(Look { seen, is_all, is_cut: false }) => Search::new(seen, is_all).sentences(),
        Some(_) | None => Vec::new(),
    }
}

/// Configurations of a space, looked at.
struct Look {
    seen: Vec<Seen>,
    /// Whether the space has no other ones.
    is_all: bool,
    /// Whether there was no time for some.
    is_cut: bool,
}

impl Look {
    /// Looks at a space as long as there is time; nothing where nothing is searched.
    fn at(spec: &StudySpec, training: &Training, time: Duration) -> Option<Self> {
        if !spec.experiments().is_empty() || spec.space().is_empty() {
            return None;
        }
        let grid = Grid::new(spec.space()).ok();
        let grid = grid.filter(|grid| grid.trials(spec.space()).is_some_and(|points| points <= LOOKED_AT));
        let is_finite = grid.is_some();
        let points = match grid {
            Some(mut grid) => training.propose(&mut grid, LOOKED_AT, Region::WHOLE),
            None => training.propose(&mut Random::new(), LOOKED_AT, Region::WHOLE),
        };
        let (count, start) = (points.len(), Instant::now());
        let look =
            |params: Params| Seen { reason: training.obstacle(&params).map(|failure| failure.to_string()), params };
        let seen: Vec<Seen> = points.into_iter().take_while(|_| start.elapsed() < time).map(look).collect();
        let is_cut = seen.len() < count;
        Some(Self { seen, is_all: is_finite && !is_cut, is_cut })
    }
}

/// Trials that the file lists: these are tried all the same, and fail.
fn given<'a>(spec: &'a StudySpec, training: &'a Training) -> impl Iterator<Item = String> {
    let points = spec.enqueued().iter().enumerate();
    points.filter_map(|(number, point)| {
        let failure = training.obstacle(&spec.space().params(point))?;
        let place = spec.place_of_trial(number).map(|place| format!("{place}: ")).unwrap_or_default();
        let trial = match spec.runs_of(number as u32).first() {
            Some((experiment, run)) => format!("trial {number}, the run `{run}` of the experiment `{experiment}`,"),
            None => format!("trial {number}, which the file gives,"),
        };
        Some(format!("{place}{trial} will fail before it starts: {failure}"))
    })
}

/// The search for what the configurations that fail have in common.
struct Search {
    seen: Vec<Seen>,
    /// Whether the space has no other configurations.
    is_all: bool,
    /// Those that fail, and are not explained yet.
    open: Vec<usize>,
}

impl Search {
    fn new(seen: Vec<Seen>, is_all: bool) -> Self {
        let open = (0..seen.len()).filter(|index| seen[*index].reason.is_some()).collect();
        Self { seen, is_all, open }
    }

    fn sentences(mut self) -> Vec<String> {
        let mut sentences = Vec::new();
        while let Some((name, values)) = self.culprit() {
            let first = self.open.iter().find(|index| has(&self.seen[**index].params, &name, &values));
            let reason = first.and_then(|index| self.seen[*index].reason.clone()).unwrap_or_default();
            sentences.push(match self.is_all {
                true => format!("`{name}` = {} is never tried: {reason}", listed(&values)),
                false => {
                    let drawn = self.seen.iter().filter(|seen| has(&seen.params, &name, &values)).count();
                    let what = format!("none of {drawn} configurations drawn with it can be trained");
                    format!("`{name}` = {}: {what}, so such are never tried: {reason}", listed(&values))
                }
            });
            self.open.retain(|index| !has(&self.seen[*index].params, &name, &values));
        }
        let failed = self.open.len();
        if let Some(Seen { params, reason: Some(reason) }) = self.open.first().map(|first| &self.seen[*first]) {
            let seen = self.seen.len();
            let of = match self.is_all {
                true => format!("of all {seen} configurations"),
                false => format!("of {seen} configurations drawn at random"),
            };
            let more = if sentences.is_empty() { "" } else { " more" };
            sentences.push(format!(
                "{of} {failed}{more} cannot be trained, so such are never tried, for example {params}: {reason}"
            ));
        }
        sentences
    }

    /// The parameter of which some values always fail, with these values: the one that explains most.
    fn culprit(&self) -> Option<(String, Vec<Value>)> {
        let mut best: Option<(usize, String, Vec<Value>)> = None;
        for name in names(&self.seen) {
            let values = self.hopeless(&name);
            let explains = self.open.iter().filter(|index| has(&self.seen[**index].params, &name, &values)).count();
            if explains > best.as_ref().map_or(0, |(most, ..)| *most) {
                best = Some((explains, name, values));
            }
        }
        best.map(|(_, name, values)| (name, values))
    }

    /// The values of a parameter with which nothing can be trained, though with others something can.
    fn hopeless(&self, name: &str) -> Vec<Value> {
        let mut values: Vec<(Value, usize, usize)> = Vec::new();
        for seen in &self.seen {
            let Some(value) = seen.params.get(name) else { continue };
            let failed = usize::from(seen.reason.is_some());
            match values.iter_mut().find(|(other, ..)| other == value) {
                Some((_, count, failures)) => (*count, *failures) = (*count + 1, *failures + failed),
                None => values.push((value.clone(), 1, failed)),
            }
        }
        let all = values.len();
        let failed: usize = values.iter().map(|(.., failures)| failures).sum();
        let drawn: usize = values.iter().map(|(_, count, _)| count).sum();
        let share = failed as f64 / drawn as f64;
        let is_enough = |count: usize| self.is_all || share.powi(count as i32) * all as f64 <= CHANCE;
        values.retain(|(_, count, failures)| failures == count && is_enough(*count));
        if values.len() == all {
            return Vec::new();
        }
        let mut values: Vec<Value> = values.into_iter().map(|(value, ..)| value).collect();
        values.sort_by(|a, b| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.to_string().cmp(&b.to_string()),
        });
        values
    }
}

/// The names of all parameters that were seen, in order.
fn names(seen: &[Seen]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in seen.iter().flat_map(|seen| seen.params.iter()) {
        if !names.iter().any(|other| other == name) {
            names.push(name.to_string());
        }
    }
    names
}

fn has(params: &Params, name: &str, values: &[Value]) -> bool {
    params.get(name).is_some_and(|value| values.contains(value))
}

/// `5, 6 or 7`
fn listed(values: &[Value]) -> String {
    let mut words: Vec<String> = values.iter().take(NAMED).map(Value::to_string).collect();
    if values.len() > NAMED {
        words.push(format!("one of {} more", values.len() - NAMED));
    }
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
        None => String::new(),
    }
}
