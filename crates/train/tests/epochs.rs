//! What the loop asks of an engine, and what it makes of the answers.

mod support;

use std::sync::Arc;

use support::{LinearDevice, Seen, task};
use tunefork_data::Split;
use tunefork_nn::{Block, Curve, Network, Optimizer, Schedule};
use tunefork_rng::Purpose;
use tunefork_train::{
    At, LastBatch, Objective, Place, Predictor, Task, TrainError, TrainSpec, Trainer,
};

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
    let epochs: Vec<Vec<u32>> = seen
        .chunks(7)
        .map(|epoch| epoch.iter().flat_map(|step| step.indices.clone()).collect())
        .collect();
    for epoch in &epochs {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, task(0.1).split.train);
    }
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
    assert_eq!(seen[6].indices.len(), 4);
    assert_eq!(seen, steps(task(0.1)), "a function of the key");
    let other = Task {
        key: task(0.1).key.fold(1),
        ..task(0.1)
    };
    assert_ne!(seen, steps(other));
}

/// A study hands its trainers from worker to worker.
#[test]
fn trainers_can_change_threads() {
    fn is_send<T: Send>() {}
    is_send::<Trainer>();
    is_send::<Predictor>();
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
    task.spec.schedule = Schedule {
        curve: Curve::Cosine { end: 0.1 },
        warmup_epochs: 1.0,
    };
    task.spec.optimizer.weight_decay = 1e-4;
    task.spec.clip_norm = Some(2.0);
    task.spec.label_smoothing = 0.1;
    let seen = steps(task.clone());
    for (index, step) in seen.iter().enumerate() {
        assert_eq!(step.step, index as u64);
        assert_eq!(
            step.learning_rate,
            0.5 * task.spec.schedule.factor(index as u64, 7, 4)
        );
        assert_eq!(
            (step.weight_decay, step.clip_norm, step.label_smoothing),
            (1e-4, Some(2.0), 0.1)
        );
        assert_eq!(step.dropout_key, task.key.counter_key(Purpose::Dropout));
        let labels: Vec<u16> = step
            .indices
            .iter()
            .map(|i| task.images.data.label(*i))
            .collect();
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
    assert!(
        last.train_loss < first.train_loss,
        "{} {}",
        first.train_loss,
        last.train_loss
    );
    assert!(
        last.validation.accuracy() > 0.6,
        "{}",
        last.validation.accuracy()
    );
    assert_eq!(last.validation.confusion.total(), 50);
    assert_eq!(
        last.overfitting_gap(),
        last.train_accuracy - last.validation.accuracy()
    );
    assert_eq!(trainer.last().unwrap().value, last.validation.accuracy());
    assert_eq!(
        trainer.evaluate(&task.split.validation).unwrap(),
        last.validation
    );
    assert_eq!(
        trainer
            .evaluate(&task.split.test)
            .unwrap()
            .confusion
            .total(),
        30
    );
    assert!(matches!(
        trainer.epoch(),
        Err(TrainError::Done { epochs: 4 })
    ));
}

/// A learning rate so high that the value jumps up and down.
fn jumpy(at: At) -> Task {
    let mut task = task(40.0);
    task.spec = TrainSpec {
        epochs: 12,
        at,
        ..task.spec
    };
    task
}

#[test]
fn the_best_epoch_gives_value_and_weights() {
    let mut trainer = Trainer::new(jumpy(At::Best), &LinearDevice::default()).unwrap();
    let values: Vec<f64> = (0..12)
        .map(|_| trainer.epoch().unwrap().validation.accuracy())
        .collect();
    let best = trainer.value().unwrap();
    let largest = values.iter().copied().fold(0.0, f64::max);
    assert_eq!(best.value, largest);
    assert_eq!(values[best.epoch as usize - 1], largest);
    assert!(
        best.epoch < 12,
        "the test needs a best epoch before the last: {values:?}"
    );
    assert!(
        values[..best.epoch as usize - 1]
            .iter()
            .all(|value| *value < largest),
        "the first of equals"
    );

    let validation = trainer.task().split.validation.clone();
    assert_eq!(trainer.evaluate(&validation).unwrap().accuracy(), largest);
    let mut until_best = Trainer::new(jumpy(At::Last), &LinearDevice::default()).unwrap();
    (0..best.epoch).for_each(|_| drop(until_best.epoch().unwrap()));
    assert_eq!(trainer.weights(), until_best.weights());
    assert_eq!(
        until_best.best(),
        Some(best),
        "both are recorded whichever counts"
    );
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
    let losses: Vec<f64> = (0..12)
        .map(|_| trainer.epoch().unwrap().validation.loss)
        .collect();
    assert_eq!(
        trainer.value().unwrap().value,
        losses.iter().copied().fold(f64::INFINITY, f64::min)
    );
}

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
            assert_eq!(
                (found.train_loss, found.train_accuracy),
                (expected.train_loss, expected.train_accuracy)
            );
            assert_eq!(found.validation, expected.validation);
        }
        assert_eq!(broken.checkpoint().unwrap(), whole.checkpoint().unwrap());
        assert_eq!(broken.weights(), whole.weights());
        assert_eq!(broken.value(), whole.value());
    }
}

#[test]
fn checkpoints_of_other_runs_are_refused() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(0.1), &device).unwrap();
    trainer.epoch().unwrap();
    let blob = trainer.checkpoint().unwrap();
    let refusal = |task: Task| {
        Trainer::new(task, &device)
            .unwrap()
            .restore(&blob)
            .unwrap_err()
            .to_string()
    };
    let other_run =
        "the checkpoint cannot be used: it belongs to a run with other settings, data or seed";
    assert_eq!(refusal(task(0.2)), other_run);
    assert_eq!(
        refusal(Task {
            key: task(0.1).key.replicate(1),
            ..task(0.1)
        }),
        other_run
    );
    let mut fewer = task(0.1);
    Arc::make_mut(&mut fewer.split).validation.pop();
    assert_eq!(refusal(fewer), other_run);
    let mut larger = task(0.1);
    larger.spec.batch_size = 32;
    assert!(refusal(larger).contains("another network, batch size or engine"));
    assert!(trainer.restore(&blob[1..]).is_err());
    trainer
        .epoch()
        .expect("a refused checkpoint leaves the trainer as it was");
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(1e30), &device).unwrap();
    let error = trainer.epoch().unwrap_err();
    assert!(
        matches!(error, TrainError::Diverged { place: Place::Step { epoch: 1, step: 2 }, loss } if !loss.is_finite()),
        "{error}"
    );
    assert!(error.to_string().contains("epoch 1, step 2"), "{error}");
    assert!(matches!(trainer.epoch(), Err(TrainError::Unfinished)));
    assert!(matches!(trainer.checkpoint(), Err(TrainError::Unfinished)));
    assert_eq!(trainer.epochs_done(), 0);
}

#[test]
fn an_interrupted_epoch_is_repeated_from_the_checkpoint() {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task(0.1), &device).unwrap();
    trainer.epoch().unwrap();
    let blob = trainer.checkpoint().unwrap();
    let steps_before = device.steps.lock().unwrap().len();
    let stop = || device.steps.lock().unwrap().len() == steps_before + 3;
    assert!(matches!(
        trainer.epoch_unless(&stop),
        Err(TrainError::Interrupted { epoch: 2 })
    ));
    assert_eq!(
        device.steps.lock().unwrap().len(),
        steps_before + 3,
        "it stops between two steps"
    );
    trainer.restore(&blob).unwrap();
    let again = trainer.epoch().unwrap();
    let mut whole = Trainer::new(task(0.1), &device).unwrap();
    whole.epoch().unwrap();
    assert_eq!(again.validation, whole.epoch().unwrap().validation);
}

#[test]
fn what_does_not_fit_says_what_would() {
    let device = LinearDevice::default();
    let with_batch = |batch_size| {
        let mut task = task(0.1);
        task.spec.batch_size = batch_size;
        task
    };
    let budget = with_batch(16).compile(&device).unwrap().bytes;
    assert!(Trainer::within(with_batch(16), &device, budget).is_ok());
    let error = Trainer::within(with_batch(90), &device, budget).unwrap_err();
    let TrainError::DoesNotFit {
        batch_size: 90,
        wanted,
        largest_batch: Some(largest),
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(wanted > budget && (16..90).contains(&largest));
    assert!(with_batch(largest).compile_within(&device, budget).is_ok());
    assert!(
        with_batch(largest + 1)
            .compile_within(&device, budget)
            .is_err()
    );
    let error = with_batch(16)
        .compile_within(&device, 10)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("not even a batch of 1 fits: use a smaller network or smaller images"),
        "{error}"
    );
}

#[test]
fn tasks_that_cannot_be_are_refused() {
    let refusal = |change: &dyn Fn(&mut Task)| {
        let mut task = task(0.1);
        change(&mut task);
        task.compile(&LinearDevice::default())
            .unwrap_err()
            .to_string()
    };
    let split = |train, validation, test| {
        move |task: &mut Task| {
            task.split = Arc::new(Split {
                train,
                validation,
                test,
            });
        }
    };
    for (message, change) in [
        (
            "epochs is 0, must be at least 1",
            &(|t: &mut Task| t.spec.epochs = 0) as &dyn Fn(&mut Task),
        ),
        ("batch_size is 0, must be at least 1", &|t| {
            t.spec.batch_size = 0
        }),
        (
            "label_smoothing is 1, must be at least 0 and below 1",
            &|t| t.spec.label_smoothing = 1.0,
        ),
        ("clip_norm is 0, must be a finite number above 0", &|t| {
            t.spec.clip_norm = Some(0.0)
        }),
        (
            "optimizer: learning_rate is -1, must be a finite number above 0",
            &|t| {
                t.spec.optimizer = Optimizer::new(t.spec.optimizer.kind, -1.0);
            },
        ),
        (
            "batch_size is 101, but there are only 100 training images and partial batches are dropped; use a \
             batch of at most 100, or keep the last batch",
            &|t| (t.spec.batch_size, t.spec.last_batch) = (101, LastBatch::Drop),
        ),
        ("the images are 2x3x1, but the network reads 3x2x1", &|t| {
            t.network = Network::new(tunefork_nn::ImageShape::new(3, 2, 1), 3);
        }),
        (
            "the data has 3 classes, but the network has 4 outputs",
            &|t| t.network.classes = 4,
        ),
        (
            "there are no training images; give some to the training part",
            &|t| {
                split(vec![], vec![1], vec![])(t);
            },
        ),
        (
            "there are no validation images; give some to the validation part",
            &|t| {
                split(vec![1], vec![], vec![])(t);
            },
        ),
        (
            "the test part names image 180, but the data has 180",
            &|t| {
                split(vec![1], vec![2], vec![3, 180])(t);
            },
        ),
    ] {
        assert_eq!(refusal(change), message);
    }
}

/// 100 images in batches of 33 leave one, and one image on a map of one pixel has no variance.
#[test]
fn a_last_batch_too_small_for_batch_norm_is_refused() {
    let mut task = task(0.1);
    task.spec.batch_size = 33;
    task.network.blocks = vec![
        Block::new(4),
        Block {
            pool: None,
            ..Block::new(4)
        },
    ];
    let device = LinearDevice::default();
    let error = task.compile(&device).unwrap_err().to_string();
    assert!(
        error.starts_with("blocks.1.norm: batch norm needs more than one value"),
        "{error}"
    );
    task.spec.last_batch = LastBatch::Drop;
    assert!(task.compile(&device).is_ok());
}

#[test]
fn a_predictor_agrees_with_the_trainer() {
    let device = LinearDevice::default();
    let task = task(0.2);
    let mut trainer = Trainer::new(task.clone(), &device).unwrap();
    trainer.epoch().unwrap();
    let mut predictor = Predictor::new(task.network.clone(), &trainer.weights(), &device).unwrap();
    let probabilities = predictor
        .probabilities(&task.images, &task.split.validation)
        .unwrap();
    let mut correct = 0;
    for (row, index) in probabilities.chunks(3).zip(&task.split.validation) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let label = usize::from(task.images.data.label(*index));
        correct += usize::from(row.iter().all(|p| *p <= row[label]));
    }
    assert_eq!(correct as f64 / 50.0, trainer.last().unwrap().value);
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let device = LinearDevice::default();
    let task = task(0.2);
    let mut trainer = Trainer::new(task.clone(), &device).unwrap();
    let weights = trainer.weights();
    assert_eq!(weights[0].name, "classifier.weight");
    assert_eq!(
        (&weights[0].shape[..], &weights[1].shape[..]),
        (&[3, 6][..], &[3][..])
    );
    let mut refusal = |weights: &[_]| trainer.set_weights(weights).unwrap_err().to_string();
    let prefix = "the weights do not fit the network: ";
    assert_eq!(
        refusal(&weights[..1]),
        format!("{prefix}the tensor \"classifier.bias\" is missing")
    );
    let mut wrong = weights.clone();
    wrong[0].shape = vec![6, 3];
    assert_eq!(
        refusal(&wrong),
        format!("{prefix}the tensor \"classifier.weight\" is [6, 3], expected [3, 6]")
    );
    let mut more = weights.clone();
    more.push(tunefork_train::Tensor {
        name: "extra".into(),
        ..weights[1].clone()
    });
    assert_eq!(
        refusal(&more),
        format!("{prefix}the network has no tensor \"extra\"")
    );
    let mut doubled = weights.clone();
    doubled
        .iter_mut()
        .flat_map(|tensor| &mut tensor.values)
        .for_each(|value| *value *= 2.0);
    trainer.set_weights(&doubled).unwrap();
    assert_eq!(trainer.weights(), doubled);
}
