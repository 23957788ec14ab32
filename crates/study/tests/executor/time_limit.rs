//! A study that may take so much time in all.

use crate::curve::Curve;
use crate::support::{definition, go, options, record, text, undisturbed, with_checkpoints};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tunefork_study::{Ended, ExecutorOptions, MemoryStorage};
use tunefork_trial::{Direction, TrialState};

fn slow() -> Arc<Curve> {
    Arc::new(Curve { delay: Duration::from_millis(8), ..Curve::default() })
}

fn limited(options: ExecutorOptions, milliseconds: u64) -> ExecutorOptions {
    ExecutorOptions { time_limit: Some(Duration::from_millis(milliseconds)), ..options }
}

/// However often a limit ends it, what comes out is the study without a limit, and no epoch is trained twice.
#[test]
fn a_study_with_limits_is_the_study_without() {
    for scheduler in ["none", "median", "asha"] {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = MemoryStorage::default();
        let mut curve = slow();
        let mut ends = 0;
        let mut trained = 0;
        loop {
            let elapsed = storage_time(&mut storage);
            let options = with_checkpoints(options(2), folder.path());
            let limit = elapsed + Duration::from_millis(60);
            let options = ExecutorOptions { time_limit: Some(limit), ..options };
            let outcome = go(definition(scheduler), &curve, &mut storage, &options).unwrap();
            trained += curve.epochs_run.load(Ordering::Relaxed);
            assert_eq!(outcome.outside_events, 0);
            if outcome.ended == Ended::Done {
                break;
            }
            assert_eq!(outcome.ended, Ended::TimeLimit);
            ends += 1;
            curve = slow();
        }
        assert!(ends > 1, "{scheduler}: the limits came too late to test anything");
        assert_eq!(text(&mut storage), undisturbed(definition(scheduler)), "{scheduler}");
        let reported: u32 = record(&mut storage).trials.iter().map(|trial| trial.epochs.len() as u32).sum();
        // Beside those that were reported, epochs ahead of a decision may be trained, one for a trial.
        assert!(trained <= reported + 14, "{scheduler}: {trained} epochs were trained for {reported}");
    }
}

fn storage_time(storage: &mut MemoryStorage) -> Duration {
    use tunefork_study::Storage;
    storage.load().unwrap().map_or(Duration::ZERO, |study| study.elapsed)
}

#[test]
fn the_time_of_all_runs_counts() {
    let mut storage = MemoryStorage::default();
    let slow = || Arc::new(Curve { delay: Duration::from_millis(400), ..Curve::default() });
    let outcome = go(definition("none"), &slow(), &mut storage, &limited(options(3), 1200)).unwrap();
    assert_eq!(outcome.ended, Ended::TimeLimit);
    let first = record(&mut storage);
    assert!(first.elapsed >= Duration::from_millis(1200), "{:?}", first.elapsed);
    assert!(first.trials.iter().any(|trial| trial.state == TrialState::Running), "nothing was under way");
    // The same limit has passed already: nothing is trained and nothing changes.
    let curve = slow();
    let outcome = go(definition("none"), &curve, &mut storage, &limited(options(3), 1200)).unwrap();
    assert_eq!((outcome.ended, curve.epochs_run.load(Ordering::Relaxed)), (Ended::TimeLimit, 0));
    assert_eq!(record(&mut storage), first);
}

/// Without a completed trial the best of those under way is kept, and the first that completes replaces it.
#[test]
fn the_best_so_far_is_always_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = MemoryStorage::default();
    let curve = Arc::new(Curve { delay: Duration::from_millis(30), ..Curve::default() });
    // It has passed before anything begins: one epoch is trained all the same.
    let begin = limited(with_checkpoints(options(3), folder.path()), 0);
    let outcome = go(definition("none"), &curve, &mut storage, &begin).unwrap();
    assert_eq!((outcome.ended, outcome.best), (Ended::TimeLimit, None));
    let under_way = outcome.under_way.expect("no epoch was trained within the limit");
    assert_eq!(*curve.kept.lock().unwrap(), [(under_way.number.0, under_way.epochs)]);
    let study = record(&mut storage);
    let better = |value: f64| Direction::Maximize.better(value, under_way.value);
    let reported = study.trials.iter().filter_map(|trial| trial.epochs.last());
    assert!(reported.clone().count() > 0 && !reported.clone().any(|epoch| better(epoch.report.value)), "{under_way:?}");
    // A run that ends before it has begun anything keeps it from the checkpoint.
    let curve = slow();
    let outcome = go(definition("none"), &curve, &mut storage, &begin).unwrap();
    assert_eq!(outcome.under_way, Some(under_way));
    assert_eq!(*curve.kept.lock().unwrap(), [(under_way.number.0, under_way.epochs)]);
    let curve = slow();
    let options = with_checkpoints(options(2), folder.path());
    let outcome = go(definition("none"), &curve, &mut storage, &options).unwrap();
    assert_eq!((outcome.ended, outcome.under_way), (Ended::Done, None));
    assert_eq!(curve.kept.lock().unwrap().last().map(|kept| kept.0), outcome.best.map(|best| best.0));
}
