//! Small networks on the CPU engine, trained for real.

use std::sync::Arc;

use tunefork_data::{Generated, Normalisation, Part, Split};
use tunefork_nn::{ConvBlock, Image, Network, Optimizer, Schedule, UpdateRule};
use tunefork_rng::Key;
use tunefork_train::{At, Cpu, Images, Isa, Predictor, Task, TrainError, TrainSpec, Trainer};

/// 16x16 images of four shapes: 300 to train on, of which the last batch has 12, and 100 to validate.
fn task() -> Task {
    let generated =
        Generated { height: 16, width: 16, classes: 4, train: 400, test: 0, difficulty: 0.2, ..Generated::default() };
    let data = generated.draw().unwrap();
    let train: Vec<u32> = data.part(Part::Train).take(300).collect();
    let normalisation = Normalisation::of(&data, &train).unwrap();
    Task {
        network: Network {
            blocks: vec![ConvBlock::new(12), ConvBlock { residual: true, ..ConvBlock::new(20) }],
            hidden: vec![32],
            dropout: 0.2,
            ..Network::new(Image::new(16, 16, 1), 4)
        },
        spec: TrainSpec {
            epochs: 6,
            batch_size: 32,
            schedule: Schedule { warmup_epochs: 0.5, ..Schedule::default() },
            clip_norm: Some(5.0),
            label_smoothing: 0.05,
            ..TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 4e-3))
        },
        images: Images { data: Arc::new(data), normalisation },
        split: Arc::new(Split { train, validation: (300..400).collect(), test: Vec::new() }),
        key: Key::study(3).trial(1),
    }
}

#[test]
fn a_convolutional_network_learns() {
    let mut trainer = Trainer::new(task(), &Cpu::new(Isa::detect(), 2)).unwrap();
    let epochs: Vec<_> = (0..6).map(|_| trainer.epoch().unwrap()).collect();
    let accuracies: Vec<f64> = epochs.iter().map(|epoch| epoch.validation.accuracy()).collect();
    assert!(epochs[5].train_loss < 0.7 * epochs[0].train_loss, "{epochs:?}");
    assert!(accuracies[5] > 0.6, "chance is 0.25: {accuracies:?}");
}

#[test]
fn threads_that_come_and_go_change_no_bit() {
    let device = Cpu::new(Isa::detect(), 1);
    let mut whole = Trainer::new(task(), &device).unwrap();
    let mut shared = Trainer::new(task(), &device).unwrap();
    for threads in [3, 1, 2, 0] {
        shared.set_threads(threads);
        let (expected, found) = (whole.epoch().unwrap(), shared.epoch().unwrap());
        assert_eq!(found.validation, expected.validation, "{threads}");
    }
    assert!(whole.checkpoint().unwrap() == shared.checkpoint().unwrap());
}

/// The bits depend on the instruction set, but not on the number of threads, nor on interruptions.
#[test]
fn threads_and_checkpoints_change_no_bit() {
    for isa in Isa::available() {
        let mut whole = Trainer::new(task(), &Cpu::new(isa, 1)).unwrap();
        let mut broken = Trainer::new(task(), &Cpu::new(isa, 2)).unwrap();
        for epoch in 0..3 {
            let blob = broken.checkpoint().unwrap();
            broken = Trainer::new(task(), &Cpu::new(isa, 1 + epoch)).unwrap();
            broken.restore(&blob).unwrap();
            let (expected, found) = (whole.epoch().unwrap(), broken.epoch().unwrap());
            assert_eq!(found.train_loss, expected.train_loss, "{isa}, epoch {epoch}");
            assert_eq!(found.validation, expected.validation, "{isa}, epoch {epoch}");
        }
        assert!(whole.checkpoint().unwrap() == broken.checkpoint().unwrap(), "{isa}");
        assert_eq!(whole.weights().unwrap(), broken.weights().unwrap(), "{isa}");
    }
}

#[test]
fn a_predictor_gives_what_the_trainer_measured() {
    let device = Cpu::new(Isa::detect(), 1);
    let task = Task { spec: TrainSpec { at: At::Best, ..task().spec }, ..task() };
    let mut trainer = Trainer::new(task.clone(), &device).unwrap();
    (0..2).for_each(|_| drop(trainer.epoch().unwrap()));
    let mut predictor = Predictor::new(task.network.clone(), &trainer.weights().unwrap(), &device).unwrap();
    let probabilities = predictor.probabilities(&task.images, &task.split.validation).unwrap();
    let loss: f64 = probabilities
        .chunks(4)
        .zip(&task.split.validation)
        .map(|(row, index)| -libm::log(f64::from(row[usize::from(task.images.data.label(*index))])))
        .sum();
    let measured = trainer.evaluate(&task.split.validation).unwrap();
    assert!((loss / 100.0 - measured.loss).abs() < 1e-5, "{} {}", loss / 100.0, measured.loss);
    assert_eq!(measured.accuracy(), trainer.value().unwrap().value);
    // Batches of another size add up losses in another order.
    let evaluated = predictor.evaluation(&task.images, &task.split.validation).unwrap();
    assert_eq!(evaluated.confusion, measured.confusion);
    assert!((evaluated.loss - measured.loss).abs() < 1e-6, "{} {}", evaluated.loss, measured.loss);
    assert!(matches!(predictor.evaluation(&task.images, &[]), Err(TrainError::NoImages { .. })));
}

#[test]
fn a_learning_rate_far_too_high_is_reported_or_useless() {
    let mut task = task();
    task.spec.clip_norm = None;
    task.spec.optimizer = Optimizer::new(UpdateRule::SGD, 1e25);
    let mut trainer = Trainer::new(task, &Cpu::new(Isa::detect(), 1)).unwrap();
    let error = trainer.epoch().unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
}

#[test]
fn what_a_checkpoint_takes_is_known_before() {
    for (at, ema) in [(At::Last, 0.0), (At::Best, 0.0), (At::Best, 0.9)] {
        let mut task = task();
        (task.spec.at, task.spec.ema) = (at, ema);
        let mut trainer = Trainer::new(task.clone(), &Cpu::new(Isa::detect(), 1)).unwrap();
        trainer.epoch().unwrap();
        let compiled = task.compile(&Cpu::new(Isa::detect(), 1)).unwrap();
        // The optimizer's two states of every weight are the largest part that is copied at once.
        let part = (2 * size_of::<f32>() * compiled.plan.slab.trainable_len) as u64;
        let found = trainer.checkpoint().unwrap().len() as u64;
        let planned = compiled.checkpoint_bytes - part;
        assert!((planned..planned + 512).contains(&found), "{found} bytes instead of {planned}, {at:?}, {ema}");
    }
}

#[test]
fn a_budget_names_the_batch_that_fits() {
    let device = Cpu::new(Isa::detect(), 1);
    let bytes = task().compile(&device).unwrap().most_bytes();
    let error = task().compile_within(&device, bytes - 1).unwrap_err();
    let TrainError::DoesNotFit { wanted, largest_batch: Some(batch), .. } = error else { panic!("{error}") };
    assert_eq!(wanted, bytes);
    assert!(batch < 32);
    let mut smaller = task();
    smaller.spec.batch_size = batch;
    assert!(Trainer::within(smaller, &device, bytes - 1).is_ok());
}
