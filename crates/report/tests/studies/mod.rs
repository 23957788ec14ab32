//! Studies to report of.

#![allow(dead_code, reason = "each test takes those that it needs")]

use std::sync::Arc;

use tunefork_space::Domain;
use tunefork_study::{
    Blueprint, Cost, End, EndReason, EpochRecord, EpochReport, Member, MemberReport, Schedule, StoredParameter,
    StudyHeader, StudyRecord, Timing, TrialRecord,
};
use tunefork_trial::{Direction, TrialNumber, TrialState};

/// The figures of a trial's last epoch.
pub(crate) fn figures(trial: &mut TrialRecord) -> &mut Vec<(String, f64)> {
    &mut last(trial).metrics.whole
}

fn last(trial: &mut TrialRecord) -> &mut EpochReport {
    Arc::make_mut(&mut trial.epochs.last_mut().expect("it has an epoch").report)
}

/// Makes a trial one of several folds.
pub(crate) fn trainings(trial: &mut TrialRecord, values: &[f64]) {
    let members = values.iter().zip(0..).map(|(value, fold)| MemberReport {
        member: Member { replicate: 0, fold },
        value: *value,
        metrics: Default::default(),
    });
    last(trial).members = members.collect();
}

pub(crate) fn epoch(step: u32, value: f64) -> EpochRecord {
    EpochRecord { step, time: step.into(), report: Arc::new(EpochReport { value, ..EpochReport::default() }) }
}

/// Three trials: by SGD, by Adam, and one that failed.
pub(crate) fn shapes() -> StudyRecord {
    let header = StudyHeader {
        metric: Some("validation accuracy".into()),
        ..StudyHeader::new("shapes", Direction::Maximize, 3)
    };
    let mut study = StudyRecord::new(StudyHeader {
        attributes: vec![
            ("seed".into(), "3".into()),
            ("notes".into(), serde_json::json!(["2 images could not be read"])),
        ],
        ..header
    });
    let optimizer = |internal| StoredParameter {
        name: "optimizer".into(),
        domain: Domain::choice(["sgd", "adam"]).unwrap(),
        internal,
    };
    let momentum =
        StoredParameter { name: "momentum".into(), domain: Domain::uniform(0.5, 0.95).unwrap(), internal: 0.9 };
    let trial = |number, state, value| TrialRecord { value, ..TrialRecord::new(TrialNumber(number), state) };
    let mut sgd = trial(0, TrialState::Complete, Some(0.5));
    sgd.params = vec![optimizer(0.0), momentum];
    sgd.epochs = (1..=4).map(|step| epoch(step, 0.5)).collect();
    *figures(&mut sgd) = vec![("loss".into(), 1.25)];
    last(&mut sgd).timing = Some(Timing { seconds: 1.25, validation_seconds: 0.25, images_per_second: 100.0 });
    sgd.observed.started = Some("2026-11-30 06:00:00.000000".into());
    sgd.observed.ended = Some("2026-11-30 06:01:02.500000".into());
    let mut adam = trial(1, TrialState::Complete, Some(0.8125));
    adam.params = vec![optimizer(1.0)];
    adam.epochs = (1..=4).map(|step| epoch(step, 0.8125)).collect();
    *figures(&mut adam) = vec![("loss".into(), 0.5)];
    let mut failed = trial(2, TrialState::Failed, None);
    failed.params = vec![optimizer(1.0)];
    failed.epochs = vec![epoch(1, f64::NAN)];
    failed.end = Some(End { time: 9, reason: EndReason::Diverged, message: "loss is NaN, epoch 1".into() });
    study.trials = vec![sgd, adam, failed];
    study
}

/// The same trials as runs of two experiments, the first being the baseline.
pub(crate) fn experiments() -> StudyRecord {
    let mut study = shapes();
    let runs: [(&[&str], &[&str]); 3] =
        [(&["rule", "named"], &["sgd", "base"]), (&["rule", "named"], &["adam", "good"]), (&["rule"], &["wild"])];
    for (trial, (experiments, names)) in study.trials.iter_mut().zip(runs) {
        trial.attributes = vec![("experiment".into(), experiments.into()), ("run".into(), names.into())];
    }
    study.trials[0].attributes.push(("baseline".into(), true.into()));
    study
}

/// A search of so many trials over a log range, a whole number and a choice with awkward names; every third is stopped.
pub(crate) fn search(trials: u32, names: [&str; 3]) -> StudyRecord {
    let mut study = StudyRecord::new(StudyHeader {
        metric: Some("validation accuracy".into()),
        ..StudyHeader::new(names[0], Direction::Maximize, 0)
    });
    let domains = [
        Domain::log(1e-5, 1e-1).unwrap(),
        Domain::int(1, 8).unwrap(),
        Domain::choice(["adam", "sgd", names[2]]).unwrap(),
    ];
    let parameters = ["learning_rate", "layers", names[1]];
    for number in 0..trials {
        let part = |factor: u32| f64::from(number * factor % 101) / 101.0;
        let internals = [1e-5 * 1e4_f64.powf(part(37)), 1.0 + (8.0 * part(59)).floor(), (3.0 * part(17)).floor()];
        let rate = (part(37) - 0.6).abs();
        let mut trial = TrialRecord::new(TrialNumber(number), TrialState::Complete);
        trial.params = (parameters.iter().zip(&domains).zip(internals))
            .map(|((name, domain), internal)| StoredParameter {
                name: (*name).into(),
                domain: domain.clone(),
                internal,
            })
            .collect();
        let is_stopped = number % 3 == 2;
        let count = if is_stopped { 3 } else { 9 };
        trial.epochs = (1..=count).map(|step| epoch(step, 0.9 - rate - 0.5 / f64::from(step))).collect();
        trial.value = trial.epochs.last().map(|epoch| epoch.report.value);
        trial.state = if is_stopped { TrialState::Pruned } else { TrialState::Complete };
        let cost = Cost { flops: 1, bytes: 1, steps: 1 };
        let blueprint =
            Blueprint { epochs: 9, epoch_cost: cost, plan_bytes: 1 << (10 + number % 12), plan_key: String::new() };
        trial.schedule = Some(Schedule { blueprint, start: 0, epoch_ticks: 1 });
        trial.observed.started = Some(format!("2026-11-30 06:{:02}:00.000000", number % 60));
        trial.observed.ended = Some(format!("2026-11-30 07:{:02}:00.000000", number % 60));
        study.trials.push(trial);
    }
    study
}
