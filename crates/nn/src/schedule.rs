//! The learning rate over a run, as a factor of the rate that was set.

use serde::{Deserialize, Serialize};

use crate::NetworkError;

tunefork_names::named_enum! {
    /// The schedules by name.
    pub enum ScheduleKind: "schedule" {
        /// The rate stays as it is.
        Constant = "constant",
        /// [`Curve::Cosine`].
        Cosine = "cosine",
        /// [`Curve::Step`].
        Step = "step",
        /// [`Curve::OneCycle`].
        OneCycle = "one_cycle",
        /// The rate drops when the value stands still: a curve that only the epoch loop knows.
        Plateau = "plateau",
    }
}

/// How the learning rate changes over the steps of a run.
///
/// The factor rises in a straight line over the warm-up and then follows the curve. It is a pure
/// function of the step, so there is no state to store.
///
/// ```
/// use tunefork_nn::{Curve, Schedule};
///
/// let schedule = Schedule { curve: Curve::Cosine { end: 0.0 }, warmup_epochs: 1.0 };
/// let factor = |step| schedule.factor(step, 100, 10); // 100 steps an epoch, 10 epochs
/// assert_eq!(factor(0), 0.01); // first step of the warm-up
/// assert_eq!(factor(100), 1.0); // top of the curve
/// assert!((factor(550) - 0.5).abs() < 1e-12); // half way down
/// assert!(factor(999) < 1e-5);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// What happens after the warm-up.
    pub curve: Curve,
    /// Length of the warm-up in epochs, not negative; parts of an epoch are allowed.
    pub warmup_epochs: f64,
}

/// The course of the learning rate after the warm-up.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// The rate stays as it is.
    Constant,
    /// Half a cosine from the full rate towards `end` times the rate (Loshchilov and Hutter,
    /// arXiv 1608.03983, without restarts; PyTorch's `CosineAnnealingLR` with `T_max` = all steps).
    Cosine {
        /// Factor in [0, 1] that would be reached one step after the last.
        end: f64,
    },
    /// Multiplied by `factor` after every `every` epochs, counted from the first epoch of the run
    /// (PyTorch's `StepLR`).
    Step {
        /// Epochs between two drops, above 0; parts of an epoch are allowed.
        every: f64,
        /// Factor of a drop, in (0, 1].
        factor: f64,
    },
    /// Half a cosine up from `start` to the full rate, then half a cosine down to `end` (Smith and
    /// Topin, arXiv 1708.07120; PyTorch's `OneCycleLR` with its momentum left alone).
    OneCycle {
        /// Share of the steps over which the rate rises, in (0, 1).
        rise: f64,
        /// Factor in [0, 1] of the first step.
        start: f64,
        /// Factor in [0, 1] of the last step.
        end: f64,
    },
}

impl Curve {
    /// One cycle that rises over this share of the steps, otherwise with PyTorch's numbers: from 1/25 of
    /// the rate, and down to 1/10,000 of that.
    pub const fn one_cycle(rise: f64) -> Self {
        Self::OneCycle { rise, start: 1.0 / 25.0, end: 1.0 / 25e4 }
    }

    fn check(self) -> Result<(), NetworkError> {
        let unit = |what, value: f64| setting(what, value, "from 0 to 1", (0.0..=1.0).contains(&value));
        match self {
            Self::Constant => Ok(()),
            Self::Cosine { end } => unit("end", end),
            Self::Step { every, factor } => {
                let finite = every > 0.0 && every.is_finite();
                setting("every", every, "a finite number of epochs above 0", finite)?;
                setting("factor", factor, "above 0 and at most 1", factor > 0.0 && factor <= 1.0)
            }
            Self::OneCycle { rise, start, end } => {
                setting("rise", rise, "above 0 and below 1", rise > 0.0 && rise < 1.0)?;
                unit("start", start)?;
                unit("end", end)
            }
        }
    }

    /// The factor when `step` of `total` steps are done, the first `warmup` of them warm-up.
    fn factor(self, step: f64, warmup: f64, total: f64, steps_per_epoch: f64) -> f64 {
        // From `from` to `to` as `progress` goes from 0 to 1.
        let cosine = |from: f64, to: f64, progress: f64| {
            let progress = progress.min(1.0);
            to + (from - to) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress))
        };
        match self {
            Self::Constant => 1.0,
            Self::Cosine { end } => cosine(1.0, end, (step - warmup) / (total - warmup).max(1.0)),
            Self::Step { every, factor } => {
                // A whole number of steps: half an epoch and half an epoch are one.
                let every = (every * steps_per_epoch).round().max(1.0);
                libm::pow(factor, (step / every).floor())
            }
            Self::OneCycle { rise, start, end } => {
                let top = (rise * (total - warmup) - 1.0).max(0.0);
                let last = (total - warmup - 1.0).max(1.0);
                let step = step - warmup;
                match step < top {
                    true => cosine(start, 1.0, step / top),
                    false => cosine(1.0, end, (step - top) / (last - top).max(1.0)),
                }
            }
        }
    }
}

fn setting(what: &'static str, value: f64, allowed: &str, ok: bool) -> Result<(), NetworkError> {
    match ok {
        true => Ok(()),
        false => Err(NetworkError::OutOfRange { layer: "schedule".into(), what, value, allowed: allowed.into() }),
    }
}

impl Default for Schedule {
    /// Constant, without warm-up.
    fn default() -> Self {
        Self { curve: Curve::Constant, warmup_epochs: 0.0 }
    }
}

impl Schedule {
    /// Checks the warm-up and the curve's numbers against their bounds.
    ///
    /// # Errors
    /// [`NetworkError::OutOfRange`] with the first that is outside.
    pub fn check(&self) -> Result<(), NetworkError> {
        let warmup = self.warmup_epochs;
        let allowed = "a finite number from 0";
        setting("warmup_epochs", warmup, allowed, warmup >= 0.0 && warmup.is_finite())?;
        self.curve.check()
    }

    /// Factor for `step`, counted from 0 over the whole run of `epochs` epochs with `steps_per_epoch`
    /// steps each. Steps past the end get the last value.
    pub fn factor(&self, step: u64, steps_per_epoch: u64, epochs: u32) -> f64 {
        let total = steps_per_epoch as f64 * f64::from(epochs);
        let warmup = (self.warmup_epochs.max(0.0) * steps_per_epoch as f64).floor().min(total);
        let step = step as f64;
        if step < warmup {
            return (step + 1.0) / warmup;
        }
        self.curve.factor(step, warmup, total, steps_per_epoch as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_is_one_after_the_warm_up() {
        assert!((0..50).all(|step| Schedule::default().factor(step, 10, 5) == 1.0));
        let warm = Schedule { warmup_epochs: 0.5, ..Schedule::default() };
        let factors: Vec<f64> = (0..7).map(|step| warm.factor(step, 10, 5)).collect();
        assert_eq!(factors, [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0]);
    }

    /// torch.optim.lr_scheduler.CosineAnnealingLR(SGD(lr=1.0), T_max=8, eta_min=0.1), stepped 8 times.
    #[test]
    fn cosine_follows_pytorch() {
        let schedule = Schedule { curve: Curve::Cosine { end: 0.1 }, warmup_epochs: 0.0 };
        let torch = [
            1.0,
            0.9657457896300791,
            0.8681980515339464,
            0.7222075445642904,
            0.55,
            0.3777924554357097,
            0.23180194846605363,
            0.13425421036992104,
            0.1,
        ];
        for (step, expected) in torch.into_iter().enumerate() {
            let factor = schedule.factor(step as u64, 4, 2);
            assert!((factor - expected).abs() < 1e-12, "step {step}: {factor} instead of {expected}");
        }
        assert_eq!(schedule.factor(100, 4, 2), schedule.factor(8, 4, 2));
    }

    /// torch.optim.lr_scheduler.OneCycleLR(SGD(lr=1.0), max_lr=1.0, total_steps=10).
    #[test]
    fn one_cycle_follows_pytorch() {
        let schedule = Schedule { curve: Curve::one_cycle(0.3), warmup_epochs: 0.0 };
        let torch = [
            0.040000000000000036,
            0.52,
            1.0,
            0.9504846320134737,
            0.8117456539497631,
            0.6112620219362893,
            0.38874197806371075,
            0.18825834605023697,
            0.049519367986526286,
            4e-06,
        ];
        for (step, expected) in torch.into_iter().enumerate() {
            let factor = schedule.factor(step as u64, 5, 2);
            assert!((factor - expected).abs() < 1e-12, "step {step}: {factor} instead of {expected}");
        }
        assert_eq!(schedule.factor(100, 5, 2), schedule.factor(9, 5, 2));
    }

    #[test]
    fn steps_drop_after_whole_numbers_of_epochs() {
        let curve = |every| Curve::Step { every, factor: 0.5 };
        let factors = |every| {
            let schedule = Schedule { curve: curve(every), warmup_epochs: 0.0 };
            (0..6).map(move |step| schedule.factor(step, 2, 3))
        };
        // torch.optim.lr_scheduler.StepLR(SGD(lr=1.0), step_size=1, gamma=0.5), stepped once an epoch.
        assert!(factors(1.0).eq([1.0, 1.0, 0.5, 0.5, 0.25, 0.25]));
        assert!(factors(0.5).eq([1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]));
        assert!(factors(9.0).eq([1.0; 6]));
    }

    #[test]
    fn every_curve_starts_where_its_warm_up_ends() {
        let curves = [Curve::Constant, Curve::Cosine { end: 0.0 }, Curve::Step { every: 3.0, factor: 0.1 }];
        for curve in curves {
            let schedule = Schedule { curve, warmup_epochs: 1.0 };
            assert_eq!(schedule.factor(10, 10, 5), 1.0, "{curve:?}");
        }
    }

    /// Curves that fall over the run fall over what the warm-up leaves of it.
    #[test]
    fn after_the_warm_up_a_curve_runs_over_the_steps_that_are_left() {
        for curve in [Curve::Cosine { end: 0.2 }, Curve::OneCycle { rise: 0.4, start: 0.1, end: 0.05 }] {
            let cold = Schedule { curve, warmup_epochs: 0.0 };
            let warm = Schedule { curve, warmup_epochs: 1.5 };
            // Of forty steps fifteen are warm-up.
            for step in 0..=25 {
                assert_eq!(warm.factor(step + 15, 10, 4), cold.factor(step, 5, 5), "{curve:?}, step {step}");
            }
        }
    }

    #[test]
    fn bounds_are_where_they_are_said_to_be() {
        let holds = |curve, warmup_epochs| Schedule { curve, warmup_epochs }.check().is_ok();
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (warmup, expected) in [(0.0, true), (2.5, true), (-0.1, false), (inf, false), (nan, false)] {
            assert_eq!(holds(Curve::Constant, warmup), expected, "warmup_epochs {warmup}");
        }
        for (every, expected) in [(0.5, true), (0.0, false), (-1.0, false), (inf, false), (nan, false)] {
            assert_eq!(holds(Curve::Step { every, factor: 0.5 }, 0.0), expected, "every {every}");
        }
        for (factor, expected) in [(0.5, true), (1.0, true), (1.1, false), (0.0, false), (-0.5, false), (nan, false)] {
            assert_eq!(holds(Curve::Step { every: 1.0, factor }, 0.0), expected, "factor {factor}");
        }
        for (rise, expected) in [(0.3, true), (0.0, false), (1.0, false), (1.5, false), (-0.3, false), (nan, false)] {
            assert_eq!(holds(Curve::one_cycle(rise), 0.0), expected, "rise {rise}");
        }
        for (end, expected) in [(0.0, true), (1.0, true), (-0.1, false), (1.1, false), (nan, false)] {
            assert_eq!(holds(Curve::Cosine { end }, 0.0), expected, "end {end}");
            assert_eq!(holds(Curve::OneCycle { rise: 0.3, start: end, end: 0.0 }, 0.0), expected, "start {end}");
            assert_eq!(holds(Curve::OneCycle { rise: 0.3, start: 0.0, end }, 0.0), expected, "end {end}");
        }
    }

    #[test]
    fn numbers_outside_their_bounds_are_named() {
        let message = |curve, warmup_epochs| Schedule { curve, warmup_epochs }.check().unwrap_err().to_string();
        assert_eq!(message(Curve::Constant, -1.0), "schedule: warmup_epochs is -1, must be a finite number from 0");
        assert_eq!(message(Curve::Cosine { end: 1.5 }, 0.0), "schedule: end is 1.5, must be from 0 to 1");
        assert_eq!(
            message(Curve::Step { every: 0.0, factor: 0.1 }, 0.0),
            "schedule: every is 0, must be a finite number of epochs above 0"
        );
        assert_eq!(
            message(Curve::OneCycle { rise: 1.0, start: 0.1, end: 0.0 }, 0.0),
            "schedule: rise is 1, must be above 0 and below 1"
        );
        assert_eq!(Schedule::default().check(), Ok(()));
    }

    #[test]
    fn a_warm_up_longer_than_the_run_only_rises() {
        let schedule = Schedule { curve: Curve::Cosine { end: 0.0 }, warmup_epochs: 9.0 };
        let factors: Vec<f64> = (0..8).map(|step| schedule.factor(step, 4, 2)).collect();
        assert!(factors.windows(2).all(|pair| pair[0] < pair[1]), "{factors:?}");
        assert_eq!(factors[7], 1.0);
    }
}
