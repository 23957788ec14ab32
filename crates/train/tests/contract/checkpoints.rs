//! Runs that go on from where they were.

use std::cell::RefCell;
use std::sync::Arc;

use tunefork_train::{At, Task, TrainError, Trainer};

use crate::support::{LinearDevice, jumpy, task};

#[test]
fn checkpoints_continue_with_the_same_bits() {
    for at in [At::Last, At::Best] {
        let device = LinearDevice::default();
        let mut whole = Trainer::new(jumpy(at), &device).unwrap();
        let mut broken = Trainer::new(jumpy(at), &device).unwrap();
        for _ in 0..12 {
            let blob = broken.checkpoint().unwrap();
            broken = Trainer::new(jumpy(at), &device).unwrap();
            broken.restore(&blob).unwrap();
            assert_eq!(broken.checkpoint().unwrap(), blob);
            let (expected, found) = (whole.epoch().unwrap(), broken.epoch().unwrap());
            assert_eq!((found.train_loss, found.train_accuracy), (expected.train_loss, expected.train_accuracy));
            assert_eq!(found.validation, expected.validation);
        }
        assert_eq!(broken.checkpoint().unwrap(), whole.checkpoint().unwrap());
        assert_eq!(broken.weights().unwrap(), whole.weights().unwrap());
        assert_eq!(broken.value(), whole.value());
    }
}

#[test]
fn checkpoints_of_other_runs_are_refused() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(0.1), &device).unwrap();
    trainer.epoch().unwrap();
    let blob = trainer.checkpoint().unwrap();
    let refusal = |task: Task| Trainer::new(task, &device).unwrap().restore(&blob).unwrap_err().to_string();
    let other_run = "the checkpoint cannot be used: it belongs to a run with other settings, data or seed";
    assert_eq!(refusal(task(0.2)), other_run);
    assert_eq!(refusal(Task { key: task(0.1).key.replicate(1), ..task(0.1) }), other_run);
    let mut fewer = task(0.1);
    Arc::make_mut(&mut fewer.split).validation.pop();
    assert_eq!(refusal(fewer), other_run);
    let mut larger = task(0.1);
    larger.spec.batch_size = 32;
    assert!(refusal(larger).contains("another network, batch size or engine"));
    assert!(trainer.restore(&blob[1..]).is_err());
    trainer.epoch().expect("a refused checkpoint leaves the trainer as it was");
}

#[test]
fn an_epoch_tells_how_far_it_is() {
    let mut trainer = Trainer::new(task(0.1), &LinearDevice::default()).unwrap();
    let shares = RefCell::new(Vec::new());
    let watch = |share| {
        shares.borrow_mut().push(share);
        false
    };
    trainer.epoch_unless(&watch).unwrap();
    let shares = shares.into_inner();
    let steps = trainer.compiled().steps_per_epoch as usize;
    assert!(shares.len() > steps, "each step, and validation: {shares:?}");
    assert_eq!(shares[0], 0.0);
    assert!(shares.is_sorted_by(|one, next| one < next) && shares[shares.len() - 1] < 1.0, "{shares:?}");
    // A step of training is three times the work of evaluating the same images, or more.
    assert!((0.5..1.0).contains(&shares[steps]), "{shares:?}");
}

#[test]
fn an_interrupted_epoch_is_repeated_from_the_checkpoint() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(0.1), &device).unwrap();
    trainer.epoch().unwrap();
    let blob = trainer.checkpoint().unwrap();
    let steps_before = device.steps.lock().unwrap().len();
    let stop = |_| device.steps.lock().unwrap().len() == steps_before + 3;
    assert!(matches!(trainer.epoch_unless(&stop), Err(TrainError::Interrupted { epoch: 2 })));
    assert_eq!(device.steps.lock().unwrap().len(), steps_before + 3, "it stops between two steps");
    trainer.restore(&blob).unwrap();
    let again = trainer.epoch().unwrap();
    let mut whole = Trainer::new(task(0.1), &device).unwrap();
    whole.epoch().unwrap();
    assert_eq!(again.validation, whole.epoch().unwrap().validation);
}
