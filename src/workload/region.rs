//! Which points of a study's space can be trained at all.

use std::sync::PoisonError;

use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal, Random, Region, Sampler};
use tunefork_space::{Params, Point};
use tunefork_study::{Blueprint, TrialFailure, Workload as _};
use tunefork_train::TrainSpec;
use tunefork_trial::{History, TrialNumber};

use super::{Training, memory, task};
use crate::blame::Blames as _;
use crate::{Config, Error};

impl Training {
    /// Why these parameters can never be trained; nothing where they can, or where only the machine fails at it now.
    pub(crate) fn obstacle(&self, params: &Params) -> Option<TrialFailure> {
        let look = || self.blueprint(params).err().filter(|failure| failure.kind.is_of_the_configuration());
        let config = self.spec.config(params);
        if config.train_spec().check().is_err() {
            return look();
        }
        let planned = self.planned_alike(&config);
        // Not held while one looks: others may look meanwhile, and find the same.
        let known = || self.obstacles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(obstacle) = known().get(&planned) {
            return obstacle.clone();
        }
        let obstacle = look();
        known().insert(planned, obstacle.clone());
        obstacle
    }

    /// A text that configurations share of which one plan is made: most points of a space differ in other settings alone, and a plan
    /// of a large network takes many milliseconds.
    fn planned_alike(&self, config: &Config) -> String {
        let mut task = task(config, self.material.first(), Key::study(0));
        // A setting of a run, not of the compiled graph.
        task.network.dropout = 0.0;
        // All are named, so that one that is to come is looked at here, too.
        let TrainSpec {
            batch_size,
            optimizer,
            augmentation,
            train_steps,
            ema,
            last_batch,
            at,
            epochs: _,
            schedule: _,
            plateau: _,
            early_stop: _,
            class_weights: _,
            mixup: _,
            clip_norm: _,
            label_smoothing: _,
            objective: _,
        } = task.spec;
        let (states, changes, averages) = (optimizer.rule.states(), !augmentation.is_none(), ema > 0.0);
        let network = task.network;
        format!(
            "{network:?} {batch_size} {states} {changes} {train_steps:?} {averages} {last_batch:?} {at:?} {}",
            memory(config)
        )
    }

    /// The default of everything that varies; where these together cannot be trained, values that can.
    ///
    /// # Errors
    /// No such values were found: why the defaults cannot be trained.
    pub(crate) fn example(&self) -> Result<Params, Error> {
        let baseline = self.spec.baseline();
        let Some(failure) = self.obstacle(&baseline) else { return Ok(baseline) };
        let given = self.spec.enqueued().iter().map(|point| self.spec.space().params(point));
        let mut others = given.chain(self.sample(1));
        others.find(|params| self.obstacle(params).is_none()).ok_or_else(|| {
            let others = if self.spec.space().is_empty() { "" } else { "; and no other one was found that can" };
            let text = format!("the default configuration of this study cannot be trained: {failure}{others}");
            self.placed(&baseline, Error::Unsupported(text))
        })
    }

    /// What the training of these parameters takes.
    ///
    /// # Errors
    /// Why they cannot be trained, with the place of the key that is at fault.
    pub(crate) fn checked(&self, params: &Params) -> Result<Blueprint, Error> {
        self.blueprint(params).map_err(|failure| self.placed(params, failure.into()))
    }

    /// The error that these parameters cannot be trained, with the place of what is at fault.
    fn placed(&self, params: &Params, error: Error) -> Error {
        let config = self.spec.config(params);
        let mut folds = (0..self.spec.members().folds).map(|fold| self.compile(&config, fold));
        let keys = folds.find_map(Result::err).map(|error| error.keys());
        self.spec.placed_at(&keys.unwrap_or_default(), error)
    }

    /// So many points that can be trained, drawn at random by the study's seed, or those that there are.
    pub(crate) fn sample(&self, count: u64) -> Vec<Params> {
        let admits = |point: &Point| self.obstacle(&self.spec.space().params(point)).is_none();
        self.propose(&mut Random::new(), count, Region::of(&admits))
    }

    /// The first points that a sampler proposes of a region, or all that there are, in a study without trials.
    pub(crate) fn propose(&self, sampler: &mut dyn Sampler, count: u64, region: Region<'_>) -> Vec<Params> {
        let space = self.spec.space();
        let history = History::new(space.clone(), self.spec.direction());
        let first = self.spec.enqueued().len() as u32;
        let propose = |proposed: u32| {
            let number = TrialNumber(first + proposed);
            let ask = Ask { history: &history, number, proposed, key: Key::study(self.spec.seed()), region };
            match sampler.propose(&ask) {
                Proposal::Point(point) => Some(space.params(&point)),
                Proposal::Exhausted => None,
            }
        };
        (0..count as u32).map_while(propose).collect()
    }
}
