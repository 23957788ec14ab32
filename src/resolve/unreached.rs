//! Keys whose moment never comes: a schedule that is longer than the training, a rule that waits for more trials than there are.

use tunefork_names::number;
use tunefork_sampler::{Grid, Sampler as _, SamplerKind};
use tunefork_scheduler::SchedulerKind;
use tunefork_space::{Domain, Value};
use tunefork_train::At;

use super::StudySpec;
use super::cells::Cell;
use super::idle::is_default;
use super::layers::whole_values;
use crate::study_file::table::{
    ACTIVATION, AT, DAMPENING, DECAY_NORMS_AND_BIASES, DROP_EVERY, DROPOUT, EARLY_STOP, EPOCHS, HIDDEN_LAYERS, KIND,
    LAYERS, MEAN, MIN_EPOCHS, MIN_TRIALS, MOMENTUM, NORMALISE, OPTIMIZER, PATIENCE, PERCENTILE, SAMPLER, SCHEDULE,
    STARTUP_TRIALS, STD, TRIALS, WAIT, WARMUP, WEIGHT_DECAY,
};
use crate::study_file::{Key, Normalise, StudyFile, key_of};

/// What is looked at where a key is given, and said if its moment never comes.
type Rule = fn(&StudySpec, &StudyFile) -> Option<String>;

const RULES: &[(&Key, Rule)] = &[
    (TRIALS.key(), |spec, _| spec.other_count()),
    (SAMPLER.key(), |spec, file| spec.unreached_unsaid([TRIALS.key(), STARTUP_TRIALS.key()], file)),
    (WARMUP.key(), |spec, _| {
        let (warmup, epochs) = (spec.least(&WARMUP)?, spec.most(&EPOCHS)?);
        let says = || {
            format!(
                "the learning rate is still rising when the training ends: `warmup` is {warmup} and `epochs` is {epochs}"
            )
        };
        (warmup >= epochs).then(says)
    }),
    (DROP_EVERY.key(), |spec, _| {
        let (every, epochs) = (spec.least(&DROP_EVERY)?, spec.most(&EPOCHS)?);
        let says = || format!("the learning rate never drops: `drop_every` is {every} and `epochs` is {epochs}");
        (every >= epochs).then(says)
    }),
    (PATIENCE.key(), |spec, _| {
        let (patience, epochs) = (spec.least(&PATIENCE)?, spec.most(&EPOCHS)?);
        let says = || format!("the learning rate never drops: `patience` is {patience} and `epochs` is {epochs}");
        (patience + 1.0 >= epochs).then(says)
    }),
    (EARLY_STOP.key(), |spec, _| {
        let (patience, epochs) = (spec.least(&EARLY_STOP)?, spec.most(&EPOCHS)?);
        if patience + 1.0 >= epochs {
            return Some(format!("`early_stop` never ends a trial: it is {patience} and `epochs` is {epochs}"));
        }
        (AT.of(spec.fixed()) == At::Last).then(|| {
            "`early_stop` ends a trial some epochs after its best one, but its value and weights are those of the last: \
             write at = \"best\" in [study]"
                .to_string()
        })
    }),
    (SCHEDULE.key(), |spec, file| spec.unreached_unsaid([DROP_EVERY.key(), PATIENCE.key()], file)),
    (KIND.key(), |spec, file| spec.unreached_unsaid([MIN_EPOCHS.key(), MIN_TRIALS.key()], file)),
    (MIN_EPOCHS.key(), |spec, _| spec.no_rung()),
    (MIN_TRIALS.key(), |spec, _| {
        let (least, trials) = (spec.least(&MIN_TRIALS)?, f64::from(spec.trials()));
        let says = || format!("no trial is ever stopped: `min_trials` is {least}, and `trials` is {trials}");
        (least >= trials).then(says)
    }),
    (STARTUP_TRIALS.key(), |spec, _| {
        let (random, trials) = (spec.least(&STARTUP_TRIALS)?, f64::from(spec.trials()));
        let says = || format!("all trials are random: `startup_trials` is {random}, and `trials` is {trials}");
        (random >= trials).then(says)
    }),
    (PERCENTILE.key(), |spec, _| {
        let percentile = spec.least(&PERCENTILE)?;
        if percentile > 0.0 && percentile < 1.0 {
            return Some(format!("less than a hundredth of the trials goes on: `percentile` is {percentile}, of 100"));
        }
        (percentile >= 100.0).then(|| "no trial is ever stopped: `percentile` is 100".to_string())
    }),
    (DAMPENING.key(), |spec, _| {
        let says = || "`dampening` does nothing: it is a part of `momentum`, which is 0".to_string();
        (spec.most(&MOMENTUM)? == 0.0 && spec.most(&DAMPENING)? > 0.0).then(says)
    }),
    (NORMALISE.key(), |spec, file| {
        let is_given = file.setting(&MEAN).is_some() && NORMALISE.of(spec.fixed()) == Normalise::None;
        is_given.then(|| "`normalise` does nothing: `mean` and `std` are given".to_string())
    }),
    (MEAN.key(), |spec, _| spec.not_of_pixels(&MEAN, 0.0)),
    (STD.key(), |spec, _| spec.not_of_pixels(&STD, 1e-3)),
    (ACTIVATION.key(), |spec, _| {
        let says =
            || "`activation` does nothing: it acts after blocks and hidden layers, and there are none".to_string();
        let has_layers = spec.most(&LAYERS)? > 0.0 || spec.most(&HIDDEN_LAYERS)? > 0.0;
        (!has_layers && spec.is_ever_else(&ACTIVATION)).then(says)
    }),
    (DROPOUT.key(), |spec, _| {
        let says = || "`dropout` does nothing: it acts after hidden layers, and there are none".to_string();
        let is_idle = spec.most(&HIDDEN_LAYERS)? == 0.0 && spec.most(&DROPOUT)? > 0.0;
        if is_idle { Some(says()) } else { spec.dropout_without_layers() }
    }),
    (DECAY_NORMS_AND_BIASES.key(), |spec, _| {
        let varies = [WEIGHT_DECAY.name, OPTIMIZER.name].iter().any(|name| spec.space().index_of(name).is_some());
        let decay = spec.fixed().train_spec().optimizer.weight_decay;
        let says = || "`decay_norms_and_biases` does nothing: nothing decays, for `weight_decay` is 0".to_string();
        (!varies && decay == 0.0 && spec.is_ever_else(&DECAY_NORMS_AND_BIASES)).then(says)
    }),
];

impl StudySpec {
    /// What is said of a key that is given, if its moment never comes.
    pub(super) fn unreached(&self, key: &Key, file: &StudyFile) -> Option<String> {
        let (_, rule) = RULES.iter().find(|(other, _)| other.name == key.name)?;
        if self.ever_acts(key, file) { rule(self, file) } else { None }
    }

    /// What is said of the first of some keys that are not given, at the key that makes them act.
    fn unreached_unsaid(&self, keys: [&'static Key; 2], file: &StudyFile) -> Option<String> {
        let mut unsaid = keys.into_iter().filter(|key| file.setting(key).is_none());
        unsaid.find_map(|key| self.unreached(key, file))
    }

    /// Where the space has more or fewer points than there are trials.
    fn other_count(&self) -> Option<String> {
        if !self.experiments().is_empty() {
            return None;
        }
        let (sampler, trials) = (SAMPLER.of(self.fixed()), u64::from(TRIALS.of(self.fixed())));
        if self.space().is_empty() {
            return (trials > 1).then(|| format!("nothing varies, so there is one trial: `trials` is {trials}"));
        }
        let given = self.enqueued().len() as u64;
        if given > trials {
            return Some(format!("the file gives {given} trials, and `trials` is {trials}: the others are not tried"));
        }
        let proposed = trials.saturating_sub(self.enqueued().len() as u64);
        let of_grid = || Grid::new(self.space()).ok()?.trials(self.space());
        let points = self.sampler().trials(self.space()).or_else(of_grid)?;
        let found = format!("the number of configurations is {points}, and `trials` is {trials}");
        if points < proposed {
            return Some(match sampler.may_repeat() {
                true => {
                    format!("{found}: configurations will be trained several times, each time with other random draws")
                }
                false => format!("{found}: {sampler} proposes none twice, so there will be fewer trials"),
            });
        }
        (sampler == SamplerKind::Grid && points > proposed)
            .then(|| format!("{found}: too few for the whole grid, if more than {proposed} of them can be trained"))
    }

    /// The same where the number of trials and the sampler are the defaults: said of what varies first.
    pub(super) fn other_count_unsaid(&self, file: &StudyFile) -> Option<(&'static Key, String)> {
        let varies = key_of(&self.space().parameters().first()?.name)?;
        let is_said = [TRIALS.key(), SAMPLER.key()].iter().any(|key| file.setting(key).is_some());
        if is_said { None } else { Some((varies, self.other_count()?)) }
    }

    /// Where means or deviations cannot be of pixels, which are numbers from 0 to 1.
    fn not_of_pixels(&self, key: &Key, least: f64) -> Option<String> {
        let numbers = self.numbers_of(key);
        let wrong = numbers.into_iter().find(|number| *number < least || *number > 1.0)?;
        let advice = match wrong {
            _ if wrong > 1.0 => ": divide by 255 what was measured of bytes".to_string(),
            _ if wrong > 0.0 => format!(": divided by it they go up to {}", number(1.0 / wrong)),
            _ => String::new(),
        };
        Some(format!("`{}` is {}, but pixels are numbers from 0 to 1{advice}", key.name, number(wrong)))
    }

    /// Where dropout is searched without hidden layers.
    fn dropout_without_layers(&self) -> Option<String> {
        let (own, layers) = (self.parameter(DROPOUT.name)?, self.parameter(HIDDEN_LAYERS.name)?);
        if !layers.when.is_empty() || !self.experiments().is_empty() {
            return None;
        }
        let condition = own.when.iter().find(|when| when.parameter == layers.name);
        let counts = whole_values(&layers.domain).into_iter();
        let counts = counts.filter(|count| condition.is_none_or(|when| when.any_of.contains(&Value::Int(*count))));
        let (none, some): (Vec<i64>, Vec<i64>) = counts.partition(|count| *count == 0);
        let some: Vec<String> = some.iter().map(i64::to_string).collect();
        match (none.len(), some.len()) {
            (0, _) => None,
            (_, 0) => Some("`dropout` is searched only where it does nothing: without hidden layers".to_string()),
            _ => Some(format!(
                "`dropout` is searched also where it does nothing, for it acts after hidden layers: write \
                 when = {{ hidden_layers = [{}] }} beside its domain",
                some.join(", ")
            )),
        }
    }

    /// Whether a key has another value than its default in any trial.
    pub(crate) fn is_ever_else(&self, key: &Key) -> bool {
        let values = self.cells_of(key).iter().flat_map(|cell| self.values_of(cell));
        values.into_iter().any(|value| !is_default(key, &value))
    }

    /// Where a scheduler never looks at a trial before it is over.
    fn no_rung(&self) -> Option<String> {
        let kind = KIND.of(self.fixed());
        let epochs = self.epochs_range().1;
        let stops = kind != SchedulerKind::None && !self.scheduler().rungs(epochs).is_empty();
        let says = || {
            let (key, value) = match kind {
                SchedulerKind::Patience => (WAIT.name, WAIT.of(self.fixed())),
                _ => (MIN_EPOCHS.name, MIN_EPOCHS.of(self.fixed())),
            };
            format!(
                "no trial is ever stopped: {kind} first looks after `{key}` = {value}, and the last epoch is {epochs}"
            )
        };
        (kind != SchedulerKind::None && !stops).then(says)
    }

    /// The least number that a key has in any trial.
    pub(crate) fn least(&self, key: &Key) -> Option<f64> {
        self.numbers_of(key).into_iter().reduce(f64::min)
    }

    /// The largest number that a key has in any trial.
    pub(crate) fn most(&self, key: &Key) -> Option<f64> {
        self.numbers_of(key).into_iter().reduce(f64::max)
    }

    /// Numbers of a key, the least and the largest among them.
    fn numbers_of(&self, key: &Key) -> Vec<f64> {
        let of = |cell: &Cell| match cell {
            Cell::Fixed(value) => value.as_f64().into_iter().collect::<Vec<f64>>(),
            Cell::Parameter { name, otherwise, times } => {
                let parameters = self.space().parameters();
                let parameter = parameters.iter().find(|parameter| parameter.name == *name);
                let elsewhere = parameter.is_none_or(|parameter| !parameter.when.is_empty());
                let ends = match parameter.map(|parameter| &parameter.domain) {
                    Some(Domain::Float { low, high, .. }) => vec![*low, *high],
                    Some(Domain::Int { low, high, .. }) => vec![*low as f64, *high as f64],
                    Some(Domain::Categorical { choices, .. }) => choices.iter().filter_map(Value::as_f64).collect(),
                    None => Vec::new(),
                };
                let otherwise = otherwise.as_f64().filter(|_| elsewhere);
                ends.into_iter().chain(otherwise).map(|number| number * *times as f64).collect()
            }
        };
        self.cells_of(key).iter().flat_map(of).collect()
    }
}
