//! About how long a study takes on this machine, from a few measured steps.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use tunefork_rng::Key;
use tunefork_space::Params;
use tunefork_study::{Cost, CostModel};
use tunefork_train::{Compiled, Device, Task, TrainError, Trainer};

use super::CardRoom;
use crate::study_file::Role;
use crate::study_file::table::EPOCHS;
use crate::workload::{memory, task};
use crate::{Config, Error, Machine, Material, StudySpec, Training};

/// Time for all measurements. What is left when it is over is told from what was measured.
const TIME: Duration = Duration::from_secs(2);

/// Time for the steps of one configuration; a quarter more evaluates.
const TIME_OF_ONE: Duration = Duration::from_millis(100);

/// Random points of a space that stand for all that a search may try.
const SAMPLED: u64 = 8;

/// About how long a study takes on this machine if no trial is stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyTime {
    /// Seconds of the whole study.
    pub study: f64,
    /// Seconds of each experiment by itself, in the order of the file.
    pub experiments: Vec<f64>,
    /// Seconds of an epoch of the default configuration.
    pub baseline_epoch: f64,
    /// Who trains, as it was measured.
    pub concurrency: Concurrency,
}

/// How the machine is shared by trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// Trials trained at the same time.
    pub workers: usize,
    /// CPU threads of each; some have one more where they cannot be shared evenly.
    pub threads: usize,
}

impl Concurrency {
    /// More workers than slots or trials would never have work. On a GPU there are as many as it has room for: they wait
    /// for it, or work on it together, and need no processor each.
    pub fn new(spec: &StudySpec, machine: &Machine, workers: Option<usize>, card: Option<CardRoom>) -> Self {
        let most = spec.slots().min(spec.trials()) as usize;
        let usual = card.map_or(machine.threads(), |card| card.trials);
        let workers = workers.unwrap_or(usual).clamp(1, most);
        Self { workers, threads: (machine.threads() / workers).max(1) }
    }
}

/// Configurations that take equally long for an epoch.
struct Kind {
    task: Task,
    /// What an epoch costs in the study's own time.
    ticks: u64,
    /// Epochs of all its trials.
    epochs: f64,
    /// Seconds of an epoch, where they are known.
    seconds: Option<f64>,
}

/// Trials of a kind: how many, and the epochs of each, those of all its trainings together.
#[derive(Clone, Copy)]
struct Part {
    kind: usize,
    trials: f64,
    epochs: f64,
}

impl StudyTime {
    /// Trains the default configuration for some steps, then others that the study may try, most work
    /// first, as long as there is time. As many are trained at once as in the study, so that each has the
    /// speed that it will have there. `trials` is how many there are at most.
    ///
    /// # Errors
    /// When the default configuration cannot be trained.
    pub(super) fn measure(
        spec: &StudySpec,
        machine: &Machine,
        training: &Training,
        baseline: &Config,
        trials: u64,
        concurrency: Concurrency,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let device = machine.device(concurrency.threads, spec.fixed().precision())?;
        let mut kinds = Kinds::new(training.material(), &*device);
        let baseline = kinds.of(baseline)?;
        let parts = kinds.parts(spec, training, trials);
        let mut kinds = kinds.all;
        kinds[baseline].seconds = Some(pace(&kinds[baseline].task, &*device, concurrency.workers)?);
        let mut order: Vec<usize> = (0..kinds.len()).collect();
        order.sort_by(|a, b| kinds[*b].work().total_cmp(&kinds[*a].work()));
        for index in order {
            let kind = &mut kinds[index];
            if kind.seconds.is_none() && start.elapsed() < TIME {
                // What cannot be measured is told from the others.
                kind.seconds = pace(&kind.task, &*device, concurrency.workers).ok();
            }
        }
        let measured: Vec<(u64, Option<f64>)> = kinds.iter().map(|kind| (kind.ticks, kind.seconds)).collect();
        let seconds = completed(&measured);
        let given = |experiment: &crate::Experiment| -> Vec<Part> {
            let trials = experiment.trials().into_iter();
            trials.map(|trial| parts[trial as usize]).collect()
        };
        let experiments = spec.experiments().iter();
        Ok(Self {
            study: together(&parts, &seconds, concurrency.workers),
            experiments: experiments
                .map(|experiment| together(&given(experiment), &seconds, concurrency.workers))
                .collect(),
            baseline_epoch: seconds[baseline],
            concurrency,
        })
    }
}

impl Kind {
    /// All work of this kind, in the study's own time.
    fn work(&self) -> f64 {
        self.ticks as f64 * self.epochs
    }
}

/// The kinds of a study, as they are found.
struct Kinds<'a> {
    material: &'a Material,
    device: &'a dyn Device,
    all: Vec<Kind>,
    places: HashMap<String, usize>,
}

impl<'a> Kinds<'a> {
    fn new(material: &'a Material, device: &'a dyn Device) -> Self {
        Self { material, device, all: Vec::new(), places: HashMap::new() }
    }

    /// The kind of a configuration: those that differ only in what does not change the time of an epoch are one.
    fn of(&mut self, config: &Config) -> Result<usize, TrainError> {
        let costly = config.iter().filter(|(key, _)| key.role == Role::Costs);
        let name: String = costly.map(|(key, constant)| format!("{} = {}\n", key.name, constant.to_toml())).collect();
        if let Some(place) = self.places.get(&name) {
            return Ok(*place);
        }
        let task = task(config, self.material.first(), Key::study(0));
        let budget = memory(config) / u64::from(config.members().at_once());
        let compiled = task.compile_within(self.device, budget)?;
        self.all.push(Kind { ticks: ticks(&compiled), task, epochs: 0.0, seconds: None });
        self.places.insert(name, self.all.len() - 1);
        Ok(self.all.len() - 1)
    }

    /// The trials of a study: those given, in their order, then some that stand for the others.
    fn parts(&mut self, spec: &StudySpec, training: &Training, trials: u64) -> Vec<Part> {
        let given = spec.enqueued().len() as u64;
        let others = trials.saturating_sub(given);
        let given = spec.enqueued().iter().map(|point| spec.space().params(point));
        let given: Vec<(Params, f64)> = given.map(|params| (params, 1.0)).collect();
        let sample = training.sample(others.min(SAMPLED));
        let share = others as f64 / sample.len().max(1) as f64;
        let sample = sample.into_iter().map(|params| (params, share));
        let trials = given.into_iter().chain(sample);
        trials.map(|(params, trials)| self.part(&spec.config(&params), trials)).collect()
    }

    fn part(&mut self, config: &Config, trials: f64) -> Part {
        let trainings = f64::from(config.members().count());
        let epochs = f64::from(EPOCHS.of(config)) * trainings;
        match self.of(config) {
            Ok(kind) => {
                self.all[kind].epochs += trials * epochs;
                Part { kind, trials, epochs }
            }
            // It fails before its first step.
            Err(_) => Part { kind: 0, trials: 0.0, epochs: 0.0 },
        }
    }
}

/// Work of an epoch in the study's own time.
fn ticks(compiled: &Compiled) -> u64 {
    CostModel::default().ticks(&Cost {
        flops: compiled.epoch_cost.flops,
        bytes: compiled.epoch_cost.bytes,
        steps: compiled.epoch_cost.steps,
    })
}

/// Seconds of an epoch of a task while as many like it are trained as there are workers.
fn pace(task: &Task, device: &dyn Device, workers: usize) -> Result<f64, TrainError> {
    let one = || Trainer::new(task.clone(), device)?.pace(TIME_OF_ONE);
    let all: Vec<Result<f64, TrainError>> = thread::scope(|scope| {
        // The system may have no more threads: then the study, too, has fewer workers.
        let others = (1..workers).map_while(|_| thread::Builder::new().spawn_scoped(scope, one).ok());
        let others: Vec<_> = others.collect();
        let own = one();
        let joined = others.into_iter().map(|thread| thread.join());
        let others = joined.map(|paced| paced.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(own).chain(others).collect()
    });
    let all: Vec<f64> = all.into_iter().collect::<Result<_, _>>()?;
    Ok(all.iter().sum::<f64>() / all.len() as f64)
}

/// Seconds of an epoch of every kind: those measured, and for the others as many for a tick as in all
/// that was measured.
fn completed(kinds: &[(u64, Option<f64>)]) -> Vec<f64> {
    let measured = kinds.iter().filter_map(|(ticks, seconds)| seconds.map(|seconds| (*ticks as f64, seconds)));
    let (ticks, seconds) = measured.fold((0.0, 0.0), |sums, one| (sums.0 + one.0, sums.1 + one.1));
    let rate = if ticks > 0.0 { seconds / ticks } else { 0.0 };
    let complete = |(ticks, seconds): &(u64, Option<f64>)| seconds.unwrap_or(*ticks as f64 * rate);
    kinds.iter().map(complete).collect()
}

/// Seconds of some trials by so many workers: no less than the longest takes alone.
fn together(parts: &[Part], seconds: &[f64], workers: usize) -> f64 {
    let trial = |part: &Part| seconds[part.kind] * part.epochs;
    let all: f64 = parts.iter().map(|part| part.trials * trial(part)).sum();
    let longest = parts.iter().map(trial).fold(0.0, f64::max);
    longest.max(all / workers as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study_file::Key;
    use crate::study_file::table::{BATCH_SIZE, LEARNING_RATE, MIXUP, NESTEROV, OPTIMIZER};

    #[test]
    fn what_was_not_measured_is_told_from_its_cost() {
        let seconds = completed(&[(100, Some(1.0)), (300, Some(2.0)), (1000, None), (0, None)]);
        assert_eq!(seconds, [1.0, 2.0, 7.5, 0.0]);
        assert_eq!(completed(&[(100, None)]), [0.0]);
    }

    #[test]
    fn workers_share_the_trials_but_no_single_one() {
        let part = |kind, trials, epochs| Part { kind, trials, epochs };
        let seconds = [2.0, 5.0];
        let parts = [part(0, 1.0, 3.0), part(1, 4.5, 2.0)];
        assert_eq!(together(&parts, &seconds, 1), 51.0);
        assert_eq!(together(&parts, &seconds, 2), 25.5);
        assert_eq!(together(&parts, &seconds, 100), 10.0);
        assert_eq!(together(&[], &seconds, 2), 0.0);
    }

    #[test]
    fn trials_of_a_kind_differ_in_what_costs_no_time() {
        for costly in [&BATCH_SIZE as &Key, &OPTIMIZER, &MIXUP] {
            assert_eq!(costly.role, Role::Costs, "{}", costly.name);
        }
        for free in [&LEARNING_RATE as &Key, &NESTEROV, &EPOCHS] {
            assert_eq!(free.role, Role::Free, "{}", free.name);
        }
    }
}
