//! Every scheduler keeps the promises of `tunefork_scheduler::conformance`.

use tunefork_scheduler::{
    Hyperband, HyperbandOptions, NoScheduler, Patience, PatienceOptions, Percentile, PercentileOptions, Promotion,
    SuccessiveHalving, SuccessiveHalvingOptions, SyncHyperband, Threshold, ThresholdOptions, Wilcoxon, WilcoxonOptions,
    scheduler_conformance,
};

macro_rules! conformance {
    ($scheduler:ident, $new:expr $(, $promises:tt)?) => {
        mod $scheduler {
            use super::*;
            scheduler_conformance!($new $(, $promises)?);
        }
    };
}

const HALVING: SuccessiveHalvingOptions =
    SuccessiveHalvingOptions { min_resource: 2, factor: 2, skip: 0, bootstrap: 0 };
const BRACKETS: HyperbandOptions = HyperbandOptions { min_resource: 1, max_resource: 12, factor: 3 };

const fn waiting(patience: u32, min_delta: f64) -> PatienceOptions {
    PatienceOptions { patience, min_delta, warmup_steps: 0 }
}

conformance!(none, || Box::new(NoScheduler));
conformance!(median, || Box::new(Percentile::median()));
conformance!(percentile, || {
    let options =
        PercentileOptions { percentile: 25.0, startup_trials: 3, warmup_steps: 2, interval_steps: 3, min_trials: 2 };
    Box::new(Percentile::new(options).unwrap())
});
conformance!(asha, || Box::new(SuccessiveHalving::new(HALVING).unwrap()));
conformance!(asha_promotion, || Box::new(Promotion::new(HALVING).unwrap()));
conformance!(hyperband, || Box::new(Hyperband::new(BRACKETS).unwrap()));
conformance!(sync_hyperband, || Box::new(SyncHyperband::new(BRACKETS).unwrap()));
conformance!(patience, || Box::new(Patience::new(Some(Box::new(Percentile::median())), waiting(2, 0.0)).unwrap()));
conformance!(patience_with_pauses, || {
    Box::new(Patience::new(Some(Box::new(Promotion::new(HALVING).unwrap())), waiting(2, 0.01)).unwrap())
});
// By itself it stops the best, too, once that no longer gets better, and it may stop all.
conformance!(
    patience_alone,
    || Box::new(Patience::new(None, waiting(3, 0.0)).unwrap()),
    [
        decisions_follow_from_the_history,
        trials_stop_at_rungs_only,
        something_is_stopped_where_there_are_rungs,
        trials_without_reports_make_no_difference,
        directions_mirror_each_other,
        without_reports_a_trial_goes_on,
        only_paused_trials_go_on,
    ]
);
// Bounds have no direction.
conformance!(
    threshold,
    || {
        let options = ThresholdOptions { lower: -0.9, upper: 0.9, warmup_steps: 2, interval_steps: 2 };
        Box::new(Threshold::new(options).unwrap())
    },
    [
        decisions_follow_from_the_history,
        trials_stop_at_rungs_only,
        something_is_stopped_where_there_are_rungs,
        trials_without_reports_make_no_difference,
        without_reports_a_trial_goes_on,
        only_paused_trials_go_on,
    ]
);
conformance!(wilcoxon, || Box::new(Wilcoxon::new(WilcoxonOptions::default()).unwrap()));
