//! Epoch by epoch: order, settings, measures, the best epoch.

use tunefork_nn::{Curve, Schedule};
use tunefork_rng::Purpose;
use tunefork_train::{At, LastBatch, LossAt, Objective, Predictor, Task, TrainError, Trainer};

use crate::support::{LinearDevice, Seen, jumpy, task};

/// All steps of a run.
fn steps(task: Task) -> Vec<Seen> {
    let device = LinearDevice::default();
    let epochs = task.spec.epochs;
    let mut trainer = Trainer::new(task, &device).unwrap();
    (0..epochs).for_each(|_| drop(trainer.epoch().unwrap()));
    let steps = device.steps.lock().unwrap();
    steps.clone()
}

#[test]
fn every_epoch_goes_through_all_images_in_a_new_order() {
    let seen = steps(task(0.1));
    assert_eq!(seen.len(), 4 * 7, "the last of 7 batches has 4 images");
    let epochs: Vec<Vec<u32>> =
        seen.chunks(7).map(|epoch| epoch.iter().flat_map(|step| step.indices.clone()).collect()).collect();
    for epoch in &epochs {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, task(0.1).split.train);
    }
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
    assert_eq!(seen[6].indices.len(), 4);
    assert_eq!(seen, steps(task(0.1)), "a function of the key");
    let other = Task { key: task(0.1).key.fold(1), ..task(0.1) };
    assert_ne!(seen, steps(other));
}

/// However many steps an engine takes at a time, and whether it waits for them: the last call of an epoch brings what is left.
#[test]
fn steps_come_in_chunks_that_change_nothing() {
    let run = |chunk: usize, is_late: bool| {
        let device = LinearDevice { chunk, is_late, ..LinearDevice::default() };
        let mut trainer = Trainer::new(task(0.1), &device).unwrap();
        let epochs: Vec<_> = (0..4)
            .map(|_| trainer.epoch().unwrap())
            .map(|epoch| (epoch.train_loss, epoch.validation, epoch.learning_rate))
            .collect();
        (epochs, trainer.weights().unwrap())
    };
    let one_by_one = run(1, false);
    for chunk in [1, 2, 3, 7, 64] {
        for is_late in [false, true] {
            assert_eq!(run(chunk, is_late), one_by_one, "{chunk} at a time, late: {is_late}");
        }
    }
}

/// An epoch that is broken off while a call is under way leaves nothing of it to the next one; of its steps it is told what is done.
#[test]
fn nothing_of_an_interrupted_epoch_comes_later() {
    let run = |is_late: bool, interrupted: bool| {
        let device = LinearDevice { chunk: 2, is_late, ..LinearDevice::default() };
        let mut trainer = Trainer::new(task(0.1), &device).unwrap();
        trainer.epoch().unwrap();
        let checkpoint = trainer.checkpoint().unwrap();
        let done = std::cell::RefCell::new(Vec::new());
        if interrupted {
            let stop = |share: f64| {
                done.borrow_mut().push(share);
                done.borrow().len() == 4
            };
            assert!(matches!(trainer.epoch_unless(&stop), Err(TrainError::Interrupted { epoch: 2 })));
            trainer.restore(&checkpoint).unwrap();
        }
        let epoch = trainer.epoch().unwrap();
        (done.into_inner(), (epoch.train_loss, epoch.validation, trainer.weights().unwrap()))
    };
    let (_, expected) = run(false, false);
    let ((at_once, early), (later, late)) = (run(false, true), run(true, true));
    assert_eq!((&early, &late), (&expected, &expected));
    assert_eq!(later[..2], [0.0, 0.0], "the first call is not done when the second is ordered");
    assert_eq!(later[1..], at_once[..3], "one call later");
}

/// The step that diverged is named, although the rest of its chunk was taken too.
#[test]
fn a_chunk_names_the_step_that_diverged() {
    for (chunk, is_late) in [(1, false), (4, false), (64, false), (1, true), (4, true)] {
        let device = LinearDevice { chunk, is_late, ..LinearDevice::default() };
        let error = Trainer::new(task(1e30), &device).unwrap().epoch().unwrap_err();
        assert!(error.to_string().contains("epoch 1, step 2"), "{error}");
    }
}

/// A study hands its trainers from worker to worker.
#[test]
fn trainers_can_change_threads() {
    fn is_send<T: Send>() {}
    is_send::<Trainer>();
    is_send::<Predictor>();
}

#[test]
fn an_engine_is_told_its_threads() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(0.1), &device).unwrap();
    for threads in [1, 3] {
        trainer.set_threads(threads);
        trainer.epoch().unwrap();
        let steps = std::mem::take(&mut *device.steps.lock().unwrap());
        assert!(!steps.is_empty() && steps.iter().all(|step| step.threads == threads));
    }
}

#[test]
fn partial_batches_can_be_dropped() {
    let mut dropping = task(0.1);
    dropping.spec.last_batch = LastBatch::Drop;
    let seen = steps(dropping);
    assert_eq!(seen.len(), 4 * 6);
    assert!(seen.iter().all(|step| step.indices.len() == 16));
}

#[test]
fn settings_arrive_in_every_step() {
    let mut task = task(0.5);
    task.spec.schedule = Schedule { curve: Curve::Cosine { end: 0.1 }, warmup_epochs: 1.0 };
    task.spec.optimizer.weight_decay = 1e-4;
    task.spec.clip_norm = Some(2.0);
    task.spec.label_smoothing = 0.1;
    let seen = steps(task.clone());
    for (index, step) in seen.iter().enumerate() {
        assert_eq!(step.step, index as u64);
        assert_eq!(step.learning_rate, 0.5 * task.spec.schedule.factor(index as u64, 7, 4));
        assert_eq!((step.weight_decay, step.clip_norm, step.label_smoothing), (1e-4, Some(2.0), 0.1));
        assert_eq!(step.dropout_key, task.key.counter_key(Purpose::Dropout));
        let labels: Vec<u16> = step.indices.iter().map(|i| task.images.data.label(*i)).collect();
        assert_eq!(step.labels, labels);
    }
}

#[test]
fn an_epoch_is_measured() {
    let task = task(0.2);
    let mut trainer = Trainer::new(task.clone(), &LinearDevice::default()).unwrap();
    assert_eq!((trainer.value(), trainer.epochs_done()), (None, 0));
    let epochs: Vec<_> = (0..4).map(|_| trainer.epoch().unwrap()).collect();
    let (first, last) = (&epochs[0], &epochs[3]);
    assert_eq!((first.epoch, last.epoch, last.images), (1, 4, 100));
    assert!(last.train_loss < first.train_loss, "{} {}", first.train_loss, last.train_loss);
    assert!(last.validation.accuracy() > 0.6, "{}", last.validation.accuracy());
    assert_eq!(last.validation.confusion.total(), 50);
    assert_eq!(last.overfitting_gap(), last.train_accuracy - last.validation.accuracy());
    assert_eq!(trainer.last().unwrap().value, last.validation.accuracy());
    assert_eq!(trainer.evaluate(&task.split.validation).unwrap(), last.validation);
    assert_eq!(trainer.evaluate(&task.split.test).unwrap().confusion.total(), 30);
    assert!(matches!(trainer.epoch(), Err(TrainError::Done { epochs: 4 })));
}

/// Weights that stand still are in training what they are in an evaluation of the same images.
#[test]
fn training_is_measured_as_an_evaluation_is() {
    let task = task(1e-30);
    let mut trainer = Trainer::new(task.clone(), &LinearDevice::default()).unwrap();
    let epoch = trainer.epoch().unwrap();
    let evaluation = trainer.evaluate(&task.split.train).unwrap();
    assert_eq!(epoch.train_accuracy, evaluation.accuracy());
    assert!(epoch.train_accuracy > 0.0 && epoch.train_accuracy < 1.0, "{}", epoch.train_accuracy);
    assert!((epoch.train_loss - evaluation.loss).abs() < 1e-9, "{} {}", epoch.train_loss, evaluation.loss);
    assert_eq!(epoch.learning_rate, 1e-30);
}

#[test]
fn the_best_epoch_gives_value_and_weights() {
    let mut trainer = Trainer::new(jumpy(At::Best), &LinearDevice::default()).unwrap();
    let values: Vec<f64> = (0..12).map(|_| trainer.epoch().unwrap().validation.accuracy()).collect();
    let best = trainer.value().unwrap();
    let largest = values.iter().copied().fold(0.0, f64::max);
    assert_eq!(best.value, largest);
    assert_eq!(values[best.epoch as usize - 1], largest);
    assert!(best.epoch < 12, "the test needs a best epoch before the last: {values:?}");
    assert!(values[..best.epoch as usize - 1].iter().all(|value| *value < largest), "the first of equals");

    let validation = trainer.task().split.validation.clone();
    assert_eq!(trainer.evaluate(&validation).unwrap().accuracy(), largest);
    let mut until_best = Trainer::new(jumpy(At::Last), &LinearDevice::default()).unwrap();
    (0..best.epoch).for_each(|_| drop(until_best.epoch().unwrap()));
    assert_eq!(trainer.weights().unwrap(), until_best.weights().unwrap());
    assert_eq!(until_best.best(), Some(best), "both are recorded whichever counts");
}

#[test]
fn measuring_the_best_weights_does_not_disturb_training() {
    let run = |measure: bool| {
        let mut trainer = Trainer::new(jumpy(At::Best), &LinearDevice::default()).unwrap();
        (0..12)
            .map(|_| {
                let metrics = trainer.epoch().unwrap();
                if measure {
                    trainer.evaluate(&[150, 151]).unwrap();
                }
                (metrics.train_loss, metrics.validation)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_loss_is_minimised() {
    let mut task = jumpy(At::Best);
    task.spec.objective = Objective::Loss;
    let mut trainer = Trainer::new(task, &LinearDevice::default()).unwrap();
    let losses: Vec<f64> = (0..12).map(|_| trainer.epoch().unwrap().validation.loss).collect();
    assert_eq!(trainer.value().unwrap().value, losses.iter().copied().fold(f64::INFINITY, f64::min));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(1e30), &device).unwrap();
    let error = trainer.epoch().unwrap_err();
    assert!(
        matches!(error, TrainError::Diverged { at: LossAt::Step { epoch: 1, step: 2 }, loss } if !loss.is_finite()),
        "{error}"
    );
    assert!(error.to_string().contains("epoch 1, step 2"), "{error}");
    assert!(matches!(trainer.epoch(), Err(TrainError::Unfinished)));
    assert!(matches!(trainer.checkpoint(), Err(TrainError::Unfinished)));
    assert_eq!(trainer.epochs_done(), 0);
}

#[test]
fn a_predictor_agrees_with_the_trainer() {
    let device = LinearDevice::default();
    let task = task(0.2);
    let mut trainer = Trainer::new(task.clone(), &device).unwrap();
    trainer.epoch().unwrap();
    let mut predictor = Predictor::new(task.network.clone(), &trainer.weights().unwrap(), &device).unwrap();
    // Neither shows its weights.
    let shown = [format!("{trainer:?}"), format!("{predictor:?}")];
    assert!(shown[0].starts_with("Trainer { task: Task {") && shown[0].ends_with(", .. }"), "{}", shown[0]);
    assert!(shown[1].starts_with("Predictor { network: Network {") && shown[1].ends_with(", .. }"), "{}", shown[1]);
    let probabilities = predictor.probabilities(&task.images, &task.split.validation).unwrap();
    let mut correct = 0;
    for (row, index) in probabilities.chunks(3).zip(&task.split.validation) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let label = usize::from(task.images.data.label(*index));
        correct += usize::from(row.iter().all(|p| *p <= row[label]));
    }
    assert_eq!(correct as f64 / 50.0, trainer.last().unwrap().value);
}
