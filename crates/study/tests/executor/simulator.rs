//! The executor, which trains on threads and stores, against the simulator, which does neither.

use crate::support::{options, record, scheduler};
use proptest::prelude::*;
use std::sync::Arc;
use tunefork_sampler::{Random, Sampler, Tpe, TpeOptions};
use tunefork_space::Params;
use tunefork_study::simulator::{Curves, Setting, Simulated, Synthetic, Table, simulate};
use tunefork_study::{
    Blueprint, Cost, CostModel, Definition, EpochReport, FailureKind, Goals, MemoryStorage, Run, StudyHeader,
    StudyRecord, TrialContext, TrialFailure, Workload, run,
};
use tunefork_trial::TrialNumber;

/// Reports what curves say, as if it had been trained.
struct Played<C>(Arc<C>);

struct PlayedRun<C> {
    curves: Arc<C>,
    trial: TrialContext,
    epoch: u32,
}

impl<C: Curves + Send + Sync> Workload for Played<C> {
    type Run = PlayedRun<C>;

    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        let epoch_cost = Cost { flops: self.0.ticks(params), ..Cost::default() };
        Ok(Blueprint { epochs: self.0.epochs(params), epoch_cost, plan_bytes: 0, plan_key: String::new() })
    }

    fn start(&self, trial: &TrialContext, _: Option<&[u8]>) -> Result<PlayedRun<C>, TrialFailure> {
        Ok(PlayedRun { curves: self.0.clone(), trial: trial.clone(), epoch: 0 })
    }
}

impl<C: Curves + Send + Sync> Run for PlayedRun<C> {
    fn epochs_done(&self) -> u32 {
        self.epoch
    }

    fn epoch(&mut self) -> Result<EpochReport, TrialFailure> {
        self.epoch += 1;
        let value = self.curves.value(&self.trial.params, self.trial.key, self.epoch);
        Ok(EpochReport { value, ..EpochReport::default() })
    }

    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure> {
        Err(TrialFailure::new(FailureKind::Fault, "it keeps nothing"))
    }
}

fn sampler(learns: bool) -> Box<dyn Sampler> {
    match learns {
        true => Box::new(Tpe::new(TpeOptions { startup_trials: 5, ..TpeOptions::default() }).unwrap()),
        false => Box::new(Random::new()),
    }
}

fn executed<C: Curves + Send + Sync>(
    setting: &Setting,
    curves: C,
    (learns, name): (bool, &str),
    workers: usize,
) -> StudyRecord {
    let mut header = StudyHeader::new("played", setting.direction, setting.seed);
    header.slots = setting.slots;
    header.cost_model = CostModel { flop: 1_000_000, byte: 0, step: 0 };
    let definition = Definition {
        header,
        presumed: Vec::new(),
        budget: setting.trials,
        space: setting.space.clone(),
        enqueued: Vec::new(),
        attributes: Vec::new(),
        sampler: sampler(learns),
        scheduler: scheduler(name),
        goals: Goals::default(),
    };
    let mut storage = MemoryStorage::default();
    run(definition, &Played(Arc::new(curves)), &mut storage, &mut (), &options(workers)).unwrap();
    record(&mut storage)
}

fn same(study: &StudyRecord, simulated: &Simulated) -> Result<(), TestCaseError> {
    let history = &simulated.history;
    prop_assert_eq!(study.trials.len(), history.len());
    for trial in &study.trials {
        let number = trial.number;
        prop_assert_eq!(trial.params(), history.params(number));
        let values: Vec<f64> = trial.epochs.iter().map(|epoch| epoch.report.value).collect();
        let reports: Vec<f64> = history.reports(number).iter().map(|report| report.value).collect();
        prop_assert_eq!(values, reports, "trial {}", number);
        prop_assert_eq!(trial.state, history.state(number), "trial {}", number);
        prop_assert_eq!(trial.has_diverged(), history.has_diverged(number));
        prop_assert!(trial.has_diverged() || trial.value == history.value(number), "trial {}", number);
        let span = (trial.schedule.as_ref().unwrap().start, trial.end.as_ref().unwrap().time);
        prop_assert_eq!(span, simulated.spans[number.index()], "trial {}", number);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_executor_does_what_the_simulator_says(
        name in prop::sample::select(crate::support::SCHEDULERS.to_vec()),
        learns: bool,
        (slots, trials, workers) in (prop_oneof![1..10_u32, Just(64)], 1..50_u32, 1..4_usize),
        seed: u64,
        noise in 0.0..0.1_f64,
        crossing in 0.0..1.0_f64,
    ) {
        let curves = Synthetic { epochs: 13, noise, crossing, ..Synthetic::default() };
        let setting = Setting { seed, slots, trials, ..Setting::new(curves.space()) };
        let simulated = simulate(&setting, &curves, &mut *sampler(learns), &mut *scheduler(name));
        same(&executed(&setting, curves, (learns, name), workers), &simulated)?;
    }
}

#[test]
fn tables_of_curves_are_played_as_they_are() {
    let rows = (0..12_u64).map(|row| (10 + row, (1..=9).map(|epoch| ((row * 7 + epoch * 5) % 23) as f64).collect()));
    let table = Table::new(rows.collect()).unwrap();
    let setting = Setting { slots: 3, trials: 20, ..Setting::new(table.space()) };
    let simulated = simulate(&setting, &table, &mut *sampler(false), &mut *scheduler("asha-promotion"));
    assert_eq!(simulated.history.len(), 12, "each once");
    assert_eq!(simulated.history.reports(TrialNumber(0))[0].step, 1);
    same(&executed(&setting, table, (false, "asha-promotion"), 2), &simulated).unwrap();
}

#[test]
fn what_a_simulation_tells_adds_up() {
    let curves = Synthetic::default();
    let setting = Setting { slots: 5, trials: 40, ..Setting::new(curves.space()) };
    let simulated = simulate(&setting, &curves, &mut *sampler(false), &mut *scheduler("none"));
    let diverged = simulated.history.states().iter().filter(|state| **state == tunefork_trial::TrialState::Failed);
    assert!(diverged.count() > 0, "rates above 0.5 diverge");
    assert!(simulated.busy <= simulated.makespan * 5 && simulated.busy > simulated.makespan * 4);
    let best = simulated.history.best().and_then(|best| simulated.history.value(best)).unwrap();
    assert_eq!(simulated.time_to(best), simulated.best.last().map(|(time, _)| *time));
    assert_eq!(simulated.time_to(2.0), None);
    assert!(Table::new(vec![]).is_err() && Table::new(vec![(1, vec![])]).unwrap_err().contains("row 0"));
}
