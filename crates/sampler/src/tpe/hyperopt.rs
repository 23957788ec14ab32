//! The same estimator by the rules of HyperOpt.

use super::{Rules, Tpe, TpeOptions};
use crate::SamplerError;

/// When [`Tpe::hyperopt`] begins to learn, and how it proposes then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HyperoptOptions {
    /// Proposals are random until so many trials are known, failed ones among them.
    pub startup_trials: u32,
    /// How many candidates are drawn for each parameter of a proposal; 1 or more.
    pub candidates: u32,
    /// Whether running trials count as failed ones, as they do in HyperOpt, which keeps trials that run at the same time
    /// apart. Otherwise they are ignored.
    pub constant_liar: bool,
}

impl Default for HyperoptOptions {
    /// HyperOpt 0.3's defaults: 20 start-up trials, 24 candidates, live trials count as failed.
    fn default() -> Self {
        Self { startup_trials: 20, candidates: 24, constant_liar: true }
    }
}

impl Tpe {
    /// The tree-structured Parzen estimator by the rules of HyperOpt 0.3.
    ///
    /// Every parameter is proposed by itself, from the trials in which it was present. Of n trials, the best ¼√n rounded up are good, at
    /// most 25. Failed trials count as complete ones with the worst value of all, and pruned ones as in [`Tpe::new`], HyperOpt having none.
    ///
    /// Ranges of integers and those with a step reach half a step beyond their ends, as everywhere here; so does HyperOpt's `quniform`
    /// if it is told to.
    ///
    /// # Errors
    /// No candidates.
    pub fn hyperopt(options: HyperoptOptions) -> Result<Self, SamplerError> {
        let HyperoptOptions { startup_trials, candidates, constant_liar } = options;
        Self::with(TpeOptions { startup_trials, candidates, multivariate: false, constant_liar }, Rules::Hyperopt)
    }
}
