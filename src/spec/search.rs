//! From a study's settings to its sampler and its scheduler.

use tunefork_sampler::{Ask, Grid, Proposal, Random, Sampler, Tpe, TpeOptions};
use tunefork_scheduler::{
    NoScheduler, Percentile, PercentileOptions, Scheduler, SuccessiveHalving, SuccessiveHalvingOptions,
};
use tunefork_space::Space;

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

impl StudySpec {
    /// What proposes the trials.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        let fixed = self.fixed();
        if !self.experiments().is_empty() {
            return Box::new(Given);
        }
        match fixed.word("sampler") {
            "random" => Box::new(Random::new()),
            "grid" => Box::new(Grid::new(self.space()).expect("tried when the study was resolved")),
            _ => {
                let options = TpeOptions {
                    startup_trials: fixed.whole("startup_trials") as u32,
                    candidates: fixed.whole("candidates") as u32,
                    multivariate: fixed.flag("multivariate"),
                    ..TpeOptions::default()
                };
                Box::new(Tpe::new(options).expect(CHECKED))
            }
        }
    }

    /// What stops trials early.
    pub fn scheduler(&self) -> Box<dyn Scheduler> {
        let fixed = self.fixed();
        let min_epochs = fixed.whole("min_epochs") as u32;
        let percentile = |percentile: f64| {
            let options = PercentileOptions {
                percentile,
                startup_trials: fixed.whole("min_trials") as u32,
                warmup_steps: min_epochs,
                ..PercentileOptions::default()
            };
            Box::new(Percentile::new(options).expect(CHECKED))
        };
        match fixed.word("kind") {
            "median" => percentile(50.0),
            "percentile" => percentile(fixed.number("percentile")),
            "asha" => {
                let options = SuccessiveHalvingOptions {
                    min_resource: min_epochs,
                    factor: fixed.whole("reduction") as u32,
                    ..SuccessiveHalvingOptions::default()
                };
                Box::new(SuccessiveHalving::new(options).expect(CHECKED))
            }
            _ => Box::new(NoScheduler),
        }
    }
}
