//! Tasks and weights that are refused, and in which words.

use std::sync::Arc;

use tunefork_data::Split;
use tunefork_nn::{ConvBlock, Network, Optimizer};
use tunefork_train::{LastBatch, Plateau, Task, TrainError, Trainer};

use crate::support::{LinearDevice, task};

#[test]
fn what_does_not_fit_says_what_would() {
    let device = LinearDevice::default();
    let with_batch = |batch_size| {
        let mut task = task(0.1);
        task.spec.batch_size = batch_size;
        task
    };
    let budget = with_batch(16).compile(&device).unwrap().most_bytes();
    assert!(Trainer::within(with_batch(16), &device, budget).is_ok());
    let error = Trainer::within(with_batch(90), &device, budget).unwrap_err();
    let TrainError::DoesNotFit { batch_size: 90, wanted, largest_batch: Some(largest), .. } = error else {
        panic!("{error}");
    };
    assert!(wanted > budget && (16..90).contains(&largest));
    assert!(with_batch(largest).compile_within(&device, budget).is_ok());
    assert!(with_batch(largest + 1).compile_within(&device, budget).is_err());
    let error = with_batch(16).compile_within(&device, 10).unwrap_err().to_string();
    assert!(error.ends_with("not even a batch of 1 fits: use a smaller network or smaller images"), "{error}");
}

/// A plateau that drops at once.
fn dropping(factor: f64) -> Option<Plateau> {
    Some(Plateau { patience: 0, factor })
}

#[test]
fn settings_at_their_bounds_are_no_fault() {
    let mut task = task(0.1);
    (task.spec.epochs, task.spec.batch_size) = (1, 1);
    (task.spec.early_stop, task.spec.train_steps) = (Some(1), Some(1));
    (task.spec.ema, task.spec.mixup, task.spec.label_smoothing) = (0.0, 0.0, 0.0);
    task.spec.plateau = dropping(0.5);
    assert!(task.compile(&LinearDevice::default()).is_ok());
}

#[test]
fn tasks_that_cannot_be_are_refused() {
    let refusal = |change: &dyn Fn(&mut Task)| {
        let mut task = task(0.1);
        change(&mut task);
        task.compile(&LinearDevice::default()).unwrap_err().to_string()
    };
    let split = |train, validation, test| {
        move |task: &mut Task| {
            task.split = Arc::new(Split { train, validation, test });
        }
    };
    for (message, change) in [
        ("epochs is 0, must be at least 1", &(|t: &mut Task| t.spec.epochs = 0) as &dyn Fn(&mut Task)),
        ("batch_size is 0, must be at least 1", &|t| t.spec.batch_size = 0),
        ("label_smoothing is 1, must be at least 0 and below 1", &|t| t.spec.label_smoothing = 1.0),
        ("label_smoothing is -0.5, must be at least 0 and below 1", &|t| t.spec.label_smoothing = -0.5),
        ("clip is 0, must be a finite number above 0", &|t| t.spec.clip_norm = Some(0.0)),
        ("clip is inf, must be a finite number above 0", &|t| t.spec.clip_norm = Some(f32::INFINITY)),
        ("early_stop is 0, must be at least 1", &|t| t.spec.early_stop = Some(0)),
        ("ema is 1, must be at least 0 and below 1", &|t| t.spec.ema = 1.0),
        ("ema is -0.5, must be at least 0 and below 1", &|t| t.spec.ema = -0.5),
        ("mixup is -0.5, must be a finite number from 0", &|t| t.spec.mixup = -0.5),
        ("mixup is inf, must be a finite number from 0", &|t| t.spec.mixup = f64::INFINITY),
        ("plateau factor is 0, must be above 0 and below 1", &|t| t.spec.plateau = dropping(0.0)),
        ("plateau factor is 1, must be above 0 and below 1", &|t| t.spec.plateau = dropping(1.0)),
        ("optimizer: learning_rate is -1, must be a finite number above 0", &|t| {
            t.spec.optimizer = Optimizer::new(t.spec.optimizer.rule, -1.0);
        }),
        (
            "batch_size is 101, but there are only 100 training images and partial batches are dropped; use a \
             batch of at most 100, or keep the last batch",
            &|t| (t.spec.batch_size, t.spec.last_batch) = (101, LastBatch::Drop),
        ),
        ("the images are 2x3x1, but the network reads 3x2x1", &|t| {
            t.network = Network::new(tunefork_nn::Image::new(3, 2, 1), 3);
        }),
        ("the data has 3 classes, but the network has 4 outputs", &|t| t.network.classes = 4),
        ("there are no training images; give some to the training part", &|t| {
            split(vec![], vec![1], vec![])(t);
        }),
        ("there are no validation images; give some to the validation part", &|t| {
            split(vec![1], vec![], vec![])(t);
        }),
        ("the test part names image 180, but the data has 180", &|t| {
            split(vec![1], vec![2], vec![3, 180])(t);
        }),
    ] {
        assert_eq!(refusal(change), message);
    }
}

/// 100 images in batches of 33 leave one, and one image on a map of one pixel has no variance.
#[test]
fn a_last_batch_too_small_for_batch_norm_is_refused() {
    let mut task = task(0.1);
    task.spec.batch_size = 33;
    task.network.blocks = vec![ConvBlock::new(4), ConvBlock { pool: None, ..ConvBlock::new(4) }];
    let device = LinearDevice::default();
    let error = task.compile(&device).unwrap_err().to_string();
    assert!(error.starts_with("blocks.1.norm: batch norm needs more than one value"), "{error}");
    task.spec.last_batch = LastBatch::Drop;
    assert!(task.compile(&device).is_ok());
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let device = LinearDevice::default();
    let task = task(0.2);
    let mut trainer = Trainer::new(task.clone(), &device).unwrap();
    let weights = trainer.weights().unwrap();
    assert_eq!(weights[0].name, "classifier.weight");
    assert_eq!((&weights[0].shape[..], &weights[1].shape[..]), (&[3, 6][..], &[3][..]));
    let mut refusal = |weights: &[_]| trainer.set_weights(weights).unwrap_err().to_string();
    let prefix = "the weights do not fit the network: ";
    assert_eq!(refusal(&weights[..1]), format!("{prefix}the tensor \"classifier.bias\" is missing"));
    let mut wrong = weights.clone();
    wrong[0].shape = vec![6, 3];
    assert_eq!(refusal(&wrong), format!("{prefix}the tensor \"classifier.weight\" is [6, 3], expected [3, 6]"));
    let mut more = weights.clone();
    more.push(tunefork_train::Tensor { name: "extra".into(), ..weights[1].clone() });
    assert_eq!(refusal(&more), format!("{prefix}the network has no tensor \"extra\""));
    let mut doubled = weights.clone();
    doubled.iter_mut().flat_map(|tensor| &mut tensor.values).for_each(|value| *value *= 2.0);
    trainer.set_weights(&doubled).unwrap();
    assert_eq!(trainer.weights().unwrap(), doubled);
}
