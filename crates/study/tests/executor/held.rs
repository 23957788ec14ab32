//! A storage that another program holds for a while.

use crate::curve::{Curve, Shared};
use crate::support::{Ear, Held, definition, go, options, text, undisturbed, with_checkpoints};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tunefork_study::{Ended, Event, MemoryStorage, Observer, run};

#[test]
fn a_lock_is_waited_for_as_long_as_it_takes() {
    let mut ear = Ear::default();
    let mut storage = MemoryStorage::default();
    let mut held = Held { inner: &mut storage, every: 9, attempts: 2, commits: 0, refused: 0 };
    let curve = Shared(Arc::default());
    let outcome = run(definition("asha"), &curve, &mut held, &mut ear, &options(2)).unwrap();
    assert_eq!(outcome.ended, Ended::Done);
    assert_eq!(text(&mut storage), undisturbed(definition("asha")));
    assert!(ear.count("Waiting") > 2, "each lock is told, and told once");
}

/// Lets training go on for a while when it hears of a lock, and gives up then.
struct GivesUp<'a> {
    curve: &'a Curve,
    stop: Arc<AtomicBool>,
    trained: u32,
}

impl Observer for GivesUp<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Waiting { .. }) {
            let (before, begin) = (self.curve.epochs_run.load(Ordering::Relaxed), Instant::now());
            while self.trained == 0 && begin.elapsed() < Duration::from_secs(10) {
                self.trained = self.curve.epochs_run.load(Ordering::Relaxed) - before;
                std::thread::yield_now();
            }
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn training_goes_on_behind_a_lock_and_giving_up_saves_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = with_checkpoints(options(2), folder.path());
    let never = Duration::from_secs(3600);
    let mut storage = MemoryStorage::default();
    let curve = Arc::new(Curve { delay: Duration::from_millis(5), ..Curve::default() });
    let mut ear = GivesUp { curve: &curve, stop: Arc::clone(&options.stop), trained: 0 };
    let mut held = Held { inner: &mut storage, every: 5, attempts: u32::MAX, commits: 0, refused: 0 };
    let slow = tunefork_study::ExecutorOptions { checkpoint_every: never, ..options.clone() };
    let outcome = run(definition("none"), &Shared(curve.clone()), &mut held, &mut ear, &slow).unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted);
    assert!(ear.trained > 0, "the workers did not wait");

    options.stop.store(false, Ordering::Relaxed);
    let again = Arc::new(Curve::default());
    go(definition("none"), &again, &mut storage, &options).unwrap();
    assert!(again.restored.load(Ordering::Relaxed) > 0, "what was trained was saved");
    assert_eq!(text(&mut storage), undisturbed(definition("none")));
}
