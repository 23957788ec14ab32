//! From a study's settings to its sampler and its scheduler.

use tunefork_sampler::{Grid, Random, Sampler, Tpe, TpeOptions};
use tunefork_scheduler::{
    NoScheduler, Percentile, PercentileOptions, Scheduler, SuccessiveHalving,
    SuccessiveHalvingOptions,
};

use super::StudySpec;

const CHECKED: &str = "the table of keys keeps options in their bounds";

impl StudySpec {
    /// What proposes the trials.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        let fixed = self.fixed();
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
