//! Trials that share the memory of one device.
//!
//! A study has as many trials under way as it has slots, also where one is trained at a time. On a GPU
//! they need not all find room: one that is not being trained is evicted, which means that its engine
//! is given up and its checkpoint kept, and it goes on from there with the same bits.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tunefork_train::{Device, EngineError, Precision, Task, TrainError, Trainer};

use crate::Machine;

/// Makes trainers, and makes room for them.
#[derive(Debug)]
pub(crate) struct TrainerPool {
    machine: Machine,
    precision: Precision,
    /// Held while an engine is made: whoever meets a full device then sees who has filled it.
    cells: Mutex<Vec<Weak<TrainerCell>>>,
}

/// A trainer that may be evicted while nobody uses it.
#[derive(Debug)]
pub(crate) struct PooledTrainer {
    pool: Arc<TrainerPool>,
    cell: Arc<TrainerCell>,
}

#[derive(Debug)]
struct TrainerCell {
    task: Task,
    /// Whether there is an engine: to be seen while the trainer is at work, too. Never true while the
    /// cell waits for room, so two cells never wait for each other.
    has_engine: AtomicBool,
    contents: Mutex<Contents>,
}

#[derive(Debug)]
struct Contents {
    /// CPU threads of its engine, now or when it has one again.
    threads: usize,
    last_used: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Ready(Box<Trainer>),
    Evicted {
        checkpoint: Vec<u8>,
        epochs: u32,
    },
    /// Nothing is here yet, or its device failed in other work: what it held there is gone.
    Empty {
        epochs: u32,
    },
}

/// What a panic left behind is looked at by nobody but its own run, which is dropped then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there may be room once others have given up theirs.
fn is_short_of_memory(error: &TrainError) -> bool {
    matches!(error, TrainError::DoesNotFit { .. } | TrainError::Engine(EngineError::OutOfMemory(_)))
}

fn lost() -> TrainError {
    EngineError::failed("the device failed in other work, and what this trial had there is lost").into()
}

impl TrainerPool {
    /// For trainers on this machine, all with one precision.
    pub(crate) fn new(machine: Machine, precision: Precision) -> Arc<Self> {
        Arc::new(Self { machine, precision, cells: Mutex::default() })
    }

    /// Whether trainers that are used at the same time help each other, rather than share what there is.
    pub(crate) fn trains_side_by_side(&self) -> bool {
        self.machine.gpu().is_some()
    }

    /// A trainer at its beginning, or where a checkpoint was taken.
    pub(crate) fn start(
        self: &Arc<Self>,
        task: Task,
        threads: usize,
        checkpoint: Option<&[u8]>,
    ) -> Result<PooledTrainer, TrainError> {
        let cell = Arc::new(TrainerCell {
            task,
            has_engine: AtomicBool::new(false),
            contents: Mutex::new(Contents { threads, last_used: Instant::now(), state: State::Empty { epochs: 0 } }),
        });
        let mut contents = lock(&cell.contents);
        contents.state = State::Ready(Box::new(self.trainer(&cell, threads, checkpoint)?));
        drop(contents);
        Ok(PooledTrainer { pool: Arc::clone(self), cell })
    }

    /// Called with the cell locked. Where memory is short, it waits until others are evicted.
    fn trainer(
        &self,
        cell: &Arc<TrainerCell>,
        threads: usize,
        checkpoint: Option<&[u8]>,
    ) -> Result<Trainer, TrainError> {
        let device = self.machine.device(threads, self.precision).map_err(EngineError::failed)?;
        let mut trainer = loop {
            match self.make(cell, &*device)? {
                Some(trainer) => break trainer,
                None => self.make_room(),
            }
        };
        if let Some(checkpoint) = checkpoint {
            trainer.restore(checkpoint).inspect_err(|_| cell.has_engine.store(false, SeqCst))?;
        }
        Ok(trainer)
    }

    /// Nothing if there was no room while others had engines.
    fn make(&self, cell: &Arc<TrainerCell>, device: &dyn Device) -> Result<Option<Trainer>, TrainError> {
        let mut cells = lock(&self.cells);
        // Nobody gets an engine meanwhile, so who has one now had one when there was no room.
        let others = with_engines(&cells).next().is_some();
        let trainer = match Trainer::new(cell.task.clone(), device) {
            Err(error) if others && is_short_of_memory(&error) => return Ok(None),
            made => made?,
        };
        cell.has_engine.store(true, SeqCst);
        let this = Arc::downgrade(cell);
        cells.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&this));
        cells.push(this);
        Ok(Some(trainer))
    }

    /// Evicts a trainer, if there are any: one that nobody uses now, else one that is at work, after that.
    fn make_room(&self) {
        if self.evict_one() {
            return;
        }
        if let Some(cell) = self.engines().first() {
            cell.evict(&mut lock(&cell.contents));
        }
    }

    /// Evicts the trainer that was used least lately, of those that nobody uses now.
    fn evict_one(&self) -> bool {
        let engines = self.engines();
        let mut idle: Vec<_> =
            engines.iter().filter_map(|cell| Some((cell.contents.try_lock().ok()?.last_used, cell))).collect();
        idle.sort_by_key(|(last_used, _)| *last_used);
        idle.iter().any(|(_, cell)| {
            let contents = cell.contents.try_lock();
            contents.is_ok_and(|mut contents| cell.evict(&mut contents))
        })
    }

    fn engines(&self) -> Vec<Arc<TrainerCell>> {
        with_engines(&lock(&self.cells)).collect()
    }
}

fn with_engines(cells: &[Weak<TrainerCell>]) -> impl Iterator<Item = Arc<TrainerCell>> {
    let cells = cells.iter().filter_map(Weak::upgrade);
    cells.filter(|cell| cell.has_engine.load(SeqCst))
}

impl TrainerCell {
    /// Gives the engine up, if there is one; it is between two epochs, or nobody wants it any more.
    fn evict(&self, contents: &mut Contents) -> bool {
        let State::Ready(trainer) = &contents.state else {
            return false;
        };
        let epochs = trainer.epochs_done();
        contents.state = match trainer.checkpoint() {
            Ok(checkpoint) => State::Evicted { checkpoint, epochs },
            Err(_) => State::Empty { epochs },
        };
        self.has_engine.store(false, SeqCst);
        true
    }
}

impl PooledTrainer {
    /// Uses the trainer, which is brought back first if it was evicted.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Trainer) -> Result<T, TrainError>) -> Result<T, TrainError> {
        let mut contents = lock(&self.cell.contents);
        if let State::Evicted { checkpoint, .. } = &contents.state {
            let pool = &self.pool;
            let trainer = pool.trainer(&self.cell, contents.threads, Some(checkpoint))?;
            contents.state = State::Ready(Box::new(trainer));
        }
        let State::Ready(trainer) = &mut contents.state else {
            return Err(lost());
        };
        let result = work(trainer);
        contents.last_used = Instant::now();
        if result.as_ref().is_err_and(is_short_of_memory) {
            // Whoever brings the trial back from its checkpoint then finds all that others can do without.
            while self.pool.evict_one() {}
        }
        result
    }

    pub(crate) fn epochs_done(&self) -> u32 {
        match &lock(&self.cell.contents).state {
            State::Ready(trainer) => trainer.epochs_done(),
            State::Evicted { epochs, .. } | State::Empty { epochs } => *epochs,
        }
    }

    pub(crate) fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        match &lock(&self.cell.contents).state {
            State::Ready(trainer) => trainer.checkpoint(),
            State::Evicted { checkpoint, .. } => Ok(checkpoint.clone()),
            State::Empty { .. } => Err(lost()),
        }
    }

    /// Gives the engine up until the trainer is used again.
    pub(crate) fn evict(&self) {
        self.cell.evict(&mut lock(&self.cell.contents));
    }

    /// Goes on with so many threads, also on engines to come.
    pub(crate) fn set_threads(&self, threads: usize) {
        let mut contents = lock(&self.cell.contents);
        contents.threads = threads;
        if let State::Ready(trainer) = &mut contents.state {
            trainer.set_threads(threads);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_evicted(&self) -> bool {
        matches!(lock(&self.cell.contents).state, State::Evicted { .. })
    }
}

impl Drop for PooledTrainer {
    /// Gives the memory back while the cell can still be found: who needs room meanwhile must see that
    /// there is something to wait for.
    fn drop(&mut self) {
        lock(&self.cell.contents).state = State::Empty { epochs: 0 };
        self.cell.has_engine.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceChoice;
    use std::sync::Barrier;
    use tunefork_data::{Generated, Normalisation, Split};
    use tunefork_nn::{Image, Network, Optimizer, UpdateRule};
    use tunefork_rng::Key;
    use tunefork_train::{Images, TrainSpec};

    fn task(trial: u32) -> Task {
        let data = Generated { height: 12, width: 12, classes: 2, train: 40, test: 0, ..Generated::default() };
        let data = data.draw().unwrap();
        let normalisation = Normalisation::new(&[0.5], &[0.5]).unwrap();
        Task {
            network: Network::new(Image::new(12, 12, 1), 2),
            spec: TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 1e-2)),
            images: Images { data: Arc::new(data), normalisation },
            split: Arc::new(Split { train: (0..30).collect(), validation: (30..40).collect(), test: Vec::new() }),
            key: Key::study(1).trial(trial),
        }
    }

    fn loss(run: &PooledTrainer) -> f64 {
        run.with(|trainer| Ok(trainer.epoch()?.validation.loss)).unwrap()
    }

    #[test]
    fn the_least_lately_used_is_evicted_and_goes_on_with_the_same_bits() {
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap();
        let pool = TrainerPool::new(machine, Precision::F32);
        let runs: Vec<PooledTrainer> = (0..3).map(|trial| pool.start(task(trial), 1, None).unwrap()).collect();
        let undisturbed = pool.start(task(1), 1, None).unwrap();
        let expected = [loss(&undisturbed), loss(&undisturbed)];
        drop(undisturbed);

        assert_eq!(loss(&runs[1]), expected[0]);
        loss(&runs[0]);
        assert!(pool.evict_one());
        assert!(runs[2].is_evicted(), "it was never used");
        assert!(pool.evict_one());
        assert!(runs[1].is_evicted() && !runs[0].is_evicted());
        assert_eq!(runs[1].epochs_done(), 1);
        let checkpoint = runs[1].checkpoint().unwrap();
        assert!(runs[1].is_evicted(), "a checkpoint needs no engine");
        assert_eq!(loss(&runs[1]), expected[1]);
        assert!(!runs[1].is_evicted());
        let resumed = pool.start(task(1), 1, Some(&checkpoint)).unwrap();
        assert_eq!(loss(&resumed), expected[1]);

        let resumed = pool.start(task(1), 1, Some(&runs[1].checkpoint().unwrap()));
        runs[1].set_threads(2);
        assert!(!runs[1].is_evicted(), "its engine stays");
        assert_eq!(loss(&runs[1]), loss(&resumed.unwrap()));

        let evicted = (0..9).take_while(|_| pool.evict_one()).count();
        assert_eq!(evicted, 3, "all that were ready");
    }

    #[test]
    fn who_finds_no_room_waits_for_those_at_work() {
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap();
        let pool = TrainerPool::new(machine, Precision::F32);
        let busy = pool.start(task(0), 1, None).unwrap();
        let (begun, done) = (Barrier::new(2), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                busy.with(|trainer| {
                    begun.wait();
                    trainer.epoch()?;
                    done.store(true, SeqCst);
                    Ok(())
                })
            });
            begun.wait();
            pool.make_room();
            assert!(done.load(SeqCst), "it is not taken from its work");
        });
        assert!(busy.is_evicted());
        assert!(pool.engines().is_empty());
        pool.make_room(); // there is nobody to wait for
    }
}
