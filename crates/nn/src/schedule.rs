//! The learning rate over a run, as a factor of the rate that was set.

use serde::{Deserialize, Serialize};

use crate::NetworkError;

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
#[non_exhaustive]
pub enum Curve {
    /// The rate stays as it is.
    Constant,
    /// Half a cosine from the full rate towards `end` times the rate (Loshchilov and Hutter,
    /// arXiv 1608.03983, without restarts; PyTorch's `CosineAnnealingLR` with `T_max` = all steps).
    Cosine {
        /// Factor in [0, 1] that would be reached one step after the last.
        end: f64,
    },
}

impl Default for Schedule {
    /// Constant, without warm-up.
    fn default() -> Self {
        Self {
            curve: Curve::Constant,
            warmup_epochs: 0.0,
        }
    }
}

impl Schedule {
    /// Checks the warm-up and the curve's end against their bounds.
    ///
    /// # Errors
    /// [`NetworkError::OutOfRange`] with the first that is outside.
    pub fn check(&self) -> Result<(), NetworkError> {
        let setting = |what, value, allowed: &str, ok| match ok {
            true => Ok(()),
            false => Err(NetworkError::OutOfRange {
                layer: "schedule".into(),
                what,
                value,
                allowed: allowed.into(),
            }),
        };
        let warmup = self.warmup_epochs;
        let allowed = "a finite number from 0";
        setting(
            "warmup_epochs",
            warmup,
            allowed,
            warmup >= 0.0 && warmup.is_finite(),
        )?;
        match self.curve {
            Curve::Constant => Ok(()),
            Curve::Cosine { end } => setting("end", end, "from 0 to 1", (0.0..=1.0).contains(&end)),
        }
    }

    /// Factor for `step`, counted from 0 over the whole run of `epochs` epochs with `steps_per_epoch`
    /// steps each. Steps past the end get the last value.
    pub fn factor(&self, step: u64, steps_per_epoch: u64, epochs: u32) -> f64 {
        let total = steps_per_epoch as f64 * f64::from(epochs);
        let warmup = (self.warmup_epochs.max(0.0) * steps_per_epoch as f64)
            .floor()
            .min(total);
        let step = step as f64;
        if step < warmup {
            return (step + 1.0) / warmup;
        }
        match self.curve {
            Curve::Constant => 1.0,
            Curve::Cosine { end } => {
                let progress = ((step - warmup) / (total - warmup).max(1.0)).min(1.0);
                end + (1.0 - end) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_is_one_after_the_warm_up() {
        assert!((0..50).all(|step| Schedule::default().factor(step, 10, 5) == 1.0));
        let warm = Schedule {
            warmup_epochs: 0.5,
            ..Schedule::default()
        };
        let factors: Vec<f64> = (0..7).map(|step| warm.factor(step, 10, 5)).collect();
        assert_eq!(factors, [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0]);
    }

    /// torch.optim.lr_scheduler.CosineAnnealingLR(SGD(lr=1.0), T_max=8, eta_min=0.1), stepped 8 times.
    #[test]
    fn cosine_follows_pytorch() {
        let schedule = Schedule {
            curve: Curve::Cosine { end: 0.1 },
            warmup_epochs: 0.0,
        };
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
            assert!(
                (factor - expected).abs() < 1e-12,
                "step {step}: {factor} instead of {expected}"
            );
        }
        assert_eq!(schedule.factor(100, 4, 2), schedule.factor(8, 4, 2));
    }

    #[test]
    fn numbers_outside_their_bounds_are_named() {
        let message = |curve, warmup_epochs| {
            Schedule {
                curve,
                warmup_epochs,
            }
            .check()
            .unwrap_err()
            .to_string()
        };
        assert_eq!(
            message(Curve::Constant, -1.0),
            "schedule: warmup_epochs is -1, must be a finite number from 0"
        );
        assert_eq!(
            message(Curve::Cosine { end: 1.5 }, 0.0),
            "schedule: end is 1.5, must be from 0 to 1"
        );
        assert_eq!(Schedule::default().check(), Ok(()));
    }

    #[test]
    fn a_warm_up_longer_than_the_run_only_rises() {
        let schedule = Schedule {
            curve: Curve::Cosine { end: 0.0 },
            warmup_epochs: 9.0,
        };
        let factors: Vec<f64> = (0..8).map(|step| schedule.factor(step, 4, 2)).collect();
        assert!(
            factors.windows(2).all(|pair| pair[0] < pair[1]),
            "{factors:?}"
        );
        assert_eq!(factors[7], 1.0);
    }
}
