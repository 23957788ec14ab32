//! Trials that share the memory of one device.
//!
//! A study has as many trials under way as it has slots, also where one is trained at a time. On a GPU
//! they need not all find room: one that is not being trained is parked, which means that its engine
//! is given up and its checkpoint kept, and it goes on from there with the same bits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tunefork_train::{Task, TrainError, Trainer};

use crate::Machine;

/// Makes trainers, and makes room for them.
#[derive(Debug)]
pub(crate) struct Parking {
    machine: Machine,
    precision: String,
    places: Mutex<Vec<Weak<Mutex<Place>>>>,
}

/// A trainer that may be parked while nobody uses it.
#[derive(Debug)]
pub(crate) struct Parkable {
    parking: Arc<Parking>,
    place: Arc<Mutex<Place>>,
}

#[derive(Debug)]
struct Place {
    task: Task,
    threads: usize,
    last_used: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Ready(Box<Trainer>),
    Parked {
        checkpoint: Vec<u8>,
        epochs: u32,
    },
    /// Its device failed in other work: what it held there is gone.
    Lost {
        epochs: u32,
    },
}

/// What a panic left behind is looked at by nobody but its own run, which is dropped then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> TrainError {
    TrainError::Engine(
        "the device failed in other work, and what this trial had there is lost".into(),
    )
}

impl Parking {
    /// For trainers on this machine, all with one precision.
    pub(crate) fn new(machine: Machine, precision: &str) -> Arc<Self> {
        Arc::new(Self {
            machine,
            precision: precision.to_string(),
            places: Mutex::default(),
        })
    }

    /// A trainer at its beginning, or where a checkpoint was taken.
    pub(crate) fn start(
        self: &Arc<Self>,
        task: Task,
        threads: usize,
        checkpoint: Option<&[u8]>,
    ) -> Result<Parkable, TrainError> {
        let trainer = self.trainer(&task, threads, checkpoint)?;
        let place = Arc::new(Mutex::new(Place {
            task,
            threads,
            last_used: Instant::now(),
            state: State::Ready(Box::new(trainer)),
        }));
        let mut places = lock(&self.places);
        places.retain(|place| place.strong_count() > 0);
        places.push(Arc::downgrade(&place));
        Ok(Parkable {
            parking: Arc::clone(self),
            place,
        })
    }

    fn trainer(
        &self,
        task: &Task,
        threads: usize,
        checkpoint: Option<&[u8]>,
    ) -> Result<Trainer, TrainError> {
        let device = self
            .machine
            .device(threads, &self.precision)
            .map_err(|error| TrainError::Engine(Box::new(error)))?;
        let mut trainer = loop {
            match Trainer::new(task.clone(), &*device) {
                Err(TrainError::DoesNotFit { .. }) if self.park_one() => {}
                made => break made?,
            }
        };
        if let Some(checkpoint) = checkpoint {
            trainer.restore(checkpoint)?;
        }
        Ok(trainer)
    }

    /// Parks the trainer that was used least lately, of those that nobody uses now.
    fn park_one(&self) -> bool {
        let places: Vec<_> = lock(&self.places)
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        let ready = |place: &Arc<Mutex<Place>>| {
            let place = place.try_lock().ok()?;
            matches!(place.state, State::Ready(_)).then_some(place.last_used)
        };
        let mut places: Vec<_> = places
            .iter()
            .filter_map(|place| Some((ready(place)?, place)))
            .collect();
        places.sort_by_key(|(last_used, _)| *last_used);
        let mut places = places.iter().filter_map(|(_, place)| place.try_lock().ok());
        places.any(|mut place| place.park())
    }
}

impl Place {
    /// Gives the engine up, if there is one and it is between two epochs.
    fn park(&mut self) -> bool {
        let State::Ready(trainer) = &self.state else {
            return false;
        };
        let epochs = trainer.epochs_done();
        self.state = match trainer.checkpoint() {
            Ok(checkpoint) => State::Parked { checkpoint, epochs },
            Err(TrainError::Engine(_)) => State::Lost { epochs },
            Err(_) => return false,
        };
        true
    }
}

impl Parkable {
    /// Uses the trainer, which is brought back first if it was parked.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Trainer) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let mut place = lock(&self.place);
        if let State::Parked { checkpoint, .. } = &place.state {
            let trainer = self
                .parking
                .trainer(&place.task, place.threads, Some(checkpoint))?;
            place.state = State::Ready(Box::new(trainer));
        }
        let result = match &mut place.state {
            State::Ready(trainer) => work(trainer),
            State::Parked { .. } => unreachable!("it was brought back"),
            State::Lost { .. } => Err(lost()),
        };
        place.last_used = Instant::now();
        result
    }

    /// Epochs done so far.
    pub(crate) fn epochs_done(&self) -> u32 {
        match &lock(&self.place).state {
            State::Ready(trainer) => trainer.epochs_done(),
            State::Parked { epochs, .. } | State::Lost { epochs } => *epochs,
        }
    }

    /// All state.
    pub(crate) fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        match &lock(&self.place).state {
            State::Ready(trainer) => trainer.checkpoint(),
            State::Parked { checkpoint, .. } => Ok(checkpoint.clone()),
            State::Lost { .. } => Err(lost()),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_parked(&self) -> bool {
        matches!(lock(&self.place).state, State::Parked { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceChoice;
    use tunefork_data::{Generated, Normalisation, Split};
    use tunefork_nn::{ImageShape, Network, Optimizer, OptimizerKind};
    use tunefork_rng::Key;
    use tunefork_train::{Images, TrainSpec};

    fn task(trial: u32) -> Task {
        let data = Generated {
            height: 12,
            width: 12,
            classes: 2,
            train: 40,
            test: 0,
            ..Generated::default()
        };
        let data = data.draw().unwrap();
        let normalisation = Normalisation::new(&[0.5], &[0.5]).unwrap();
        Task {
            network: Network::new(ImageShape::new(12, 12, 1), 2),
            spec: TrainSpec::new(Optimizer::new(OptimizerKind::ADAM, 1e-2)),
            images: Images {
                data: Arc::new(data),
                normalisation,
            },
            split: Arc::new(Split {
                train: (0..30).collect(),
                validation: (30..40).collect(),
                test: Vec::new(),
            }),
            key: Key::study(1).trial(trial),
        }
    }

    fn loss(run: &Parkable) -> f64 {
        run.with(|trainer| Ok(trainer.epoch()?.validation.loss))
            .unwrap()
    }

    #[test]
    fn the_least_lately_used_is_parked_and_goes_on_with_the_same_bits() {
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap();
        let parking = Parking::new(machine, "f32");
        let runs: Vec<Parkable> = (0..3)
            .map(|trial| parking.start(task(trial), 1, None).unwrap())
            .collect();
        let undisturbed = parking.start(task(1), 1, None).unwrap();
        let expected = [loss(&undisturbed), loss(&undisturbed)];
        drop(undisturbed);

        assert_eq!(loss(&runs[1]), expected[0]);
        loss(&runs[0]);
        assert!(parking.park_one());
        assert!(runs[2].is_parked(), "it was never used");
        assert!(parking.park_one());
        assert!(runs[1].is_parked() && !runs[0].is_parked());
        assert_eq!(runs[1].epochs_done(), 1);
        let checkpoint = runs[1].checkpoint().unwrap();
        assert!(runs[1].is_parked(), "a checkpoint needs no engine");
        assert_eq!(loss(&runs[1]), expected[1]);
        assert!(!runs[1].is_parked());
        let resumed = parking.start(task(1), 1, Some(&checkpoint)).unwrap();
        assert_eq!(loss(&resumed), expected[1]);

        let parked = (0..9).take_while(|_| parking.park_one()).count();
        assert_eq!(parked, 3, "all that were ready");
    }
}
