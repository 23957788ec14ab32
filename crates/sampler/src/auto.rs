//! The sampler for those who do not want to choose one.

use tunefork_space::Space;
use tunefork_trial::TrialNumber;

use crate::standing::Standing;
use crate::{Ask, GaussianProcess, GaussianProcessOptions, Proposal, Sampler, SamplerKind, Tpe, TpeOptions};

/// From so many complete and pruned trials on the Gaussian process is left, whose proposals take more and more time (`compare time`).
const MOST_FOR_THE_PROCESS: usize = 300;

/// A Gaussian process while trials are few, and TPE from 300 complete and pruned ones on.
///
/// After 100 trials the process was better than TPE on 12 of 18 functions and worse on none at p < 0.01 (`benches/RESULTS.md` of the
/// repository).
#[derive(Debug)]
pub struct Auto {
    process: GaussianProcess,
    tpe: Tpe,
}

impl Default for Auto {
    /// The defaults of both.
    fn default() -> Self {
        const BOUNDS: &str = "defaults lie in their bounds";
        Self {
            process: GaussianProcess::new(GaussianProcessOptions::default()).expect(BOUNDS),
            tpe: Tpe::new(TpeOptions::default()).expect(BOUNDS),
        }
    }
}

impl Auto {
    /// What proposes in a study of so many trials and why, in words.
    ///
    /// ```
    /// use tunefork_sampler::Auto;
    ///
    /// assert_eq!(Auto::choice(40), "a Gaussian process, which learns most from few trials");
    /// assert!(Auto::choice(1000).contains("300 trials are known, then TPE"));
    /// ```
    pub fn choice(trials: u64) -> String {
        match trials as usize {
            ..=MOST_FOR_THE_PROCESS => "a Gaussian process, which learns most from few trials".to_owned(),
            _ => format!(
                "a Gaussian process until {MOST_FOR_THE_PROCESS} trials are known, then TPE, whose proposals take less time"
            ),
        }
    }

    /// Who answers, by the history alone.
    fn chosen(&mut self, ask: &Ask<'_>) -> &mut dyn Sampler {
        let known = |trial: &TrialNumber| Standing::of(ask.history, *trial).is_known();
        match ask.history.numbers().filter(known).count() {
            0..MOST_FOR_THE_PROCESS => &mut self.process,
            _ => &mut self.tpe,
        }
    }
}

impl Sampler for Auto {
    fn name(&self) -> &'static str {
        SamplerKind::Auto.name()
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        self.chosen(ask).propose(ask)
    }

    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        self.chosen(ask).propose_one(ask, parameter)
    }

    fn trials(&self, _space: &Space) -> Option<u64> {
        None
    }
}
