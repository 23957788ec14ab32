//! What a sampler refuses.

/// Why a sampler cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// An option outside its range.
    #[error("{option} is {value}, but must be {allowed}")]
    Option {
        /// Which field of the options, such as `candidates`.
        option: &'static str,
        /// What it was set to.
        value: f64,
        /// The range in words, such as `1 or more`.
        allowed: &'static str,
    },
    /// A grid over a parameter with infinitely many values.
    #[error("parameter `{parameter}` has infinitely many values; a grid needs choices, integers or a step")]
    Continuous {
        /// Name of the parameter without choices or a step.
        parameter: String,
    },
    /// A grid with more points than can be counted.
    #[error("the grid has too many points to be counted; use larger steps or fewer choices")]
    TooManyPoints,
}
