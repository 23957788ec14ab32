//! The CUDA device on the emulator, which runs its kernels on the CPU: the same network, seed and images as
//! on the CPU engine must give nearly the same losses, and a device that was lost must say so from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tunefork_data::{Generated, Normalisation, Part, Split};
use tunefork_emulator::{Host, Schedule};
use tunefork_kernels::{Call, Stream, watched};
use tunefork_nn::{ConvBlock, Image, Network, Optimizer, UpdateRule};
use tunefork_rng::Key;
use tunefork_train::{
    Card, Cpu, Cuda, Device, DeviceError, EngineError, Images, Isa, Precision, Task, TrainError, TrainSpec, Trainer,
};

/// A card of which `total` bytes are free, with a switch that makes its next launch fail.
struct Fake {
    stream: Arc<dyn Stream>,
    total: u64,
}

impl Card for Fake {
    fn name(&self) -> String {
        "Emulator".into()
    }

    fn compiler(&self) -> String {
        "g++".into()
    }

    fn stream(&self) -> Arc<dyn Stream> {
        Arc::clone(&self.stream)
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        Ok((self.total, self.total))
    }
}

/// The emulator's stream with what answers its calls in their place: like a card that is lost, from the first time that `breaks` was
/// raised on, or that has no memory for a kernel's code, while `is_full` is.
fn breakable(breaks: Arc<AtomicBool>, is_full: Arc<AtomicBool>) -> Arc<dyn Stream> {
    watched(&Host::stream(80, Schedule::RoundRobin), move |call| match call {
        Call::Free(_) => Ok(()),
        _ if breaks.load(SeqCst) => Err(DeviceError::Lost("an illegal address".into())),
        Call::Launch(_) if is_full.load(SeqCst) => Err(DeviceError::OutOfMemory("loading a kernel".into())),
        _ => Ok(()),
    })
}

const PLENTY: u64 = 4 << 30;

fn emulator() -> Cuda {
    card(PLENTY)
}

fn card(total: u64) -> Cuda {
    let stream = Host::stream(80, Schedule::RoundRobin);
    Cuda::new(Arc::new(Fake { stream, total })).unwrap()
}

/// 12x12 images of three shapes: 21 to train on, in batches of 8 of which the last has 5, and 9 to
/// validate.
fn task() -> Task {
    task_of(21, 9)
}

/// The same with more images.
fn task_of(train: usize, validation: usize) -> Task {
    let generated = Generated {
        height: 12,
        width: 12,
        classes: 3,
        train: train + validation,
        test: 0,
        difficulty: 0.2,
        ..Generated::default()
    };
    let data = generated.draw().unwrap();
    let all: Vec<u32> = data.part(Part::Train).collect();
    let normalisation = Normalisation::of(&data, &all).unwrap();
    Task {
        network: Network {
            blocks: vec![ConvBlock::new(4), ConvBlock::new(6)],
            hidden: vec![8],
            dropout: 0.2,
            ..Network::new(Image::new(12, 12, 1), 3)
        },
        spec: TrainSpec {
            epochs: 2,
            batch_size: 8,
            clip_norm: Some(5.0),
            label_smoothing: 0.05,
            // Adam would turn the rounding of gradients that are zero, such as those of a bias before a
            // batch norm, into whole steps.
            ..TrainSpec::new(Optimizer::new(UpdateRule::SGD, 0.05))
        },
        images: Images { data: Arc::new(data), normalisation },
        split: Arc::new(Split { train: all[..train].to_vec(), validation: all[train..].to_vec(), test: Vec::new() }),
        key: Key::study(3).trial(1),
    }
}

/// Losses of training and validation, epoch by epoch.
fn losses(device: &dyn Device) -> Vec<[f64; 2]> {
    let mut trainer = Trainer::new(task(), device).unwrap();
    (0..2).map(|_| trainer.epoch().unwrap()).map(|epoch| [epoch.train_loss, epoch.validation.loss]).collect()
}

#[track_caller]
fn near(found: &[[f64; 2]], expected: &[[f64; 2]], tolerance: f64) {
    let pairs = found.as_flattened().iter().zip(expected.as_flattened());
    for (found, expected) in pairs {
        let error = (found - expected).abs() / expected;
        assert!(error <= tolerance, "{found} instead of {expected} ({error:.1e})");
    }
}

#[test]
fn an_epoch_is_that_of_the_cpu() {
    let expected = losses(&Cpu::new(Isa::detect(), 1));
    near(&losses(&emulator()), &expected, 1e-4);
    let f16 = emulator().with_precision(Precision::F16).unwrap();
    near(&losses(&f16), &expected, 3e-2);
}

/// Losses, confusion, weights and optimizer of two epochs, with a set that is larger than the ring; and a
/// single layer for more steps than go to a device at once.
#[test]
fn streamed_images_change_no_bit() {
    let whole = emulator();
    let streaming = whole.with_image_budget(1);
    let layer = {
        let mut task = task_of(300, 7);
        task.spec.batch_size = 1;
        task.spec.epochs = 1;
        task.network.blocks.clear();
        task.network.hidden.clear();
        task
    };
    for task in [task_of(181, 39), layer] {
        assert_eq!(whole.streams(&task.images), None);
        let said = streaming.streams(&task.images).expect("it is streamed");
        assert!(said.contains("may take 0 MiB of the memory of Emulator"), "{said}");
        let mut trainers = [&whole, &streaming].map(|device| {
            let trainer = Trainer::new(task.clone(), device).unwrap();
            (trainer.compiled().engine_bytes, trainer)
        });
        let ring = trainers[1].0 - trainers[0].0;
        let images = task.images.data.all_pixels().len() as u64;
        assert!((1..images).contains(&ring), "{ring} bytes for {images}");
        for _ in 0..task.spec.epochs {
            let [expected, found] = trainers.each_mut().map(|(_, t)| t.epoch().unwrap());
            assert_eq!(found.train_loss, expected.train_loss);
            assert_eq!(found.validation, expected.validation);
        }
        let [expected, found] = trainers.map(|(_, trainer)| trainer.checkpoint().unwrap());
        assert!(found == expected, "checkpoints");
    }
}

#[test]
fn checkpoints_continue_with_the_same_bits() {
    let device = emulator();
    let mut whole = Trainer::new(task(), &device).unwrap();
    whole.epoch().unwrap();
    let checkpoint = whole.checkpoint().unwrap();
    let mut resumed = Trainer::new(task(), &emulator()).unwrap();
    resumed.restore(&checkpoint).unwrap();
    let (expected, found) = (whole.epoch().unwrap(), resumed.epoch().unwrap());
    assert_eq!(found.train_loss, expected.train_loss);
    assert_eq!(found.validation, expected.validation);
    assert!(whole.checkpoint().unwrap() == resumed.checkpoint().unwrap());
}

/// Weights go from one engine to the other by name.
#[test]
fn weights_move_between_engines() {
    let (mut cpu, mut gpu) =
        (Trainer::new(task(), &Cpu::new(Isa::detect(), 1)).unwrap(), Trainer::new(task(), &emulator()).unwrap());
    let trained = cpu.epoch().unwrap();
    gpu.set_weights(&cpu.weights().unwrap()).unwrap();
    assert_eq!(gpu.weights().unwrap(), cpu.weights().unwrap());
    let validation = task().split.validation.clone();
    let measured = gpu.evaluate(&validation).unwrap();
    assert!((measured.loss - trained.validation.loss).abs() < 1e-5);
}

#[test]
fn what_does_not_fit_is_refused_before_it_starts() {
    // On the card as a whole, and streamed: then there are the tables alone besides the engine's ring.
    for (budget, images) in [(PLENTY, 30 * (144 + 2) + 1024), (0, 1024)] {
        let card = |total| card(total).with_image_budget(budget);
        let bytes = task().compile(&card(PLENTY)).unwrap().engine_bytes;
        let error = Trainer::new(task(), &card(bytes + images - 1)).unwrap_err();
        let TrainError::DoesNotFit { wanted, budget, largest_batch: Some(batch), .. } = error else {
            panic!("{error}")
        };
        assert_eq!((wanted, budget), (bytes, bytes - 1));
        assert!(batch < 8);
        assert!(Trainer::new(task(), &card(bytes + images)).is_ok());
    }
    // A card that is full of its context from the start.
    let error = task().compile_within(&card(64 << 20), u64::MAX).unwrap_err();
    assert!(matches!(error, TrainError::DoesNotFit { budget: 0, .. }), "{error}");
}

#[test]
fn old_cards_say_what_they_cannot_do() {
    let stream = Host::stream(75, Schedule::RoundRobin);
    let old = Cuda::new(Arc::new(Fake { stream, total: PLENTY })).unwrap();
    let error = old.with_precision(Precision::Bf16).unwrap_err().to_string();
    assert!(error.contains("has 7.5: use f16 or f32"), "{error}");
    assert!(old.with_precision(Precision::F16).is_ok());
}

/// A kernel that fails takes the card from the process: every engine says so, and those that are made later. In another process
/// (another `Cuda` stands for it) training goes on from a checkpoint, with the same bits.
#[test]
fn a_card_that_is_lost_stays_lost() {
    for image_budget in [PLENTY, 0] {
        let breaks = Arc::new(AtomicBool::new(false));
        let stream = breakable(Arc::clone(&breaks), Arc::default());
        let device = Cuda::new(Arc::new(Fake { stream, total: PLENTY })).unwrap().with_image_budget(image_budget);
        let expected = losses(&device);
        let mut trainer = Trainer::new(task(), &device).unwrap();
        let mut bystander = Trainer::new(task(), &device).unwrap();
        trainer.epoch().unwrap();
        let checkpoint = trainer.checkpoint().unwrap();

        breaks.store(true, SeqCst);
        let lost = |error: TrainError| {
            assert!(matches!(error, TrainError::Engine(EngineError::Lost(_))), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("(an illegal address): end it and start it again"), "{text}");
        };
        lost(trainer.epoch().unwrap_err());
        lost(bystander.checkpoint().unwrap_err());
        lost(bystander.epoch().unwrap_err());
        lost(Trainer::new(task(), &device).unwrap_err());

        let device = emulator().with_image_budget(image_budget);
        let mut again = Trainer::new(task(), &device).unwrap();
        again.restore(&checkpoint).unwrap();
        let epoch = again.epoch().unwrap();
        assert_eq!([epoch.train_loss, epoch.validation.loss], expected[1]);
    }
}

/// Memory that is short for a moment costs an epoch and nothing else: the same card goes on from the checkpoint.
#[test]
fn a_card_without_memory_goes_on_once_there_is_some() {
    let is_full = Arc::new(AtomicBool::new(false));
    let stream = breakable(Arc::default(), Arc::clone(&is_full));
    let device = Cuda::new(Arc::new(Fake { stream, total: PLENTY })).unwrap();
    let expected = losses(&device);
    let mut trainer = Trainer::new(task(), &device).unwrap();
    let checkpoint = trainer.checkpoint().unwrap();
    is_full.store(true, SeqCst);
    let error = trainer.epoch().unwrap_err();
    assert!(matches!(error, TrainError::Engine(EngineError::OutOfMemory(_))), "{error:?}");
    is_full.store(false, SeqCst);
    trainer.restore(&checkpoint).unwrap();
    let epoch = trainer.epoch().unwrap();
    assert_eq!([epoch.train_loss, epoch.validation.loss], expected[0]);
}
