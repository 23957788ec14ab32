//! From a study's settings to its sampler and its scheduler.

use tunefork_sampler::{
    Ask, Auto, CmaEs, CmaEsOptions, GaussianProcess, GaussianProcessOptions, Grid, HyperoptOptions, Proposal,
    QuasiRandom, Random, Sampler, SamplerError, SamplerKind, Sequence, Tpe, TpeOptions,
};
use tunefork_scheduler::{
    Hyperband, HyperbandOptions, NoScheduler, Patience, PatienceOptions, Percentile, PercentileOptions, Promotion,
    Scheduler, SchedulerKind, SuccessiveHalving, SuccessiveHalvingOptions, SyncHyperband, Threshold, ThresholdOptions,
    Wilcoxon, WilcoxonOptions,
};
use tunefork_space::Space;

use crate::study_file::table::{
    CANDIDATES, EPOCHS, KIND, LOWER, MIN_EPOCHS, MIN_TRIALS, MULTIVARIATE, P_VALUE, PERCENTILE, REDUCTION, SAMPLER,
    STARTUP_TRIALS, UPPER, WAIT,
};

use super::StudySpec;

/// Proposes nothing: the trials of experiments are all given, with a value for every parameter.
struct Given;

impl Sampler for Given {
    fn name(&self) -> &'static str {
        "experiments"
    }

    fn propose(&mut self, _: &Ask<'_>) -> Proposal {
        Proposal::Exhausted
    }

    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        ask.history.space().domain(parameter).nth(0)
    }

    fn trials(&self, _: &Space) -> Option<u64> {
        Some(0)
    }
}

const CHECKED: &str = "the table of keys keeps options in their bounds";
const DEFAULTS: &str = "defaults lie in their bounds";

/// A sampler with its defaults.
///
/// # Errors
/// A grid of a space that has no end of points.
pub(crate) fn default_sampler(kind: SamplerKind, space: &Space) -> Result<Box<dyn Sampler>, SamplerError> {
    Ok(match kind {
        SamplerKind::Auto => Box::new(Auto::default()),
        SamplerKind::Tpe => Box::new(Tpe::new(TpeOptions::default())?),
        SamplerKind::Hyperopt => Box::new(Tpe::hyperopt(HyperoptOptions::default())?),
        SamplerKind::Gp => Box::new(GaussianProcess::new(GaussianProcessOptions::default())?),
        SamplerKind::CmaEs => Box::new(CmaEs::new(CmaEsOptions::default())?),
        SamplerKind::Sobol => Box::new(QuasiRandom::new(Sequence::Sobol)),
        SamplerKind::Halton => Box::new(QuasiRandom::new(Sequence::Halton)),
        SamplerKind::Random => Box::new(Random::new()),
        SamplerKind::Grid => Box::new(Grid::new(space)?),
    })
}

/// A scheduler with its defaults.
pub(crate) fn default_scheduler(kind: SchedulerKind) -> Box<dyn Scheduler> {
    let percentile = |options| Box::new(Percentile::new(options).expect(DEFAULTS));
    match kind {
        SchedulerKind::None => Box::new(NoScheduler),
        SchedulerKind::Median => percentile(PercentileOptions { percentile: 50.0, ..PercentileOptions::default() }),
        SchedulerKind::Percentile => percentile(PercentileOptions { percentile: 25.0, ..PercentileOptions::default() }),
        SchedulerKind::Asha => Box::new(SuccessiveHalving::new(SuccessiveHalvingOptions::default()).expect(DEFAULTS)),
        SchedulerKind::AshaPromotion => Box::new(Promotion::new(SuccessiveHalvingOptions::default()).expect(DEFAULTS)),
        SchedulerKind::Hyperband => Box::new(Hyperband::new(HyperbandOptions::default()).expect(DEFAULTS)),
        SchedulerKind::SyncHyperband => Box::new(SyncHyperband::new(HyperbandOptions::default()).expect(DEFAULTS)),
        SchedulerKind::Threshold => Box::new(Threshold::new(ThresholdOptions::default()).expect(DEFAULTS)),
        SchedulerKind::Patience => Box::new(Patience::new(None, PatienceOptions::default()).expect(DEFAULTS)),
        SchedulerKind::Wilcoxon => Box::new(Wilcoxon::new(WilcoxonOptions::default()).expect(DEFAULTS)),
    }
}

impl StudySpec {
    /// What proposes the trials.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        let fixed = self.fixed();
        if !self.experiments().is_empty() {
            return Box::new(Given);
        }
        match SAMPLER.of(fixed) {
            // Accuracies are noisy: digits far below the noise are not worth what a restart may find.
            SamplerKind::CmaEs => {
                Box::new(CmaEs::new(CmaEsOptions { tolerance: 1e-4, ..CmaEsOptions::default() }).expect(DEFAULTS))
            }
            SamplerKind::Tpe => {
                let options = TpeOptions {
                    startup_trials: STARTUP_TRIALS.of(fixed),
                    candidates: CANDIDATES.of(fixed),
                    multivariate: MULTIVARIATE.of(fixed),
                    ..TpeOptions::default()
                };
                Box::new(Tpe::new(options).expect(CHECKED))
            }
            kind => default_sampler(kind, self.space()).expect("tried when the study was resolved"),
        }
    }

    /// What stops trials early.
    pub fn scheduler(&self) -> Box<dyn Scheduler> {
        let fixed = self.fixed();
        let min_epochs = MIN_EPOCHS.of(fixed);
        let percentile = |percentile: f64| {
            let options = PercentileOptions {
                percentile,
                startup_trials: MIN_TRIALS.of(fixed),
                warmup_steps: min_epochs,
                ..PercentileOptions::default()
            };
            Box::new(Percentile::new(options).expect(CHECKED))
        };
        let halving = SuccessiveHalvingOptions {
            min_resource: min_epochs,
            factor: REDUCTION.of(fixed),
            ..SuccessiveHalvingOptions::default()
        };
        let most = self.epochs_range().1;
        let brackets =
            HyperbandOptions { min_resource: min_epochs.min(most), max_resource: most, factor: REDUCTION.of(fixed) };
        match KIND.of(fixed) {
            SchedulerKind::Median => percentile(50.0),
            SchedulerKind::Percentile => percentile(PERCENTILE.of(fixed)),
            SchedulerKind::Asha => Box::new(SuccessiveHalving::new(halving).expect(CHECKED)),
            SchedulerKind::AshaPromotion => Box::new(Promotion::new(halving).expect(CHECKED)),
            SchedulerKind::Hyperband => Box::new(Hyperband::new(brackets).expect(CHECKED)),
            SchedulerKind::SyncHyperband => Box::new(SyncHyperband::new(brackets).expect(CHECKED)),
            SchedulerKind::Threshold => {
                let options = ThresholdOptions {
                    lower: LOWER.of(fixed).unwrap_or(f64::NEG_INFINITY),
                    upper: UPPER.of(fixed).unwrap_or(f64::INFINITY),
                    warmup_steps: min_epochs,
                    interval_steps: 1,
                };
                Box::new(Threshold::new(options).expect(CHECKED))
            }
            SchedulerKind::Patience => {
                let options = PatienceOptions {
                    patience: WAIT.of(fixed),
                    warmup_steps: min_epochs,
                    ..PatienceOptions::default()
                };
                Box::new(Patience::new(None, options).expect(CHECKED))
            }
            SchedulerKind::Wilcoxon => {
                let options = WilcoxonOptions {
                    p_threshold: P_VALUE.of(fixed),
                    running_means: Some(EPOCHS.of(fixed)),
                    ..WilcoxonOptions::default()
                };
                Box::new(Wilcoxon::new(options).expect(CHECKED))
            }
            SchedulerKind::None => Box::new(NoScheduler),
        }
    }
}
