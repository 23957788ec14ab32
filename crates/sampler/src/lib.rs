//! Where to look next.
//!
//! A [`Sampler`] answers one question: which parameters should the next trial have, given the
//! [`History`](tunefork_trial::History) so far? Its answer is a pure function of the [`Ask`]: same
//! history, same key, same proposal, on every machine.
//!
//! * [`Random`] draws independently and, in a finite space, nothing twice.
//! * [`Grid`] takes every point of a finite space once.
//! * [`QuasiRandom`] fills the space more evenly than random draws: Sobol's or Halton's sequence, scrambled.
//! * [`Tpe`] learns: the tree-structured Parzen estimator by the rules of Optuna 5, or of HyperOpt.
//! * [`CmaEs`] adapts a normal distribution: CMA-ES with a margin for integers, choices and restarts.
//! * [`GaussianProcess`] learns more from few trials, and takes longer for each.
//! * [`Auto`] is a Gaussian process while trials are few, and TPE then.
//!
//! ```
//! use tunefork_rng::Key;
//! use tunefork_sampler::{Ask, Proposal, Region, Sampler, Tpe, TpeOptions};
//! use tunefork_space::{Domain, Parameter, Space};
//! use tunefork_trial::{Direction, History, TrialNumber, TrialState};
//!
//! let space = Space::new(vec![Parameter::new("x", Domain::uniform(-5.0, 5.0)?)])?;
//! let mut history = History::new(space, Direction::Minimize);
//! let mut sampler = Tpe::new(TpeOptions::default())?;
//! for number in 0..60 {
//!     let trial = TrialNumber(number);
//!     let ask = Ask { history: &history, number: trial, proposed: number, key: Key::study(0), region: Region::WHOLE };
//!     let Proposal::Point(point) = sampler.propose(&ask) else { break };
//!     let loss = (point.get(0) - 2.0).powi(2);
//!     history.start(trial, point)?;
//!     history.finish(trial, TrialState::Complete, Some(loss))?;
//! }
//! let best = history.best().and_then(|best| history.value(best));
//! assert!(best.is_some_and(|loss| loss < 0.1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod ask;
mod auto;
mod cma;
mod error;
mod gaussian_process;
mod grid;
mod points;
mod quasi;
mod random;
mod standing;
mod tpe;
mod walk;

tunefork_names::named_enum! {
    /// The samplers of this crate.
    pub enum SamplerKind: "sampler" {
        /// [`Auto`]: a Gaussian process while trials are few, then TPE.
        Auto = "auto",
        /// [`Tpe`], which learns from the trials before.
        Tpe = "tpe",
        /// [`Tpe`] by the rules of HyperOpt, each parameter by itself.
        Hyperopt = "hyperopt",
        /// [`GaussianProcess`], which learns more from few trials.
        Gp = "gp",
        /// [`CmaEs`], which adapts a normal distribution.
        CmaEs = "cma-es",
        /// [`QuasiRandom`] by Sobol's sequence.
        Sobol = "sobol",
        /// [`QuasiRandom`] by Halton's sequence.
        Halton = "halton",
        /// [`Random`], which draws each trial by itself.
        Random = "random",
        /// [`Grid`], which tries every point once.
        Grid = "grid",
    }
}

impl SamplerKind {
    /// Whether a point may be proposed more than once though the space has others.
    pub const fn may_repeat(self) -> bool {
        match self {
            Self::Auto | Self::Tpe | Self::Hyperopt | Self::Gp | Self::CmaEs | Self::Sobol | Self::Halton => true,
            Self::Random | Self::Grid => false,
        }
    }
}

pub use ask::{Ask, Proposal, Region, Sampler};
pub use auto::Auto;
pub use cma::{CmaEs, CmaEsOptions};
pub use error::SamplerError;
pub use gaussian_process::{GaussianProcess, GaussianProcessOptions};
pub use grid::Grid;
pub use quasi::{QuasiRandom, Sequence};
pub use random::Random;
pub use tpe::{HyperoptOptions, Tpe, TpeOptions};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
