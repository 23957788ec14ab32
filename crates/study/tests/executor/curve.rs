//! A workload with a stated learning curve, random real durations, and faults on demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tunefork_rng::{Key, Purpose};
use tunefork_space::{Domain, Parameter, Params, Space};
use tunefork_study::{
    Blueprint, Cost, EpochReport, FailureKind, Member, MemberReport, Metrics, Run, Timing, TrialContext, TrialFailure,
    Workload,
};

/// What goes wrong, and how often it still will.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Fault,
    Panic,
    Diverge,
    Nan,
    Halt,
    Lost,
    /// From here on other values than before.
    Drift,
}

/// Trains nothing: the value after each epoch follows from parameters, key and the value before.
#[derive(Default)]
pub(crate) struct Curve {
    /// Longest real duration of an epoch.
    pub delay: Duration,
    /// Where trouble is, by (trial, epoch), and how often.
    pub trouble: Mutex<BTreeMap<(u32, u32), (Trouble, u32)>>,
    /// After so many epochs in all, the flag is raised.
    pub stop_after: Option<(u32, Arc<AtomicBool>)>,
    /// A trial is over after so many epochs without a new best value.
    pub patience: Option<usize>,
    /// Largest `width` that fits.
    pub widest: Option<u64>,
    pub epochs_run: AtomicU32,
    /// (trial, epoch) of each keep.
    pub kept: Mutex<Vec<(u32, u32)>>,
    /// Whether what was kept is gone.
    pub lost: bool,
    /// Runs started from a checkpoint.
    pub restored: AtomicU32,
    pub delays: AtomicU64,
    /// Trial and threads of each epoch, in the order in which they ended.
    pub threads: Mutex<Vec<(u32, usize)>>,
}

impl Curve {
    pub(crate) fn with_trouble(trouble: impl IntoIterator<Item = ((u32, u32), (Trouble, u32))>) -> Self {
        Curve { trouble: Mutex::new(trouble.into_iter().collect()), ..Curve::default() }
    }

    fn trouble_at(&self, trial: u32, epoch: u32) -> Option<Trouble> {
        let mut all = self.trouble.lock().unwrap();
        let (trouble, times) = all.get_mut(&(trial, epoch))?;
        *times = times.checked_sub(1)?;
        Some(*trouble)
    }

    /// Real durations that no two runs share: the order of the draws depends on the threads.
    fn dawdle(&self) {
        if self.delay.is_zero() {
            return;
        }
        let draw = self.delays.fetch_add(1, Ordering::Relaxed);
        let part = Key::study(draw).stream(Purpose::Generate).f64();
        std::thread::sleep(self.delay.mul_f64(part));
    }
}

/// Mixed parameters, one of them conditional.
pub(crate) fn space() -> Space {
    let parameters = vec![
        Parameter::new("optimizer", Domain::choice(["sgd", "adam", "none"]).unwrap()),
        Parameter::new("lr", Domain::log(1e-4, 1.0).unwrap()),
        Parameter::new("momentum", Domain::uniform(0.0, 0.99).unwrap()).when("optimizer", ["sgd"]),
        Parameter::new("width", Domain::int(1, 8).unwrap()),
    ];
    Space::new(parameters).unwrap()
}

fn number(params: &Params, name: &str) -> f64 {
    let value = params.get(name).and_then(|value| value.as_f64());
    value.unwrap_or(0.0)
}

/// The workload itself: its runs outlive any borrow.
pub(crate) struct Shared(pub Arc<Curve>);

impl Workload for Shared {
    type Run = CurveRun;

    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        let width = number(params, "width") as u64;
        if let Some(widest) = self.0.widest.filter(|widest| width > *widest) {
            let message = format!("width {width} needs {width} bytes; {widest} would fit");
            return Err(TrialFailure::new(FailureKind::DoesNotFit, message));
        }
        Ok(Blueprint {
            epochs: 9,
            epoch_cost: Cost { flops: 4_000_000 * width, bytes: 0, steps: 1 },
            plan_bytes: width,
            plan_key: format!("width {width}"),
        })
    }

    fn is_over(&self, _: &Params, values: &[f64]) -> bool {
        let best = (0..values.len()).reduce(|best, at| match values[at] > values[best] {
            true => at,
            false => best,
        });
        let waited = best.map_or(0, |best| values.len() - 1 - best);
        self.0.patience.is_some_and(|patience| waited >= patience)
    }

    fn start(&self, trial: &TrialContext, checkpoint: Option<&[u8]>) -> Result<CurveRun, TrialFailure> {
        // Best near lr = 0.01 with much momentum; `none` never learns.
        let rate = (number(&trial.params, "lr") - 0.01).abs();
        let bonus = 0.3 * number(&trial.params, "momentum");
        let learns = trial.params.get("optimizer").and_then(|v| v.as_str()) != Some("none");
        let mut run = CurveRun {
            workload: self.0.clone(),
            trial: trial.clone(),
            quality: if learns { 0.6 + bonus - 0.5 * rate } else { 0.1 },
            epoch: 0,
            value: 0.0,
            drifted: false,
        };
        if let Some(bytes) = checkpoint {
            let (epoch, value) = bytes.split_at(4);
            run.epoch = u32::from_le_bytes(epoch.try_into().unwrap());
            run.value = f64::from_le_bytes(value.try_into().unwrap());
            self.0.restored.fetch_add(1, Ordering::Relaxed);
        }
        Ok(run)
    }

    fn keep(&self, trial: &TrialContext, run: &CurveRun) -> Result<(), TrialFailure> {
        if let Some(Trouble::Fault) = self.0.trouble_at(trial.number.0, KEEP) {
            return Err(TrialFailure::new(FailureKind::Fault, "the device is gone"));
        }
        self.0.kept.lock().unwrap().push((trial.number.0, run.epoch));
        Ok(())
    }

    fn has_kept(&self, _: &TrialContext) -> bool {
        !self.0.lost
    }
}

/// The place of troubles while a trial is kept, where others have their epoch.
pub(crate) const KEEP: u32 = 0;

pub(crate) struct CurveRun {
    workload: Arc<Curve>,
    trial: TrialContext,
    quality: f64,
    epoch: u32,
    /// The state: each epoch's value depends on it, so a wrong replay shows.
    value: f64,
    drifted: bool,
}

impl Run for CurveRun {
    fn epochs_done(&self) -> u32 {
        self.epoch
    }

    fn set_threads(&mut self, threads: usize) {
        self.trial.threads = threads;
    }

    fn epoch(&mut self) -> Result<EpochReport, TrialFailure> {
        let epoch = self.epoch + 1;
        self.workload.dawdle();
        let run = 1 + self.workload.epochs_run.fetch_add(1, Ordering::Relaxed);
        if let Some((after, flag)) = &self.workload.stop_after
            && run >= *after
        {
            flag.store(true, Ordering::Relaxed);
        }
        let trial = self.trial.number.0;
        let fail = |kind, text: &str| Err(TrialFailure::new(kind, text));
        let mut value = f64::NAN;
        match self.workload.trouble_at(trial, epoch) {
            Some(Trouble::Fault) => return fail(FailureKind::Fault, "the device is gone"),
            Some(Trouble::Panic) => panic!("on demand"),
            Some(Trouble::Diverge) => return fail(FailureKind::Diverged, "the loss is NaN"),
            Some(Trouble::Halt) => return fail(FailureKind::Halt, "no space left on device"),
            Some(Trouble::Lost) => return fail(FailureKind::DeviceLost, "the device is lost"),
            Some(Trouble::Drift) => self.drifted = true,
            Some(Trouble::Nan) | None => {}
        }
        if self.trial.stop.is_raised() {
            return fail(FailureKind::Interrupted, "asked to stop");
        }
        self.epoch = epoch;
        let threads = (trial, self.trial.threads);
        self.workload.threads.lock().unwrap().push(threads);
        let noise = self.trial.key.stream_at(Purpose::Shuffle, u64::from(epoch)).f64();
        self.value += (self.quality - self.value) * 0.4 + 0.02 * (noise - 0.5);
        if self.drifted {
            self.value += 1e-12;
        }
        let troubles = self.workload.trouble.lock().unwrap();
        if !matches!(troubles.get(&(trial, epoch)), Some((Trouble::Nan, _))) {
            value = self.value;
        }
        Ok(EpochReport {
            value,
            metrics: whole(&[("loss", 1.0 - value), ("noise", noise)]),
            timing: Some(Timing { seconds: f64::from(run), ..Timing::default() }),
            members: (0..2).map(|fold| member(fold, value, noise)).collect(),
        })
    }

    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure> {
        let mut bytes = self.epoch.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.value.to_le_bytes());
        Ok(bytes)
    }
}

/// One of two trainings, whose values lie around that of the trial.
fn member(fold: u32, value: f64, noise: f64) -> MemberReport {
    MemberReport {
        member: Member { replicate: 0, fold },
        value: value + noise * (f64::from(fold) - 0.5),
        metrics: whole(&[("noise", noise)]),
    }
}

fn whole(figures: &[(&str, f64)]) -> Metrics {
    let figures = figures.iter().map(|(name, value)| (name.to_string(), *value));
    Metrics { whole: figures.collect(), ..Metrics::default() }
}
