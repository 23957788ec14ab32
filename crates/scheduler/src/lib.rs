//! When to stop a trial that is not promising, and when to set it aside.
//!
//! A [`Scheduler`] is asked right after a trial's report was added to the [`History`]: go on, pause or stop? One that pauses
//! trials is also asked who of them goes on, whenever there is room for a trial. It answers as a pure function of that
//! history. Whoever asks twice gets the same answer twice, and a study that was killed and resumed decides as it did before.
//!
//! * [`NoScheduler`] lets every trial run to its end.
//! * [`Percentile`] stops what is worse than most complete trials were at the same step; the median
//!   rule is the percentile 50.
//! * [`SuccessiveHalving`] lets one in η trials past each rung: ASHA in its stopping form.
//! * [`Hyperband`] and [`SyncHyperband`] play several forms of successive halving side by side, or one after the other.
//! * [`Threshold`] stops what is out of bounds, [`Patience`] what no longer gets better, [`Wilcoxon`] what a test over folds takes
//!   for worse than the best.
//! * [`Promotion`] pauses every trial at each rung and lets the best 1/η go on: ASHA as it was published.
//!
//! ```
//! use tunefork_scheduler::{Decision, Scheduler, SuccessiveHalving, SuccessiveHalvingOptions};
//! use tunefork_space::{Point, Space};
//! use tunefork_trial::{Direction, History, Report, TrialNumber};
//!
//! let options = SuccessiveHalvingOptions { min_resource: 1, factor: 3, ..Default::default() };
//! let mut scheduler = SuccessiveHalving::new(options)?;
//! assert_eq!(scheduler.rungs(10), [1, 3, 9]);
//!
//! let mut history = History::new(Space::default(), Direction::Maximize);
//! for (number, accuracy) in [0.81, 0.64].into_iter().enumerate() {
//!     let trial = TrialNumber(number as u32);
//!     history.start(trial, Point::default())?;
//!     history.report(trial, Report { step: 1, value: accuracy })?;
//! }
//! assert_eq!(scheduler.decide(&history, TrialNumber(0)), Decision::Continue);
//! assert_eq!(scheduler.decide(&history, TrialNumber(1)), Decision::Stop);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod brackets;
pub mod conformance;
mod error;
mod hyperband;
mod interval;
mod patience;
mod percentile;
mod promotion;
mod rungs;
mod successive_halving;
mod sync_hyperband;
mod threshold;
mod wilcoxon;

use tunefork_trial::{History, TrialNumber};

pub use brackets::HyperbandOptions;
pub use error::OptionError;
pub use hyperband::Hyperband;
pub use patience::{Patience, PatienceOptions};
pub use percentile::{Percentile, PercentileOptions};
pub use promotion::Promotion;
pub use successive_halving::{SuccessiveHalving, SuccessiveHalvingOptions};
pub use sync_hyperband::SyncHyperband;
pub use threshold::{Threshold, ThresholdOptions};
pub use wilcoxon::{Wilcoxon, WilcoxonOptions};

tunefork_names::named_enum! {
    /// The schedulers of this crate, by the names under which people know them.
    pub enum SchedulerKind: "scheduler" {
        /// [`NoScheduler`]: no trial is stopped.
        None = "none",
        /// [`Percentile`] at 50: the worse half is stopped.
        Median = "median",
        /// [`Percentile`] at a percentage that is given.
        Percentile = "percentile",
        /// [`SuccessiveHalving`], asynchronous, which stops trials.
        Asha = "asha",
        /// [`Promotion`]: the same with trials that are paused, and go on when they are among the best.
        AshaPromotion = "asha-promotion",
        /// [`Hyperband`]: successive halving in several forms at once, which stops trials.
        Hyperband = "hyperband",
        /// [`SyncHyperband`]: brackets whose rungs wait for all of their trials.
        SyncHyperband = "sync-hyperband",
        /// [`Threshold`]: bounds that values must keep within.
        Threshold = "threshold",
        /// [`Patience`]: no trial goes on that has stopped getting better.
        Patience = "patience",
        /// [`Wilcoxon`]: a test against the best trial, over folds one after the other.
        Wilcoxon = "wilcoxon",
    }
}

/// What happens to a trial after a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It trains on until its next report.
    Continue,
    /// It is set aside, and another may take its place; it goes on when [`Scheduler::resume`] names it, from where it was.
    Pause,
    /// It ends here, as pruned.
    Stop,
}

/// Room for one more trial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeSlot {
    /// Whether a new trial takes it where no paused one does. Else it stays free until something was reported.
    pub new_trials: bool,
}

/// Decides after each report whether a trial goes on.
///
/// Implementations may keep caches but no state: the decision is a function of the history alone.
pub trait Scheduler: Send {
    /// The name used in study files and reports.
    fn name(&self) -> &'static str;

    /// Called right after a report of `trial` was added to `history`; the report decided on is the
    /// trial's last one. Without any report the trial goes on.
    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision;

    /// The paused trial that goes on in a free slot; `None` leaves it to a new trial. A paused trial that is not named once
    /// nothing runs and no new trials come ends as pruned.
    fn resume(&mut self, history: &History, slot: FreeSlot) -> Option<TrialNumber> {
        let _ = (history, slot);
        None
    }

    /// The steps below `max_steps` at which a trial that reports after every step may be stopped or paused. (At the last
    /// step that saves nothing, and it is not listed.)
    fn rungs(&self, max_steps: u32) -> Vec<u32>;

    /// Those of them that are worth it: a last one that would save a single step is left out where there are others, since
    /// a trial that has come so far may be the best, and one that was stopped never is.
    ///
    /// ```
    /// use tunefork_scheduler::{Scheduler, SuccessiveHalving, SuccessiveHalvingOptions};
    ///
    /// let scheduler = SuccessiveHalving::new(SuccessiveHalvingOptions { factor: 3, ..Default::default() })?;
    /// assert_eq!((scheduler.rungs(10), scheduler.used_rungs(10)), (vec![1, 3, 9], vec![1, 3]));
    /// assert_eq!(scheduler.used_rungs(11), [1, 3, 9]);
    /// assert_eq!(scheduler.used_rungs(2), [1], "the only one stays");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn used_rungs(&self, max_steps: u32) -> Vec<u32> {
        let mut rungs = self.rungs(max_steps);
        if rungs.len() > 1 && rungs.last().is_some_and(|rung| rung + 1 == max_steps) {
            rungs.pop();
        }
        rungs
    }

    /// Whether it may ever stop or pause a trial. If not, all decisions on trials stay what they are when more are tried.
    fn stops(&self) -> bool {
        true
    }

    /// Whether it may ever pause one.
    fn pauses(&self) -> bool {
        false
    }
}

/// Lets every trial run to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoScheduler;

impl Scheduler for NoScheduler {
    fn name(&self) -> &'static str {
        SchedulerKind::None.name()
    }

    fn decide(&mut self, _history: &History, _trial: TrialNumber) -> Decision {
        Decision::Continue
    }

    fn rungs(&self, _max_steps: u32) -> Vec<u32> {
        Vec::new()
    }

    fn stops(&self) -> bool {
        false
    }
}

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
