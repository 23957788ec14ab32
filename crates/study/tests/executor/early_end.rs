//! Trials that are over before their last epoch.

use crate::curve::Curve;
use crate::support::{SCHEDULERS, definition, go, options, record, text, with_checkpoints};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tunefork_study::{Ended, MemoryStorage};
use tunefork_trial::TrialState;

fn impatient() -> Curve {
    Curve { patience: Some(1), ..Curve::default() }
}

/// The study that nothing disturbs, and its text.
fn undisturbed(scheduler: &str) -> (MemoryStorage, Arc<Curve>, String) {
    let (mut storage, curve) = (MemoryStorage::default(), Arc::new(impatient()));
    go(definition(scheduler), &curve, &mut storage, &options(1)).unwrap();
    let text = text(&mut storage);
    (storage, curve, text)
}

#[test]
fn a_trial_completes_with_the_epoch_in_which_it_is_over() {
    let (mut storage, curve, _) = undisturbed("none");
    let study = record(&mut storage);
    let mut early = 0;
    for trial in &study.trials {
        assert_eq!(trial.state, TrialState::Complete);
        let values: Vec<f64> = trial.epochs.iter().map(|epoch| epoch.report.value).collect();
        let (last, before) = values.split_last().unwrap();
        let rises = before.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(rises, "trial {} went on: {values:?}", trial.number);
        let over = before.last().is_some_and(|before| last <= before);
        assert!(over || values.len() == 9, "{values:?}");
        early += usize::from(values.len() < 9);
    }
    assert!(early >= 3, "{early} trials ended early");
    for (trial, epoch) in &*curve.kept.lock().unwrap() {
        let epochs = study.trials[*trial as usize].epochs.len();
        assert_eq!(*epoch as usize, epochs, "trial {trial} is kept as it ended");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn neither_workers_nor_interruptions_change_it(
        scheduler in prop::sample::select(SCHEDULERS.to_vec()),
        workers in 1..4_usize,
        stops in prop::collection::vec(1..40_u32, 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut options = with_checkpoints(options(workers), folder.path());
        let mut storage = MemoryStorage::default();
        for after in stops {
            options.stop = Arc::new(AtomicBool::new(false));
            let curve = Curve {
                delay: Duration::from_micros(300),
                stop_after: Some((after, options.stop.clone())),
                ..impatient()
            };
            let outcome = go(definition(scheduler), &Arc::new(curve), &mut storage, &options).unwrap();
            if outcome.ended == Ended::Done {
                break;
            }
        }
        options.stop = Arc::default();
        go(definition(scheduler), &Arc::new(impatient()), &mut storage, &options).unwrap();
        prop_assert_eq!(text(&mut storage), undisturbed(scheduler).2);
    }
}
