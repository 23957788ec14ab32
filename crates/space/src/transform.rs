//! The range in which a domain is sampled, and the way there and back.

use crate::Domain;

impl Domain {
    /// The transformed range in which a numeric domain is sampled: natural logarithms on a log
    /// domain, and half a step more at both ends of a grid, so that the end values get the same
    /// share as the others. `None` for choices.
    ///
    /// ```
    /// # use tunefork_space::Domain;
    /// assert_eq!(Domain::int(1, 8)?.bounds(), Some((0.5, 8.5)));
    /// # Ok::<(), tunefork_space::DomainError>(())
    /// ```
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let (low, high, half_step) = match *self {
            Self::Float { low, high, step, .. } => (low, high, step.unwrap_or(0.0) / 2.0),
            Self::Int { low, high, step, .. } => (low as f64, high as f64, step as f64 / 2.0),
            Self::Categorical { .. } => return None,
        };
        Some((self.transform(low - half_step), self.transform(high + half_step)))
    }

    /// From an internal value to the transformed range: the natural logarithm on a log domain, else
    /// the value itself.
    pub fn transform(&self, internal: f64) -> f64 {
        match self {
            Self::Float { log: true, .. } | Self::Int { log: true, .. } => libm::log(internal),
            Self::Float { .. } | Self::Int { .. } | Self::Categorical { .. } => internal,
        }
    }

    /// From the transformed range back to the nearest internal value in the domain. On a continuous
    /// domain `high` itself is never returned unless it is the only value.
    pub fn untransform(&self, transformed: f64) -> f64 {
        match *self {
            Self::Float { low, high, log, step: None } => {
                let value = if log { libm::exp(transformed) } else { transformed };
                let last = if low == high { high } else { high.next_down() };
                value.max(low).min(last)
            }
            Self::Float { low, step: Some(step), .. } => {
                self.nth(((transformed - low) / step + 0.5).floor().max(0.0) as u64)
            }
            Self::Int { low, step, log, .. } => {
                let value = if log { libm::exp(transformed) } else { transformed };
                self.nth(((value - low as f64) / step as f64 + 0.5).floor().max(0.0) as u64)
            }
            Self::Categorical { ref choices } => (transformed + 0.5).floor().max(0.0).min((choices.len() - 1) as f64),
        }
    }
}
